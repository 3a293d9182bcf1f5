"""Traces and metrics by the OpenTelemetry API (extra `otel`), off unless asked for.

    from ta_cluster_async import telemetry

    telemetry.instrument()

Spans: `ta <endpoint>` for each call with its retries as events, `ta.refresh` for each refresh, `ta.batch` for each batch. A refresh that is
attached to by the ticket of another process links to the span that started it. No span or metric has a URL, a name or the token; metrics have no
ids of clusters. While this is on, OpenTelemetry's own instrumentation of aiohttp makes no second span for these requests.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry import context, metrics, trace
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .client import observing
from .errors import TaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .protocol.endpoints import Endpoint

_NAME = "ta_cluster_async"
_PROPAGATOR = TraceContextTextMapPropagator()
_SUCCEEDED = "succeeded"
# Outcomes that are nobody's failure.
_QUIET = frozenset({_SUCCEEDED, "skipped", "cancelled", "left"})


def instrument(
    *,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
) -> None:
    """Trace and measure all sessions of this process from now on. A second call replaces the providers.

    Args:
        tracer_provider: The global one when None.
        meter_provider: The global one when None.
    """
    observing.observer = _Observer(
        trace.get_tracer(_NAME, tracer_provider=tracer_provider),
        metrics.get_meter(_NAME, meter_provider=meter_provider),
    )


def uninstrument() -> None:
    """Observe nothing more. What has begun is still observed to its end."""
    observing.observer = None


class _Observer:
    def __init__(self, tracer: trace.Tracer, meter: metrics.Meter) -> None:
        self._tracer = tracer
        self._calls = meter.create_counter("ta.calls", "{call}", "Calls, by endpoint and outcome")
        self._retries = meter.create_counter(
            "ta.call.failed_attempts", "{attempt}", "Failed attempts of calls, by endpoint and error"
        )
        self._call_seconds = meter.create_histogram(
            "ta.call.duration", "s", "Seconds of a call with its retries"
        )
        self._calls_in_flight = meter.create_up_down_counter(
            "ta.calls.in_flight", "{call}", "Calls under way"
        )
        self.refreshes: metrics.Counter = meter.create_counter(
            "ta.refreshes", "{refresh}", "Outcomes of refreshes, by status"
        )
        self.refresh_seconds: metrics.Histogram = meter.create_histogram(
            "ta.refresh.duration", "s", "Seconds from the start of a refresh to its outcome, by status"
        )
        self.refreshes_in_flight: metrics.UpDownCounter = meter.create_up_down_counter(
            "ta.refreshes.in_flight", "{refresh}", "Refreshes that are watched"
        )
        self.batches: metrics.Counter = meter.create_counter("ta.batches", "{batch}", "Batches, by outcome")

    @contextmanager
    def call(self, endpoint: Endpoint, base_url: str) -> Iterator[None]:
        labels = {"ta.endpoint": endpoint.name}
        outcome = "ok"
        began = time.perf_counter()
        self._calls_in_flight.add(1, labels)
        span = self._tracer.start_span(
            f"ta {endpoint.name}",
            kind=SpanKind.CLIENT,
            attributes={**labels, "http.request.method": endpoint.method, **_server(base_url)},
        )
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield
        except BaseException as problem:
            outcome = type(problem).__name__
            span.set_attributes(_error(problem))
            span.set_status(_failed(problem))
            raise
        finally:
            span.end()
            self._calls_in_flight.add(-1, labels)
            result = {**labels, "ta.outcome": outcome}
            self._calls.add(1, result)
            self._call_seconds.record(time.perf_counter() - began, result)

    def attempt_failed(self, endpoint: Endpoint, error: TaError) -> None:
        trace.get_current_span().add_event("ta.attempt_failed", {**_error(error), "ta.message": str(error)})
        self._retries.add(1, {"ta.endpoint": endpoint.name, "error.type": type(error).__name__})

    def hide(self) -> Callable[[], None]:
        tokens = [context.attach(context.set_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY, True))]  # noqa: FBT003

        def show() -> None:
            while tokens:
                context.detach(tokens.pop())

        return show

    def refresh(
        self, base_url: str, project_id: int, *, cluster_id: int | None = None, traceparent: str | None = None
    ) -> _Refresh:
        attributes = {"ta.project_id": project_id, **_server(base_url)}
        if cluster_id is not None:
            attributes["ta.cluster_id"] = cluster_id
        span = self._tracer.start_span("ta.refresh", attributes=attributes, links=_links(traceparent))
        return _Refresh(self, span)

    def unstarted(self, status: str) -> None:
        self.refreshes.add(1, {"ta.status": status})

    def batch(self, base_url: str, project_id: int, run_id: str) -> _Batch:
        attributes = {"ta.project_id": project_id, "ta.run_id": run_id, **_server(base_url)}
        return _Batch(self, self._tracer.start_span("ta.batch", attributes=attributes))


class _Refresh:
    def __init__(self, observer: _Observer, span: trace.Span) -> None:
        self._observer = observer
        self._span = span
        self._began = time.perf_counter()
        # A handle that nobody holds any more may be collected on any thread.
        self._once = Lock()
        observer.refreshes_in_flight.add(1)

    @contextmanager
    def current(self) -> Iterator[None]:
        with trace.use_span(self._span, record_exception=False, set_status_on_exception=False):
            yield

    def traceparent(self, cluster_id: int) -> str | None:
        self._span.set_attribute("ta.cluster_id", cluster_id)
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, trace.set_span_in_context(self._span))
        return carrier.get("traceparent")

    def ended(self, status: str, problem: str = "") -> None:
        if not self._once.acquire(blocking=False):
            return
        labels = {"ta.status": status}
        self._span.set_attributes(labels)
        if status not in _QUIET:
            self._span.set_status(Status(StatusCode.ERROR, problem))
        self._span.end()
        self._observer.refreshes_in_flight.add(-1)
        self._observer.refreshes.add(1, labels)
        self._observer.refresh_seconds.record(time.perf_counter() - self._began, labels)


class _Batch:
    def __init__(self, observer: _Observer, span: trace.Span) -> None:
        self._observer = observer
        self._span = span

    @contextmanager
    def current(self) -> Iterator[None]:
        with trace.use_span(self._span, record_exception=False, set_status_on_exception=False):
            yield

    def ended(self, counts: Mapping[str, int], requests: int, failure: BaseException | None) -> None:
        numbers = {f"ta.{status}": count for status, count in counts.items() if count}
        self._span.set_attributes({**numbers, "ta.requests": requests})
        outcome = "ok"
        if failure is not None:
            outcome = "failed"
            self._span.set_attributes(_error(failure))
            self._span.set_status(_failed(failure))
        elif any(status not in _QUIET for status, count in counts.items() if count):
            outcome = "with_failures"
            self._span.set_status(Status(StatusCode.ERROR, "not all refreshes succeeded"))
        elif counts.get("cancelled"):
            outcome = "cancelled"
        self._span.end()
        self._observer.batches.add(1, {"ta.outcome": outcome})


def _server(base_url: str) -> dict[str, str | int]:
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"server.address": parts.hostname or "", "server.port": port}


def _error(problem: BaseException) -> dict[str, str | int]:
    """Return what an error is. The texts of others' exceptions may hold anything, and stay out."""
    found: dict[str, str | int] = {"error.type": type(problem).__name__}
    if isinstance(problem, TaError):
        found["ta.code"] = problem.code
    return found


def _failed(problem: BaseException) -> Status:
    # The text of a TaError is masked.
    return Status(StatusCode.ERROR, str(problem) if isinstance(problem, TaError) else type(problem).__name__)


def _links(traceparent: str | None) -> list[Link]:
    if traceparent is None:
        return []
    found = trace.get_current_span(_PROPAGATOR.extract({"traceparent": traceparent}, context.Context()))
    span = found.get_span_context()
    return [Link(span)] if span.is_valid else []

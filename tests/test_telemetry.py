"""Telemetry: which spans and metrics there are, what belongs to what, and what is in none of them."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ta_cluster_async import (
    Finished,
    NotFound,
    PollPolicy,
    RefreshBatch,
    RefreshFailed,
    RefreshTicket,
    TaSession,
    refresh_all,
    telemetry,
)
from ta_cluster_async.emulator import TOKEN as MATRIX_TOKEN
from ta_cluster_async.emulator import Emulator, Fault, JobPlan, Settings, run
from tests.faults.fault_cases import FAULTS
from tests.faults.leaks import leaks
from tests.faults.operations import OPERATIONS, prepare
from tests.faults.test_fault_matrix import run_operation
from tests.faults.token_echoes import ECHOES, TOKEN, TOKEN_ENDS


class Exported:
    """What an exporter was given."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader])

    def spans(self, name: str = "") -> list[Any]:
        return [span for span in self._spans.get_finished_spans() if span.name.startswith(name)]

    def points(self) -> dict[str, dict[tuple[Any, ...], Any]]:
        """The value of each metric by its labels; of a histogram, the count."""
        found: dict[str, dict[tuple[Any, ...], Any]] = {}
        data = self._reader.get_metrics_data()
        for metric in [] if data is None else data.resource_metrics[0].scope_metrics[0].metrics:
            for point in metric.data.data_points:
                labels = tuple(value for _, value in sorted(dict(point.attributes or {}).items()))
                value = point.count if hasattr(point, "count") else point.value
                found.setdefault(metric.name, {})[labels] = value
        return found

    def text(self) -> str:
        data = self._reader.get_metrics_data()
        return "\n".join([*(span.to_json() for span in self.spans()), "" if data is None else data.to_json()])


@pytest.fixture
def exported() -> Any:
    found = Exported()
    telemetry.instrument(tracer_provider=found.tracers, meter_provider=found.meters)
    yield found
    telemetry.uninstrument()


def ids_of(span: Any) -> tuple[int, int]:
    return span.context.trace_id, span.context.span_id


def test_a_call_is_a_span_and_is_counted(exported):
    async def main():
        async with Emulator(settings=Settings(evaluate=False)) as em, TaSession(em.url, em.token) as ta:
            clusters = ta.project(em.project_id).clusters
            cluster_id = em.seed_clusters(1)[0]
            em.faults.add(Fault.status(503), path="user-cluster-refresh-progress", nth=1)
            await clusters.progress(cluster_id)
            with pytest.raises(NotFound):
                await clusters.detail("nobody")
            return ta.base_url

    run(main())
    retried, failed = exported.spans()
    assert (retried.name, failed.name) == (
        "ta progress",
        "ta detail_by_name",
    ) or retried.name == "ta progress"
    assert [event.attributes["error.type"] for event in retried.events] == ["HttpStatusError"]
    assert retried.status.is_unset
    assert retried.attributes["server.address"] == "127.0.0.1"
    assert not failed.status.is_ok
    assert failed.attributes["error.type"] == "NotFound"
    points = exported.points()
    assert points["ta.calls"] == {("progress", "ok"): 1, (failed.attributes["ta.endpoint"], "NotFound"): 1}
    assert points["ta.call.duration"] == points["ta.calls"]
    assert points["ta.call.failed_attempts"][("HttpStatusError", "progress")] == 1
    assert set(points["ta.calls.in_flight"].values()) == {0}


@pytest.mark.slow
def test_a_batch_of_500_is_one_span_with_500_refreshes_below_it_and_calls_below_these(exported):
    async def main():
        async with Emulator(settings=Settings(evaluate=False)) as em, TaSession(em.url, em.token) as ta:
            ids = em.seed_clusters(500)
            for number, cluster_id in enumerate(ids):
                em.plan(cluster_id, JobPlan(seconds=5.0 + number % 7, fails=number % 100 == 0))
            poll = PollPolicy(first=5.0, longest=10.0)  # few rounds of polls
            refs: list[int | str] = [*ids, "nobody"]
            report = await refresh_all(ta.project(em.project_id), refs, max_running=100, poll=poll)
            return ids, report

    ids, report = run(main())
    (batch,) = exported.spans("ta.batch")
    refreshes = exported.spans("ta.refresh")
    calls = exported.spans("ta ")
    assert sorted(span.attributes["ta.cluster_id"] for span in refreshes) == sorted(ids)
    assert {span.parent.span_id for span in refreshes} == {batch.context.span_id}
    assert Counter(span.attributes["ta.status"] for span in refreshes) == {"succeeded": 495, "failed": 5}
    assert all(span.status.is_ok is False for span in refreshes if span.attributes["ta.status"] == "failed")
    # Each POST belongs to its own refresh, and none of the polls to a wrong one.
    by_id = {span.context.span_id: span for span in [batch, *refreshes]}
    posts = Counter(span.parent.span_id for span in calls if span.name == "ta refresh")
    assert posts == {span.context.span_id: 1 for span in refreshes}
    assert all(span.parent.span_id in by_id for span in calls)
    assert len(calls) == report.requests
    assert {span.context.trace_id for span in exported.spans()} == {batch.context.trace_id}
    assert batch.attributes["ta.succeeded"] == 495
    points = exported.points()
    assert points["ta.refreshes"] == {("succeeded",): 495, ("failed",): 5, ("rejected",): 1}
    assert points["ta.refreshes.in_flight"] == {(): 0}
    assert points["ta.batches"] == {("with_failures",): 1}
    assert not [one for point in points.values() for labels in point for one in labels if one in ids]


def test_a_batch_that_is_cancelled_or_fails_ends_all_its_spans(exported):
    async def main():
        async with Emulator(settings=Settings(evaluate=False)) as em, TaSession(em.url, em.token) as ta:
            ids = em.seed_clusters(6)
            project = ta.project(em.project_id)
            async with RefreshBatch(project, ids, max_running=3) as batch:
                await asyncio.sleep(1)
                batch.cancel()

            def refuse(event):
                raise LookupError("private text")

            with pytest.raises(LookupError):
                await refresh_all(project, ids[3:], on_event=refuse, before_start=lambda _: None)

            async def broken():
                yield ids[5]
                raise LookupError("private text")

            with pytest.raises(LookupError):
                await refresh_all(project, broken())

    run(main())
    points = exported.points()
    assert points["ta.refreshes.in_flight"] == {(): 0}
    assert points["ta.batches"][("failed",)] == 1
    assert sum(points["ta.batches"].values()) == 3
    assert "private text" not in exported.text()


def test_a_succeeding_batch_is_ok_and_nothing_is_observed_after_uninstrument(exported):
    async def main():
        async with Emulator(settings=Settings(evaluate=False)) as em, TaSession(em.url, em.token) as ta:
            ids = em.seed_clusters(2)
            await refresh_all(ta.project(em.project_id), ids)
            telemetry.uninstrument()
            await refresh_all(ta.project(em.project_id), ids)
            await ta.project(em.project_id).clusters.refresh(ids[0])

    run(main())
    assert len(exported.spans("ta.batch")) == 1
    assert exported.points()["ta.batches"] == {("ok",): 1}


def test_a_ticket_links_what_another_process_sees_to_what_started_it(exported):
    async def main():
        async with Emulator(settings=Settings(evaluate=False)) as em, TaSession(em.url, em.token) as ta:
            clusters = ta.project(em.project_id).clusters
            first, second = em.seed_clusters(2)
            em.plan(second, JobPlan(seconds=5, fails=True))
            handle = await clusters.refresh(first)
            text = handle.ticket.to_json()
            del handle
            gc.collect()
            attached = clusters.attach(RefreshTicket.from_json(text))
            await attached
            bare = json.loads(text)
            del bare["traceparent"]
            await clusters.attach(RefreshTicket.from_json(json.dumps(bare)))
            await clusters.attach(RefreshTicket.from_json(json.dumps({**bare, "traceparent": "rubbish"})))
            with pytest.raises(RefreshFailed):
                await (await clusters.refresh(second))
            with pytest.raises(NotFound):
                await clusters.refresh("nobody")

    run(main())
    started, attached, bare, rubbish, failed, refused = exported.spans("ta.refresh")
    assert started.attributes["ta.status"] == "left"
    assert attached.attributes["ta.status"] == "succeeded"
    assert [(link.context.trace_id, link.context.span_id) for link in attached.links] == [ids_of(started)]
    assert list(bare.links) == list(rubbish.links) == []
    assert failed.attributes["ta.status"] == refused.attributes["ta.status"] == "failed"
    posts = exported.spans("ta refresh")
    assert [post.parent.span_id for post in posts] == [started.context.span_id, failed.context.span_id]


def test_a_batch_that_goes_on_with_a_journal_links_to_the_spans_of_the_one_before(exported, tmp_path):
    async def main():
        async with Emulator(settings=Settings(evaluate=False)) as em, TaSession(em.url, em.token) as ta:
            ids = em.seed_clusters(3)
            project = ta.project(em.project_id)
            for cluster_id in ids[1:]:
                em.plan(cluster_id, JobPlan(seconds=600.0))
            async with RefreshBatch(project, ids, journal=tmp_path / "runs.db") as batch:
                async for event in batch:
                    if isinstance(event, Finished):
                        break
                batch.cancel()
            await refresh_all(project, ids, journal=tmp_path / "runs.db")

    run(main())
    ended, *first = exported.spans("ta.refresh")[:3]
    later = exported.spans("ta.refresh")[3:]
    assert ended.attributes["ta.status"] == "succeeded"
    links = {(link.context.trace_id, link.context.span_id) for span in later for link in span.links}
    assert links == {ids_of(span) for span in first}
    # What the first batch has finished is counted once.
    assert exported.points()["ta.refreshes"] == {("succeeded",): 3, ("cancelled",): 2}


def test_a_ticket_without_telemetry_is_the_text_that_it_was():
    async def main():
        async with Emulator(settings=Settings(evaluate=False)) as em, TaSession(em.url, em.token) as ta:
            return (await ta.project(em.project_id).clusters.refresh(em.seed_clusters(1)[0])).ticket

    ticket = run(main())
    assert ticket.traceparent is None
    assert "traceparent" not in ticket.to_json()


def test_the_stock_instrumentation_makes_no_second_span_but_sees_the_source_of_an_upload(exported):
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(tracer_provider=exported.tracers)
    try:

        async def main():
            async with Emulator(settings=Settings(evaluate=False)) as em, TaSession(em.url, em.token) as ta:
                clusters = ta.project(em.project_id).clusters
                cluster_id = em.seed_clusters(1)[0]
                em.faults.add(Fault.reset(before=True), path="user-cluster-refresh-progress", nth=1)
                await clusters.progress(cluster_id)

                async def rows():
                    import aiohttp  # noqa: PLC0415 - of the user's own

                    async with aiohttp.ClientSession() as session, session.get(em.url):
                        yield "u1"

                await clusters.upload(rows(), display_name="d", main_column="#account_id")
                mine = [span.name for span in exported.spans()]
                telemetry.uninstrument()
                await clusters.progress(cluster_id)
                return mine

        mine = run(main())
    finally:
        instrumentor.uninstrument()
    assert Counter(mine) == {"ta progress": 1, "GET": 1, "ta upload": 1}
    (source,) = exported.spans("GET")[:1]
    assert source.attributes["http.url"].rstrip("/").count("/") == 2
    assert len(exported.spans("GET")) == 2  # without telemetry, it sees the call


def test_the_context_of_the_caller_is_what_it_was(exported):
    async def main():
        async with Emulator(settings=Settings(evaluate=False)) as em, TaSession(em.url, em.token) as ta:
            project = ta.project(em.project_id)
            ids = em.seed_clusters(2)
            with exported.tracers.get_tracer("test").start_as_current_span("mine") as mine:
                handle = await project.clusters.refresh(ids[0])
                async for _ in handle.progress():
                    assert trace.get_current_span() is mine
                async with RefreshBatch(project, ids) as batch:
                    async for _ in batch:
                        assert trace.get_current_span() is mine
                assert trace.get_current_span() is mine
            return ids_of(mine)

    mine = run(main())
    assert {span.parent.span_id for span in exported.spans("ta.") if span.name != "ta.refresh"} == {mine[1]}
    assert {span.context.trace_id for span in exported.spans()} == {mine[0]}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_brings_the_token_into_what_is_exported(fault, exported):
    kinds: set[str] = set()
    for operation in OPERATIONS:
        if operation.kind not in kinds:
            kinds.add(operation.kind)
            run(run_operation(operation, FAULTS[fault]()))
    assert exported.spans("ta ")
    assert leaks(MATRIX_TOKEN, exported=exported.text()) == []
    assert "token=" not in exported.text()


@pytest.mark.parametrize("echo", ECHOES)
def test_no_echo_brings_the_token_into_what_is_exported(echo, exported):
    async def main(operation):
        async with (
            Emulator(settings=Settings(evaluate=False), token=TOKEN) as em,
            TaSession(em.url, TOKEN) as ta,
        ):
            em.seed_clusters(1)
            await prepare(em, operation)
            em.faults.add(ECHOES[echo], nth=operation.before + 1, count=None)
            try:
                await operation.act(ta)
            except Exception:  # noqa: BLE001 - what is exported counts
                return True
        return False

    failed = [run(main(operation)) for operation in OPERATIONS]
    assert any(failed)
    assert leaks(TOKEN, *TOKEN_ENDS, exported=exported.text()) == []


def test_nothing_of_opentelemetry_is_loaded_unless_telemetry_is():
    code = (
        "import sys, ta_cluster_async as t; t.TaSession, t.refresh_all, t.Refresh; "
        "print('opentelemetry' in sys.modules); t.telemetry.instrument(); print('opentelemetry' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]

"""`python instrumented.py AGENT`: calls of all sorts under an instrumentation of every aiohttp session; prints what it recorded.

The token comes from the standard input (Sentry records arguments). In a process of its own, because an instrumentation patches aiohttp for good.
"""

# ruff: noqa: PLC0415  (each instrumentation is imported, and patches, before what it patches)

import asyncio
import json
import os
import sys
from typing import Any

ANSWERS = {
    b"/ok": b'HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{"return_code":0,"data":7}',
    b"/refused": b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno",
    b"/ssh": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    b"/closed": b"",
}


def opentelemetry() -> Any:
    """Instrument as with the stock package, all hooks included."""
    from opentelemetry import trace
    from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    def after(span: Any, params: Any) -> None:
        response, error = getattr(params, "response", None), getattr(params, "exception", None)
        span.set_attribute("response", f"{response!r} {getattr(response, 'request_info', '')!r}")
        span.set_attribute("error", f"{error!r} {getattr(error, 'request_info', '')!r}")

    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    AioHttpClientInstrumentor().instrument(response_hook=after)
    return lambda: [span.to_json() for span in spans.get_finished_spans()]


def sentry() -> Any:
    """Instrument with everything that the SDK can be asked to send."""
    import sentry_sdk
    from sentry_sdk.transport import Transport

    sent: list[str] = []

    class Noting(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            for item in envelope.items:
                payload = item.payload
                sent.append(json.dumps(payload.json, default=str) if payload.json else repr(payload.bytes))

    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        transport=Noting(),
        traces_sample_rate=1.0,
        send_default_pii=True,
        include_local_variables=True,
    )
    transaction = sentry_sdk.start_transaction(op="test", name="test")
    transaction.__enter__()

    def recorded() -> Any:
        transaction.__exit__(None, None, None)
        sentry_sdk.flush(2)
        return sent

    return recorded


def ddtrace() -> Any:
    """Instrument with the query strings of URLs as tags."""
    os.environ["DD_INSTRUMENTATION_TELEMETRY_ENABLED"] = "false"
    os.environ["DD_REMOTE_CONFIGURATION_ENABLED"] = "false"
    os.environ["DD_TRACE_HTTP_CLIENT_TAG_QUERY_STRING"] = "true"
    os.environ["DD_TRACE_STARTUP_LOGS"] = "false"
    import ddtrace as package
    from ddtrace.trace import TraceFilter, tracer

    spans: list[str] = []

    class Noting(TraceFilter):
        def process_trace(self, trace: Any) -> None:
            spans.extend(f"{span.name} {span.resource} {span.get_tags()}" for span in trace)

    tracer.configure(trace_processors=[Noting()])
    package.patch(aiohttp=True, asyncio=True)

    def recorded() -> Any:
        tracer.flush()
        return spans

    return recorded


AGENTS = {"opentelemetry": opentelemetry, "sentry": sentry, "ddtrace": ddtrace}


async def calls(token: str) -> None:
    from ta_cluster_async import RetryPolicy, TaSession

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"csv" in head:
            await reader.readuntil(b"0\r\n\r\n")
        path = head.split(b" ")[1]
        writer.write(next(said for start, said in ANSWERS.items() if path.startswith(start)))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for base in (*(f"http://127.0.0.1:{port}{path.decode()}" for path in ANSWERS), "http://127.0.0.1:9"):
        async with TaSession(base, token, retry=RetryPolicy(attempts=1), timeout=5, upload_buffer=0) as ta:
            clusters = ta.project(102).clusters
            await noted(clusters.progress(970))
            await noted(clusters.delete("whales"))
            await noted(clusters.upload(rows(), display_name="d", main_column="#account_id"))
    server.close()


async def rows() -> Any:
    yield "u1"


async def noted(call: Any) -> None:
    from ta_cluster_async import TaError

    try:
        await call
    except TaError as problem:
        if "sentry_sdk" in sys.modules:
            sys.modules["sentry_sdk"].capture_exception(problem)


if __name__ == "__main__":
    recorded = AGENTS[sys.argv[1]]()
    asyncio.run(calls(sys.stdin.read()))
    print(json.dumps(recorded()))  # noqa: T201

"""The token never shows: every failure kind times every surface.

Each failure happens once for each token, in a loop in debug mode that logs every callback, with all loggers at DEBUG. What each surface
showed is then looked through for the token in every spelling that an escape may give it.
"""

import asyncio
import gc
import html
import json
import logging
import pickle
import socket
import ssl
import traceback
import warnings
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import aiohttp
import pytest
import trustme
from attrs import define, field

from ta_cluster_async import transport as transport_module
from ta_cluster_async.errors import (
    ApiError,
    HttpStatusError,
    NotFound,
    NotJson,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    SchemaError,
    TaError,
    TokenRejected,
)
from ta_cluster_async.protocol.endpoints import PROGRESS, UPDATE, UPLOAD
from ta_cluster_async.protocol.requests import Request
from ta_cluster_async.protocol.retry import RetryPolicy
from ta_cluster_async.session import TaSession

AWKWARD = "a#b+c%d&e f中\"<'\\"
MARKED = "Kx7Kx7#b+c%d&e f中\"<'\\Qz9Qz9"
TOKENS = {"awkward": AWKWARD, "marked": MARKED}

READ = Request(PROGRESS, "projectId=102&clusterId=970")
CHANGE = Request(UPDATE, "clusterId=970", b'{"projectId":102}')


def spellings(token: Any) -> Any:
    """How the token may look wherever it leaked to; for the marked one its ends are enough."""
    if token == MARKED:
        return ["kx7kx7", "qz9qz9"]
    forms = {
        token,
        quote(token),
        quote(token, safe=""),
        quote_plus(token),
        quote(quote(token, safe=""), safe=""),
        html.escape(token),
        repr(token)[1:-1],
        ascii(token)[1:-1],
        json.dumps(token)[1:-1],
        repr(token.encode())[2:-1],
        token.encode().decode("latin-1"),
        quote(token, safe="")[:12],
    }
    return [form.lower() for form in forms]


# What the server does


def said_of(head: Any) -> Any:
    """The token as the server reads it out of a request."""
    return dict(parse_qsl(urlsplit(head.split(b" ", 2)[1].decode()).query))["token"]


def http(body: Any, status: Any = "200 OK", headers: Any = ()) -> Any:
    lines = [f"HTTP/1.1 {status}", *headers]
    if not any(header.lower().startswith(("content-length", "transfer-encoding")) for header in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def writes(data: Any) -> Any:
    """Answers with bytes, or with what a function makes of the token."""

    async def answer(reader: Any, writer: Any, server: Any) -> None:
        writer.write(data(said_of(server.heads[-1])) if callable(data) else data)
        await writer.drain()

    return answer


async def resets(reader: Any, writer: Any, server: Any) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


async def stalls(reader: Any, writer: Any, server: Any) -> None:
    await asyncio.Event().wait()


async def trickles(reader: Any, writer: Any, server: Any) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.001)


def envelope(code: Any, message: Any, **more: Any) -> Any:
    return json.dumps({"return_code": code, "return_message": message} | more, ensure_ascii=False).encode()


def refuse(data: Any) -> None:
    raise SchemaError("no good.", path="data")


ANSWERS = {
    "reset": (resets, OutcomeUnknown, "lost"),
    "closed without an answer": (writes(b""), OutcomeUnknown, "lost"),
    "half a head": (writes(b"HTTP/1.1 200 OK\r\nContent-Le"), OutcomeUnknown, "lost"),
    "half a body": (writes(http(b"{", headers=["Content-Length: 100"])), OutcomeUnknown, "truncated"),
    "half a chunked body": (
        writes(http(b'5\r\n{"re', headers=["Transfer-Encoding: chunked"])),
        OutcomeUnknown,
        "truncated",
    ),
    "a stall": (stalls, OutcomeUnknown, "timeout"),
    "a trickle": (trickles, OutcomeUnknown, "timeout"),
    "no http": (writes(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), OutcomeUnknown, "lost"),
    "a bad header": (writes(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"), OutcomeUnknown, "lost"),
    "too long a header": (
        writes(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
        OutcomeUnknown,
        "lost",
    ),
    "a bad gzip body": (
        writes(http(b"xxxx", headers=["Content-Encoding: gzip"])),
        OutcomeUnknown,
        "truncated",
    ),
    "html": (writes(http(b"<html><title>TA</title></html>")), NotJson, None),
    "html that echoes": (
        writes(lambda t: http(f"<html><title>{t}</title>{t}</html>".encode())),
        NotJson,
        None,
    ),
    "text that echoes": (
        writes(lambda t: http(f"bad token={quote(t)}".encode(), "400 Bad")),
        HttpStatusError,
        None,
    ),
    "json that echoes": (
        writes(lambda t: http(json.dumps({"path": t}).encode(), "404 No")),
        HttpStatusError,
        None,
    ),
    "gateway": (writes(http(b"<html>504</html>", "504 Gateway Time-out")), HttpStatusError, None),
    "truncated json": (writes(http(b'{"return_code":0,"data')), NotJson, None),
    "not utf-8": (writes(http(b'{"return_code":0,"data":"\xff\xfe"}')), NotJson, None),
    "empty": (writes(http(b"")), NotJson, None),
    "a redirect that echoes": (
        writes(lambda t: http(b"", "302 Found", [f"Location: https://example.com/?token={quote(t)}"])),
        HttpStatusError,
        None,
    ),
    "too large": (writes(http(b" " * 5000)), NotJson, None),
    "unauthorized": (writes(lambda t: http(t.encode(), "401 Unauthorized")), TokenRejected, None),
    "a rejected token": (writes(lambda t: http(envelope(-1001, f"token {t} invalid"))), TokenRejected, None),
    "a rejected token, escaped": (
        writes(lambda t: http(json.dumps({"return_code": -1001, "return_message": t}).encode())),
        TokenRejected,
        None,
    ),
    "a stack that echoes": (
        writes(lambda t: http(envelope(-9, quote(t), stackMessage=f"at {t}"))),
        ApiError,
        None,
    ),
    "too frequent": (writes(lambda t: http(envelope(-1005, t))), RateLimited, None),
    "not found": (writes(lambda t: http(envelope(-1, f"{t} 不存在"))), NotFound, None),
    "return_code as text": (writes(http(b'{"return_code":"0"}')), SchemaError, None),
    "no return_code": (writes(lambda t: http(json.dumps({t: t}).encode())), SchemaError, None),
    "a wrong shape": (writes(http(envelope(0, "ok"))), SchemaError, None),
}


class Rows:
    """A streamed body that breaks in the middle, or not."""

    length = None
    can_start = True

    def __init__(self, failure: Any) -> None:
        self.failure = failure

    async def chunks(self) -> Any:
        yield b"1\r\n"
        await asyncio.sleep(0.001)
        if self.failure is not None:
            raise self.failure
        yield b"2\r\n"


# How the calls fail


@define(eq=False)
class Seen:
    """What could be seen from outside during one failure."""

    token: str = field(repr=False)
    error: BaseException | None = None
    requests: int = 0
    during: list[str] = field(factory=list, repr=False)
    traces: list[str] = field(factory=list, repr=False)
    logs: list[str] = field(factory=list, repr=False)
    warned: list[str] = field(factory=list, repr=False)

    def session(self, url: Any, **settings: Any) -> Any:
        settings = {"timeout": 2.0, "retry": RetryPolicy(attempts=1), **settings}
        return TaSession(url, self.token, **settings)

    def look(self) -> None:
        """Note the names and reprs of all tasks, and the locals of our frames in them."""
        for task in asyncio.all_tasks():
            self.during += [task.get_name(), repr(task)]
            coroutine: Any = task.get_coro()
            while coroutine is not None:
                frame = getattr(coroutine, "cr_frame", None)
                if frame is not None and frame.f_globals["__name__"].startswith("ta_cluster_async"):
                    self.during.append(repr(frame.f_locals))
                coroutine = getattr(coroutine, "cr_await", None)


async def fails_by_answer(seen: Any, serve: Any, answer: Any) -> None:
    async def looked(reader: Any, writer: Any, server: Any) -> Any:
        seen.look()
        return await answer(reader, writer, server)

    async with serve(looked) as server, _borrowed(seen) as borrowed:
        timeout = 0.05 if answer in (stalls, trickles) else 2.0
        async with seen.session(server.url, client_session=borrowed, timeout=timeout) as ta:
            try:
                await ta.call(READ, refuse)
            finally:
                seen.requests = len(server.heads)


async def fails_by_retries(seen: Any, serve: Any) -> None:
    retry = RetryPolicy(attempts=3, base=0.001)
    async with serve(writes(b"")) as server, seen.session(server.url, retry=retry) as ta:
        await ta.call(CHANGE, refuse)


async def fails_by_refusal(seen: Any, serve: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    async with seen.session(f"http://127.0.0.1:{port}") as ta:
        await ta.call(READ, refuse)


async def fails_by_dns(seen: Any, serve: Any) -> None:
    async with seen.session("http://nowhere.invalid:8992") as ta:
        await ta.call(READ, refuse)


async def fails_by_unknown_ca(seen: Any, serve: Any) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _authority().issue_cert("127.0.0.1").configure_cert(context)
    async with serve(writes(http(b"{}")), ssl=context) as server, seen.session(server.url) as ta:
        await ta.call(READ, refuse)


async def fails_by_plain_text_behind_https(seen: Any, serve: Any) -> None:
    async def answer(reader: Any, writer: Any) -> None:
        await reader.read(1)
        writer.write(http(b"plain HTTP was sent to", "400 Bad Request"))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with seen.session(f"https://127.0.0.1:{port}") as ta:
            await ta.call(READ, refuse)


async def fails_by_a_full_backlog(seen: Any, serve: Any) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        with socket.create_connection(address):
            async with seen.session(f"http://127.0.0.1:{address[1]}", timeout=0.05) as ta:
                await ta.call(READ, refuse)


async def fails_by_cancellation(seen: Any, serve: Any) -> None:
    async with serve(stalls) as server, seen.session(server.url) as ta:
        task = asyncio.create_task(ta.call(READ, refuse))
        await server.arrivals(1)
        seen.look()
        task.cancel()
        await task


async def fails_by_the_callers_timeout(seen: Any, serve: Any) -> None:
    async with serve(trickles) as server, seen.session(server.url) as ta:
        async with asyncio.timeout(0.02):
            await ta.call(READ, refuse)


async def fails_by_closing(seen: Any, serve: Any) -> None:
    async with serve(stalls) as server, seen.session(server.url) as ta:
        task = asyncio.create_task(ta.call(READ, refuse))
        await server.arrivals(1)
        await ta.aclose()
        await task


async def fails_by_a_closed_pool(seen: Any, serve: Any) -> None:
    async with _borrowed(seen) as borrowed, seen.session("http://127.0.0.1:1", client_session=borrowed) as ta:
        await borrowed.close()
        await ta.call(READ, refuse)


async def fails_by_no_place(seen: Any, serve: Any) -> None:
    async with serve(stalls) as server, seen.session(server.url, max_connections=1) as ta:
        task = asyncio.create_task(ta.call(READ, refuse))
        try:
            await asyncio.sleep(0.01)
            await ta.call(READ, refuse, timeout=0.01)
        finally:
            task.cancel()
            await asyncio.wait([task])


async def fails_by_a_lost_upload(seen: Any, serve: Any) -> None:
    async with serve(resets) as server, seen.session(server.url) as ta:
        await ta.call(Request(UPLOAD, "projectId=1", upload=Rows(None)), refuse)


async def fails_by_its_source(seen: Any, serve: Any) -> None:
    async with serve(stalls) as server, seen.session(server.url) as ta:
        await ta.call(Request(UPLOAD, "projectId=1", upload=Rows(ZeroDivisionError("mine"))), refuse)


async def fails_by_its_provider(seen: Any, serve: Any) -> None:
    async def provide() -> str:
        raise RuntimeError(seen.token)

    async with TaSession("http://127.0.0.1:1", provide) as ta:
        await ta.call(READ, refuse)


async def fails_by_a_rejection_of_its_providers_token(seen: Any, serve: Any) -> None:
    async def provide() -> Any:
        return seen.token

    async with (
        serve(writes(lambda t: http(envelope(-1001, t)))) as server,
        TaSession(server.url, provide) as ta,
    ):
        await ta.call(READ, refuse)


SITUATIONS = {
    "refused": (fails_by_refusal, NotSent, "refused"),
    "dns": (fails_by_dns, NotSent, "dns"),
    "an unknown CA": (fails_by_unknown_ca, NotSent, "tls"),
    "no TLS behind https": (fails_by_plain_text_behind_https, NotSent, "tls"),
    "a full backlog": (fails_by_a_full_backlog, NotSent, "connect"),
    "retries": (fails_by_retries, OutcomeUnknown, "lost"),
    "cancellation": (fails_by_cancellation, asyncio.CancelledError, None),
    "the caller's timeout": (fails_by_the_callers_timeout, TimeoutError, None),
    "closing": (fails_by_closing, OutcomeUnknown, "closed"),
    "a closed pool": (fails_by_a_closed_pool, NotSent, "closed"),
    "no place": (fails_by_no_place, NotSent, "no-connection"),
    "a lost upload": (fails_by_a_lost_upload, OutcomeUnknown, "lost"),
    "a source that breaks": (fails_by_its_source, ZeroDivisionError, None),
    "a provider that breaks": (fails_by_its_provider, NotSent, "token"),
    "a rejected provider": (fails_by_a_rejection_of_its_providers_token, TokenRejected, None),
}
KINDS = [*ANSWERS, *SITUATIONS]


@cache
def _authority() -> Any:
    return trustme.CA()


@asynccontextmanager
async def _borrowed(seen: Any) -> Any:
    async def note(session: Any, context: Any, params: Any) -> None:
        seen.traces.append(f"{params!r} {vars(params) if hasattr(params, '__dict__') else ''}")

    trace = aiohttp.TraceConfig()
    for name in dir(trace):
        if name.startswith("on_"):
            getattr(trace, name).append(note)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        yield session


class _Listener(logging.Handler):
    def __init__(self, lines: Any) -> None:
        super().__init__(logging.DEBUG)
        self.lines = lines

    def emit(self, record: Any) -> None:
        self.lines.append(f"{logging.Formatter().format(record)} {record.__dict__!r}")


@pytest.fixture(scope="module")
def observe() -> Any:
    """`observe(kind, token, raw_server)`: let it fail, once for all tests, and return what was seen."""
    done = {}

    def run(kind: Any, name: Any, serve: Any) -> Any:
        if (kind, name) not in done:
            done[kind, name] = _fail(kind, name, serve)
        return done[kind, name]

    return run


def _fail(kind: Any, name: Any, serve: Any) -> Any:
    seen = Seen(TOKENS[name])
    root = logging.getLogger()
    listener, level, limit = _Listener(seen.logs), root.level, transport_module.MAX_ANSWER
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    if kind == "too large":
        transport_module.MAX_ANSWER = 1000

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = 0
        loop.set_exception_handler(lambda _, context: seen.logs.append(repr(context)))
        failing = (
            SITUATIONS[kind][0](seen, serve)
            if kind in SITUATIONS
            else fails_by_answer(seen, serve, ANSWERS[kind][0])
        )
        await failing

    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                asyncio.run(main(), debug=True)
            except BaseException as problem:  # noqa: BLE001  (also a CancelledError)
                seen.error = problem
            gc.collect()
        seen.warned += [f"{w.category.__name__}: {w.message} {w.source!r}" for w in warned]
    finally:
        root.removeHandler(listener)
        root.setLevel(level)
        transport_module.MAX_ANSWER = limit
    return seen


def _chain(error: Any) -> Any:
    """The error and everything that hangs on it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _pickled(error: Any) -> Any:
    return pickle.dumps(error).decode("latin-1") if isinstance(error, TaError) else ""


SURFACES = {
    "str": lambda seen: str(seen.error),
    "repr": lambda seen: repr(seen.error),
    "attributes": lambda seen: repr([vars(error) for error in _chain(seen.error)]),
    "traceback": lambda seen: "".join(traceback.format_exception(seen.error)),
    "traceback with locals": lambda seen: "".join(
        traceback.TracebackException.from_exception(seen.error, capture_locals=True).format()
    ),
    "pickle": lambda seen: _pickled(seen.error),
    "logs": lambda seen: "\n".join(seen.logs),
    "traces of a borrowed session": lambda seen: "\n".join(seen.traces),
    "tasks and our frames while it runs": lambda seen: "\n".join(seen.during),
    "warnings": lambda seen: "\n".join(seen.warned),
}


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_token_is_nowhere(kind: Any, token: Any, surface: Any, observe: Any, raw_server: Any) -> None:
    shown = SURFACES[surface](observe(kind, token, raw_server)).lower()
    for spelling in spellings(TOKENS[token]):
        assert spelling not in shown


@pytest.mark.parametrize("kind", KINDS)
def test_each_failure_is_its_own_clear_error(kind: Any, observe: Any, raw_server: Any) -> None:
    row: Any = SITUATIONS.get(kind) or ANSWERS[kind]
    _, error, reason = row
    seen = observe(kind, "awkward", raw_server)
    assert type(seen.error) is error
    if reason is not None:
        assert seen.error.reason == reason
    if isinstance(seen.error, TaError):
        assert seen.error.endpoint in {"progress", "update", "upload"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_error_of_the_http_client_hangs_on_it(kind: Any, observe: Any, raw_server: Any) -> None:
    if SITUATIONS.get(kind, (None, None))[1] is TimeoutError:
        return  # that one is asyncio's, with a CancelledError below it
    seen = observe(kind, "awkward", raw_server)
    assert [type(error).__module__.partition(".")[0] for error in _chain(seen.error)] == [
        type(seen.error).__module__.partition(".")[0]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_no_frame_of_the_http_client_hangs_on_it(kind: Any, observe: Any, raw_server: Any) -> None:
    for error in _chain(observe(kind, "awkward", raw_server).error):
        for frame, _ in traceback.walk_tb(error.__traceback__):
            assert frame.f_globals["__name__"].partition(".")[0] not in {"aiohttp", "yarl"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_failure_leaves_a_warning(kind: Any, observe: Any, raw_server: Any) -> None:
    assert observe(kind, "awkward", raw_server).warned == []


@pytest.mark.parametrize("kind", ANSWERS)
def test_with_one_attempt_there_is_one_request(kind: Any, observe: Any, raw_server: Any) -> None:
    assert observe(kind, "awkward", raw_server).requests == 1


def test_the_logs_were_listened_to(observe: Any, raw_server: Any) -> None:
    logs = "\n".join(observe("reset", "awkward", raw_server).logs)
    assert "progress attempt 1: OutcomeUnknown" in logs
    assert "Executing <" in logs


def test_the_frames_were_looked_at(observe: Any, raw_server: Any) -> None:
    during = "\n".join(observe("reset", "awkward", raw_server).during)
    assert "TaSession(" in during
    assert "Secret('***')" in during


def test_the_check_would_see_a_leak() -> None:
    for token in TOKENS.values():
        for leak in (token, quote(token, safe=""), repr(token), json.dumps(token)):
            assert any(spelling in f"before {leak} after".lower() for spelling in spellings(token))


@pytest.mark.parametrize(
    "token", [AWKWARD, MARKED, "+", "%2B", "a b", "中文令牌", "=&=", "/?:@", "~-._", "🎮", "%", "x\u00a0x"]
)
@pytest.mark.parametrize("query", ["", "projectId=1&clusterName=%23x"])
def test_the_token_arrives_exact(token: Any, query: Any, raw_server: Any) -> None:
    async def main() -> Any:
        async with (
            raw_server(writes(http(envelope(0, "ok", data=1)))) as server,
            TaSession(server.url, token) as ta,
        ):
            await ta.call(Request(PROGRESS, query), lambda data: data)
            return server.heads[0]

    head = asyncio.run(main())
    target = head.split(b"\r\n")[0].split(b" ")[1].decode("ascii")
    pairs = parse_qsl(urlsplit(target).query, strict_parsing=True, keep_blank_values=True)
    assert pairs == [*parse_qsl(query), ("token", token)]
    assert quote(token, safe="").encode() not in head.partition(b"\r\n")[2]

"""Every way to fail that the token promise is tried on: what the server does, and what becomes of the call."""

import asyncio
import gzip
import json
import socket
import ssl
import traceback
from base64 import b64encode, urlsafe_b64encode
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import aiohttp
import trustme
from attrs import asdict, define, field

from ta_cluster_async.errors import (
    ApiError,
    HttpStatusError,
    MissingParameter,
    NotFound,
    NotJson,
    NotSent,
    RateLimited,
    SchemaError,
    TokenRejected,
)
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.answer_limits import AnswerLimits
from ta_cluster_async.protocol.endpoints import PROGRESS, UPDATE, UPLOAD
from ta_cluster_async.protocol.requests import Request
from ta_cluster_async.protocol.retry import RetryPolicy
from ta_cluster_async.session import TaSession

READ = Request(PROGRESS, "projectId=102&clusterId=970")
CHANGE = Request(UPDATE, "clusterId=970", b'{"projectId":102}')


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


async def halves_and_resets(reader: Any, writer: Any, server: Any) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"return_code":0')
    await writer.drain()
    await resets(reader, writer, server)


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
    "too large": (
        writes(http(gzip.compress(b" " * 70_000), headers=["Content-Encoding: gzip"])),
        NotJson,
        None,
    ),
    "unauthorized": (writes(lambda t: http(t.encode(), "401 Unauthorized")), HttpStatusError, None),
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
    "not found": (writes(lambda t: http(envelope(-1, f"clusterName {t} 不存在"))), NotFound, None),
    "return_code as text": (writes(http(b'{"return_code":"0"}')), SchemaError, None),
    "no return_code": (writes(lambda t: http(json.dumps({t: t}).encode())), SchemaError, None),
    "a wrong shape": (writes(http(envelope(0, "ok"))), SchemaError, None),
    "half a body and a reset": (halves_and_resets, OutcomeUnknown, None),
    "10 MB that echo": (
        writes(lambda t: http(envelope(-9, f"{t} {'x' * 10**7}"))),
        ApiError,
        None,
    ),
    "an echo without end": (writes(lambda t: http(envelope(-9, f"{t}, " * 5000))), ApiError, None),
    "a page of echoes": (
        writes(lambda t: http((" " * 16_380 + t * 99).encode(), "500 No")),
        HttpStatusError,
        None,
    ),
    "nested deeply, and an echo": (
        writes(lambda t: http(b'{"' + t.encode() + b'":' + b"[" * 10**5 + b"]" * 10**5 + b"}")),
        NotJson,
        None,
    ),
    "a key twice that echoes": (
        writes(lambda t: http(envelope(0, t)[:-1] + b"," + envelope(-9, t)[1:])),
        ApiError,
        None,
    ),
    "return_code that echoes": (writes(lambda t: http(envelope(t, t))), SchemaError, None),
    "an empty parameter that echoes": (
        writes(lambda t: http(envelope(-1008, f"参数({t})为空"))),
        MissingParameter,
        None,
    ),
    "500 with an envelope that echoes": (
        writes(lambda t: http(envelope(-9, t), "500 Internal Server Error")),
        ApiError,
        None,
    ),
    "a cookie that echoes": (
        writes(lambda t: http(envelope(-9, "no"), headers=[f"Set-Cookie: token={quote(t)}"])),
        ApiError,
        None,
    ),
    **{
        f"{status} that echoes": (
            writes(lambda t, s=status: http(t.encode(), f"{s} No")),
            HttpStatusError,
            None,
        )
        for status in (429, 500, 502, 503)
    },
    **{
        f"429 with Retry-After {what}": (
            writes(lambda t, m=make: http(t.encode(), "429 No", [f"Retry-After: {m(t)}"])),
            HttpStatusError,
            None,
        )
        for what, make in {
            "in seconds": lambda t: "3",
            "as a date": lambda t: "Fri, 01 Jan 2100 00:00:00 GMT",
            "in the past": lambda t: "Thu, 01 Jan 1970 00:00:00 GMT",
            "below 0": lambda t: "-5",
            "for ever": lambda t: "9" * 400,
            "that echoes": quote,
        }.items()
    },
    **{
        f"an echo in {what}": (writes(lambda t, e=encoded: http(envelope(-9, f"is {e(t)}!"))), ApiError, None)
        for what, encoded in {
            "base64": lambda t: b64encode(f"token={t}&x".encode()).decode(),
            "base64 for URLs": lambda t: urlsafe_b64encode(f"oken={t}&x".encode()).decode(),
            "hexadecimal digits": lambda t: f"ken={t}&x".encode().hex(),
            "unicode escapes": lambda t: t.encode("unicode_escape").decode(),
            "JSON in JSON": lambda t: json.dumps(json.dumps(t)),
        }.items()
    },
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
    agent: list[str] = field(factory=list, repr=False)
    logs: list[str] = field(factory=list, repr=False)
    warned: list[str] = field(factory=list, repr=False)

    def session(self, url: Any, **settings: Any) -> Any:
        limits = AnswerLimits(number=64 * 2**20)
        settings = {"timeout": 2.0, "retry": RetryPolicy(attempts=1), "answer_limits": limits, **settings}
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


async def fails_by_a_stale_connection(seen: Any, serve: Any) -> None:
    async def answer(reader: Any, writer: Any, server: Any) -> Any:
        seen.look()
        if len(server.heads) == 2:
            return await resets(reader, writer, server)
        writer.write(http(envelope(0, "ok", data=7)))
        return True

    async with serve(answer) as server, seen.session(server.url) as ta:
        await ta.call(READ, lambda data: data)
        await ta.call(CHANGE, refuse)


async def fails_before_it_is_read(seen: Any, serve: Any) -> None:
    async def slams(reader: Any, writer: Any) -> None:
        await asyncio.sleep(0)
        await resets(reader, writer, None)

    async with await asyncio.start_server(slams, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with seen.session(f"http://127.0.0.1:{port}") as ta:
            await ta.call(CHANGE, refuse)


def fails_by_wrong_types(verb: Any) -> Any:
    async def fails(seen: Any, serve: Any) -> None:
        def echo(token: Any) -> Any:
            wrong = {token: [token], "id": token, "progress": token, "clusterName": {token: token}}
            return http(envelope(0, token, data={**wrong, "userClusters": [wrong], "pagerResult": wrong}))

        async with serve(writes(echo)) as server, seen.session(server.url) as ta:
            await verb(ta.project(102).clusters)

    return fails


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


async def fails_by_an_agent(seen: Any, serve: Any) -> None:
    async def breaks(session: Any, context: Any, params: Any) -> None:
        raise RuntimeError

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(breaks)
    trace.freeze()
    async with serve(stalls) as server, seen.session(server.url) as ta:
        ta._transport._session._trace_configs.append(trace)
        await ta.call(READ, refuse)


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
    "a stale connection": (fails_by_a_stale_connection, OutcomeUnknown, "lost"),
    "a connection cut before the request": (fails_before_it_is_read, OutcomeUnknown, "lost"),
    "a detail of wrong types that echo": (
        fails_by_wrong_types(lambda clusters: clusters.detail(970)),
        SchemaError,
        None,
    ),
    "a list of wrong types that echo": (
        fails_by_wrong_types(lambda clusters: clusters.list().collect()),
        SchemaError,
        None,
    ),
    "a progress of a wrong type that echoes": (
        fails_by_wrong_types(lambda clusters: clusters.progress(970)),
        SchemaError,
        None,
    ),
    "closing": (fails_by_closing, OutcomeUnknown, "closed"),
    "a closed pool": (fails_by_a_closed_pool, NotSent, "closed"),
    "no place": (fails_by_no_place, NotSent, "no-connection"),
    "a lost upload": (fails_by_a_lost_upload, OutcomeUnknown, "lost"),
    "a source that breaks": (fails_by_its_source, ZeroDivisionError, None),
    "an agent that breaks": (fails_by_an_agent, OutcomeUnknown, "lost"),
    "a provider that breaks": (fails_by_its_provider, NotSent, "token"),
    "a rejected provider": (fails_by_a_rejection_of_its_providers_token, TokenRejected, None),
}
KINDS = [*ANSWERS, *SITUATIONS]


@cache
def _authority() -> Any:
    return trustme.CA()


def note_into(notes: Any) -> Any:
    """A `TraceConfig` that notes all that an instrumentation can see."""

    async def note(session: Any, context: Any, params: Any) -> None:
        noted = {**asdict(params, recurse=False)}
        response = noted.pop("response", None)
        if response is not None:
            # Not the headers of the answer: they are what the server says.
            noted["response"] = (response.url, response.real_url, response.request_info)
        notes.append(f"{type(params).__name__} {noted}")
        error = getattr(params, "exception", None)
        if error is not None:
            shown = traceback.TracebackException.from_exception(error, capture_locals=True)
            notes.append(f"{error!s} {error!r} {vars(error)} {''.join(shown.format())}")

    trace = aiohttp.TraceConfig()
    for name in dir(trace):
        if name.startswith("on_"):
            getattr(trace, name).append(note)
    return trace


@contextmanager
def traced_by_an_agent(seen: Any) -> Any:
    """Every `ClientSession` has a trace that the program did not ask for."""
    original = aiohttp.ClientSession.__init__

    def init(self: Any, *args: Any, trace_configs: Any = None, **settings: Any) -> None:
        traces = [*(trace_configs or ()), note_into(seen.agent)]
        original(self, *args, trace_configs=traces, **settings)

    aiohttp.ClientSession.__init__ = init  # type: ignore[method-assign]
    try:
        yield
    finally:
        aiohttp.ClientSession.__init__ = original  # type: ignore[method-assign]


@asynccontextmanager
async def _borrowed(seen: Any) -> Any:
    async with aiohttp.ClientSession(trace_configs=[note_into(seen.traces)]) as session:
        yield session

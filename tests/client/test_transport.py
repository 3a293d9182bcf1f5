"""The adapter to aiohttp against real loopback sockets: what is sent, how often, for how long, and what comes back."""

import asyncio
import gc
import gzip
import json
import zlib
from typing import Any

import aiohttp
import pytest

from ta_cluster_async.client import transport as transport_module
from ta_cluster_async.client.transport import AiohttpTransport
from ta_cluster_async.emulator import Emulator, Settings
from ta_cluster_async.errors import HttpStatusError, NotJson, NotSent
from ta_cluster_async.messages import Message
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.answer_limits import AnswerLimits
from ta_cluster_async.protocol.endpoints import (
    CREATE,
    ENDPOINTS,
    LIST,
    PROGRESS,
    REFRESH,
    REPLACE_UPLOAD,
    UPLOAD,
    Replay,
)
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.protocol.requests import Request
from ta_cluster_async.protocol.retry import RetryPolicy
from ta_cluster_async.session import TaSession
from ta_cluster_async.uploads.progress import UploadProgress

READ = Request(PROGRESS, "projectId=102&clusterId=970")
START = Request(REFRESH, "projectId=102&clusterId=970")
EMPTY_BLOCK = b"\0\0\0\xff\xff"
ONCE = RetryPolicy(attempts=1)


def same(data: Any) -> Any:
    return data


def http(body: Any, status: Any = "200 OK", *headers: Any) -> Any:
    if not any(header.startswith("Transfer-Encoding") for header in headers):
        headers = (*headers, f"Content-Length: {len(body)}")
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body


def success(data: Any) -> Any:
    return http(json.dumps({"return_code": 0, "return_message": "success", "data": data}).encode())


def writes(data: Any) -> Any:
    async def answer(reader: Any, writer: Any, server: Any) -> Any:
        writer.write(data)
        return True

    return answer


class Body:
    """A streamed body of some chunks."""

    failure: Exception | None = None
    can_start = True

    def __init__(self, *chunks: Any, length: Any = None) -> None:
        self.given = chunks
        self.length = length
        self.ended = 0

    async def chunks(self) -> Any:
        try:
            for chunk in self.given:
                yield chunk
                await asyncio.sleep(0)
        finally:
            self.ended += 1


async def read_body(reader: Any, server: Any) -> Any:
    head = server.heads[-1].lower()
    if b"transfer-encoding: chunked" in head:
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return body
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
    return await reader.readexactly(length)


async def takes(reader: Any, writer: Any, server: Any) -> Any:
    """Reads the body and succeeds."""
    server.bodies.append(await read_body(reader, server))
    writer.write(success(7))
    return True


async def called(
    raw_server: Any, answer: Any, request: Any = READ, convert: Any = same, **settings: Any
) -> Any:
    """One call to a server; the result or the error, and the server."""
    async with raw_server(answer) as server, TaSession(server.url, "t", **settings) as ta:
        try:
            return await ta.call(request, convert), server
        except Exception as problem:  # noqa: BLE001  (it is returned)
            return problem, server


def one(raw_server: Any, answer: Any, request: Any = READ, **settings: Any) -> Any:
    return asyncio.run(called(raw_server, answer, request, **settings))


# What is sent


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.name)
@pytest.mark.parametrize("prefix", ["", "/te", "/a/b%20c"])
def test_each_endpoint_is_sent_with_its_method_below_the_prefix(
    raw_server: Any, endpoint: Any, prefix: Any
) -> None:
    async def main() -> Any:
        async with raw_server(takes) as server, TaSession(server.url + prefix + "/", "t") as ta:
            await ta.call(Request(endpoint, "x=%231"), same)
            return server

    line = asyncio.run(main()).heads[0].split(b"\r\n")[0].decode()
    assert line == f"{endpoint.method} {prefix}{endpoint.path}?x=%231&token=t HTTP/1.1"


@pytest.mark.parametrize("lent", [False, True], ids=["own connections", "lent session"])
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.name)
def test_each_endpoint_has_the_head_of_the_specification_to_the_byte(
    raw_server: Any, endpoint: Any, lent: Any
) -> None:
    upload: Any = Body(b"1\r\n", length=3) if endpoint.body == "csv" else None
    body = b"{}" if endpoint.body == "json" else None

    async def main() -> Any:
        lending = aiohttp.ClientSession(headers={"content-type": "text/html", "User-Agent": "mine"})
        async with raw_server(takes) as server, lending as borrowed:
            settings: Any = {"client_session": borrowed} if lent else {}
            async with TaSession(server.url, "t", **settings) as ta:
                await ta.call(Request(endpoint, "x=1", body, upload), same)
            return server

    server = asyncio.run(main())
    first, *lines = server.heads[0].removesuffix(b"\r\n\r\n").decode().split("\r\n")
    assert first == f"{endpoint.method} {endpoint.path}?x=1&token=t HTTP/1.1"
    length = {"csv": ["Content-Length: 3"], "json": ["Content-Length: 2"], "none": ["Content-Length: 0"]}
    assert sorted(line for line in lines if not line.startswith("User-Agent:")) == sorted(
        [
            f"Host: {server.url.removeprefix('http://')}",
            f"Content-Type: {'text/csv' if endpoint.body == 'csv' else 'application/json'}",
            "Accept: */*",
            next(line for line in lines if line.startswith("Accept-Encoding: ")),
            *(length[endpoint.body] if endpoint.method == "POST" else []),
        ]
    )


def test_a_json_body_goes_out_as_it_is_with_its_type(raw_server: Any) -> None:
    result, server = one(raw_server, takes, Request(CREATE, "", b'{"a":"\\u4e2d"}'))
    assert result == 7
    assert server.bodies == [b'{"a":"\\u4e2d"}']
    assert b"Content-Type: application/json\r\n" in server.heads[0]
    assert b"Content-Length: 14\r\n" in server.heads[0]


def test_a_post_without_a_body_has_length_0(raw_server: Any) -> None:
    _, server = one(raw_server, takes, START)
    assert b"Content-Length: 0\r\n" in server.heads[0]
    assert server.bodies == [b""]


def test_an_upload_of_known_length_has_it_in_its_head_and_no_chunks(raw_server: Any) -> None:
    result, server = one(raw_server, takes, Request(UPLOAD, "", upload=Body(b"1\r\n", b"2\r\n", length=6)))
    assert result == 7
    assert server.bodies == [b"1\r\n2\r\n"]
    assert b"Content-Type: text/csv\r\n" in server.heads[0]
    assert b"Content-Length: 6\r\n" in server.heads[0]


def test_an_upload_of_unknown_length_is_chunked(raw_server: Any) -> None:
    body = Body(b"1\r\n", b"2\r\n")
    result, server = one(raw_server, takes, Request(UPLOAD, "", upload=body))
    assert result == 7
    assert server.bodies == [b"1\r\n2\r\n"]
    assert b"Transfer-Encoding: chunked\r\n" in server.heads[0]
    assert body.ended == 1


@pytest.mark.parametrize("status", ["411 Length Required", "501 Not Implemented"])
@pytest.mark.parametrize("endpoint", [UPLOAD, REPLACE_UPLOAD], ids=["upload", "replace"])
def test_a_server_that_refuses_chunks_is_told_of_once(raw_server: Any, status: Any, endpoint: Any) -> None:
    answer = writes(http(b"<html>no</html>", status))
    problem, server = one(raw_server, answer, Request(endpoint, "", upload=Body(b"1\r\n")))
    assert type(problem) is HttpStatusError
    assert (problem.code, problem.status) == ("length-required", int(status[:3]))
    assert str(problem).count(". ") == 1, "nothing but what to do here"
    assert "upload_buffer=" in str(problem)
    assert server.connections == 1
    known = Request(endpoint, "", upload=Body(b"1\r\n", length=3))
    assert one(raw_server, answer, known, retry=ONCE)[0].code == "http-without-answer"


def test_cookies_of_the_server_are_not_kept(raw_server: Any) -> None:
    async def main() -> Any:
        async with raw_server(writes(http(b'{"return_code":0}', "200 OK", "Set-Cookie: a=b"))) as server:
            # By name: aiohttp's own jar keeps no cookies of a bare address.
            async with TaSession(server.url.replace("127.0.0.1", "localhost"), "t") as ta:
                await ta.call(READ, same)
                await ta.call(READ, same)
            return server

    assert b"cookie" not in b"".join(asyncio.run(main()).heads).lower()


# What comes back


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Type: application/json;charset=utf-8",),
        ("Content-Type: text/html; charset=gbk",),
        ("Content-Type: nonsense",),
        (),
    ],
)
def test_the_body_is_decoded_as_utf8_whatever_the_head_says(raw_server: Any, headers: Any) -> None:
    body = json.dumps({"return_code": 0, "data": "分群"}, ensure_ascii=False).encode()
    assert one(raw_server, writes(http(body, "200 OK", *headers)))[0] == "分群"


def test_a_compressed_answer_is_read(raw_server: Any) -> None:
    body = gzip.compress(b'{"return_code":0,"data":7}')
    assert one(raw_server, writes(http(body, "200 OK", "Content-Encoding: gzip")))[0] == 7


def test_a_chunked_answer_is_read(raw_server: Any) -> None:
    body = b'a\r\n{"return_c\r\n7\r\node":0}\r\n0\r\n\r\n'
    assert one(raw_server, writes(http(body, "200 OK", "Transfer-Encoding: chunked")))[0] is None


def test_an_answer_that_ends_with_its_connection_is_read(raw_server: Any) -> None:
    async def answer(reader: Any, writer: Any, server: Any) -> None:
        writer.write(b'HTTP/1.0 200 OK\r\n\r\n{"return_code":0,"data":7}')

    assert one(raw_server, answer)[0] == 7


def test_an_answer_of_10_mb_is_read_whole(raw_server: Any) -> None:
    data = "x" * 10_000_000
    limits = AnswerLimits(number=64 * 2**20)
    assert one(raw_server, writes(success(data)), timeout=60, answer_limits=limits)[0] == data


def test_an_answer_of_absurd_size_is_not_read_to_its_end(raw_server: Any) -> None:
    async def endless(reader: Any, writer: Any, server: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            await writer.drain()

    problem, server = one(raw_server, endless)
    assert type(problem) is NotJson
    assert problem.params["problem"] == Message("answer-bytes", limit=65536)
    assert "more than 65536 bytes. If it is what the server should send, allow a larger number in" in str(
        problem
    )
    assert len(server.heads) == 1


@pytest.mark.parametrize(
    ("blanks", "problem"),
    [
        (5_000_000, Message("answer-bytes", limit=65536)),
        (60_000, Message("answer-ratio", limit=100)),
    ],
)
def test_a_small_compressed_answer_of_absurd_size_is_not_held(
    raw_server: Any, blanks: int, problem: Message
) -> None:
    bomb = http(gzip.compress(b" " * blanks), "200 OK", "Content-Encoding: gzip")
    error = one(raw_server, writes(bomb))[0]
    assert (type(error), error.params["problem"]) == (NotJson, problem)


def test_more_compressed_bytes_than_may_be_answered_are_not_read(raw_server: Any) -> None:
    async def blocks(reader: Any, writer: Any, server: Any) -> None:
        packer = zlib.compressobj(wbits=31)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(packer.compress(b" ") + packer.flush(zlib.Z_FULL_FLUSH) + EMPTY_BLOCK * 1000)
            await writer.drain()

    assert one(raw_server, blocks)[0].params["problem"] == Message("answer-bytes", limit=65536)


@pytest.mark.parametrize("text", [b"x", "错".encode(), "é".encode(), "😀".encode()])
def test_of_an_error_page_that_is_too_long_the_beginning_is_told(raw_server: Any, text: bytes) -> None:
    page = b"Gone mad. " + text * 100_000
    error = one(raw_server, writes(http(page, "503 Service Unavailable", "Retry-After: 7")), retry=ONCE)[0]
    assert (type(error), error.status, error.retry_after) == (HttpStatusError, 503, 7)
    assert "text ('Gone mad. " in str(error)


def test_the_error_page_of_a_gateway_with_a_million_values_is_an_error_of_its_status(raw_server: Any) -> None:
    error = one(raw_server, writes(http(b"[0," * 5_000, "502 Bad Gateway")), retry=ONCE)[0]
    assert (type(error), error.status) == (HttpStatusError, 502)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("request_", [READ, START], ids=["get", "post"])
def test_a_redirect_is_not_followed(raw_server: Any, status: Any, request_: Any) -> None:
    async def answer(reader: Any, writer: Any, server: Any) -> Any:
        writer.write(http(b"", status, f"Location: {server.url}/elsewhere"))
        return True

    problem, server = one(raw_server, answer, request_)
    assert type(problem) is HttpStatusError
    assert len(server.heads) == 1


@pytest.mark.parametrize(
    ("head", "reason", "code"),
    [
        (b"X: " + b"x" * 70_000, "lost", "answer-head-too-long"),
        (b"X: y\r\n" * 300 + b"X: y", "lost", "answer-head-too-long"),
        (b"Content-Encoding: br", "lost", "answer-compressed"),
        (b"Content-Encoding: zstd", "lost", "answer-compressed"),
        (b"Transfer-Encoding: chunked", "lost", "answer-with-two-lengths"),
        (b"Cont ent: many", "lost", "answer-head-invalid"),
        (b"Content-Encoding: gzip", "truncated", "answer-wrongly-compressed"),
        (b"Content-Encoding: deflate", "truncated", "answer-wrongly-compressed"),
    ],
    ids=["header", "headers", "br", "zstd", "two lengths", "invalid", "gzip", "deflate"],
)
def test_what_is_wrong_with_an_answer_is_said(raw_server: Any, head: Any, reason: Any, code: Any) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n" + head + b"\r\n\r\n\xffxxx"
    problem, _ = one(raw_server, writes(answer), retry=ONCE)
    assert type(problem) is OutcomeUnknown
    assert (problem.reason, problem.code) == (reason, code)


def test_a_header_of_9_kb_is_no_fault(raw_server: Any) -> None:
    answer = http(b'{"return_code":0,"data":7}', "200 OK", f"Set-Cookie: {'x' * 9_000}")
    assert one(raw_server, writes(answer), retry=ONCE)[0] == 7


def test_only_encodings_that_every_installation_can_decode_are_asked_for(raw_server: Any) -> None:
    async def main() -> Any:
        lending = aiohttp.ClientSession(headers={"accept-encoding": "br"})
        async with raw_server(takes) as server, lending as borrowed:
            async with TaSession(server.url, "t", client_session=borrowed) as ta:
                await ta.call(READ, same)
            return server

    assert b"Accept-Encoding: gzip, deflate\r\n" in asyncio.run(main()).heads[0]


def test_a_plain_port_behind_https_is_called_one() -> None:
    async def answer(reader: Any, writer: Any) -> None:
        await reader.read(1)
        writer.write(http(b"plain", "400 Bad Request"))
        await writer.drain()
        writer.close()

    async def main() -> Any:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with TaSession(f"https://127.0.0.1:{port}", "t", retry=ONCE) as ta:
                with pytest.raises(NotSent) as caught:
                    await ta.call(READ, same)
                return caught.value

    problem = asyncio.run(main())
    assert (problem.reason, problem.code) == ("tls", "tls-not-spoken")
    assert "is it an http:// port?" in str(problem)
    assert "ssl=" not in str(problem)


def test_an_idle_connection_outlasts_the_longest_poll_interval() -> None:
    assert 2 * PollPolicy().longest < transport_module._KEEP_SECONDS


def test_another_failure_of_tls_has_its_reason() -> None:
    message = transport_module._tls_problem(OSError(), "ta2:443")
    assert (message.code, message.params["reason"]) == ("tls-broken", "OSError")


# How often


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.name)
def test_nothing_is_sent_twice_behind_the_sessions_back(raw_server: Any, endpoint: Any) -> None:
    async def closes(reader: Any, writer: Any, server: Any) -> Any:
        return False

    problem, server = one(raw_server, closes, Request(endpoint), retry=ONCE)
    assert type(problem) is OutcomeUnknown
    assert (problem.attempts, problem.sent, len(server.heads)) == (1, "unknown", 1)


def test_connections_are_kept_and_used_again(raw_server: Any) -> None:
    async def main() -> Any:
        async with raw_server(takes) as server, TaSession(server.url, "t") as ta:
            for _ in range(5):
                await ta.call(READ, same)
            return server.connections

    assert asyncio.run(main()) == 1


@pytest.mark.parametrize("endpoint", [PROGRESS, LIST, CREATE, REFRESH], ids=lambda e: e.name)
def test_a_kept_connection_that_the_server_closes_at_the_next_request_is_an_honest_failure(
    raw_server: Any, endpoint: Any
) -> None:
    async def answer(reader: Any, writer: Any, server: Any) -> Any:
        if len(server.heads) == 2:
            return False  # as if it had closed the connection just before this request came
        return await takes(reader, writer, server)

    async def main() -> Any:
        async with raw_server(answer) as server, TaSession(server.url, "t", retry=RetryPolicy(base=0)) as ta:
            await ta.call(READ, same)
            try:
                return await ta.call(Request(endpoint), same), server
            except OutcomeUnknown as problem:
                return problem, server

    outcome, server = asyncio.run(main())
    if endpoint.replay is Replay.READ:
        assert outcome == 7
        assert len(server.heads) == 3
    else:
        assert (outcome.attempts, outcome.sent, len(server.heads)) == (1, "unknown", 2)


def test_a_kept_connection_that_was_closed_in_peace_is_replaced_unnoticed(raw_server: Any) -> None:
    async def answer(reader: Any, writer: Any, server: Any) -> Any:
        await takes(reader, writer, server)
        return False

    async def main() -> Any:
        async with raw_server(answer) as server, TaSession(server.url, "t", retry=ONCE) as ta:
            for _ in range(3):
                await ta.call(START, same)
                await asyncio.sleep(0.01)
            return server.connections

    assert asyncio.run(main()) == 3


def test_no_more_requests_are_in_flight_than_max_connections(raw_server: Any) -> None:
    running = most = 0

    async def answer(reader: Any, writer: Any, server: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        writer.write(success(7))
        return True

    async def main() -> Any:
        async with raw_server(answer) as server, TaSession(server.url, "t", max_connections=3) as ta:
            await asyncio.gather(*(ta.call(READ, same) for _ in range(30)))
            return server.connections

    assert asyncio.run(main()) == 3
    assert most == 3


# Uploads that end early


def test_an_answer_before_the_end_of_an_upload_is_taken_and_ends_it(raw_server: Any) -> None:
    async def refuses_early(reader: Any, writer: Any, server: Any) -> None:
        writer.write(http(b"too large", "413 Payload Too Large"))
        await writer.drain()
        await asyncio.Event().wait()

    class Endless(Body):
        def __init__(self) -> None:
            super().__init__()
            self.end = asyncio.Event()

        async def chunks(self) -> Any:
            try:
                while True:
                    yield b"1\r\n" * 20_000
            finally:
                self.ended += 1
                self.end.set()

    async def main() -> Any:
        body = Endless()
        async with raw_server(refuses_early) as server, TaSession(server.url, "t", timeout=30) as ta:
            async with asyncio.timeout(20):
                with pytest.raises(HttpStatusError) as caught:
                    await ta.call(Request(UPLOAD, "", upload=body), same)
                await body.end.wait()
            return caught.value, body.ended

    problem, ended = asyncio.run(main())
    assert problem.status == 413
    assert ended == 1  # while the session is still open


def test_a_connection_that_is_lost_right_before_the_end_of_an_upload_leaves_its_outcome_unknown(
    raw_server: Any, caplog: Any
) -> None:
    class Lost(Body):
        pool: Any

        async def chunks(self) -> Any:
            yield b"1\r\n"
            for protocol in self.pool._acquired:
                protocol.transport.close()

    async def main() -> Any:
        body = Lost()
        async with raw_server(takes) as server, TaSession(server.url, "t", retry=ONCE) as ta:
            transport: Any = ta._transport
            body.pool = transport._pool
            with pytest.raises(OutcomeUnknown) as caught:
                await ta.call(Request(UPLOAD, "", upload=body), same)
            return caught.value

    assert asyncio.run(main()).reason == "lost"
    assert caplog.text == ""


@pytest.mark.parametrize("how", ["failure", "cancellation", "broken source"])
def test_the_source_of_an_upload_is_ended_when_the_upload_is(raw_server: Any, how: Any) -> None:
    async def answer(reader: Any, writer: Any, server: Any) -> Any:
        if how != "failure":
            await asyncio.Event().wait()
        return False

    class Slow(Body):
        async def chunks(self) -> Any:
            try:
                yield b"1\r\n"
                if how == "broken source":
                    self.failure = ZeroDivisionError()
                    raise self.failure
                await asyncio.sleep(60)
            finally:
                self.ended += 1

    async def main() -> Any:
        body = Slow()
        async with raw_server(answer) as server, TaSession(server.url, "t", retry=ONCE) as ta:
            task = asyncio.create_task(ta.call(Request(UPLOAD, "", upload=body), same))
            await server.arrivals(1)
            if how == "cancellation":
                task.cancel()
            await asyncio.wait([task])
            await asyncio.sleep(0.001)
            return body.ended, task

    ended, task = asyncio.run(main())
    assert ended == 1
    if how == "broken source":
        assert type(task.exception()) is ZeroDivisionError
    elif how == "failure":
        assert type(task.exception()) is OutcomeUnknown


@pytest.mark.parametrize(
    ("problem", "reason", "said"),
    [
        (TimeoutError("secret"), "timeout", "no whole answer within 5 seconds"),
        (aiohttp.SocketTimeoutError("secret"), "timeout", "no whole answer within 5 seconds"),
        (
            aiohttp.ServerDisconnectedError("secret"),
            "lost",
            "the connection was lost (ServerDisconnectedError)",
        ),
        (OSError("secret"), "lost", "the connection was lost (OSError)"),
        (RuntimeError("secret"), "lost", "the request failed (RuntimeError)"),
    ],
)
def test_each_kind_of_failure_has_a_reason_and_its_text_is_not_shown(
    problem: Any, reason: str, said: str
) -> None:
    async def main() -> Any:
        transport = AiohttpTransport("http://127.0.0.1", ssl=True)
        try:
            return transport._error_for(problem, 5)
        finally:
            await transport.aclose()

    told = asyncio.run(main())
    assert type(told) is OutcomeUnknown
    assert told.reason == reason
    assert said in told.message
    assert "secret" not in str(told)


def test_the_error_of_a_proxy_that_refuses_has_its_status(
    raw_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(reader: Any, writer: Any, server: Any) -> None:
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    async def main() -> Any:
        async with raw_server(refuses) as proxy:
            monkeypatch.setenv("https_proxy", proxy.url)
            async with (
                aiohttp.ClientSession(trust_env=True) as borrowed,
                TaSession("https://ta.invalid", "s3cr3t", client_session=borrowed, retry=ONCE) as ta,
            ):
                with pytest.raises(NotSent) as caught:
                    await ta.call(READ, same)
                return caught.value, proxy.heads

    error, heads = asyncio.run(main())
    assert (error.reason, error.sent) == ("refused", "no")
    assert "HTTP 407" in error.message
    assert heads[0].startswith(b"CONNECT ta.invalid:443")
    assert b"s3cr3t" not in heads[0]


class Exits:
    """A source that ends the program."""

    failure = None
    can_start = True
    length = None

    def chunks(self) -> Any:
        raise SystemExit(3)


def test_an_exception_that_ends_the_program_is_raised_unchanged(raw_server: Any) -> None:
    async def never(reader: Any, writer: Any, server: Any) -> None:
        await asyncio.Event().wait()

    async def main() -> Any:
        async with raw_server(never) as server, TaSession(server.url, "s3cr3t") as ta:
            upload: Any = Exits()
            with pytest.raises(SystemExit) as caught:
                await ta.call(Request(UPLOAD, "", None, upload), same)
            return caught.value

    ended = asyncio.run(main())
    assert ended.code == 3
    assert ended.__context__ is ended.__cause__ is None


def test_a_connection_that_is_lost_at_the_very_end_of_an_upload_is_reported_once():
    async def main():
        told: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        async with (
            Emulator(settings=Settings(evaluate=False)) as em,
            aiohttp.ClientSession() as lent,
            TaSession(em.url, em.token, client_session=lent) as ta,
        ):

            def cut(progress: UploadProgress) -> None:
                if progress.done:  # only the mark of the end has to be written yet
                    assert lent.connector is not None
                    for connection in lent.connector._acquired:
                        assert connection.transport is not None
                        connection.transport.abort()

            with pytest.raises(OutcomeUnknown, match="the connection was lost"):
                await ta.project(102).clusters.upload(
                    ["a"], display_name="d", main_column="#account_id", on_progress=cut, timeout=5.0
                )
        gc.collect()  # a task whose error nobody asked for would complain
        return told

    assert asyncio.run(main()) == []

"""CPU of one typed `progress()` call, against plain aiohttp, two generated clients, and a raw asyncio protocol as the floor; and of `detail()`.

    python -m benchmarks.calls [--quick]

All sides run in this process, in alternating rounds, against one server in a process of its own that answers canned bytes. Plain aiohttp is
what a careful author writes without types, retries and redaction: `session.get(url)`, `read()`, `orjson.loads`. The generated
clients come from `openapi.json`. The raw protocol sends bytes prepared beforehand and waits for the end of the answer, which is the least
that asyncio can do. Compared is the CPU time of this process per call.

A `detail()` makes typed objects of the whole definition, which plain aiohttp leaves as dicts. That costs up to half of a plain call.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import orjson

from benchmarks.backends import DETAIL
from benchmarks.generated import GENERATOR, PYTHON_CLIENT, generate
from benchmarks.rounds import alternate, compare
from benchmarks.table import show, skip
from ta_cluster_async.session import TaSession

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from multiprocessing.connection import Connection

    from benchmarks.generated import Open, Progress
    from benchmarks.table import Row
    from ta_cluster_async import JsonValue, Request

TOKEN = "benchmark-token"
BODY = b'{"data":{"progress":80},"return_code":0,"return_message":"success"}'
HEAD = (
    b"HTTP/1.1 200 OK\r\nDate: Thu, 05 Nov 2020 04:06:31 GMT\r\nServer: canned\r\n"
    b"Content-Type: application/json;charset=utf-8\r\nContent-Length: %d\r\n\r\n%b"
)
ANSWER = HEAD % (len(BODY), BODY)
TARGET = f"/open/user-cluster-refresh-progress?token={TOKEN}&projectId=102&clusterId=970"
# httpx takes milliseconds per call with many in flight: fewer calls suffice.
SLOW = PYTHON_CLIENT


class _Canned(asyncio.Protocol):
    """Answers each request with the same bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._answer * data.count(b"\r\n\r\n"))


def _serve(port: Connection, answer: bytes) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Canned(answer), "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def canned_server(answer: bytes = ANSWER) -> Iterator[str]:
    """Run the server in a process of its own and yield its base URL."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    server = context.Process(target=_serve, args=(sender, answer), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{receiver.recv()}"
    finally:
        server.terminate()
        server.join()


async def open_ours(stack: AsyncExitStack, url: str, token: str, at_once: int) -> Progress:
    ta = await stack.enter_async_context(TaSession(url, token, max_connections=at_once))
    clusters = ta.project(102).clusters
    return lambda: clusters.progress(970)


async def _open_without_hook(stack: AsyncExitStack, url: str, token: str, at_once: int) -> Progress:
    ta = await stack.enter_async_context(TaSession(url, token, max_connections=at_once))
    clusters = ta.project(102).clusters

    def call(
        request: Request,
        convert: Callable[[JsonValue], object],
        *,
        timeout: float | None = None,
        quick: Callable[[bytes], object] | None = None,
    ) -> Awaitable[object]:
        return ta._call(request, convert, timeout, quick)  # noqa: SLF001 - what is behind the hook

    vars(ta)["call"] = call
    return lambda: clusters.progress(970)


async def _open_plain(stack: AsyncExitStack, url: str, token: str, at_once: int) -> Progress:
    del at_once
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))

    async def progress() -> object:
        path = f"/open/user-cluster-refresh-progress?token={token}&projectId={102}&clusterId={970}"
        async with session.get(url + path) as response:
            return orjson.loads(await response.read())["data"]["progress"]

    return progress


async def _open_detail(stack: AsyncExitStack, url: str, token: str, at_once: int) -> Progress:
    ta = await stack.enter_async_context(TaSession(url, token, max_connections=at_once))
    clusters = ta.project(102).clusters

    async def detail() -> object:
        return (await clusters.detail(970)).users_num

    return detail


async def _open_plain_detail(stack: AsyncExitStack, url: str, token: str, at_once: int) -> Progress:
    del at_once
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))

    async def detail() -> object:
        path = f"/open/user-cluster-detail?token={token}&projectId={102}&clusterId={970}"
        async with session.get(url + path) as response:
            return orjson.loads(await response.read())["data"]["usersNum"]

    return detail


class _Raw(asyncio.Protocol):
    """One connection that sends prepared bytes and waits for an answer of known length."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        if self._waiter is not None and data.endswith(BODY):
            self._waiter.set_result(data)

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        self._waiter = self._loop.create_future()
        self.transport.write(request)
        return self._waiter


async def _open_raw(stack: AsyncExitStack, url: str, token: str, at_once: int) -> Progress:
    del token
    host, _, port = url.removeprefix("http://").partition(":")
    request = f"GET {TARGET} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\n\r\n".encode()
    free: list[_Raw] = []
    for _ in range(at_once):
        transport, protocol = await asyncio.get_running_loop().create_connection(_Raw, host, int(port))
        stack.callback(transport.close)
        free.append(protocol)

    async def progress() -> object:
        connection = free.pop()
        try:
            answer = await connection.ask(request)
        finally:
            free.append(connection)
        return orjson.loads(answer[-len(BODY) :])["data"]["progress"]

    return progress


async def fan_out(call: Callable[[], Awaitable[object]], at_once: int, calls: int) -> float:
    """Return the microseconds of CPU per call."""
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            await call()

    began = time.process_time()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return (time.process_time() - began) / calls * 1e6


async def _measure(
    url: str, at_once: int, rounds: int, calls: int, openers: Mapping[str, Open], *, expected: object = 80
) -> dict[str, list[float]]:
    """Return the figures of each side, round by round."""
    # On CPython 3.11 and 3.12 this keeps memory from being mapped and unmapped for each answer, for all sides.
    block = bytearray(1 << 20)
    del block
    figures: dict[str, list[float]] = {name: [] for name in openers}
    async with AsyncExitStack() as stack:
        sides = {name: await opener(stack, url, TOKEN, at_once) for name, opener in openers.items()}
        counts = {name: max(calls // 10, at_once) if name == SLOW else calls for name in sides}
        for name, call in sides.items():
            assert await call() == expected
            await fan_out(call, at_once, counts[name] // 2)
        for name in alternate(sides, rounds):
            figures[name].append(await fan_out(sides[name], at_once, counts[name]))
    return figures


def rows(*, quick: bool = False) -> list[Row]:
    """Measure several numbers of calls in flight."""
    found = []
    with tempfile.TemporaryDirectory() as folder, canned_server() as url:
        peers = generate(Path(folder))
        for at_once in (1, 16, 100) if quick else (1, 16, 100, 1000):
            rounds, calls = (9, 1000) if quick else (21, 2000)
            what = f"progress(), {at_once} in flight:"
            openers: dict[str, Open] = {"ours": open_ours, "plain": _open_plain, "raw": _open_raw}
            openers |= {name: opener for name, opener in peers.items() if not isinstance(opener, str)}
            if at_once > 100 and SLOW in openers:
                del openers[SLOW]  # its pool would take minutes
            figures = asyncio.run(_measure(url, at_once, rounds, calls, openers))
            found.append(compare(f"{what} plain aiohttp", figures, "plain", 1.0, "us"))
            for name in (GENERATOR, PYTHON_CLIENT):
                reason = peers[name]
                if isinstance(reason, str):
                    found.append(skip(f"{what} {name}", reason))
                elif name in openers:
                    found.append(compare(f"{what} {name}", figures, name, 1.0, "us"))
            found.append(compare(f"{what} a raw protocol", figures, "raw", None, "us"))
        openers = {"ours": open_ours, "without": _open_without_hook}
        rounds, calls = (15, 1000) if quick else (31, 2000)
        figures = asyncio.run(_measure(url, 16, rounds, calls, openers))
        what = "progress(), 16 in flight: the same without the hook of telemetry, which is off"
        found.append(compare(what, figures, "without", 1.02, "us"))
    body = orjson.dumps({"data": DETAIL, "return_code": 0, "return_message": "success"})
    with canned_server(HEAD % (len(body), body)) as url:
        openers = {"ours": _open_detail, "plain": _open_plain_detail}
        rounds, calls = (9, 1000) if quick else (21, 2000)
        figures = asyncio.run(_measure(url, 16, rounds, calls, openers, expected=DETAIL["usersNum"]))
        found.append(compare("detail(), 16 in flight: plain aiohttp and dicts", figures, "plain", 1.6, "us"))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    show(rows(quick=parser.parse_args().quick))

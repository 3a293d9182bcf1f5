"""Members: a cluster of ten million against the same answer read with plain aiohttp and orjson.

    python -m benchmarks.members [--quick]

The server is a process of its own that shares no code with the library; it writes the same blocks of rows again and again. Both sides hand
out each id by an async generator. The peer checks nothing; ours parses strictly, counts, and reads the detail before and after. Sides
alternate, and the ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import aiohttp
import orjson

from benchmarks.process import peak_growth, reset_peak, resident
from benchmarks.table import Row, show
from ta_cluster_async import TaSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from multiprocessing.connection import Connection

TOKEN = "benchmark-token"
ROWS_OF_A_BLOCK = 10_000
MIB = 1 << 20


class _Server(asyncio.Protocol):
    """Answers a detail, and a statement with `blocks` blocks of rows as fast as they are taken."""

    def __init__(self, blocks: int) -> None:
        self._blocks = blocks
        self._block = b"".join(b'["%d"]\n' % (10**9 + number) for number in range(ROWS_OF_A_BLOCK))
        self._free = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def pause_writing(self) -> None:
        self._free.clear()

    def resume_writing(self) -> None:
        self._free.set()

    def data_received(self, data: bytes) -> None:
        if b"/querySql" in data:
            task = asyncio.ensure_future(self._write_rows())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        detail = {
            "id": 970,
            "clusterName": "all",
            "progress": 100,
            "usersNum": self._blocks * ROWS_OF_A_BLOCK,
            "refreshTime": "2026-01-01 00:00:00",
        }
        self._answer(json.dumps({"return_code": 0, "data": detail}).encode(), 0)

    def _answer(self, body: bytes, more: int) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % (len(body) + more) + body)

    async def _write_rows(self) -> None:
        head = b'{"return_code":0,"data":{"headers":["#user_id"]}}\n'
        self._answer(head, self._blocks * len(self._block))
        self._free.set()
        for _ in range(self._blocks):
            await self._free.wait()
            self._transport.write(self._block)


def _serve(port: Connection, blocks: int) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Server(blocks), "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def serving(blocks: int) -> Iterator[str]:
    """Run the server in a process of its own and yield its URL."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    server = context.Process(target=_serve, args=(sender, blocks), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{receiver.recv()}"
    finally:
        server.terminate()
        server.join()


async def _count(url: str) -> int:
    async with TaSession(url, TOKEN) as ta:
        count = 0
        async for _ in ta.project(102).clusters.members(970):
            count += 1
        return count


async def _count_batches(url: str) -> int:
    async with TaSession(url, TOKEN) as ta:
        return sum([batch.num_rows async for batch in ta.project(102).clusters.members(970).batches()])


async def _peer(url: str) -> AsyncIterator[str]:
    query = f"token={TOKEN}&sql=SELECT%201&format=json"
    async with aiohttp.ClientSession() as session, session.post(f"{url}/querySql?{query}") as response:
        tail = b""
        is_first = True
        async for part in response.content.iter_any():
            *lines, tail = (tail + part).split(b"\n")
            for line in lines:
                if is_first:
                    is_first = False
                    continue
                yield orjson.loads(line)[0]


async def _count_peer(url: str) -> int:
    count = 0
    async for _ in _peer(url):
        count += 1
    return count


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all figures of members."""
    blocks, rounds = (100, 5) if quick else (1000, 5)
    expected = blocks * ROWS_OF_A_BLOCK
    sides: dict[str, Callable[[str], Awaitable[int]]] = {
        "ours": _count,
        "batches": _count_batches,
        "peer": _count_peer,
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    grown: dict[str, list[int]] = {name: [] for name in sides}

    async def main(url: str) -> None:
        for number in range(-1, rounds):
            for name in sides if number % 2 else reversed(sides):
                reset_peak()
                before, began = resident(), time.perf_counter()
                count = await sides[name](url)
                taken = time.perf_counter() - began
                assert count == expected, (name, count)
                if number >= 0:  # the first round loads modules
                    seconds[name].append(taken)
                    grown[name].append(peak_growth(before))

    with serving(blocks) as url:
        asyncio.run(main(url))
    found = []
    for name, what in (("ours", "one by one"), ("batches", "as Arrow batches")):
        rates = {side: statistics.median(expected / 1e6 / one for one in seconds[side]) for side in sides}
        ratio = statistics.median(b / a for a, b in zip(seconds[name], seconds["peer"], strict=True))
        label = f"members, {expected / 1e6:.0f} M, {what}"
        found += [
            Row(f"{label}: rate", rates[name], rates["peer"], None, unit="M/s"),
            Row(f"{label}: rate against aiohttp + orjson", ratio, 1.0, 0.8, unit="x", least=True),
            Row(
                f"{label}: growth of memory",
                max(grown[name]) / MIB,
                max(grown["peer"]) / MIB,
                32.0,
                unit="MiB",
            ),
        ]
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a million members instead of ten")
    show(rows(quick=parser.parse_args().quick))

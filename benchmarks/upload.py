"""Uploads: a file against aiohttp's own way to send one, and Arrow data against pyarrow writing the same CSV to /dev/null.

    python -m benchmarks.upload [--quick] [--folder DIR]

The file of 1 GiB (128 MiB with --quick) is made in DIR, by default the system's temporary directory, and removed at the end. The server is a
process of its own that reads and discards; another one computes the SHA-256 of what it receives, which is compared with that of the rows
written by the standard library's csv module. Sides alternate, and each ratio is the median of the rounds' ratios.

pyarrow writes to /dev/null, so the upload's CSV is written to /dev/null as well, and the bar is on that pair. The same upload to a server has
no peer: a second process receives it and shares the processors, and copying text to /dev/null is faster than any way to send it.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import gc
import hashlib
import io
import json
import multiprocessing
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pyarrow as pa
from attrs import define, frozen
from pyarrow import csv as arrow_csv

from benchmarks.process import peak_growth, reset_peak, resident
from benchmarks.table import Row, show
from ta_cluster_async import TaSession
from ta_cluster_async.protocol.requests import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from multiprocessing.connection import Connection

    from ta_cluster_async.client.secret import Secret
    from ta_cluster_async.protocol.requests import Request

TOKEN = "benchmark-token"
LINES_OF_A_CHUNK = 1 << 16
ROWS_OF_A_BATCH = 1_000_000  # as many as DuckDB gives at a time
MIB = 1 << 20


class _Sink(asyncio.BufferedProtocol):
    """Reads requests and answers each at the end of its body, with `digest` including the SHA-256 of the body.

    A request without a body is answered after `delay` seconds.
    """

    def __init__(self, *, digest: bool, delay: float) -> None:
        self._delay = delay
        self._buffer = bytearray(MIB)
        self._view = memoryview(self._buffer)
        self._digest = digest
        self._begin()

    def _begin(self) -> None:
        self._head = b""
        self._left: int | None = None
        self._tail = b""
        self._chunks = bytearray()
        self._hash = hashlib.sha256()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        part = self._view[:nbytes]
        if not self._head.endswith(b"\r\n\r\n"):
            seen = self._head + bytes(part)
            head, end, rest = seen.partition(b"\r\n\r\n")
            self._head = head + end if end else seen
            if not end:
                return
            part = memoryview(rest)
            _, found, after = head.lower().partition(b"content-length:")
            self._left = int(after.split(b"\r\n")[0]) if found else None
            if head.startswith(b"GET "):
                asyncio.get_running_loop().call_later(self._delay, self._answer)
                return
        if self._take(part):
            self._answer()

    def _take(self, part: memoryview) -> bool:
        """Take a part of the body and return whether the body is complete."""
        if self._left is not None:
            self._left -= len(part)
            if self._digest:
                self._hash.update(part)
            return self._left == 0
        self._tail = (self._tail + bytes(part[-5:]))[-5:]
        if self._digest:
            self._chunks += part
            self._unpack()
        return self._tail == b"0\r\n\r\n"

    def _unpack(self) -> None:
        while (end := self._chunks.find(b"\r\n")) >= 0:
            size = int(self._chunks[:end], 16)
            if len(self._chunks) < end + 4 + size:
                return
            self._hash.update(self._chunks[end + 2 : end + 2 + size])
            del self._chunks[: end + 4 + size]

    def _answer(self) -> None:
        data = {
            "progress": 100,
            "clusterId": 1,
            "uploadNum": 1,
            "userNum": 1,
            "unmatchedNum": 0,
            "tagValueNullNum": 0,
        }
        envelope: dict[str, object] = {"data": {**data, "sha256": self._hash.hexdigest()}, "return_code": 0}
        body = json.dumps({**envelope, "return_message": "success"}).encode()
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=utf-8\r\nContent-Length: %d\r\n\r\n"
        )
        self._transport.write(head % len(body) + body)
        self._begin()


def _serve(port: Connection, *, digest: bool, delay: float) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Sink(digest=digest, delay=delay), "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def serving(*, digest: bool, delay: float = 0.0) -> Iterator[str]:
    """Run a server in a process of its own and yield its URL. See `_Sink` for the arguments."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    server = context.Process(
        target=_serve, args=(sender,), kwargs={"digest": digest, "delay": delay}, daemon=True
    )
    server.start()
    try:
        yield f"http://127.0.0.1:{receiver.recv()}"
    finally:
        server.terminate()
        server.join()


@frozen(kw_only=True)
class Figures:
    """One upload: seconds, 99th percentile of the loop's lag in seconds, and peak growth of the process in bytes."""

    seconds: float
    lag: float
    grown: int


async def _observe(upload: Callable[[], Awaitable[object]]) -> Figures:
    lags: list[float] = []

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        while True:
            at = loop.time() + 0.001
            await asyncio.sleep(0.001)
            lags.append(loop.time() - at)

    gc.collect()
    reset_peak()
    before = resident()
    watcher = asyncio.create_task(watch())
    began = time.perf_counter()
    await upload()
    seconds = time.perf_counter() - began
    watcher.cancel()
    lags.sort()
    return Figures(
        seconds=seconds, lag=lags[int(len(lags) * 0.99)] if lags else 0.0, grown=peak_growth(before)
    )


async def _send(url: str, source: Any, **options: Any) -> str:
    """Upload to a new cluster and return the digest that the server computed."""
    async with TaSession(url, TOKEN) as ta:
        clusters = ta.project(102).clusters
        result = await clusters.upload(source, display_name="b", main_column="#account_id", **options)
        return str(result.extra["sha256"])


async def _send_with_aiohttp(url: str, path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        with path.open("rb") as file:
            query = f"token={TOKEN}&projectId=102&displayName=b&mainColumnName=%23account_id"
            target = f"{url}/open/import-id-cluster-add?{query}"
            async with session.post(target, data=file, headers={"Content-Type": "text/csv"}) as response:
                await response.read()


def file_rows(url: str, path: Path, rounds: int) -> list[Row]:
    """Measure a file against `data=open(path, "rb")`."""
    size = path.stat().st_size

    async def main() -> tuple[list[Figures], list[Figures]]:
        ours: list[Figures] = []
        peers: list[Figures] = []
        sides: list[tuple[Callable[[], Awaitable[object]], list[Figures]]] = [
            (lambda: _send(url, path), ours),
            (lambda: _send_with_aiohttp(url, path), peers),
        ]
        await _send(url, b"a\r\n")  # loading modules does not count as growth of an upload
        for number in range(rounds):
            for send, figures in reversed(sides) if number % 2 else sides:
                figures.append(await _observe(send))
        return ours, peers

    ours, peers = asyncio.run(main())
    ratio = statistics.median(b.seconds / a.seconds for a, b in zip(ours, peers, strict=True))
    fast, slow = (statistics.median(size / MIB / side.seconds for side in sides) for sides in (ours, peers))
    name = f"file of {size / MIB:,.0f} MiB"
    return [
        Row(f"{name}: rate", fast, slow, None, unit="MiB/s"),
        Row(f"{name}: rate against data=open(path)", ratio, 1.0, 1.2, unit="x", least=True),
        Row(
            f"{name}: lag of the loop, p99",
            statistics.median(side.lag for side in ours) * 1e3,
            statistics.median(side.lag for side in peers) * 1e3,
            10.0,
            unit="ms",
        ),
        Row(
            f"{name}: growth of memory",
            max(side.grown for side in ours) / MIB,
            max(side.grown for side in peers) / MIB,
            32.0,
            unit="MiB",
        ),
    ]


class _NullTransport:
    """A transport that writes uploads to /dev/null, as the peer does, and answers success."""

    async def send(self, request: Request, token: Secret, timeout: float) -> Response:
        del token, timeout
        assert request.upload is not None
        with Path("/dev/null").open("wb", buffering=0) as file:  # noqa: ASYNC230  (as its peer does)
            async for part in request.upload.chunks():
                file.write(part)
        return Response(200, b'{"return_code": 0, "return_message": "success", "data": {"clusterId": 1}}')

    async def aclose(self) -> None:
        """Do nothing."""


def arrow_rows(url: str, batch: pa.RecordBatch, name: str, *, count: int, rounds: int) -> list[Row]:
    """Measure a reader against pyarrow writing the same CSV: to /dev/null as the peer does, and to a server."""
    batches = count // batch.num_rows

    def reader() -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(batch.schema, (batch for _ in range(batches)))

    def write_with_pyarrow() -> None:
        options = arrow_csv.WriteOptions(
            include_header=False, quoting_style="none", eol="\r\n", batch_size=1 << 16
        )
        with (
            Path("/dev/null").open("wb") as file,
            arrow_csv.CSVWriter(file, batch.schema, write_options=options) as writer,
        ):
            for one in reader():
                writer.write_batch(one)

    async def upload_to_null() -> None:
        async with TaSession(url, TOKEN, transport=_NullTransport()) as ta:
            clusters = ta.project(102).clusters
            await clusters.upload(reader(), display_name="b", main_column="#account_id", column="id")

    async def main() -> tuple[list[_Cost], list[_Cost], list[Figures]]:
        await _send(url, pa.table({"id": ["a"]}))  # loading modules does not count as growth of an upload
        ours, peers = [], []
        for _ in range(3 * rounds):  # they are short
            with _measured() as cost:
                await upload_to_null()
            ours.append(cost)
            with _measured() as cost:
                write_with_pyarrow()
            peers.append(cost)
        return ours, peers, [await _observe(lambda: _send(url, reader(), column="id")) for _ in range(rounds)]

    ours, peers, sent = asyncio.run(main())
    millions = batches * batch.num_rows / 1e6
    name = f"Arrow reader, {millions:.0f} M rows of {name}"
    fast, slow = (statistics.median(millions / cost.seconds for cost in costs) for costs in (ours, peers))
    rate = statistics.median(millions / side.seconds for side in sent)
    pairs = list(zip(ours, peers, strict=True))
    ratio = statistics.median(peer.seconds / our.seconds for our, peer in pairs)
    processor = statistics.median(our.processor / peer.processor for our, peer in pairs)
    return [
        Row(f"{name}, to nowhere: rate", fast, slow, None, unit="M rows/s"),
        Row(f"{name}, to nowhere: rate against pyarrow", ratio, 1.0, 0.8, unit="x", least=True),
        Row(f"{name}, to nowhere: processor time against pyarrow", processor, 1.0, None, unit="x"),
        Row(f"{name}, to a server: rate", rate, slow, None, unit="M rows/s"),
        Row(f"{name}: lag, p99", statistics.median(side.lag for side in sent) * 1e3, None, 10.0, unit="ms"),
        Row(f"{name}: growth of memory", max(side.grown for side in sent) / MIB, None, 32.0, unit="MiB"),
    ]


@define
class _Cost:
    """Elapsed seconds, and seconds of processor time."""

    seconds: float = 0.0
    processor: float = 0.0


@contextmanager
def _measured() -> Iterator[_Cost]:
    cost = _Cost()
    began, used = time.perf_counter(), time.process_time()
    yield cost
    cost.seconds, cost.processor = time.perf_counter() - began, time.process_time() - used


def digest_rows(folder: Path) -> list[Row]:
    """Count the sources that arrive with another SHA-256 than the rows written by the standard library."""
    ids = [
        f"{number:011d}" + (",x" * (number % 7 == 0)) + ('"\n名' * (number % 11 == 0))
        for number in range(300_000)
    ]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([one] for one in ids)
    data = text.getvalue().encode()
    path = folder / "ids.csv"
    path.write_bytes(data)
    table = pa.table({"other": pa.nulls(len(ids)), "id": ids})

    async def stream() -> AsyncIterator[str]:
        for one in ids:
            yield one

    sources: list[tuple[Any, dict[str, Any]]] = [
        (path, {}),
        (data, {}),
        (ids, {}),
        (stream(), {}),
        (table, {"column": "id"}),
        (table.to_reader(max_chunksize=1000), {"column": "id"}),
    ]
    with serving(digest=True) as url:
        digests = [asyncio.run(_send(url, source, **options)) for source, options in sources]
    wrong = sum(one != hashlib.sha256(data).hexdigest() for one in digests)
    return [
        Row(f"SHA-256 that differ, of {len(sources)} sources of {len(ids):,} ids", float(wrong), None, 0.0)
    ]


def rows(*, quick: bool = False, folder: str | None = None) -> list[Row]:
    """Measure all figures of uploads."""
    size, count, rounds = (128 * MIB, 2_000_000, 5) if quick else (1024 * MIB, 20_000_000, 5)
    numbers = range(10**9, 10**9 + LINES_OF_A_CHUNK)
    with tempfile.TemporaryDirectory(dir=folder) as made, serving(digest=False) as url:
        path = Path(made, "large.csv")
        chunk = b"".join(b"user%010d\r\n" % number for number in numbers)  # 1 MiB
        with path.open("wb") as file:
            for _ in range(size // len(chunk)):
                file.write(chunk)
        found = [*digest_rows(Path(made)), *file_rows(url, path, rounds)]
        ids = pa.array(range(10**9, 10**9 + ROWS_OF_A_BATCH))
        for name, column in (("int64", ids), ("text", ids.cast(pa.string()))):
            found += arrow_rows(url, pa.record_batch({"id": column}), name, count=count, rounds=rounds)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="smaller figures, in seconds instead of a minute"
    )
    parser.add_argument("--folder", help="directory for the file of 1 GiB")
    options = parser.parse_args()
    show(rows(quick=options.quick, folder=options.folder))

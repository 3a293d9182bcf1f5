"""Small calls beside fifty uploads at once, in one session: how long they take, and how long the event loop is blocked.

    python -m benchmarks.beside [--quick]

The server is a process of its own, which discards uploads and answers a small call after 20 ms, as one across a network does. The same
small calls are made without uploads first, and the ratio is that of the medians. The lag of the loop is how late a timer of 1 ms comes.
Memory is the growth of the whole process over that of the small calls alone: per upload, and per one of those that run at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from attrs import frozen

from benchmarks.process import peak_growth, reset_peak, resident
from benchmarks.table import Row, show
from benchmarks.upload import MIB, TOKEN, serving
from ta_cluster_async import TaSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from ta_cluster_async import Project

UPLOADS = 50
CALLERS = 8
DELAY = 0.02


@frozen(kw_only=True)
class Figures:
    """What was seen while something ran.

    Attributes:
        calls: Seconds of each small call.
        lags: Seconds by which the loop was late, each time.
        grown: Bytes by which the memory of the process grew.
        seconds: How long it took.
    """

    calls: list[float]
    lags: list[float]
    grown: int
    seconds: float

    @property
    def median(self) -> float:
        """Seconds of a small call."""
        return statistics.median(self.calls)


async def observe(project: Project, work: Callable[[], Any]) -> Figures:
    """Make small calls while the work goes on."""
    loop = asyncio.get_running_loop()
    calls: list[float] = []
    lags: list[float] = []

    async def call() -> None:
        while True:
            began = loop.time()
            await project.clusters.progress(1)
            calls.append(loop.time() - began)

    async def watch() -> None:
        while True:
            at = loop.time() + 0.001
            await asyncio.sleep(0.001)
            lags.append(loop.time() - at)

    gc.collect()
    reset_peak()
    before = resident()
    others = [asyncio.create_task(watch()), *(asyncio.create_task(call()) for _ in range(CALLERS))]
    began = time.perf_counter()
    await work()
    seconds = time.perf_counter() - began
    for task in others:
        task.cancel()
    await asyncio.wait(others)
    return Figures(calls=calls, lags=sorted(lags), grown=peak_growth(before), seconds=seconds)


def sources(count: int) -> dict[str, tuple[str, Any, dict[str, Any]]]:
    """Return what is uploaded, by name: of clusters or tags, the source, and the options."""
    numbers = pa.array(range(10**9, 10**9 + count))
    ids = numbers.cast(pa.string())
    values = pa.array(['a, "b"', "gold", "silver"] * (count // 3 + 1)).slice(0, count)
    text = b"id,value\r\n" + b"".join(b"%d,gold\r\n" % one for one in range(10**9, 10**9 + count // 10))
    return {
        "Arrow, text": ("clusters", pa.table({"id": ids}), {}),
        "Arrow, numbers and quoted text": ("tags", pa.table({"id": numbers, "value": values}), {}),
        "a list": ("clusters", ids.to_pylist()[: count // 10], {}),
        "one column of a CSV": ("clusters", text, {"header": True, "column": "id"}),
    }


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all kinds of sources."""
    count = 200_000 if quick else 1_000_000
    found = []
    with serving(digest=False, delay=DELAY) as url:
        for name, (room, source, options) in sources(count).items():
            found += asyncio.run(_rows(url, name, room, source, options))
    return found


async def _rows(url: str, name: str, room: str, source: Any, options: dict[str, Any]) -> list[Row]:
    async with TaSession(url, TOKEN) as ta:
        project = ta.project(102)
        upload = getattr(project, room).upload

        async def one() -> None:
            await upload(source, display_name="b", main_column="#account_id", **options)

        await one()  # loading modules is no part of it
        quiet = await observe(project, lambda: asyncio.sleep(2))
        busy = await observe(project, lambda: asyncio.gather(*(one() for _ in range(UPLOADS))))
        running = min(ta.max_uploads, UPLOADS)
    what = f"{UPLOADS} uploads of {name}"
    ratio = busy.median / quiet.median
    grown = (busy.grown - quiet.grown) / MIB
    p99 = busy.lags[int(len(busy.lags) * 0.99)]
    return [
        Row(f"{what}: small calls, p50", busy.median * 1e3, quiet.median * 1e3, 2.0, unit="ms", ratio=ratio),
        Row(f"{what}: lag of the loop, p99", p99 * 1e3, None, 20.0, unit="ms"),
        Row(f"{what}: lag of the loop, longest", busy.lags[-1] * 1e3, None, 100.0, unit="ms"),
        Row(f"{what}: memory of each", grown / UPLOADS, None, 6.0, unit="MiB"),
        Row(f"{what}: memory of one that runs", grown / running, None, 32.0, unit="MiB"),
        Row(f"{what}: in all", busy.seconds, None, None, unit="s"),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows")
    show(rows(quick=parser.parse_args().quick))

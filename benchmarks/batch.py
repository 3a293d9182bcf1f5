"""The batch runner in virtual time: makespan and requests against lower bounds and against a hand-written loop.

    python -m benchmarks.batch [--quick]

The peer is `asyncio.gather` with a semaphore and a poll every three seconds for each id. Each makespan is compared with two bounds: the formula
max(sum of run times / places, longest run time), which no scheduler can beat and which can only be reached if the run times are known
beforehand, and the makespan of an observer without any delay in the same order, so that the difference is due to polling alone.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import heapq
import math
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from benchmarks.process import peak_growth, resident
from benchmarks.scripted import ScriptedServer
from benchmarks.table import Row, show
from ta_cluster_async.batch import RefreshBatch, Status, refresh_all
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.resources.state import read_progress
from ta_cluster_async.session import TaSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ta_cluster_async.batch import RefreshReport

PLACES = 50
LATENCY = 0.02


@frozen(kw_only=True)
class Result:
    """The makespan of one batch with its bounds, and its requests per cluster."""

    makespan: float
    bound: float
    no_delay: float
    requests: float


def durations(count: int, seed: int) -> dict[int, float]:
    """Draw lognormal run times in seconds: median 60, sigma 1."""
    rng = random.Random(seed)
    return {cluster_id: rng.lognormvariate(math.log(60), 1) for cluster_id in range(1, count + 1)}


def without_delay(seconds: Sequence[float], places: int) -> float:
    """Return the makespan of list scheduling if every end is seen at once."""
    ends = [0.0] * places
    for duration in seconds:
        heapq.heappush(ends, heapq.heappop(ends) + duration)
    return max(ends)


def result_of(
    server: ScriptedServer, seconds: dict[int, float], order: Sequence[int], makespan: float
) -> Result:
    return Result(
        makespan=makespan,
        bound=max(sum(seconds.values()) / PLACES, *seconds.values()),
        no_delay=without_delay([seconds[cluster_id] for cluster_id in order], PLACES),
        requests=server.requests.total() / len(order),
    )


async def run_batch(count: int, seed: int, *, ahead: int = 0, history: bool = False) -> Result:
    seconds = durations(count, seed)
    capacity = PLACES if ahead else None
    order = list(seconds)
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder, "runs.db")
        if history:
            # The first batch fills the journal from which the second one knows the run times.
            first = ScriptedServer(count, seconds.__getitem__, latency=LATENCY)
            async with TaSession("http://127.0.0.1", "benchmark", transport=first) as ta:
                await refresh_all(ta.project(1), order, max_running=PLACES, journal=journal)
            order.sort(key=seconds.__getitem__, reverse=True)
        server = ScriptedServer(count, seconds.__getitem__, latency=LATENCY, capacity=capacity)
        async with TaSession("http://127.0.0.1", "benchmark", transport=server) as ta:
            report = await refresh_all(
                ta.project(1),
                list(seconds),
                max_running=PLACES,
                submit_ahead=ahead,
                journal=journal if history else None,
            )
    assert report.counts == {Status.SUCCEEDED: count}, report.counts
    assert server.most_running <= PLACES + ahead
    return result_of(server, seconds, order, report.makespan)


async def run_naive_loop(count: int, seed: int) -> Result:
    seconds = durations(count, seed)
    server = ScriptedServer(count, seconds.__getitem__, latency=LATENCY)
    places = asyncio.Semaphore(PLACES)
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with TaSession("http://127.0.0.1", "benchmark", transport=server) as ta:
        clusters = ta.project(1).clusters

        async def one(cluster_id: int) -> None:
            async with places:
                await clusters.refresh(cluster_id)
                while await read_progress(ta, 1, cluster_id) not in (100, -1):  # noqa: ASYNC110  (this is measured)
                    await asyncio.sleep(3)

        await asyncio.gather(*(one(cluster_id) for cluster_id in seconds))
    return result_of(server, seconds, list(seconds), loop.time() - began)


def makespans(seeds: Sequence[int], count: int) -> list[Row]:
    rows = []
    cases = (
        ("given order", 0, False, 1.04, 8.0),
        ("queueing server, submit_ahead=10", 10, False, 1.04, 2.6),
        ("queueing server, submit_ahead=10", 10, False, 1.05, 1.5),
        ("longest first by the journal", 0, True, 1.02, math.inf),
    )
    peers = [run(run_naive_loop(count, seed)) for seed in seeds]
    peer = max(result.makespan / result.no_delay for result in peers)
    peer_requests = max(result.requests for result in peers)
    for name, ahead, history, bar, most in cases:
        results = [run(run_batch(count, seed, ahead=ahead, history=history)) for seed in seeds]
        worst = max(result.makespan / result.no_delay for result in results)
        bound = max(result.makespan / result.bound for result in results)
        requests = max(result.requests for result in results)
        rows += [
            Row(f"{name}: makespan / no delay", worst, peer, bar, unit="x"),
            Row(f"{name}: makespan / formula bound", bound, None, bar if history else None, unit="x"),
            Row(f"{name}: requests per cluster", requests, peer_requests, most if most < math.inf else None),
        ]
    return rows


async def stale_windows(count: int) -> tuple[int, int]:
    """Count early ends and wrong outcomes of refreshes that each have a stale window of 3 s."""
    rng = random.Random(3)
    seconds = {cluster_id: rng.uniform(0.2, 20) for cluster_id in range(1, count + 1)}
    server = ScriptedServer(count, seconds.__getitem__, latency=LATENCY, stale=3.0, refresh_time="start")
    for cluster_id in seconds:
        server.before[cluster_id] = (rng.choice([100, -1]), -86400.0)
    early = wrong = 0
    loop = asyncio.get_running_loop()
    async with TaSession("http://127.0.0.1", "benchmark", transport=server) as ta:
        batch = RefreshBatch(ta.project(1), list(seconds), max_running=200)
        began = loop.time()
        async with batch:
            async for event in batch:
                outcome = getattr(event, "outcome", None)
                if outcome is None:
                    continue
                early += began + event.at < server.ended(outcome.cluster_id)
                wrong += outcome.status is not Status.SUCCEEDED
    return early, wrong


async def refresh_many(count: int) -> tuple[float, float, RefreshReport]:
    """Return seconds of CPU per cluster, growth of memory in bytes, and the report of refs from an async iterator."""
    server = ScriptedServer(count, lambda cluster_id: 20.0 + cluster_id % 80, latency=LATENCY, page_size=1000)

    async def refs() -> AsyncIterator[int]:
        for cluster_id in range(1, count + 1):
            yield cluster_id

    gc.collect()
    async with TaSession("http://127.0.0.1", "benchmark", transport=server) as ta:
        before = resident()
        began = time.process_time()
        report = await refresh_all(
            ta.project(1), refs(), max_running=500, keep_successes=False, poll=PollPolicy(first=2.0)
        )
        cpu = time.process_time() - began
        grown = peak_growth(before)
    assert report.counts == {Status.SUCCEEDED: count}, report.counts
    return cpu / count, grown, report


async def lag(count: int) -> float:
    """Return the longest delay in seconds of the real event loop with `count` refreshes in flight."""
    server = ScriptedServer(count, lambda _: 8.0, latency=0.005, page_size=1000)
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        loop = asyncio.get_running_loop()
        while True:
            at = loop.time() + 0.005
            await asyncio.sleep(0.005)
            worst = max(worst, loop.time() - at)

    async with TaSession("http://127.0.0.1", "benchmark", transport=server) as ta:
        watcher = asyncio.create_task(watch())
        report = await refresh_all(ta.project(1), list(range(1, count + 1)), max_running=count)
        watcher.cancel()
    assert report.counts == {Status.SUCCEEDED: count}
    return worst


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all figures of the batch runner."""
    seeds = range(1) if quick else range(3)
    small, large = (10_000, 50_000) if quick else (100_000, 1_000_000)
    longest = min(asyncio.run(lag(1_000)) for _ in range(3))  # other work of the machine only adds to it
    found = makespans(list(seeds), 2_000)
    early, wrong = run(stale_windows(1_000 if quick else 10_000))
    cpu_small, _, _ = run(refresh_many(small))
    cpu_large, grown, _ = run(refresh_many(large))
    return [
        *found,
        Row("stale windows of 3 s: early ends", float(early), None, 0.0),
        Row("stale windows of 3 s: wrong outcomes", float(wrong), None, 0.0),
        Row(f"{large:,} references: growth of memory", grown / 1e6, None, 200.0, unit="MB"),
        Row(f"CPU per cluster, {large:,} against {small:,}", cpu_large / cpu_small, None, 1.2, unit="x"),
        Row(f"CPU per cluster, {large:,}", cpu_large * 1e6, None, None, unit="us"),
        Row("1,000 in flight: longest lag", longest * 1e3, None, 50.0, unit="ms"),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller figures, in seconds instead of minutes")
    show(rows(quick=parser.parse_args().quick))

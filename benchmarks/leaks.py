"""Leaks: file descriptors, threads, tasks and traced memory that are left after many calls, sessions and refreshes.

    python -m benchmarks.leaks [--quick]

Calls and sessions go to an emulator in a process of its own with faults in one of twenty requests, and some are cancelled, time out or are
refused, since such paths leak most easily. The batch runs in virtual time. Memory is what tracemalloc counts after a warm-up that fills
caches and the connection pool; files and threads are counted outside the event loop, where none may be left. The exit code is 1 if
something grew.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import tempfile
import threading
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from benchmarks.scripted import ScriptedServer
from benchmarks.serving import PROJECT, serving
from benchmarks.table import Row, show
from ta_cluster_async import (
    ConditionCluster,
    Finished,
    PollPolicy,
    RefreshTicket,
    Status,
    TaError,
    TaSession,
    all_of,
    refresh_all,
    user,
)
from ta_cluster_async.emulator.loop import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from benchmarks.serving import EmulatorProcess
    from ta_cluster_async import Clusters
    from ta_cluster_async.batch import Event

AT_ONCE = 8
POLL = PollPolicy(first=0.02, longest=0.1, settle=0.1, grace=2.0)
# Random growth of dictionaries and free lists. A leak of the smallest object per call is ten times that.
SLACK = 64e3


@frozen
class Resources:
    """The resources of this process at one moment.

    Attributes:
        files: Open file descriptors.
        threads: Threads.
        tasks: Tasks of the running event loop, including this one; 0 outside a loop.
        memory: Bytes that tracemalloc counts.
    """

    files: int
    threads: int
    tasks: int
    memory: int

    @classmethod
    def now(cls) -> Resources:
        """Count them after a garbage collection."""
        for _ in range(3):
            gc.collect()
        try:
            tasks = len(asyncio.all_tasks())
        except RuntimeError:
            tasks = 0
        files = (
            sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1
        )  # without the one that reads the directory
        return cls(files, threading.active_count(), tasks, tracemalloc.get_traced_memory()[0])


@frozen
class Leaks:
    """The resources that a measurement left.

    Attributes:
        files: File descriptors after the end of the event loop.
        threads: Threads after the end of the event loop.
        tasks: Tasks before the end of the event loop.
        memory: Growth in bytes from the warm-up to the end.
        each: Bytes per cluster while the batch ran; None for others.
    """

    files: int
    threads: int
    tasks: int
    memory: int
    each: float | None = None

    def rows(self, what: str) -> list[Row]:
        """Make a row for each figure, with its bar."""
        found = [
            Row(f"{what}: file descriptors left", float(self.files), None, 0.0),
            Row(f"{what}: threads left", float(self.threads), None, 0.0),
            Row(f"{what}: tasks left", float(self.tasks), None, 0.0),
            Row(f"{what}: traced memory left", self.memory / 1e3, None, SLACK / 1e3, unit="kB"),
        ]
        if self.each is not None:
            # A set holds the clusters that were given, so that none is refreshed twice.
            found.append(
                Row(f"{what}: traced memory for each, while it runs", self.each, None, 150.0, unit="B")
            )
        return found


def leaks_of(
    measure: Callable[[], Coroutine[None, None, tuple[Resources, Resources]]],
    runner: Callable[
        [Coroutine[None, None, tuple[Resources, Resources]]], tuple[Resources, Resources]
    ] = asyncio.run,
) -> Leaks:
    """Run a measurement, which counts after its warm-up and at its end, and count before and after it."""
    tracemalloc.start()
    try:
        outside = Resources.now()
        warm, end = runner(measure())
        closed = Resources.now()
    finally:
        tracemalloc.stop()
    return Leaks(
        closed.files - outside.files,
        closed.threads - outside.threads,
        end.tasks - 1,
        end.memory - warm.memory,
    )


async def _count_later() -> Resources:
    await asyncio.sleep(0.05)  # closed connections run their last callbacks
    return Resources.now()


# Calls


async def _create_and_delete(clusters: Clusters, number: int) -> None:
    definition = ConditionCluster(f"leak_{number}", "Leak", all_of(user("vip").is_true()))
    with suppress(TaError):
        await clusters.create(definition)
    await clusters.delete(f"leak_{number}")


async def _refresh(clusters: Clusters, number: int) -> None:
    handle = await clusters.refresh(f"seeded_{1 + number % 40}", poll=POLL)
    if number % 3 == 0:
        await handle.wait(timeout=1.0)
    elif number % 3 == 1:
        async for _ in clusters.attach(
            RefreshTicket.from_json(handle.ticket.to_json()), poll=POLL
        ).progress():
            break


async def _first_rows(clusters: Clusters, _: int) -> None:
    async for _row in clusters.list(page_size=10).ahead():
        break


async def _upload(clusters: Clusters, number: int) -> None:
    with suppress(TaError):
        await clusters.upload(
            [f"id{number}"], name=f"up_{number}", display_name="Leak", main_column="#account_id"
        )
    await clusters.delete(f"up_{number}")


async def _cancelled(clusters: Clusters, number: int) -> None:
    task = asyncio.ensure_future(clusters.detail("seeded_1"))
    for _ in range(number % 12):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


KINDS: tuple[Callable[[Clusters, int], Coroutine[None, None, object]], ...] = (
    lambda clusters, number: clusters.progress(970 + number % 40),
    lambda clusters, number: clusters.detail(f"seeded_{1 + number % 40}"),
    lambda clusters, _: clusters.detail("no_such_cluster"),
    lambda clusters, _: clusters.detail("seeded_1", timeout=0.001),
    lambda clusters, number: clusters.update(f"seeded_{1 + number % 40}", {"displayName": f"Leak {number}"}),
    lambda clusters, _: clusters.create({"clusterName": "no name, this"}),
    _first_rows,
    _create_and_delete,
    _refresh,
    _upload,
    _cancelled,
)


async def _all(clusters: Clusters, first: int, count: int) -> None:
    """Make `count` calls of all kinds in turn, several at a time."""
    numbers = iter(range(first, first + count))

    async def work() -> None:
        for number in numbers:
            with suppress(TaError):
                await KINDS[number % len(KINDS)](clusters, number)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def calls(server: EmulatorProcess, count: int) -> tuple[Resources, Resources]:
    """Measure many calls in one session."""
    warm_up = max(count // 5, 100)
    async with TaSession(server.url, server.token, timeout=3.0) as ta:
        clusters = ta.project(PROJECT).clusters
        await _all(clusters, 0, warm_up)
        before = await _count_later()
        await _all(clusters, warm_up, count)
        return before, await _count_later()


# Sessions


async def sessions(server: EmulatorProcess, count: int) -> tuple[Resources, Resources]:
    """Measure many sessions that are opened and closed: unused, after a call, and during calls."""

    async def cycle(number: int) -> None:
        active: list[asyncio.Task[int]] = []
        async with TaSession(server.url, server.token, timeout=3.0) as ta:
            clusters = ta.project(PROJECT).clusters
            if number % 3:
                with suppress(TaError):
                    await clusters.progress(970)
            if number % 3 == 2:
                active = [asyncio.ensure_future(clusters.progress(970 + one)) for one in range(4)]
                await asyncio.sleep(0)
        await asyncio.gather(*active, return_exceptions=True)

    for number in range(max(count // 5, 30)):
        await cycle(number)
    before = await _count_later()
    for number in range(count):
        await cycle(number)
    return before, await _count_later()


# The batch


async def batches(count: int, each: list[float], journal: str | None = None) -> tuple[Resources, Resources]:
    """Measure one batch after a small one. Appends the bytes per cluster to `each`."""
    seen: list[int] = []
    finished = 0

    def count_finished(event: Event) -> None:
        nonlocal finished
        finished += isinstance(event, Finished)
        if isinstance(event, Finished) and finished in (count // 5, count * 4 // 5):
            seen.append(Resources.now().memory)

    await _refresh_all(max(count // 20, 100), journal, lambda _: None)
    before = await _count_later()
    await _refresh_all(count, journal, count_finished)
    each.append((seen[1] - seen[0]) / (count * 4 // 5 - count // 5))
    return before, await _count_later()


async def _refresh_all(count: int, journal: str | None, on_event: Callable[[Event], None]) -> None:
    """Refresh all clusters of a new server."""

    async def refs() -> AsyncIterator[int]:
        for cluster_id in range(1, count + 1):
            yield cluster_id

    server = ScriptedServer(count, lambda cluster_id: 20.0 + cluster_id % 8, latency=0.02, page_size=1000)
    async with TaSession("http://127.0.0.1", "benchmark", transport=server) as ta:
        report = await refresh_all(
            ta.project(1),
            refs(),
            max_running=500,
            keep_successes=False,
            poll=PollPolicy(first=18.0),
            journal=journal,
            on_event=on_event,
        )
    assert report.counts == {Status.SUCCEEDED: count}, report.counts


def leaks_of_batch(count: int, *, with_journal: bool = False) -> Leaks:
    """Return the leaks of a batch."""
    each: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        journal = str(Path(folder, "runs.db")) if with_journal else None
        found = leaks_of(lambda: batches(count, each, journal), run)
    return Leaks(found.files, found.threads, found.tasks, found.memory, each[0])


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all figures."""
    many_calls, many_sessions, many_clusters = (1_000, 100, 10_000) if quick else (10_000, 1_000, 100_000)
    with serving(faults=0.05, clusters=40) as server:
        by_calls = leaks_of(lambda: calls(server, many_calls))
        by_sessions = leaks_of(lambda: sessions(server, many_sessions))
        done = {effect.kind for effect in server.records().applied}
    assert done == {"created", "updated", "deleted", "refreshed", "uploaded"}, (
        done
    )  # no kind of call failed every time
    return [
        *by_calls.rows(f"{many_calls:,} calls"),
        *by_sessions.rows(f"{many_sessions:,} sessions"),
        *leaks_of_batch(many_clusters).rows(f"{many_clusters:,} clusters"),
        *leaks_of_batch(many_clusters // 10, with_journal=True).rows(
            f"{many_clusters // 10:,} clusters with a journal"
        ),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    found = rows(quick=parser.parse_args().quick)
    show(found)
    sys.exit(any(row.held is False for row in found))

"""What the journals of `data` tell: some batches that ended in all ways, and one whose process died.

It uses public names alone, so that an earlier version of the library can play it too.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ta_cluster_async import (
    Finished,
    Journal,
    PollPolicy,
    RefreshBatch,
    RetryPolicy,
    TaSession,
    refresh_all,
)
from ta_cluster_async.emulator import Emulator, Fault, JobPlan, Settings, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ta_cluster_async import Project
    from ta_cluster_async.emulator import RequestRecord

URL = "http://ta2:8992"
"""The address that stands in the files, where a real one would name a port of the machine that wrote them."""

SEEDED = 30
"""So many clusters there are, with the ids 970 and so on, and the names seeded_1 and so on."""

FINISHED = 990
SUBMITTED = 991
SUBMITTED_NAME = "seeded_22"
INTENDED = 992
NOT_BEGUN = (993, 994)
UNKNOWN = "nobody"
INTERRUPTED_REFS: tuple[int | str, ...] = (UNKNOWN, FINISHED, SUBMITTED_NAME, INTENDED, *NOT_BEGUN)
"""What the batch was given whose process died: what became of each is the name of its constant."""

SHORT, LONG = 970, 983
"""Two clusters that were refreshed with success, the second for ten times as long."""

POLL = PollPolicy(first=1.0, longest=20.0, settle=5.0, grace=60.0, stall=600.0, errors=120.0)


def settings() -> Settings:
    """An emulator that makes its user counts up, which is quick."""
    return Settings(evaluate=False, stale_seconds=0.0)


def emulator() -> Emulator:
    """The server of all these batches."""
    em = Emulator(settings=settings(), job_seconds=5.0, capacity=20)
    em.seed_clusters(SEEDED)
    return em


def refresh_of(*refs: int | str) -> Callable[[RequestRecord], bool]:
    """Whether a request starts the refresh of one of these."""
    wanted = {str(ref) for ref in refs}
    return lambda record: "refresh" in record.name and bool(wanted & set(map(str, record.query.values())))


def write_journal(path: Path, scratch: Path) -> None:
    """Play all of it, and leave at `path` what a kill would leave there, as one file that names no machine."""
    run(_play(path, scratch))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE projects SET base_url = ?", (URL,))
        connection.execute(
            "UPDATE runs SET host = 'worker1', machine = '', pid = 4711, process_start = '' WHERE host IS NOT NULL"
        )
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("VACUUM")


async def _play(path: Path, scratch: Path) -> None:
    # An hour ago, as all of it takes half an hour of a clock that jumps: when it is written, the last lease has expired.
    began, loop = time.time() - 3_600.0, asyncio.get_running_loop()
    zero = loop.time()
    journal = Journal(scratch, clock=lambda: began + loop.time() - zero)
    async with emulator() as em, TaSession(em.url, em.token, retry=RetryPolicy(attempts=2)) as session:
        project = session.project(em.project_id)
        await _all_endings(em, project, journal)
        await _nobody_looks(em, project, journal)
        em.faults.clear()
        em.plan(981, JobPlan(fails=True))
        await refresh_all(project, [981, 982], max_running=1, max_failures=1, poll=POLL, journal=journal)
        em.plan(984, JobPlan(seconds=500.0))
        await project.clusters.refresh(984)
        await refresh_all(project, [984, 985], on_running="fail", poll=POLL, journal=journal)
        em.plan(982, JobPlan(fails=True))
        await refresh_all(
            project, [982, 985, 987], depends_on={985: [982], 987: [985, "gone"]}, poll=POLL, journal=journal
        )
        em.plan(986, JobPlan(seconds=500.0))
        await refresh_all(project, [986, 987, 988], max_running=1, timeout=30, poll=POLL, journal=journal)
        await _die(em, project, journal, path)


async def _all_endings(em: Emulator, project: Project, journal: Journal) -> None:
    em.plan(LONG, JobPlan(seconds=50.0))
    em.plan(971, JobPlan(fails=True))
    em.plan(972, JobPlan(seconds=100.0, stops_at=40))
    em.faults.add(Fault.return_code(0, "success"), when=refresh_of(973), count=None)
    em.plan(974, JobPlan(seconds=30_000.0))
    em.faults.add(Fault.return_code(-3008, "refused: 分群 #975"), when=refresh_of(975), count=None)
    em.plan(976, JobPlan(seconds=5_000.0))
    await project.clusters.refresh(976)
    em.faults.add(Fault.reset(before=True), when=refresh_of(977), count=None)
    em.faults.add(Fault.return_code(-1005, "请求频率过快"), when=refresh_of(978), count=None)
    em.faults.add(Fault.html(500), when=refresh_of(979), count=None)
    em.plan(980, JobPlan(seconds=200.0))
    deleting = asyncio.create_task(_delete_later(project, 980))
    refs = [
        SHORT,
        "seeded_2",
        *range(972, 981),
        LONG,
        UNKNOWN,
        999_999,
        "分群 没有",
    ]
    await refresh_all(
        project, refs, on_running="skip", cluster_timeout=1_500.0, poll=POLL, journal=journal, max_running=20
    )
    await deleting


async def _delete_later(project: Project, cluster_id: int) -> None:
    await asyncio.sleep(50)
    await project.clusters.delete(cluster_id)


async def _nobody_looks(em: Emulator, project: Project, journal: Journal) -> None:
    """The server takes the refresh, and from then on it cannot be reached."""
    em.plan(989, JobPlan(seconds=5_000.0))

    async def hide() -> None:
        await asyncio.sleep(10)
        em.faults.add(Fault.status(503, text="no"), count=None)

    hiding = asyncio.create_task(hide())
    await refresh_all(project, [989], poll=POLL, journal=journal)
    await hiding


async def _die(em: Emulator, project: Project, journal: Journal, path: Path) -> None:
    """Take a copy of the file, which has all that is durable, while the batch is in the middle."""
    em.plan(SUBMITTED, JobPlan(seconds=3_600.0))
    em.faults.add(Fault.stall(), when=refresh_of(INTENDED))
    async with RefreshBatch(project, INTERRUPTED_REFS, max_running=2, poll=POLL, journal=journal) as batch:
        async for event in batch:
            if isinstance(event, Finished) and event.outcome.ref == FINISHED:
                break
        await asyncio.sleep(3)
        with closing(sqlite3.connect(journal.path)) as source, closing(sqlite3.connect(path)) as copy:
            source.backup(copy)
        em.faults.clear()
        batch.cancel()


def move_to(path: Path, url: str) -> None:
    """Let a copy of a journal speak of the server at `url`."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE projects SET base_url = ?", (url,))


def version_of(path: Path) -> int:
    """The version of a journal's tables."""
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return int(version)


def told(journal: Journal) -> list[dict[str, Any]]:
    """All that a journal says of its runs, the newest first, as JSON values."""
    return [
        {
            "run_id": info.run_id,
            "base_url": info.base_url,
            "project_id": info.project_id,
            "started_at": info.started_at.isoformat(),
            "ended_at": None if info.ended_at is None else info.ended_at.isoformat(),
            "state": info.state,
            "holder": info.holder,
            "counts": {status.value: count for status, count in info.counts.items()},
            "unfinished": info.unfinished,
            "max_running": info.max_running,
            "requests": info.requests,
            "makespan": info.makespan,
            "outcomes": [outcome.to_dict() for outcome in journal.outcomes(info.run_id)],
        }
        for info in journal.runs()
    ]

"""Reports and journals of made-up batches, large and small, with names and messages from a hostile server."""

from __future__ import annotations

import asyncio
import heapq
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ta_cluster_async import (
    LowerBound,
    Outcome,
    RefreshReport,
    RefreshTicket,
    Status,
)
from ta_cluster_async.batch import Journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NIGHT = datetime(2020, 1, 10, 2, tzinfo=UTC)
HOSTILE = '<script>window.hit = 1</script><img src=x onerror="window.hit = 2">&amp; \'"]]>'
CONTROL = "a\x00b\x0bc\x1b[31md\ud800e\ufffef"
NAMES = (
    "recent_7_days_consume",
    "whales",
    "pay_tier",
    "newsletter",
    "最近七天消费的用户分群",
    "left_the_game",
)
REASONS = {
    Status.FAILED: "The server reports that the computation failed. Look at the cluster's definition in TA, then refresh it again.",
    Status.STALLED: "The progress has not moved for 600 seconds. The server may still be working: attach to the ticket.",
    Status.TIMED_OUT: "The time to wait is over and the refresh still runs.",
    Status.UNCONFIRMED: "The grace time ended and nothing proves that the refresh ran.",
    Status.REJECTED: "There is no such cluster.",
    Status.CANCELLED: "The batch was stopped before its end was seen.",
}


def batch(
    count: int, *, max_running: int = 16, seed: int = 1, trouble: float = 0.04, began: datetime = NIGHT
) -> RefreshReport:
    """A batch on a server with a queue, each cluster with run times of its own, the longest first."""
    rng = random.Random(seed)
    typical = random.Random(0)
    usual = {index: typical.lognormvariate(3.4, 0.9) for index in range(count)}
    places = [0.6 + 0.05 * index for index in range(max_running)]
    ends: list[tuple[float, Outcome]] = []
    for index in sorted(usual, key=usual.__getitem__, reverse=True):
        free = heapq.heappop(places)
        queued = rng.expovariate(0.5)
        ran = usual[index] * rng.lognormvariate(0, 0.25) * (4 if rng.random() < 0.01 else 1)
        blind = rng.uniform(0.2, 0.15 * ran + 1)
        status = Status.SUCCEEDED
        if rng.random() < trouble:
            status = rng.choice(list(REASONS))
        seen = status in (Status.SUCCEEDED, Status.FAILED)
        submitted = None if status is Status.REJECTED else began + timedelta(seconds=free)
        end = free + (queued + ran + blind / 2 if submitted else 0)
        heapq.heappush(places, end + 0.1)
        ends.append((end, _outcome(index, status, submitted, (queued, ran, blind) if seen else None)))
    ends.sort(key=lambda one: one[0])
    return report_of(
        [outcome for _, outcome in ends], max_running=max_running, makespan=ends[-1][0], began=began
    )


def hostile() -> RefreshReport:
    """A batch in which every text of the server is markup, control characters and halves of characters."""
    at = NIGHT + timedelta(seconds=1)
    names = [HOSTILE, CONTROL, "\u202egnp.exe", "<b>bold</b>", "x" * 5_000]
    outcomes = [
        Outcome(
            ref=970 + place,
            cluster_id=970 + place,
            cluster_name=name,
            status=Status.FAILED if place % 2 else Status.SUCCEEDED,
            message=f"{name} {HOSTILE} {CONTROL}" if place % 2 else "",
            queue_seconds=1.0,
            run_seconds=20.0 + place,
            detect_seconds=1.0,
            attempts=1,
            ticket=RefreshTicket(project_id=102, cluster_id=970 + place, submitted_at=at),
        )
        for place, name in enumerate(names)
    ]
    outcomes.append(Outcome(ref=HOSTILE, status=Status.REJECTED, message=CONTROL + HOSTILE))
    return report_of(outcomes, makespan=30.0)


def report_of(
    outcomes: Sequence[Outcome], *, max_running: int = 16, makespan: float = 60.0, began: datetime = NIGHT
) -> RefreshReport:
    """The report of a batch with these outcomes."""
    counts = {status: sum(one.status is status for one in outcomes) for status in Status}
    seconds = [one.run_seconds for one in outcomes if one.run_seconds is not None]
    return RefreshReport(
        run_id=f"{began:%Y%m%dT%H%M%SZ}-0123abcd",
        project_id=102,
        started_at=began,
        makespan=makespan,
        requests=6 * len(outcomes),
        max_running=max_running,
        counts={status: count for status, count in counts.items() if count},
        lower_bound=LowerBound(work=sum(seconds) / max_running, longest=max(seconds, default=0.0)),
        outcomes=tuple(outcomes),
    )


def write_journal(
    path: Path, *reports: RefreshReport, complete: bool = True, url: str = "http://ta2:8992"
) -> list[str]:
    """Write these batches into a journal, one run after the other, as runners do. Returns their run ids."""
    return [asyncio.run(_written(path, report, complete, url)) for report in reports]


async def _written(path: Path, report: RefreshReport, complete: bool, url: str) -> str:  # noqa: FBT001
    now = report.started_at.timestamp()
    journal = Journal(path, clock=lambda: now)
    held = await journal.open(base_url=url, project_id=report.project_id, max_running=report.max_running)
    for outcome in report.outcomes:
        held.finished(outcome)
    await held.flush()
    now += report.makespan
    # A killed process leaves no makespan.
    makespan = report.makespan if complete else 0.0
    await held.close(complete=complete, requests=report.requests, makespan=makespan)
    return held.run_id


def _outcome(
    index: int, status: Status, submitted: datetime | None, seconds: tuple[float, float, float] | None
) -> Outcome:
    cluster_id = 1000 + index
    queued, ran, blind = seconds or (None, None, None)
    ticket = None
    if submitted is not None:
        ticket = RefreshTicket(project_id=102, cluster_id=cluster_id, submitted_at=submitted)
    return Outcome(
        ref=cluster_id,
        cluster_id=cluster_id,
        cluster_name=f"{NAMES[index % len(NAMES)]}_{index}",
        status=status,
        message=REASONS.get(status, ""),
        progress=100 if status is Status.SUCCEEDED else 40,
        users_num=1234 * index,
        queue_seconds=queued,
        run_seconds=ran,
        detect_seconds=blind,
        attempts=1,
        ticket=ticket,
    )

"""What a plan takes in bytes, and whether batches that run one start anything twice: after a kill, and beside a living copy.

    python -m benchmarks.plan [--quick]

The batches run against the emulator in virtual time. A batch is killed when a part of its clusters is started, and another one runs its
first plan, or its latest. What is counted are the requests that reached the server.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve

from benchmarks.table import Row, show
from ta_cluster_async import (
    Catalog,
    PlannedRefresh,
    RefreshBatch,
    RefreshPlan,
    Status,
    Submitted,
    TaSession,
    plan_refresh,
    refresh_all,
)
from ta_cluster_async.batch.plan.record import PlanRecord
from ta_cluster_async.emulator import Emulator, Settings
from ta_cluster_async.emulator.loop import run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ta_cluster_async import Project, RefreshReport

    Story = Callable[[Emulator, Project], Awaitable["Result"]]

Result = TypeVar("Result")

MADE_AT = datetime(2026, 11, 29, 1, 2, 3, tzinfo=UTC)
NIGHT = datetime(2026, 11, 28, 3, 0, 0)  # noqa: DTZ001 - server times have no zone
# A server that queues, one that shows the state before while it does, and one that does so for all for 5 seconds.
SERVERS = {
    "queued, shows 0": Settings(evaluate=False),
    "queued, shows the state before": Settings(evaluate=False, queued_shows="previous"),
    "queued, shows it for 5 s at least": Settings(evaluate=False, queued_shows="previous", stale_seconds=5.0),
}


def night(count: int, *, names: bool = False, begun: bool = False) -> RefreshPlan:
    """Return a plan of clusters that were refreshed at random times of a day."""
    rng = Random(7)
    refreshes: dict[int | str, PlannedRefresh] = {}
    for number, cluster_id in enumerate(sorted(rng.sample(range(1, 6 * count), count))):
        ref = (
            f"{rng.choice(['pay', 'login', 'ad'])}_users_{number}_{rng.randrange(1000)}"
            if names
            else cluster_id
        )
        refreshes[ref] = PlannedRefresh(
            ref=ref,
            cluster_id=cluster_id,
            catalog=Catalog.CLUSTER,
            baseline_progress=100,
            baseline_refresh_time=NIGHT + timedelta(seconds=rng.randrange(86_400)),
            state="submitted" if begun else "planned",
            submitted_at=MADE_AT + timedelta(milliseconds=rng.randrange(3_600_000)) if begun else None,
            attempts=int(begun),
        )
    return RefreshPlan(project_id=102, made_at=MADE_AT, refreshes=refreshes)


def sizes() -> list[Row]:
    """Measure the bytes of a plan."""
    fresh, named = night(10_000), night(10_000, names=True, begun=True)
    return [
        Row("plan of 10,000 baselines: bytes each", len(fresh.to_bytes()) / 10_000, None, 12.0, "B"),
        Row("plan of 10,000 names and tickets: bytes each", len(named.to_bytes()) / 10_000, None, 30.0, "B"),
    ]


def taking(count: int) -> float:
    """Return the microseconds that the plan of a running batch takes, of which a hundred clusters have moved."""
    plan = night(count)
    record = PlanRecord(plan.project_id, plan.made_at, plan)
    for one in list(plan)[:100]:
        ticket = one.ticket(plan.project_id, plan.made_at)
        assert ticket is not None
        record.begun(one.ref, ticket, "submitted", 1)
    best = min(_seconds_of(lambda: record.plan) for _ in range(200))
    return best * 1e6


def _seconds_of(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def tell(story: Story[Result], settings: Settings, seed: int) -> Result:
    """Tell a story of one emulator and one project, in virtual time."""

    async def main() -> Result:
        emulator = Emulator(
            settings=settings, capacity=4, job_seconds=lambda _, r: r.uniform(1.0, 10.0), seed=seed
        )
        async with emulator as em, TaSession(em.url, em.token) as ta:
            return await story(em, ta.project(em.project_id))

    return run(main())


def wrong(em: Emulator, ids: list[int]) -> int:
    """Return how many requests to start a cluster were too many or too few."""
    sent = Counter(
        int(request.query["clusterId"])
        for request in em.requests
        if request.path.endswith("user-cluster-refresh")
    )
    return sum(abs(sent[cluster_id] - 1) for cluster_id in ids)


def killed(settings: Settings, share: float, seed: int, clusters: int, *, latest: bool) -> int:
    """Kill a batch when a part is started, and run its plan again. Returns what was started twice or never."""

    async def story(em: Emulator, project: Project) -> int:
        ids = em.seed_clusters(clusters)
        stored = (await plan_refresh(project, ids)).to_bytes()
        batch = RefreshBatch(project, plan=RefreshPlan.from_bytes(stored))
        async with batch:
            async for event in batch:
                if isinstance(event, Submitted) and len(em.effects) >= share * clusters:
                    break
            if latest:
                stored = batch.plan.to_bytes()
            batch.cancel()
        report = await refresh_all(project, plan=RefreshPlan.from_bytes(stored))
        return wrong(em, ids) + clusters - report.counts.get(Status.SUCCEEDED, 0)

    return tell(story, settings, seed)


def copies(settings: Settings, apart: float, seed: int, clusters: int) -> int:
    """Run a plan twice at the same time. Returns what was started twice or never."""

    async def story(em: Emulator, project: Project) -> int:
        ids = em.seed_clusters(clusters)
        plan = await plan_refresh(project, ids)

        async def copy(wait: float) -> RefreshReport:
            await asyncio.sleep(wait)
            return await refresh_all(project, plan=plan)

        await asyncio.gather(copy(0.0), copy(apart))
        return wrong(em, ids)

    return tell(story, settings, seed)


def retried(seed: int, clusters: int) -> int:
    """Run a plan on a server where three of ten fail, and then `retry_failed`. Returns what was started too often or not again."""

    async def story(em: Emulator, project: Project) -> int:
        plan = await plan_refresh(project, em.seed_clusters(clusters))
        async with RefreshBatch(project, plan=plan) as batch:
            pass
        failed = {outcome.cluster_id for outcome in batch.report.failures}
        em.requests.clear()
        await refresh_all(project, plan=RefreshPlan.from_bytes(batch.plan.retry_failed().to_bytes()))
        sent = Counter(
            int(request.query["clusterId"])
            for request in em.requests
            if request.path.endswith("user-cluster-refresh")
        )
        return sum(abs(sent[one] - (one in failed)) for one in {*sent, *failed} if one is not None)

    return tell(story, evolve(SERVERS["queued, shows 0"], failure_rate=0.3), seed)


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all figures."""
    seeds, clusters = (1, 40) if quick else (5, 120)
    small, large = taking(1_000), taking(60_000)
    table = [
        *sizes(),
        Row(
            "plan of a running batch, 60,000 against 1,000 clusters",
            large,
            small,
            3.0,
            "us",
            ratio=large / small,
        ),
    ]
    for name, settings in SERVERS.items():
        for latest in (False, True):
            total = sum(
                killed(settings, share, seed, clusters, latest=latest)
                for share in (0.25, 0.5, 0.75)
                for seed in range(seeds)
            )
            which = "latest" if latest else "first"
            table.append(Row(f"{name}: killed, {which} plan: double, lost", float(total), None, 0.0))
        if not settings.stale_seconds:  # a copy cannot be seen in answers that are older than it
            total = sum(copies(settings, 2.0, seed, clusters) for seed in range(seeds))
            table.append(Row(f"{name}: a copy 2 s later: double, lost", float(total), None, 0.0))
            total = sum(copies(settings, 0.0, seed, clusters) for seed in range(seeds))
            share = 100.0 * total / (seeds * clusters)
            table.append(Row(f"{name}: two copies at once: double, lost", share, None, 1.0, "%"))
    total = sum(retried(seed, clusters) for seed in range(seeds))
    table.append(Row("retry_failed: successes started, failures not", float(total), None, 0.0))
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer seeds and clusters")
    show(rows(quick=parser.parse_args().quick))

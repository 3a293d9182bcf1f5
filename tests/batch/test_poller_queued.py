"""A cluster alone in its batch that waits in the server's queue: its end is seen soon, and its run time is told nearly right."""

from __future__ import annotations

import asyncio
from random import Random
from statistics import mean
from typing import Literal, NamedTuple

import pytest

from ta_cluster_async import TaSession, refresh_all
from ta_cluster_async.emulator import Emulator, Settings
from ta_cluster_async.emulator.loop import run


class Seen(NamedTuple):
    """How late the end was seen, the run time that was reported over the true one, if any was, and the requests."""

    late: float
    ratio: float | None
    requests: int


def behind_another(waits: float, seconds: float, refresh_time: Literal["start", "end"]) -> Seen:
    """Refresh a cluster that waits until another one has ended, which takes so many seconds."""

    async def main() -> Seen:
        emulator = Emulator(
            settings=Settings(evaluate=False, refresh_time=refresh_time),
            capacity=1,
            job_seconds=lambda cluster_id, _: waits if cluster_id == 970 else seconds,
        )
        async with emulator as em, TaSession(em.url, em.token) as ta:
            other, cluster_id = em.seed_clusters(2)
            assert other == 970
            project = ta.project(em.project_id)
            await project.clusters.refresh(other)
            began = asyncio.get_running_loop().time()
            report = await refresh_all(project, [cluster_id])
            ended = began + report.makespan
            assert report.ok
            finished = em.jobs[1].finished
            run_seconds = report.outcomes[0].run_seconds
            assert finished is not None
            ratio = None if run_seconds is None else run_seconds / seconds
            return Seen(ended - finished, ratio, report.requests)

    return run(main())


def check_run_times(seen: list[Seen]) -> None:
    """They are known but for a few that were seen to run only once, and are right."""
    ratios = [one.ratio for one in seen if one.ratio is not None]
    assert len(ratios) >= 0.9 * len(seen)
    assert all(0.5 <= ratio <= 1.5 for ratio in ratios)


@pytest.mark.parametrize("refresh_time", ["start", "end"])
def test_the_end_after_a_long_wait_in_the_queue_is_seen_soon(refresh_time: Literal["start", "end"]) -> None:
    random = Random(16)
    seen = [behind_another(random.uniform(20, 40), random.uniform(10, 20), refresh_time) for _ in range(100)]
    assert mean(one.late for one in seen) <= 1
    assert max(one.late for one in seen) <= 3
    check_run_times(seen)
    assert max(one.requests for one in seen) <= 20


def test_the_end_after_a_short_wait_in_the_queue_is_seen_soon() -> None:
    random = Random(16)
    seen = [behind_another(random.uniform(3, 8), random.uniform(10, 20), "start") for _ in range(50)]
    assert mean(one.late for one in seen) <= 1
    assert max(one.late for one in seen) <= 3
    check_run_times(seen)

"""Servers whose answers are behind, that forget, and that refuse what they cannot run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ta_cluster_async import ApiError
from ta_cluster_async.emulator import ReturnCodes, Settings
from tests.world import in_virtual_time


def test_a_full_queue_refuses_with_its_code_until_a_computation_has_ended() -> None:
    async def story(world: Any) -> None:
        first, second, third = world.em.seed_clusters(3)
        await world.clusters.refresh(first)
        await world.clusters.refresh(second)
        with pytest.raises(ApiError) as caught:
            await world.clusters.refresh(third)
        assert caught.value.return_code == -42
        assert len(world.em.jobs) == 2
        await asyncio.sleep(11)
        await world.clusters.refresh(third)
        assert len(world.em.jobs) == 3

    settings = Settings(evaluate=False, max_jobs=2, codes=ReturnCodes(queue_full=-42))
    in_virtual_time(story, settings=settings, capacity=1, job_seconds=10.0)


def test_a_list_that_is_behind_shows_what_was_shown_before() -> None:
    async def story(world: Any) -> list[int]:
        [cluster] = world.em.seed_clusters(1)
        await world.clusters.refresh(cluster)
        seen = []
        for _ in range(4):
            await asyncio.sleep(5)
            [row] = await world.clusters.list().collect()
            seen.append(row.progress)
        assert (await world.clusters.detail(cluster)).progress == 100
        return seen

    settings = Settings(evaluate=False, list_lag=7.0)
    # 5 s after the refresh that takes 10: as before; then 3 and 8 s into it; then its end.
    assert in_virtual_time(story, settings=settings, job_seconds=10.0) == [100, 30, 80, 100]


def test_a_restart_shows_what_was_shown_before_and_starts_nothing_again() -> None:
    async def story(world: Any) -> None:
        [cluster] = world.em.seed_clusters(1)
        before = world.em.cluster(cluster)
        await world.clusters.refresh(cluster)
        await asyncio.sleep(5)
        assert await world.clusters.progress(cluster) == 50
        world.em.restart()
        await asyncio.sleep(60)
        assert world.em.cluster(cluster) == before
        assert [job.outcome for job in world.em.jobs] == ["cancelled"]

    in_virtual_time(story, job_seconds=10.0)

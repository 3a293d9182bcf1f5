"""Waiting for a refresh: for how long, and by several tasks at once."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from ta_cluster_async import PollPolicy, TaSession
from ta_cluster_async.emulator import Fault, Settings
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    ConfigurationError,
)
from ta_cluster_async.models.ticket_errors import (
    RefreshTimeout,
)
from tests.resources.instant import InstantServer, ticket

QUICK = Settings(evaluate=False)


REFRESH = "user-cluster-refresh"


DETAIL = "user-cluster-detail"


PROGRESS = "user-cluster-refresh-progress"


async def numbers(refresh, **waiting):
    return [percent async for percent in refresh.progress(**waiting)]


# The time to wait


@pytest.mark.parametrize("timeout", [1.0, 20.0, 200.0])
def test_when_the_time_is_over_the_wait_ends_and_the_server_goes_on(served, timeout):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        began = world.now
        with pytest.raises(RefreshTimeout) as caught:
            await refresh.wait(timeout=timeout)
        assert 0.89 * timeout <= world.now - began <= timeout
        assert caught.value.progress == world.em.cluster(cluster).progress
        assert (await refresh).seconds >= 600

    served(story, job_seconds=600.0)


def test_shortly_before_the_time_is_over_there_is_one_last_poll(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(first=100.0, longest=100.0))
        with pytest.raises(RefreshTimeout):
            await refresh.wait(timeout=2.0)
        result = await refresh.wait(timeout=70.0)
        assert result.seconds == pytest.approx(70, abs=0.3)

    served(story, job_seconds=60.0)


def test_the_last_poll_is_made_by_each_task_that_waits_however_rarely_others_poll(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(first=300.0, longest=300.0))
        with pytest.raises(RefreshTimeout):
            await refresh.wait(timeout=2.0)
        patient = asyncio.ensure_future(refresh.wait())
        await asyncio.sleep(0)
        result = await refresh.wait(timeout=70.0)
        assert result.seconds == pytest.approx(70, abs=0.3)
        assert await patient is result
        assert world.now <= 72

    served(story, job_seconds=60.0)


def test_the_policys_time_counts_from_the_start_and_one_who_waits_again_gets_another_poll(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(timeout=30.0))
        await asyncio.sleep(20)
        with pytest.raises(RefreshTimeout):
            await refresh
        assert world.now <= 30
        await asyncio.sleep(60 - world.now)
        assert (await refresh).seconds <= 62.5

    served(story, job_seconds=59.0, settings=Settings(evaluate=False, latency=0.3))


def test_a_server_that_does_not_answer_cannot_make_the_wait_longer(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        world.em.faults.add(Fault.stall(), path=DETAIL, count=None)
        world.em.faults.add(Fault.stall(), path=PROGRESS, count=None)
        began = world.now
        with pytest.raises(RefreshTimeout):
            await refresh.wait(timeout=50.0)
        assert world.now - began <= 50.2

    served(story, job_seconds=600.0)


def test_short_waits_again_and_again_do_not_count_as_failures_of_a_slow_server(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(
            cluster, poll=PollPolicy(first=30.0, longest=30.0, errors=20.0)
        )
        while world.now < 90:
            with pytest.raises(RefreshTimeout):
                await refresh.wait(timeout=0.5)
        assert (await refresh.wait(timeout=60.0)).seconds >= 100

    served(story, job_seconds=100.0, settings=Settings(evaluate=False, latency=0.3))


def test_one_task_gives_up_in_time_while_another_ones_poll_hangs(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        world.em.faults.add(Fault.stall(), path=DETAIL, count=None)
        patient = asyncio.ensure_future(refresh.wait())
        await asyncio.sleep(2)
        with pytest.raises(RefreshTimeout):
            await refresh.wait(timeout=5.0)
        assert world.now <= 7.2
        world.em.faults.clear()
        assert (await patient).seconds >= 600

    served(story, job_seconds=600.0)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), "5", True])
def test_a_time_to_wait_that_is_none_is_refused(served, wrong):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        with pytest.raises(ConfigurationError, match="timeout"):
            await refresh.wait(timeout=wrong)
        with pytest.raises(ConfigurationError, match="timeout"):
            await numbers(refresh, timeout=wrong)
        await refresh

    served(story)


# Several at once


def test_several_tasks_wait_and_follow_with_the_polls_of_one(served):
    async def story(world):
        [alone, shared] = world.em.seed_clusters(2)
        await (await world.clusters.refresh(alone))
        for_one = len(world.sent)
        refresh = await world.clusters.refresh(shared)
        *results, followed, followed_too = await asyncio.gather(
            refresh, refresh, refresh.wait(timeout=500.0), numbers(refresh), numbers(refresh)
        )
        assert all(result is results[0] for result in results)
        assert followed == followed_too
        assert followed[-1] == 100
        assert len(world.sent) - for_one <= for_one + 3

    served(story, job_seconds=60.0)


@pytest.mark.parametrize("after", [0.0, 0.2, 0.501, 30.0])
@pytest.mark.parametrize("latency", [0.0, 0.3])
def test_one_of_several_waiting_tasks_is_cancelled_and_the_others_go_on(served, after, latency):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(refresh.wait()) for _ in range(3)]
        tasks.append(asyncio.ensure_future(numbers(refresh)))
        await asyncio.sleep(after)
        for task in tasks[::2]:
            task.cancel()
        cancelled, _, also_cancelled, followed = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(cancelled, asyncio.CancelledError)
        assert isinstance(also_cancelled, asyncio.CancelledError)
        result = tasks[1].result()
        assert 60 <= result.seconds <= 70
        assert tasks[3].result() == followed
        assert tasks[3].result()[-1] == 100

    served(story, job_seconds=60.0, settings=Settings(evaluate=False, latency=latency))


def test_when_the_only_task_is_cancelled_no_request_follows(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        task = asyncio.ensure_future(refresh.wait())
        await asyncio.sleep(20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        sent = len(world.sent)
        await asyncio.sleep(200)
        assert len(world.sent) == sent
        assert (await refresh).seconds >= 200

    served(story, job_seconds=60.0)


def test_following_may_stop_early_and_begin_again(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        async for percent in refresh.progress():
            if percent >= 30:
                break
        async with aclosing(refresh.progress()) as rest:
            assert await anext(rest) >= 30
        assert (await numbers(refresh))[-1] == 100
        assert await numbers(refresh) == [100]

    served(story, job_seconds=60.0)


def test_nothing_polls_while_nobody_waits(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        await world.clusters.refresh(cluster)
        await asyncio.sleep(3600)
        assert world.sent == [DETAIL, REFRESH]

    served(story)


def test_two_who_wait_for_one_refresh_and_wake_in_one_turn_poll_once():
    async def main():
        server = InstantServer(40, 60, 80, 100)
        async with TaSession("http://127.0.0.1", "t", transport=server) as ta:
            refresh = ta.project(102).clusters.attach(ticket())

            async def wait():
                return await refresh

            first, second = await asyncio.gather(wait(), wait())
        return first is second, server.sent

    same, sent = run(main())
    assert same
    assert [name for name, _ in sent] == ["progress"] * 4 + ["detail"]
    assert len({at for _, at in sent}) == 4

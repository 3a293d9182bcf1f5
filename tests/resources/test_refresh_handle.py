"""The handle of a refresh: waited for, followed, shared by tasks, and taken to another process."""

import asyncio
import copy
import pickle
from contextlib import aclosing
from itertools import product
from typing import Any

import pytest

from ta_cluster_async import PollPolicy, RefreshTicket
from ta_cluster_async.emulator import Fault, JobPlan, Settings
from ta_cluster_async.errors import (
    ConfigurationError,
    HttpStatusError,
    InvalidRequest,
    NotFound,
    TokenRejected,
    TransportError,
)
from ta_cluster_async.models import Catalog
from ta_cluster_async.models.ticket_errors import (
    RefreshError,
    RefreshFailed,
    RefreshStalled,
    RefreshTimeout,
    RefreshUnconfirmed,
)

QUICK = Settings(evaluate=False)
REFRESH = "user-cluster-refresh"
DETAIL = "user-cluster-detail"
PROGRESS = "user-cluster-refresh-progress"
MARKS = pytest.mark.parametrize("marks", ["start", "end"])


async def numbers(refresh, **waiting):
    return [percent async for percent in refresh.progress(**waiting)]


# To a good end


@pytest.mark.parametrize("by_name", [False, True])
def test_awaiting_gives_the_result_after_one_post(served, by_name):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        ref = "seeded_1" if by_name else cluster
        refresh = await world.clusters.refresh(ref)
        result = await refresh
        assert world.done == ["refreshed"]
        assert world.sent[:2] == [DETAIL, REFRESH + "-by-name" * by_name]
        assert set(world.sent[2:]) == {DETAIL, PROGRESS + "-by-name" * by_name}
        shown = world.em.cluster(cluster)
        assert (result.cluster_id, result.refresh_time, result.users_num) == (
            cluster,
            shown.refresh_time,
            shown.users_num,
        )
        assert result.seconds == pytest.approx(world.now)
        assert 60 <= result.seconds <= 60 * 1.12
        assert not refresh.attached
        assert result.ticket.seen_running

    served(story, job_seconds=60.0)


def test_a_tag_is_refreshed_in_the_same_way(served):
    async def story(world):
        [tag] = world.em.seed_tags(1)
        result = await (await world.tags.refresh(tag))
        assert result.ticket.catalog is Catalog.TAG
        assert world.done == ["refreshed"]

    served(story)


def test_progress_rises_to_100_and_costs_few_requests(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        seen = await numbers(refresh)
        assert seen == sorted(set(seen))
        assert seen[0] < 5
        assert seen[-1] == 100
        assert len(world.sent) < 90

    served(story, job_seconds=600.0)


@MARKS
@pytest.mark.parametrize("seconds", [0.0, 0.3, 2.0])
def test_a_refresh_that_is_over_before_the_first_look_is_a_success_when_its_time_has_settled(
    served, marks, seconds
):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        result = await (await world.clusters.refresh(cluster))
        assert result.seconds <= seconds + 6.0
        assert world.sent.count(DETAIL) > 1

    served(story, job_seconds=seconds, settings=Settings(evaluate=False, refresh_time=marks))


def test_an_end_that_has_to_settle_is_looked_at_again_as_soon_as_it_has(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(first=30.0, longest=30.0))
        assert (await refresh).seconds <= 33.0 + 5.0

    served(story, job_seconds=1.0)


def test_when_a_detail_has_shown_the_end_no_other_is_read_for_the_result(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        await (await world.clusters.refresh(cluster, poll=PollPolicy(first=5.0, settle=0)))
        assert world.sent == [DETAIL, REFRESH, DETAIL]

    served(story, job_seconds=1.0)


def test_a_result_without_a_readable_detail_is_a_success_all_the_same(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        async for percent in refresh.progress():
            if percent > 50:
                world.em.faults.add(Fault.html(504), path=DETAIL, count=None)
        result = await refresh
        assert (result.refresh_time, result.users_num) == (None, None)

    served(story, job_seconds=60.0)


# Leftovers


LEFTOVERS = list(product([100, -1], [0.0, 0.4, 3.0, 4.9], [0.2, 3.0, 30.0], [False, True]))


@MARKS
def test_a_leftover_is_never_taken_for_the_end(served, marks):
    async def refresh_once(world, cluster, case):
        before, stale, seconds, fails = case
        if before == -1:
            world.em.plan(cluster, JobPlan(seconds=1.0, fails=True))
            with pytest.raises(RefreshFailed):
                await (await world.clusters.refresh(cluster))
        await asyncio.sleep(20 - world.now)
        world.em.plan(cluster, JobPlan(seconds=seconds, fails=fails))
        world.em.faults.add(
            Fault.stale(stale), path=REFRESH, when=lambda record: record.query["clusterId"] == str(cluster)
        )
        refresh = await world.clusters.refresh(cluster)
        began = world.now
        if fails:
            with pytest.raises(RefreshFailed):
                await refresh
        else:
            await refresh
        assert world.now - began >= seconds
        assert world.em.cluster(cluster).progress == (-1 if fails else 100)

    async def story(world):
        clusters = world.em.seed_clusters(len(LEFTOVERS))
        await asyncio.gather(
            *(refresh_once(world, cluster, case) for cluster, case in zip(clusters, LEFTOVERS, strict=True))
        )
        assert {job.outcome for job in world.em.jobs} == {"done", "failed"}

    served(story, settings=Settings(evaluate=False, refresh_time=marks), capacity=len(LEFTOVERS))


@MARKS
@pytest.mark.parametrize("shows", ["zero", "previous"])
def test_a_refresh_that_waits_in_the_servers_queue_is_waited_for(served, marks, shows):
    async def story(world):
        first, second = world.em.seed_clusters(2)
        await world.clusters.refresh(first)
        refresh = await world.clusters.refresh(second)
        result = await refresh
        assert result.seconds >= 200
        assert world.em.jobs[1].outcome == "done"

    settings = Settings(evaluate=False, refresh_time=marks, queued_shows=shows)
    served(story, capacity=1, job_seconds=100.0, settings=settings)


# To a bad end


def test_a_failed_computation_is_a_failure_at_once(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.plan(cluster, JobPlan(seconds=60.0, fails=True))
        refresh = await world.clusters.refresh(cluster)
        with pytest.raises(RefreshFailed) as caught:
            await refresh
        assert 60 <= world.now <= 67
        assert caught.value.progress == -1
        assert caught.value.ticket == refresh.ticket

    served(story)


def test_a_computation_that_hangs_is_stalled(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.plan(cluster, JobPlan(seconds=100.0, stops_at=40))
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(stall=600.0))
        with pytest.raises(RefreshStalled, match=r"still for 6\d\d seconds") as caught:
            await refresh
        assert 640 <= world.now <= 665
        assert caught.value.progress == 40

    served(story)


@pytest.mark.parametrize(
    "lost", [Fault.return_code(0, "success"), Fault.body(b'{"return_code":0,"return_message":"success"}')]
)
def test_a_refresh_of_which_nothing_comes_is_unconfirmed(served, lost):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(lost, path=REFRESH)
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(grace=100.0))
        with pytest.raises(RefreshUnconfirmed, match=r"1[01]\d seconds") as caught:
            await refresh
        assert 100 <= world.now <= 116
        assert caught.value.progress is None
        assert not caught.value.ticket.seen_running
        assert world.done == []

    served(story)


def test_the_refresh_of_a_new_cluster_of_which_nothing_comes_is_unconfirmed(served, body):
    async def story(world):
        cluster = await world.clusters.create(body("fresh"))
        world.em.faults.add(Fault.return_code(0, "success"), path=REFRESH)
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(stall=600.0))
        assert not refresh.attached
        with pytest.raises(RefreshUnconfirmed):
            await refresh
        assert world.done == ["created"]

    served(story, settings=Settings(evaluate=False, compute_on_create=False))


def test_a_cluster_that_is_deleted_while_it_is_waited_for_is_not_found(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        waiting = asyncio.ensure_future(refresh.wait())
        await asyncio.sleep(30)
        await world.clusters.delete(cluster)
        with pytest.raises(NotFound):
            await waiting
        assert world.now <= 30 + 5 + 2 * 4

    served(story, job_seconds=600.0)


def test_a_rejected_token_ends_the_wait_at_once(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        world.em.faults.add(Fault.return_code(-1001, "token is invalid"), path=PROGRESS, nth=5)
        with pytest.raises(TokenRejected):
            await refresh
        assert world.sent.count(PROGRESS) == 5

    served(story, job_seconds=600.0)


def test_a_session_that_is_closed_ends_the_wait_at_once(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        waiting = asyncio.ensure_future(refresh.wait())
        await asyncio.sleep(30)
        await world.ta.aclose()
        with pytest.raises((ConfigurationError, TransportError)):
            await waiting
        assert world.now <= 34

    served(story, job_seconds=600.0)


def test_minutes_of_failing_looks_are_survived(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        await asyncio.sleep(1)
        outage = world.em.faults.add(Fault.html(504), path=PROGRESS, nth=2, count=None)
        asyncio.get_running_loop().call_later(250, world.em.faults.clear)
        result = await refresh
        assert outage.hits > 10
        assert 600 <= result.seconds <= 620

    served(story, job_seconds=600.0)


def test_looks_that_fail_for_too_long_end_the_wait_with_what_they_failed_with(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(errors=120.0))
        world.em.faults.add(Fault.html(504), path=PROGRESS, count=None)
        with pytest.raises(HttpStatusError):
            await refresh
        assert 120 <= world.now <= 160

    served(story, job_seconds=600.0)


def test_looks_that_fail_now_and_then_do_not_add_up(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(errors=60.0))
        for first in range(2, 200, 8):
            world.em.faults.add(Fault.html(504), path=PROGRESS, nth=first, count=4)
        result = await refresh
        assert result.seconds >= 600

    served(story, job_seconds=600.0)


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


def test_shortly_before_the_time_is_over_there_is_one_last_look(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(first=100.0, longest=100.0))
        with pytest.raises(RefreshTimeout):
            await refresh.wait(timeout=2.0)
        result = await refresh.wait(timeout=70.0)
        assert result.seconds == pytest.approx(70, abs=0.3)

    served(story, job_seconds=60.0)


def test_the_last_look_is_made_by_each_task_that_waits_however_rarely_others_look(served):
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


def test_the_policys_time_counts_from_the_start_and_one_who_waits_again_gets_another_look(served):
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


def test_waiting_again_and_again_for_a_moment_is_no_failure_of_a_slow_server(served):
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


def test_one_task_gives_up_in_time_while_another_ones_look_hangs(served):
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


def test_several_tasks_wait_and_follow_with_the_looks_of_one(served):
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


def test_nothing_looks_while_nobody_waits(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        await world.clusters.refresh(cluster)
        await asyncio.sleep(3600)
        assert world.sent == [DETAIL, REFRESH]

    served(story)


# Again


def test_awaiting_twice_gives_the_same_result_without_another_request(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        result = await refresh
        sent = len(world.sent)
        assert await refresh is result
        assert len(world.sent) == sent

    served(story)


def test_awaiting_twice_after_a_failure_raises_equal_and_separate_errors(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.plan(cluster, JobPlan(fails=True))
        refresh = await world.clusters.refresh(cluster)
        caught = []
        for wait in (refresh.wait, refresh.wait, lambda: numbers(refresh)):
            with pytest.raises(RefreshFailed) as one:
                await wait()
            caught.append(one.value)
        assert len({id(error) for error in caught}) == 3
        assert len({(type(error), str(error), error.ticket, error.progress) for error in caught}) == 1

    served(story)


@pytest.mark.parametrize("duplicate", [lambda error: pickle.loads(pickle.dumps(error)), copy.deepcopy])
@pytest.mark.parametrize(
    ("plan", "kind"),
    [
        (JobPlan(fails=True), RefreshFailed),
        (JobPlan(stops_at=40), RefreshStalled),
        (JobPlan(seconds=60.0), RefreshTimeout),
    ],
)
def test_errors_carry_the_ticket_through_pickle_and_copy(served, plan, kind, duplicate):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.plan(cluster, plan)
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(stall=30.0, timeout=50.0))
        with pytest.raises(RefreshError) as caught:
            await refresh
        again = duplicate(caught.value)
        assert type(again) is type(caught.value) is kind
        assert str(again) == str(caught.value)
        assert again.ticket == refresh.ticket
        assert RefreshTicket.from_json(again.ticket.to_json()) == refresh.ticket

    served(story)


# In another process


@MARKS
@pytest.mark.parametrize("later", [0.0, 30.0, 61.0])
def test_a_ticket_leads_another_session_to_the_end_without_a_post(served, marks, later):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        text = (await world.clusters.refresh(cluster)).ticket.to_json()
        await asyncio.sleep(later)
        async with world.another() as ta:
            refresh = ta.project(world.em.project_id).clusters.attach(RefreshTicket.from_json(text))
            result = await refresh
        assert result.users_num == world.em.cluster(cluster).users_num
        assert world.now >= 60
        assert world.now <= max(60 * 1.12, later + 6)
        assert world.done == ["refreshed"]
        assert world.sent.count(REFRESH) == 1

    served(story, job_seconds=60.0, settings=Settings(evaluate=False, refresh_time=marks))


def test_a_ticket_of_a_refresh_that_was_seen_to_run_believes_the_first_end(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        with pytest.raises(RefreshTimeout):
            await refresh.wait(timeout=5.0)
        ticket = RefreshTicket.from_json(refresh.ticket.to_json())
        assert ticket.seen_running
        await asyncio.sleep(100)
        began = world.now
        await world.clusters.attach(ticket)
        assert world.now - began < 1.0

    served(story, job_seconds=60.0)


def test_a_running_refresh_is_joined_without_a_post(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        await world.clusters.refresh(cluster)
        await asyncio.sleep(30)
        joined = await world.clusters.refresh(cluster)
        assert joined.attached
        assert joined.ticket.attached
        followed = await numbers(joined)
        assert followed[0] >= 50
        assert world.done == ["refreshed"]
        assert world.sent.count(REFRESH) == 1

    served(story, job_seconds=60.0)


def test_a_ticket_of_another_project_or_catalog_or_no_ticket_is_refused(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        ticket = (await world.clusters.refresh(cluster)).ticket
        with pytest.raises(InvalidRequest, match="project 102"):
            world.ta.project(103).clusters.attach(ticket)
        with pytest.raises(InvalidRequest, match="other resource"):
            world.tags.attach(ticket)
        with pytest.raises(InvalidRequest, match="from_json"):
            world.clusters.attach(ticket.to_json())

    served(story)


def test_a_handle_says_what_it_is(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        assert repr(refresh) == "<Refresh of 970, no progress seen>"
        await refresh
        assert repr(refresh) == "<Refresh of 970, 100 %>"

    served(story, job_seconds=60.0)

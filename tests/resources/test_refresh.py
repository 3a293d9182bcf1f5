"""The handle of a refresh: how it ends, well or badly, and what it says in another process."""

import asyncio
import copy
import pickle
from itertools import product
from typing import Any

import pytest

from ta_cluster_async import PollPolicy, RefreshTicket, TaSession
from ta_cluster_async.emulator import Fault, JobPlan, Settings
from ta_cluster_async.emulator.loop import run
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
from tests.resources.instant import InstantServer, ticket
from tests.world import refused

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
def test_a_refresh_that_is_over_before_the_first_poll_is_a_success_when_its_time_has_settled(
    served, marks, seconds
):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        result = await (await world.clusters.refresh(cluster))
        assert result.seconds <= seconds + 6.0
        assert world.sent.count(DETAIL) > 1

    served(story, job_seconds=seconds, settings=Settings(evaluate=False, refresh_time=marks))


def test_an_end_that_has_to_settle_is_polled_again_as_soon_as_it_has(served):
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


def test_a_result_without_a_readable_detail_is_a_success_where_the_progress_alone_proves_it(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.plan(cluster, JobPlan(fails=True))
        with pytest.raises(RefreshFailed):
            await (await world.clusters.refresh(cluster))
        refresh = await world.clusters.refresh(cluster)
        async for percent in refresh.progress():
            if percent > 50:
                world.em.faults.add(Fault.html(504), path=DETAIL, count=None)
        result = await refresh
        assert (result.refresh_time, result.users_num) == (None, None)

    served(story, job_seconds=60.0)


# Leftovers


LEFTOVERS = list(product([100, -1], [0.0, 0.4, 3.0, 4.9], [0.2, 3.0, 30.0], [False, True]))


@pytest.mark.slow
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
        with refused(RefreshStalled, "refresh-stood-still") as caught:
            await refresh
        assert 640 <= world.now <= 665
        assert caught.value.progress == 40
        seconds: Any = caught.value.params["seconds"]
        assert 600 <= seconds < 700

    served(story)


@pytest.mark.parametrize(
    "lost", [Fault.return_code(0, "success"), Fault.body(b'{"return_code":0,"return_message":"success"}')]
)
def test_a_refresh_of_which_nothing_comes_is_unconfirmed(served, lost):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(lost, path=REFRESH)
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(grace=100.0))
        with refused(RefreshUnconfirmed, "refresh-not-proven") as caught:
            await refresh
        assert 100 <= world.now <= 116
        seconds: Any = caught.value.params["seconds"]
        assert 100 <= seconds < 120
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


def test_a_token_that_is_rejected_twice_ends_the_wait_at_once(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        world.em.faults.add(Fault.return_code(-1001, "token is invalid"), path=PROGRESS, nth=5, count=2)
        with pytest.raises(TokenRejected):
            await refresh
        assert world.sent.count(PROGRESS) == 6

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


def test_a_session_that_is_closed_between_the_end_and_its_detail_is_an_error():
    async def main():
        server = InstantServer(100)
        async with TaSession("http://127.0.0.1", "t", transport=server) as ta:
            server.before = ta.aclose
            with pytest.raises(ConfigurationError, match="closed"):
                await ta.project(102).clusters.attach(ticket())
        return [name for name, _ in server.sent]

    assert run(main()) == ["progress"]


def test_minutes_of_failing_polls_are_survived(served):
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


def test_polls_that_fail_for_too_long_end_the_wait_with_what_they_failed_with(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(errors=120.0))
        world.em.faults.add(Fault.html(504), path=PROGRESS, count=None)
        with pytest.raises(HttpStatusError):
            await refresh
        assert 120 <= world.now <= 160

    served(story, job_seconds=600.0)


def test_polls_that_fail_now_and_then_do_not_add_up(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster, poll=PollPolicy(errors=60.0))
        for first in range(2, 200, 8):
            world.em.faults.add(Fault.html(504), path=PROGRESS, nth=first, count=4)
        result = await refresh
        assert result.seconds >= 600

    served(story, job_seconds=600.0)


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
        with refused(InvalidRequest, "ticket-of-other-project", project=102):
            world.ta.project(103).clusters.attach(ticket)
        with refused(InvalidRequest, "ticket-of-other-catalog"):
            world.tags.attach(ticket)
        with refused(InvalidRequest, "not-a-ticket"):
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

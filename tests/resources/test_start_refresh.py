"""Starting a refresh: one POST, whatever becomes of it or of its answer."""

import asyncio
import copy
import pickle
from itertools import count

import pytest

from ta_cluster_async import PollPolicy, RefreshTicket
from ta_cluster_async.emulator import Fault, JobPlan, Settings
from ta_cluster_async.errors import (
    ApiError,
    ConfigurationError,
    InvalidRequest,
    NotFound,
    NotSent,
    RateLimited,
    TokenRejected,
    TransportError,
)
from ta_cluster_async.messages import Message
from ta_cluster_async.models.ticket_errors import OutcomeUnknown, RefreshUnconfirmed
from tests.world import refused

REFRESH = "user-cluster-refresh"
DETAIL = "user-cluster-detail"

LOST_ANSWERS = {
    "reset": Fault.reset(before=False),
    "disconnected": Fault.disconnect(before=False),
    "hanging": Fault.stall(before=False),
    "gateway": Fault.html(504, before=False),
    "no json": Fault.html(200, before=False),
    "half": Fault.half(),
    "truncated": Fault.truncated(),
    "wrong type": Fault.return_code_as_text(),
    "too slow": Fault.slow(100.0),
}
LOST_REQUESTS = {
    "reset": Fault.reset(),
    "disconnected": Fault.disconnect(),
    "hanging": Fault.stall(),
    "gateway": Fault.html(504),
}


@pytest.mark.parametrize("fault", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
@pytest.mark.parametrize("by_name", [False, True])
def test_when_only_the_answer_is_lost_the_refresh_is_seen_to_run_and_not_sent_again(served, fault, by_name):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(fault, when=lambda record: record.name.startswith(REFRESH))
        refresh = await world.clusters.refresh("seeded_1" if by_name else cluster)
        assert world.now <= 30
        assert not refresh.attached
        await refresh
        assert world.done == ["refreshed"]
        assert sum(name.startswith(REFRESH) and "progress" not in name for name in world.sent) == 1

    served(story, job_seconds=60.0)


@pytest.mark.parametrize("fault", LOST_REQUESTS.values(), ids=LOST_REQUESTS)
def test_when_the_request_is_lost_the_outcome_is_unknown_and_it_is_not_sent_again(served, fault):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(fault, path=REFRESH)
        with pytest.raises(OutcomeUnknown) as caught:
            await world.clusters.refresh(cluster)
        assert world.now <= 30
        error = caught.value
        assert not error.safe_to_retry
        assert error.endpoint == "refresh"
        assert world.done == []
        assert world.sent.count(REFRESH) == 1
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert again.ticket == error.ticket
            assert again.reason == error.reason
        assert error.ticket is not None
        ticket = RefreshTicket.from_json(error.ticket.to_json())
        refresh = world.clusters.attach(ticket, poll=PollPolicy(grace=60.0))
        with pytest.raises(RefreshUnconfirmed):
            await refresh
        assert world.sent.count(REFRESH) == 1

    served(story)


def test_a_lost_answer_behind_a_stale_window_leaves_a_ticket_that_leads_to_the_end(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(Fault.html(504, before=False), path=REFRESH)
        with pytest.raises(OutcomeUnknown) as caught:
            await world.clusters.refresh(cluster)
        await world.clusters.attach(caught.value.ticket)
        assert world.now >= 60
        assert world.done == ["refreshed"]

    served(story, job_seconds=60.0, settings=Settings(evaluate=False, stale_seconds=20.0))


def test_reading_the_state_after_a_lost_answer_is_repeated_when_it_fails_or_hangs(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(Fault.reset(before=False), path=REFRESH)
        world.em.faults.add(Fault.stall(), path=DETAIL, nth=2)
        world.em.faults.add(Fault.return_code(-9, "busy"), path=DETAIL, nth=3)
        await world.clusters.refresh(cluster)
        assert world.sent.count(DETAIL) == 4
        assert world.now <= 30

    served(story, job_seconds=600.0)


@pytest.mark.parametrize("timeout", [0.5, 2.0, 10.0])
def test_a_small_timeout_leaves_time_for_reading_the_state(served, timeout):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(Fault.stall(before=False), path=REFRESH)
        await world.clusters.refresh(cluster, timeout=timeout)
        assert world.now <= timeout
        assert world.done == ["refreshed"]

    served(story, job_seconds=600.0)


@pytest.mark.parametrize("hangs", [DETAIL, REFRESH])
def test_the_timeout_is_for_all_that_starting_takes(served, hangs):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(Fault.stall(), path=hangs, count=None)
        with pytest.raises(TransportError):
            await world.clusters.refresh(cluster, timeout=10.0)
        assert world.now <= 10.0

    served(story)


def test_without_time_left_for_an_answer_no_post_is_sent(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(Fault.stall(9.0), path=DETAIL)
        with pytest.raises(NotSent):
            await world.clusters.refresh(cluster, timeout=10.0)
        assert REFRESH not in world.sent

    served(story)


@pytest.mark.parametrize("wrong", [0, -1.0, float("nan"), "5", True])
def test_a_timeout_that_is_none_is_refused_before_anything_is_sent(served, wrong):
    async def story(world):
        with pytest.raises(ConfigurationError, match="timeout"):
            await world.clusters.refresh(970, timeout=wrong)
        assert world.sent == []

    served(story)


def test_a_cluster_that_does_not_exist_is_not_found_before_a_post(served):
    async def story(world):
        with pytest.raises(NotFound):
            await world.clusters.refresh("nobody")
        assert world.sent == [DETAIL]

    served(story)


# Refusals


def test_a_server_that_refuses_while_the_first_computation_runs_is_joined(served, body):
    async def story(world):
        world.em.plan("fresh", JobPlan(seconds=30.0))
        await world.clusters.create(body("fresh"))
        refresh = await world.clusters.refresh("fresh")
        assert refresh.attached
        await refresh
        assert world.now >= 30
        assert world.done == ["created"]

    served(story, settings=Settings(evaluate=False, while_running="reject", refresh_time="end"))


@pytest.mark.parametrize("marks", ["start", "end"])
def test_a_server_that_refuses_while_the_first_computation_is_queued_is_joined(served, body, marks):
    async def story(world):
        [before] = world.em.seed_clusters(1)
        await world.clusters.refresh(before)
        await world.clusters.create(body("fresh"))
        refresh = await world.clusters.refresh("fresh")
        assert refresh.attached
        await refresh
        assert world.now >= 1000
        assert world.done == ["refreshed", "created"]

    settings = Settings(evaluate=False, while_running="reject", refresh_time=marks)
    served(story, settings=settings, capacity=1, job_seconds=500.0)


def test_somebody_who_was_quicker_is_joined(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(Fault.stall(5.0), path=REFRESH, nth=1)
        slow = asyncio.ensure_future(world.clusters.refresh(cluster))
        await asyncio.sleep(1)
        quick = await world.clusters.refresh(cluster)
        joined = await slow
        assert (quick.attached, joined.attached) == (False, True)
        await asyncio.gather(quick, joined)
        assert world.done == ["refreshed"]

    served(story, job_seconds=60.0, settings=Settings(evaluate=False, while_running="reject"))


def test_a_computation_that_ends_while_the_post_is_refused_is_followed_by_another_post(served, body):
    async def story(world):
        world.em.plan("fresh", JobPlan(seconds=3.0))
        await world.clusters.create(body("fresh"))
        # Refused while it ran; by the next read of the state it has ended.
        world.em.faults.add(Fault.return_code(-3008, "a refresh is running"), path=REFRESH + "-by-name")
        world.em.faults.add(Fault.stall(5.0), path=DETAIL, nth=2)
        refresh = await world.clusters.refresh("fresh")
        assert not refresh.attached
        await refresh
        assert world.done == ["created", "refreshed"]

    served(story, settings=Settings(evaluate=False, queued_shows="zero", refresh_time="end"), job_seconds=9.0)


def test_a_server_that_always_refuses_gets_no_third_post(served):
    moments = count(10)

    def later(envelope):
        envelope["data"]["refreshTime"] = f"2020-01-10 10:51:{next(moments)}"
        return envelope

    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(Fault.rewrite(later), path=DETAIL, count=None)
        world.em.faults.add(Fault.return_code(-3008, "no"), path=REFRESH, count=None)
        with pytest.raises(ApiError, match="no"):
            await world.clusters.refresh(cluster)
        assert world.sent.count(REFRESH) == 2

    served(story)


def test_a_refusal_of_what_does_not_run_is_the_error(served):
    async def story(world):
        uploaded = await world.clusters.upload(["a"], display_name="ids", main_column="#account_id")
        with pytest.raises(ApiError, match="不能刷新"):
            await world.clusters.refresh(uploaded.cluster_id)
        assert world.sent[1:] == [DETAIL, REFRESH, DETAIL]

    served(story)


def test_a_refusal_is_the_error_also_when_the_state_after_it_cannot_be_read(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(Fault.return_code(-3008, "no"), path=REFRESH)
        world.em.faults.add(Fault.return_code(-9, "busy"), path=DETAIL, nth=2)
        with pytest.raises(ApiError, match="-3008"):
            await world.clusters.refresh(cluster)

    served(story)


def test_when_nothing_comes_of_a_new_cluster_whose_refresh_was_refused_the_error_has_the_refusal(
    served, body
):
    async def story(world):
        await world.clusters.create(body("fresh"))
        world.em.faults.add(Fault.return_code(-3008, "not allowed"), path=REFRESH + "-by-name")
        refresh = await world.clusters.refresh("fresh", poll=PollPolicy(stall=60.0))
        with refused(RefreshUnconfirmed, "refresh-refused-before") as caught:
            await refresh
        reason = Message("api", return_code=-3008, return_message="not allowed")
        assert caught.value.params["refusal"] == reason

    served(story, settings=Settings(evaluate=False, compute_on_create=False))


@pytest.mark.parametrize(
    ("fault", "kind", "tries"),
    [
        (Fault.return_code(-1001, "token is invalid"), TokenRejected, 2),
        (Fault.return_code(-3003, "clusterId 970 does not exist"), NotFound, 1),
    ],
)
def test_a_refusal_that_says_why_needs_no_state(served, fault, kind, tries):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(fault, path=REFRESH, count=None)
        with pytest.raises(kind):
            await world.clusters.refresh(cluster)
        assert world.sent == [DETAIL, *[REFRESH] * tries]

    served(story)


def test_a_rate_limit_is_waited_for_and_then_raised(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(Fault.return_code(-1005, "请求频率过快"), path=REFRESH, count=2)
        await world.clusters.refresh(cluster)
        assert world.done == ["refreshed"]
        world.em.faults.add(Fault.return_code(-1005, "请求频率过快"), path=REFRESH, count=None)
        [other] = world.em.seed_clusters(1, prefix="other")
        with pytest.raises(RateLimited):
            await world.clusters.refresh(other)

    served(story)


# Cancellation


@pytest.mark.parametrize("hangs", [DETAIL, REFRESH])
def test_starting_can_be_cancelled_at_any_request(served, hangs):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(Fault.stall(), path=hangs)
        task = asyncio.ensure_future(world.clusters.refresh(cluster))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        sent = list(world.sent)
        assert sent[-1] == hangs
        await asyncio.sleep(100)
        assert world.sent == sent

    served(story)


def test_reading_the_state_after_a_lost_answer_can_be_cancelled(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(Fault.reset(), path=REFRESH)
        task = asyncio.ensure_future(world.clusters.refresh(cluster))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        sent = len(world.sent)
        await asyncio.sleep(100)
        assert len(world.sent) == sent

    served(story)


def test_attaching_outside_of_an_open_session_is_an_error_at_the_first_poll(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        ticket = (await world.clusters.refresh(cluster)).ticket
        refresh = world.another().project(102).clusters.attach(ticket)
        with pytest.raises(ConfigurationError, match="not open"):
            await refresh

    served(story)


@pytest.mark.parametrize("wrong", [True, 970.0, None, -970, 0, "", "two words", b"970", "x" * 25])
def test_a_ref_of_the_wrong_kind_is_refused_before_anything_is_sent(served, wrong):
    async def story(world):
        with pytest.raises(InvalidRequest):
            await world.clusters.refresh(wrong)
        assert world.sent == []

    served(story)

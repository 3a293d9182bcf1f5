"""Starting refreshes: never more than may run, one POST each, and what follows from every answer to it."""

import asyncio
from typing import Any

import pytest

from ta_cluster_async.batch import (
    Finished,
    RefreshBatch,
    Status,
    Submitted,
)
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    ApiError,
    ConfigurationError,
    HttpStatusError,
    MissingParameter,
    NotFound,
    NotJson,
    NotSent,
    RateLimited,
    SchemaError,
    TokenRejected,
    TransportError,
)
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.protocol.requests import Response
from ta_cluster_async.protocol.retry import RetryPolicy
from ta_cluster_async.session import TaSession


@pytest.mark.parametrize("max_running", [1, 4, 50])
@pytest.mark.parametrize("submit_ahead", [0, 3])
def test_no_more_are_in_flight_than_may_be(kit: Any, max_running: int, submit_ahead: int) -> None:
    server = kit.Deployment(capacity=max_running)
    server.add(60, seconds=5.0)
    told = kit.tell(server, range(1, 61), max_running=max_running, submit_ahead=submit_ahead)
    assert told.report.counts == {Status.SUCCEEDED: 60}
    assert server.most_running <= max_running + submit_ahead
    assert server.most_running > max_running // 2, "the places are used"


def test_those_that_run_already_take_up_places(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, seconds=100.0)

    def refs() -> Any:
        for cluster_id in range(1, 7):
            server.begin(server.cluster(cluster_id))
        return range(1, 11)

    told = kit.tell(server, refs, max_running=4)
    assert told.report.counts == {Status.SUCCEEDED: 10}
    assert server.most_running == 6
    assert min(event.at for event in told.of(Submitted)) > 99, "none was started before places became free"


def test_places_that_become_free_are_taken_within_seconds(kit: Any) -> None:
    server = kit.Deployment()
    server.add(100, seconds=20.0)
    told = kit.tell(server, range(1, 101), max_running=10)
    assert told.seconds < 1.15 * 10 * 20


def test_a_refusal_because_somebody_was_quicker_is_no_failure(kit: Any) -> None:
    server = kit.Deployment(while_running="reject")
    server.add(3, seconds=30.0)

    def rule(ask: Any) -> None:
        if ask.is_refresh and ask.cluster.id == 2 and not ask.cluster.runs:
            server.begin(ask.cluster)

    server.rule = rule
    told = kit.tell(server, [1, 2, 3])
    assert told.report.ok
    assert server.posts == {1: 1, 2: 1, 3: 1}
    assert told[2].ticket.attached


def test_a_first_computation_that_is_refused_is_watched(kit: Any) -> None:
    server = kit.Deployment(while_running="reject")
    server.add(2)
    server.add(1, before=0, time=None, seconds=20.0)

    def rule(ask: Any) -> Any:
        if ask.is_refresh and ask.cluster.id == 3:
            if not ask.cluster.runs:
                server.begin(ask.cluster)
            return kit.refusal(-3008, "it is being computed")
        return None

    server.rule = rule
    told = kit.tell(server, [1, 2, 3])
    assert told.report.ok
    assert server.requests["refresh"] == 3


def test_a_first_computation_that_shows_nothing_yet_is_watched_too(kit: Any) -> None:
    server = kit.Deployment(while_running="reject", marks="end")
    server.add(1, before=0, time=None, seconds=20.0, shows=lambda share: 0 if share < 0.5 else 50)

    def refs() -> list[int]:
        server.begin(server.cluster(1))
        return [1]

    told = kit.tell(server, refs)
    assert told.report.ok
    assert told[1].ticket.attached
    assert server.requests["refresh"] == 1


@pytest.mark.parametrize("before", [100, -1])
def test_a_refusal_is_no_first_computation_because_there_is_no_refresh_time(kit: Any, before: int) -> None:
    server = kit.Deployment()
    server.add(1, before=before, time=None)
    server.rule = lambda ask: kit.refusal(-3008, "not refreshable") if ask.is_refresh else None
    told = kit.tell(server, [1])
    assert (told[1].status, told[1].attempts) == (Status.REJECTED, 1)


def test_a_refusal_that_stays_when_no_other_runs_is_rejected(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3)
    server.rule = lambda ask: (
        kit.refusal(-3008, "not refreshable") if ask.is_refresh and ask.cluster.id == 2 else None
    )
    told = kit.tell(server, [1, 2, 3])
    assert told[2].status is Status.REJECTED
    assert isinstance(told[2].error, ApiError)
    assert told[2].message == str(told[2].error)
    assert told[2].ticket is None
    assert told[2].attempts == 2
    asked = [ask.at for ask in server.asks if ask.is_refresh and ask.cluster.id == 2]
    assert asked == pytest.approx([0.02, 10.0], abs=1.0), "at once, and when the others had ended"


def test_a_refusal_is_met_at_once_with_one_more_request_at_most(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3)

    def rule(ask: Any) -> Any:
        if ask.is_refresh and ask.cluster.id == 2:
            ask.cluster.time += 10.0  # as if somebody had refreshed it in the meantime, each time
            return kit.refusal(-3008, "not now")
        return None

    server.rule = rule
    told = kit.tell(server, [1, 2, 3])
    assert told[2].status is Status.REJECTED
    asked = [ask.at for ask in server.asks if ask.is_refresh and ask.cluster.id == 2]
    assert asked == pytest.approx([0.02, 0.06, 10.5, 10.5], abs=0.5)


def test_one_that_is_deleted_before_its_turn_is_rejected(kit: Any) -> None:
    server = kit.Deployment()
    server.add(4, seconds=100.0)
    told = kit.tell(server, [1, 2, "c_3", 4], max_running=1, at={50.0: lambda _: server.clusters.pop(3)})
    assert told["c_3"].status is Status.REJECTED
    assert isinstance(told["c_3"].error, NotFound)
    assert told.report.counts == {Status.SUCCEEDED: 3, Status.REJECTED: 1}


def test_a_name_that_belongs_to_another_by_now_is_not_refreshed_for_it(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=100.0)

    def replace(batch: RefreshBatch) -> None:
        del batch
        server.add(1, name="c_3")
        server.clusters.pop(3)

    told = kit.tell(server, [1, 2, "c_3"], max_running=1, at={50.0: replace})
    assert told["c_3"].status is Status.REJECTED
    assert server.posts == {1: 1, 2: 1}


# The answer that is lost or spoilt

SPOILT = [
    OutcomeUnknown("the connection was lost.", reason="lost"),
    OutcomeUnknown("no answer in time.", reason="timeout"),
    Response(504, b"<html><title>Gateway Time-out</title></html>"),
    Response(200, b"<html></html>"),
    Response(200, b'{"return_code": 0, "da'),
    Response(200, b"[]"),
    Response(500, b'{"return_code": -1, "return_message": "internal error"}'),
]


@pytest.mark.parametrize("spoilt", SPOILT, ids=str)
@pytest.mark.parametrize("seconds", [0.05, 30.0])
def test_a_post_whose_answer_is_lost_after_the_effect_is_not_sent_again(
    kit: Any, spoilt: Any, seconds: float
) -> None:
    server = kit.Deployment()
    server.add(5, seconds=seconds)
    server.after = lambda ask: spoilt if ask.is_refresh else None
    told = kit.tell(server, range(1, 6))
    assert told.report.counts == {Status.SUCCEEDED: 5}
    assert server.requests["refresh"] == 5
    assert sorted(event.ref for event in told.of(Submitted)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("spoilt", SPOILT, ids=str)
def test_a_post_that_stays_lost_is_sent_once_more_and_is_unconfirmed_then(kit: Any, spoilt: Any) -> None:
    server = kit.Deployment()
    server.add(5)
    server.rule = lambda ask: spoilt if ask.is_refresh and ask.cluster.id == 3 else None
    told = kit.tell(server, range(1, 6))
    assert told.report.counts == {Status.SUCCEEDED: 4, Status.UNCONFIRMED: 1}
    assert sum(ask.is_refresh for ask in server.asks) == 6
    outcome = told[3]
    assert isinstance(outcome.error, OutcomeUnknown | HttpStatusError | NotJson | SchemaError | ApiError)
    assert not outcome.error.safe_to_retry
    assert outcome.ticket is not None
    assert getattr(outcome.error, "ticket", outcome.ticket) == outcome.ticket
    assert told.seconds < 40, "what other refreshes took to show a sign tells how long to wait"
    assert not [event for event in told.of(Submitted) if event.ref == 3]


@pytest.mark.parametrize("spoilt", [NotSent("refused.", reason="refused"), Response(429, b"", "1")], ids=str)
def test_a_post_that_certainly_did_nothing_is_sent_until_it_does(kit: Any, spoilt: Any) -> None:
    server = kit.Deployment()
    server.add(3)
    server.rule = lambda ask: spoilt if ask.is_refresh and ask.at < 100 else None
    told = kit.tell(server, [1, 2, 3])
    assert told.report.ok
    assert server.posts == {1: 1, 2: 1, 3: 1}
    assert all(outcome.run_seconds for outcome in told.report.outcomes)


@pytest.mark.parametrize(
    ("spoilt", "kind"),
    [
        (NotSent("refused.", reason="refused"), NotSent),
        (Response(429, b"", "1"), HttpStatusError),
        (Response(200, b'{"return_code": -1005, "return_message": "too often"}'), RateLimited),
        (Response(404, b"<html></html>"), HttpStatusError),
    ],
    ids=str,
)
def test_a_post_that_never_comes_through_fails_after_the_time_for_errors(
    kit: Any, spoilt: Any, kind: Any
) -> None:
    server = kit.Deployment()
    server.add(3)
    server.rule = lambda ask: spoilt if ask.is_refresh and ask.cluster.id == 2 else None
    told = kit.tell(server, [1, 2, 3])
    assert told[2].status is Status.FAILED
    assert isinstance(told[2].error, kind)
    assert told[2].ticket is None, "nothing was started"
    assert (told[2].attempts == 0) is (kind is NotSent)
    assert 250 < told.seconds < 400


@pytest.mark.parametrize(
    ("spoilt", "kind"),
    [
        (NotSent("TLS failed.", reason="tls"), TransportError),
        (
            Response(200, b'{"return_code": -1008, "return_message": "(projectId) is empty"}'),
            MissingParameter,
        ),
    ],
    ids=str,
)
def test_a_post_that_can_never_come_through_fails_at_once(kit: Any, spoilt: Any, kind: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=2.0)
    server.rule = lambda ask: spoilt if ask.is_refresh and ask.cluster.id == 2 else None
    told = kit.tell(server, [1, 2, 3])
    assert isinstance(told[2].error, kind)
    assert told[2].status is (Status.REJECTED if kind is MissingParameter else Status.FAILED)
    assert told.seconds < 20


# Many at once


def test_a_policy_of_zeros_makes_no_loop_without_time(kit: Any) -> None:
    server = kit.Deployment(latency=0.0)
    server.add(5, seconds=3.0)
    server.down = [(1.0, 2.0)]
    policy = PollPolicy(first=0.0, longest=0.0, settle=0.0, share=0.0)
    told = kit.tell(server, range(1, 6), poll=policy, session={"retry": RetryPolicy(attempts=1)})
    assert told.report.counts == {Status.SUCCEEDED: 5}
    assert len(server.asks) < 2_000


def test_a_worker_that_was_woken_takes_the_next_target_at_once(kit: Any) -> None:
    server = kit.Deployment(latency=0.0)
    server.add(6, seconds=10.0)
    told = kit.tell(server, range(1, 7), max_running=2)
    ends = [event.at for event in told.of(Finished)]
    begins = [event.at for event in told.of(Submitted)]
    assert begins[2:] == pytest.approx(ends[:4], abs=0.01)


def test_targets_wait_in_the_order_of_their_references(kit: Any) -> None:
    server = kit.Deployment()
    server.add(30, seconds=3.0)
    order = [7, 3, "c_20", 1, 30, "c_4", 12]
    told = kit.tell(server, order, max_running=1)
    assert [event.ref for event in told.of(Submitted)] == order


def test_references_of_a_slow_source_are_started_as_they_come(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=5.0)

    async def refs() -> Any:
        for ref in (1, 2, 3):
            yield ref
            await asyncio.sleep(10)

    told = kit.tell(server, refs)
    begins = [event.at for event in told.of(Submitted)]
    assert begins == pytest.approx([0.15, 10.15, 20.15], abs=0.2)


ONCE = {"retry": RetryPolicy(attempts=1)}


@pytest.mark.parametrize("trouble", ["gateway", "token"])
def test_the_state_after_a_refusal_may_be_unreadable(kit: Any, trouble: str) -> None:
    server = kit.Deployment()
    server.add(3, seconds=1_000.0)

    def rule(ask: Any) -> Any:
        if ask.cluster is None or ask.cluster.id != 2:
            return None
        if ask.is_refresh:
            return kit.refusal(-3008, "not now")
        return kit.GATEWAY if trouble == "gateway" else kit.REJECTED

    server.rule = rule
    told = kit.tell(server, [1, 2, 3])
    if trouble == "gateway":
        assert told.statuses == {1: "succeeded", 2: "rejected", 3: "succeeded"}
        assert isinstance(told[2].error, ApiError)
        assert told[2].error.return_code == -3008, "that the state could not be read is no better news"
    else:
        assert isinstance(told[2].error, TokenRejected)
        assert told[2].status is Status.CANCELLED
        assert "token" in told.report.stopped


def test_a_batch_that_stops_between_two_tries_to_start_one_does_not_try_again(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=20.0, fails=True)
    server.add(1)
    server.rule = lambda ask: Response(429, b"") if ask.is_refresh and ask.cluster.id == 2 else None
    told = kit.tell(server, [1, 2], on_error="stop", session=ONCE)
    assert told.statuses == {1: "failed", 2: "cancelled"}
    assert told[2].ticket is None
    assert max(ask.at for ask in server.asks if ask.is_refresh) < 40
    assert told.seconds < 60


def test_a_session_that_is_closed_while_more_is_to_be_started_ends_the_batch(kit: Any) -> None:
    server = kit.Deployment(latency=1.0)
    server.add(12, seconds=50.0)

    async def closing_early(ta: TaSession, batch: RefreshBatch) -> None:
        async with batch:
            async for event in batch:
                if isinstance(event, Submitted):
                    await ta.aclose()

    async def main() -> Any:
        # Half of the connections are for requests that start one, so that most have not begun by then.
        async with TaSession("http://127.0.0.1", "t", transport=server, max_connections=4) as ta:
            batch = RefreshBatch(ta.project(1), range(1, 13), poll=PollPolicy(first=10.0))
            with pytest.raises((ConfigurationError, TransportError)):
                await closing_early(ta, batch)
            return batch.report

    report = run(main())
    assert report.counts == {Status.CANCELLED: 12}
    assert len(server.posts) == 4
    assert {outcome.ref for outcome in report.outcomes if outcome.ticket} >= server.posts.keys()

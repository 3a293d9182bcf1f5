"""A server that is away, and a token that is rejected, while a batch is planned."""

import asyncio
from typing import Any

import pytest

from ta_cluster_async.batch import (
    RefreshBatch,
    Status,
    plan_refresh,
)
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    ConfigurationError,
    HttpStatusError,
    NotSent,
    TokenRejected,
    TransportError,
)
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.session import TaSession


def test_a_server_that_is_down_at_first_is_waited_for(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20)
    server.down = [(0.0, 120.0)]
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 20}
    assert 120 < told.seconds < 200


def test_a_server_that_never_comes_is_waited_for_once_and_not_for_each_reference(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1)
    server.down = [(0.0, 1e9)]
    told = kit.tell(server, range(1, 12_001))
    assert told.report.counts == {Status.CANCELLED: 12_000}
    assert told.report.stop_code == "batch-server-down"
    assert told.seconds < 400
    assert len(server.asks) < 200
    outcome = told[7]
    assert isinstance(outcome.error, TransportError)
    assert outcome.error.safe_to_retry
    assert outcome.cluster_id == 7


def test_a_server_that_stalls_is_given_up_as_well(kit: Any) -> None:
    server = kit.Deployment(latency=1e9)
    server.add(1)
    told = kit.tell(server, range(1, 1_001))
    assert told.report.counts == {Status.CANCELLED: 1_000}
    assert told.seconds < 500


def test_a_deadline_while_planning_is_kept(kit: Any) -> None:
    for latency in (0.02, 1e9):
        server = kit.Deployment(latency=latency)
        server.add(1)
        server.down = [] if latency > 1 else [(0.0, 1e9)]
        told = kit.tell(server, range(1, 7_001), timeout=42.0)
        assert told.report.counts == {Status.TIMED_OUT: 7_000}
        assert told.seconds == pytest.approx(42.0, abs=2.1)


def test_one_gateway_page_that_stays_is_given_up_after_the_time_for_errors(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)
    server.add(1, listed=False)
    server.rule = lambda ask: kit.GATEWAY if ask.cluster is not None and ask.cluster.id == 3 else None
    told = kit.tell(server, [1, 2, 3], poll=PollPolicy(errors=60.0))
    assert told.statuses == {1: "succeeded", 2: "succeeded", 3: "failed"}
    assert isinstance(told[3].error, HttpStatusError)


def test_a_gateway_page_that_stays_is_the_error_of_a_plan_made_beforehand(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)
    server.add(1, listed=False)
    server.rule = lambda ask: kit.GATEWAY if ask.cluster is not None and ask.cluster.id == 3 else None

    async def story() -> None:
        async with TaSession("http://127.0.0.1", "secret-token", transport=server) as ta:
            with pytest.raises(HttpStatusError):
                await plan_refresh(ta.project(1), [1, 2, 3], poll=PollPolicy(errors=60.0))

    run(story())


def test_a_rejected_token_while_planning_ends_everything_with_one_outcome_each(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10)
    server.rule = lambda _: kit.REJECTED
    told = kit.tell(server, [*range(1, 11), "c_3", None])
    assert told.report.counts == {Status.CANCELLED: 11, Status.REJECTED: 1}
    assert all(
        isinstance(outcome.error, TokenRejected)
        for outcome in told.report.outcomes
        if outcome.ref != "NoneType"
    )
    assert len(server.asks) <= 2


def test_a_session_that_is_not_open_is_told_as_it_is(kit: Any) -> None:
    async def main() -> None:
        ta = TaSession("http://127.0.0.1", "secret-token", transport=kit.Deployment())
        with pytest.raises(ConfigurationError, match="not open"):
            async with RefreshBatch(ta.project(1), [1, 2, 3]):
                pass

    run(main())


def test_a_session_that_is_closed_meanwhile_ends_the_batch(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=1_000.0)

    async def main() -> RefreshBatch:
        async with TaSession("http://127.0.0.1", "secret-token", transport=server) as ta:
            batch = RefreshBatch(ta.project(1), [1, 2, 3])
            asyncio.get_running_loop().call_later(10, lambda: asyncio.ensure_future(ta.aclose()))
            with pytest.raises((ConfigurationError, TransportError)):
                async with batch:
                    pass
            assert asyncio.get_running_loop().time() < 60
        return batch

    report = run(main()).report
    assert report.counts == {Status.CANCELLED: 3}
    assert all(outcome.ticket for outcome in report.outcomes)


def test_a_session_that_is_closed_meanwhile_ends_the_batch_with_its_error(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)
    server.rule = lambda _: NotSent("it is closed.", reason="closed")
    told = kit.tell(server, [1, 2])
    assert isinstance(told.error, NotSent)
    assert told.statuses == {1: "cancelled", 2: "cancelled"}


def test_a_token_that_is_rejected_for_a_detail_ends_the_batch(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)
    server.rule = lambda _: kit.REJECTED
    told = kit.tell(server, [1, 2])
    assert told.report.stopped == "The token was rejected."
    assert told.statuses == {1: "cancelled", 2: "cancelled"}

"""Polls of a server that is away, or that rejects the token."""

from collections import Counter
from typing import Any

import pytest

from ta_cluster_async.batch import (
    RefreshBatch,
    Status,
)
from ta_cluster_async.errors import NotFound, TokenRejected
from ta_cluster_async.messages import Message
from ta_cluster_async.models.ticket_errors import (
    RefreshUnconfirmed,
)
from ta_cluster_async.protocol.requests import Response

HOUR = 3600.0


def test_a_server_that_is_down_for_two_minutes_costs_two_minutes_and_nothing_else(kit: Any) -> None:
    server = kit.Deployment()
    server.add(200, seconds=40.0)
    server.down = [(60.0, 180.0)]
    told = kit.tell(server, [*range(1, 101), *(f"c_{i}" for i in range(101, 201))], max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 200}
    assert server.posts == dict.fromkeys(range(1, 201), 1)
    assert told.seconds < 40 * 10 * 1.15 + 150


def test_answers_that_are_lost_for_two_minutes_cost_nothing_twice(kit: Any) -> None:
    server = kit.Deployment()
    server.add(100, seconds=40.0)
    server.after = lambda ask: kit.GATEWAY if 60 < ask.at < 180 else None
    told = kit.tell(server, range(1, 101), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 100}
    assert server.posts == dict.fromkeys(range(1, 101), 1)


def test_a_server_that_stays_away_ends_the_batch_with_outcomes_that_say_so(kit: Any) -> None:
    server = kit.Deployment()
    server.add(100, seconds=40.0)
    server.down = [(60.0, 1e9)]
    told = kit.tell(server, range(1, 101), max_running=20)
    counts = told.report.counts
    assert counts[Status.UNCONFIRMED] == 20, "those in flight"
    assert set(counts) == {Status.SUCCEEDED, Status.UNCONFIRMED, Status.CANCELLED}
    assert told.report.stop_code == "batch-server-down"
    assert 300.0 <= told.report.stop_params["seconds"] < 340.0
    for outcome in told.report.failures:
        assert outcome.error is not None
        in_flight = outcome.status is Status.UNCONFIRMED
        assert isinstance(outcome.error, RefreshUnconfirmed) is in_flight
        assert (outcome.ticket is not None) is in_flight
        assert outcome.code == "polls-failed" if in_flight else "no connection" in outcome.message
    assert told.seconds < 60 + 5 * 400


def test_polls_of_a_server_that_is_down_become_fewer(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=1_000.0, shows=lambda _: 1)
    server.down = [(60.0, 300.0)]
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 20}
    during = Counter(int(ask.at // 60) for ask in server.asks if 120 < ask.at < 300)
    assert 0 < max(during.values()) < 20 * 8


def test_a_token_that_is_rejected_while_refreshes_run_ends_everything_at_once(kit: Any) -> None:
    server = kit.Deployment()
    server.add(50, seconds=100.0)
    server.rule = lambda ask: kit.REJECTED if ask.at > 30 else None
    told = kit.tell(server, range(1, 51), max_running=10)
    assert told.report.counts == {Status.TIMED_OUT: 10, Status.CANCELLED: 40}
    assert all(isinstance(outcome.error, TokenRejected) for outcome in told.report.outcomes)
    assert all(outcome.ticket for outcome in told.report.outcomes if outcome.status is Status.TIMED_OUT)
    assert told.seconds < 60
    assert "token" in told.report.stopped


@pytest.mark.parametrize("phase", ["refresh", "detail", "list"])
def test_a_token_that_is_rejected_by_one_kind_of_request_is_enough(kit: Any, phase: str) -> None:
    server = kit.Deployment(page_size=1 if phase == "detail" else 100)
    server.add(20, seconds=HOUR)
    server.add(5, seconds=3.0)
    server.rule = lambda ask: kit.REJECTED if ask.name == phase and ask.at > 2 else None
    told = kit.tell(server, [*range(21, 26), *range(1, 21)], max_running=6)
    assert told.report.total == 25
    assert told.report.stopped
    assert told.seconds < 60, "nobody sleeps until the next poll"
    assert not told.report.ok


def test_a_token_that_is_rejected_for_a_post_wakes_the_poller(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=50 * HOUR, shows=lambda share: int(share * 1000))
    server.add(1)
    server.rule = lambda ask: kit.REJECTED if ask.is_refresh and ask.cluster.id == 2 else None

    async def refs() -> Any:
        import asyncio  # noqa: PLC0415 - only here

        yield 1
        await asyncio.sleep(5 * HOUR)
        yield 2

    told = kit.tell(server, refs)
    assert told.statuses == {1: "timed_out", 2: "cancelled"}
    assert told.seconds < 5 * HOUR + 10


def test_a_rate_limit_on_polls_alone_is_survived(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, seconds=30.0)
    server.rule = lambda ask: Response(429, b"", "2") if not ask.is_refresh and int(ask.at) % 3 else None
    told = kit.tell(server, range(1, 11))
    assert told.report.counts == {Status.SUCCEEDED: 10}


def test_a_deleted_cluster_fails_as_gone_after_a_second_poll(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=60.0)
    told = kit.tell(server, range(1, 21), max_running=20, at={20.0: lambda _: server.clusters.pop(7)})
    assert told[7].status is Status.FAILED
    assert isinstance(told[7].error, NotFound)
    assert told[7].run_seconds is None, "it did not end"
    assert told.report.counts == {Status.SUCCEEDED: 19, Status.FAILED: 1}


def test_one_not_found_after_long_trouble_is_not_yet_the_end(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=200.0)
    server.down = [(20.0, 120.0)]
    odd: list[Any] = []

    def rule(ask: Any) -> Any:
        if ask.name == "detail" and ask.at > 120 and not odd:
            odd.append(ask)
            return kit.refusal(-3003, "cluster does not exist")
        return None

    server.rule = rule
    told = kit.tell(server, [1])
    assert odd
    assert told.report.ok


def test_a_cluster_that_was_made_anew_under_its_name_is_another_one(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=60.0)

    def replace(batch: RefreshBatch) -> None:
        del batch
        server.add(1, name="c_1")
        server.clusters.pop(1)

    told = kit.tell(server, ["c_1"], at={20.0: replace})
    assert told["c_1"].status is Status.FAILED
    error = told["c_1"].error
    assert isinstance(error, NotFound)
    assert (error.endpoint, error.attempts, error.return_code) == ("detail", 1, 0)
    assert error.what() == Message("cluster-id-changed", name="c_1", found=2, expected=1)

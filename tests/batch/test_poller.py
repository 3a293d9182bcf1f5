"""Watching what is in flight: what is believed, what is not, and how long anything is waited for."""

from typing import Any

import pytest

from ta_cluster_async.batch import (
    Finished,
    Status,
)
from ta_cluster_async.protocol.refresh import PollPolicy


def test_those_in_the_queue_are_not_called_stalled_or_lost(kit: Any) -> None:
    server = kit.Deployment(capacity=1)
    server.add(30, seconds=100.0)
    told = kit.tell(server, range(1, 31), max_running=30, poll=PollPolicy(stall=300.0, grace=150.0))
    assert told.report.counts == {Status.SUCCEEDED: 30}


def test_those_that_wait_in_the_queue_are_polled_seldom(kit: Any) -> None:
    server = kit.Deployment(capacity=1, page_size=1)
    server.add(12, seconds=200.0)
    told = kit.tell(server, range(1, 13), max_running=12)
    assert told.report.counts == {Status.SUCCEEDED: 12}
    assert len(server.asks) < 12 * told.seconds / 10


@pytest.mark.parametrize("ahead", [1, 3])
def test_those_that_were_submitted_ahead_are_waited_for_as_long_as_the_server_is_busy(
    kit: Any, ahead: int
) -> None:
    server = kit.Deployment(capacity=2, queued_shows="before")
    server.add(12, seconds=1_000.0)
    told = kit.tell(server, range(1, 13), max_running=2, submit_ahead=ahead)
    assert told.report.counts == {Status.SUCCEEDED: 12}
    assert server.most_running <= 2 + ahead


def test_one_that_was_submitted_in_its_turn_is_not_waited_for_because_others_run(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=1_000.0)
    server.add(1, ignores=True)
    told = kit.tell(server, [1, 2], max_running=2, poll=PollPolicy(grace=40.0))
    assert told.statuses == {1: "succeeded", 2: "unconfirmed"}
    assert told.of(Finished)[0].at < 60


def test_one_that_is_ahead_of_what_runs_is_not_waited_for_because_that_runs(kit: Any) -> None:
    server = kit.Deployment(latency=lambda ask: 5.0 if ask.is_refresh and ask.cluster.id == 2 else 0.02)
    server.add(1, ignores=True)
    server.add(1, seconds=1_000.0)
    told = kit.tell(server, [1, 2], max_running=1, submit_ahead=1, poll=PollPolicy(grace=40.0))
    assert told.statuses == {1: "unconfirmed", 2: "succeeded"}
    assert told.of(Finished)[0].at < 60


def test_those_in_a_queue_that_shows_the_state_before_are_waited_for_while_it_moves(kit: Any) -> None:
    server = kit.Deployment(capacity=1, queued_shows="before")
    server.add(20, seconds=100.0)
    told = kit.tell(server, range(1, 21), max_running=20, poll=PollPolicy(grace=150.0))
    assert told.report.counts == {Status.SUCCEEDED: 20}
    assert len(server.asks) < told.seconds / 2, "no more often than the others"


# A server that is away

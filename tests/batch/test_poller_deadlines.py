"""Deadlines of one refresh and of the whole batch."""

from typing import Any

import pytest

from ta_cluster_async.batch import (
    Status,
    Submitted,
)
from ta_cluster_async.models.ticket_errors import (
    RefreshTimeout,
)
from ta_cluster_async.protocol.refresh import PollPolicy

HOUR = 3600.0


def test_the_time_for_each_refresh_counts_from_its_own_request(kit: Any) -> None:
    server = kit.Deployment()
    server.add(6, seconds=40.0)
    server.add(1, seconds=HOUR)
    told = kit.tell(server, [1, 2, 3, 7, 4, 5, 6], max_running=2, cluster_timeout=60.0)
    assert told.report.counts == {Status.SUCCEEDED: 6, Status.TIMED_OUT: 1}
    assert isinstance(told[7].error, RefreshTimeout)
    assert told[7].ticket is not None
    begun = [event.at for event in told.of(Submitted) if event.ref == 7]
    ended = [event.at for event in told.events if getattr(event, "outcome", None) is told[7]]
    assert ended[0] - begun[0] == pytest.approx(60, abs=3)


@pytest.mark.parametrize("seconds", [55.0, 57.9])
def test_an_end_shortly_before_the_deadline_is_seen(kit: Any, seconds: float) -> None:
    server = kit.Deployment()
    server.add(30, seconds=seconds, shows=lambda _: 1)
    told = kit.tell(
        server, range(1, 31), max_running=30, cluster_timeout=60.0, poll=PollPolicy(longest=600.0)
    )
    assert told.report.counts == {Status.SUCCEEDED: 30}


def test_the_time_for_one_ends_a_poll_that_nobody_answers(kit: Any) -> None:
    server = kit.Deployment(latency=lambda ask: 1_000.0 if ask.name == "detail" and ask.at > 5 else 0.02)
    server.add(1, seconds=100.0)
    told = kit.tell(server, [1], cluster_timeout=20.0, session={"timeout": 200.0})
    assert told[1].status is Status.TIMED_OUT
    assert told.seconds < 21.0


def test_the_time_for_the_whole_batch_ends_everything(kit: Any) -> None:
    server = kit.Deployment()
    server.add(30, seconds=40.0)
    told = kit.tell(server, range(1, 31), max_running=4, timeout=100.0)
    assert told.report.counts == {Status.SUCCEEDED: 8, Status.TIMED_OUT: 22}
    assert told.seconds == pytest.approx(100, abs=2.1)
    assert sum(outcome.ticket is not None for outcome in told.report.failures) == 4
    assert "time" in told.report.stopped


@pytest.mark.parametrize("trouble", ["down", "stalls"])
@pytest.mark.parametrize("seconds", [25.0, 40.0])
def test_the_deadline_holds_while_the_server_is_away(kit: Any, trouble: str, seconds: float) -> None:
    server = kit.Deployment(latency=lambda ask: 1e9 if trouble == "stalls" and ask.at > 30 else 0.02)
    server.add(30, seconds=seconds)
    server.down = [(30.0, 1e9)] if trouble == "down" else []
    told = kit.tell(server, range(1, 31), max_running=4, timeout=100.0)
    assert told.seconds == pytest.approx(100, abs=2.1)
    assert set(told.report.counts) <= {Status.TIMED_OUT, Status.SUCCEEDED}


def test_a_baseline_that_cannot_be_read_before_the_deadline_is_no_failure_of_its_own(kit: Any) -> None:
    server = kit.Deployment()
    server.add(4, seconds=70.0)
    server.rule = lambda ask: kit.REFUSED if ask.at > 60 and ask.cluster is not server.cluster(1) else None
    told = kit.tell(server, [1, 2, 3, 4], max_running=1, timeout=100.0)
    assert told.statuses == {1: "succeeded"} | dict.fromkeys([2, 3, 4], "timed_out")


def test_a_deadline_is_kept_although_the_queue_lets_polls_wait(kit: Any) -> None:
    server = kit.Deployment(capacity=1)
    server.add(40, seconds=30.0)
    told = kit.tell(server, range(1, 41), max_running=1, submit_ahead=20, timeout=200.0)
    assert told.seconds == pytest.approx(200, abs=2.1)


def test_a_request_that_is_answered_after_the_deadline_still_gets_its_poll(kit: Any) -> None:
    server = kit.Deployment(latency=lambda ask: 25.0 if ask.is_refresh else 0.02)
    server.add(3, seconds=1.0)
    told = kit.tell(server, [1, 2, 3], max_running=1, timeout=40.0)
    assert told.seconds == pytest.approx(40, abs=2.1)
    assert told.report.total == 3
    assert max(server.posts.values()) == 1

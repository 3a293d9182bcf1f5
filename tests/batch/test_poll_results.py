"""What a poll means: an end that is believed, a failure, or one that stands still."""

from typing import Any

import pytest

from ta_cluster_async.batch import (
    Attached,
    Progressed,
    Status,
    Submitted,
)
from ta_cluster_async.models.ticket_errors import (
    RefreshError,
    RefreshFailed,
    RefreshStalled,
    RefreshUnconfirmed,
)
from ta_cluster_async.protocol.refresh import PollPolicy


def test_the_error_of_a_refresh_is_of_that_endpoint_and_has_its_progress(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=5_000.0, shows=lambda _: 40)
    told = kit.tell(server, [1], poll=PollPolicy(stall=100.0))
    assert told[1].status is Status.STALLED
    assert isinstance(told[1].error, RefreshError)
    assert (told[1].error.endpoint, told[1].error.progress) == ("refresh", 40)


HOUR = 3600.0


@pytest.mark.parametrize("marks", ["start", "end"])
@pytest.mark.parametrize("before", [100, -1])
@pytest.mark.parametrize("fails", [False, True])
def test_what_is_left_from_before_is_believed_neither_way(
    kit: Any, marks: str, before: int, *, fails: bool
) -> None:
    server = kit.Deployment(marks=marks, stale=3.0)
    server.add(30, before=before, fails=fails, seconds=8.0)
    told = kit.tell(server, range(1, 31), max_running=30)
    assert told.report.counts == {Status.FAILED if fails else Status.SUCCEEDED: 30}
    ends = {cluster.id: cluster.runs[0][2] for cluster in server.clusters.values()}
    began = told.seconds - told.report.makespan
    assert all(
        began + event.at >= ends[event.outcome.cluster_id]
        for event in told.events
        if hasattr(event, "outcome")
    )


@pytest.mark.parametrize("before", [100, -1])
def test_a_request_that_does_nothing_is_neither_success_nor_failure(kit: Any, before: int) -> None:
    server = kit.Deployment()
    server.add(3, before=before, ignores=True)
    told = kit.tell(server, [1, 2, 3], poll=PollPolicy(grace=40.0))
    assert told.report.counts == {Status.UNCONFIRMED: 3}
    assert all(isinstance(outcome.error, RefreshUnconfirmed) for outcome in told.report.outcomes)
    assert 40 < told.seconds < 60


def test_a_refresh_too_short_to_be_seen_is_proved_by_its_time(kit: Any) -> None:
    server = kit.Deployment()
    server.add(30, seconds=0.01)
    told = kit.tell(server, range(1, 31), max_running=30)
    assert told.report.counts == {Status.SUCCEEDED: 30}


def test_a_failure_is_told_with_its_ticket(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2, seconds=30.0)
    server.add(1, seconds=30.0, fails=True)
    told = kit.tell(server, [1, 2, 3])
    assert told.report.counts == {Status.SUCCEEDED: 2, Status.FAILED: 1}
    error = told[3].error
    assert isinstance(error, RefreshFailed)
    assert error.ticket == told[3].ticket
    assert not told.report.ok
    assert told.report.failures == (told[3],)


def test_a_progress_that_stands_still_is_stalled(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2, seconds=30.0)
    server.add(1, seconds=30 * HOUR, shows=lambda share: 40 if share > 0.0001 else 0)
    told = kit.tell(server, [1, 2, 3], poll=PollPolicy(stall=600.0))
    assert told[3].status is Status.STALLED
    assert isinstance(told[3].error, RefreshStalled)
    assert told[3].progress == 40
    assert 600 < told.seconds < 900


def test_a_progress_that_moves_for_ever_is_not_waited_for_for_ever(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=1e6 * HOUR, shows=lambda share: 50 + int(share * 1e8) % 41)
    told = kit.tell(server, [1])
    assert told[1].status is Status.TIMED_OUT
    assert told.seconds == pytest.approx(6 * HOUR, rel=0.01)


def test_progress_that_falls_on_the_server_does_not_fall_here(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=60.0, shows=lambda share: int(99 * share) if share < 0.5 else int(50 * share))
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 20}
    assert len(told.of(Progressed)) > 60


def test_an_ambiguous_post_is_told_as_submitted_when_it_is_proved(kit: Any) -> None:
    server = kit.Deployment(stale=5.0)
    server.add(4, seconds=20.0)
    server.after = lambda ask: kit.GATEWAY if ask.is_refresh else None
    told = kit.tell(server, [1, 2, 3, 4])
    assert told.report.ok
    assert all(event.at > 5 for event in told.of(Submitted))
    assert len(told.of(Submitted)) == 4
    assert not told.of(Attached)

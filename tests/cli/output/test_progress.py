"""What the display knows of a batch, from events alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ta_cluster_async.batch import (
    Attached,
    Finished,
    Outcome,
    Planned,
    Progressed,
    Status,
    Submitted,
)
from ta_cluster_async.cli.output.progress import ProgressState, clock
from ta_cluster_async.models import RefreshTicket

TICKET = RefreshTicket(project_id=102, cluster_id=970, submitted_at=datetime(2020, 1, 10, tzinfo=UTC))


def planned(refs: int, *, complete: bool = True) -> Planned:
    return Planned(at=0.0, refs=refs, complete=complete, to_refresh=refs, to_attach=0, settled=0)


def submitted(ref: int | str, name: str) -> Submitted:
    return Submitted(at=0.1, ref=ref, cluster_id=970, cluster_name=name, ticket=TICKET)


def progressed(ref: int | str, percent: int, *, at: float = 1.0) -> Progressed:
    return Progressed(at=at, ref=ref, cluster_id=970, cluster_name="any", progress=percent)


def finished(ref: int | str, status: Status = Status.SUCCEEDED) -> Finished:
    return Finished(at=2.0, outcome=Outcome(ref=ref, status=status))


def test_a_submitted_refresh_runs_under_its_name_until_it_finishes() -> None:
    state = ProgressState()
    state.update(submitted(970, "whales"))
    assert [one.name for one in state.running.values()] == ["whales"]
    state.update(finished(970))
    assert not state.running


def test_a_refresh_that_ran_already_is_shown_like_one_that_was_started() -> None:
    state = ProgressState()
    state.update(Attached(at=0.1, ref="whales", cluster_id=970, cluster_name="whales", ticket=TICKET))
    state.update(progressed("whales", 40))
    assert [(one.name, one.percent) for one in state.running.values()] == [("whales", 40)]


def test_progress_of_what_has_finished_is_left_out() -> None:
    state = ProgressState()
    state.update(progressed(970, 40))
    assert not state.running


def test_running_ones_stand_in_the_order_of_their_beginning() -> None:
    state = ProgressState()
    for ref in (3, 1, 2):
        state.update(submitted(ref, f"n{ref}"))
    state.update(progressed(1, 99))
    assert list(state.running) == [3, 1, 2]


@pytest.mark.parametrize(
    "status", [Status.FAILED, Status.UNCONFIRMED, Status.STALLED, Status.TIMED_OUT, Status.REJECTED]
)
def test_a_failure_is_returned_and_counts_as_failed(status: Status) -> None:
    state = ProgressState()
    outcome = state.update(finished(970, status))
    assert outcome is not None
    assert outcome.status is status
    assert (state.done, state.failed) == (1, 1)


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.SKIPPED, Status.CANCELLED])
def test_other_ends_are_done_and_not_failed(status: Status) -> None:
    state = ProgressState()
    assert state.update(finished(970, status)) is None
    assert (state.done, state.failed) == (1, 0)


def test_the_share_counts_the_percents_of_those_that_run() -> None:
    state = ProgressState()
    state.update(planned(4))
    state.update(finished(1))
    state.update(submitted(2, "b"))
    state.update(progressed(2, 50))
    assert state.share == pytest.approx(1.5 / 4)


def test_the_share_of_a_batch_of_nothing_is_zero() -> None:
    assert ProgressState().share == 0.0


def test_the_time_left_follows_the_pace_so_far() -> None:
    state = ProgressState()
    state.update(planned(4))
    state.update(finished(1))
    assert state.seconds_left(10.0) == pytest.approx(30.0)


def test_one_that_takes_far_longer_than_the_others_decides_the_time_left() -> None:
    state = ProgressState()
    state.update(planned(4))
    state.update(submitted(4, "d"))
    for ref in (1, 2, 3):
        state.update(finished(ref))
    state.update(progressed(4, 20, at=100.0))
    assert state.seconds_left(100.0) == pytest.approx(400.0, rel=0.01)
    assert state.seconds_left(150.0) == pytest.approx(350.0, rel=0.01)  # it has not been polled since


def test_no_time_left_is_shown_before_a_tenth_is_done() -> None:
    state = ProgressState()
    state.update(planned(20))
    state.update(finished(1))
    assert state.seconds_left(10.0) is None


def test_no_time_left_is_shown_while_references_are_unknown() -> None:
    state = ProgressState()
    state.update(planned(2, complete=False))
    state.update(finished(1))
    assert state.seconds_left(10.0) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (65, "1:05"), (3599, "59:59"), (7200, "2:00:00")]
)
def test_a_clock_shows_minutes_and_seconds_and_hours_where_needed(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_the_time_left_comes_from_history_where_it_has_durations() -> None:
    state = ProgressState(expected={1: 10.0, 2: 20.0, 3: 30.0, 4: 60.0}, at_once=2)
    state.update(planned(4))
    assert state.seconds_left(0.0) == pytest.approx(60.0)  # 120 s of work by two
    state.update(submitted(4, "d"))
    state.update(progressed(4, 50))
    state.update(finished(1))
    assert state.seconds_left(5.0) == pytest.approx((20 + 30 + 30) / 2)
    state.update(finished(2))
    state.update(finished(3))
    assert state.seconds_left(9.0) == pytest.approx(
        30.0
    )  # the longest that runs, though another could run beside it


def test_a_reference_without_history_is_expected_to_take_as_long_as_the_others() -> None:
    state = ProgressState(expected={1: 10.0, 2: 30.0}, at_once=1)
    state.update(planned(3))
    assert state.seconds_left(0.0) == pytest.approx(60.0)
    state.update(finished(3))
    assert state.seconds_left(1.0) == pytest.approx(40.0)


def test_a_history_of_less_than_half_of_them_is_not_used() -> None:
    state = ProgressState(expected={1: 10.0}, at_once=1)
    state.update(planned(3))
    assert state.seconds_left(0.0) is None

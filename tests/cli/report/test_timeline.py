"""Where a refresh stands on the time axis, as far as its outcome says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async import Outcome, RefreshTicket, Status
from ta_cluster_async.cli.report.timeline import ends_by_bin, lay_out, occupancy
from tests.cli.report.samples import NIGHT, batch, report_of


def refresh(cluster_id: int, begin: float, seconds: tuple[float, float, float] | None) -> Outcome:
    """A success that was submitted so many seconds after the batch began; without seconds, one whose end nobody saw."""
    queued, ran, blind = seconds or (None, None, None)
    at = NIGHT + timedelta(seconds=begin)
    return Outcome(
        ref=cluster_id,
        cluster_id=cluster_id,
        status=Status.STALLED if seconds is None else Status.SUCCEEDED,
        queue_seconds=queued,
        run_seconds=ran,
        detect_seconds=blind,
        ticket=RefreshTicket(project_id=102, cluster_id=cluster_id, submitted_at=at),
    )


def test_a_refresh_is_queued_then_runs_and_is_seen_half_its_unseen_time_after_its_end() -> None:
    (span,) = lay_out(report_of([refresh(1, 5, (2, 20, 4))])).spans
    assert (span.submitted, span.running, span.ended, span.seen) == (5, 7, 27, 29)
    assert not span.open


def test_the_order_of_outcomes_narrows_when_an_end_was_seen() -> None:
    outcomes = [refresh(1, 0, (0, 10, 20)), refresh(2, 0, (0, 12, 0))]
    assert [span.seen for span in lay_out(report_of(outcomes)).spans] == [11, 12]
    assert [span.seen for span in lay_out(report_of(outcomes[::-1])).spans] == [21, 12][::-1]


def test_ends_are_seen_in_the_order_of_outcomes() -> None:
    report = batch(500)
    seen = {span.outcome.ref: span.seen for span in lay_out(report).spans if not span.open}
    times = [seen[outcome.ref] for outcome in report.outcomes if outcome.ref in seen]
    assert len(times) > 400
    assert times == sorted(times)


def test_one_that_was_attached_to_is_in_flight_until_its_outcome() -> None:
    joined = evolve(refresh(1, 5, None), status=Status.SUCCEEDED, detect_seconds=2.0)
    assert joined.ticket is not None
    joined = evolve(joined, ticket=evolve(joined.ticket, attached=True))
    spans = lay_out(report_of([joined, refresh(2, 0, (0, 30, 0))])).spans
    assert [(span.submitted, span.seen, span.open) for span in spans] == [(0, 30, False), (5, 30, True)]


def test_one_whose_run_time_is_not_known_takes_no_place_while_its_end_is_waited_out() -> None:
    """Short jobs on a server with two places: an end settles for five seconds."""
    outcomes = []
    for number in range(20):
        start = number // 2
        short = evolve(refresh(number + 1, start, None), status=Status.SUCCEEDED, detect_seconds=0.9)
        outcomes.append(evolve(short, settled_at=NIGHT + timedelta(seconds=start + 0.9 + 5.0)))
    spans = lay_out(report_of(outcomes)).spans
    at_once = occupancy([(span.running, span.ended) for span in spans], 0.1, 200)
    assert max(at_once) == pytest.approx(2.0)
    assert [span.seen - span.ended for span in spans] == pytest.approx([5.0] * 20)


def test_an_outcome_with_its_time_was_seen_then() -> None:
    at = NIGHT + timedelta(seconds=28)
    timed = evolve(refresh(1, 5, (2, 20, 4)), settled_at=at)
    joined = evolve(refresh(2, 6, None), settled_at=at)
    spans = lay_out(report_of([joined, timed, refresh(3, 0, (0, 30, 0))])).spans
    assert [(span.outcome.ref, span.ended, span.seen) for span in spans] == [
        (3, 30, 30),
        (1, 27, 28),
        (2, 28, 28),
    ]


def test_no_end_is_seen_before_it_comes_when_the_clock_is_set_back() -> None:
    timed = evolve(refresh(1, 5, (2, 20, 4)), settled_at=NIGHT)
    assert [span.seen for span in lay_out(report_of([timed])).spans] == [27]


def test_an_end_that_was_not_seen_lies_before_the_next_that_was_seen() -> None:
    outcomes = [refresh(1, 0, (0, 10, 0)), refresh(2, 1, None), refresh(3, 2, (0, 28, 0))]
    spans = {span.outcome.ref: span for span in lay_out(report_of(outcomes)).spans}
    assert (spans[2].submitted, spans[2].seen, spans[2].open) == (1, 30, True)


def test_an_end_that_was_not_seen_lies_before_the_end_of_the_batch() -> None:
    (span,) = lay_out(report_of([refresh(1, 10, None)], makespan=60)).spans
    assert (span.submitted, span.seen) == (10, 60)


def test_what_was_never_submitted_has_no_span() -> None:
    assert lay_out(report_of([Outcome(ref="nix", status=Status.REJECTED)])).spans == ()


def test_spans_are_in_the_order_of_submission() -> None:
    spans = lay_out(batch(200)).spans
    assert len(spans) > 150
    assert [span.submitted for span in spans] == sorted(span.submitted for span in spans)


def test_a_report_that_resumed_an_earlier_process_begins_with_its_first_refresh() -> None:
    timeline = lay_out(report_of([refresh(1, -100, (0, 10, 0)), refresh(2, 0, (0, 20, 0))], makespan=25))
    assert timeline.began == NIGHT - timedelta(seconds=100)
    assert timeline.seconds == 125
    assert [span.submitted for span in timeline.spans] == [0, 100]


def test_the_timeline_holds_every_span() -> None:
    timeline = lay_out(report_of([refresh(1, 50, (0, 100, 0))], makespan=60))
    assert timeline.seconds == 150


def test_occupancy_is_the_mean_over_each_bin() -> None:
    assert occupancy([(0.5, 2.5), (2.0, 2.5)], 1.0, 4) == [0.5, 1.0, 1.0, 0.0]


PHASES = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)).map(sorted).map(tuple), max_size=30)


@given(phases=PHASES)
def test_occupancy_loses_no_time(phases: list[tuple[float, float]]) -> None:
    width = 100 / 37
    total = sum(occupancy(phases, width, 37)) * width
    assert total == pytest.approx(sum(end - begin for begin, end in phases), abs=1e-6)


def test_each_end_is_in_one_bin() -> None:
    assert ends_by_bin([0.0, 0.9, 1.0, 2.99, 3.0], 1.0, 3) == [2, 1, 2]

"""When to poll: always later than now, never too late, and pages where they tell more than one."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.batch.schedule import (
    PollSchedule,
    PollState,
    choose,
    ends_per_second,
    first_wait,
    next_wait,
    remaining,
)


def numbers(least: float, most: float) -> st.SearchStrategy[float]:
    return st.floats(least, most, allow_nan=False)


@st.composite
def tempos(draw: st.DrawFn) -> PollSchedule:
    shortest = draw(numbers(0.01, 60))
    return PollSchedule(
        ends=draw(st.one_of(st.just(0.0), numbers(1e-6, 1e4))),
        cost=draw(numbers(0, 1e3)),
        queued=draw(st.integers(0, 50)),
        shortest=shortest,
        longest=shortest + draw(numbers(0, 3600)),
        typical=draw(st.none() | numbers(0, 1e5)),
    )


@st.composite
def sights(draw: st.DrawFn) -> tuple[PollState, float]:
    """What may be known of a refresh, and what time it is."""
    began = draw(numbers(0, 1e6))
    seen = began + draw(numbers(0, 1e5))
    progress = draw(st.none() | st.integers(0, 99))
    poll_state = PollState(
        began=began,
        begun_from=draw(st.integers(0, 99)),
        progress=progress,
        seen=seen,
        expected=draw(st.none() | numbers(0, 1e6)),
    )
    return poll_state, seen + draw(numbers(0, 1e5))


@given(sights(), tempos())
def test_a_next_look_comes_later_and_before_long(
    known: tuple[PollState, float], schedule: PollSchedule
) -> None:
    poll_state, now = known
    wait = next_wait(poll_state, schedule, now)
    left = remaining(poll_state, now) or 0.0
    assert min(schedule.shortest, schedule.longest) <= wait
    assert wait <= max(
        schedule.longest, 0.25 * (now - poll_state.began), 1.1 * left, 0.15 * (now - poll_state.seen)
    )


@given(numbers(0, 1e6), tempos())
def test_a_first_look_comes_later_and_before_long(expected: float, schedule: PollSchedule) -> None:
    for known in (None, expected):
        assert schedule.shortest <= first_wait(known, schedule) <= schedule.longest


@given(tempos(), numbers(0, 1e6), numbers(0, 1e6))
def test_the_longer_a_refresh_is_expected_the_later_is_its_first_look(
    schedule: PollSchedule, one: float, other: float
) -> None:
    shorter, longer = sorted((one, other))
    assert first_wait(shorter, schedule) <= first_wait(longer, schedule)


@given(tempos(), numbers(0, 1e3))
def test_rounds_are_as_far_apart_as_their_cost_is_high(schedule: PollSchedule, more: float) -> None:
    dearer = PollSchedule(
        ends=schedule.ends,
        cost=schedule.cost + more,
        queued=schedule.queued,
        shortest=schedule.shortest,
        longest=schedule.longest,
    )
    assert schedule.shortest <= schedule.spacing <= schedule.round <= dearer.round <= schedule.longest


@given(tempos(), numbers(0, 1e3))
def test_rounds_are_as_close_as_ends_are_many(schedule: PollSchedule, more: float) -> None:
    busier = PollSchedule(
        ends=schedule.ends + more,
        cost=schedule.cost,
        queued=schedule.queued,
        shortest=schedule.shortest,
        longest=schedule.longest,
    )
    assert busier.round <= schedule.round


@given(sights(), tempos(), numbers(0, 1e5))
def test_one_of_which_nothing_is_known_is_polled_ever_more_seldom(
    known: tuple[PollState, float], schedule: PollSchedule, later: float
) -> None:
    poll_state, now = known
    blank = PollState(
        began=poll_state.began, begun_from=0, progress=None, seen=poll_state.seen, expected=None
    )
    assert next_wait(blank, schedule, now) <= next_wait(blank, schedule, now + later)


@given(numbers(0.1, 1e5), tempos())
def test_one_that_waits_in_the_queue_is_polled_ever_more_seldom(stood: float, schedule: PollSchedule) -> None:
    """Its beginning is put off with each poll, so that only the time for which it has stood at 0 tells how long it waits."""
    now = 1e6
    queued = PollState(began=now, begun_from=0, progress=0, seen=now - stood, expected=None)
    assert next_wait(queued, schedule, now) == pytest.approx(
        min(schedule.round, max(schedule.spacing, 0.5 * stood))
    )


@given(st.integers(1, 98), numbers(1, 1e5), numbers(0, 1e3))
def test_what_is_left_is_told_by_the_pace_so_far(progress: int, seconds: float, since: float) -> None:
    poll_state = PollState(began=0.0, begun_from=0, progress=progress, seen=seconds, expected=17.0)
    left = remaining(poll_state, seconds + since)
    assert left is not None
    total = seconds + left + since
    assert seconds * 99.4 / (progress + 1) <= total <= seconds * 99.5 / progress


def test_without_progress_what_is_expected_tells_what_is_left() -> None:
    poll_state = PollState(began=10.0, begun_from=40, progress=40, seen=10.0, expected=60.0)
    assert remaining(poll_state, 30.0) == 40.0
    unknown = PollState(began=10.0, begun_from=40, progress=40, seen=10.0, expected=None)
    assert remaining(unknown, 30.0) is None


@given(numbers(0, 1e3), st.none() | numbers(0, 1e5), st.integers(0, 1_000), numbers(0, 1e5))
def test_ends_per_second_are_what_was_seen_or_a_guess(
    recent: float, typical: float | None, in_flight: int, oldest: float
) -> None:
    rate = ends_per_second(recent, typical, in_flight, oldest)
    assert 0 <= rate < inf
    if recent > 0:
        assert rate == recent
    elif typical is None and in_flight:
        assert rate <= in_flight / 30


places = st.tuples(st.sampled_from(["catalog_cluster", "catalog_tag"]), st.none() | st.integers(1, 5))


@given(st.lists(places, max_size=30), st.lists(places, max_size=30))
def test_a_page_is_read_where_a_due_one_has_company(
    due: list[tuple[str, int | None]], others: list[tuple[str, int | None]]
) -> None:
    crowd: dict[tuple[str, int], int] = {}
    for catalog, page in [*due, *others]:
        if page is not None:
            crowd[catalog, page] = crowd.get((catalog, page), 0) + 1
    pages = choose(due, crowd)
    assert pages <= {(catalog, page) for catalog, page in due if page is not None}
    assert all(crowd[page] > 1 for page in pages)
    alone = [one for one in due if one not in pages]
    assert all(page is None or crowd[catalog, page] == 1 for catalog, page in alone)
    assert len(pages) + len(alone) <= len(due), "never dearer than one by one"


def waited(progress: int, *, seen: float, risen: tuple[float, int]) -> PollState:
    """One that was last seen to wait at second 0."""
    return PollState(began=0.0, begun_from=0, progress=progress, seen=seen, expected=None, risen=risen)


ALONE = PollSchedule(ends=1 / 60, cost=1.0, queued=0, shortest=0.5, longest=15.0)


@given(st.integers(1, 98), numbers(1, 15))
def test_a_single_progress_of_one_that_has_waited_is_followed_by_a_poll_soon(
    progress: int, gap: float
) -> None:
    """It may have begun at any time since it was last seen to wait, so that one progress gives no pace."""
    single = waited(progress, seen=gap, risen=(gap, progress))
    assert next_wait(single, ALONE, gap) <= max(gap, ALONE.shortest)


def test_a_single_progress_that_stands_still_is_a_slow_one() -> None:
    single = waited(1, seen=8.0, risen=(8.0, 1))
    assert next_wait(single, ALONE, 8.0) == 8.0
    # Three times what it has stood still, and no longer.
    assert next_wait(single, ALONE, 16.0) == pytest.approx(3 * (16.0 - 8.0))


def test_a_single_progress_right_after_the_request_tells_the_pace() -> None:
    single = waited(1, seen=0.9, risen=(0.9, 1))
    assert next_wait(single, ALONE, 0.9) == pytest.approx(0.5 * 98.5 * 0.9 / 1.5)


def test_while_the_server_has_a_queue_a_single_progress_is_not_followed_soon() -> None:
    single = waited(1, seen=8.0, risen=(8.0, 1))
    busy = PollSchedule(ends=1 / 60, cost=1.0, queued=4, shortest=0.5, longest=15.0)
    assert next_wait(single, busy, 8.0) > 100


@given(st.integers(1, 40), st.integers(5, 55), numbers(1, 20), numbers(1, 20))
def test_two_progresses_tell_the_pace_of_one_that_began_late(
    first: int, rise: int, gap: float, between: float
) -> None:
    poll_state = waited(first + rise, seen=gap + between, risen=(gap, first))
    left = remaining(poll_state, gap + between)
    assert left is not None
    assert left <= (99.5 - first - rise) * between / (rise - 1) + 1e-6


def test_progresses_that_agree_with_its_beginning_leave_the_pace_as_it_is() -> None:
    assert remaining(waited(50, seen=50.5, risen=(1.0, 1)), 50.5) == pytest.approx(49.5)


def test_two_progresses_that_lag_behind_make_no_long_wait() -> None:
    # At 3 s it was at 3, and at 5 s a replica that lags behind shows 4: by that pace it would run for another 100 s.
    lagging = PollState(began=0.0, begun_from=0, progress=4, seen=5.0, expected=None, risen=(3.0, 3))
    assert next_wait(lagging, ALONE, 5.0) == pytest.approx(6.0)

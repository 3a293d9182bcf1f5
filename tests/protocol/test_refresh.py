"""When a refresh is believed: over any answers, and over any server that the specification allows."""
# ruff: noqa: DTZ001 - server times have no zone

from datetime import UTC, datetime, timedelta
from itertools import cycle
from random import Random
from typing import TypeAlias

import pytest
from attrs import evolve, frozen
from hypothesis import assume, given
from hypothesis import strategies as st

from ta_cluster_async.models import RefreshTicket
from ta_cluster_async.protocol.refresh import (
    PollPolicy,
    TimeMeaning,
    Verdict,
    Watch,
    has_begun,
    is_running,
    judge,
)

T0 = datetime(2020, 1, 9, 10, 51, 14)
T1 = datetime(2020, 1, 10, 10, 51, 14)
T2 = datetime(2020, 1, 10, 10, 51, 15)

POLICY = PollPolicy(grace=300.0, settle=5.0, stall=3600.0)


State: TypeAlias = tuple[int | None, datetime | None]
Look: TypeAlias = tuple[float, int, datetime | None]


def watch_of(progress: int | None = 100, time: datetime | None = T0, *, proven: bool = False) -> Watch:
    return Watch(baseline_progress=progress, baseline_time=time, since=0.0, proven=proven)


def after(watch: Watch, *seen: Look, policy: PollPolicy = POLICY) -> tuple[Watch, Verdict]:
    """The watch and the latest verdict after looks given as (second, progress, refresh time)."""
    verdict = Verdict.WAIT
    for now, progress, time in seen:
        assert verdict is Verdict.WAIT, "a look after the end"
        watch, verdict = judge(watch, policy, now, progress, time)
    return watch, verdict


def verdict_of(watch: Watch, *seen: Look, policy: PollPolicy = POLICY) -> Verdict:
    return after(watch, *seen, policy=policy)[1]


# Leftovers and proofs


@pytest.mark.parametrize("left", [100, -1])
def test_what_is_left_from_before_is_waited_out_and_then_unconfirmed(left: int) -> None:
    watch = watch_of(left)
    assert verdict_of(watch, (0, left, T0), (299.9, left, T0)) is Verdict.WAIT
    assert verdict_of(watch, (0, left, T0), (300, left, T0)) is Verdict.UNCONFIRMED


@pytest.mark.parametrize("left", [100, -1])
@pytest.mark.parametrize(("end", "verdict"), [(100, Verdict.SUCCEEDED), (-1, Verdict.FAILED)])
def test_an_end_after_a_progress_below_100_counts_at_once(left: int, end: int, verdict: Verdict) -> None:
    assert verdict_of(watch_of(left), (1, left, T0), (2, 37, T0), (2.1, end, T1)) is verdict
    assert verdict_of(watch_of(left), (1, left, T0), (2, 37, T1), (2.1, end, T1)) is verdict


@pytest.mark.parametrize(
    ("left", "end", "verdict"), [(100, -1, Verdict.FAILED), (-1, 100, Verdict.SUCCEEDED)]
)
def test_another_end_than_before_counts_at_once_after_a_progress_below_100(
    left: int, end: int, verdict: Verdict
) -> None:
    assert verdict_of(watch_of(left), (2, 37, T0), (2.1, end, T0)) is verdict
    assert judge(after(watch_of(left), (2, 37, T0))[0], POLICY, 2.1, end, None, is_detail=False)[1] is verdict


# Answers that go back in time


@pytest.mark.parametrize("left", [100, -1])
@pytest.mark.parametrize(("end", "verdict"), [(100, Verdict.SUCCEEDED), (-1, Verdict.FAILED)])
def test_an_echo_of_before_is_waited_out_and_the_end_that_comes_counts(
    left: int, end: int, verdict: Verdict
) -> None:
    seen = (0, 0, T0), (1, left, T0), (2, 40, T0), (3, left, T0)
    assert verdict_of(watch_of(left), *seen) is Verdict.WAIT
    assert verdict_of(watch_of(left), *seen, (7.9, end, T1)) is verdict


@pytest.mark.parametrize("left", [100, -1])
def test_an_echo_that_stands_for_the_settling_time_is_unconfirmed(left: int) -> None:
    seen = (1, 40, T0), (2, left, T0), (6.9, left, T0)
    assert verdict_of(watch_of(left), *seen) is Verdict.WAIT
    assert verdict_of(watch_of(left), *seen, (7, left, T0)) is Verdict.UNCONFIRMED


def test_the_settling_time_of_an_echo_begins_anew_when_it_was_seen_to_run_again() -> None:
    seen = (1, 40, T0), (2, 100, T0), (6, 41, T0), (7, 100, T0), (11.9, 100, T0)
    assert verdict_of(watch_of(), *seen) is Verdict.WAIT
    assert verdict_of(watch_of(), *seen, (12, 100, T0)) is Verdict.UNCONFIRMED


def test_a_server_that_forgets_a_refresh_whose_start_moved_the_time_shows_an_older_end() -> None:
    for old in (100, -1):
        seen = (1, 40, T1), (2, old, T0), (7, old, T0)
        assert verdict_of(watch_of(100), *seen) is Verdict.UNCONFIRMED


def test_an_end_that_is_older_than_the_baseline_is_an_echo_too() -> None:
    watch = watch_of(100, T1)
    assert verdict_of(watch, (1, -1, T0), (299, -1, T0)) is Verdict.WAIT
    assert verdict_of(watch, (1, -1, T0), (300, -1, T0)) is Verdict.UNCONFIRMED
    assert verdict_of(watch, (1, 40, T1), (2, -1, T0), (3, 100, T2)) is Verdict.SUCCEEDED


def test_a_progress_that_is_older_than_the_baseline_proves_nothing() -> None:
    watch, verdict = after(watch_of(100, T1), (1, 40, T0))
    assert (verdict, watch.proven, watch.progress) == (Verdict.WAIT, False, None)
    assert verdict_of(watch_of(100, T1), (1, 40, T0), (300, 40, T0)) is Verdict.UNCONFIRMED


def test_a_progress_that_is_older_than_the_latest_is_not_shown_and_keeps_nothing_alive() -> None:
    watch, _ = after(watch_of(), (1, 40, T1), (2, 7, T0))
    assert (watch.progress, watch.last_seen, watch.moved) == (40, 40, 1)


def test_an_end_without_its_time_that_the_baseline_explains_asks_for_the_time() -> None:
    watch, _ = after(watch_of(), (1, 40, T0))
    assert judge(watch, POLICY, 2, 100, None, is_detail=False) == (watch, Verdict.CHECK)
    assert judge(watch, POLICY, 2, -1, None, is_detail=False)[1] is Verdict.FAILED


# What the time means


def test_a_moved_time_counts_at_once_where_it_is_known_to_mark_the_end() -> None:
    def verdict(meaning: TimeMeaning) -> Verdict:
        return judge(watch_of(), POLICY, 1, 100, T1, meaning=meaning)[1]

    assert verdict(TimeMeaning(end=1)) is Verdict.SUCCEEDED
    assert verdict(TimeMeaning()) is Verdict.WAIT
    assert verdict(TimeMeaning(start=1)) is Verdict.WAIT
    assert verdict(TimeMeaning(start=1, end=9)) is Verdict.WAIT
    assert judge(watch_of(100), POLICY, 1, -1, T0, meaning=TimeMeaning(end=1))[1] is Verdict.WAIT


def test_a_joined_refresh_ends_with_a_moved_time_where_that_is_known_to_mark_the_end() -> None:
    watch = watch_of(40, proven=True)
    assert judge(watch, POLICY, 1, 100, T0)[1] is Verdict.SUCCEEDED
    assert judge(watch, POLICY, 1, 100, T0, meaning=TimeMeaning(end=1))[1] is Verdict.WAIT
    assert judge(watch, POLICY, 1, 100, None, is_detail=False, meaning=TimeMeaning(end=1))[1] is Verdict.CHECK
    assert judge(watch, POLICY, 1, 100, T1, meaning=TimeMeaning(end=1))[1] is Verdict.SUCCEEDED


def test_the_settled_end_counts_where_the_time_is_known_never_to_move() -> None:
    watch, _ = after(watch_of(), (1, 40, T0), (2, 100, T0))
    assert judge(watch, POLICY, 6.9, 100, T0, meaning=TimeMeaning(never=3))[1] is Verdict.WAIT
    assert judge(watch, POLICY, 7, 100, T0, meaning=TimeMeaning(never=3))[1] is Verdict.SUCCEEDED
    for less in (TimeMeaning(never=2), TimeMeaning(never=9, end=1), TimeMeaning(never=9, start=1)):
        assert judge(watch, POLICY, 7, 100, T0, meaning=less)[1] is Verdict.UNCONFIRMED


def test_an_echo_that_stands_waits_for_what_others_may_teach_at_most_for_the_grace_time() -> None:
    watch, _ = after(watch_of(), (1, 40, T0), (2, 100, T0))
    watch, verdict = judge(watch, POLICY, 301.9, 100, T0, may_learn=True)
    assert verdict is Verdict.WAIT
    assert judge(watch, POLICY, 302, 100, T0, may_learn=True)[1] is Verdict.UNCONFIRMED
    assert (
        judge(watch, POLICY, 200, 100, T0, may_learn=True, meaning=TimeMeaning(never=3))[1]
        is Verdict.SUCCEEDED
    )


@pytest.mark.parametrize(
    ("seen", "lesson"),
    [
        (((1, 40, T1), (2, 100, T1)), "start"),
        (((1, 40, T0), (2, 100, T1)), "end"),
        (((1, 40, T0), (2, -1, T0)), "never"),
        (((1, 0, T0), (2, -1, T1)), None),
        (((1, 40, None), (2, -1, T1)), None),
        (((1, 100, T1), (6, 100, T1)), None),
        # At 80 % of its way when the old end came back, or not yet.
        (((1, 10, T0), (4, 40, T0), (8, 100, T0), (13, 100, T0)), "never"),
        (((1, 10, T0), (4, 40, T0), (7.9, 100, T0), (13, 100, T0)), None),
        (((1, 40, T0), (60, 100, T0), (65, 100, T0)), None),
    ],
)
def test_what_a_refresh_shows_of_the_meaning_of_the_time(seen: tuple[Look, ...], lesson: str | None) -> None:
    assert after(watch_of(), *seen)[0].lesson == lesson


def test_lessons_are_counted() -> None:
    meaning = TimeMeaning().learn("end").learn(None).learn("end").learn("never").learn("start")
    assert meaning == TimeMeaning(start=1, end=2, never=1)


def test_what_an_earlier_process_has_learned_holds_until_a_refresh_speaks_against_it() -> None:
    known = TimeMeaning(end=3, remembered=True)
    assert known.marks_end
    assert known.learn(None) == known
    assert known.learn("end") == TimeMeaning(end=4, remembered=True)
    assert known.learn("end").learn("never") == TimeMeaning(never=1)
    assert TimeMeaning(never=3, remembered=True).learn("start") == TimeMeaning(start=1)


def test_the_place_on_the_server_is_free_while_a_moved_end_settles_but_not_while_an_echo_does() -> None:
    assert after(watch_of(), (1, 100, T1))[0].has_left
    assert not after(watch_of(), (1, 40, T0), (2, 100, T0))[0].has_left
    assert not after(watch_of(), (1, 40, T0))[0].has_left


@pytest.mark.parametrize(("end", "verdict"), [(100, Verdict.SUCCEEDED), (-1, Verdict.FAILED)])
def test_an_end_with_only_a_moved_refresh_time_counts_when_it_has_stood_for_the_settling_time(
    end: int, verdict: Verdict
) -> None:
    assert verdict_of(watch_of(), (1, end, T1), (5.9, end, T1)) is Verdict.WAIT
    assert verdict_of(watch_of(), (1, end, T1), (6, end, T1)) is verdict


def test_a_moved_refresh_time_that_marks_the_start_is_no_end() -> None:
    assert verdict_of(watch_of(), (1, 100, T1), (4, 3, T1), (600, 99, T1)) is Verdict.WAIT


def test_the_settling_time_counts_from_the_latest_change() -> None:
    seen = (1, 100, T1), (5, 100, T2), (9.9, 100, T2)
    assert verdict_of(watch_of(), *seen) is Verdict.WAIT
    assert verdict_of(watch_of(), *seen, (10, 100, T2)) is Verdict.SUCCEEDED


def test_an_end_that_becomes_the_leftover_again_has_not_stood() -> None:
    seen = (1, 100, T1), (3, 100, T0), (7, 100, T1)
    assert verdict_of(watch_of(), *seen, (11.9, 100, T1)) is Verdict.WAIT
    assert verdict_of(watch_of(), *seen, (12, 100, T1)) is Verdict.SUCCEEDED


def test_an_end_that_first_shows_after_the_grace_time_may_settle() -> None:
    assert verdict_of(watch_of(), (299, 100, T0), (310, 100, T1), (315, 100, T1)) is Verdict.SUCCEEDED


def test_a_refresh_time_that_is_another_one_each_time_does_not_keep_the_wait_alive() -> None:
    seen = [(second, 100, T1 + timedelta(seconds=second)) for second in range(1, 302)]
    watch, verdicts = watch_of(), []
    for one in seen:
        watch, verdict = judge(watch, POLICY, *one)
        verdicts.append(verdict)
        if verdict is not Verdict.WAIT:
            break
    assert verdicts[-1] is Verdict.UNCONFIRMED
    assert seen[len(verdicts) - 1][0] == 300


def test_a_refresh_time_that_is_gone_says_nothing() -> None:
    assert verdict_of(watch_of(), (1, 100, None), (299, 100, None)) is Verdict.WAIT
    assert verdict_of(watch_of(), (1, 100, None), (300, 100, None)) is Verdict.UNCONFIRMED


def test_another_end_than_before_is_evidence_without_a_moved_time() -> None:
    assert verdict_of(watch_of(100), (1, -1, T0), (5.9, -1, T0)) is Verdict.WAIT
    assert verdict_of(watch_of(100), (1, -1, T0), (6, -1, T0)) is Verdict.FAILED
    assert verdict_of(watch_of(-1), (1, 100, T0), (6, 100, T0)) is Verdict.SUCCEEDED


def test_where_nothing_is_known_of_the_state_before_only_a_progress_below_100_proves_anything() -> None:
    watch = watch_of(None, None)
    assert verdict_of(watch, (1, 100, T1), (299, 100, T1)) is Verdict.WAIT
    assert verdict_of(watch, (1, 100, T1), (300, 100, T1)) is Verdict.UNCONFIRMED
    assert verdict_of(watch, (1, 5, T1), (2, 100, T1)) is Verdict.SUCCEEDED
    assert verdict_of(watch, (1, 5, None), (2, 100, None)) is Verdict.SUCCEEDED


def test_where_only_the_time_before_is_known_a_moved_time_is_evidence() -> None:
    watch = watch_of(None, T0)
    assert verdict_of(watch, (1, 100, T0), (300, 100, T0)) is Verdict.UNCONFIRMED
    assert verdict_of(watch, (1, 100, T1), (6, 100, T1)) is Verdict.SUCCEEDED


def test_without_a_settling_time_a_moved_time_counts_at_once() -> None:
    policy = evolve(POLICY, settle=0)
    assert verdict_of(watch_of(), (1, 100, T1), policy=policy) is Verdict.SUCCEEDED


def test_without_a_grace_time_a_leftover_is_unconfirmed_at_the_first_look() -> None:
    policy = evolve(POLICY, grace=0)
    assert verdict_of(watch_of(), (0, 100, T0), policy=policy) is Verdict.UNCONFIRMED


# Never computed


def test_a_cluster_that_was_never_computed_may_queue_for_longer_than_the_grace_time() -> None:
    seen = (1, 0, None), (3000, 0, None), (3001, 50, T1), (3002, 100, T1)
    assert verdict_of(watch_of(0, None), *seen) is Verdict.SUCCEEDED


def test_a_cluster_that_was_never_computed_and_never_is_ends_unconfirmed_and_not_stalled() -> None:
    watch, verdict = after(watch_of(0, None), (1, 0, None), (3600.9, 0, None))
    assert verdict is Verdict.WAIT
    assert judge(watch, POLICY, 3601, 0, None)[1] is Verdict.UNCONFIRMED


def test_a_new_cluster_that_has_moved_and_then_stands_still_is_stalled() -> None:
    assert verdict_of(watch_of(0, None), (1, 0, None), (2, 10, T1), (3602, 10, T1)) is Verdict.STALLED
    assert verdict_of(watch_of(100), (1, 0, T0), (3601, 0, T0)) is Verdict.STALLED


def test_the_first_end_of_a_new_cluster_counts() -> None:
    assert verdict_of(watch_of(0, None), (1, 100, T1), (6, 100, T1)) is Verdict.SUCCEEDED
    assert verdict_of(watch_of(0, None), (1, -1, None), (6, -1, None)) is Verdict.FAILED


# Joined and continued


TICKET = RefreshTicket(
    project_id=102,
    cluster_id=970,
    baseline_progress=100,
    baseline_refresh_time=T0,
    submitted_at=datetime(2020, 1, 10, tzinfo=UTC),
)


@pytest.mark.parametrize("known", [evolve(TICKET, attached=True), evolve(TICKET, seen_running=True)])
@pytest.mark.parametrize("progress", [0, 1, 40, 99])
def test_a_joined_or_seen_refresh_is_believed_at_its_first_end(known: RefreshTicket, progress: int) -> None:
    watch = Watch.of(evolve(known, baseline_progress=progress), 50.0)
    assert judge(watch, POLICY, 50.0, 100, T0)[1] is Verdict.SUCCEEDED
    assert judge(watch, POLICY, 50.0, -1, T0)[1] is Verdict.FAILED
    assert judge(watch, POLICY, 50.0, progress, T0)[1] is Verdict.WAIT


def test_a_ticket_that_was_not_seen_to_run_is_doubted_in_the_next_process_too() -> None:
    watch = Watch.of(TICKET, 50.0)
    assert verdict_of(watch, (50, 100, T0), (349, 100, T0)) is Verdict.WAIT
    assert verdict_of(watch, (50, 100, T0), (350, 100, T0)) is Verdict.UNCONFIRMED


@pytest.mark.parametrize(
    ("progress", "time", "runs"),
    [(0, None, False), (0, T0, True), (1, None, True), (99, T0, True), (100, T0, False), (-1, T0, False)],
)
def test_what_runs_before_the_post(progress: int, time: datetime | None, *, runs: bool) -> None:
    assert is_running(progress, time) is runs


@pytest.mark.parametrize(
    ("before", "now", "begun"),
    [
        ((100, T0), (100, T0), False),
        ((100, T0), (100, None), False),
        ((-1, T0), (-1, T0), False),
        ((0, None), (0, None), False),
        ((100, T0), (0, T0), True),
        ((100, T0), (100, T1), True),
        ((100, T0), (-1, T0), True),
        ((0, None), (0, T1), True),
        ((0, None), (1, None), True),
        ((None, None), (100, T1), False),
        # Older than the baseline: the answer of a replica that lags.
        ((100, T1), (-1, T0), False),
    ],
)
def test_whether_a_post_of_unknown_outcome_was_applied(
    before: State, now: tuple[int, datetime | None], *, begun: bool
) -> None:
    assert has_begun(watch_of(*before), *now) is begun


# What is remembered


def test_the_latest_time_is_the_latest_of_all() -> None:
    assert after(watch_of(), (1, 40, T1), (2, 50, T0))[0].latest_time == T1
    assert after(watch_of(None, None), (1, 40, T0), (2, 50, T1))[0].latest_time == T1


def test_a_progress_that_comes_back_after_an_echo_has_not_moved() -> None:
    assert after(watch_of(), (1, 40, T0), (2, 100, T0), (3, 40, T0))[0].moved == 1


def test_the_first_rise_is_the_first_progress_above_0() -> None:
    watch, _ = after(watch_of(), (1, 0, T0))
    assert watch.first_risen is None
    assert after(watch, (2, 10, T0), (3, 20, T0))[0].first_risen == (2, 10)


def test_nothing_is_waited_out_after_the_end() -> None:
    watch, verdict = after(watch_of(), (1, 100, T1), (6, 100, T1))
    assert verdict is Verdict.SUCCEEDED
    assert watch.standing is None


def test_an_end_that_settles_where_the_time_never_moves_is_a_lesson_too() -> None:
    watch, _ = after(watch_of(), (1, 40, T0))
    never = TimeMeaning(never=3)
    watch, _ = judge(watch, POLICY, 2, 100, T0, meaning=never)
    watch, verdict = judge(watch, POLICY, 7, 100, T0, meaning=never)
    assert (verdict, watch.lesson) == (Verdict.SUCCEEDED, "never")


def test_a_refresh_that_was_joined_at_its_very_beginning_ends_with_a_moved_time_where_that_marks_the_end() -> (
    None
):
    watch = watch_of(0, T0, proven=True)
    assert judge(watch, POLICY, 1, 100, T0, meaning=TimeMeaning(end=3))[1] is Verdict.WAIT
    assert judge(watch, POLICY, 1, 100, T0)[1] is Verdict.SUCCEEDED


# Standing still


def test_the_first_progress_is_no_pause_however_late_it_comes() -> None:
    watch, _ = after(watch_of(), (2000, 1, T0), (2001, 2, T0))
    assert watch.longest_pause == 1


def test_a_refresh_that_moves_rarely_gets_five_times_its_longest_pause() -> None:
    seen = (1, 10, T0), (1001, 11, T0), (1101, 12, T0)
    assert verdict_of(watch_of(), *seen, (6100, 12, T0)) is Verdict.WAIT
    assert verdict_of(watch_of(), *seen, (6101, 12, T0)) is Verdict.STALLED


def test_a_refresh_that_moves_often_gets_the_stall_time_all_the_same() -> None:
    seen = (1, 10, T0), (2, 11, T0), (3, 12, T0)
    assert verdict_of(watch_of(), *seen, (3602, 12, T0)) is Verdict.WAIT
    assert verdict_of(watch_of(), *seen, (3603, 12, T0)) is Verdict.STALLED


def test_polls_that_read_the_same_do_not_count_as_a_move() -> None:
    seen = [(second, 12, T0) for second in range(0, 3700, 100)]
    assert verdict_of(watch_of(), *seen[:36]) is Verdict.WAIT
    assert verdict_of(watch_of(), *seen[:37]) is Verdict.STALLED


def test_a_progress_that_falls_moves_but_is_not_shown() -> None:
    watch, verdict = after(watch_of(), (1, 60, T0), (3000, 10, T0), (6500, 20, T0))
    assert (verdict, watch.progress, watch.moved) == (Verdict.WAIT, 60, 6500)


def test_a_joined_refresh_that_never_moves_is_stalled_from_when_it_was_seen() -> None:
    watch = watch_of(40, proven=True)
    assert verdict_of(watch, (10, 40, T0), (3609, 40, T0)) is Verdict.WAIT
    assert verdict_of(watch, (10, 40, T0), (3610, 40, T0)) is Verdict.STALLED


# Any answers

progresses = st.integers(-1, 100)
times = st.sampled_from([None, T0, T1, T2])
gaps = st.floats(0.01, 120.0)
baselines = st.tuples(st.none() | progresses, times)


@given(
    before=baselines,
    joined=st.booleans(),
    answers=st.lists(st.tuples(gaps, progresses, times), min_size=1, max_size=40),
)
def test_any_answers_end_once_they_stop_changing_and_the_progress_shown_never_falls(
    *, before: State, joined: bool, answers: list[tuple[float, int, datetime | None]]
) -> None:
    watch, now, shown = watch_of(*before, proven=joined), 0.0, -1
    endless = answers + [(60.0, *answers[-1][1:])] * 1_000
    verdict = Verdict.WAIT
    stopped = sum(gap for gap, *_ in answers)
    for gap, progress, time in endless:
        now += gap
        before_look = watch
        watch, verdict = judge(watch, POLICY, now, progress, time)
        assert watch.progress is None or watch.progress >= shown
        shown = -1 if watch.progress is None else watch.progress
        if before_look.proven and progress == -1 and time == T2 != before[1]:
            assert verdict is Verdict.FAILED
        if verdict is not Verdict.WAIT:
            break
    allowed = max(POLICY.grace + POLICY.settle, POLICY.stall, 5 * watch.longest_pause)
    assert verdict is not Verdict.WAIT
    assert now <= stopped + allowed + 120.0


@given(baselines, st.lists(st.tuples(gaps, st.sampled_from([100, -1]), times), min_size=1, max_size=10))
def test_ends_without_a_way_to_them_never_keep_a_wait_alive_however_they_change(
    before: State, answers: list[tuple[float, int, datetime | None]]
) -> None:
    watch, now = watch_of(*before), 0.0
    for gap, progress, time in cycle(answers):
        now += gap
        assert now < 1000.0
        watch, verdict = judge(watch, POLICY, now, progress, time)
        if verdict is not Verdict.WAIT:
            break
    longest = max(gap for gap, *_ in answers)
    assert now <= POLICY.grace + POLICY.settle + 2 * longest


# Any server


@frozen(kw_only=True)
class Server:
    """A refresh as a server goes through it, in seconds since its POST.

    Before it the cluster showed `before`. For `stale` seconds that is still shown, perhaps with the moved time; until `start` it waits in
    the queue; then it computes for `seconds`, with the refresh time of its start or its end.
    """

    before: tuple[int, datetime | None]
    stale: float
    stale_time_moves: bool
    start: float
    queued_shows: str
    seconds: float
    fails: bool
    time_marks: str
    new_time: datetime

    @property
    def end(self) -> float:
        return self.start + self.seconds

    def shows(self, now: float) -> tuple[int, datetime | None]:
        progress, time = self.before
        if now < self.stale:
            return progress, self.new_time if self.stale_time_moves else time
        if now < self.start:
            return (0 if self.queued_shows == "zero" else progress), time
        if now < self.end:
            share = (now - self.start) / self.seconds
            return min(99, int(share * 100)), self.new_time if self.time_marks == "start" else time
        return (-1 if self.fails else 100), self.new_time


servers = st.builds(
    Server,
    before=st.sampled_from([(100, T0), (-1, T0), (0, None), (100, None), (-1, None)]),
    stale=st.just(0.0) | st.floats(0.0, POLICY.settle, exclude_max=True),
    stale_time_moves=st.booleans(),
    start=st.just(0.0) | st.floats(0.0, POLICY.grace - 10),
    queued_shows=st.sampled_from(["zero", "previous"]),
    seconds=st.just(0.0) | st.floats(0.0, 3.0) | st.floats(0.0, 3000.0),
    fails=st.booleans(),
    time_marks=st.sampled_from(["start", "end"]),
    new_time=st.just(T1),
)


@frozen
class Followed:
    """A refresh that was watched to its end.

    Attributes:
        now: When the verdict came, in seconds since the POST.
        verdict: The verdict.
        shown: The progress after each look.
        seen: The progress that each look saw.
    """

    now: float
    verdict: Verdict
    shown: list[int | None]
    seen: list[int]


def follow(server: Server, gaps: list[float]) -> Followed:
    watch, now = watch_of(*server.before), 0.0
    shown: list[int | None] = []
    seen: list[int] = []
    for gap in cycle(gaps):
        now += gap
        progress, time = server.shows(now)
        watch, verdict = judge(watch, POLICY, now, progress, time)
        seen.append(progress)
        shown.append(watch.progress)
        if verdict is not Verdict.WAIT:
            return Followed(now, verdict, shown, seen)
    raise AssertionError


@given(servers, st.lists(st.floats(0.05, 15.0), min_size=1, max_size=20))
def test_no_server_makes_a_leftover_pass_for_the_end_and_every_refresh_that_ends_is_seen_to(
    server: Server, gaps: list[float]
) -> None:
    followed = follow(server, gaps)
    assert followed.verdict is (Verdict.FAILED if server.fails else Verdict.SUCCEEDED)
    assert followed.now >= server.end
    # A stale window may hide the end for a while, and without proof it has to settle.
    assert followed.now <= max(server.end, server.stale) + POLICY.settle + 2 * max(gaps)
    numbers = [-1 if one is None else one for one in followed.shown]
    assert numbers == sorted(numbers)
    assert 100 not in numbers[:-1]


@given(servers, st.lists(st.floats(0.05, 15.0), min_size=1, max_size=20))
def test_without_a_moved_refresh_time_an_end_counts_only_after_proof(
    server: Server, gaps: list[float]
) -> None:
    """Two refreshes within one second of the server's clock."""
    assume(server.before[1] is not None)
    server = evolve(server, new_time=T0, stale_time_moves=False)
    followed = follow(server, gaps)
    end = -1 if server.fails else 100
    if end != server.before[0]:
        assert followed.verdict is (Verdict.FAILED if server.fails else Verdict.SUCCEEDED)
        assert followed.now >= server.end
    else:
        assert followed.verdict is Verdict.UNCONFIRMED
        assert followed.now >= min(POLICY.grace, server.end + POLICY.settle)


@given(
    servers,
    st.lists(st.tuples(st.floats(0.05, 15.0), st.booleans()), min_size=1, max_size=30),
    st.floats(0.0, 4.9),
)
def test_replicas_that_lag_for_less_than_the_settling_time_make_no_echo_pass_for_an_end(
    server: Server, polls: list[tuple[float, bool]], lag: float
) -> None:
    # An old progress with the new time, from a replica that is behind, would be an end by all that can be told.
    server = evolve(server, stale_time_moves=False)
    watch, now = watch_of(*server.before), 0.0
    verdict = Verdict.WAIT
    for gap, is_behind in cycle([*polls, (0.5, False)]):
        now += gap
        progress, time = server.shows(now - lag) if is_behind and now >= lag else server.shows(now)
        if is_behind and now < lag:
            progress, time = server.before
        watch, verdict = judge(watch, POLICY, now, progress, time)
        if verdict is not Verdict.WAIT:
            break
    assert verdict is (Verdict.FAILED if server.fails else Verdict.SUCCEEDED)
    assert now >= server.end


@given(servers, st.lists(st.floats(0.05, 4.0), min_size=1, max_size=20), st.floats(0.01, 0.99))
def test_a_server_that_restarts_and_forgets_makes_no_success(
    server: Server, gaps: list[float], share: float
) -> None:
    forgets = server.end * share
    watch, now = watch_of(*server.before), 0.0
    verdict = Verdict.WAIT
    for gap in cycle(gaps):
        now += gap
        progress, time = server.shows(now) if now < forgets else server.before
        watch, verdict = judge(watch, POLICY, now, progress, time)
        if verdict is not Verdict.WAIT:
            break
    assert verdict in (Verdict.UNCONFIRMED, Verdict.STALLED)


@given(servers, st.lists(st.floats(0.05, 15.0), min_size=1, max_size=20))
def test_a_refresh_of_which_nothing_comes_is_never_a_success(server: Server, gaps: list[float]) -> None:
    lost = evolve(server, start=1e9, stale=0.0, queued_shows="previous")
    assert follow(lost, gaps).verdict is Verdict.UNCONFIRMED


# The policy


@given(st.floats(0, 1e6), st.integers())
def test_the_first_poll_comes_soon_and_later_ones_after_a_tenth_of_the_time_so_far(
    elapsed: float, seed: int
) -> None:
    policy = PollPolicy()
    wait = policy.interval(elapsed, Random(seed))
    assert 0.9 * 0.5 <= wait <= 1.1 * 15.0
    assert wait <= 1.1 * max(0.5, 0.1 * elapsed)


def test_a_policy_of_zeros_lets_time_pass_between_two_looks() -> None:
    policy = PollPolicy(first=0, share=0, longest=0)
    assert policy.interval(0.0, Random(1)) > 0.005


@pytest.mark.parametrize("wrong", [-1, float("nan"), "5", None, True])
@pytest.mark.parametrize(
    "name", ["first", "share", "longest", "grace", "settle", "stall", "errors", "timeout"]
)
def test_a_policy_of_no_seconds_is_refused(name: str, wrong: object) -> None:
    with pytest.raises(ValueError, match=name):
        PollPolicy(**{name: wrong})  # type: ignore[arg-type]

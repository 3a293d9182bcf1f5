"""How the progress of a refresh is judged: the times between polls, pauses, and a first computation."""

# ruff: noqa: DTZ001 - server times have no zone

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.models import RefreshTicket
from ta_cluster_async.protocol.refresh import (
    PollPolicy,
    Verdict,
    Watch,
    has_begun,
    judge,
)

T0 = datetime(2020, 1, 9, 10, 51, 14)


T1 = datetime(2020, 1, 10, 10, 51, 14)


def watch_of(**what: Any) -> Watch:
    return evolve(Watch(baseline_progress=100, baseline_time=T0, since=0.0), **what)


def test_a_ticket_gives_the_watch_its_baseline() -> None:
    ticket = RefreshTicket(
        project_id=1,
        cluster_id=970,
        submitted_at=datetime.now(UTC),
        baseline_progress=-1,
        baseline_refresh_time=T0,
    )
    watch = Watch.of(ticket, 7.0)
    assert (watch.baseline_progress, watch.baseline_time, watch.since, watch.moved) == (-1, T0, 7.0, 7.0)
    assert [watch.proven, Watch.of(evolve(ticket, attached=True), 7.0).proven] == [False, True]
    assert Watch.of(evolve(ticket, seen_running=True), 7.0).proven


class Middle(Random):
    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def test_polls_become_rarer_with_the_time_since_the_post() -> None:
    policy = PollPolicy(first=1.0, share=0.1, longest=30.0)
    waits = [policy.interval(elapsed, Middle()) for elapsed in (0, 5, 50, 200, 300, 10_000)]
    assert waits == [1, 1, 5, 20, 30, 30]
    assert PollPolicy(first=0.0, share=0.0, longest=0.0).interval(0, Middle()) == 0.01


@pytest.mark.parametrize(("progress", "verdict"), [(100, Verdict.SUCCEEDED), (-1, Verdict.FAILED)])
def test_the_progress_of_an_end_is_100_or_what_was_seen_last(progress: int, verdict: Verdict) -> None:
    watch, _ = judge(watch_of(), PollPolicy(), 1.0, 40, T0)
    watch, seen = judge(watch, PollPolicy(), 2.0, progress, T1)
    assert (seen, watch.progress) == (verdict, 100 if progress == 100 else 40)


def test_an_end_that_was_waited_out_is_forgotten_when_it_runs() -> None:
    watch, _ = judge(watch_of(), PollPolicy(), 1.0, 100, T1)
    assert watch.standing is not None
    watch, _ = judge(watch, PollPolicy(), 2.0, 3, T1)
    assert watch.standing is None


def test_the_first_progress_that_is_seen_is_no_pause() -> None:
    policy = PollPolicy(stall=0.0)
    watch, verdict = judge(watch_of(), policy, 50.0, 10, T0)
    assert (watch.longest_pause, verdict) == (0.0, Verdict.WAIT)
    assert judge(watch, policy, 50.1, 10, T0)[1] is Verdict.STALLED


def test_the_longest_pause_of_all_counts_five_times() -> None:
    policy = PollPolicy(stall=1.0)
    watch = watch_of()
    for now, progress in ((0.0, 1), (20.0, 2), (23.0, 3)):
        watch, verdict = judge(watch, policy, now, progress, T0)
        assert verdict is Verdict.WAIT
    assert watch.longest_pause == 20
    assert judge(watch, policy, 122.9, 3, T0)[1] is Verdict.WAIT
    assert judge(watch, policy, 123.0, 3, T0)[1] is Verdict.STALLED


@pytest.mark.parametrize(
    ("progress", "time", "seen", "verdict"),
    [
        (0, None, 0, Verdict.UNCONFIRMED),
        (0, T0, 0, Verdict.STALLED),
        (100, None, 0, Verdict.STALLED),
        (None, None, 0, Verdict.STALLED),
        (0, None, 1, Verdict.STALLED),
    ],
)
def test_only_a_first_computation_that_shows_no_progress_is_unconfirmed_when_it_stands(
    progress: int | None, time: datetime | None, seen: int, verdict: Verdict
) -> None:
    watch = watch_of(baseline_progress=progress, baseline_time=time)
    watch, first = judge(watch, PollPolicy(stall=10.0), 1.0, seen, None)
    assert first is Verdict.WAIT
    assert judge(watch, PollPolicy(stall=10.0), 10.9, seen, None)[1] is Verdict.WAIT
    assert judge(watch, PollPolicy(stall=10.0), 11.0, seen, None)[1] is verdict


@pytest.mark.parametrize(
    ("baseline", "seen", "begun"),
    [
        ((None, None), (0, None), True),
        ((0, None), (0, None), False),
        ((0, T0), (0, None), True),
        ((0, T0), (0, T0), False),
        ((100, T0), (0, T0), True),
        ((99, T0), (99, T0), False),
        ((99, T0), (99, None), True),
        ((100, T0), (100, T0), False),
        ((100, T0), (100, None), False),
        ((100, T0), (100, T1), True),
        ((100, T0), (-1, T0), True),
        ((None, None), (100, T1), False),
        ((None, T0), (100, T1), True),
        ((None, T0), (100, None), False),
    ],
)
def test_a_state_after_a_post_of_unknown_outcome_shows_whether_it_was_applied(
    baseline: Any,
    seen: Any,
    begun: bool,  # noqa: FBT001
) -> None:
    watch = watch_of(baseline_progress=baseline[0], baseline_time=baseline[1])
    assert has_begun(watch, *seen) is begun

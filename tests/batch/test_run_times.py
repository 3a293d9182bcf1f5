"""The run times that a batch reports: as they were, or unknown, and only those go into the journal."""

from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.batch.run_times import Seen, run_time


@pytest.mark.parametrize("marks", ["start", "end", "never"])
@pytest.mark.parametrize("seconds", [10.0, 60.0])
def test_the_time_for_which_an_end_is_waited_out_is_no_part_of_the_run_time(
    kit: Any, marks: str, seconds: float
) -> None:
    server = kit.Deployment(marks=marks)
    server.add(8, seconds=seconds)
    told = kit.tell(server, range(1, 9), max_running=4)
    assert told.report.ok
    for outcome in told.report.outcomes:
        assert outcome.run_seconds == pytest.approx(seconds, rel=0.15)


def test_an_end_that_an_old_answer_seemed_to_show_earlier_is_when_it_was(kit: Any) -> None:
    server = kit.Deployment(marks="end")
    server.add(1, seconds=40.0)
    row = {"id": 1, "clusterName": "c_1", "clusterType": "cluster_by_static_condition", "displayName": "x"}
    row |= {"progress": 100, "projectId": 1, "usersNum": 7, "refreshTime": "2025-12-31 00:00:00"}
    polls = []

    def rule(ask: Any) -> Any:
        if ask.name == "detail" and server.posts:
            polls.append(ask.at)
        return kit.answer(row) if len(polls) == 2 else None

    server.rule = rule
    told = kit.tell(server, [1])
    assert polls[1] < 30.0
    assert told[1].run_seconds == pytest.approx(40.0, rel=0.15)


def test_of_a_refresh_that_was_never_seen_between_zero_and_its_end_no_run_time_is_known(
    kit: Any, tmp_path: Any
) -> None:
    server = kit.Deployment()
    server.add(2, seconds=30.0, shows=lambda _: 0)
    path = tmp_path / "runs.db"
    told = kit.tell(server, [1, 2], journal=path)
    assert told.report.ok
    assert {(outcome.run_seconds, outcome.queue_seconds) for outcome in told.report.outcomes} == {
        (None, None)
    }
    assert told.report.lower_bound.seconds == 0.0


@pytest.mark.parametrize("marks", ["start", "end"])
@pytest.mark.parametrize("queued_shows", ["zero", "before"])
@pytest.mark.parametrize(("capacity", "seconds"), [(4, 0.3), (4, 3.0), (16, 0.3), (16, 1.0)])
def test_a_run_time_on_a_server_that_queues_is_right_or_unknown(
    kit: Any, capacity: int, seconds: float, queued_shows: str, marks: str
) -> None:
    server = kit.Deployment(capacity=capacity, queued_shows=queued_shows, marks=marks)
    server.add(64, seconds=seconds)
    told = kit.tell(server, range(1, 65), max_running=32)
    assert told.report.ok
    known = [one.run_seconds for one in told.report.outcomes if one.run_seconds is not None]
    assert all(0.5 * seconds <= one <= 1.5 * seconds for one in known)
    assert told.report.lower_bound.seconds <= 64 * seconds / 32
    assert known or seconds < 1.0


ONCE = Seen(
    posted=0.0,
    began=2.0,
    may_have_run=False,
    risen=(8.0, 50),
    latest=(8.0, 50),
    last=8.0,
    first=20.0,
    ends=None,
    may_have_waited=True,
)
"""It was seen once between its beginning and its end, and may have run for 0 to 12 seconds."""


def test_what_was_seen_to_run_once_is_known_only_where_nothing_waits_unseen() -> None:
    assert run_time(ONCE) is None
    assert run_time(evolve(ONCE, may_have_waited=False)) is None, "a short wait would be half of it"
    assert run_time(evolve(ONCE, may_have_waited=False, risen=(1.0, 5), latest=(1.0, 5), last=1.0)) == (
        1.0,
        10.5,
    )


def test_the_pace_between_two_points_tells_when_it_began_and_ended() -> None:
    assert run_time(evolve(ONCE, latest=(9.0, 70), last=9.0)) == (5.5, 10.5)
    assert run_time(evolve(ONCE, latest=(9.0, 55), last=9.0)) == (2.0, 14.5), "not before it was seen to wait"


def test_a_pace_that_the_end_contradicts_tells_no_run_time() -> None:
    """A replica that lags has shown 6 % at 7 s, when it was 46 %: by that pace it would have ended after 200 s."""
    lagged = evolve(ONCE, began=0.0, risen=(0.5, 3), latest=(7.0, 6), last=7.0, first=55.8, ends=208.0)
    assert run_time(lagged) is None
    assert run_time(evolve(lagged, latest=(7.0, 46))) == pytest.approx((0.05, 15.2), abs=0.1)


def test_polls_that_lie_close_need_no_pace() -> None:
    close = evolve(ONCE, began=7.9, risen=(8.0, 1), latest=(8.1, 99), last=20.0, first=20.5)
    begin, end = run_time(close) or (0.0, 0.0)
    assert begin == pytest.approx(7.9, abs=0.1)
    assert end == 20.25


def test_a_failure_that_was_seen_to_run_once_has_no_run_time_where_others_wait(kit: Any) -> None:
    server = kit.Deployment(capacity=4)
    server.add(40, seconds=3.0)
    for cluster in server.clusters.values():
        cluster.fails = True
    told = kit.tell(server, range(1, 41), max_running=20)
    known = [one.run_seconds for one in told.report.outcomes if one.run_seconds is not None]
    assert all(one <= 2 * 3.0 for one in known)
    assert len(known) < 40

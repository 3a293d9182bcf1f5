"""The run times that a batch reports: as they were, or unknown, and only those go into the journal."""

from typing import Any

import pytest


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

"""Computations over server time: states, capacity, the queue, and the settings that decide what is seen of them."""
# ruff: noqa: FBT001 - parameters of tests

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.emulator import SAMPLE_NOW, JobPlan

Start = Callable[..., Any]
SUCCESS = {"return_code": 0, "return_message": "success"}
TODAY = "2020-01-10"


def test_a_new_cluster_is_computed_at_once(server: Any) -> None:
    server.add()

    seen = [server.progress(970)]
    for _ in range(4):
        server.clock.advance(3)
        seen.append(server.progress(970))

    assert seen == [0, 30, 60, 90, 100]


def test_a_refresh_goes_from_100_over_0_to_100(server: Any) -> None:
    server.em.seed_clusters(1)
    seen = [server.progress(970)]

    assert server.refresh(970) == SUCCESS
    for seconds in (0, 5, 4.99, 0.02):
        server.clock.advance(seconds)
        seen.append(server.progress(970))

    assert seen == [100, 0, 50, 99, 100]


def test_the_count_of_before_is_shown_until_the_computation_ends(start: Start) -> None:
    server = start(evaluate=True)
    vip = {"filts": [{"tableType": "user", "columnName": "vip", "comparator": "isTrue"}]}
    server.add()
    server.clock.advance(10)
    everybody = server.detail(970)["usersNum"]

    server.post("user-cluster-update", {"projectId": 102, "displayName": "x", "qp": vip}, clusterId=970)
    server.clock.advance(9)
    during = server.detail(970)["usersNum"]
    server.clock.advance(1)

    assert during == everybody == 2000
    assert server.detail(970)["usersNum"] == len(server.em.members(970)) < 400


def test_a_failed_computation_shows_minus_one_and_the_users_of_before(start: Start) -> None:
    server = start(evaluate=True)
    server.em.seed_clusters(1)
    server.em.plan(970, JobPlan(fails=True))

    server.refresh(970)
    server.clock.advance(10)

    assert server.progress(970) == -1
    assert server.detail(970)["usersNum"] == 2000
    assert [job.outcome for job in server.em.jobs] == ["failed"]


def test_a_plan_decides_the_next_computation_alone(server: Any) -> None:
    server.em.plan("planned", JobPlan(seconds=100))
    server.em.plan("planned", JobPlan(fails=True))

    server.add("planned")
    server.clock.advance(50)
    during_first = server.progress(970)
    server.clock.advance(50)
    after_first = server.progress(970)
    server.refresh(970)
    server.clock.advance(10)
    after_second = server.progress(970)
    server.refresh(970)
    server.clock.advance(10)

    assert (during_first, after_first, after_second, server.progress(970)) == (50, 100, -1, 100)


def test_a_computation_may_hang_for_ever_and_keeps_its_place(start: Start) -> None:
    server = start(capacity=1)
    server.em.seed_clusters(2)
    server.em.plan(970, JobPlan(stops_at=42))

    server.refresh(970)
    server.refresh(971)
    server.clock.advance(86_400)

    assert server.progress(970) == 42
    assert server.progress(971) == 0
    server.post("user-cluster-delete", clusterId=970)
    server.clock.advance(10)
    assert server.progress(971) == 100


@pytest.mark.parametrize("capacity", [1, 3, 8])
def test_no_more_than_the_capacity_run_at_once_in_the_order_of_submission(
    start: Start, capacity: int
) -> None:
    server = start(capacity=capacity)
    for cluster_id in server.em.seed_clusters(8):
        server.refresh(cluster_id)
    server.clock.advance(1)

    running = [job for job in server.em.jobs if job.outcome == "running"]
    assert [job.cluster_id for job in running] == list(range(970, 970 + capacity))

    server.clock.advance(1000)
    starts = [job.started for job in server.em.jobs]
    assert starts == [10.0 * (number // capacity) for number in range(8)]
    assert server.em.most_running == capacity


def test_a_jump_of_the_clock_settles_everything_at_its_own_time(start: Start) -> None:
    server = start(capacity=2, job_seconds=lambda cluster_id, _rng: 10.0 * (cluster_id - 969))
    for cluster_id in server.em.seed_clusters(4):
        server.refresh(cluster_id)

    server.clock.advance(86_400)

    assert [(job.started, job.finished) for job in server.em.jobs] == [(0, 10), (0, 20), (10, 40), (20, 60)]


def test_the_seconds_of_computations_repeat_with_the_seed(start: Start) -> None:
    def varied(_cluster_id: int, rng: Random) -> float:
        return rng.uniform(1, 100)

    def seconds(seed: int) -> list[float]:
        server = start(job_seconds=varied, seed=seed)
        for cluster_id in server.em.seed_clusters(3):
            server.refresh(cluster_id)
        return [job.seconds for job in server.em.jobs]

    assert seconds(1) == seconds(1) != seconds(2)


def test_a_share_of_the_computations_fails_by_the_seed(start: Start) -> None:
    server = start(capacity=300, failure_rate=0.25)
    for cluster_id in server.em.seed_clusters(200):
        server.refresh(cluster_id)
    server.clock.advance(10)

    failed = [view.id for view in server.em.clusters() if view.progress == -1]

    assert 25 < len(failed) < 75


@pytest.mark.parametrize(("mark", "during", "after"), [("start", "12", "12"), ("end", None, "22")])
def test_refresh_time_marks_the_start_or_the_end(
    start: Start, mark: str, during: str | None, after: str
) -> None:
    server = start(refresh_time=mark, now=SAMPLE_NOW.replace(second=0))
    server.em.seed_clusters(1)
    server.clock.advance(12.7)
    server.refresh(970)
    server.clock.advance(5)

    before = "2020-01-09 10:51:00"
    assert server.detail(970)["refreshTime"] == (before if during is None else f"{TODAY} 10:51:{during}")
    server.clock.advance(5)
    assert server.detail(970)["refreshTime"] == f"{TODAY} 10:51:{after}"


def test_a_cluster_that_was_never_computed_has_no_refresh_time(start: Start) -> None:
    server = start(compute_on_create=False, progress_before_first=7)
    server.add()
    server.clock.advance(100)

    detail = server.detail(970)
    assert (detail["progress"], detail["refreshTime"], detail["usersNum"]) == (7, "", 0)
    assert server.em.cluster(970).refresh_time is None
    assert server.em.jobs == []


@pytest.mark.parametrize("old", [100, -1])
def test_in_the_stale_window_a_refresh_shows_the_state_of_before(start: Start, old: int) -> None:
    server = start(stale_seconds=3)
    server.em.seed_clusters(1)
    if old == -1:
        server.em.settings = evolve(server.em.settings, stale_seconds=0)
        server.em.plan(970, JobPlan(fails=True))
        server.refresh(970)
        server.clock.advance(10)
        server.em.settings = evolve(server.em.settings, stale_seconds=3)
    before = server.detail(970)

    server.refresh(970)
    server.clock.advance(2.9)
    within = server.detail(970)
    server.clock.advance(0.2)

    assert within == before
    assert within["progress"] == old
    assert server.progress(970) == 31


def test_a_computation_shorter_than_the_stale_window_is_seen_only_by_its_time(start: Start) -> None:
    server = start(stale_seconds=30)
    server.em.seed_clusters(1)
    before = server.detail(970)
    server.refresh(970)
    server.clock.advance(29)
    within = server.detail(970)
    server.clock.advance(2)

    assert within == before
    assert server.progress(970) == 100
    assert server.detail(970)["refreshTime"] != before["refreshTime"]


@pytest.mark.parametrize(("setting", "shown"), [("zero", 0), ("previous", 100)])
def test_a_waiting_refresh_shows_zero_or_the_previous_progress(
    start: Start, setting: str, shown: int
) -> None:
    server = start(capacity=1, queued_shows=setting)
    server.em.seed_clusters(2)
    server.refresh(970)
    server.refresh(971)
    server.clock.advance(5)

    assert server.progress(971) == shown
    server.clock.advance(10)
    assert server.progress(971) == 50


def test_a_refresh_while_one_runs_is_ignored_with_success(server: Any) -> None:
    server.em.seed_clusters(1)
    server.refresh(970)
    server.clock.advance(5)

    assert server.refresh(970) == SUCCESS
    assert server.progress(970) == 50
    server.clock.advance(5)
    assert server.progress(970) == 100
    assert len(server.em.jobs) == len(server.em.effects) == 1


def test_a_refresh_while_one_runs_is_queued_behind_it(start: Start) -> None:
    server = start(while_running="queue")
    server.em.seed_clusters(1)
    server.refresh(970)
    server.clock.advance(5)

    assert server.refresh(970) == SUCCESS
    server.clock.advance(10)
    assert server.progress(970) == 50
    server.clock.advance(5)
    assert server.progress(970) == 100
    assert [(job.started, job.finished) for job in server.em.jobs] == [(0, 10), (10, 20)]
    assert len(server.em.effects) == 2


def test_a_refresh_while_one_runs_is_rejected(start: Start) -> None:
    server = start(while_running="reject")
    server.em.seed_clusters(1)
    server.refresh(970)

    assert server.refresh(970)["return_code"] == server.em.settings.codes.refresh_refused
    assert len(server.em.effects) == 1


@pytest.mark.parametrize("computes", [True, False])
def test_a_changed_definition_starts_a_computation_if_the_setting_says_so(
    start: Start, computes: bool
) -> None:
    server = start(compute_on_update=computes)
    server.em.seed_clusters(1)

    body = {"projectId": 102, "displayName": "x", "qp": {"events": [], "filts": []}}
    server.post("user-cluster-update", body, clusterId=970)

    assert server.progress(970) == (0 if computes else 100)


def test_a_changed_display_name_starts_no_computation(start: Start) -> None:
    server = start(evaluate=True)
    recent = {"eventName": "pay", "comparator": "greater", "num": "0", "taPropQuota": {}, "recentDay": "1-7"}
    server.add(definition={"events": [recent]})
    server.clock.advance(10)

    stored = server.detail(970)["userClusterDef"]
    assert stored["events"][0]["startTime"] == "2020-01-03 00:00:00"
    server.post("user-cluster-update", {"projectId": 102, "displayName": "new", "qp": stored}, clusterId=970)

    assert server.progress(970) == 100
    assert server.em.cluster(970).display_name == "new"


def test_an_update_takes_the_place_of_a_running_computation(server: Any) -> None:
    server.add()
    server.clock.advance(5)

    body = {"projectId": 102, "displayName": "x", "qp": {"events": []}}
    server.post("user-cluster-update", body, clusterId=970)

    assert server.progress(970) == 0
    assert [job.outcome for job in server.em.jobs] == ["cancelled", "running"]


def test_relative_windows_are_resolved_as_of_the_computation_and_follow_the_days(start: Start) -> None:
    server = start(evaluate=True)
    server.em.settings = evolve(server.em.settings, evaluate=False)
    recent = {"eventName": "pay", "comparator": "greater", "num": "0", "taPropQuota": {}, "recentDay": "0-7"}
    server.add(definition={"events": [recent]})

    def window() -> tuple[str, str]:
        event = server.detail(970)["userClusterDef"]["events"][0]
        return event["startTime"], event["endTime"]

    first = window()
    server.clock.advance(86_400)
    second = window()
    server.refresh(970)
    server.clock.advance(10)

    assert first == second == ("2020-01-04 00:00:00", "2020-01-10 00:00:00")
    assert window() == ("2020-01-05 00:00:00", "2020-01-11 00:00:00")


def test_a_window_that_cannot_be_resolved_is_shown_as_it_was_sent(server: Any) -> None:
    odd = [7, {"recentDay": "soon"}, {"recentDay": 7}, {"eventName": "pay"}]
    server.add(definition={"events": odd})

    assert server.detail(970)["userClusterDef"]["events"] == odd


def test_a_refresh_evaluates_with_the_day_of_its_start(start: Start) -> None:
    server = start(evaluate=True)
    today = {"eventName": "login", "comparator": "greater", "num": "0", "taPropQuota": {}, "recentDay": "0-1"}
    server.add(definition={"events": [today]})
    server.clock.advance(10)
    first = server.detail(970)["usersNum"]

    server.clock.advance(timedelta(days=1).total_seconds())
    server.refresh(970)
    server.clock.advance(10)

    assert first > 0
    assert server.detail(970)["usersNum"] == 0


def test_a_deleted_cluster_gives_its_place_to_the_next(start: Start) -> None:
    server = start(capacity=1)
    server.em.seed_clusters(2)
    server.refresh(970)
    server.refresh(971)
    server.clock.advance(5)

    server.post("user-cluster-delete", clusterId=970)
    server.clock.advance(5)

    assert server.progress(971) == 50


def test_a_deleted_cluster_that_waits_leaves_the_queue(start: Start) -> None:
    server = start(capacity=1)
    for cluster_id in server.em.seed_clusters(3):
        server.refresh(cluster_id)

    server.post("user-cluster-delete", clusterId=971)
    server.clock.advance(15)

    assert server.progress(972) == 50
    assert [job.outcome for job in server.em.jobs] == ["done", "cancelled", "running"]


def test_without_evaluation_any_definition_is_taken_and_counted_by_the_seed(start: Start) -> None:
    sql = {"taSqlVo": {"sql": "SELECT 1"}}

    def count(seed: int) -> int:
        server = start(seed=seed)
        assert server.add("sql", sql, clusterType="cluster_by_dynamic_sql") == {"data": 970, **SUCCESS}
        server.clock.advance(10)
        number: int = server.detail(970)["usersNum"]
        return number

    assert count(1) == count(1) != count(2)


def test_the_effects_tell_what_was_applied_and_by_which_request(server: Any) -> None:
    server.add("one")
    server.progress(970)
    server.clock.advance(10)
    server.refresh(970)

    created, refreshed = server.em.effects
    assert (created.kind, created.cluster_id, created.cluster_name, created.request) == (
        "created",
        970,
        "one",
        1,
    )
    assert (refreshed.kind, refreshed.request) == ("refreshed", 3)
    assert refreshed.time - created.time == timedelta(seconds=10)

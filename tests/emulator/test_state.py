"""What clusters show over server time, refreshes that meet a running one, and seeded clusters."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.emulator import SAMPLE_NOW, JobPlan
from tests.emulator.specification import SUCCESS

Start = Callable[..., Any]
TODAY = "2020-01-10"


def test_seeded_clusters_were_refreshed_a_day_ago_without_records(start: Start) -> None:
    server = start(evaluate=True)
    ids = server.em.seed_clusters(3, prefix="mine")

    view = server.em.cluster("mine_3")
    assert (view.id, view.progress, view.users_num) == (ids[2], 100, 2000)
    assert view.refresh_time == SAMPLE_NOW - timedelta(days=1)
    assert (server.em.requests, server.em.effects, server.em.jobs) == ([], [], [])


def test_seeded_clusters_take_a_definition_and_seeded_tags_have_a_value(start: Start) -> None:
    server = start(evaluate=True)
    vip = {"filts": [{"tableType": "user", "columnName": "vip", "comparator": "isTrue"}]}
    server.em.seed_clusters(1, definition=vip)
    server.em.seed_tags(1)

    assert 0 < len(server.em.members("seeded_1")) < 1000
    assert set(server.em.members("seeded_tag_1").values()) == {"1"}
    assert server.em.cluster("seeded_tag_1").catalog == "catalog_tag"


def test_seeding_twice_needs_another_prefix(server: Any) -> None:
    server.em.seed_clusters(2)
    with pytest.raises(ValueError, match="another prefix"):
        server.em.seed_clusters(2)


def test_reading_many_pages_filters_the_clusters_once(server: Any) -> None:
    server.em.seed_clusters(20_000)
    state, types = server.em._state, frozenset({"cluster_by_static_condition"})

    first = state.listed("catalog_cluster", types, "")

    assert len(first) == 20_000
    assert state.listed("catalog_cluster", types, "") is first
    server.add("one")
    assert len(state.listed("catalog_cluster", types, "")) == 20_001


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


def test_the_previous_count_is_shown_until_the_computation_ends(start: Start) -> None:
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


def test_a_failed_computation_shows_minus_one_and_the_previous_users(start: Start) -> None:
    server = start(evaluate=True)
    server.em.seed_clusters(1)
    server.em.plan(970, JobPlan(fails=True))

    server.refresh(970)
    server.clock.advance(10)

    assert server.progress(970) == -1
    assert server.detail(970)["usersNum"] == 2000
    assert [job.outcome for job in server.em.jobs] == ["failed"]


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
def test_in_the_stale_window_a_refresh_shows_the_previous_state(start: Start, old: int) -> None:
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


def test_without_evaluation_any_definition_is_accepted_and_counted_by_the_seed(start: Start) -> None:
    sql = {"taSqlVo": {"sql": "SELECT 1"}}

    def count(seed: int) -> int:
        server = start(seed=seed)
        assert server.add("sql", sql, clusterType="cluster_by_dynamic_sql") == {"data": 970, **SUCCESS}
        server.clock.advance(10)
        number: int = server.detail(970)["usersNum"]
        return number

    assert count(1) == count(1) != count(2)


def test_effects_record_what_was_changed_and_by_which_request(server: Any) -> None:
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

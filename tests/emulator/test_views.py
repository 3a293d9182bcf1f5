"""The JSON of clusters and tags against the specification's samples, and resolved windows."""

from collections.abc import Callable
from typing import Any

from attrs import evolve

from tests.emulator.specification import SUCCESS, listing, sample

Start = Callable[..., Any]


def shape(value: object) -> object:
    """Keys and JSON types, all the way down."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


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


def test_a_detail_has_the_form_of_the_specification_and_its_times(start: Start) -> None:
    server = start(evaluate=True)
    server.post("user-cluster-add", sample("user-cluster-add: request, condition cluster"))
    server.clock.advance(0.1)
    given = server.get("user-cluster-detail", clusterName="recent_7_days_consume")

    documented = sample("user-cluster-detail: response")
    assert given["data"].pop("progress") == 1
    assert documented["data"].pop("progress") == 1
    assert given == documented


def test_a_list_has_the_form_of_the_specification(server: Any) -> None:
    server.em.seed_clusters(2)

    given = server.post("user-cluster-list", listing())

    assert shape(given) == shape(sample("user-cluster-list: response"))


def test_a_progress_has_the_form_of_the_specification(server: Any) -> None:
    server.add()
    server.clock.advance(8)

    assert server.get("user-cluster-refresh-progress", clusterId=970) == {"data": {"progress": 80}, **SUCCESS}
    assert server.get("user-cluster-refresh-progress-by-name", clusterName="one") == {
        "data": {"progress": 80},
        **SUCCESS,
    }

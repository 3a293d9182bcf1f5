"""What counts as a difference between a file and the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ta_cluster_async.definitions.compare import comparable

if TYPE_CHECKING:
    from ta_cluster_async.models import JsonObject


def test_what_a_definition_cannot_set_is_left_out() -> None:
    event: JsonObject = {
        "eventName": "pay",
        "recentDay": "1-7",
        "startTime": "a",
        "endTime": "b",
        "eventDesc": "Pay",
        "filts": [],
    }
    assert comparable({"qp": {"events": [event], "relation": None}}) == {
        "qp": {"events": [{"eventName": "pay", "recentDay": "1-7"}]}
    }


def test_a_fixed_period_counts() -> None:
    event: JsonObject = {"eventName": "pay", "startTime": "a", "endTime": "b", "recentDay": ""}
    assert comparable(event) == event


def test_the_order_of_a_list_counts() -> None:
    assert comparable({"values": [1, 2]}) != comparable({"values": [2, 1]})

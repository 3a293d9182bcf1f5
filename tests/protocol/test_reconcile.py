"""Whether what is found under a name is what a create of unknown outcome would have made."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.protocol.reconcile import covers, is_ours

SAMPLES = json.loads((Path(__file__).parents[1] / "spec" / "samples.json").read_text(encoding="utf-8"))[
    "samples"
]
CREATES = [s["json"] for s in SAMPLES if s["kind"] == "request" and s["endpoint"] == "user-cluster-add"]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def as_detail(body: Any) -> Any:
    """The detail that a server shows of what a create made."""
    detail = {key: body[key] for key in ("clusterName", "displayName", "clusterType")}
    return detail | {
        "id": 970,
        "userClusterDef": body.get("qp"),
        "userTagDef": body.get("tagQp"),
        "progress": 1,
    }


@given(values)
def test_everything_says_what_it_says_itself(value: Any) -> None:
    assert covers(value, value)


@given(st.dictionaries(st.text(max_size=3), values), st.text(max_size=3), values)
def test_a_server_may_add_keys(sent: Any, key: Any, value: Any) -> None:
    assert covers({**sent, key + "more": value}, sent) or key + "more" in sent


@pytest.mark.parametrize(
    ("found", "sent"),
    [
        ({}, {"a": 1}),
        ({"a": 2}, {"a": 1}),
        ({"a": None}, {"a": {}}),
        ([], [1]),
        ([1, 2], [1]),
        ([2, 1], [1, 2]),
        ("1", 1),
        (None, 0),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}),
    ],
)
def test_what_says_less_or_something_else_is_not_ours(found: Any, sent: Any) -> None:
    assert not covers(found, sent)


@pytest.mark.parametrize("body", CREATES, ids=[body["clusterName"] for body in CREATES])
def test_each_sample_of_a_create_is_recognised_in_its_detail(body: Any) -> None:
    assert is_ours(as_detail(body), body)


@pytest.mark.parametrize("body", CREATES, ids=[body["clusterName"] for body in CREATES])
@pytest.mark.parametrize("key", ["clusterName", "displayName", "clusterType"])
def test_a_detail_that_differs_in_a_name_or_type_is_not_ours(body: Any, key: Any) -> None:
    assert not is_ours(as_detail(body) | {key: "other"}, body)


@pytest.mark.parametrize("body", CREATES, ids=[body["clusterName"] for body in CREATES])
def test_a_detail_with_another_definition_is_not_ours(body: Any) -> None:
    assert not is_ours(as_detail(body) | {"userClusterDef": {}, "userTagDef": {}}, body)


def test_what_was_not_sent_is_not_compared() -> None:
    assert is_ours({"clusterName": "a", "displayName": "x", "userClusterDef": {"x": 1}}, {"clusterName": "a"})

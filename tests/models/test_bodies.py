"""Typed definitions and the bodies that create them, both ways."""

import copy
from typing import Any

import pytest

from ta_cluster_async import (
    ClusterType,
    ConditionCluster,
    ConditionTag,
    FirstLastTag,
    QuotaTag,
    SchemaError,
)
from tests.models.test_samples import BY_NAME

KINDS: dict[str, type[ConditionCluster | ConditionTag | FirstLastTag | QuotaTag]] = {
    "condition cluster": ConditionCluster,
    "custom condition tag": ConditionTag,
    "first or last event tag": FirstLastTag,
    "quota tag": QuotaTag,
}
BODIES: dict[str, Any] = {kind: BY_NAME[f"user-cluster-add: request, {kind}"] for kind in KINDS}
EACH = pytest.mark.parametrize("kind", KINDS)


@EACH
def test_a_body_of_the_specification_comes_back_equal(kind: str) -> None:
    made = KINDS[kind].from_wire(BODIES[kind])
    assert made.to_wire() == BODIES[kind]
    assert (made.name, made.extra) == (BODIES[kind]["clusterName"], {"projectId": BODIES[kind]["projectId"]})
    assert isinstance(made.cluster_type, ClusterType)
    assert KINDS[kind].from_wire(made.to_wire()) == made


@EACH
def test_what_is_unknown_goes_back_from_every_depth(kind: str) -> None:
    def mark(value: Any) -> None:
        if isinstance(value, dict):
            for item in list(value.values()):
                mark(item)
            value["newer"] = [1, {"a": None}]
        elif isinstance(value, list):
            for item in value:
                mark(item)

    body = copy.deepcopy(BODIES[kind])
    mark(body)
    assert KINDS[kind].from_wire(body).to_wire() == body


@EACH
def test_a_type_that_a_newer_server_has_stays(kind: str) -> None:
    body = {**BODIES[kind], "clusterType": "by_magic"}
    assert KINDS[kind].from_wire(body).cluster_type == "by_magic"
    assert KINDS[kind].from_wire(body).to_wire() == body


@pytest.mark.parametrize(
    ("kind", "other"), [(kind, other) for kind in KINDS for other in KINDS if kind != other]
)
def test_a_body_of_another_kind_is_refused(kind: str, other: str) -> None:
    with pytest.raises(SchemaError) as caught:
        KINDS[kind].from_wire(BODIES[other])
    is_of_other_catalog = "condition cluster" in {kind, other}
    assert caught.value.path == ("data.clusterType" if is_of_other_catalog else "data.tagQp")


@EACH
@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("clusterName", None, "data.clusterName"),
        ("displayName", 7, "data.displayName"),
        ("clusterType", ..., "data.clusterType"),
        ("qp tagQp", None, "data.qp data.tagQp"),
        ("qp tagQp", ..., "data.qp data.tagQp"),
    ],
)
def test_what_is_absent_or_of_another_type_is_named(kind: str, key: str, value: Any, path: str) -> None:
    body = dict(BODIES[kind])
    found = next(name for name in key.split() if name in body)
    body.pop(found)
    if value is not ...:
        body[found] = value
    with pytest.raises(SchemaError) as caught:
        KINDS[kind].from_wire(body)
    assert caught.value.path in path.split()


@pytest.mark.parametrize("kind", ["first or last event tag", "quota tag"])
def test_a_tag_without_its_event_is_refused(kind: str) -> None:
    body = copy.deepcopy(BODIES[kind])
    (around,) = body["tagQp"].values()
    around.clear()
    with pytest.raises(SchemaError, match="must be an object with an event") as caught:
        KINDS[kind].from_wire(body)
    assert caught.value.path == "data.tagQp"


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(SchemaError) as caught:
        ConditionCluster.from_wire([], path="")
    assert (caught.value.path, str(caught.value.message)) == (
        "",
        "the value must be an object, not an array.",
    )

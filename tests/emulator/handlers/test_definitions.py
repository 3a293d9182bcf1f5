"""Creating and changing condition clusters and tags."""
# ruff: noqa: FBT001 - parameters of tests

from collections.abc import Callable
from typing import Any

import pytest

from tests.emulator.specification import SAMPLES, SUCCESS, sample

Start = Callable[..., Any]
UPDATE = next(one["json"] for one in SAMPLES if one["name"] == "user-cluster-update: request")


@pytest.mark.parametrize(
    "name",
    [one["name"] for one in SAMPLES if one["kind"] == "request" and one["endpoint"] == "user-cluster-add"],
)
def test_the_definitions_of_the_specification_are_created_and_come_back(start: Start, name: str) -> None:
    body = sample(name)
    server = start(evaluate=True, project_id=body["projectId"], resolve_windows=False)

    assert server.post("user-cluster-add", body) == {"data": 970, **SUCCESS}

    detail = server.detail(970)
    assert detail.get("userClusterDef") == body.get("qp")
    assert detail.get("userTagDef") == body.get("tagQp")
    assert detail["clusterName"] == body["clusterName"]
    assert detail["displayName"] == body["displayName"]


def test_a_definition_that_cannot_be_evaluated_is_answered_with_its_key(start: Start) -> None:
    server = start(evaluate=True)
    bad = {"filts": [{"tableType": "user", "columnName": "age", "comparator": "isNull"}]}
    tag = {"userTagValueDefs": [{"tagValue": "a", "userClusterDef": bad}]}

    cluster = server.add(definition=bad)
    tagged = server.add(
        definition=None, clusterCatalog="catalog_tag", subConditionTabType="tag_condition_default", tagQp=tag
    )

    code = server.em.settings.codes.not_evaluable
    assert (cluster["return_code"], tagged["return_code"]) == (code, code)
    assert cluster["return_message"].startswith("qp.filts[0].columnName：")
    assert tagged["return_message"].startswith(
        "tagQp.userTagValueDefs[0].userClusterDef.filts[0].columnName："
    )
    assert server.em.effects == []


def test_a_kind_of_tag_that_cannot_be_evaluated_is_answered_with_its_key(start: Start) -> None:
    server = start(evaluate=True)

    answer = server.add(
        definition=None, clusterCatalog="catalog_tag", subConditionTabType="tag_by_magic", tagQp={"a": 1}
    )

    assert answer["return_code"] == server.em.settings.codes.not_evaluable
    assert answer["return_message"].startswith("subConditionTabType：")


EVENT = {"eventName": "pay", "comparator": "greater", "num": "1", "taPropQuota": {"analysis": "TIMES"}}
FILTER = {"tableType": "user", "columnName": "user_level", "comparator": "equal", "ftv": ["3"]}


@pytest.mark.parametrize("value", ["absent", None, ""])
@pytest.mark.parametrize(
    "field",
    [
        *(("events", EVENT, name) for name in ("eventName", "comparator", "taPropQuota")),
        *(("filts", FILTER, name) for name in ("tableType", "columnName", "comparator")),
    ],
)
@pytest.mark.parametrize("outer", ["cluster", "tag", "event"])
def test_a_required_nested_field_that_is_empty_is_answered_with_its_name(
    start: Start, outer: str, field: tuple[str, dict[str, Any], str], value: str | None
) -> None:
    group, whole, name = field
    if name == "taPropQuota" and value == "":
        value = None
    server = start(evaluate=True)
    broken = {key: item for key, item in whole.items() if key != name}
    if value != "absent":
        broken[name] = value
    definition: dict[str, Any] = {group: [broken]}
    path = f"{group}[0].{name}"
    if outer == "event" and group == "filts":
        definition, path = {"events": [EVENT | definition]}, f"events[0].{path}"

    if outer == "tag":
        tag = {"userTagValueDefs": [{"tagValue": "a", "userClusterDef": definition}]}
        path = f"tagQp.userTagValueDefs[0].userClusterDef.{path}"
        answer = server.add(
            definition=None,
            clusterCatalog="catalog_tag",
            subConditionTabType="tag_condition_default",
            tagQp=tag,
        )
    else:
        path = f"qp.{path}"
        answer = server.add(definition=definition)

    assert answer == {"return_code": -1008, "return_message": f"参数({name})为空：{path}"}
    assert server.em.effects == []


@pytest.mark.parametrize("event", [EVENT, {key: value for key, value in EVENT.items() if key != "num"}])
@pytest.mark.parametrize("condition", [FILTER, {key: value for key, value in FILTER.items() if key != "ftv"}])
def test_num_and_ftv_are_optional(start: Start, event: dict[str, Any], condition: dict[str, Any]) -> None:
    server = start(evaluate=True)

    assert server.add(definition={"events": [event], "filts": [condition]})["return_code"] == 0

    server.clock.advance(20)
    assert (server.em.cluster(970).users_num > 0) is ("num" in event and "ftv" in condition)


@pytest.mark.parametrize("value", [None, ""])
def test_a_cluster_without_a_definition_has_no_users(start: Start, value: object) -> None:
    server = start(evaluate=True)

    assert server.add(definition=value)["return_code"] == 0

    server.clock.advance(20)
    detail = server.detail(970)
    assert (detail["progress"], detail["usersNum"]) == (100, 0)
    assert "userClusterDef" not in detail
    assert server.em.members(970) == frozenset()
    assert server.refresh(970)["return_code"] == 0


def test_a_tag_without_a_definition_is_refused(start: Start) -> None:
    server = start(evaluate=True)

    answer = server.add(
        definition=None, clusterCatalog="catalog_tag", subConditionTabType="tag_condition_default"
    )

    assert answer == {"return_code": -1008, "return_message": "参数(tagQp)为空"}


def test_an_update_changes_the_definition_and_the_display_name(server: Any) -> None:
    server.add("one")
    assert server.post("user-cluster-update", UPDATE, clusterId=970) == SUCCESS

    view = server.em.cluster("one")
    assert view.definition == UPDATE["qp"]
    assert view.display_name == UPDATE["displayName"]
    assert [effect.kind for effect in server.em.effects] == ["created", "updated"]


def test_an_update_by_name_takes_the_project_from_the_query(server: Any) -> None:
    server.add("one")
    body = {"displayName": "two", "qp": {"events": []}}

    assert server.post("user-cluster-update-by-name", body, clusterName="one") == SUCCESS
    assert server.em.cluster("one").display_name == "two"


def test_an_update_without_a_definition_keeps_the_stored_one(server: Any) -> None:
    server.add("one")
    before = server.em.cluster("one").definition

    server.post("user-cluster-update", {"projectId": 102, "displayName": "two"}, clusterId=970)

    assert server.em.cluster("one").definition == before


def test_an_update_of_a_tag_changes_its_definition(start: Start) -> None:
    server = start(evaluate=True)
    server.em.seed_tags(1)
    event = {"type": "normal", "eventName": "login", "analysis": "TIMES", "recentDay": "1-7"}
    body = {
        "projectId": 102,
        "displayName": "logins",
        "clusterCatalog": "catalog_tag",
        "subConditionTabType": "tag_condition_by_quotation",
        "tagQp": {"userTagConQuotaDef": {"userTagConQuotaEvent": event}},
    }

    assert server.post("user-cluster-update-by-name", body, clusterName="seeded_tag_1") == SUCCESS
    server.clock.advance(10)

    assert len(set(server.em.members("seeded_tag_1").values())) > 2
    assert server.detail(970)["userTagDef"] == body["tagQp"]


def test_an_update_by_name_with_another_project_in_its_body_is_refused(server: Any) -> None:
    server.add("one")
    body = {"projectId": 103, "displayName": "two"}

    assert server.post("user-cluster-update-by-name", body, clusterName="one")["return_code"] == -3002


def test_an_update_of_another_catalog_is_refused(server: Any) -> None:
    server.add("one")
    body = {"projectId": 102, "displayName": "x", "clusterCatalog": "catalog_tag"}

    assert server.post("user-cluster-update", body, clusterId=970)["return_code"] == -3001


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

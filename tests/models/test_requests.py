"""What create and update send."""

from types import MappingProxyType
from typing import Any

import pytest

from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.models import (
    ClusterDetail,
    ClusterType,
    ConditionCluster,
    ConditionTag,
    FirstLastEvent,
    FirstLastTag,
    JsonValue,
    QuotaEvent,
    QuotaTag,
    TagValue,
    UserClusterDef,
    UserTagDef,
    create_body,
    structure,
    unstructure,
    update_body,
)

DEFINITION = UserClusterDef()
TO_CREATE = [
    ConditionCluster("a", "A", DEFINITION),
    ConditionTag("a", "A", [TagValue("x", DEFINITION)]),
    FirstLastTag("a", "A", FirstLastEvent("pay", property="amount")),
    QuotaTag("a", "A", QuotaEvent("pay", "SUM", "amount")),
]


@pytest.mark.parametrize("definition", TO_CREATE, ids=lambda definition: type(definition).__name__)
def test_an_update_is_a_create_without_the_name(definition: Any) -> None:
    created = create_body(definition)
    assert created.pop("clusterName") == "a"
    assert update_body(definition) == created


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        (TO_CREATE[1], "tag_condition_default"),
        (TO_CREATE[2], "tag_condition_by_firstlast_event"),
        (TO_CREATE[3], "tag_condition_by_quotation"),
    ],
    ids=["values", "first or last", "quota"],
)
def test_a_tag_says_its_kind(definition: Any, kind: Any) -> None:
    body = create_body(definition)
    assert (body["subConditionTabType"], body["clusterCatalog"]) == (kind, "catalog_tag")


@pytest.mark.parametrize("definition", TO_CREATE, ids=lambda definition: type(definition).__name__)
def test_a_body_is_made_of_plain_strings(definition: Any) -> None:
    assert {type(value) for value in create_body(definition).values()} == {str, dict}


def test_further_keys_are_sent_but_replace_nothing() -> None:
    cluster = ConditionCluster("a", "A", DEFINITION, extra={"remarks": "r", "displayName": "other"})
    assert create_body(cluster) | {"remarks": "r", "displayName": "A"} == create_body(cluster)


def test_a_type_of_a_newer_server_is_sent_as_it_is() -> None:
    assert (
        create_body(ConditionCluster("a", "A", DEFINITION, "cluster_by_magic"))["clusterType"]
        == "cluster_by_magic"
    )


def test_tag_values_keep_their_order() -> None:
    tag = ConditionTag("a", "A", [TagValue(value, DEFINITION) for value in "cab"])
    sent: Any = create_body(tag)["tagQp"]
    assert [value["tagValue"] for value in sent["userTagValueDefs"]] == ["c", "a", "b"]


def test_a_mapping_goes_out_as_it_is() -> None:
    given = {
        "clusterName": "a",
        "clusterCatalog": "mine",
        "clusterType": "tag_by_static_sql",
        "taSqlVo": {"sql": "x"},
    }
    for body in (create_body(given), update_body(given)):
        assert list(body.items()) == list(given.items())
        assert body is not given


@pytest.mark.parametrize(
    ("kind", "catalog"),
    [
        ("cluster_by_static_sql", "catalog_cluster"),
        ("tag_by_newer_way", "catalog_tag"),
        (ClusterType.TAG_BY_IMPORT, "catalog_tag"),
    ],
)
def test_the_catalog_of_a_mapping_is_filled_in_from_its_type(kind: Any, catalog: Any) -> None:
    assert create_body({"clusterType": kind}) == {"clusterType": kind, "clusterCatalog": catalog}


@pytest.mark.parametrize("given", [{}, {"clusterType": "other"}, {"clusterType": None}, {"clusterType": 3}])
def test_the_catalog_of_a_mapping_stays_absent_where_nothing_tells_it(given: Any) -> None:
    assert update_body(given) == given


def test_other_mappings_and_tuples_become_objects_and_arrays() -> None:
    given = MappingProxyType({"qp": MappingProxyType({"events": ({"eventName": "a"},)})})
    assert create_body(given) == {"qp": {"events": [{"eventName": "a"}]}}


def test_a_mapping_that_contains_itself_is_refused() -> None:
    given: dict[str, object] = {"clusterType": "cluster_by_result"}
    given["qp"] = given
    with pytest.raises(InvalidRequest, match="contains itself"):
        create_body(given)


def detail(**keys: JsonValue) -> ClusterDetail:
    said: dict[str, JsonValue] = {
        "id": 970,
        "clusterName": "a",
        "clusterType": "tag_by_static_condition",
        "displayName": "A",
        "progress": 100,
        "projectId": 102,
        "usersNum": 3,
        "userId": 13,
        "refreshTime": "2020-01-10 10:51:14",
    }
    return structure(ClusterDetail, said | keys)


def test_an_update_of_a_detail_leaves_out_what_only_the_server_decides() -> None:
    assert update_body(detail(userTagDef={"userTagConQuotaDef": {}})) == {
        "clusterCatalog": "catalog_tag",
        "clusterType": "tag_by_static_condition",
        "subConditionTabType": "tag_condition_by_quotation",
        "displayName": "A",
        "tagQp": {"userTagConQuotaDef": {}},
    }


def test_what_the_server_said_of_catalog_and_kind_counts() -> None:
    body = update_body(
        detail(userTagDef={"userTagValueDefs": []}, subConditionTabType="newer", clusterCatalog="other")
    )
    assert (body["subConditionTabType"], body["clusterCatalog"]) == ("newer", "other")


def test_an_update_of_a_detail_sends_what_is_unknown_here() -> None:
    body = update_body(
        detail(remarks="r", zoneOffset=8, taSqlVo={"sql": "x"}, selectType="string", newer=None)
    )
    assert {key: body[key] for key in ("remarks", "zoneOffset", "taSqlVo", "selectType", "newer")} == {
        "remarks": "r",
        "zoneOffset": 8,
        "taSqlVo": {"sql": "x"},
        "selectType": "string",
        "newer": None,
    }


@pytest.mark.parametrize("key", ["status", "historyDataStatus", "refreshDelay", "userName", "uploadFileName"])
def test_an_update_of_a_detail_leaves_out_what_the_list_tells_of_the_servers_own(key: str) -> None:
    # It would be out of date by the time that it comes back.
    assert update_body(detail(**{key: 1})) == update_body(detail())


def test_a_mapping_may_say_what_of_a_detail_is_left_out() -> None:
    assert update_body({"status": 0}) == {"status": 0}


@pytest.mark.parametrize("said", ["tag_condition_default", "tag_condition_by_quotation"])
def test_a_definition_of_another_kind_is_sent_with_its_kind(said: str) -> None:
    changed = detail(userTagDef={"userTagConQuotaDef": {}}, subConditionTabType=said)
    changed.user_tag_def = UserTagDef(values=[TagValue("x", DEFINITION)])
    assert update_body(changed)["subConditionTabType"] == "tag_condition_default"


@pytest.mark.parametrize("said", ["tag_condition_default", "newer", None])
def test_where_the_definition_does_not_tell_its_kind_the_servers_word_goes_back(said: str | None) -> None:
    body = update_body(detail(userTagDef={"newerKindOfTag": {}}, subConditionTabType=said))
    assert body["subConditionTabType"] == said


def test_a_changed_detail_sends_the_change() -> None:
    changed = detail(userTagDef={"userTagValueDefs": []})
    changed.display_name = "B"
    changed.user_tag_def = UserTagDef(values=[TagValue("x", DEFINITION)])
    body = update_body(changed)
    assert body["displayName"] == "B"
    assert body["tagQp"] == {
        "userTagValueDefs": [{"tagRemark": "", "tagValue": "x", "userClusterDef": unstructure(DEFINITION)}]
    }


def test_a_detail_without_a_definition_sends_none() -> None:
    assert update_body(detail(clusterType="cluster_by_import")).keys() == {
        "clusterCatalog",
        "clusterType",
        "displayName",
    }


def test_tags_made_from_a_read_tag_keep_what_is_unknown_at_every_depth() -> None:
    wires: list[dict[str, JsonValue]] = [
        {"newer": 1, "userTagValueDefs": [{"value": "a", "newer": 2}]},
        {
            "newer": 1,
            "userTagConFirstLastEventDef": {
                "newer": 2,
                "userTagConFirstLastEvent": {"eventName": "pay", "newer": 3},
            },
        },
        {
            "newer": 1,
            "userTagConQuotaDef": {"newer": 2, "userTagConQuotaEvent": {"eventName": "pay", "newer": 3}},
        },
    ]
    values, first_last, quota = (UserTagDef.from_wire(wire) for wire in wires)
    assert first_last.first_last is not None
    assert first_last.first_last.event is not None
    assert quota.quota is not None
    assert quota.quota.event is not None
    tags: list[ConditionTag | FirstLastTag | QuotaTag] = [
        ConditionTag("t", "T", values.values or (), base=values),
        FirstLastTag("t", "T", first_last.first_last.event, base=first_last),
        QuotaTag("t", "T", quota.quota.event, base=quota),
    ]
    assert [create_body(tag)["tagQp"] for tag in tags] == wires
    other = QuotaTag("t", "T", quota.quota.event, base=values)
    assert create_body(other)["tagQp"] == {
        "newer": 1,
        "userTagConQuotaDef": {"userTagConQuotaEvent": {"eventName": "pay", "newer": 3}},
    }

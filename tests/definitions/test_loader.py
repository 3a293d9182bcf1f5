"""Definitions as texts: the three kinds of names they may be in, what they need, and where their mistakes are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async import (
    ClusterDetail,
    ConditionCluster,
    ConditionTag,
    FirstLastEvent,
    FirstLastTag,
    InvalidRequest,
    QuotaEvent,
    QuotaTag,
    TagValue,
    all_of,
    event,
    user,
)
from ta_cluster_async.cli.actions.demo_data import TEAM
from ta_cluster_async.definitions.loader import load_definition
from ta_cluster_async.messages import Message
from ta_cluster_async.models import create_body, structure, unstructure, update_body
from tests.definitions.samples import API, WHALES

if TYPE_CHECKING:
    from ta_cluster_async.definitions.loader import LoadedDefinition


def load(
    text: object, *, create: bool = True, strict: bool = True, source: str | None = None
) -> LoadedDefinition:
    """Load YAML, or what is no text as JSON."""
    if not isinstance(text, str):
        text, source = json.dumps(text, ensure_ascii=False, indent=1), source or "a.json"
    return load_definition(text, source or "a.yaml", create=create, strict_names=strict, project_id=102)


def body_of(text: object, *, create: bool = True) -> dict[str, Any]:
    return load(text, create=create).body


def refusal(text: object, **settings: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        load(text, **settings)
    return refused.value


def lines_of(message: object) -> list[Message]:
    """The mistakes of a message, each with its line."""
    assert isinstance(message, Message)
    if message.code == "definition-lines":
        return [*lines_of(message.params["first"]), *lines_of(message.params["rest"])]
    return [message]


def mistakes_in(text: object, **settings: Any) -> list[tuple[object, str]]:
    """The line and the code of each mistake."""
    found = []
    for line in lines_of(refusal(text, **settings).params["mistakes"]):
        what = line.params["what"]
        assert isinstance(what, Message)
        found.append((line.params["line"], what.code))
    return found


def test_the_librarys_names_in_yaml_make_the_same_body_as_the_apis_names_in_json() -> None:
    assert body_of(WHALES) == body_of(API) == API


def test_a_text_without_a_name_of_its_own_is_json_where_it_begins_like_an_object() -> None:
    assert load(json.dumps(API), source="standard input").body == API
    assert load(WHALES, source="standard input").body == API


def test_what_the_library_has_as_a_default_need_not_be_said_in_its_names() -> None:
    text = "name: a\ndisplay_name: A\ndefinition:\n  events:\n  - {event_name: pay, comparator: greater, num: 4}\n"
    definition = all_of(event("pay").times().greater(4))
    expected = create_body(ConditionCluster("a", "A", definition))
    assert body_of(text) == {key: value for key, value in expected.items() if key != "clusterCatalog"}


def test_a_body_in_the_apis_names_goes_out_as_it_is() -> None:
    body = {**API, "newKey": {"x": [1, None, "2"]}, "clusterType": "cluster_by_static_sql", "sql": "SELECT 1"}
    assert body_of(body) == body


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (
            """\
name: spender
display_name: Spender
values:
  - tag_value: much
    definition: {filters: [{column_name: total_pay, comparator: greater, values: [1000]}]}
""",
            ConditionTag("spender", "Spender", [TagValue("much", all_of(user("total_pay").greater(1000)))]),
        ),
        (
            "name: last_item\ndisplay_name: L\nevent: {event_name: use, property: item_id, is_first_event: false}\n",
            FirstLastTag("last_item", "L", FirstLastEvent("use", "item_id", is_first_event=False)),
        ),
        (
            "name: paid\ndisplay_name: P\nevent: {event_name: pay, analysis: SUM, quota: amount, recent_day: 1-30}\n",
            QuotaTag("paid", "P", QuotaEvent("pay", "SUM", "amount", recent_day="1-30")),
        ),
    ],
    ids=["values", "first or last", "aggregate"],
)
def test_the_three_kinds_of_tags_in_the_librarys_names(
    text: str, tag: ConditionTag | FirstLastTag | QuotaTag
) -> None:
    body = body_of(text)
    expected = create_body(tag)
    assert body == {key: value for key, value in expected.items() if key != "clusterCatalog"}


@pytest.mark.parametrize("definition", TEAM, ids=lambda definition: definition.name)
def test_each_body_that_the_library_makes_is_taken_without_a_warning(definition: Any) -> None:
    body = create_body(definition)
    found = load(body)
    assert (found.body, found.warnings, found.catalog) == (body, [], definition.catalog)


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("display_name: A\ndefinition: {}\n", 1, "key-missing"),
        ("name: a\ndefinition: {}\n", 1, "key-missing"),
        ("name: [12]\ndisplay_name: A\ndefinition: {}\n", 1, "wrong-type"),
        ("name: a\ndisplay_name: ~\ndefinition: {}\n", 2, "wrong-type"),
        ("name: a\ndisplay_name: A\nproject_id: 0146\ndefinition: {}\n", 3, "project-differs"),
        ("name: a\ndisplay_name: A\nproject_id: [102]\ndefinition: {}\n", 3, "project-differs"),
        ("name: a\ndisplay_name: A\n", 1, "key-missing"),
        ("name: a\ndisplay_name: A\ncluster_type: cluster_by_static_condition\n", 1, "key-missing"),
        ("name: a\ndisplay_name: A\ncluster_type: tag_by_static_condition\n", 1, "key-missing"),
        ("name: a\ndisplay_name: A\nvalues: 1\n", 3, "list-expected"),
        ("name: a\ndisplayname: A\ndefinition: {}\n", 2, "key-misspelled"),
        ("name: a\ndisplay_name: A\nclusterName: b\n", 3, "key-repeated"),
        ("name: a\ndisplay_name: A\nproject_id: 7\ndefinition: {}\n", 3, "project-differs"),
        ("name: a\ndisplay_name: A\ncluster_type: cluster_by_import\n", 3, "upload-has-no-definition"),
        (
            "name: a\ndisplay_name: A\ncluster_type: cluster_by_static_condition\nvalues: []\n",
            4,
            "catalog-conflict",
        ),
        (
            "name: a\ndisplay_name: A\ncluster_type: cluster_by_static_condition\ntagQp: {}\n",
            4,
            "catalog-conflict",
        ),
    ],
)
def test_a_mistake_has_its_line(text: str, line: int, code: str) -> None:
    assert (line, code) in mistakes_in(text)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("name: a b\ndisplay_name: A\ndefinition: {}\n", 1, "'a b'"),
        (f"name: a\ndisplay_name: {'x' * 51}\ndefinition: {{}}\n", 2, "51 characters"),
        ("name: a\ndisplay_name: ''\ndefinition: {}\n", 2, "display name"),
        ("name: a\ndisplay_name: A\ndefinition: {}\n  x: 1\n", 4, ""),
        ("- 1\n", 1, "a definition must be an object"),
    ],
)
def test_a_text_that_cannot_be_a_definition_has_its_line_and_the_reason(
    text: str, line: int, words: str
) -> None:
    message = refusal(text).message
    assert message.startswith(f"a.yaml cannot be used: line {line}: ")
    assert words in message


def test_a_server_with_other_rules_takes_other_names() -> None:
    text = f"name: a-b\ndisplay_name: {'x' * 51}\ndefinition: {{}}\n"
    assert load(text, strict=False).name == "a-b"


def test_an_update_needs_no_names() -> None:
    found = load("display_name: A\n", create=False)
    assert (found.body, found.name, found.catalog) == ({"displayName": "A"}, None, None)


def test_the_project_may_be_named_in_the_text() -> None:
    assert body_of({**API, "projectId": "102"}) == {**API, "projectId": 102}


def test_all_mistakes_are_told_at_once_in_their_order() -> None:
    text = "name: a b\ndisplay_name: A\ndefinition:\n  events: 1\n  relation: [and]\n"
    head, *lines = refusal(text).message.splitlines()
    assert head == "a.yaml has 3 mistakes:"
    assert [line.partition(":")[0] for line in lines] == ["  line 1", "  line 4", "  line 5"]


def test_a_thousand_mistakes_can_be_told() -> None:
    filters = "".join("  - 1\n" for _ in range(1000))
    message = refusal(f"name: a\ndisplay_name: A\ndefinition:\n  filters:\n{filters}").message
    assert message.splitlines()[-1] == "  line 1004: expected an object here, not an integer."


def test_a_mistake_that_an_anchor_repeats_is_told_once() -> None:
    text = "name: a\ndisplay_name: A\ndefinition:\n  filters: [&x {column_name: a, comparator: isTrue, table_type: []}, *x]\n"
    assert mistakes_in(text) == [(4, "wrong-type")]


def test_a_text_that_is_nested_too_deeply_is_refused() -> None:
    assert refusal("[" * 3000).params["mistakes"] == Message("nested-too-deeply")


def test_what_show_writes_is_a_definition() -> None:
    detail = {
        "id": 970,
        "projectId": 7,
        "clusterName": "whales",
        "displayName": "A",
        "usersNum": 5,
        "userClusterDef": API["qp"],
    }
    body = body_of(detail)
    assert body == {
        "clusterName": "whales",
        "displayName": "A",
        "qp": API["qp"],
        "clusterType": "cluster_by_static_condition",
    }


def test_a_body_is_read_as_the_models_would_have_it() -> None:
    """The loader goes by the models, so a model with a new field is read without a change here."""
    definition = all_of(
        event("pay").percentile("amount", 90).greater(5).recent_days(0, 7).where(user("x").equal("y")),
        user("vip").is_true(),
    )
    found = body_of({**API, "qp": unstructure(definition)})
    assert found["qp"] == unstructure(definition)


def test_warnings_say_where_they_stand() -> None:
    found = load({**API, "qp": {"relation": "between"}})
    assert [str(warning) for warning in found.warnings] == [
        "a.json, line 6: the specification has no relation 'between'; it is sent as it is."
    ]


def test_names_are_taken_as_they_are_written() -> None:
    body = body_of("name: 007\ndisplay_name: 1.10\nremarks: NO\nproject_id: 102\ndefinition: {}\n")
    assert [body[key] for key in ("clusterName", "displayName", "remarks", "projectId")] == [
        "007",
        "1.10",
        "NO",
        102,
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nam: a\ndisplay_name: A\ndefinition: {}\n", "line 1: there is no key 'nam'; did you mean 'name'?"),
        ("name: a\ndisplay_name: A\ndefinitoin: {}\n", "line 3: there is no key 'definitoin'; did you mean 'definition'?"),
        ("name: a\ndisplay_name: A\n", "line 1: 'definition' is missing."),
        ("name: a\ndefinition: {}\n", "line 1: 'display_name' is missing."),
        ("name: a\ndisplayname: A\ndefinition: {}\n", "line 2: there is no key 'displayname'; did you mean 'display_name'?"),
        ("clusterName: a\ndisplayNane: A\nqp: {}\n", "line 2: there is no key 'displayNane'; did you mean 'displayName'?"),
        ("clusterName: a\nqp: {}\n", "line 1: 'displayName' is missing."),
        ("name: a\ndisplay_name: A\ncluster_type: tag_by_static_condition\ndefinition: {}\n", "line 4: 'definition' conflicts with an earlier key: one defines a cluster, the other a tag."),
    ],
)  # fmt: skip
def test_a_slip_is_told_once_and_in_the_names_of_the_file(text: str, words: str) -> None:
    assert refusal(text).message == f"a.yaml cannot be used: {words}"


def test_a_misspelled_type_is_warned_of_and_sent() -> None:
    found = load({**API, "clusterType": "cluster_by_static_conditon"})
    assert found.body["clusterType"] == "cluster_by_static_conditon"
    assert [str(warning) for warning in found.warnings] == [
        (
            "a.json, line 4: the specification has no clusterType 'cluster_by_static_conditon'; it is sent as it is. "
            "Did you mean 'cluster_by_static_condition'?"
        )
    ]


DETAIL: dict[str, Any] = {
    "id": 970,
    "projectId": 7,
    "clusterName": "whales",
    "clusterType": "cluster_by_static_condition",
    "displayName": "A",
    "progress": 100,
    "refreshTime": "2020-01-10 10:51:14",
    "userId": 13,
    "usersNum": 5,
    "userClusterDef": API["qp"],
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"userClusterDef": None},
        {"userClusterDef": None, "userTagDef": None, "usersNum": 0},
        {"userClusterDef": {"events": [{"eventName": "e", "comparator": "greater", "num": 4, "recentDay": ""}]}},
        {"userClusterDef": {"filts": [{"columnName": "a", "comparator": "between", "ftv": [1.5, None, [True]]}]}},
        {"userClusterDef": {"events": 5, "filts": {}, "relations": 1}},
        {"clusterType": "cluster_by_dynamic_nothing", "newKey": {"a": [None]}},
        {"clusterType": "tag_by_static_condition", "userClusterDef": None, "userTagDef": {"userTagConFirstLastEventDef": {"userTagConFirstLastEvent": {"calcPropVo": "item"}}}},
        {"displayName": "x" * 60, "clusterName": "a-b"},
        {"clusterType": "cluster_by_import", "userClusterDef": None},
    ],
)  # fmt: skip
def test_what_show_writes_is_taken_back_unchanged(changes: dict[str, Any]) -> None:
    detail = {**DETAIL, **changes}
    shown = unstructure(structure(ClusterDetail, detail))
    found = load(detail if changes.get("userClusterDef", 1) is None else shown, create=False)
    body = {key: value for key, value in found.body.items() if key != "clusterName"}
    # What the library itself sends of a detail, which names the catalog too.
    sent = {
        key: value
        for key, value in update_body(structure(ClusterDetail, detail)).items()
        if key != "clusterCatalog"
    }
    nulls = {
        new: None
        for old, new in (("userClusterDef", "qp"), ("userTagDef", "tagQp"))
        if changes.get(old, 1) is None
    }
    assert body == sent | nulls


def test_what_show_writes_of_an_upload_can_create_nothing() -> None:
    assert mistakes_in({**DETAIL, "clusterType": "cluster_by_import"}) == [(5, "upload-has-no-definition")]


def test_aliases_may_repeat_a_bounded_number_of_values() -> None:
    text = f"name: a\ndisplay_name: A\ndefinition: {{}}\nx: &x [{'1, ' * 9}]\ny: [*x, *x]\n"
    settings: dict[str, Any] = {"create": True, "strict_names": True, "project_id": 102}
    assert load_definition(text, "a.yaml", most_repeated=20, **settings).name == "a"
    with pytest.raises(InvalidRequest, match="line 5: aliases repeat more than 19 values"):
        load_definition(text, "a.yaml", most_repeated=19, **settings)

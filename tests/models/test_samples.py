"""The specification's own requests and answers."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.models import (
    Analysis,
    CalcProperty,
    Catalog,
    ClusterDetail,
    ConditionCluster,
    ConditionTag,
    FirstLastEvent,
    FirstLastTag,
    Page,
    PropertyRef,
    QuotaEvent,
    QuotaTag,
    TagKind,
    TagValue,
    UploadResult,
    UserClusterDef,
    UserTagDef,
    create_body,
    event,
    event_property,
    structure,
    unstructure,
    update_body,
    user,
)
from ta_cluster_async.models.base import Wire

SAMPLES = json.loads((Path(__file__).parents[1] / "spec" / "samples.json").read_text("utf-8"))["samples"]
BY_NAME = {sample["name"]: sample["json"] for sample in SAMPLES}
DEFINITIONS: dict[str, type[Wire]] = {
    "qp": UserClusterDef,
    "tagQp": UserTagDef,
    "userClusterDef": UserClusterDef,
    "userTagDef": UserTagDef,
}
FOUND = [
    pytest.param(DEFINITIONS[key], part[key], id=f"{sample['name']}: {key}")
    for sample in SAMPLES
    for part in (sample["json"], sample["json"].get("data"))
    if isinstance(part, dict)
    for key in DEFINITIONS.keys() & part.keys()
]


MODELS: dict[str, type[Wire]] = {
    "user-cluster-detail": ClusterDetail,
    "user-cluster-list": Page,
    "import-id-cluster-add": UploadResult,
    "import-id-cluster-modify": UploadResult,
}
ANSWERS = [
    pytest.param(MODELS[sample["endpoint"]], sample["json"]["data"], id=sample["name"])
    for sample in SAMPLES
    if sample["endpoint"] in MODELS and isinstance(sample["json"].get("data"), dict)
]
REQUESTS = {
    sample["name"]: sample["json"]
    for sample in SAMPLES
    if sample["kind"] == "request" and DEFINITIONS.keys() & sample["json"].keys()
}


def add_body(name: str) -> Any:
    body = dict(BY_NAME[f"user-cluster-add: request, {name}"])
    del body["projectId"]
    return body


def test_the_samples_hold_every_kind_of_definition() -> None:
    assert len(FOUND) == 7
    assert {param.values[0] for param in FOUND} == {UserClusterDef, UserTagDef}
    assert (len(ANSWERS), len(REQUESTS)) == (5, 6)


@pytest.mark.parametrize(("cls", "definition"), FOUND)
def test_a_definition_of_the_specification_comes_back_equal(cls: Any, definition: Any) -> None:
    assert unstructure(structure(cls, definition)) == definition


@pytest.mark.parametrize(("cls", "definition"), FOUND)
def test_every_key_of_a_sample_definition_has_a_field(cls: Any, definition: Any) -> None:
    assert "extra" not in repr(structure(cls, definition))


@pytest.mark.parametrize(("cls", "data"), ANSWERS)
def test_a_sample_answer_has_a_field_for_every_key_and_comes_back_equal(cls: type[Wire], data: Any) -> None:
    model: Wire = structure(cls, data)
    assert "extra" not in repr(model)
    assert unstructure(model) == data


def test_of_the_sample_answers_that_are_objects_only_the_progress_has_no_model() -> None:
    objects = {sample["endpoint"] for sample in SAMPLES if isinstance(sample["json"].get("data"), dict)}
    assert objects - MODELS.keys() == {
        "user-cluster-refresh-progress",
        "user-cluster-refresh-progress-by-name",
    }


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in REQUESTS.items()])
def test_a_sample_request_goes_out_unchanged_as_a_mapping(body: Any) -> None:
    before = json.dumps(body)
    assert json.dumps(create_body(body)) == before
    assert json.dumps(update_body(body)) == before


def test_the_condition_cluster_of_the_specification_is_written_like_this() -> None:
    cluster = ConditionCluster(
        name="recent_7_days_consume",
        display_name="recent_7_days_consume",
        definition=UserClusterDef(
            events=[event("consume_item").times().greater(4).recent_days(1, 7)],
            filters=[user("user_level").equal("3")],
        ),
    )
    assert create_body(cluster) == add_body("condition cluster")


def test_the_condition_tag_of_the_specification_is_written_like_this() -> None:
    expected = add_body("custom condition tag")
    first, second = (value["userClusterDef"]["events"][0] for value in expected["tagQp"]["userTagValueDefs"])
    # New definitions send `comparator`, which the sample's second value spells otherwise.
    second["comparator"] = second.pop("uceCalcuSymbol")
    assert {first["comparator"], second["comparator"]} == {"greater"}
    registered = evolve(event("player_register").times().greater(4).recent_days(1, 30), relation="and")
    fought = evolve(event("fight_success").times().greater(0).recent_days(1, 30), relation="and")
    tag = ConditionTag(
        name="tag_20200615_1",
        display_name="标签_20200615_1",
        values=[
            TagValue("标签值1", UserClusterDef(events=[registered])),
            TagValue("标签值2", UserClusterDef(events=[fought])),
        ],
    )
    assert create_body(tag) == expected


def test_the_first_event_tag_of_the_specification_is_written_like_this() -> None:
    tag = FirstLastTag(
        name="tag_test_20200615_1",
        display_name="标签_test",
        event=FirstLastEvent(
            event_name="pay",
            property="#vp@test_num",
            is_first_event=True,
            recent_day="0-1",
            filters=[event_property("#os").equal("android")],
        ),
    )
    assert create_body(tag) == add_body("first or last event tag")
    assert tag.event.property == CalcProperty(PropertyRef("#vp@test_num", "event"))


def test_the_quota_tag_of_the_specification_is_written_like_this() -> None:
    tag = QuotaTag(
        name="tag_test_20200615_1",
        display_name="标签_test",
        event=QuotaEvent(
            event_name="activity_attend",
            analysis=Analysis.DISTINCT,
            quota="activity_reward",
            recent_day="0-1",
            filters=[event_property("#os").equal("android")],
        ),
    )
    assert create_body(tag) == add_body("quota tag")


def test_the_second_tag_sample_is_read_as_having_a_comparator() -> None:
    tag = structure(UserTagDef, add_body("custom condition tag")["tagQp"])
    definitions = [value.definition for value in tag.values or ()]
    events = [event for definition in definitions if definition for event in definition.events or ()]
    assert [event.comparator for event in events] == ["greater", "greater"]
    assert tag.kind is TagKind.VALUES


def test_the_update_of_the_specification_is_what_its_detail_says() -> None:
    expected = dict(BY_NAME["user-cluster-update: request"])
    del expected["projectId"]
    detail = structure(ClusterDetail, BY_NAME["user-cluster-detail: response"]["data"])
    assert update_body(detail) == expected


def test_the_detail_of_the_specification_reads_as_typed_values() -> None:
    detail = structure(ClusterDetail, BY_NAME["user-cluster-detail: response"]["data"])
    assert str(detail.refresh_time) == "2020-01-10 10:51:14"
    assert detail.user_cluster_def is not None
    assert [str(event.end_time) for event in detail.user_cluster_def.events or ()] == ["2020-01-09 00:00:00"]
    assert type(detail.refresh_time) is datetime
    assert detail.catalog is Catalog.CLUSTER
    assert (detail.id, detail.progress, detail.users_num) == (970, 1, 0)


def test_the_list_of_the_specification_reads_as_a_page() -> None:
    page = structure(Page, BY_NAME["user-cluster-list: response"]["data"])
    assert (page.page_num, page.page_size, page.total_num) == (1, 10, 2)
    assert [row.id for row in page.rows] == [905, 183]
    assert {row.catalog for row in page.rows} == {Catalog.CLUSTER}


def test_the_upload_counts_of_the_specification_are_read() -> None:
    result = structure(UploadResult, BY_NAME["import-id-cluster-add: response"]["data"])
    assert result == UploadResult(
        cluster_id=1889, upload_num=5, user_num=5, unmatched_num=0, tag_value_null_num=0
    )

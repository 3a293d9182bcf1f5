"""Answers are read strictly: a field has the type that it says, or the error names the place and hides the value."""

import json
import traceback
from typing import Any

import pytest

from ta_cluster_async.batch.listing import read_row
from ta_cluster_async.errors import SchemaError
from ta_cluster_async.models import (
    ClusterDetail,
    ClusterRow,
    EventCondition,
    JsonObject,
    JsonValue,
    Page,
    UploadResult,
    UserClusterDef,
    structure,
    unstructure,
    update_body,
)
from ta_cluster_async.models.base import Wire

DETAIL: JsonObject = {
    "id": 970,
    "clusterName": "a",
    "clusterType": "cluster_by_static_condition",
    "displayName": "A",
    "progress": 100,
    "projectId": 102,
    "usersNum": 3,
    "userId": 13,
    "refreshTime": "2020-01-10 10:51:14",
}
ROW: JsonObject = {
    "id": 905,
    "clusterName": "a",
    "progress": 100,
    "usersNum": 3,
    "refreshTime": "2020-01-10 10:51:14",
}
TIME = "2020-01-10 10:51:14"
SECRET = "do-not-show-4711"


def page(*rows: JsonValue, **pager: JsonValue) -> JsonObject:
    return {"pagerResult": {"pageNum": 1, "pageSize": 10, "totalNum": 2, **pager}, "userClusters": list(rows)}


def refused(cls: type[Wire], value: JsonValue) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        structure(cls, value)
    return caught.value


@pytest.mark.parametrize("key", ["id", "progress", "projectId", "usersNum", "userId"])
@pytest.mark.parametrize("value", [3.7, 3.0, True, False, "3", SECRET, [], {}])
def test_a_detail_takes_nothing_but_an_integer_for_a_number(key: Any, value: Any) -> None:
    assert refused(ClusterDetail, DETAIL | {key: value}).path == f"data.{key}"


@pytest.mark.parametrize("key", ["clusterName", "clusterType", "displayName"])
@pytest.mark.parametrize("value", [3, 2.5, True, [], {}])
def test_a_detail_takes_nothing_but_a_string_for_a_text(key: Any, value: Any) -> None:
    assert refused(ClusterDetail, DETAIL | {key: value}).path == f"data.{key}"


@pytest.mark.parametrize("key", ["id", "clusterName"])
def test_a_detail_without_a_needed_key_is_refused(key: Any) -> None:
    value = {other: DETAIL[other] for other in DETAIL if other != key}
    error = refused(ClusterDetail, value)
    assert error.path == f"data.{key}"
    assert "absent" in str(error)


@pytest.mark.parametrize("value", ["", "text", 3, []])
@pytest.mark.parametrize("key", ["userClusterDef", "userTagDef"])
def test_a_definition_that_is_no_object_is_refused(key: Any, value: Any) -> None:
    error = refused(ClusterDetail, DETAIL | {key: value})
    assert error.path == f"data.{key}"
    assert "an object" in str(error)


@pytest.mark.parametrize("time", [None, ""])
def test_no_refresh_time_is_none(time: Any) -> None:
    assert structure(ClusterDetail, DETAIL | {"refreshTime": time}).refresh_time is None
    assert structure(ClusterRow, ROW | {"refreshTime": time}).refresh_time is None


def test_an_absent_refresh_time_is_none() -> None:
    assert structure(ClusterRow, {"id": 1, "clusterName": "a"}).refresh_time is None


@pytest.mark.parametrize(
    "time",
    [
        "soon",
        "2020-01-10",
        "2020-01-10T10:51:14",
        "2020-W01-1 10:51:14",
        "2020-01-10 10:51+08",
        "2020-02-30 00:00:00",
        "2020-01-10 10:51:14.5",
        1578624674,
        True,
    ],
)
def test_a_refresh_time_of_another_format_is_refused(time: Any) -> None:
    assert refused(ClusterDetail, DETAIL | {"refreshTime": time}).path == "data.refreshTime"
    assert refused(Page, page(ROW, ROW | {"refreshTime": time})).path == "data.userClusters[1].refreshTime"


@pytest.mark.parametrize(
    ("key", "value"), [("id", 3.7), ("id", True), ("clusterName", None), ("remarks", 3), ("status", "1")]
)
def test_a_bad_row_is_named_by_its_place(key: Any, value: Any) -> None:
    error = refused(Page, page(ROW, ROW, ROW, ROW | {key: value}))
    assert error.path == f"data.userClusters[3].{key}"


def test_a_row_that_is_no_object_is_named_by_its_place() -> None:
    assert refused(Page, page(ROW, [ROW])).path == "data.userClusters[1]"


@pytest.mark.parametrize("rows", [{}, "", 3])
def test_rows_that_are_no_array_are_refused(rows: Any) -> None:
    assert refused(Page, page() | {"userClusters": rows}).path == "data.userClusters"


@pytest.mark.parametrize("key", ["pageNum", "pageSize", "totalNum"])
@pytest.mark.parametrize("value", [None, "2", 2.0])
def test_a_pager_takes_nothing_but_integers(key: Any, value: Any) -> None:
    assert refused(Page, page(ROW, **{key: value})).path == f"data.pagerResult.{key}"


@pytest.mark.parametrize("value", [None, "", 5, [], "970"])
@pytest.mark.parametrize(
    "cls", [ClusterDetail, ClusterRow, Page, UploadResult, UserClusterDef, EventCondition]
)
def test_what_is_no_object_is_refused_at_the_top(cls: Any, value: Any) -> None:
    assert refused(cls, value).path == "data"


def test_the_path_begins_where_the_caller_says() -> None:
    with pytest.raises(SchemaError) as caught:
        structure(ClusterRow, ROW | {"id": "x"}, path="rows[7]")
    assert caught.value.path == "rows[7].id"
    with pytest.raises(SchemaError) as caught:
        structure(ClusterRow, ROW | {"id": "x"}, path="")
    assert caught.value.path == "id"


@pytest.mark.parametrize("key", ["id", "refreshTime", "usersNum"])
def test_an_error_never_shows_the_value(key: Any) -> None:
    error = refused(Page, page(ROW, ROW | {key: SECRET, "remarks": SECRET}))
    assert error.__cause__ is None
    assert error.__context__ is None
    assert SECRET not in str(error) + repr(error) + "".join(traceback.format_exception(error))


def test_a_row_needs_only_its_id_and_name() -> None:
    row = structure(ClusterRow, {"id": 905, "clusterName": "a"})
    assert row == ClusterRow(id=905, cluster_name="a")
    assert row.catalog is None


def test_an_optional_field_may_be_null() -> None:
    assert structure(ClusterRow, ROW | {"remarks": None}).remarks is None


def test_unknown_keys_of_an_answer_are_kept() -> None:
    assert structure(ClusterDetail, DETAIL | {"zoneOffset": 8}).extra == {"zoneOffset": 8}
    found = structure(Page, page(ROW | {"zoneOffset": 8}, hasNext=False) | {"took": 3})
    assert found.rows[0].extra == {"zoneOffset": 8}
    assert found.pager.extra == {"hasNext": False}
    assert found.extra == {"took": 3}


def test_rows_read_together_equal_rows_read_alone() -> None:
    rows: list[JsonObject] = [
        ROW,
        ROW | {"id": 2, "remarks": None, "clusterType": "tag_by_import"},
        ROW | {"id": 3, "zone": 8, "refreshTime": ""},
        {"id": 4, "clusterName": "d"},
        ROW | {"id": 5, "zone": 9, "refreshTime": None},
        ROW | {"id": 6, "remarks": "r", "clusterType": "newer"},
        ROW | {"id": 7},
    ]
    found = structure(Page, page(*rows)).rows
    assert found == [structure(ClusterRow, row) for row in rows]
    assert [row.id for row in found] == [905, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("times", [[TIME, TIME], [TIME, "", TIME], [TIME, None], ["", ""], [None], [TIME]])
def test_times_read_together_equal_times_read_alone(times: list[JsonValue]) -> None:
    rows = [ROW | {"refreshTime": time} for time in times]
    found = [row.refresh_time for row in structure(Page, page(*rows)).rows]
    assert found == [structure(ClusterRow, row).refresh_time for row in rows]


def test_rows_with_their_keys_in_another_order_are_read_by_key() -> None:
    swapped: JsonObject = {"id": 905, "clusterName": "a", "usersNum": 3, "progress": 100, "refreshTime": TIME}
    first, second = structure(Page, page(ROW, swapped)).rows
    assert first == second


@pytest.mark.parametrize("key", ["id", "clusterName"])
def test_a_row_without_a_needed_key_is_named_by_its_place(key: str) -> None:
    short = {other: ROW[other] for other in ROW if other != key}
    assert refused(Page, page(ROW, short)).path == f"data.userClusters[1].{key}"
    assert refused(Page, page(short, short)).path == f"data.userClusters[0].{key}"


def test_rows_read_together_do_not_share_what_they_keep() -> None:
    first, second = structure(Page, page(ROW, ROW)).rows
    first.extra["mine"] = 1
    assert second.extra == {}


def test_an_empty_page_has_no_rows() -> None:
    assert structure(Page, page()).rows == []


def test_an_answer_goes_back_to_the_json_that_it_was() -> None:
    zone: JsonValue = {"a": [1, None]}
    data = page(ROW | {"zone": zone}, {"id": 4, "clusterName": "d"})
    assert json.dumps(unstructure(structure(Page, data)), sort_keys=True) == json.dumps(data, sort_keys=True)


def test_an_upload_result_needs_only_the_id() -> None:
    assert structure(UploadResult, {"clusterId": 7}) == UploadResult(cluster_id=7)
    assert refused(UploadResult, {"clusterId": 7, "userNum": "5"}).path == "data.userNum"
    assert refused(UploadResult, {}).path == "data.clusterId"


# As little as a server may answer.

PAGER: dict[str, Any] = {"pageNum": 1, "pageSize": 10, "totalNum": 0}


@pytest.mark.parametrize("rest", [{}, dict.fromkeys(["clusterType", "displayName", "progress", "projectId", "usersNum", "userId", "refreshTime"])])  # fmt: skip
def test_of_a_detail_only_the_id_and_the_name_are_certain(rest: Any) -> None:
    detail = structure(ClusterDetail, {"id": 5, "clusterName": "a", **rest})
    assert (detail.display_name, detail.progress, detail.users_num, detail.catalog) == (
        None,
        None,
        None,
        None,
    )
    assert update_body(detail) == {}


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2020-01-10 10:51:14.0", "2020-01-10 10:51:14"),
        ("2020-01-10 10:51:14.000", "2020-01-10 10:51:14"),
        ("2020-01-10 10:51:14", "2020-01-10 10:51:14"),
    ],
)
def test_a_fraction_of_zeros_is_the_same_second(text: str, time: str) -> None:
    row: dict[str, Any] = {"id": 5, "clusterName": "a", "refreshTime": text}
    for read in (
        structure(ClusterDetail, row).refresh_time,
        structure(Page, {"userClusters": [row, row], "pagerResult": PAGER}).rows[1].refresh_time,
        read_row({**row, "progress": 100}).refresh_time,
    ):
        assert str(read) == time


@pytest.mark.parametrize("text", ["2020-01-10 10:51:14.", "2020-01-10 10:51:14.5", "2020-01-10.0", ".0"])
def test_a_time_that_could_mean_something_else_is_not_one(text: str) -> None:
    with pytest.raises(SchemaError, match=r"data\.refreshTime must be a time"):
        structure(ClusterDetail, {"id": 5, "clusterName": "a", "refreshTime": text})


def test_null_in_place_of_rows_is_an_empty_page() -> None:
    page = structure(Page, {"userClusters": None, "pagerResult": PAGER})
    assert page.rows == []
    with pytest.raises(SchemaError, match=r"data\.userClusters must be an array, not absent"):
        structure(Page, {"pagerResult": PAGER})


@pytest.mark.parametrize("null", [["userClusterDef"], ["userTagDef"], ["userClusterDef", "userTagDef"], []])
def test_a_definition_that_is_null_goes_back_as_it_came(null: list[str]) -> None:
    value: dict[str, Any] = {"id": 5, "clusterName": "a", **dict.fromkeys(null)}
    detail = structure(ClusterDetail, value)
    assert (detail.user_cluster_def, detail.user_tag_def) == (None, None)
    assert unstructure(detail) == value
    names = {"userClusterDef": "qp", "userTagDef": "tagQp"}
    assert update_body(detail) == {names[key]: None for key in null}
    detail.user_cluster_def = UserClusterDef()
    assert update_body(detail)["qp"] == unstructure(UserClusterDef())

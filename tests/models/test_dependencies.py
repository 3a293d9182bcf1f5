"""The clusters and tags that a definition names are found where they are named, and nowhere else."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async import Dependency, dependencies
from ta_cluster_async.models import (
    Catalog,
    ClusterDetail,
    ConditionCluster,
    ConditionTag,
    FirstLastTag,
    PropertyFilter,
    TagValue,
    UserClusterDef,
    UserTagDef,
    event,
    user,
)
from ta_cluster_async.models.tags import FirstLastEvent

IN_A = PropertyFilter("a", "belongToCluster", table_type="cluster")
IN_B = PropertyFilter(
    "b", "belongToCluster", table_type="user_cluster", extra={"subTableType": "cluster_by_import"}
)
GOLD = PropertyFilter(
    "tier", "equal", ["gold"], table_type="user_cluster", extra={"subTableType": "tag_by_static_condition"}
)
OWN = user("level").equal(3)


def names(definition: Any) -> list[str]:
    return [one.name for one in dependencies(definition)]


def in_sql(sql: str) -> list[str]:
    return names({"taSqlVo": {"sql": sql}})


def test_filters_of_users_and_of_events_are_found_once_each_in_their_order() -> None:
    counted = event("pay").times().greater(1).recent_days(1, 7).where(GOLD)
    definition = UserClusterDef(events=[counted], filters=[IN_B, OWN, IN_A, IN_A])
    assert dependencies(ConditionCluster("x", "x", definition)) == (
        Dependency("tier", Catalog.TAG, "tag_by_static_condition"),
        Dependency("b", Catalog.CLUSTER, "cluster_by_import"),
        Dependency("a"),
    )
    assert names(UserClusterDef(filters=[OWN])) == []


def test_tags_and_their_values_are_looked_through() -> None:
    tag = ConditionTag("t", "t", [TagValue("1", UserClusterDef(filters=[IN_A]))])
    assert names(tag) == ["a"]
    assert names(tag.definition) == ["a"]
    first = FirstLastTag("t", "t", FirstLastEvent("pay", "item", filters=[IN_B]), base=tag.definition)
    assert names(first) == ["b"], "what the tag was before does not count"


def test_details_and_bodies_say_the_same() -> None:
    definition = UserClusterDef(filters=[IN_A, GOLD])
    body = ConditionCluster("x", "x", definition).to_wire()
    detail = ClusterDetail.from_wire({"id": 1, "clusterName": "x", "userClusterDef": body["qp"]})
    assert dependencies(detail) == dependencies(body) == dependencies(definition)
    assert names(ClusterDetail.from_wire({"id": 1, "clusterName": "x", "taSqlVo": {"sql": SQL}})) == ["vip"]
    assert names(UserTagDef.from_wire({"somethingNew": [{"filts": [IN_A.to_wire()]}]})) == ["a"]


SQL = "select \"#user_id\" from ta.user_result_cluster_15 where cluster_name = 'vip'"


def test_a_result_table_tells_the_project() -> None:
    assert dependencies({"sql": SQL}) == (Dependency("vip", project_id=15),)
    both = f"{SQL} union select 1 from user_result_cluster_16 b where b.cluster_name='c'"
    assert dependencies({"sql": both}) == (Dependency("vip"), Dependency("c"))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("cluster_name='a'", ["a"]),
        ("CLUSTER_NAME = 'A'", ["A"]),
        ("\"cluster_name\" = 'it''s'", ["it's"]),
        ("b.cluster_name /* which */ = -- this\n 'a'", ["a"]),
        ("'a' = ta.b.\"cluster_name\"", ["a"]),
        ("cluster_name in ('a', 'b','c') and x in ('d')", ["a", "b", "c"]),
        ("cluster_name = 'a' or cluster_name = 'b'", ["a", "b"]),
        ("cluster_name in ('a', 'b'", ["a", "b"]),
        ("cluster_name = lower('A')", []),
        ("cluster_name = 'a' || 'b'", []),
        ("cluster_name =", []),
        ("cluster_name", []),
        ("cluster_name in (select x)", []),
        ("cluster_name <> 'a'", []),
        ("cluster_name not in ('a')", []),
        ("cluster_name like 'a%'", []),
        ("'a' <> cluster_name", []),
        ("x = cluster_name", []),
        ("other_name = 'a'", []),
        ("note = 'cluster_name = ''a''' -- cluster_name = 'b'\n /* cluster_name = 'c' */", []),
        ("\"cluster_name = 'a'\" = 1", []),
        ("my_cluster_name = 'a'", []),
    ],
)
def test_sql_is_read_as_sql(condition: str, expected: list[str]) -> None:
    assert in_sql(f"select 1 from user_result_cluster_15 b where {condition}") == expected
    assert in_sql(f'select 1 from TA."user_result_cluster_15" where {condition}') == expected


@pytest.mark.parametrize(
    "table",
    [
        "'user_result_cluster_15'",
        "-- user_result_cluster_15\n t",
        "/* user_result_cluster_15 */ t",
        "/* user_result_cluster_15",
        "my_user_result_cluster_15",
        "user_result_cluster_15_old",
        "user_result_cluster_",
        '"user_result_cluster_15"""',
        "v_user_15",
    ],
)
def test_another_table_or_one_that_is_only_spoken_of_is_none(table: str) -> None:
    assert in_sql(f"select 1 from {table}\n where cluster_name = 'a'") == []


def test_text_that_is_no_sql_names_nothing() -> None:
    assert names({"displayName": SQL, "remarks": [SQL]}) == []
    assert names({"querySql": [SQL]}) == ["vip"]


@pytest.mark.parametrize(
    "shape",
    [
        None,
        7,
        [],
        {"tableType": "cluster"},
        {"tableType": "cluster", "columnName": None},
        {"tableType": "cluster", "columnName": ""},
        {"tableType": "cluster", "columnName": ["a"]},
        {"tableType": ["cluster"], "columnName": "a"},
        {"tableType": {}, "columnName": "a"},
        {"tableType": "user", "columnName": "a"},
        {"sql": None, 3: {"x": object()}},
    ],
)
def test_unknown_shapes_give_nothing(shape: Any) -> None:
    assert dependencies(shape) == ()


def test_a_kind_that_only_one_place_tells_is_known() -> None:
    plain = {"tableType": "cluster", "columnName": "b"}
    assert dependencies({"filts": [plain, IN_B.to_wire(), plain]})[0].catalog is Catalog.CLUSTER


def test_depth_and_circles_of_a_mapping_end() -> None:
    deep: Any = {"tableType": "cluster", "columnName": "a"}
    for _ in range(50_000):
        deep = {"filts": [deep]}
    assert names(deep) == ["a"]
    round_: dict[str, Any] = {"tableType": "cluster", "columnName": "a"}
    round_["filts"] = [round_]
    assert names(round_) == ["a"]


@pytest.mark.parametrize("letter", ["'", '"', "/*", "--", "''", "*", "/", "cluster_name = '"])
def test_reading_sql_takes_linear_time(letter: str) -> None:
    began = time.perf_counter()
    in_sql("user_result_cluster_1 " + letter * 100_000)
    assert time.perf_counter() - began < 5


@given(st.text(alphabet="'\"-/*ab= \n.(),_|", max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for name in in_sql(f"from user_result_cluster_1 where cluster_name {text}"):
        assert name.replace("'", "''") in text

"""Updates and lists: what a change does to a cluster, and what the pages of a list show of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

SPEC = Path(__file__).parents[1] / "spec"
SAMPLES = json.loads((SPEC / "samples.json").read_text(encoding="utf-8"))["samples"]
UPDATE = next(one["json"] for one in SAMPLES if one["name"] == "user-cluster-update: request")
SUCCESS = {"return_code": 0, "return_message": "success"}
ALL_CLUSTER_TYPES = [
    f"cluster_by_{kind}" for kind in ("static_condition", "dynamic_condition", "import", "result")
]

Start = Callable[..., Any]


def listing(**fields: object) -> dict[str, object]:
    return {"projectId": 102, "clusterCatalog": "catalog_cluster", "clusterTypes": ALL_CLUSTER_TYPES} | fields


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


@pytest.mark.parametrize("types", ["cluster_by_import", ["cluster_by_import", 5]])
def test_cluster_types_that_are_no_list_of_texts_are_refused(server: Any, types: object) -> None:
    assert server.post("user-cluster-list", listing(clusterTypes=types))["return_code"] == -3001


def test_an_update_of_another_catalog_is_refused(server: Any) -> None:
    server.add("one")
    body = {"projectId": 102, "displayName": "x", "clusterCatalog": "catalog_tag"}

    assert server.post("user-cluster-update", body, clusterId=970)["return_code"] == -3001


def test_a_list_is_of_one_catalog_and_of_the_types_that_are_asked_for(server: Any) -> None:
    server.add("static")
    server.add("dynamic", clusterType="cluster_by_dynamic_condition")
    server.add("sql", clusterType="cluster_by_static_sql")
    server.em.seed_tags(1)

    def names(**fields: object) -> list[str]:
        rows = server.post("user-cluster-list", listing(**fields))["data"]["userClusters"]
        return [row["clusterName"] for row in rows]

    assert names() == ["dynamic", "static"]
    assert names(clusterTypes=["cluster_by_static_sql"]) == ["sql"]
    assert names(clusterCatalog="catalog_tag", clusterTypes=["tag_by_static_condition"]) == ["seeded_tag_1"]


def test_a_list_seeks_part_of_a_name_or_display_name_in_any_case(server: Any) -> None:
    server.add("recent_7")
    server.add("other", displayName="最近 Recent")
    server.add("third")

    rows = server.post("user-cluster-list", listing(clusterName="RECENT"))["data"]["userClusters"]

    assert {row["clusterName"] for row in rows} == {"recent_7", "other"}


def test_more_searches_than_it_keeps_find_what_they_found_before(server: Any) -> None:
    server.em.seed_clusters(40)
    state, types = server.em._state, frozenset({"cluster_by_static_condition"})

    found = [[c.name for c in state.listed("catalog_cluster", types, f"_{n}")] for n in range(1, 100)]

    assert [c.name for c in state.listed("catalog_cluster", types, "_4")] == found[3]
    assert found[3] == ["seeded_40", "seeded_4"]
    assert len(state._listings) < 99


@pytest.mark.parametrize("missing", ["projectId", "clusterCatalog", "clusterTypes"])
def test_a_list_needs_what_the_specification_requires(server: Any, missing: str) -> None:
    answer = server.post("user-cluster-list", listing(**{missing: None}))

    assert answer == {"return_code": -1008, "return_message": f"参数({missing})为空"}


@pytest.mark.parametrize(
    "pager",
    [{"pageNum": 0}, {"pageSize": 0}, {"pageSize": "x"}, "first"],
    ids=["page 0", "no rows", "text", "no object"],
)
def test_a_wrong_pager_is_refused(server: Any, pager: object) -> None:
    assert server.post("user-cluster-list", listing(pagerHeader=pager))["return_code"] == -3001


def page(server: Any, number: int, size: int) -> tuple[list[int], dict[str, int]]:
    pager = {"pageNum": number, "pageSize": size}
    data = server.post("user-cluster-list", listing(pagerHeader=pager))["data"]
    return [row["id"] for row in data["userClusters"]], data["pagerResult"]


@pytest.mark.parametrize(("order", "step"), [("newest_first", -1), ("oldest_first", 1)])
def test_pages_hold_every_cluster_once_in_the_order_of_the_setting(
    start: Start, order: str, step: int
) -> None:
    server = start(list_order=order)
    ids = server.em.seed_clusters(25)

    pages = [page(server, number, 10) for number in (1, 2, 3, 4)]

    assert [row for rows, _ in pages for row in rows] == ids[::step]
    assert [len(rows) for rows, _ in pages] == [10, 10, 5, 0]
    assert pages[1][1] == {"pageNum": 2, "pageSize": 10, "totalNum": 25}


def test_a_page_has_ten_rows_by_default_and_never_more_than_the_most(start: Start) -> None:
    server = start(max_page_size=20)
    server.em.seed_clusters(25)

    default = server.post("user-cluster-list", listing())["data"]
    rows, result = page(server, 1, 1000)

    assert len(default["userClusters"]) == default["pagerResult"]["pageSize"] == 10
    assert (len(rows), result["pageSize"]) == (20, 20)


def test_rows_move_to_later_pages_while_others_are_created(server: Any) -> None:
    server.em.seed_clusters(4)

    first, _ = page(server, 1, 2)
    server.add("newer")
    second, result = page(server, 2, 2)

    assert first[-1] == second[0]
    assert result["totalNum"] == 5


@pytest.mark.parametrize("change", ["delete", "rename", "settings"])
def test_a_list_follows_every_change(server: Any, change: str) -> None:
    server.em.seed_clusters(2, prefix="old")
    before, _ = page(server, 1, 10)
    if change == "delete":
        server.post("user-cluster-delete", clusterId=970)
        expected = [971]
    elif change == "rename":
        server.post("user-cluster-update", {"projectId": 102, "displayName": "young"}, clusterId=970)
        rows = server.post("user-cluster-list", listing(clusterName="young"))["data"]["userClusters"]
        assert [row["id"] for row in rows] == [970]
        return
    else:
        server.em.settings = evolve(server.em.settings, list_order="oldest_first")
        expected = before[::-1]

    assert page(server, 1, 10)[0] == expected

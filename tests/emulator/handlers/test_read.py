"""Details, lists, deletion and refreshes."""
# ruff: noqa: FBT001 - parameters of tests

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from tests.emulator.specification import SUCCESS, listing

Start = Callable[..., Any]
ADD, MODIFY, MODIFY_BY_NAME = (
    "import-id-cluster-add",
    "import-id-cluster-modify",
    "import-id-cluster-modify-by-name",
)


def page(server: Any, number: int, size: int) -> tuple[list[int], dict[str, int]]:
    pager = {"pageNum": number, "pageSize": size}
    data = server.post("user-cluster-list", listing(pagerHeader=pager))["data"]
    return [row["id"] for row in data["userClusters"]], data["pagerResult"]


def test_users_num_is_the_count_of_the_evaluation(start: Start) -> None:
    server = start(evaluate=True)
    server.add(definition={"filts": [{"tableType": "user", "columnName": "vip", "comparator": "isTrue"}]})
    server.clock.advance(10)

    members = server.em.members("one")

    assert server.detail(970)["usersNum"] == len(members) > 100
    assert server.post("user-cluster-list", listing())["data"]["userClusters"][0]["usersNum"] == len(members)


def test_a_deleted_cluster_is_gone_and_its_id_is_not_used_again(server: Any) -> None:
    server.add("one")
    assert server.post("user-cluster-delete", clusterId=970) == SUCCESS

    assert server.get("user-cluster-refresh-progress", clusterId=970)["return_code"] == -3003
    assert server.add("one")["data"] == 971


def test_a_list_has_one_catalog_and_the_requested_types(server: Any) -> None:
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


def test_a_list_searches_part_of_a_name_or_display_name_in_any_case(server: Any) -> None:
    server.add("recent_7")
    server.add("other", displayName="最近 Recent")
    server.add("third")

    rows = server.post("user-cluster-list", listing(clusterName="RECENT"))["data"]["userClusters"]

    assert {row["clusterName"] for row in rows} == {"recent_7", "other"}


def test_more_searches_than_are_cached_find_the_same_clusters(server: Any) -> None:
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


def test_a_page_has_ten_rows_by_default_and_never_more_than_the_maximum(start: Start) -> None:
    server = start(max_page_size=20)
    server.em.seed_clusters(25)

    default = server.post("user-cluster-list", listing())["data"]
    rows, result = page(server, 1, 1000)

    assert len(default["userClusters"]) == default["pagerResult"]["pageSize"] == 10
    assert (len(rows), result["pageSize"]) == (20, 20)


def test_a_page_size_above_the_setting_is_refused(start: Start) -> None:
    server = start(refuse_page_size=20)
    server.em.seed_clusters(25)

    assert len(page(server, 1, 20)[0]) == 20
    refused = server.post("user-cluster-list", listing(pagerHeader={"pageNum": 1, "pageSize": 21}))

    assert refused["return_code"] == -3001
    assert "pageSize" in refused["return_message"]


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


@pytest.mark.parametrize("accepts", [True, False])
def test_a_refresh_of_an_id_cluster_is_a_setting(start: Start, accepts: bool) -> None:
    server = start(refresh_id_clusters="accept" if accepts else "reject")
    server.upload(ADD, b"a\r\n")

    answer = server.refresh(970)
    server.clock.advance(10)

    assert answer["return_code"] == (0 if accepts else server.em.settings.codes.refresh_refused)
    assert server.progress(970) == 100
    assert server.em.members(970) == {"a"}

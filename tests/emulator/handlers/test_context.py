"""References to clusters and unique names."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.emulator.specification import SUCCESS


def test_by_id_and_by_name_mean_the_same_cluster(server: Any) -> None:
    server.add("one")

    assert server.get("user-cluster-detail", clusterId=970) == server.get(
        "user-cluster-detail", clusterName="one"
    )
    assert server.post("user-cluster-refresh-by-name", clusterName="one") == SUCCESS
    assert server.post("delete-user-cluster-by-name", clusterName="one") == SUCCESS
    assert server.get("user-cluster-detail", clusterId=970)["return_code"] == -3003


@pytest.mark.parametrize(
    ("name", "query", "code"),
    [
        ("user-cluster-detail", {"clusterId": 5}, "not_found"),
        ("user-cluster-detail", {"clusterName": "ONE"}, "not_found"),
        ("user-cluster-detail", {"clusterName": " one"}, "not_found"),
        ("user-cluster-detail", {"clusterId": "x"}, "invalid_parameter"),
        ("user-cluster-detail", {}, "missing_parameter"),
        ("user-cluster-detail", {"clusterId": 970, "projectId": 103}, "wrong_project"),
        ("user-cluster-detail", {"clusterId": 970, "projectId": ""}, "missing_parameter"),
        ("user-cluster-refresh-progress", {"clusterId": 5}, "not_found"),
        ("user-cluster-refresh-progress-by-name", {}, "missing_parameter"),
    ],
)
def test_a_wrong_reference_is_refused(server: Any, name: str, query: dict[str, object], code: str) -> None:
    server.add("one")

    assert server.get(name, **query)["return_code"] == getattr(server.em.settings.codes, code)


@pytest.mark.parametrize("name", ["user-cluster-delete", "user-cluster-refresh", "user-cluster-update"])
def test_a_wrong_id_is_refused_and_has_no_effect(server: Any, name: str) -> None:
    assert server.post(name, {"projectId": 102}, clusterId=5)["return_code"] == -3003
    assert server.em.effects == []


def test_a_name_is_unique_among_clusters_and_tags(server: Any) -> None:
    server.add("one")

    assert server.add("one")["return_code"] == server.em.settings.codes.duplicate_name
    taken = server.upload("import-id-cluster-add", b"a\r\n", clusterName="one", clusterCatalog="catalog_tag")
    assert taken["return_code"] == server.em.settings.codes.duplicate_name


@pytest.mark.parametrize("blank", ["%20", "+"])
def test_the_urls_of_the_specification_with_a_blank_before_the_name_work_if_the_setting_allows_them(
    start: Callable[..., Any], blank: str
) -> None:
    server = start(strip_names=True)
    server.add("recent_7_days_consume")
    url = f"{server.em.url}/open/delete-user-cluster-by-name?token={quote(server.em.token)}&projectId=102&clusterName="

    answer = server.send(
        "POST", f"{url}{blank}recent_7_days_consume", b"", {"Content-Type": "application/json"}
    )

    assert answer.json == SUCCESS
    assert server.em.clusters() == []


def test_a_name_of_blanks_is_empty_if_they_are_ignored(start: Callable[..., Any]) -> None:
    server = start(strip_names=True)

    assert server.get("user-cluster-detail", clusterName="  ")["return_message"] == "参数(clusterName)为空"

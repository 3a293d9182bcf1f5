"""Strict reading of query parameters and JSON bodies."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.emulator.specification import listing

Start = Callable[..., Any]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -1008),
        (b"{", -3001),
        (b"[]", -3001),
        (b"\xff", -3001),
        (b"[" * 100_000, -3001),
        (b'{"projectId": null}', -1008),
        (b'{"projectId": true}', -3001),
        (b'{"projectId": "x"}', -3001),
        (b'{"projectId": 103}', -3002),
        (b'{"projectId": "102"}', -1008),
    ],
)
def test_a_body_that_is_not_a_request_is_refused(server: Any, body: bytes, code: int) -> None:
    answer = server.send("POST", server.url("user-cluster-add"), body, {"Content-Type": "application/json"})

    assert answer.json["return_code"] == code


@pytest.mark.parametrize("name", ["projectId", "clusterName", "displayName"])
@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_parameter_of_a_new_cluster_is_named(start: Start, name: str, value: object) -> None:
    server = start(evaluate=True)

    answer = server.add(**{name: value})

    assert answer == {"return_code": -1008, "return_message": f"参数({name})为空"}
    assert server.em.clusters() == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"clusterName": "x" * 25}, "invalid_name"),
        ({"clusterName": "with space"}, "invalid_name"),
        ({"clusterName": "分群"}, "invalid_name"),
        ({"displayName": "名" * 51}, "invalid_name"),
        ({"clusterName": 5}, "invalid_parameter"),
        ({"clusterCatalog": "catalog_other"}, "invalid_parameter"),
        (
            {"clusterType": "tag_by_static_condition", "clusterCatalog": "catalog_cluster"},
            "invalid_parameter",
        ),
        ({"qp": []}, "invalid_parameter"),
        ({"clusterType": "cluster_by_static_sql"}, "not_evaluable"),
    ],
)
def test_a_wrong_parameter_of_a_new_cluster_is_refused(
    start: Start, fields: dict[str, object], code: str
) -> None:
    server = start(evaluate=True)

    assert server.add(**fields)["return_code"] == getattr(server.em.settings.codes, code)
    assert server.em.effects == []


def test_a_name_of_24_and_a_display_name_of_50_characters_are_accepted(server: Any) -> None:
    assert server.add("x" * 24, displayName="名" * 50)["return_code"] == 0


@pytest.mark.parametrize("types", ["cluster_by_import", ["cluster_by_import", 5]])
def test_cluster_types_that_are_not_a_list_of_strings_are_refused(server: Any, types: object) -> None:
    assert server.post("user-cluster-list", listing(clusterTypes=types))["return_code"] == -3001


@pytest.mark.parametrize(
    "pager",
    [{"pageNum": 0}, {"pageSize": 0}, {"pageSize": "x"}, "first"],
    ids=["page 0", "no rows", "text", "no object"],
)
def test_a_wrong_pager_is_refused(server: Any, pager: object) -> None:
    assert server.post("user-cluster-list", listing(pagerHeader=pager))["return_code"] == -3001

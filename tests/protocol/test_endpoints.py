"""The endpoint table against the machine-readable extract of the specification, which was made independently of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from ta_cluster_async.protocol.endpoints import (
    CREATE,
    DELETE,
    DELETE_BY_NAME,
    DETAIL,
    DETAILS,
    ENDPOINTS,
    LIST,
    PROGRESS,
    PROGRESS_BY_NAME,
    REFRESH,
    REFRESH_BY_NAME,
    REFRESHES,
    REPLACE_UPLOAD,
    REPLACE_UPLOAD_BY_NAME,
    UPDATE,
    UPDATE_BY_NAME,
    UPLOAD,
    Endpoint,
    Replay,
)

SPEC = json.loads((Path(__file__).parents[1] / "spec" / "endpoints.json").read_text(encoding="utf-8"))
BY_PATH = {endpoint.path: endpoint for endpoint in ENDPOINTS}

# Where the specification contradicts itself: the parameters that the library sends beside the token, and those it requires.
# Each follows the reading that the extract notes as a correction.
READINGS: dict[str, tuple[set[str], set[str]]] = {
    "user-cluster-update": ({"clusterId"}, {"clusterId"}),
    "user-cluster-update-by-name": ({"projectId", "clusterName"}, {"projectId", "clusterName"}),
    "user-cluster-refresh": ({"projectId", "clusterId"}, {"projectId", "clusterId"}),
    "user-cluster-refresh-by-name": ({"projectId", "clusterName"}, {"projectId", "clusterName"}),
    "user-cluster-refresh-progress": ({"projectId", "clusterId"}, {"projectId", "clusterId"}),
    "user-cluster-refresh-progress-by-name": ({"projectId", "clusterName"}, {"projectId", "clusterName"}),
    "import-id-cluster-modify": (
        {"projectId", "clusterId", "displayName", "mainColumnName", "remarks"},
        {"projectId", "clusterId"},
    ),
}

each_path = pytest.mark.parametrize("said", SPEC["endpoints"], ids=lambda said: said["name"])


def parameters(said: dict[str, Any]) -> tuple[set[str], set[str]]:
    if said["name"] in READINGS:
        return READINGS[said["name"]]
    named = [p for p in said["query"] if p["name"] != "token"]
    return {p["name"] for p in named}, {p["name"] for p in named if p["required"]}


def test_the_table_has_the_fourteen_paths_of_the_specification_and_no_other() -> None:
    assert len(ENDPOINTS) == len(BY_PATH) == len({e.name for e in ENDPOINTS}) == 14
    assert set(BY_PATH) == {said["path"] for said in SPEC["endpoints"]}


@each_path
def test_a_path_has_the_method_of_the_specification(said: Any) -> None:
    assert BY_PATH[said["path"]].method == said["method"]


@each_path
def test_a_path_takes_the_query_parameters_of_the_specification(said: Any) -> None:
    allowed, required = parameters(said)
    endpoint = BY_PATH[said["path"]]
    assert set(endpoint.query) == allowed
    assert len(endpoint.query) == len(allowed)
    assert endpoint.required == required


@each_path
def test_a_path_has_the_body_of_the_specification(said: Any) -> None:
    endpoint = BY_PATH[said["path"]]
    assert endpoint.body == said["body"]["kind"]
    if said["body"]["kind"] == "csv":
        assert said["content_type"] == "text/csv"


@each_path
def test_every_path_takes_the_token_and_no_row_of_the_table_names_it(said: Any) -> None:
    assert any(p["name"] == "token" and p["required"] for p in said["query"])
    assert "token" not in BY_PATH[said["path"]].query


@pytest.mark.parametrize("name", READINGS)
def test_a_reading_that_differs_from_the_tables_is_noted_in_the_extract(name: Any) -> None:
    said = next(said for said in SPEC["endpoints"] if said["name"] == name)
    words = " ".join(correction["reading"] for correction in said["corrections"])
    assert "clusterId" in words or "clusterName" in words


def test_what_sending_twice_means_is_set_for_each_endpoint() -> None:
    assert {e: e.replay for e in ENDPOINTS} == {
        CREATE: Replay.RECONCILE,
        DETAIL: Replay.READ,
        UPDATE: Replay.REPLAYABLE,
        UPDATE_BY_NAME: Replay.REPLAYABLE,
        DELETE: Replay.REPLAYABLE,
        DELETE_BY_NAME: Replay.REPLAYABLE,
        LIST: Replay.READ,
        REFRESH: Replay.RECONCILE,
        REFRESH_BY_NAME: Replay.RECONCILE,
        PROGRESS: Replay.READ,
        PROGRESS_BY_NAME: Replay.READ,
        UPLOAD: Replay.RECONCILE,
        REPLACE_UPLOAD: Replay.REPLAYABLE,
        REPLACE_UPLOAD_BY_NAME: Replay.REPLAYABLE,
    }


def test_only_a_delete_takes_does_not_exist_for_done() -> None:
    assert [e.name for e in ENDPOINTS if e.absent_is_done] == ["delete", "delete-by-name"]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.name)
def test_a_get_is_always_a_read(endpoint: Endpoint) -> None:
    assert endpoint.method == "POST" or endpoint.replay is Replay.READ


def test_the_endpoint_follows_from_the_type_of_the_ref() -> None:
    assert REFRESHES[970] is REFRESH
    assert REFRESHES["970"] is REFRESH_BY_NAME
    assert DETAILS[970] is DETAILS["name"] is DETAIL

"""The operations of the fault matrix: all 14 endpoints by their verbs, and by `call` those that must not be sent twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from attrs import frozen

from ta_cluster_async import TaSession
from ta_cluster_async.protocol.endpoints import (
    CREATE,
    DELETE,
    DELETE_BY_NAME,
    DETAIL,
    LIST,
    PROGRESS,
    PROGRESS_BY_NAME,
    REFRESH,
    REFRESH_BY_NAME,
    REPLACE_UPLOAD,
    REPLACE_UPLOAD_BY_NAME,
    UPDATE,
    UPDATE_BY_NAME,
    UPLOAD,
    Endpoint,
)
from ta_cluster_async.protocol.requests import build

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

    from ta_cluster_async.emulator import Emulator
    from ta_cluster_async.resources import Clusters

PROJECT = 102
SEEDED, SEEDED_NAME = 970, "seeded_1"
UPLOADED, UPLOADED_NAME = 971, "uploaded"
SECONDS = 30.0
"""The timeout of each operation, retries and look-ups included."""

IDS = ["a", "b"]
UPLOAD_ARGUMENTS: dict[str, Any] = {"display_name": "ids", "main_column": "#account_id"}

Act: TypeAlias = Callable[[TaSession], Awaitable[object]]


@frozen
class Operation:
    """One operation of the API.

    Attributes:
        name: What it does.
        kind: The column of the matrix.
        endpoint: Its own endpoint, whose requests a fault strikes.
        act: Runs the operation.
        before: How many requests to other endpoints precede its own.
        replaces: Whether it needs the uploaded cluster.
    """

    name: str
    kind: str
    endpoint: Endpoint
    act: Act
    before: int = 0
    replaces: bool = False


def definition(name: str) -> dict[str, Any]:
    """The body that creates a cluster of all users."""
    all_users = {"tableType": "user", "columnName": "#account_id", "comparator": "notNull", "ftv": []}
    return {
        "projectId": PROJECT,
        "clusterName": name,
        "displayName": name,
        "clusterCatalog": "catalog_cluster",
        "clusterType": "cluster_by_static_condition",
        "qp": {"events": [], "filts": [all_users], "relation": "and"},
    }


class Ids:
    """The body of an upload sent by `call`."""

    length = 6
    can_start = True
    failure = None

    async def chunks(self) -> Any:
        """Two rows."""
        yield b"1\r\n2\r\n"


def _clusters(ta: TaSession) -> Clusters:
    return ta.project(PROJECT).clusters


def _call(endpoint: Endpoint, **query: str | int) -> Act:
    def act(ta: TaSession) -> Awaitable[object]:
        upload = Ids() if endpoint.body == "csv" else None
        body = definition("made") if endpoint.body == "json" else None
        return ta.call(build(endpoint, query, body, upload=upload), lambda data: data, timeout=SECONDS)

    return act


def _renamed() -> dict[str, Any]:
    return definition(SEEDED_NAME) | {"displayName": "changed"}


_BY_ID: dict[str, Any] = {"projectId": PROJECT, "clusterId": SEEDED}
_BY_NAME: dict[str, Any] = {"projectId": PROJECT, "clusterName": SEEDED_NAME}

OPERATIONS = (
    Operation("detail", "read", DETAIL, lambda ta: _clusters(ta).detail(SEEDED, timeout=SECONDS)),
    Operation(
        "detail by name", "read", DETAIL, lambda ta: _clusters(ta).detail(SEEDED_NAME, timeout=SECONDS)
    ),
    # The smallest page, which is not asked for again in smaller ones when it is refused.
    Operation("list", "read", LIST, lambda ta: _clusters(ta).list(page_size=50, timeout=SECONDS).collect()),
    Operation("progress", "read", PROGRESS, lambda ta: _clusters(ta).progress(SEEDED, timeout=SECONDS)),
    Operation(
        "progress by name",
        "read",
        PROGRESS_BY_NAME,
        lambda ta: _clusters(ta).progress(SEEDED_NAME, timeout=SECONDS),
    ),
    Operation(
        "update", "update", UPDATE, lambda ta: _clusters(ta).update(SEEDED, _renamed(), timeout=SECONDS)
    ),
    Operation(
        "update by name",
        "update",
        UPDATE_BY_NAME,
        lambda ta: _clusters(ta).update(SEEDED_NAME, _renamed(), timeout=SECONDS),
    ),
    Operation(
        "replace",
        "replace",
        REPLACE_UPLOAD,
        lambda ta: _clusters(ta).replace_upload(UPLOADED, IDS, timeout=SECONDS),
        replaces=True,
    ),
    Operation(
        "replace by name",
        "replace",
        REPLACE_UPLOAD_BY_NAME,
        lambda ta: _clusters(ta).replace_upload(UPLOADED_NAME, IDS, timeout=SECONDS),
        replaces=True,
    ),
    Operation("delete", "delete", DELETE, lambda ta: _clusters(ta).delete(SEEDED, timeout=SECONDS)),
    Operation(
        "delete by name",
        "delete",
        DELETE_BY_NAME,
        lambda ta: _clusters(ta).delete(SEEDED_NAME, timeout=SECONDS),
    ),
    Operation(
        "refresh", "refresh", REFRESH, lambda ta: _clusters(ta).refresh(SEEDED, timeout=SECONDS), before=1
    ),
    Operation(
        "refresh by name",
        "refresh",
        REFRESH_BY_NAME,
        lambda ta: _clusters(ta).refresh(SEEDED_NAME, timeout=SECONDS),
        before=1,
    ),
    Operation(
        "create", "create", CREATE, lambda ta: _clusters(ta).create(definition("made"), timeout=SECONDS)
    ),
    Operation(
        "upload",
        "create",
        UPLOAD,
        lambda ta: _clusters(ta).upload(IDS, name="made", timeout=SECONDS, **UPLOAD_ARGUMENTS),
        before=1,
    ),
    Operation(
        "upload without a name",
        "unnamed",
        UPLOAD,
        lambda ta: _clusters(ta).upload(IDS, timeout=SECONDS, **UPLOAD_ARGUMENTS),
    ),
    Operation("call: create", "call", CREATE, _call(CREATE)),
    Operation("call: refresh", "call", REFRESH, _call(REFRESH, **_BY_ID)),
    Operation("call: refresh by name", "call", REFRESH_BY_NAME, _call(REFRESH_BY_NAME, **_BY_NAME)),
    Operation(
        "call: upload",
        "call",
        UPLOAD,
        _call(UPLOAD, projectId=PROJECT, displayName="ids", mainColumnName="#account_id"),
    ),
)


SAMPLE = {operation.kind: operation for operation in reversed(OPERATIONS)}.values()
"""The first operation of each kind. Tests of the others are slow."""


def operations_as_parameters() -> list[ParameterSet]:
    """All operations for `pytest.mark.parametrize`."""
    return [pytest.param(operation, id=operation.name, marks=marks_of(operation)) for operation in OPERATIONS]


def marks_of(operation: Operation) -> tuple[pytest.MarkDecorator, ...]:
    """The marks of a test of an operation."""
    return () if operation in SAMPLE else (pytest.mark.slow,)


async def prepare(em: Emulator, operation: Operation) -> None:
    """Create what the operation needs in addition to the seeded cluster."""
    if operation.replaces:
        async with TaSession(em.url, em.token, ssl=not em.url.startswith("https:")) as ta:
            made = await _clusters(ta).upload(["x"], name=UPLOADED_NAME, **UPLOAD_ARGUMENTS)
        assert made.cluster_id == UPLOADED

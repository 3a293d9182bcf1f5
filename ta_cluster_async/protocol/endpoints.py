"""The 14 paths of the Open API as one table."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import field, frozen

from .answer_limits import AnswerKind

if TYPE_CHECKING:
    from collections.abc import Iterable

Ref: TypeAlias = int | str
"""How a cluster or tag is named everywhere: an int is its id, a str is its name."""


class Replay(StrEnum):
    """What may happen when a request is sent again although the first one may have been applied."""

    READ = "read"
    """Nothing: it changes nothing."""
    REPLAYABLE = "replayable"
    """Nothing more: the second time leads to the same state."""
    RECONCILE = "reconcile"
    """A second effect. It is not sent again; the state on the server is read instead."""


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


@frozen
class Endpoint:
    """One path of the API.

    Attributes:
        name: How errors and logs call it.
        method: The HTTP method.
        path: The literal path below the base URL.
        query: The query parameters beside `token`, in the order in which they are sent.
        required: Those of `query` that are always sent.
        body: `json`, `csv`, `form`, or `none`.
        replay: What sending it twice means.
        absent_is_done: After an unknown outcome, "does not exist" means that the first try was applied.
        answer: How much it answers: `number`, `detail` or `rows`.
    """

    name: str
    method: Literal["GET", "POST"]
    path: str
    query: tuple[str, ...] = ()
    required: frozenset[str] = field(default=frozenset(), converter=_names)
    body: Literal["none", "json", "csv", "form"] = "none"
    replay: Replay = Replay.READ
    absent_is_done: bool = False
    answer: AnswerKind = "number"


_BY_ID = ("projectId", "clusterId")
_BY_NAME = ("projectId", "clusterName")
_UPLOAD = ("displayName", "mainColumnName", "remarks")

CREATE = Endpoint("create", "POST", "/open/user-cluster-add", body="json", replay=Replay.RECONCILE)
DETAIL = Endpoint(
    "detail",
    "GET",
    "/open/user-cluster-detail",
    ("projectId", "clusterId", "clusterName"),
    {"projectId"},
    answer="detail",
)
UPDATE = Endpoint(
    "update", "POST", "/open/user-cluster-update", ("clusterId",), {"clusterId"}, "json", Replay.REPLAYABLE
)
UPDATE_BY_NAME = Endpoint(
    "update-by-name",
    "POST",
    "/open/user-cluster-update-by-name",
    _BY_NAME,
    _BY_NAME,
    "json",
    Replay.REPLAYABLE,
)
DELETE = Endpoint(
    "delete",
    "POST",
    "/open/user-cluster-delete",
    _BY_ID,
    _BY_ID,
    "none",
    Replay.REPLAYABLE,
    absent_is_done=True,
)
DELETE_BY_NAME = Endpoint(
    "delete-by-name",
    "POST",
    "/open/delete-user-cluster-by-name",
    _BY_NAME,
    _BY_NAME,
    "none",
    Replay.REPLAYABLE,
    absent_is_done=True,
)
LIST = Endpoint("list", "POST", "/open/user-cluster-list", body="json", answer="rows")
REFRESH = Endpoint("refresh", "POST", "/open/user-cluster-refresh", _BY_ID, _BY_ID, replay=Replay.RECONCILE)
REFRESH_BY_NAME = Endpoint(
    "refresh-by-name",
    "POST",
    "/open/user-cluster-refresh-by-name",
    _BY_NAME,
    _BY_NAME,
    replay=Replay.RECONCILE,
)
PROGRESS = Endpoint("progress", "GET", "/open/user-cluster-refresh-progress", _BY_ID, _BY_ID)
PROGRESS_BY_NAME = Endpoint(
    "progress-by-name", "GET", "/open/user-cluster-refresh-progress-by-name", _BY_NAME, _BY_NAME
)
UPLOAD = Endpoint(
    "upload",
    "POST",
    "/open/import-id-cluster-add",
    ("projectId", "displayName", "mainColumnName", "clusterCatalog", "clusterName", "remarks"),
    {"projectId", "displayName", "mainColumnName"},
    "csv",
    Replay.RECONCILE,
)
REPLACE_UPLOAD = Endpoint(
    "replace-upload",
    "POST",
    "/open/import-id-cluster-modify",
    (*_BY_ID, *_UPLOAD),
    _BY_ID,
    "csv",
    Replay.REPLAYABLE,
)
REPLACE_UPLOAD_BY_NAME = Endpoint(
    "replace-upload-by-name",
    "POST",
    "/open/import-id-cluster-modify-by-name",
    (*_BY_NAME, *_UPLOAD),
    _BY_NAME,
    "csv",
    Replay.REPLAYABLE,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    CREATE,
    DETAIL,
    UPDATE,
    UPDATE_BY_NAME,
    DELETE,
    DELETE_BY_NAME,
    LIST,
    REFRESH,
    REFRESH_BY_NAME,
    PROGRESS,
    PROGRESS_BY_NAME,
    UPLOAD,
    REPLACE_UPLOAD,
    REPLACE_UPLOAD_BY_NAME,
)

# The members of a cluster are read by SQL. These paths are not in the specification; `MemberQuery` says what is known of them.
QUERY_SQL = Endpoint("query-sql", "POST", "/querySql", body="form", answer="rows")
SUBMIT_SQL = Endpoint("submit-sql", "POST", "/open/submit-sql", body="form")
SQL_TASK = Endpoint("sql-task-info", "GET", "/open/sql-task-info", answer="detail")
SQL_PAGE = Endpoint("sql-result-page", "GET", "/open/sql-result-page", answer="rows")


@frozen
class ByRef:
    """The pair of endpoints that do one thing, by id and by name."""

    by_id: Endpoint
    by_name: Endpoint

    def __getitem__(self, ref: Ref) -> Endpoint:
        return self.by_name if isinstance(ref, str) else self.by_id


DETAILS = ByRef(DETAIL, DETAIL)
UPDATES = ByRef(UPDATE, UPDATE_BY_NAME)
DELETES = ByRef(DELETE, DELETE_BY_NAME)
REFRESHES = ByRef(REFRESH, REFRESH_BY_NAME)
PROGRESSES = ByRef(PROGRESS, PROGRESS_BY_NAME)
REPLACE_UPLOADS = ByRef(REPLACE_UPLOAD, REPLACE_UPLOAD_BY_NAME)

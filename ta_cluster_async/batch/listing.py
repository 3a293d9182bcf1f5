"""The list as the batch uses it: rows read quickly, and where on which page each cluster stands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from ..errors import SchemaError
from ..messages import Message
from ..models import json_type, read_time, types_of
from ..protocol.endpoints import LIST
from ..protocol.requests import build
from .retry import is_refusal

if TYPE_CHECKING:
    from datetime import datetime

    from ..client.api import ApiClient
    from ..errors import TaError
    from ..models import Catalog, ClusterDetail, JsonValue

PAGE_SIZE = 1000
_ID = Message("json-integer-at-least", least=1)
_PROGRESS = Message("json-progress")


class ClusterState(NamedTuple):
    """The state of one cluster as a list row or a detail shows it."""

    cluster_id: int
    name: str
    progress: int
    refresh_time: datetime | None
    users_num: int | None


def is_baseline(seen: ClusterState) -> bool:
    """Return whether this is enough to tell the next refresh from what was before.

    A list row may lack the refresh time although the detail has it. Then a 0 may be the beginning of a refresh that runs, and a time that
    was there all along would look like one that has moved.
    """
    return seen.refresh_time is not None or 0 < seen.progress < 100


class RawPage(NamedTuple):
    """One page: its rows as they came, the place of the first one in the whole list, and how many rows there are in all."""

    rows: list[dict[str, JsonValue]]
    first_place: int
    total: int


class ListView:
    """The list of one catalog of a project, whose page size follows what the server gives and refuses.

    Attributes:
        catalog: The catalog.
        size: Rows per page.
        total: Rows in all, as of the latest page; None before the first.
        cursor: The page where clusters were found last, from which a search goes on.
        hits: How many references the latest search has found here.
        failing_since: Since when no page could be read; None while they can.
        reading: Held while baselines are read anew, so that a page that serves several is read once.
    """

    def __init__(self, session: ApiClient, project_id: int, catalog: Catalog) -> None:
        self.catalog = catalog
        self.size: int = session.page_sizes.fit(PAGE_SIZE)
        self.total: int | None = None
        self.cursor = 1
        self.hits = 0
        self.failing_since: float | None = None
        self.reading: asyncio.Lock = asyncio.Lock()
        self._session = session
        self._wanted = self.size
        self._body: dict[str, object] = {
            "projectId": project_id,
            "clusterCatalog": catalog.value,
            "clusterTypes": [kind.value for kind in types_of(catalog)],
        }

    @property
    def pages(self) -> int:
        """How many pages there are; 1 before the first was read."""
        return 1 if self.total is None else max(1, -(-self.total // self.size))

    def page_of(self, place: int | None) -> int | None:
        """Return the number of the page that has a place of the list."""
        return None if place is None else place // self.size + 1

    async def read(self, number: int, seconds: float | None) -> RawPage:
        """Read one page, within so many seconds; None for the session's timeout."""
        size = self.size
        body = self._body | {"pagerHeader": {"pageNum": number, "pageSize": size}}
        rows, total = await self._session.call(build(LIST, {}, body), _to_page, timeout=seconds)
        self._session.page_sizes.taken(size, self._wanted)
        self.total = total
        first_place = (number - 1) * size
        if number == 1 and 0 < len(rows) < min(size, total):
            self.size = len(rows)  # the server gives fewer rows than asked
        self._wanted = self.size
        return RawPage(rows, first_place, total)

    def shrinks(self, error: TaError) -> bool:
        """Ask for smaller pages from now on, if the server may have refused the first one for its size. Returns whether it may."""
        if self.total is not None or not is_refusal(error):
            return False
        smaller = self._session.page_sizes.refused(self.size)
        self.size = self._wanted if smaller is None else smaller
        return smaller is not None


def read_row(row: dict[str, JsonValue]) -> ClusterState:
    """Read what the batch needs of a row. Raises SchemaError that names the field."""
    cluster_id, name, progress = row.get("id"), row.get("clusterName"), row.get("progress")
    users_num = row.get("usersNum")
    time = row.get("refreshTime")
    if type(cluster_id) is not int or cluster_id < 1:
        raise _wrong("id", _ID, cluster_id)
    if type(name) is not str:
        raise _wrong("clusterName", Message("json-string"), name)
    if type(progress) is not int or not -1 <= progress <= 100:
        raise _wrong("progress", _PROGRESS, progress)
    refresh_time = None
    if time:
        refresh_time = read_time(time) if type(time) is str else None
        if refresh_time is None:
            raise _wrong("refreshTime", Message("json-server-time"), time)
    return ClusterState(
        cluster_id, name, progress, refresh_time, users_num if type(users_num) is int else None
    )


def state_of(detail: ClusterDetail) -> ClusterState:
    """Return the state that a detail shows. Raises SchemaError for an id or a progress that cannot be one."""
    if detail.id < 1:
        raise _wrong("id", _ID, detail.id, "data")
    if detail.progress is None or not -1 <= detail.progress <= 100:
        raise _wrong("progress", _PROGRESS, detail.progress, "data")
    return ClusterState(
        detail.id, detail.cluster_name, detail.progress, detail.refresh_time, detail.users_num
    )


def _to_page(data: JsonValue) -> tuple[list[dict[str, JsonValue]], int]:
    rows = data.get("userClusters") if isinstance(data, dict) else None
    pager = data.get("pagerResult") if isinstance(data, dict) else None
    total = pager.get("totalNum") if isinstance(pager, dict) else None
    if rows is None and isinstance(data, dict) and "userClusters" in data:
        rows = []  # null for an empty list
    if not isinstance(rows, list):
        raise _wrong("userClusters", Message("json-array"), rows, "data")
    objects = [row for row in rows if isinstance(row, dict)]
    if len(objects) < len(rows):
        raise _wrong("userClusters[]", Message("json-object"), None, "data")
    if type(total) is not int:
        raise _wrong("pagerResult.totalNum", Message("json-integer"), total, "data")
    return objects, total


def _wrong(key: str, expected: Message, value: object, where: str = "data.userClusters[]") -> SchemaError:
    path = f"{where}.{key}"
    return SchemaError(
        Message("json-mismatch", where=path, expected=expected, actual=json_type(value)), path=path
    )

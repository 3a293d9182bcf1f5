"""Reading the state of a cluster or tag: its detail and the progress of its latest computation."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import NotFound, SchemaError
from ..messages import Message
from ..models import ClusterDetail, structure
from ..protocol.endpoints import DETAIL, PROGRESSES
from ..protocol.requests import Request, ref_query

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import datetime

    from ..client.api import ApiClient
    from ..models import JsonValue
    from ..protocol.endpoints import Ref


async def read_detail(
    client: ApiClient, project_id: int, ref: Ref, *, timeout: float | None = None
) -> ClusterDetail:
    """Return one cluster or tag. A success without data means that there is none, and is raised as NotFound."""
    request = Request(DETAIL, ref_query(DETAIL, project_id, ref))
    detail = await client.call(request, _to_detail, timeout=timeout)
    if detail is None:
        message = Message("detail-without-data")
        missing = NotFound(0, str(message), endpoint=DETAIL.name, attempts=1)
        missing.set_message(message)
        missing.is_id_as_text = request.names_digits
        raise missing
    return detail


class State(NamedTuple):
    """A detail that a refresh can be judged by, which has a progress."""

    detail: ClusterDetail
    progress: int
    refresh_time: datetime | None


async def read_state(client: ApiClient, project_id: int, ref: Ref, *, timeout: float | None = None) -> State:
    """Return one cluster or tag, to judge a refresh by. Raises SchemaError for an id or a progress that cannot be one."""
    return state_of(await read_detail(client, project_id, ref, timeout=timeout))


def state_of(detail: ClusterDetail) -> State:
    """Return the state that a detail shows. Raises SchemaError for an id or a progress that cannot be one."""
    if detail.id < 1:
        raise SchemaError(Message("detail-without-id"), path="data.id")
    return State(detail, _check_progress(detail.progress), detail.refresh_time)


def read_progress(
    client: ApiClient, project_id: int, ref: Ref, *, timeout: float | None = None
) -> Coroutine[None, None, int]:
    """Return the progress of one cluster or tag."""
    endpoint = PROGRESSES[ref]
    return client.call(Request(endpoint, ref_query(endpoint, project_id, ref)), _to_progress, timeout=timeout)


def _to_detail(data: JsonValue) -> ClusterDetail | None:
    return None if data is None or data == "" else structure(ClusterDetail, data)


def _to_progress(data: JsonValue) -> int:
    """Return the progress in the `data` of an answer: -1 or 0 to 100 (spec: 查询刷新进度)."""
    return _check_progress(data.get("progress") if type(data) is dict else None)


def _check_progress(progress: object) -> int:
    if type(progress) is int and -1 <= progress <= 100:
        return progress
    raise SchemaError(Message("progress-out-of-range"), path="data.progress")

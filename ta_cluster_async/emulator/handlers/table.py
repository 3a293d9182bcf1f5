"""The 14 paths of the specification, each with its method, its kind of body and its handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

from ..answers import Answer
from . import definitions, read, sql, uploads
from .context import Request, RequestContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..state import Cluster

Handler: TypeAlias = Callable[[RequestContext, Request], Awaitable[Answer]]


@frozen
class Endpoint:
    """One path: its method, the kind of its body, and its handler."""

    method: Literal["GET", "POST", "any"]
    body: Literal["none", "json", "csv", "form"]
    handle: Handler


def _by_id(handle: Callable[[RequestContext, Request, Cluster], Answer]) -> Handler:
    async def run(context: RequestContext, request: Request) -> Answer:
        return handle(context, request, context.by_id(context.query(request)))

    return run


def _by_name(handle: Callable[[RequestContext, Request, Cluster], Answer]) -> Handler:
    async def run(context: RequestContext, request: Request) -> Answer:
        return handle(context, request, context.by_name(context.query(request)))

    return run


ENDPOINTS: Mapping[str, Endpoint] = {
    "/open/user-cluster-add": Endpoint("POST", "json", definitions.add),
    "/open/user-cluster-detail": Endpoint("GET", "none", read.detail),
    "/open/user-cluster-update": Endpoint("POST", "json", definitions.update),
    "/open/user-cluster-update-by-name": Endpoint("POST", "json", definitions.update_by_name),
    "/open/user-cluster-delete": Endpoint("POST", "none", _by_id(read.delete)),
    "/open/delete-user-cluster-by-name": Endpoint("POST", "none", _by_name(read.delete)),
    "/open/user-cluster-list": Endpoint("POST", "json", read.list_page),
    "/open/user-cluster-refresh": Endpoint("POST", "none", _by_id(read.refresh)),
    "/open/user-cluster-refresh-by-name": Endpoint("POST", "none", _by_name(read.refresh)),
    "/open/user-cluster-refresh-progress": Endpoint("GET", "none", _by_id(read.progress)),
    "/open/user-cluster-refresh-progress-by-name": Endpoint("GET", "none", _by_name(read.progress)),
    "/open/import-id-cluster-add": Endpoint("POST", "csv", uploads.add),
    "/open/import-id-cluster-modify": Endpoint("POST", "csv", uploads.modify),
    "/open/import-id-cluster-modify-by-name": Endpoint("POST", "csv", uploads.modify_by_name),
    # Beyond the specification.
    "/querySql": Endpoint("POST", "form", sql.query_sql),
    "/open/submit-sql": Endpoint("POST", "form", sql.submit_sql),
    "/open/sql-task-info": Endpoint("GET", "none", sql.task_info),
    "/open/sql-result-page": Endpoint("any", "none", sql.result_page),
}

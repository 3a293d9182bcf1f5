"""The 14 paths of the specification, each with its method, its kind of body and its operation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from ..answers import Answer
from ..context import Call, Desk
from . import definitions as conditions
from . import read as operations
from . import uploads as imports

if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen
class Endpoint:
    """One path: its method, what its body is, and the operation."""

    method: Literal["GET", "POST"]
    body: Literal["none", "json", "csv"]
    run: Callable[[Desk, Call], Awaitable[Answer]]


ENDPOINTS: Mapping[str, Endpoint] = {
    "/open/user-cluster-add": Endpoint("POST", "json", conditions.add),
    "/open/user-cluster-detail": Endpoint("GET", "none", operations.detail),
    "/open/user-cluster-update": Endpoint("POST", "json", conditions.update),
    "/open/user-cluster-update-by-name": Endpoint("POST", "json", conditions.update_by_name),
    "/open/user-cluster-delete": Endpoint("POST", "none", operations.delete),
    "/open/delete-user-cluster-by-name": Endpoint("POST", "none", operations.delete_by_name),
    "/open/user-cluster-list": Endpoint("POST", "json", operations.list_page),
    "/open/user-cluster-refresh": Endpoint("POST", "none", operations.refresh),
    "/open/user-cluster-refresh-by-name": Endpoint("POST", "none", operations.refresh_by_name),
    "/open/user-cluster-refresh-progress": Endpoint("GET", "none", operations.progress),
    "/open/user-cluster-refresh-progress-by-name": Endpoint("GET", "none", operations.progress_by_name),
    "/open/import-id-cluster-add": Endpoint("POST", "csv", imports.import_add),
    "/open/import-id-cluster-modify": Endpoint("POST", "csv", imports.import_modify),
    "/open/import-id-cluster-modify-by-name": Endpoint("POST", "csv", imports.import_modify_by_name),
}

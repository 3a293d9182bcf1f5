"""What clusters and tags have in common: one coroutine per operation, of which only what is created and uploaded differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from ..client.deadline import Deadline
from ..errors import (
    ConfigurationError,
    InvalidRequest,
    MatchTooLow,
    NotFound,
    SchemaError,
    TaError,
    TokenRejected,
)
from ..models import (
    ClusterDetail,
    RefreshTicket,
    UploadResult,
    create_body,
    structure,
    types_of,
    unstructure,
    update_body,
)
from ..protocol.endpoints import (
    CREATE,
    DELETES,
    REPLACE_UPLOADS,
    UPDATES,
    UPLOAD,
)
from ..protocol.reconcile import is_ours
from ..protocol.requests import Request, build, ref_query
from ..protocol.retry import may_have_applied
from ..protocol.validation import check_display_name, check_name, check_ref
from ..uploads.result import may_be_result
from ..uploads.source import open_in_time
from .pager import Pager
from .reconcile import look_for, unknown_outcome
from .refresh import Refresh
from .start_refresh import submit
from .state import read_detail, read_progress

if TYPE_CHECKING:
    from ..client.api import ApiClient
    from ..models import (
        Catalog,
        ClusterType,
        JsonObject,
        JsonValue,
        ToCreate,
        ToUpdate,
    )
    from ..protocol.endpoints import Ref
    from ..protocol.refresh import PollPolicy
    from ..uploads.options import Encode
    from ..uploads.result import Rows
    from ..uploads.source import Source


class CatalogResource:
    """What clusters and tags have in common. A ref is an id when it is an int, and a name when it is a str.

    Each coroutine takes `timeout=`: seconds for everything that it does, retries included; the session's default when None. Each raises
    `InvalidRequest` for what is wrong before sending, and otherwise the errors of the tree in `errors`: `NotFound` where the server says
    that there is no such cluster, `ApiError` for other refusals, `TransportError` and `ProtocolError` for trouble on the way.
    """

    catalog: ClassVar[Catalog]
    _kinds: ClassVar[tuple[type, ...]]
    _encode: ClassVar[Encode]
    _columns: ClassVar[int]

    def __init__(self, client: ApiClient, project_id: int) -> None:
        self._client = client
        self._project_id = project_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of project {self._project_id}>"

    async def detail(self, ref: Ref, *, timeout: float | None = None) -> ClusterDetail:
        """Return one cluster or tag with its definition (spec: 分群或标签详情查询)."""
        return await read_detail(self._client, self._project_id, self._ref(ref), timeout=timeout)

    async def progress(self, ref: Ref, *, timeout: float | None = None) -> int:
        """Return the progress of the latest computation: percent, 100 when done, -1 when failed (spec: 查询刷新进度).

        Right after a refresh it may still be that of the one before; `refresh()` gives a handle that can tell.
        """
        return await read_progress(self._client, self._project_id, self._ref(ref), timeout=timeout)

    async def update(self, ref: Ref, definition: ToUpdate, *, timeout: float | None = None) -> None:
        """Give a condition cluster or tag a new definition and display name (spec: 更新条件分群或标签定义).

        `definition` is what `create` takes, or what `detail` returned, changed or not: nothing that the server had is lost. A mapping in
        the API's own names goes out as it is, with projectId and clusterCatalog filled in where absent.
        """
        ref = self._ref(ref)
        self._check_kind(definition, "update", (*self._kinds, ClusterDetail))
        body = self._with_project(update_body(definition))
        self._check_texts(body)
        endpoint = UPDATES[ref]
        request = build(endpoint, self._ref_parameters(ref, endpoint.query), body)
        await self._client.call(request, _nothing, timeout=timeout)

    async def delete(self, ref: Ref, *, timeout: float | None = None) -> None:
        """Delete a cluster or tag (spec: 删除分群或标签). Reports and alerts that use it may break."""
        ref = self._ref(ref)
        endpoint = DELETES[ref]
        request = Request(endpoint, ref_query(endpoint, self._project_id, ref))
        await self._client.call(request, _nothing, timeout=timeout)

    def list(
        self,
        *,
        name: str | None = None,
        types: Iterable[ClusterType | str] | None = None,
        page_size: int = 100,
        timeout: float | None = None,
    ) -> Pager:
        """Go through the list (spec: 分群和标签列表查询). Nothing is sent before it is iterated.

        Args:
            name: A part of the name to search for, as the server understands it; use `detail` for an exact name.
            types: Only these types; all types of the catalog when None.
            page_size: Rows per request. A server may give fewer.
            timeout: Seconds for each page.
        """
        if type(page_size) is not int or page_size < 1:
            msg = "page_size has to be an int of at least 1."
            raise InvalidRequest(msg)
        wanted: tuple[object, ...] = types_of(self.catalog) if types is None else _as_tuple(types)
        if not wanted or not all(isinstance(kind, str) for kind in wanted):
            msg = "types has to name at least one type, each as a str; leave it out for all types."
            raise InvalidRequest(msg)
        filters: dict[str, object] = {
            "projectId": self._project_id,
            "clusterCatalog": self.catalog.value,
            "clusterTypes": [str(kind) for kind in wanted],
        }
        if (sought := _check_text(name, "name")) is not None:
            filters["clusterName"] = sought
        return Pager(self._client, filters, page_size, timeout)

    async def refresh(
        self, ref: Ref, *, poll: PollPolicy | None = None, timeout: float | None = None
    ) -> Refresh:
        """Start a refresh, and return its handle once the server has taken it (spec: 刷新条件分群或标签).

        The cluster's state before is read first, so that a 100 or -1 left over from it is never believed. A refresh that is running
        already is joined, and no request is sent to start another (`handle.attached`).

        Args:
            ref: Id or name.
            poll: How the handle watches; the session's policy when None.
            timeout: Seconds until the server has taken it. How long the handle waits is said by `poll` and `handle.wait(timeout=)`.

        Raises:
            OutcomeUnknown: The answer was lost and nothing shows yet that the refresh began; the error carries a ticket to attach to.
        """
        policy = self._client.poll if poll is None else poll
        return await submit(
            self._client, self._project_id, self._ref(ref), self.catalog, policy=policy, timeout=timeout
        )

    def attach(self, ticket: RefreshTicket, *, poll: PollPolicy | None = None) -> Refresh:
        """Go on with a refresh that was started elsewhere. Sends nothing by itself.

        Raises:
            InvalidRequest: It is no ticket, or one of another project or of the other catalog.
        """
        _check_ticket(ticket)
        if ticket.project_id != self._project_id:
            msg = f"The ticket is of project {ticket.project_id}, not of project {self._project_id}."
            raise InvalidRequest(msg)
        if ticket.catalog not in (None, self.catalog):
            msg = f"The ticket is of {ticket.catalog}; attach to it with the project's other resource."
            raise InvalidRequest(msg)
        return Refresh(self._client, ticket, ticket.cluster_id, self._client.poll if poll is None else poll)

    async def _create(self, definition: ToCreate, timeout: float | None) -> int:
        self._check_kind(definition, "create", self._kinds)
        body = self._with_project(create_body(definition))
        name = check_name(body.get("clusterName"), strict=self._client.strict_names)
        if "displayName" not in body:
            msg = "A definition to create needs a displayName."
            raise InvalidRequest(msg)
        self._check_texts(body)
        request = build(CREATE, {}, body)
        deadline = Deadline(timeout, self._client.timeout)
        try:
            return await self._client.call(request, _new_id, timeout=deadline.left(keep=deadline.kept))
        except TaError as problem:
            if not may_have_applied(problem):
                raise
            unknown = problem
        found = await self._find(name, deadline)
        if found is None or not is_ours(unstructure(found), body):
            raise unknown_outcome(unknown, _not_found(name))
        return found.id

    async def _upload(  # noqa: PLR0917  (the two callers pass on what they were given)
        self,
        rows: Rows,
        display_name: str,
        main_column: str,
        name: str | None,
        remarks: str | None,
        timeout: float | None,
    ) -> UploadResult:
        strict = self._client.strict_names
        query: dict[str, str | int | None] = {
            "projectId": self._project_id,
            "displayName": check_display_name(display_name, strict=strict),
            "mainColumnName": _check_column(main_column),
            "clusterCatalog": self.catalog.value,
            "clusterName": None if name is None else check_name(name, strict=strict),
            "remarks": _check_text(remarks, "remarks"),
        }
        upload = self._open(rows)
        request = build(UPLOAD, query, upload=upload)
        deadline = Deadline(timeout, self._client.upload_timeout)
        try:
            await open_in_time(upload, deadline)
            # What is there already under the name cannot be this upload, should its outcome become unknown.
            can_look = name is not None and await self._is_absent(name, deadline)
            try:
                seconds = deadline.left(keep=deadline.kept if can_look else 0.0)
                result = await self._client.call(request, _uploaded, timeout=seconds)
                return rows.judge(result, upload, UPLOAD.name)
            except MatchTooLow:
                raise
            except TaError as problem:
                if not may_have_applied(problem):
                    raise
                unknown = problem
        finally:
            await upload.aclose()
        if name is None:
            looked = (
                f"It has no name to look for: look for the display name {display_name!r} in the list, where the newest row "
                "with it may be this upload; or pass name=, so that it can be looked up."
            )
            raise unknown_outcome(unknown, looked)
        found = await self._find(name, deadline) if can_look else None
        if found is None or not may_be_result(found, display_name, upload):
            raise unknown_outcome(unknown, _not_found(name))
        return rows.judge(UploadResult(found.id, user_num=found.users_num), upload, UPLOAD.name)

    async def _replace_upload(  # noqa: PLR0917  (as above)
        self,
        ref: Ref,
        rows: Rows,
        display_name: str | None,
        main_column: str | None,
        remarks: str | None,
        timeout: float | None,
    ) -> UploadResult:
        ref = self._ref(ref)
        endpoint = REPLACE_UPLOADS[ref]
        strict = self._client.strict_names
        query = self._ref_parameters(ref, endpoint.query) | {
            "displayName": None if display_name is None else check_display_name(display_name, strict=strict),
            "mainColumnName": None if main_column is None else _check_column(main_column),
            "remarks": _check_text(remarks, "remarks"),
        }
        upload = self._open(rows)
        request = build(endpoint, query, upload=upload)
        deadline = Deadline(timeout, self._client.upload_timeout)
        try:
            await open_in_time(upload, deadline)
            result = await self._client.call(request, _replaced, timeout=deadline.left())
        finally:
            await upload.aclose()
        if result is None:
            result = UploadResult(ref if isinstance(ref, int) else await self._id_of(ref, deadline))
        return rows.judge(result, upload, endpoint.name)

    def _open(self, rows: Rows) -> Source:
        return rows.open(type(self)._encode, self._columns)  # noqa: SLF001  (read from the class, since it is a function)

    async def _id_of(self, name: str, deadline: Deadline) -> int:
        """The id of what was replaced by name, which the server may leave unsaid."""
        try:
            found = await self.detail(name, timeout=min(deadline.left(), self._client.timeout))
        except TaError as problem:
            problem.message = (
                f"the upload was taken, but the id of {name!r} could not be read: {problem.message}"
            )
            raise
        return found.id

    def _ref(self, ref: Ref) -> Ref:
        return check_ref(ref, strict=self._client.strict_names)

    def _ref_parameters(self, ref: Ref, names: tuple[str, ...]) -> dict[str, str | int | None]:
        found: dict[str, str | int | None] = {"projectId": self._project_id} if "projectId" in names else {}
        found["clusterName" if isinstance(ref, str) else "clusterId"] = ref
        return found

    def _with_project(self, body: JsonObject) -> JsonObject:
        return {"projectId": self._project_id, "clusterCatalog": self.catalog.value, **body}

    def _check_texts(self, body: JsonObject) -> None:
        if "displayName" in body:
            check_display_name(body["displayName"], strict=self._client.strict_names)

    def _check_kind(self, definition: object, verb: str, kinds: tuple[type, ...]) -> None:
        if not isinstance(definition, (*kinds, Mapping)):
            takes = ", ".join(kind.__name__ for kind in kinds)
            msg = f"{type(self).__name__}.{verb} takes {takes} or a mapping, not {_kind(definition)}."
            raise InvalidRequest(msg)

    async def _is_absent(self, name: str, deadline: Deadline) -> bool:
        """Whether nothing has the name, as far as a look tells that leaves most of the time to the upload."""
        try:
            await self.detail(name, timeout=min(deadline.left() / 4, self._client.timeout))
        except NotFound:
            return True
        except (TokenRejected, ConfigurationError):
            raise
        except TaError:
            return False
        return False

    async def _find(self, name: str, deadline: Deadline) -> ClusterDetail | None:
        """Look the name up for what a request of unknown outcome may have made."""
        return await look_for(lambda seconds: self.detail(name, timeout=seconds), deadline)


def _not_found(name: str) -> str:
    return f"Nothing that is certainly its result was found under the name {name!r}."


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _as_tuple(types: object) -> tuple[object, ...]:
    # A str is an iterable of str too, and would go out as a list of letters.
    return tuple(types) if isinstance(types, Iterable) and not isinstance(types, str) else ()


def _check_ticket(ticket: object) -> None:
    if not isinstance(ticket, RefreshTicket):
        msg = f"attach takes a RefreshTicket, such as RefreshTicket.from_json(text), not {_kind(ticket)}."
        raise InvalidRequest(msg)


def _check_text(text: object, what: str) -> str | None:
    if text is None or isinstance(text, str):
        return text
    msg = f"{what} has to be a str, not {_kind(text)}."
    raise InvalidRequest(msg)


def _check_column(column: object) -> str:
    if not isinstance(column, str) or not column.strip():
        msg = "main_column has to be the name of a property, such as '#account_id'."
        raise InvalidRequest(msg)
    return column


def _nothing(_: JsonValue) -> None:
    return None


def _new_id(data: JsonValue) -> int:
    if type(data) is int:
        return data
    raise SchemaError("data has to be the id of what was created, an integer.", path="data")


def _uploaded(data: JsonValue) -> UploadResult:
    return structure(UploadResult, data)


def _replaced(data: JsonValue) -> UploadResult | None:
    return structure(UploadResult, data) if isinstance(data, dict) else None

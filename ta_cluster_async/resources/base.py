"""The operations that clusters and tags share, one coroutine each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, ClassVar, TypeVar

from ..client import observing
from ..client.deadline import Deadline
from ..errors import (
    ConfigurationError,
    InvalidRequest,
    NotFound,
    SchemaError,
    TaError,
    TokenRejected,
)
from ..messages import Message
from ..models import (
    Catalog,
    ClusterDetail,
    RefreshTicket,
    UploadResult,
    catalog_of,
    create_body,
    structure,
    types_of,
    unstructure,
    update_body,
)
from ..models.scalars import plain_scalar
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
from ..uploads.options import layout_of
from ..uploads.result import check_result, may_be_result
from ..uploads.source import open_before, source_of
from .members import Members
from .pager import Pager
from .reconcile import look_for, unknown_outcome
from .refresh import Refresh
from .start_refresh import submit
from .state import read_detail, read_progress

if TYPE_CHECKING:
    from ..client.api import ApiClient
    from ..models import (
        ClusterType,
        JsonObject,
        JsonValue,
        ToCreate,
        ToUpdate,
    )
    from ..models.members import MemberQuery, MembersPosition
    from ..protocol.endpoints import Ref
    from ..protocol.refresh import PollPolicy
    from ..uploads.options import Encode, UploadOptions
    from ..uploads.source import Source
    from .members import Convert

T = TypeVar("T")


class CatalogResource:
    """The operations that clusters and tags share. A ref is an id when it is an int, and a name when it is a str.

    Each coroutine takes `timeout=`: seconds for everything that it does, retries included; the session's default when None. Each raises
    `InvalidRequest` for wrong arguments, before anything is sent, and otherwise the errors of the tree in `errors`: `NotFound` where the
    server says that there is no such cluster, `ApiError` for other refusals, `TransportError` and `ProtocolError` for failures on the way.
    """

    catalog: ClassVar[Catalog]
    _kinds: ClassVar[tuple[type, ...]]
    _encode: ClassVar[Encode]
    _columns: ClassVar[int]

    def __init__(self, session: ApiClient, project_id: int) -> None:
        self._client = session
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
        if "displayName" in body:
            check_display_name(body["displayName"], strict=self._client.strict_names)
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
        """Return the rows of the list (spec: 分群和标签列表查询). Nothing is sent before they are iterated.

        Args:
            name: A part of the name to search for, by the server's rules; use `detail` for an exact name.
            types: Only these types; all types of the catalog when None.
            page_size: Rows per request. A server may give fewer.
            timeout: Seconds for each page.
        """
        size = plain_scalar(page_size)
        if type(size) is not int or size < 1:
            raise InvalidRequest(Message("must-be-at-least-one", name="page_size"))
        wanted: tuple[object, ...] = types_of(self.catalog) if types is None else _as_tuple(types)
        if not wanted or not all(isinstance(kind, str) for kind in wanted):
            raise InvalidRequest(Message("types-invalid"))
        filters: dict[str, object] = {
            "projectId": self._project_id,
            "clusterCatalog": self.catalog.value,
            "clusterTypes": [plain_scalar(kind) for kind in wanted],
        }
        if (sought := _check_text(name, "name")) is not None:
            filters["clusterName"] = sought
        return Pager(self._client, filters, size, timeout)

    async def refresh(
        self, ref: Ref, *, poll: PollPolicy | None = None, timeout: float | None = None
    ) -> Refresh:
        """Start a refresh, and return its handle once the server has taken it (spec: 刷新条件分群或标签).

        The state before is read first, so that a 100 or -1 left over from it is never believed. A refresh that is running already is
        joined, and no request is sent to start another (`handle.attached`).

        Args:
            ref: Id or name.
            poll: How the handle polls; the session's policy when None.
            timeout: Seconds until the server has taken it. How long the handle waits, `poll` and `handle.wait(timeout=)` set.

        Raises:
            OutcomeUnknown: The answer was lost and nothing shows yet that the refresh began; the error carries a ticket to attach to.
        """
        policy = self._client.poll if poll is None else poll
        return await submit(
            self._client, self._project_id, self._ref(ref), self.catalog, policy=policy, timeout=timeout
        )

    def attach(self, ticket: RefreshTicket, *, poll: PollPolicy | None = None) -> Refresh:
        """Return the handle of a refresh that was started elsewhere. Sends nothing by itself.

        Raises:
            InvalidRequest: It is not a ticket, or one of another project or of the other catalog.
        """
        if not isinstance(ticket, RefreshTicket):
            raise InvalidRequest(Message("not-a-ticket", kind=type(ticket).__name__))
        if ticket.project_id != self._project_id:
            raise InvalidRequest(
                Message("ticket-of-other-project", project=ticket.project_id, expected=self._project_id)
            )
        if ticket.catalog not in (None, self.catalog):
            raise InvalidRequest(Message("ticket-of-other-catalog", catalog=str(ticket.catalog)))
        policy = self._client.poll if poll is None else poll
        observed = None
        if observing.observer is not None:
            observed = observing.observer.refresh(
                self._client.base_url,
                self._project_id,
                cluster_id=ticket.cluster_id,
                traceparent=ticket.traceparent,
            )
        return Refresh(self._client, ticket, ticket.cluster_id, policy, observed=observed)

    def _members(  # noqa: PLR0917  (the callers pass on what they were given)
        self,
        ref: Ref,
        convert: Convert[T],
        columns: tuple[str, ...] | None,
        query: MemberQuery | None,
        timeout: float | None,
        resume: MembersPosition | None,
    ) -> Members[T]:
        return Members(
            self._client,
            self._project_id,
            self._ref(ref),
            convert,
            query=self._client.members if query is None else query,
            columns=columns,
            with_value=self.catalog is Catalog.TAG,
            timeout=timeout,
            resume=resume,
        )

    async def _create(self, definition: ToCreate, timeout: float | None) -> int:
        self._check_kind(definition, "create", (*self._kinds, ClusterDetail))
        body = self._with_project(create_body(definition))
        name = check_name(body.get("clusterName"), strict=self._client.strict_names)
        if "displayName" not in body:
            raise InvalidRequest(Message("definition-without-display-name"))
        check_display_name(body["displayName"], strict=self._client.strict_names)
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
            raise unknown_outcome(unknown, Message("result-not-found", name=name))
        return found.id

    async def _upload(  # noqa: PLR0917  (the two callers pass on what they were given)
        self,
        source: object,
        options: UploadOptions,
        display_name: str,
        main_column: str,
        name: str | None,
        remarks: str | None,
        timeout: float | None,
    ) -> UploadResult:
        strict = self._client.strict_names
        display_name = check_display_name(display_name, strict=strict)
        name = None if name is None else check_name(name, strict=strict)
        query: dict[str, str | int | None] = {
            "projectId": self._project_id,
            "displayName": display_name,
            "mainColumnName": _check_column(main_column),
            "clusterCatalog": self.catalog.value,
            "clusterName": name,
            "remarks": _check_text(remarks, "remarks"),
        }
        upload = self._upload_source(source, options)
        request = build(UPLOAD, query, upload=upload)
        deadline = Deadline(timeout, self._client.upload_timeout)
        async with self._client.uploading(deadline.at), aclosing(upload):
            await open_before(upload, deadline)
            # What has the name already is not this upload, should its outcome become unknown.
            was_free = name is not None and await self._is_free(name, deadline)
            result = unknown = None
            try:
                seconds = deadline.left(keep=deadline.kept if was_free else 0.0)
                result = await self._client.call(request, _uploaded, timeout=seconds)
            except TaError as problem:
                if not may_have_applied(problem):
                    raise
                unknown = problem
            changed = await upload.changed()
        if unknown is not None:
            if name is None:
                raise unknown_outcome(unknown, Message("upload-without-name", display_name=display_name))
            found = await self._find(name, deadline) if was_free else None
            if found is None or not may_be_result(found, display_name, upload):
                raise unknown_outcome(unknown, Message("result-not-found", name=name))
            result = UploadResult(found.id, user_num=found.users_num)
        assert result is not None
        return check_result(result, upload, options.get("require_match"), UPLOAD.name, changed=changed)

    async def _replace_upload(  # noqa: PLR0917  (as above)
        self,
        ref: Ref,
        source: object,
        options: UploadOptions,
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
        upload = self._upload_source(source, options)
        request = build(endpoint, query, upload=upload)
        deadline = Deadline(timeout, self._client.upload_timeout)
        async with self._client.uploading(deadline.at), aclosing(upload):
            await open_before(upload, deadline)
            result = await self._client.call(request, _replaced, timeout=deadline.left())
            changed = await upload.changed()
        required = options.get("require_match")
        if result is None:
            result = await self._result_without_counts(ref, deadline, is_count_needed=required is not None)
        return check_result(result, upload, required, endpoint.name, changed=changed)

    def _upload_source(self, source: object, options: UploadOptions) -> Source:
        layout = layout_of(options, self._columns)
        return source_of(
            source,
            self._encode,
            layout,
            options.get("on_progress"),
            buffer=self._client.upload_buffer,
        )

    async def _result_without_counts(
        self, ref: Ref, deadline: Deadline, *, is_count_needed: bool
    ) -> UploadResult:
        """Return what the detail tells of a replaced upload, where the server's answer has no counts (spec: its sample has "").

        The id of what was replaced by name is needed; the number of users is taken where it is that of an ended computation.
        """
        if isinstance(ref, int) and not is_count_needed:
            return UploadResult(ref)
        try:
            found = await self.detail(ref, timeout=min(deadline.left(), self._client.timeout))
        except TaError as problem:
            if isinstance(ref, int):
                return UploadResult(ref)
            problem.set_message(Message("id-of-upload-unknown", name=ref, reason=problem.what()))
            raise
        is_counted = found.progress in (100, None)
        return UploadResult(found.id, user_num=found.users_num if is_counted else None)

    def _ref(self, ref: Ref) -> Ref:
        return check_ref(ref, strict=self._client.strict_names)

    def _ref_parameters(self, ref: Ref, names: tuple[str, ...]) -> dict[str, str | int | None]:
        found: dict[str, str | int | None] = {"projectId": self._project_id} if "projectId" in names else {}
        found["clusterName" if isinstance(ref, str) else "clusterId"] = ref
        return found

    def _with_project(self, body: JsonObject) -> JsonObject:
        """Add project and catalog. Raises InvalidRequest where the body has another project, or is known to be of the other catalog."""
        project_id = body.get("projectId", self._project_id)
        if str(project_id) != str(self._project_id):  # the specification has it as text and as a number
            raise InvalidRequest(
                Message("definition-of-other-project", other=str(project_id), own=self._project_id)
            )
        self._check_catalog(_catalog_told_by(body))
        return {"projectId": self._project_id, "clusterCatalog": self.catalog.value, **body}

    def _check_catalog(self, told: Catalog | None) -> None:
        if told not in (None, self.catalog):
            is_tag = told is Catalog.TAG
            raise InvalidRequest(Message("is-a-tag" if is_tag else "is-a-cluster"))

    def _check_kind(self, definition: object, verb: str, kinds: tuple[type, ...]) -> None:
        if not isinstance(definition, (*kinds, Mapping)):
            takes = ", ".join(kind.__name__ for kind in kinds)
            method, kind = f"{type(self).__name__}.{verb}", type(definition).__name__
            raise InvalidRequest(Message("definition-of-other-kind", method=method, takes=takes, kind=kind))

    async def _is_free(self, name: str, deadline: Deadline) -> bool:
        """Check that the name is free, using at most a quarter of the deadline. False where that cannot be read."""
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
        """Look the name up for the result of a request of unknown outcome."""
        return await look_for(lambda seconds: self.detail(name, timeout=seconds), deadline)


def _catalog_told_by(body: JsonObject) -> Catalog | None:
    """Return the catalog that a body is certainly of: by its type, its catalog, or the only definition that it has."""
    kind, catalog = body.get("clusterType"), body.get("clusterCatalog")
    by_type = catalog_of(kind) if isinstance(kind, str) else None
    if by_type is not None:
        return by_type
    if catalog in tuple(Catalog):
        return Catalog(catalog)
    defined = {
        found for key, found in (("qp", Catalog.CLUSTER), ("tagQp", Catalog.TAG)) if body.get(key) is not None
    }
    return defined.pop() if len(defined) == 1 else None


def _as_tuple(types: object) -> tuple[object, ...]:
    # A str is an iterable of str too, and would go out as a list of letters.
    return tuple(types) if isinstance(types, Iterable) and not isinstance(types, str) else ()


def _check_text(text: object, name: str) -> str | None:
    if text is None or isinstance(text, str):
        return None if text is None else str.__str__(text)
    raise InvalidRequest(Message("must-be-str", name=name, kind=type(text).__name__))


def _check_column(column: object) -> str:
    if not isinstance(column, str) or not column.strip():
        raise InvalidRequest(Message("main-column-invalid"))
    return str.__str__(column)


def _nothing(_: JsonValue) -> None:
    return None


def _new_id(data: JsonValue) -> int:
    new_id = _digits_as_int(data)
    if type(new_id) is int:
        return new_id
    raise SchemaError(Message("new-id-not-an-integer"), path="data")


def _digits_as_int(value: JsonValue) -> JsonValue:
    """Return the id that text of digits can only mean; anything else as it is."""
    is_id = type(value) is str and len(value) < 20 and value.isascii() and value.isdecimal()
    return int(value) if is_id else value  # type: ignore[arg-type]


def _uploaded(data: JsonValue) -> UploadResult:
    if isinstance(data, dict) and "clusterId" in data:
        data = {**data, "clusterId": _digits_as_int(data["clusterId"])}
    return structure(UploadResult, data)


def _replaced(data: JsonValue) -> UploadResult | None:
    return _uploaded(data) if isinstance(data, dict) else None

"""Many uploads, with a bounded number at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict, cast

from attrs import field, frozen

from ..errors import InvalidRequest
from ..protocol.endpoints import Ref
from ..resources import (
    IdSource,
    OnNull,
    OnProgress,
    PairSource,
    Tags,
)
from .bulk import bulk

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable

    from ..models import UploadResult
    from ..resources import Clusters
    from .bulk import ItemOutcome


class _Rows(TypedDict):
    column: str | None
    header: bool
    on_null: OnNull | None
    require_match: float | None
    on_progress: OnProgress | None
    timeout: float | None


@frozen(kw_only=True)
class Upload:
    """One upload for `upload_many`. The attributes are the arguments of `Clusters.upload` and `Tags.upload`.

    Attributes:
        source: The rows.
        display_name: The name that TA shows; needed for a new cluster or tag.
        main_column: The property that the ids are matched with; needed for a new cluster or tag.
        name: The name of a new one; without it, an upload of unknown outcome cannot be found again.
        replace: Give these rows to the uploaded cluster or tag with this id or name, in place of making a new one.
        remarks: A note.
        column: The column with the ids.
        value_column: The column with the tag values.
        header: The first line of a CSV is a header.
        on_null: What to do with rows without an id.
        require_match: The share of the records, 0 to 1, that has to match a user.
        on_progress: Called with an `UploadProgress`.
        timeout: Seconds for everything; the session's `upload_timeout` when None.
    """

    source: IdSource | PairSource = field(repr=False)
    display_name: str | None = None
    main_column: str | None = None
    name: str | None = None
    replace: Ref | None = None
    remarks: str | None = None
    column: str | None = None
    value_column: str | None = None
    header: bool = False
    on_null: OnNull | None = None
    require_match: float | None = None
    on_progress: OnProgress | None = field(default=None, repr=False)
    timeout: float | None = None


async def upload_many(
    resource: Clusters | Tags,
    uploads: Iterable[Upload] | AsyncIterable[Upload],
    *,
    concurrency: int = 4,
    on_error: Literal["continue", "stop"] = "continue",
    on_event: Callable[[ItemOutcome[Upload, UploadResult]], Awaitable[None] | None] | None = None,
    order: Literal["input", "completion"] = "input",
) -> list[ItemOutcome[Upload, UploadResult]]:
    """Run many uploads, at most `concurrency` at a time, and return an outcome for each (spec: 创建上传ID分群或标签, 修改上传ID分群或标签).

        outcomes = await upload_many(project.clusters, [Upload(source=path, display_name=path.stem, main_column="#account_id")])

    A failed upload hides no other's result: its outcome has the error, such as `MatchTooLow` or `OutcomeUnknown`.

    Args:
        resource: `project.clusters` or `project.tags`.
        uploads: Any iterable or async iterable, read as places become free.
        concurrency: The most uploads at a time. Each takes a few megabytes of memory.
        on_error: With `stop`, the first failure lets nothing more begin, and what is under way is finished.
        on_event: Called with each outcome as it comes; a coroutine function is awaited.
        order: Whether the list is in the order of the uploads or of their ends.

    Raises:
        Exception: What a source itself raises beside `TaError`, and what `uploads` or `on_event` raises, ends everything.
    """

    async def run(upload: Upload) -> UploadResult:
        return await _run(resource, upload)

    return await bulk(
        run, uploads, concurrency=concurrency, on_error=on_error, on_event=on_event, order=order
    )


async def _run(resource: Clusters | Tags, upload: Upload) -> UploadResult:
    rows = _Rows(
        column=upload.column,
        header=upload.header,
        on_null=upload.on_null,
        require_match=upload.require_match,
        on_progress=upload.on_progress,
        timeout=upload.timeout,
    )
    if upload.value_column is not None and not isinstance(resource, Tags):
        raise InvalidRequest("value_column is for tags: the rows of a cluster have ids only.")
    display_name, main_column, remarks = upload.display_name, upload.main_column, upload.remarks
    if upload.replace is not None:
        if upload.name is not None:
            raise InvalidRequest("An Upload has either replace= or the name= of a new one.")
        if isinstance(resource, Tags):
            return await resource.replace_upload(
                upload.replace,
                cast("PairSource", upload.source),  # which rows it has shows when they are read
                display_name=display_name,
                main_column=main_column,
                remarks=remarks,
                value_column=upload.value_column,
                **rows,
            )
        return await resource.replace_upload(
            upload.replace,
            cast("IdSource", upload.source),
            display_name=display_name,
            main_column=main_column,
            remarks=remarks,
            **rows,
        )
    if display_name is None or main_column is None:
        raise InvalidRequest("An Upload of a new cluster or tag needs display_name= and main_column=.")
    if isinstance(resource, Tags):
        return await resource.upload(
            cast("PairSource", upload.source),
            display_name=display_name,
            main_column=main_column,
            name=upload.name,
            remarks=remarks,
            value_column=upload.value_column,
            **rows,
        )
    return await resource.upload(
        cast("IdSource", upload.source),
        display_name=display_name,
        main_column=main_column,
        name=upload.name,
        remarks=remarks,
        **rows,
    )

"""Many uploads, with a bounded number at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from attrs import asdict, field, frozen

from ..errors import InvalidRequest
from ..messages import Message
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

    from attrs import Attribute

    from ..models import UploadResult
    from ..resources import Clusters
    from .bulk import ItemOutcome


@frozen(kw_only=True)
class Upload:
    """One upload for `upload_many`. The attributes are the arguments of `Clusters.upload` and `Tags.upload`.

    Attributes:
        source: The rows.
        display_name: The name that TA shows; needed for a new cluster or tag.
        main_column: The property that the ids are matched with; needed for a new cluster or tag.
        name: The name of a new one; without it, an upload of unknown outcome cannot be found again.
        replace: The id or name of an uploaded cluster or tag that gets these rows, where no new one is made.
        remarks: A note.
        column: The column with the ids.
        value_column: The column with the tag values.
        header: The first line of a CSV is a header.
        on_null: What to do with rows without an id.
        require_match: The share of the records, 0 to 1, that must match a user.
        on_progress: Called with an `UploadProgress`.
        max_line: Characters of the longest row of a CSV that is read row by row, and of the longest header; None for the default.
        max_columns: The most columns of a CSV's header; None for the default.
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
    max_line: int | None = None
    max_columns: int | None = None
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
        concurrency: The most uploads at a time, of which no more run than the session's `max_uploads`. Each takes a few megabytes of memory.
        on_error: With `stop`, no more uploads are begun after the first failure; those under way are finished.
        on_event: Called with each outcome as it comes; a coroutine function is awaited.
        order: Whether the list is in the order of the uploads or of their completion.

    Raises:
        Exception: Any other error of a source than a `TaError`, and any of `uploads` or `on_event`, ends everything.
    """

    async def run(upload: Upload) -> UploadResult:
        return await _run(resource, upload)

    return await bulk(
        run, uploads, concurrency=concurrency, on_error=on_error, on_event=on_event, order=order
    )


async def _run(resource: Clusters | Tags, upload: Upload) -> UploadResult:
    if upload.value_column is not None and not isinstance(resource, Tags):
        raise InvalidRequest(Message("value-column-of-cluster"))
    source: Any = upload.source  # which rows it has shows when they are read
    options: Any = asdict(upload, recurse=False, filter=_is_option)
    if upload.replace is not None:
        if upload.name is not None:
            raise InvalidRequest(Message("upload-with-replace-and-name"))
        return await resource.replace_upload(upload.replace, source, **options)
    if upload.display_name is None or upload.main_column is None:
        raise InvalidRequest(Message("upload-without-names"))
    return await resource.upload(source, **options)


def _is_option(attribute: Attribute[object], value: object) -> bool:
    """Whether it goes to `upload` and `replace_upload` by name. None is the default of all optional ones, and some have no such option."""
    return value is not None and attribute.name not in ("source", "replace")

"""Uploads ids as a cluster or tag, with a display of how far it has come."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ...errors import InvalidRequest
from ...models import Catalog, unstructure
from ...uploads.options import MAX_COLUMNS, MAX_LINE
from ..connection import open_project, ref_of
from ..exit_codes import Exit
from ..i18n.translate import ntr, tr
from ..input import COLUMNS_VARIABLE, LINE_VARIABLE, STDIN, check_stdin, limit_of, open_stdin
from ..output.console import is_quiet, live_on, print_json, print_lines, print_message, stderr
from ..running import interruptible
from .show import read_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ...models import UploadResult
    from ...resources import Project, UploadProgress
    from ..options import CliOptions

_SECONDS_BETWEEN_LINES = 10.0
_MIB = 1 << 20
_STDIN_NAMES = frozenset({STDIN, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})


async def upload(
    options: CliOptions, file: str, *, tags: bool, replace: str | None, as_json: bool, **arguments: Any
) -> Exit:
    """Create a cluster or tag of ids, or replace those of one. The further arguments are those of `upload` or `replace_upload`."""
    check_stdin(file, options.token_file)
    arguments["max_line"] = limit_of(LINE_VARIABLE, MAX_LINE)
    arguments["max_columns"] = limit_of(COLUMNS_VARIABLE, MAX_COLUMNS)
    async with open_project(options) as project:
        resource: Any = project.tags if tags else project.clusters
        if replace is not None:
            await _check_replaced(project, replace, tags=tags)
        with _source(file) as source, _display() as on_progress:
            if replace is None:
                result = await resource.upload(source, on_progress=on_progress, **arguments)
            else:
                result = await resource.replace_upload(
                    ref_of(replace), source, on_progress=on_progress, **arguments
                )
    if as_json:
        print_json(_counts(result), indent=2)
    else:
        print_lines([str(result.cluster_id)])
    print_message(_sentence(result))
    return Exit.OK


async def _check_replaced(project: Project, replace: str, *, tags: bool) -> None:
    """Check that what is replaced is of the kind that the rows are for.

    Raises:
        NotFound: There is none.
        InvalidRequest: It is of the other kind.
    """
    detail = await read_one(project, replace, tags=tags)
    if not tags and detail.catalog is Catalog.TAG:
        raise InvalidRequest(
            tr("{name} is a tag, whose rows have values: give --tags as well.", name=detail.cluster_name)
        )


@contextmanager
def _source(file: str) -> Iterator[object]:
    """Give the path of a file, or what is open of standard input, a pipe or a device, such as `<(...)` in a shell."""
    path = Path(file)
    if file in _STDIN_NAMES:
        yield open_stdin().buffer
    elif path.is_fifo() or path.is_char_device():
        with interruptible():
            pipe = path.open("rb")
        with pipe:
            yield pipe
    else:
        yield file


@contextmanager
def _display() -> Iterator[Callable[[UploadProgress], object] | None]:
    """Show a bar on a terminal, and a line every ten seconds elsewhere."""
    console = stderr()
    if is_quiet():
        yield None
    elif console.is_terminal and not console.is_dumb_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as progress, live_on(console, progress.live):
            task = progress.add_task(tr("Uploading"), total=None)
            yield lambda state: progress.update(task, completed=state.sent_bytes, total=state.total_bytes)
    else:
        yield _Lines().show


class _Lines:
    """Prints a line every ten seconds."""

    def __init__(self) -> None:
        self._next = _SECONDS_BETWEEN_LINES

    def show(self, state: UploadProgress) -> None:
        """Print how far it has come, if it is time."""
        if state.seconds < self._next or state.done:
            return
        self._next = state.seconds + _SECONDS_BETWEEN_LINES
        of = "" if state.total_bytes is None else tr(" of {size:.0f} MiB", size=state.total_bytes / _MIB)
        print_message(
            tr(
                "{done:.0f} MiB{of} sent after {seconds:.0f} s.",
                done=state.sent_bytes / _MIB,
                of=of,
                seconds=state.seconds,
            )
        )


def _counts(result: UploadResult) -> dict[str, object]:
    return {**unstructure(result), "skippedNum": result.skipped_num}


def _sentence(result: UploadResult) -> str:
    parts = [
        ntr("{count} record", "{count} records", result.upload_num) if result.upload_num is not None else "",
        ntr("{count} user", "{count} users", result.user_num) if result.user_num is not None else "",
        tr("{count} not matched", count=result.unmatched_num) if result.unmatched_num else "",
        tr("{count} without a tag value", count=result.tag_value_null_num)
        if result.tag_value_null_num
        else "",
        ntr("{count} row without an id left out", "{count} rows without an id left out", result.skipped_num)
        if result.skipped_num
        else "",
    ]
    counts = tr(", ").join(part for part in parts if part)
    if not counts:
        return tr("Uploaded {id}.", id=result.cluster_id)
    return tr("Uploaded {id}: {counts}.", id=result.cluster_id, counts=counts)

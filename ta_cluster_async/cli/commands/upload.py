"""`ta-cluster upload`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import typer
from attrs import frozen
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ...models import UploadResult, unstructure
from ...resources import UploadProgress
from ..config.settings import Given
from ..connection import (
    Quiet,
    connected,
    open_project,
    ref_of,
)
from ..exit_codes import Exit
from ..i18n.translate import ntr, tr
from ..input import STDIN, check_stdin
from ..output.console import (
    is_quiet,
    json_text,
    print_message,
    stderr,
)
from ..running import run

if TYPE_CHECKING:
    from ...resources import Project

_ACCOUNT = "#account_id"
_SECONDS_BETWEEN_LINES = 10.0
_MIB = 1 << 20
_HOW = tr("How the file is read")


@connected
def upload(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help=tr(
                "A CSV (also .gz) or Parquet file of ids, for tags of ids and tag values; - is standard input."
            ),
        ),
    ],
    *,
    given: Given,
    display_name: Annotated[
        str | None,
        typer.Option(
            "--display-name", metavar="TEXT", help=tr("The name that TA shows, up to 50 characters.")
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help=tr("The name; without one, an upload whose answer is lost cannot be found again."),
        ),
    ] = None,
    main_column: Annotated[
        str | None,
        typer.Option(
            "--main-column",
            metavar="PROPERTY",
            help=tr("The property that the ids are matched with; #account_id when nothing is said."),
        ),
    ] = None,
    remarks: Annotated[str | None, typer.Option("--remarks", metavar="TEXT", help=tr("A note."))] = None,
    tags: Annotated[bool, typer.Option("--tags", help=tr("A tag in place of a cluster."))] = False,
    replace: Annotated[
        str | None,
        typer.Option(
            "--replace", metavar="REF", help=tr("Give these ids to an uploaded cluster or tag that exists.")
        ),
    ] = None,
    header: Annotated[
        bool,
        typer.Option(
            "--header", rich_help_panel=_HOW, help=tr("The first line of the CSV names the columns.")
        ),
    ] = False,
    column: Annotated[
        str | None,
        typer.Option("--column", metavar="NAME", rich_help_panel=_HOW, help=tr("The column with the ids.")),
    ] = None,
    value_column: Annotated[
        str | None,
        typer.Option(
            "--value-column", metavar="NAME", rich_help_panel=_HOW, help=tr("The column with the tag values.")
        ),
    ] = None,
    skip_blank: Annotated[
        bool,
        typer.Option("--skip-blank", rich_help_panel=_HOW, help=tr("Leave out rows without an id.")),
    ] = False,
    require_match: Annotated[
        float | None,
        typer.Option(
            "--require-match",
            min=0.0,
            max=1.0,
            metavar="SHARE",
            rich_help_panel=_HOW,
            help=tr("Fail when fewer of the ids match a user, such as 0.9."),
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Write the counts as JSON."))] = False,
    quiet: Quiet = False,
) -> None:
    """Create a cluster or tag of uploaded ids, or give one other ids, and write its id.

    Example: ta-cluster upload players.csv --name newsletter --display-name "Newsletter readers"
    """
    del quiet
    if replace is None and display_name is None:
        raise typer.BadParameter(tr("a new cluster or tag needs one"), param_hint="--display-name")
    wish = _Wish(
        file=file,
        display_name=display_name,
        name=name,
        main_column=main_column,
        remarks=remarks,
        replace=replace,
        header=header,
        column=column,
        value_column=value_column,
        skip_blank=skip_blank,
        require_match=require_match,
    )

    async def command() -> Exit:
        check_stdin(file, given.token_file)
        async with open_project(given) as project:
            with _display() as on_progress:
                send = wish.to_tag if tags else wish.to_cluster
                result = await send(project, on_progress)
        typer.echo(json_text(_counts(result)) if as_json else result.cluster_id)
        print_message(_sentence(result))
        return Exit.OK

    run(command())


OnProgress = Callable[[UploadProgress], object] | None


@frozen(kw_only=True)
class _Wish:
    """What the arguments ask for."""

    file: str
    display_name: str | None
    name: str | None
    main_column: str | None
    remarks: str | None
    replace: str | None
    header: bool
    column: str | None
    value_column: str | None
    skip_blank: bool
    require_match: float | None

    async def to_cluster(self, project: "Project", on_progress: OnProgress) -> UploadResult:
        """Send it as a cluster."""
        if self.replace is not None:
            return await project.clusters.replace_upload(
                ref_of(self.replace),
                self._source(),
                display_name=self.display_name,
                main_column=self.main_column,
                remarks=self.remarks,
                column=self.column,
                header=self.header,
                on_null=self._on_null,
                require_match=self.require_match,
                on_progress=on_progress,
            )
        return await project.clusters.upload(
            self._source(),
            display_name=self.display_name or "",
            main_column=self.main_column or _ACCOUNT,
            name=self.name,
            remarks=self.remarks,
            column=self.column,
            header=self.header,
            on_null=self._on_null,
            require_match=self.require_match,
            on_progress=on_progress,
        )

    async def to_tag(self, project: "Project", on_progress: OnProgress) -> UploadResult:
        """Send it as a tag."""
        if self.replace is not None:
            return await project.tags.replace_upload(
                ref_of(self.replace),
                self._source(),
                display_name=self.display_name,
                main_column=self.main_column,
                remarks=self.remarks,
                column=self.column,
                value_column=self.value_column,
                header=self.header,
                on_null=self._on_null,
                require_match=self.require_match,
                on_progress=on_progress,
            )
        return await project.tags.upload(
            self._source(),
            display_name=self.display_name or "",
            main_column=self.main_column or _ACCOUNT,
            name=self.name,
            remarks=self.remarks,
            column=self.column,
            value_column=self.value_column,
            header=self.header,
            on_null=self._on_null,
            require_match=self.require_match,
            on_progress=on_progress,
        )

    @property
    def _on_null(self) -> Literal["skip"] | None:
        return "skip" if self.skip_blank else None

    def _source(self) -> str | BinaryIO:
        return sys.stdin.buffer if self.file == STDIN else self.file


@contextmanager
def _display() -> Iterator[OnProgress]:
    """A bar on a terminal, and a line every ten seconds elsewhere."""
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
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(tr("Uploading"), total=None)
            yield lambda told: progress.update(task, completed=told.sent_bytes, total=told.total_bytes)
    else:
        yield _Lines().show


class _Lines:
    """A line every ten seconds."""

    def __init__(self) -> None:
        self._next = _SECONDS_BETWEEN_LINES

    def show(self, told: UploadProgress) -> None:
        """Tell how far it has come, if it is time."""
        if told.seconds < self._next or told.done:
            return
        self._next = told.seconds + _SECONDS_BETWEEN_LINES
        of = "" if told.total_bytes is None else tr(" of {size:.0f} MiB", size=told.total_bytes / _MIB)
        print_message(
            tr(
                "{done:.0f} MiB{of} sent after {seconds:.0f} s.",
                done=told.sent_bytes / _MIB,
                of=of,
                seconds=told.seconds,
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

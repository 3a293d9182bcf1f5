"""`ta-cluster refresh`."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ...batch import Journal, RefreshBatch, RefreshReport
from ...errors import (
    ApiError,
    ConfigurationError,
    InvalidRequest,
    JournalError,
    TokenRejected,
)
from ...resources import Project
from ..config.settings import Given, find_settings
from ..connection import (
    Quiet,
    connected,
    for_a_person,
    open_project,
)
from ..durations import seconds_of
from ..exit_codes import Exit, exit_of_report
from ..forecast import forecast
from ..history import History, read_journal
from ..i18n.translate import ntr, tr
from ..input import check_stdin
from ..output.console import (
    is_quiet,
    print_lines,
    print_message,
    print_result,
    stderr,
    stdout,
)
from ..output.json_lines import event_json, report_json
from ..output.live import (
    MOST_FAILURES,
    failure_line,
    progress_display,
    summary_line,
)
from ..output.progress import ProgressState
from ..output.tables import outcome_table
from ..resume_hint import say_how_to_go_on
from ..running import run
from ..selection import (
    Selection,
    Wanted,
    before,
    select,
    server_now,
)

_FEW = 64
"""So many at most are looked at as often as a person likes it; for more, the load on the server counts."""

_MOST_ROWS = 100
"""Rows of a table on a terminal, and failures that are told in full; of a larger batch only what did not succeed is shown."""


class Order(StrEnum):
    """What begins first."""

    GIVEN = "given"
    LONGEST_FIRST = "longest-first"


class OnRunning(StrEnum):
    """What is done with what is being refreshed already."""

    ATTACH = "attach"
    RERUN = "rerun"
    SKIP = "skip"
    FAIL = "fail"


_CHOICE = tr("What to refresh")
_HOW = tr("How to refresh")


@connected
def refresh(
    context: typer.Context,
    refs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REF",
            help=tr(
                "Clusters and tags: digits are an id, everything else a name, or a glob such as 'recent_*'."
            ),
        ),
    ] = None,
    *,
    given: Given,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            rich_help_panel=_CHOICE,
            help=tr(
                "All clusters and tags of the project. Uploaded ones have nothing to refresh and are left out."
            ),
        ),
    ] = False,
    stale: Annotated[
        float | None,
        typer.Option(
            "--stale-older-than",
            parser=seconds_of,
            metavar="TIME",
            rich_help_panel=_CHOICE,
            help=tr(
                "Only those whose last refresh is longer ago, such as 1d; of all, where nothing else is named."
            ),
        ),
    ] = None,
    from_file: Annotated[
        str | None,
        typer.Option(
            "--from-file",
            metavar="FILE",
            rich_help_panel=_CHOICE,
            help=tr("Those in a file, one in a line, or the lines of `list --json`; - is standard input."),
        ),
    ] = None,
    failed_in: Annotated[
        str | None,
        typer.Option(
            "--failed-in",
            metavar="RUN",
            rich_help_panel=_CHOICE,
            help=tr("Those that did not succeed in a run of the journal; `last` is the newest."),
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="REF",
            rich_help_panel=_CHOICE,
            help=tr("Leave these out: an id, a name or a glob. May be given several times."),
        ),
    ] = None,
    clusters: Annotated[
        bool,
        typer.Option("--clusters", rich_help_panel=_CHOICE, help=tr("Choose among clusters alone.")),
    ] = False,
    tags: Annotated[
        bool, typer.Option("--tags", rich_help_panel=_CHOICE, help=tr("Choose among tags alone."))
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            rich_help_panel=_CHOICE,
            help=tr(
                "Send no refresh, only read, and write how many would be refreshed, attached to and skipped. Requests are predicted from "
                "the mean of the journal's last five complete runs, the time from its durations."
            ),
        ),
    ] = False,
    max_running: Annotated[
        int,
        typer.Option(
            "--max-running",
            min=1,
            metavar="N",
            rich_help_panel=_HOW,
            help=tr("The most refreshes at a time."),
        ),
    ] = 16,
    submit_ahead: Annotated[
        int,
        typer.Option(
            "--submit-ahead",
            min=0,
            metavar="N",
            rich_help_panel=_HOW,
            help=tr("So many more, for a server that queues refreshes by itself."),
        ),
    ] = 0,
    order: Annotated[
        Order,
        typer.Option(
            "--order",
            rich_help_panel=_HOW,
            help=tr("What begins first; the journal tells which ones take long."),
        ),
    ] = Order.GIVEN,
    on_running: Annotated[
        OnRunning,
        typer.Option(
            "--on-running",
            rich_help_panel=_HOW,
            help=tr(
                "What is being refreshed already: watch it, refresh it anew afterwards, leave it out, or fail."
            ),
        ),
    ] = OnRunning.ATTACH,
    max_failures: Annotated[
        int | None,
        typer.Option(
            "--max-failures",
            min=1,
            metavar="N",
            rich_help_panel=_HOW,
            help=tr("Start no more after so many have failed."),
        ),
    ] = None,
    cluster_timeout: Annotated[
        float | None,
        typer.Option(
            "--cluster-timeout",
            parser=seconds_of,
            metavar="TIME",
            rich_help_panel=_HOW,
            help=tr("For each refresh, such as 90, 30m or 2h."),
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            parser=seconds_of,
            metavar="TIME",
            rich_help_panel=_HOW,
            help=tr("For all of them together."),
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal",
            metavar="FILE",
            rich_help_panel=_HOW,
            help=tr(
                "Keep what was begun and how it ended here; run again with it to go on after a crash (TA_JOURNAL)."
            ),
        ),
    ] = None,
    json_lines: Annotated[
        bool,
        typer.Option("--json", help=tr("Write each event as a line of JSON, and the report as the last.")),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Refresh clusters and tags, and wait for all of them.

    Example: ta-cluster refresh 970 'recent_*' --exclude recent_test --max-running 8 --journal runs.db
    """
    del quiet

    async def command() -> Exit:
        settings = find_settings(given)
        where = journal or settings.journal
        book = None if where is None else Journal(where)
        wanted = Wanted(
            refs=refs or (),
            everything=everything,
            from_file=from_file,
            failed_in=failed_in,
            exclude=exclude or (),
            stale_before=None if stale is None else before(server_now(settings.timezone), stale),
            clusters=clusters or not tags,
            tags=tags or not clusters,
        )
        _check(wanted, given)
        async with open_project(settings) as project:
            selection = await select(project, wanted, book)
            if selection.uploaded:
                print_message(
                    ntr(
                        "{count} uploaded one has nothing to refresh, and is left out.",
                        "{count} uploaded ones have nothing to refresh, and are left out.",
                        selection.uploaded,
                    )
                )
            if not selection.refs:
                print_message(tr("Nothing matches, so there is nothing to refresh."))
                return Exit.NOTHING
            if not selection.rows:
                await _check_server(project, selection.refs[0])
            history = await read_journal(project, book)
            if dry_run:
                found = await forecast(
                    project,
                    selection,
                    history,
                    on_running=on_running.value,
                    max_running=max_running,
                    longest_first=order is Order.LONGEST_FIRST,
                )
                print_lines(json.dumps(found.to_dict()) if json_lines else found.sentences())
                return Exit.OK if found.unknown < len(selection.refs) else Exit.NOTHING
            batch = RefreshBatch(
                project,
                selection.refs,
                max_running=max_running,
                submit_ahead=submit_ahead,
                order="longest_first" if order is Order.LONGEST_FIRST else "given",
                on_running=on_running.value,
                max_failures=max_failures,
                cluster_timeout=cluster_timeout,
                timeout=timeout,
                poll=for_a_person(project) if _is_watched(selection) else None,
                journal=book,
            )
            async with _left_well(
                batch, context, selection, has_journal=book is not None, as_json=json_lines
            ):
                if json_lines:
                    return exit_of_report(await _as_lines(batch))
                return exit_of_report(await _on_screen(batch, selection, history, max_running))

    run(command())


def _check(wanted: Wanted, given: Given) -> None:
    if wanted.is_nothing:
        raise InvalidRequest(
            tr(
                "Say what to refresh: ids, names or globs, --all, --stale-older-than, --from-file or --failed-in. "
                "`ta-cluster list` shows what there is."
            )
        )
    check_stdin(wanted.from_file, given.token_file)


def _is_watched(selection: Selection) -> bool:
    return stderr().is_terminal and not is_quiet() and len(selection.refs) <= _FEW


async def _check_server(project: Project, ref: int | str) -> None:
    """Say at once what a batch would find out only after it has been patient for long: a wrong address or token.

    Raises:
        TaError: The server cannot be reached, or does not take the token.
    """
    try:
        await project.clusters.progress(ref)
    except (ApiError, InvalidRequest) as refusal:
        if isinstance(refusal, TokenRejected):
            raise
        # The server is there, and the batch has an outcome for this one.


@asynccontextmanager
async def _left_well(
    batch: RefreshBatch, context: typer.Context, selection: Selection, *, has_journal: bool, as_json: bool
) -> AsyncIterator[None]:
    """However the batch is left before its end, say what goes on on the server and how to go on here."""
    left = True
    try:
        yield
        left = False
    except JournalError:
        # One that could not be opened kept the batch from its beginning.
        left = bool(batch.report.total)
        raise
    finally:
        report = _report_so_far(batch) if left else None
        if report is not None:
            say_how_to_go_on(report, context, selection.refs, has_journal=has_journal, as_json=as_json)


def _report_so_far(batch: RefreshBatch) -> RefreshReport | None:
    try:
        return batch.report
    except ConfigurationError:  # it has not begun
        return None


async def _as_lines(batch: RefreshBatch) -> RefreshReport:
    async with batch:
        async for event in batch:
            typer.echo(event_json(event))
    typer.echo(report_json(batch.report))
    return batch.report


async def _on_screen(
    batch: RefreshBatch, selection: Selection, history: History, max_running: int
) -> RefreshReport:
    state = ProgressState(expected=history.expected(selection.refs), at_once=max_running)
    with progress_display(state=state) as display:
        async with batch:
            async for event in batch:
                display.show(event)
    report = batch.report
    tell_failures(report, already_told=display.shown)
    few = report.total <= _MOST_ROWS or not stdout().is_terminal
    rows = report.outcomes if few else report.failures[:_MOST_ROWS]
    if rows:
        print_result(outcome_table(rows))
    print_message(summary_line(report))
    return report


def tell_failures(report: RefreshReport, *, already_told: int) -> None:
    """Say why each failed, as far as the display has not said it already and a person can read it."""
    failures = report.failures
    for outcome in () if already_told else failures[:_MOST_ROWS]:
        print_message(failure_line(outcome))
    more = len(failures) - min(already_told, MOST_FAILURES) if already_told else len(failures) - _MOST_ROWS
    if more > 0:
        print_message(
            tr(
                "And {count} more that did not succeed: --json tells all of them, and so does a --journal.",
                count=more,
            )
        )

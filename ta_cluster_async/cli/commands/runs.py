"""`ta-cluster runs`: what earlier runs came to, from their journal or from the file of a report."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn, TypeAlias

import typer

from ...batch import Journal
from ...errors import ConfigurationError, TaError
from ..config.settings import Given, find_settings
from ..connection import Quiet
from ..exit_codes import Exit, exit_of
from ..i18n.translate import tr
from ..output.console import (
    print_error,
    print_message,
    print_result,
    stdout,
)
from ..output.errors import error_text
from ..output.help import HelpfulCommand, HelpfulGroup, command_help
from ..output.json_lines import run_json
from ..output.tables import report_table, run_table, runs_table
from ..report.source import (
    NoSuchRun,
    Record,
    find_run,
    is_file,
    record_of_file,
    record_of_run,
)

app = typer.Typer(
    name="runs",
    cls=HelpfulGroup,
    help=tr("Look at earlier runs, write reports of them, and delete old ones."),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

_MOST_ROWS = 100
"""Rows of a table on a terminal; of a larger run only what did not succeed is shown."""

_EXTRA = ("jinja2", "markupsafe", "plotly")

JournalFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--journal", metavar="FILE", help=tr("The journal that the runs were given (TA_JOURNAL).")),
]
Run: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help=tr(
            "A run by its name or the beginning of it, `last` for the newest, or the JSON file of a report."
        ),
    ),
]


def list_runs(
    *,
    journal: JournalFile = None,
    json_lines: Annotated[bool, typer.Option("--json", help=tr("Write each run as a line of JSON."))] = False,
    quiet: Quiet = False,
) -> None:
    """List the runs in a journal, the newest first.

    Example: ta-cluster runs list --journal runs.db
    """
    del quiet

    def command() -> Exit:
        book = _journal(journal)
        runs = book.runs()
        if json_lines:
            for info in runs:
                typer.echo(run_json(info))
        elif runs:
            print_result(runs_table(runs))
        else:
            print_message(tr("The journal {path} has no runs yet.", path=book.path))
        return Exit.OK

    _end(command)


def show_run(
    run: Run,
    *,
    journal: JournalFile = None,
    json_lines: Annotated[
        bool, typer.Option("--json", help=tr("Write each outcome as a line of JSON."))
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Show what a run came to, and why clusters did not succeed.

    Example: ta-cluster runs show last --journal runs.db
    """
    del quiet

    def command() -> Exit:
        record = _record(run, journal)
        report = record.report
        if json_lines:
            for outcome in report.outcomes:
                typer.echo(json.dumps(outcome.to_dict()))
            return Exit.OK
        print_result(report_table(report, is_over=record.over, unfinished=record.unfinished))
        few = len(report.outcomes) <= _MOST_ROWS or not stdout().is_terminal
        rows = report.outcomes if few else report.failures
        if rows:
            print_result("")
            print_result(run_table(rows))
        if left_out := len(report.outcomes) - len(rows):
            print_message(
                tr("And {count} that succeeded or were skipped: --json writes all of them.", count=left_out)
            )
        return Exit.OK

    _end(command)


def report_run(
    run: Run,
    *,
    outputs: Annotated[
        list[Path],
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help=tr(
                "Where to: .html is a page for people, .json the report for machines, .xml the same as JUnit. May be given several times."
            ),
        ),
    ],
    journal: JournalFile = None,
    quiet: Quiet = False,
) -> None:
    """Write a report of a run: a page with figures, JSON, or JUnit XML.

    Example: ta-cluster runs report last --journal runs.db -o run.html -o run.xml
    """
    del quiet

    def command() -> Exit:
        writers = [(path, _writer(path)) for path in outputs]
        record = _record(run, journal)
        for path, write in writers:
            size = _write(path, write(record))
            print_message(tr("Wrote {path} ({size}).", path=path, size=size))
        return Exit.OK

    _end(command)


def prune_runs(
    *,
    keep: Annotated[
        int, typer.Option("--keep", min=1, metavar="N", help=tr("How many runs of each project stay."))
    ],
    journal: JournalFile = None,
    quiet: Quiet = False,
) -> None:
    """Delete all runs but the newest N of each project from a journal.

    An unfinished run stays, and so do the durations that `refresh --order longest-first` goes by. The file does not shrink: later runs
    use its room.

    Example: ta-cluster runs prune --keep 30 --journal runs.db
    """
    del quiet

    def command() -> Exit:
        print_message(tr("Runs deleted: {count}.", count=_journal(journal).prune(keep)))
        return Exit.OK

    _end(command)


def _journal(given: Path | None) -> Journal:
    where = given or find_settings(Given()).journal
    if where is None:
        raise ConfigurationError(
            tr("Say which journal the runs are in: give it with --journal FILE or TA_JOURNAL.")
        )
    return Journal(where)


def _record(run: str, journal: Path | None) -> Record:
    if is_file(run):
        try:
            return record_of_file(Path(run))
        except OSError as problem:
            reason = problem.strerror or type(problem).__name__
            raise ConfigurationError(
                tr("The report {path} cannot be read: {reason}.", path=run, reason=reason)
            ) from None
    book = _journal(journal)
    return record_of_run(book, find_run(book.runs(), run, book.path))


def _writer(path: Path) -> Callable[[Record], bytes]:
    """What makes the file, chosen by the end of its name, before anything is read."""
    match path.suffix.lower():
        case ".html" | ".htm":
            return _page_writer()
        case ".json":
            return lambda record: f"{record.report.to_json()}\n".encode()
        case ".xml":
            from ..report.junit import junit_xml  # noqa: PLC0415 - the other commands need no XML

            return junit_xml
        case _:
            raise ConfigurationError(
                tr(
                    "A report ends in .html, .json or .xml, which {path} does not: choose one of them.",
                    path=path,
                )
            )


def _page_writer() -> Callable[[Record], bytes]:
    try:
        from ..report.page import render_page  # noqa: PLC0415 - needs the extra
    except ImportError as missing:
        if (missing.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise ConfigurationError(
            tr('The page needs an extra: python -m pip install "ta-cluster-async[report]"')
        ) from None
    return lambda record: render_page(record).encode()


def _write(path: Path, content: bytes) -> str:
    """Write a file, and give its size as a person reads it."""
    try:
        path.write_bytes(content)
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise ConfigurationError(
            tr("The file {path} cannot be written: {reason}.", path=path, reason=reason)
        ) from None
    kilobytes = len(content) / 1000
    return f"{kilobytes / 1000:.1f} MB" if kilobytes >= 1000 else f"{kilobytes:.1f} kB"


def _end(command: Callable[[], Exit]) -> NoReturn:
    """Run a command that needs no event loop, and leave with its exit code."""
    try:
        code = command()
    except NoSuchRun as problem:
        print_error(str(problem))
        code = Exit.NOTHING
    except TaError as problem:
        print_error(error_text(problem))
        code = exit_of(problem)
    except KeyboardInterrupt:
        print_message(tr("Stopped."))
        code = Exit.INTERRUPTED
    raise typer.Exit(code)


_COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_runs,
    "show": show_run,
    "report": report_run,
    "prune": prune_runs,
}
for _name, _command in _COMMANDS.items():
    app.command(_name, cls=HelpfulCommand, help=command_help(_command))(_command)

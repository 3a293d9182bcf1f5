"""Shows, reports and prunes earlier runs, from their journal or from the file of a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ...batch import Journal
from ...errors import ConfigurationError, InvalidRequest
from ..config.settings import find_settings
from ..exit_codes import Exit
from ..i18n.translate import tr
from ..options import CliOptions
from ..output.console import print_error, print_message, print_result, stdout
from ..output.files import write_file
from ..output.json_lines import run_json
from ..output.records import form_of, print_records
from ..output.tables import report_table, run_table, runs_table
from ..report.source import NoSuchRun, find_run, is_file, record_of_file, record_of_run
from ..running import run_blocking

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..output.format import OutputFormat
    from ..report.source import Record

_MOST_ROWS = 100
"""Rows of a table on a terminal; of a larger run only what did not succeed is shown."""

_COLUMNS_OF_RUNS = (
    "run_id",
    "base_url",
    "project_id",
    "state",
    "started_at",
    "ended_at",
    "makespan",
    "requests",
    "counts",
    "unfinished",
)
_COLUMNS_OF_OUTCOMES = (
    "ref",
    "cluster_id",
    "cluster_name",
    "status",
    "users_num",
    "queue_seconds",
    "run_seconds",
    "code",
    "message",
)

_EXTRA = ("jinja2", "markupsafe")


def run_sync(command: Callable[[], Exit]) -> NoReturn:
    """Run a command that needs no event loop, and leave with its exit code."""
    run_blocking(lambda: _found(command))


def _found(command: Callable[[], Exit]) -> Exit:
    try:
        return command()
    except NoSuchRun as problem:
        print_error(str(problem))
        return Exit.NOTHING


def list_runs(journal: Path | None, *, wanted: tuple[OutputFormat | None, str | None, bool]) -> Exit:
    """Write the runs in a journal. `wanted` has --output, --fields and --json."""
    form = form_of(*wanted[:2], as_json=wanted[2])
    book = _journal(journal)
    runs = book.runs()
    if not form.is_usual_table:
        print_records([run_json(info) for info in runs], form, _COLUMNS_OF_RUNS)
    elif runs:
        print_result(runs_table(runs))
    else:
        print_message(tr("The journal {path} has no runs yet.", path=book.path))
    return Exit.OK


def show_run(run: str, journal: Path | None, *, wanted: tuple[OutputFormat | None, str | None, bool]) -> Exit:
    """Write the outcomes of a run. `wanted` has --output, --fields and --json."""
    form = form_of(*wanted[:2], as_json=wanted[2])
    record = _record(run, journal)
    report = record.report
    if not form.is_usual_table:
        print_records([outcome.to_dict() for outcome in report.outcomes], form, _COLUMNS_OF_OUTCOMES)
        return Exit.OK
    print_result(report_table(report, is_over=record.over, unfinished=record.unfinished))
    few = len(report.outcomes) <= _MOST_ROWS or not stdout().is_terminal
    rows = report.outcomes if few else report.failures
    if rows:
        print_result("")
        print_result(run_table(rows))
    if left_out := len(report.outcomes) - len(rows):
        print_message(
            tr("And {count} that succeeded or were skipped; --json writes all of them.", count=left_out)
        )
    return Exit.OK


def report_run(run: str, journal: Path | None, outputs: Sequence[Path]) -> Exit:
    """Write a report of a run to each of the files."""
    writers = [(path, _writer(path)) for path in outputs]
    record = _record(run, journal)
    for path, write in writers:
        size = _write(path, write(record))
        print_message(tr("Wrote {path} ({size}).", path=path, size=size))
    return Exit.OK


def prune_runs(journal: Path | None, keep: int) -> Exit:
    """Delete all runs but the newest of each project."""
    print_message(tr("Runs deleted: {count}.", count=_journal(journal).prune(keep)))
    return Exit.OK


def _journal(path: Path | None) -> Journal:
    found = path or find_settings(CliOptions()).journal
    if found is None:
        raise ConfigurationError(tr("Name the journal of the runs with --journal FILE or TA_JOURNAL."))
    return Journal(found)


def _record(run: str, journal: Path | None) -> Record:
    if is_file(run):
        if journal is not None:
            raise InvalidRequest(
                tr("{path} is the file of a report, which needs no journal: leave out --journal.", path=run)
            )
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
    """Return what makes the file, chosen by its suffix before anything is read."""
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
                    "The report {path} must end in .html, .json or .xml.",
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
    """Write a file, and return its size as a person reads it."""
    try:
        write_file(path, content)
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise ConfigurationError(
            tr("The file {path} cannot be written: {reason}.", path=path, reason=reason)
        ) from None
    kilobytes = len(content) / 1000
    return f"{kilobytes / 1000:.1f} MB" if kilobytes >= 1000 else f"{kilobytes:.1f} kB"

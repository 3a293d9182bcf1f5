"""`ta-cluster runs`: what earlier runs came to, from their journal or from the file of a report."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ..i18n.translate import tr
from ..options import Fields, Output, Quiet, completed_by
from ..output.help import HelpfulCommand, HelpfulGroup, command_help

app: typer.Typer = typer.Typer(
    name="runs",
    cls=HelpfulGroup,
    help=tr("Look at earlier runs, write reports of them, and delete old ones."),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

JournalFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--journal", metavar="FILE", help=tr("The journal of the runs (TA_JOURNAL).")),
]
Run: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        autocompletion=completed_by("runs"),
        help=tr(
            "A run by its id or the beginning of it, `last` for the newest, or the JSON file of a report."
        ),
    ),
]


def list_runs(
    *,
    journal: JournalFile = None,
    json_lines: Annotated[bool, typer.Option("--json", help=tr("Write each run as a line of JSON."))] = False,
    output: Output = None,
    fields: Fields = None,
    quiet: Quiet = False,
) -> None:
    """List the runs in a journal, the newest first.

    Example: ta-cluster runs list --journal runs.db
    """
    del quiet
    from ..actions import runs

    runs.run_sync(lambda: runs.list_runs(journal, wanted=(output, fields, json_lines)))


def show_run(
    run: Run,
    *,
    journal: JournalFile = None,
    json_lines: Annotated[
        bool, typer.Option("--json", help=tr("Write each outcome as a line of JSON."))
    ] = False,
    output: Output = None,
    fields: Fields = None,
    quiet: Quiet = False,
) -> None:
    """Show the outcomes of a run, and why clusters did not succeed.

    Example: ta-cluster runs show last --journal runs.db
    """
    del quiet
    from ..actions import runs

    runs.run_sync(lambda: runs.show_run(run, journal, wanted=(output, fields, json_lines)))


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
                "The file to write: .html is a page for people, .json the report for machines, .xml the same as JUnit. May be given "
                "several times."
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
    from ..actions import runs

    runs.run_sync(lambda: runs.report_run(run, journal, outputs))


def prune_runs(
    *,
    keep: Annotated[
        int, typer.Option("--keep", min=1, metavar="N", help=tr("How many runs of each project to keep."))
    ],
    journal: JournalFile = None,
    quiet: Quiet = False,
) -> None:
    """Delete all runs but the newest N of each project from a journal.

    An unfinished run stays, and so do the durations that `refresh` orders by. The file does not shrink: later runs
    reuse its space.

    Example: ta-cluster runs prune --keep 30 --journal runs.db
    """
    del quiet
    from ..actions import runs

    runs.run_sync(lambda: runs.prune_runs(journal, keep))


_COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_runs,
    "show": show_run,
    "report": report_run,
    "prune": prune_runs,
}
for _name, _command in _COMMANDS.items():
    app.command(_name, cls=HelpfulCommand, help=command_help(_command))(_command)

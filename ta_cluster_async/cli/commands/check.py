"""`ta-cluster check`."""

from pathlib import Path
from typing import Annotated

import typer

from ..durations import seconds_of, share_of
from ..i18n.translate import tr
from ..options import CliOptions, Fields, Output, Quiet, completed_by, connected


@connected
def check(
    refs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REF",
            autocompletion=completed_by("references"),
            help=tr("Clusters and tags: ids, names or globs; all of the project where none is given."),
        ),
    ] = None,
    *,
    options: CliOptions,
    fresh: Annotated[
        float | None,
        typer.Option(
            "--fresh",
            parser=seconds_of,
            metavar="TIME",
            help=tr(
                "Each was refreshed within this time, such as 26h, by the server's clock (`timezone` of the profile)."
            ),
        ),
    ] = None,
    min_users: Annotated[
        int | None,
        typer.Option("--min-users", min=1, metavar="N", help=tr("Each has at least so many users.")),
    ] = None,
    max_change: Annotated[
        float | None,
        typer.Option(
            "--max-change",
            parser=share_of,
            metavar="PERCENT",
            help=tr(
                "Each has users no more and no fewer by this share than the median of the journal's last five successes, such as 50%."
            ),
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="REF",
            autocompletion=completed_by("references"),
            help=tr("Leave these out: an id, a name or a glob. May be given several times."),
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal", metavar="FILE", help=tr("The journal with the sizes of earlier runs (TA_JOURNAL).")
        ),
    ] = None,
    notify_command: Annotated[
        str | None,
        typer.Option(
            "--notify-command",
            metavar="CMD",
            help=tr(
                "Run this program, without a shell and for up to 30 s, with the report as JSON on its standard input: once when something "
                "else is off than the last time, and once when all is well again. The journal remembers it."
            ),
        ),
    ] = None,
    notify_name: Annotated[
        str | None,
        typer.Option(
            "--notify-name",
            metavar="NAME",
            help=tr("What --notify-command tells this job apart by, instead of what was chosen."),
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help=tr("Write what was found as one JSON object."))
    ] = False,
    output: Output = None,
    fields: Fields = None,
    quiet: Quiet = False,
) -> None:
    """Check that clusters and tags are there, fresh and of a usual size, and change nothing.

    Only lists are read. The exit code is 1 where something is off.

    Example: ta-cluster check 'recent_*' --fresh 26h --min-users 1 --max-change 50% --journal runs.db
    """
    del quiet
    from ..actions import check as action
    from ..running import run

    run(
        action.check(
            options,
            refs or (),
            exclude=exclude or (),
            fresh=fresh,
            min_users=min_users,
            max_change=max_change,
            journal=journal,
            wanted=(output, fields, as_json),
            notify=(notify_command, notify_name),
        )
    )

"""`ta-cluster refresh`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..durations import seconds_of, share_of
from ..i18n.translate import tr
from ..options import CliOptions, Quiet, completed_by, connected


class Order(StrEnum):
    """What begins first."""

    AUTO = "auto"
    GIVEN = "given"
    LONGEST_FIRST = "longest-first"


class OnRunning(StrEnum):
    """What is done with what is being refreshed already."""

    ATTACH = "attach"
    RERUN = "rerun"
    SKIP = "skip"
    FAIL = "fail"


class MembersFormat(StrEnum):
    """The format of the files with members."""

    CSV = "csv"
    CSV_GZ = "csv.gz"
    JSONL = "jsonl"
    PARQUET = "parquet"


_CHOICE = tr("What to refresh")
_HOW = tr("How to refresh")
_SIZE = tr("What size is usual")
_MEMBERS = tr("Members")
_NOTICES = tr("Whom to tell")


@connected
def refresh(
    context: typer.Context,
    refs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REF",
            autocompletion=completed_by("references"),
            help=tr(
                "Clusters and tags: digits are an id, everything else a name, or a glob such as 'recent_*'."
            ),
        ),
    ] = None,
    *,
    options: CliOptions,
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
                "Only those last refreshed longer ago than this, such as 1d; of all, where nothing else is named."
            ),
        ),
    ] = None,
    from_file: Annotated[
        str | None,
        typer.Option(
            "--from-file",
            metavar="FILE",
            rich_help_panel=_CHOICE,
            help=tr("Those in a file, one per line, or the lines of `list --json`; - is standard input."),
        ),
    ] = None,
    failed_in: Annotated[
        str | None,
        typer.Option(
            "--failed-in",
            metavar="RUN",
            autocompletion=completed_by("runs"),
            rich_help_panel=_CHOICE,
            help=tr("Those that did not succeed in a run of the journal; `last` is the newest."),
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="REF",
            autocompletion=completed_by("references"),
            rich_help_panel=_CHOICE,
            help=tr("Leave these out: an id, a name or a glob. May be given several times."),
        ),
    ] = None,
    clusters: Annotated[
        bool,
        typer.Option("--clusters", rich_help_panel=_CHOICE, help=tr("Choose only clusters.")),
    ] = False,
    tags: Annotated[
        bool, typer.Option("--tags", rich_help_panel=_CHOICE, help=tr("Choose only tags."))
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            rich_help_panel=_CHOICE,
            help=tr(
                "Start nothing, and show how many would be refreshed, attached to and skipped. Requests are predicted from the mean of "
                "the journal's last five complete runs, the time from its durations."
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
            help=tr("Submit this many more, for a server that queues refreshes itself."),
        ),
    ] = 0,
    order: Annotated[
        Order,
        typer.Option(
            "--order",
            rich_help_panel=_HOW,
            help=tr(
                "What starts first: with a journal the longest by its past durations (auto), or as given. longest-first reads "
                "everything before it begins."
            ),
        ),
    ] = Order.AUTO,
    by_dependencies: Annotated[
        bool,
        typer.Option(
            "--order-by-dependencies",
            rich_help_panel=_HOW,
            help=tr(
                "Start nothing before what its definition needs has succeeded, and leave out what needs one that has not. Reads each "
                "definition before it begins."
            ),
        ),
    ] = False,
    with_dependencies: Annotated[
        bool,
        typer.Option(
            "--with-dependencies",
            rich_help_panel=_HOW,
            help=tr("The same, and refresh what the chosen ones need as well."),
        ),
    ] = False,
    fresh_for: Annotated[
        float | None,
        typer.Option(
            "--fresh-for",
            parser=seconds_of,
            metavar="TIME",
            rich_help_panel=_HOW,
            help=tr(
                "What is needed and was not chosen must have been refreshed within this time, such as 26h: what needs an older one is "
                "left out, or with --with-dependencies the older one is refreshed first."
            ),
        ),
    ] = None,
    on_running: Annotated[
        OnRunning,
        typer.Option(
            "--on-running",
            rich_help_panel=_HOW,
            help=tr(
                "For what is already being refreshed: watch it, refresh it again afterwards, leave it out, or fail."
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
            help=tr("Start no more after this many have failed."),
        ),
    ] = None,
    cluster_timeout: Annotated[
        float | None,
        typer.Option(
            "--cluster-timeout",
            parser=seconds_of,
            metavar="TIME",
            rich_help_panel=_HOW,
            help=tr("The time limit for each refresh, such as 90, 30m or 2h."),
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            parser=seconds_of,
            metavar="TIME",
            rich_help_panel=_HOW,
            help=tr("The time limit for all of them together."),
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal",
            metavar="FILE",
            rich_help_panel=_HOW,
            help=tr("Record the run in this file; run again with it to resume after a crash (TA_JOURNAL)."),
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            metavar="FILE",
            rich_help_panel=_HOW,
            help=tr(
                "Keep the run in this small file, where no journal can be, such as on a network disk; run again with it to resume."
            ),
        ),
    ] = None,
    min_users: Annotated[
        int | None,
        typer.Option(
            "--min-users",
            min=1,
            metavar="N",
            rich_help_panel=_SIZE,
            help=tr("Warn of what has fewer users than this after its refresh."),
        ),
    ] = None,
    max_change: Annotated[
        float | None,
        typer.Option(
            "--max-change",
            parser=share_of,
            metavar="PERCENT",
            rich_help_panel=_SIZE,
            help=tr(
                "Warn where the users are more or fewer by this share than the median of the journal's last five successes, such as 50%."
            ),
        ),
    ] = None,
    strict_size: Annotated[
        bool,
        typer.Option(
            "--strict-size",
            rich_help_panel=_SIZE,
            help=tr("Exit with 1 where there was such a warning, though everything succeeded."),
        ),
    ] = False,
    members_to: Annotated[
        Path | None,
        typer.Option(
            "--members-to",
            metavar="DIR",
            rich_help_panel=_MEMBERS,
            help=tr(
                "Write the members of each that succeeds into a file of this folder, named after it, with its id where other letters "
                "than a to z, digits and _ are in the name."
            ),
        ),
    ] = None,
    members_format: Annotated[
        MembersFormat,
        typer.Option(
            "--members-format", rich_help_panel=_MEMBERS, help=tr("The format of the files of --members-to.")
        ),
    ] = MembersFormat.CSV,
    notify_command: Annotated[
        str | None,
        typer.Option(
            "--notify-command",
            metavar="CMD",
            rich_help_panel=_NOTICES,
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
            rich_help_panel=_NOTICES,
            help=tr("What --notify-command tells this job apart by, instead of what was chosen."),
        ),
    ] = None,
    json_lines: Annotated[
        bool,
        typer.Option(
            "--json", help=tr("Write each event as a line of JSON, and the report as the last line.")
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Refresh clusters and tags, and wait for all of them.

    Example: ta-cluster refresh 970 'recent_*' --exclude recent_test --max-running 8 --journal runs.db
    """
    del quiet
    from ..actions.refresh import Needs
    from ..actions.refresh import refresh as action
    from ..actions.selection import Wanted
    from ..running import run

    wanted = Wanted(
        refs=refs or (),
        everything=everything,
        from_file=from_file,
        failed_in=failed_in,
        exclude=exclude or (),
        stale_seconds=stale,
        clusters=clusters or not tags,
        tags=tags or not clusters,
    )
    run(
        action(
            context,
            options,
            wanted,
            journal=journal,
            plan=plan,
            dry_run=dry_run,
            json_lines=json_lines,
            guard=(min_users, max_change),
            strict_size=strict_size,
            members_to=members_to,
            members_format=members_format.value,
            notify=(notify_command, notify_name),
            needs=Needs(in_order=by_dependencies, included=with_dependencies, fresh_for=fresh_for),
            max_running=max_running,
            submit_ahead=submit_ahead,
            order=order.value.replace("-", "_"),
            on_running=on_running.value,
            max_failures=max_failures,
            cluster_timeout=cluster_timeout,
            timeout=timeout,
        )
    )

"""`ta-cluster list`, `show` and `progress`: commands that change nothing."""

from enum import StrEnum
from typing import Annotated, TypeAlias

import typer

from ..i18n.translate import tr
from ..options import CliOptions, Fields, Output, Quiet, completed_by, connected

Ref: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        autocompletion=completed_by("references"),
        help=tr("A cluster or tag: digits are an id, name:971 is a name of digits, everything else a name."),
    ),
]
OnlyTags: TypeAlias = Annotated[
    bool, typer.Option("--tags", help=tr("Take only a tag; without this, either is taken."))
]


class State(StrEnum):
    """What the latest computation came to."""

    DONE = "done"
    RUNNING = "running"
    FAILED = "failed"


class Sorting(StrEnum):
    """What a list is sorted by."""

    ID = "id"
    NAME = "name"
    USERS = "users"
    REFRESHED = "refreshed"


@connected
def list_rows(
    *,
    options: CliOptions,
    tags: Annotated[bool, typer.Option("--tags", help=tr("List tags instead of clusters."))] = False,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="TEXT", help=tr("Only names that contain this, or match this glob.")),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            help=tr("Only this type, such as cluster_by_dynamic_condition; may be repeated."),
        ),
    ] = None,
    status: Annotated[
        State | None,
        typer.Option("--status", help=tr("Only those whose latest computation is done, running or failed.")),
    ] = None,
    sort: Annotated[
        Sorting | None,
        typer.Option("--sort", help=tr("Sort by this, the smallest first; without it, as the server does.")),
    ] = None,
    reverse: Annotated[
        bool, typer.Option("--reverse", help=tr("Turn the order round: the largest first with --sort."))
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, metavar="N", help=tr("Write no more than the first N rows.")),
    ] = None,
    page: Annotated[
        int | None,
        typer.Option("--page", min=1, metavar="N", help=tr("Only this page; without it, all rows.")),
    ] = None,
    page_size: Annotated[
        int | None,
        typer.Option(
            "--page-size",
            min=1,
            metavar="N",
            help=tr("Rows on a page: 100, or as many as the server takes where all pages are read."),
        ),
    ] = None,
    json_lines: Annotated[
        bool, typer.Option("--json", help=tr("Write each row as a line of JSON in the API's own names."))
    ] = False,
    output: Output = None,
    fields: Fields = None,
    quiet: Quiet = False,
) -> None:
    """List the clusters of the project, or its tags.

    Example: ta-cluster list --tags --name pay
    """
    del quiet
    from ..actions import show
    from ..running import run

    run(
        show.list_rows(
            options,
            tags=tags,
            name=name,
            types=types or (),
            status=status,
            sort=sort,
            reverse=reverse,
            limit=limit,
            page=page,
            page_size=page_size,
            wanted=(output, fields, json_lines),
        )
    )


@connected
def show_one(
    ref: Ref,
    *,
    options: CliOptions,
    tags: OnlyTags = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help=tr("Write it as JSON in the API's own names, which `update` and `create` read.")
        ),
    ] = False,
    output: Output = None,
    fields: Fields = None,
    quiet: Quiet = False,
) -> None:
    """Show one cluster or tag with its definition.

    Example: ta-cluster show whales --json > whales.json
    """
    del quiet
    from ..actions import show
    from ..running import run

    run(show.show_one(options, ref, tags=tags, wanted=(output, fields, as_json)))


@connected
def progress(
    ref: Ref,
    *,
    options: CliOptions,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Write it as a line of JSON."))] = False,
    quiet: Quiet = False,
) -> None:
    """Write the progress of the latest computation.

    It is a percentage, 100 when done, and -1 when failed. The 100 may be from an earlier refresh: `wait` can tell.

    Example: ta-cluster progress 970
    """
    del quiet
    from ..actions import show
    from ..running import run

    run(show.show_progress(options, ref, as_json=as_json))

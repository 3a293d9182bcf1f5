"""`ta-cluster list`, `show` and `progress`: commands that change nothing."""

from typing import Annotated, TypeAlias

import typer

from ..i18n.translate import tr
from ..options import CliOptions, Quiet, completed_by, connected

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
            page=page,
            page_size=page_size,
            json_lines=json_lines,
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
    quiet: Quiet = False,
) -> None:
    """Show one cluster or tag with its definition.

    Example: ta-cluster show whales --json > whales.json
    """
    del quiet
    from ..actions import show
    from ..running import run

    run(show.show_one(options, ref, tags=tags, as_json=as_json))


@connected
def progress(ref: Ref, *, options: CliOptions, quiet: Quiet = False) -> None:
    """Write the progress of the latest computation.

    It is a percentage, 100 when done, and -1 when failed. The 100 may be from an earlier refresh: `wait` can tell.

    Example: ta-cluster progress 970
    """
    del quiet
    from ..actions import show
    from ..running import run

    run(show.show_progress(options, ref))

"""`ta-cluster upload`."""

from typing import Annotated

import typer

from ..i18n.translate import tr
from ..options import CliOptions, Quiet, completed_by, connected

_HOW = tr("How the file is read")


@connected
def upload(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help=tr(
                "A CSV (also .gz or .zst) or Parquet file or folder of ids; for tags, of ids and tag values; - is standard input."
            ),
        ),
    ],
    *,
    options: CliOptions,
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
            help=tr("The property that the ids are matched with; #account_id by default."),
        ),
    ] = None,
    remarks: Annotated[str | None, typer.Option("--remarks", metavar="TEXT", help=tr("A note."))] = None,
    tags: Annotated[bool, typer.Option("--tags", help=tr("Upload a tag instead of a cluster."))] = False,
    replace: Annotated[
        str | None,
        typer.Option(
            "--replace",
            metavar="REF",
            autocompletion=completed_by("references"),
            help=tr("Replace the ids of this uploaded cluster or tag."),
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
    """Create a cluster or tag from uploaded ids, or replace the ids of one, and write its id.

    Example: ta-cluster upload players.csv --name newsletter --display-name "Newsletter readers"
    """
    del quiet
    if replace is None and display_name is None:
        raise typer.BadParameter(tr("it is required for a new cluster or tag"), param_hint="--display-name")
    if replace is not None and name is not None:
        raise typer.BadParameter(
            tr("what is replaced keeps its name: leave out --name, or --replace"), param_hint="--name"
        )
    if value_column is not None and not tags:
        raise typer.BadParameter(
            tr("a cluster has ids only: give --tags as well"), param_hint="--value-column"
        )
    from ..actions import upload as action
    from ..running import run

    reading = {
        "column": column,
        "value_column": value_column,
        "header": header,
        "on_null": "skip" if skip_blank else None,
        "require_match": require_match,
    }
    if not tags:
        del reading["value_column"]
    texts = {"display_name": display_name, "main_column": main_column, "remarks": remarks}
    if replace is None:
        texts = {**texts, "main_column": "#account_id" if main_column is None else main_column, "name": name}
    run(action.upload(options, file, tags=tags, replace=replace, as_json=as_json, **texts, **reading))

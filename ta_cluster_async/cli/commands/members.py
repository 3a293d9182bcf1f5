"""`ta-cluster members`."""

from typing import Annotated

import typer

from ..i18n.translate import tr
from ..options import CliOptions, Quiet, completed_by, connected


@connected
def members(
    ref: Annotated[
        str,
        typer.Argument(
            metavar="REF",
            autocompletion=completed_by("references"),
            help=tr(
                "A cluster or tag: digits are an id, name:971 is a name of digits, everything else a name."
            ),
        ),
    ],
    *,
    options: CliOptions,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help=tr(
                "A .csv, .csv.gz, .jsonl or .parquet file, replaced when all is there; - is CSV to standard output."
            ),
        ),
    ] = "-",
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="A,B",
            help=tr("Properties of the users instead of the id, such as #account_id,#distinct_id."),
        ),
    ] = None,
    no_header: Annotated[
        bool, typer.Option("--no-header", help=tr("CSV without a line with the names of the columns."))
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Write who is in a cluster, or who has a tag with its value.

    Example: ta-cluster members whales -o whales.csv --columns "#account_id"
    """
    del quiet
    from ..actions import members as action
    from ..running import run

    named = None if columns is None else [name.strip() for name in columns.split(",")]
    run(action.members(options, ref, output=output, columns=named, header=not no_header))

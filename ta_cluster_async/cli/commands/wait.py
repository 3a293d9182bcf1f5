"""`ta-cluster wait`."""

from typing import Annotated

import typer

from ..durations import seconds_of
from ..i18n.translate import tr
from ..options import CliOptions, Quiet, completed_by, connected


@connected
def wait(
    refs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REF",
            autocompletion=completed_by("references"),
            help=tr("Ids, names, or tickets as their JSON text."),
        ),
    ] = None,
    *,
    options: CliOptions,
    from_file: Annotated[
        str | None,
        typer.Option(
            "--from-file",
            metavar="FILE",
            help=tr("Those in a file, one per line, or the lines of `refresh --json`; - is standard input."),
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            parser=seconds_of,
            metavar="TIME",
            help=tr("Wait no longer than this, such as 90, 30m or 2h."),
        ),
    ] = None,
    json_lines: Annotated[
        bool, typer.Option("--json", help=tr("Write each event as a line of JSON."))
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Wait for refreshes that were started elsewhere. It starts none.

    A ticket stands for one refresh. A cluster or tag by its id or name stands for what is running on it now.

    Example: ta-cluster wait whales 971 --timeout 2h
    """
    del quiet
    from ..actions import wait as action
    from ..running import run

    run(action.wait(options, refs or (), from_file=from_file, timeout=timeout, json_lines=json_lines))

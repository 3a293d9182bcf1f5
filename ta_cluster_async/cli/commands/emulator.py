"""`ta-cluster emulator`."""

from pathlib import Path
from typing import Annotated

import typer

from ..i18n.translate import tr


def emulator(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help=tr("Where to listen; 0 takes a free port."))
    ] = 8992,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help=tr("The address to listen on."))] = "127.0.0.1",
    events: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=tr(
                "Events (.parquet or .csv) with #account_id, #event_name, #event_time and any properties."
            ),
        ),
    ] = None,
    users: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help=tr("Users (.parquet or .csv) with #account_id and any properties.")
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help=tr("The token that it accepts. It is made up, so it is not a secret.")
        ),
    ] = None,
    capacity: Annotated[
        int, typer.Option(min=1, metavar="N", help=tr("The most computations at a time."))
    ] = 4,
    project_id: Annotated[
        int, typer.Option("--project-id", min=1, metavar="N", help=tr("The project that it serves."))
    ] = 102,
    seed: Annotated[
        int,
        typer.Option(metavar="N", help=tr("The seed of the sample game and of how long computations take.")),
    ] = 1,
    clusters: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help=tr("Start with this many clusters and tags of the sample game."),
        ),
    ] = 0,
) -> None:
    """Serve an emulated TA server until Ctrl-C.

    It is for trials and tests. Without --events and --users it has a sample game of about 2,000 users and 60 days.

    Example: ta-cluster emulator --clusters 40
    """
    from ..actions import emulator as action
    from ..running import run

    run(
        action.serve(
            clusters=clusters,
            token=token,
            project_id=project_id,
            events=events,
            users=users,
            seed=seed,
            capacity=capacity,
            host=host,
            port=port,
        )
    )

"""`ta-cluster demo`: the main job from end to end, on a server of its own."""

from typing import Annotated

import typer

from ..i18n.translate import tr


def demo(
    *,
    clusters: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help=tr("How many clusters and tags."))
    ] = 40,
    max_running: Annotated[
        int,
        typer.Option(
            "--max-running",
            min=1,
            metavar="N",
            help=tr("The most refreshes at a time; the server computes 8."),
        ),
    ] = 8,
    seed: Annotated[
        int,
        typer.Option(metavar="N", help=tr("The seed of the sample game and of how long computations take.")),
    ] = 1,
) -> None:
    """Refresh the clusters of a sample game.

    Starts an emulated TA server on a free port, creates clusters and tags in it, uploads one, refreshes all others while you watch, and
    shows how many users each of them has. It takes about 15 seconds and needs no settings.

    Example: ta-cluster demo --clusters 20 --max-running 4
    """
    from ..actions import demo as action
    from ..running import run

    run(action.demo(clusters=clusters, max_running=max_running, seed=seed))

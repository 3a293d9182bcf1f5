"""`ta-cluster emulator`."""

import asyncio
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from ...session import TaSession
from ..exit_codes import Exit
from ..i18n.translate import tr
from ..output.console import print_message
from ..running import run
from .demo_data import definitions
from .sample_server import create_all, serving

if TYPE_CHECKING:
    from ...emulator import Emulator

_PORT = 8992


def emulator(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help=tr("Where to listen; 0 takes a free port."))
    ] = _PORT,
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
        typer.Option(metavar="TEXT", help=tr("The token that opens it. It is made up, so it is no secret.")),
    ] = None,
    capacity: Annotated[
        int, typer.Option(min=1, metavar="N", help=tr("The most computations at a time."))
    ] = 4,
    project_id: Annotated[
        int, typer.Option("--project-id", min=1, metavar="N", help=tr("The project that it serves."))
    ] = 102,
    seed: Annotated[
        int, typer.Option(metavar="N", help=tr("Decides the sample game and how long computations take."))
    ] = 1,
    clusters: Annotated[
        int,
        typer.Option(
            min=0, max=1000, metavar="N", help=tr("Begin with so many clusters and tags for the sample game.")
        ),
    ] = 0,
) -> None:
    """Serve an emulated TA server until Ctrl-C.

    It is for trying things out and for tests. Without --events and --users it has a sample game of about 2,000 users and 60 days.

    Example: ta-cluster emulator --clusters 40
    """

    def make() -> "Emulator":
        from ...emulator import TOKEN, Emulator  # noqa: PLC0415 - loads aiohttp and DuckDB

        return Emulator(
            events,
            users,
            seed=seed,
            token=TOKEN if token is None else token,
            project_id=project_id,
            capacity=capacity,
            host=host,
            port=port,
        )

    async def command() -> Exit:
        async with serving(make) as server:
            if clusters:
                async with TaSession(server.url, server.token) as ta:
                    await create_all(server, ta.project(project_id), definitions(clusters))
            typer.echo(_how_to_use(server))
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                print_message(tr("Stopped."))
        return Exit.OK

    run(command())


def _how_to_use(server: "Emulator") -> str:
    """The address, the settings for a shell, and a request that works when it is pasted into one."""
    query = "&".join(
        f"{name}={quote(str(value), safe='')}"
        for name, value in (
            ("token", server.token),
            ("projectId", server.project_id),
            ("displayName", "Two players"),
            ("mainColumnName", "#account_id"),
        )
    )
    url = shlex.quote(f"{server.url}/open/import-id-cluster-add?{query}")
    lines = [
        tr("Project {id} is served at {url} until Ctrl-C.", id=server.project_id, url=server.url),
        "",
        tr("For ta-cluster and TaSession.from_env():"),
        f"  export TA_BASE_URL={shlex.quote(server.url)}",
        f"  export TA_TOKEN={shlex.quote(server.token)}",
        f"  export TA_PROJECT_ID={server.project_id}",
        "",
        tr("To upload a cluster of two players:"),
        f"  printf 'j77639\\r\\nh84497\\r\\n' | curl --data-binary @- --header 'Content-Type: text/csv' {url}",
        "",
    ]
    return "\n".join(lines)

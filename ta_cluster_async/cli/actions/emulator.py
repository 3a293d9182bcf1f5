"""Serves an emulated TA server."""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ...session import TaSession
from ..exit_codes import Exit
from ..i18n.translate import tr
from ..output.console import print_lines, print_message, print_warning
from .demo_data import definitions
from .sample_server import create_all, serving

# Each of these is evaluated at the start, which takes milliseconds. Further ones have all users.
_MOST_DEFINED = 1000

if TYPE_CHECKING:
    from ...emulator import Emulator


async def serve(*, clusters: int, token: str | None, project_id: int, host: str, **settings: Any) -> Exit:
    """Serve until Ctrl-C, starting with this many clusters. The further settings are those of `Emulator`."""

    def make() -> Emulator:
        from ...emulator import TOKEN, Emulator  # noqa: PLC0415 - needs the extra

        return Emulator(token=TOKEN if token is None else token, project_id=project_id, host=host, **settings)

    async with serving(make) as server:
        from ...emulator.emulator import is_loopback  # noqa: PLC0415 - needs the extra

        if not is_loopback(host):
            print_warning(
                tr(
                    "Whoever reaches {host} and has the token can read, change and delete all that is served.",
                    host=host,
                )
            )
        if clusters:
            async with TaSession(server.url, server.token) as ta:
                await create_all(server, ta.project(project_id), definitions(min(clusters, _MOST_DEFINED)))
            server.seed_clusters(max(0, clusters - _MOST_DEFINED))
        print_lines(_how_to_use(server))
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            print_message(tr("Stopped."))
    return Exit.OK


def _how_to_use(server: Emulator) -> list[str]:
    """Return the address, the settings for a shell, and a request that works when it is pasted into one."""
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
    return [
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

# pyright: reportMissingImports=false
"""A worker of Temporal for profiles of the command: `python -m ta_cluster_async.temporal --profile a --profile b`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

from temporalio.client import Client

from ta_cluster_async import TaSession

from .worker import run_workers

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENDS = (signal.SIGINT, signal.SIGTERM)


async def serve(arguments: Sequence[str] | None = None) -> None:
    """Serve the deployments of these profiles, each under the profile's name."""
    parser = argparse.ArgumentParser(prog="python -m ta_cluster_async.temporal", description=__doc__)
    parser.add_argument("--profile", action="append", required=True, help="a profile; may be repeated")
    parser.add_argument("--address", default="localhost:7233", help="the server of Temporal (%(default)s)")
    parser.add_argument("--namespace", default="default", help="the namespace there (%(default)s)")
    given = parser.parse_args(arguments)
    sessions = {name: partial(TaSession.from_profile, name) for name in given.profile}
    for make in sessions.values():
        make()  # what a profile lacks is told at once, and not by the first activity
    client = await Client.connect(given.address, namespace=given.namespace)
    await run_workers(client, sessions)


async def main() -> None:
    """Serve until SIGINT or SIGTERM. A second one ends the process at once."""
    loop = asyncio.get_running_loop()
    serving = asyncio.create_task(serve())

    def end(*_: object) -> None:
        for number in _ENDS:
            signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(serving.cancel)

    for number in _ENDS:
        signal.signal(number, end)
    await asyncio.wait([serving])
    if not serving.cancelled():
        serving.result()


if __name__ == "__main__":
    asyncio.run(main())
    # Threads of temporalio may still run, and abort an interpreter that ends in the usual way (temporalio/sdk-python#300).
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)

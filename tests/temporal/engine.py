"""A server of Temporal, emulators of TA, and workers in this process."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections import Counter
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temporalio.testing import WorkflowEnvironment

from ta_cluster_async import PollPolicy, TaSession
from ta_cluster_async.emulator import Emulator, Settings
from ta_cluster_async.temporal import WORKFLOWS, RefreshDeployments, run_workers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from temporalio.client import Client, WorkflowHandle

    from ta_cluster_async.temporal import Deployment

TEMPORAL = str(Path(sys.executable).parent / "temporal")
POLL = PollPolicy(first=0.1, longest=0.5, settle=0.5, grace=10.0)


def story(tell: Callable[[Client], Any]) -> None:
    """Tell a story with a server of Temporal."""

    async def main() -> None:
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=TEMPORAL, ip="127.0.0.1"
        ) as env:
            async with asyncio.timeout(90.0):
                await tell(env.client)

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  (nobody tells)
        await asyncio.sleep(0.05)


def emulator(seconds: float = 0.3, capacity: int = 8, **settings: Any) -> Emulator:
    return Emulator(settings=Settings(evaluate=False, **settings), capacity=capacity, job_seconds=seconds)


def posted(em: Emulator) -> Counter[int]:
    return Counter(one.cluster_id for one in em.effects if one.kind == "refreshed")


@asynccontextmanager
async def workers(client: Client, ems: dict[str, Emulator], token: str | None = None) -> AsyncIterator[None]:
    sessions = {name: partial(TaSession, em.url, token or em.token, poll=POLL) for name, em in ems.items()}
    task = asyncio.create_task(run_workers(client, sessions))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def start(client: Client, *deployments: Deployment) -> Any:
    return await client.start_workflow(
        RefreshDeployments.run, list(deployments), id=uuid.uuid4().hex, task_queue=WORKFLOWS
    )


def profiles(ems: dict[str, Emulator], folder: Path) -> dict[str, str]:
    """Write a configuration file with a profile for each deployment; return the environment in which it is read."""
    config = folder / "ta-cluster" / "config.toml"
    config.parent.mkdir()
    with config.open("w", encoding="utf-8") as file:
        for name, em in ems.items():
            token = folder / f"token-{name}"
            token.write_text(em.token, encoding="utf-8")
            token.chmod(0o600)
            file.write(f'[{name}]\nbase_url = "{em.url}"\ntoken_file = "{token}"\n')
            file.write("poll_first = 0.1\npoll_longest = 0.5\npoll_settle = 0.5\npoll_grace = 10\n")
    return os.environ | {"XDG_CONFIG_HOME": str(folder)}


async def kept(handle: WorkflowHandle[Any, Any]) -> bytes:
    """What Temporal keeps of a workflow, as it is; its JSON has all values encoded."""
    return b"".join(event.SerializeToString() for event in (await handle.fetch_history()).events)

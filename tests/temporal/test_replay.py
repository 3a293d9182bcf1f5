"""A worker that takes a workflow over reads its history again: that gives the same commands in the same order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.worker import Replayer

from ta_cluster_async.temporal import Deployment, RefreshDeployments
from ta_cluster_async.temporal.worker import workflow_runner
from tests.temporal.engine import emulator, posted, start, story, until, workers

if TYPE_CHECKING:
    from temporalio.client import Client

NAMES = ("a", "b", "c")


@pytest.mark.parametrize("end", ["nothing", "signal", "cancel"])
def test_the_history_of_a_run_can_be_replayed(end: str) -> None:
    async def tell(client: Client) -> None:
        async with emulator(1.0) as em, workers(client, dict.fromkeys(NAMES, em)):
            ids = iter(em.seed_clusters(4 * len(NAMES)))
            handle = await start(
                client,
                *(
                    Deployment(name, em.project_id, [next(ids) for _ in range(3)], shard_size=2)
                    for name in NAMES
                ),
            )
            await until(lambda: bool(posted(em)))
            await handle.execute_update(RefreshDeployments.add, args=["a", [next(ids)]])
            if end == "signal":
                await handle.signal(RefreshDeployments.stop)
            if end == "cancel":
                await handle.cancel()
                with pytest.raises(WorkflowFailureError):
                    await handle.result()
            else:
                await handle.result()
            replayer = Replayer(workflows=[RefreshDeployments], workflow_runner=workflow_runner())
            await replayer.replay_workflow(await handle.fetch_history())

    story(tell)

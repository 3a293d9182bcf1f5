# pyright: reportMissingImports=false
"""Running workers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from .activities import TaActivities
from .values import task_queue
from .workflow import RefreshDeployments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from temporalio.client import Client

    from ta_cluster_async import TaSession

WORKFLOWS = "ta-cluster"
"""The task queue of the workflow."""

# An activity hears that it was cancelled with the answer to a heartbeat.
_THROTTLE = timedelta(seconds=1)


def workflow_runner() -> SandboxedWorkflowRunner:
    """Return the sandbox of the workflow, which imports this library only once: that takes seconds."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules("ta_cluster_async")
    )


async def run_workers(client: Client, sessions: Mapping[str, Callable[[], TaSession]]) -> None:
    """Serve the workflow, and the activities of these deployments, until it is cancelled.

    Then the activities that run are given back to the server, for another worker.

    Args:
        client: A client of Temporal.
        sessions: For the name of each deployment, what makes a session.
    """
    activities = TaActivities(sessions)
    methods: list[Callable[..., Any]] = [activities.plan_shard, activities.refresh_shard]
    workers = [
        Worker(
            client, task_queue=WORKFLOWS, workflows=[RefreshDeployments], workflow_runner=workflow_runner()
        )
    ]
    workers += [
        Worker(
            client,
            task_queue=task_queue(name),
            activities=methods,
            max_heartbeat_throttle_interval=_THROTTLE,
            default_heartbeat_throttle_interval=_THROTTLE,
        )
        for name in sessions
    ]
    # It waits for the last worker to end, and cancels none a second time, which would cut its shutdown short.
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.run())

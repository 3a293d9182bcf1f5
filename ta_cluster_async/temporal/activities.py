# pyright: reportMissingImports=false
"""The activities: reading the baselines of a shard, and refreshing it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.exceptions import ApplicationError

from ta_cluster_async import (
    ConfigurationError,
    RefreshBatch,
    RefreshPlan,
    TokenRejected,
    plan_refresh,
)
from ta_cluster_async.messages import Message

from ..batch.report import RESUMABLE
from .shard import Shard
from .values import Deployment, DeploymentResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ta_cluster_async import RefreshTicket, TaSession

# Seconds between two heartbeats.
_HEARTBEAT = 1.0


class TaActivities:
    """The activities of the deployments that a worker serves. Addresses and tokens are here, and never in a history.

    Example::

        TaActivities({"abroad": lambda: TaSession("https://ta.example.com", token)})

    Args:
        sessions: For the name of each deployment, what makes a session that is not open yet.
    """

    def __init__(self, sessions: Mapping[str, Callable[[], TaSession]]) -> None:
        self._sessions = dict(sessions)

    def _session(self, name: str) -> TaSession:
        make = self._sessions.get(name)
        if make is None:
            raise ConfigurationError(
                Message("deployment-unknown", name=name, known=", ".join(self._sessions))
            )
        return make()

    @activity.defn
    async def plan_shard(self, shard: Deployment) -> bytes:
        """Read the baselines of a shard, and return its plan as bytes."""
        async with self._session(shard.name) as ta:
            beats = asyncio.create_task(_beat(tuple))
            try:
                plan = await plan_refresh(ta.project(shard.project_id), shard.refs)
            finally:
                beats.cancel()
        return plan.to_bytes()

    @activity.defn
    async def refresh_shard(self, shard: Deployment, plan: bytes) -> DeploymentResult:
        """Refresh a shard. When the workflow cancels it, it starts nothing more and returns what has become of each so far.

        A worker that is shut down and a server that refuses everything end an attempt; the next one goes on from the heartbeat.
        """
        state = Shard(shard.name, RefreshPlan.from_bytes(plan), activity.info().heartbeat_details)
        async with self._session(shard.name) as ta:
            fence = _Fence(lambda: state.heartbeat(batch))
            batch = RefreshBatch(
                ta.project(shard.project_id),
                plan=state.given,
                max_running=shard.max_running,
                cluster_timeout=shard.cluster_timeout,
                before_start=fence.before_start,
            )
            beats = asyncio.create_task(_beat(lambda: state.heartbeat(batch)))
            try:
                async with batch:
                    pass
            except (asyncio.CancelledError, AsyncActivityCancelledError) as cancelled:
                # `before_start` may hear of it first.
                details = getattr(cancelled, "details", None) or activity.cancellation_details()
                if details is None or not details.cancel_requested:
                    raise
            finally:
                beats.cancel()
        activity.heartbeat(*state.heartbeat(batch))
        result, report = state.result(batch), batch.report
        if report.stop_code in RESUMABLE:
            is_final = report.stop_code == "batch-token-rejected"
            kind = TokenRejected.__name__ if is_final else report.stop_code
            raise ApplicationError(report.stopped, result, type=kind, non_retryable=is_final)
        return result


class _Fence:
    """Has the server of Temporal keep the intents before the requests of a shard go."""

    def __init__(self, details: Callable[[], tuple[Any, ...]]) -> None:
        info = activity.info()
        assert info.heartbeat_timeout is not None
        self._details = details
        self._fresh = info.heartbeat_timeout.total_seconds() / 2
        self._handle = activity.client().get_async_activity_handle(task_token=info.task_token)

    async def before_start(self, _: Sequence[RefreshTicket]) -> None:
        """Have the server keep the intents. It refuses that where another attempt has the shard, or the workflow was cancelled.

        A process that was stopped meanwhile may have an old answer, and asks again.
        """
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.time()
            details = self._details()
            activity.heartbeat(*details)  # else an older one that the worker holds back would replace it
            await self._handle.heartbeat(*details)
            if loop.time() - asked < self._fresh:
                return


async def _beat(details: Callable[[], tuple[Any, ...]]) -> None:
    while True:
        await asyncio.sleep(_HEARTBEAT)
        activity.heartbeat(*details())

# pyright: reportMissingImports=false
"""The activities: reading the baselines of a shard, and refreshing it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError

from ta_cluster_async import (
    ConfigurationError,
    RefreshBatch,
    RefreshPlan,
    TokenRejected,
    plan_refresh,
)
from ta_cluster_async.messages import Message

from .values import MOST_FAILURES, Deployment, DeploymentResult, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ta_cluster_async import RefreshTicket, TaSession

# Seconds between two heartbeats.
_HEARTBEAT = 1.0

_LONGEST_MESSAGE = 300


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
            beats = asyncio.create_task(_beat(lambda: None))
            try:
                plan = await plan_refresh(ta.project(shard.project_id), shard.refs)
            finally:
                beats.cancel()
        return plan.to_bytes()

    @activity.defn
    async def refresh_shard(self, shard: Deployment, plan: bytes) -> DeploymentResult:
        """Refresh a shard. When it is cancelled, it starts nothing more and returns what has become of each so far."""
        base = RefreshPlan.from_bytes(plan)
        given = base
        details = activity.info().heartbeat_details
        if details and details[0]:
            before = RefreshPlan.from_bytes(details[0])
            given = base.with_changes({one.ref: one for one in before})
        async with self._session(shard.name) as ta:
            state = _ShardState(base)
            batch = state.batch = RefreshBatch(
                ta.project(shard.project_id),
                plan=given,
                max_running=shard.max_running,
                cluster_timeout=shard.cluster_timeout,
                before_start=state.before_start,
            )
            beats = asyncio.create_task(_beat(state.changes))
            try:
                async with batch:
                    pass
            # A worker that ends, or a pause, is no end of the shard: it fails, and is run again.
            except AsyncActivityCancelledError as told:
                # `before_start` heard of it first.
                if told.details is None or not told.details.cancel_requested:
                    raise
            except asyncio.CancelledError:
                told_by_worker = activity.cancellation_details()
                if told_by_worker is None or not told_by_worker.cancel_requested:
                    raise
            finally:
                beats.cancel()
        return _result(shard.name, batch)


class _ShardState:
    """What the heartbeats of a shard say: the changes of its plan."""

    def __init__(self, base: RefreshPlan) -> None:
        self.batch: RefreshBatch | None = None
        self._base = base
        info = activity.info()
        timeout = info.heartbeat_timeout
        assert timeout is not None
        self._fresh = timeout.total_seconds() / 2
        self._handle = activity.client().get_async_activity_handle(task_token=info.task_token)

    def changes(self) -> bytes:
        """Return what has changed since the plan was made."""
        assert self.batch is not None
        now, base = self.batch.plan, self._base
        changed = {one.ref: one for one in now if one is not base.get(one.ref)}
        return RefreshPlan(project_id=base.project_id, made_at=base.made_at, refreshes=changed).to_bytes()

    async def before_start(self, _: Sequence[RefreshTicket]) -> None:
        """Have the server keep the intents. It refuses that where another attempt has the shard, or the workflow was cancelled.

        A process that was stopped meanwhile may have an old answer, and asks again.
        """
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.time()
            data = self.changes()
            activity.heartbeat(data)  # else an older one that the worker holds back would replace it
            await self._handle.heartbeat(data)
            if loop.time() - asked < self._fresh:
                return


async def _beat(details: Callable[[], bytes | None]) -> None:
    while True:
        await asyncio.sleep(_HEARTBEAT)
        activity.heartbeat(details())


def _result(name: str, batch: RefreshBatch) -> DeploymentResult:
    report = batch.report
    if report.stop_code == "batch-token-rejected":
        for outcome in report.outcomes:
            if isinstance(outcome.error, TokenRejected):
                raise outcome.error
    failures = [
        Failure(one.ref, one.status.value, one.message[:_LONGEST_MESSAGE])
        for one in report.failures[:MOST_FAILURES]
    ]
    counts = {status.value: count for status, count in report.counts.items()}
    return DeploymentResult(name, counts, failures, report.requests)

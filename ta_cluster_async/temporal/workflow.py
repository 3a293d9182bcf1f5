# pyright: reportMissingImports=false
"""The workflow: the shards of each deployment one after the other, and the deployments side by side."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from .activities import TaActivities
    from .shard import result_of
    from .values import Deployment, DeploymentResult, Progress, task_queue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_T = TypeVar("_T")

_LARGEST_SHARD = 10_000
_NOT_RETRIED = ["TokenRejected", "InvalidRequest", "ConfigurationError"]


@workflow.defn
class RefreshDeployments:
    """Refreshes the clusters of several deployments. Each shard is planned first, and its plan is in the history.

    It returns one `DeploymentResult` for each deployment. It fails, with the results as details, when a shard could not be run to its end.
    """

    @workflow.init
    def __init__(self, deployments: list[Deployment]) -> None:
        self._deployments: dict[str, Deployment] = {}
        self._results: dict[str, DeploymentResult] = {}
        self._running: dict[str, int] = {}
        # No set, whose order would be another one in each replay.
        self._activities: list[workflow.ActivityHandle[Any]] = []
        self._stopping = False
        self._changed = False
        for one in deployments:
            self._deployments[one.name] = replace(one, refs=list(one.refs), earlier=None)
            self._results[one.name] = one.earlier or DeploymentResult(one.name)

    @workflow.run
    async def run(self, deployments: list[Deployment]) -> list[DeploymentResult]:
        """Refresh all of them."""
        self._check(deployments)
        try:
            await self._run_all()
        except asyncio.CancelledError:
            # An activity ends by itself when it hears of this. Until then it may start refreshes.
            self._stop()
            await workflow.wait_condition(lambda: not self._running)
            raise
        left = sum(len(one.refs) for one in self._deployments.values())
        if left and not self._stopping:
            workflow.continue_as_new(
                [replace(one, earlier=self._results[name]) for name, one in self._deployments.items()]
            )
        for one in self._deployments.values():
            self._results[one.name].left += len(one.refs)
        results = list(self._results.values())
        errors = [f"{one.name}: {error}" for one in results for error in one.errors]
        if errors:
            raise ApplicationError("; ".join(errors[:10]), results, type="ShardsFailed", non_retryable=True)
        return results

    @workflow.query
    def progress(self) -> list[Progress]:
        """How far each deployment has come."""
        return [
            Progress(name, len(one.refs), self._running.get(name, 0), dict(self._results[name].counts))
            for name, one in self._deployments.items()
        ]

    @workflow.signal
    def stop(self) -> None:
        """Start nothing more. What runs on the servers goes on there; the result says what was left."""
        self._stop()

    @workflow.update
    def add(self, name: str, refs: list[int | str]) -> int:
        """Refresh these too. Returns how many references of the deployment wait by then."""
        one = self._deployments[name]
        one.refs.extend(refs)
        self._changed = True
        return len(one.refs)

    @add.validator  # pyright: ignore[reportFunctionMemberAccess]  (without temporalio)
    def _check_add(self, name: str, refs: list[int | str]) -> None:
        if self._stopping:
            raise ApplicationError("The workflow is being stopped.")
        if name not in self._deployments:
            raise ApplicationError(f"The workflow has no deployment {name!r}.")
        if not refs:
            raise ApplicationError("There are no references to add.")

    def _check(self, deployments: list[Deployment]) -> None:
        wrong = []
        if len(self._deployments) < len(deployments):
            wrong.append("Two deployments have the same name.")
        wrong += [
            f"Deployment {one.name!r}: shard_size must be from 1 to {_LARGEST_SHARD}, not {one.shard_size}."
            for one in deployments
            if not 1 <= one.shard_size <= _LARGEST_SHARD
        ]
        if wrong:
            raise ApplicationError(" ".join(wrong), type="InvalidRequest", non_retryable=True)

    def _stop(self) -> None:
        self._stopping = self._changed = True
        for handle in self._activities:
            handle.cancel()

    async def _run_all(self) -> None:
        """Run shards until none are left, or none may be begun any more."""
        tasks: set[asyncio.Task[None]] = set()
        while True:
            self._changed = False
            is_full = workflow.info().is_continue_as_new_suggested()
            for name, one in self._deployments.items():
                if one.refs and name not in self._running and not self._stopping and not is_full:
                    shard = replace(one, refs=one.refs[: one.shard_size])
                    one.refs = one.refs[one.shard_size :]
                    self._running[name] = len(shard.refs)
                    tasks.add(asyncio.create_task(self._run_shard(shard)))
            if not self._running:
                return
            await workflow.wait_condition(lambda: self._changed)

    async def _run_shard(self, shard: Deployment) -> None:
        result = self._results[shard.name]
        try:
            plan = await self._run_activity(TaActivities.plan_shard, [shard], shard)
            if self._stopping:
                result.left += len(shard.refs)
            else:
                # The plan has the references.
                done = await self._run_activity(
                    TaActivities.refresh_shard, [replace(shard, refs=[]), plan], shard
                )
                result.add(done)
        except ActivityError as error:
            cause = error.cause or error
            details = getattr(cause, "last_heartbeat_details", None) or getattr(cause, "details", None)
            if details and isinstance(details[0], dict):
                result.add(result_of(details[0]))  # what the last heartbeat told
            else:
                result.left += len(shard.refs)
            if not (self._stopping and is_cancelled_exception(error)):
                kind = cause.type if isinstance(cause, ApplicationError) else type(cause).__name__
                text = str(cause)
                result.errors.append(text if text.startswith(f"{kind}: ") else f"{kind}: {text}")
        finally:
            del self._running[shard.name]
            self._changed = True

    async def _run_activity(
        self, method: Callable[..., Awaitable[_T]], args: list[Any], shard: Deployment
    ) -> _T:
        handle: workflow.ActivityHandle[_T] = workflow.start_activity_method(
            method,
            args=args,
            task_queue=task_queue(shard.name),
            schedule_to_close_timeout=timedelta(seconds=shard.timeout),
            schedule_to_start_timeout=timedelta(seconds=shard.start_timeout),
            heartbeat_timeout=timedelta(seconds=shard.heartbeat_timeout),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=1),
                maximum_interval=timedelta(minutes=1),
                non_retryable_error_types=_NOT_RETRIED,
            ),
        )
        self._activities.append(handle)
        try:
            answer: _T = await handle
        finally:
            self._activities.remove(handle)
        return answer

"""One batch of a task, the same in a trigger and in a worker."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from attrs import define, field, frozen

from ..batch.events import Attached, Finished, Held, Released, Submitted
from ..batch.plan.plan import RefreshPlan
from ..batch.report import Status
from ..batch.runner import RefreshBatch
from ..errors import ConfigurationError, InvalidRequest, TaError
from ..resources import Project
from .plan_text import plan_to_text
from .result import summary_of
from .versions import ObjectStoragePath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..batch.events import Event
    from ..batch.plan.refreshes import PlannedRefresh
    from ..batch.report import RefreshReport
    from ..session import TaSession

LOG_SECONDS = 10.0
"""So often the task's log says how far the batch is."""

# So many of those that go on are named.
_MOST_NAMES = 20

# A batch whose time is over still looks once at what happened.
_LEAST_SECONDS = 1.0


@frozen(kw_only=True)
class BatchSettings:
    """How a task's batch runs.

    Attributes:
        max_running: The most refreshes in flight on the server.
        on_running: What to do with what runs already, as for `refresh_all`.
        cluster_timeout: Seconds for each refresh; None for the default.
        end_time: When the batch gives up, in UTC; None for never.
        is_retry: An earlier attempt of the task may have begun the plan: what failed since is started again, once.
        report_path: Where the report goes as JSON, a path or a URL of an object store; None for nowhere.
    """

    max_running: int = 16
    on_running: Literal["attach", "rerun", "skip", "fail"] = "attach"
    cluster_timeout: float | None = None
    end_time: datetime | None = None
    is_retry: bool = False
    report_path: str | None = None

    def seconds_left(self) -> float | None:
        """Return the seconds until the end; None without one."""
        if self.end_time is None:
            return None
        return max(_LEAST_SECONDS, (self.end_time - datetime.now(UTC)).total_seconds())


@define
class BatchProgress:
    """How far a batch is."""

    total: int
    ended: int = 0
    failed: int = 0
    running: set[int | str] = field(factory=set)

    def __str__(self) -> str:
        return f"{self.ended} of {self.total} refreshes have ended, {self.failed} without success; {len(self.running)} are on the server"

    def names(self) -> str:
        """Return the first of those on the server, to follow the text of `str`; "" where there are none."""
        names = sorted(map(str, self.running))
        more = ", ..." if len(names) > _MOST_NAMES else ""
        return f": {', '.join(names[:_MOST_NAMES])}{more}" if names else ""

    def see(self, event: Event) -> None:
        """Take in an event of the batch."""
        if isinstance(event, Submitted | Attached):
            self.running.add(event.ref)
        elif isinstance(event, Finished):
            self.running.discard(event.outcome.ref)
            self.ended += 1
            self.failed += event.outcome.status not in (Status.SUCCEEDED, Status.SKIPPED)


async def run_batch(
    session: TaSession, plan: RefreshPlan, settings: BatchSettings, log: logging.Logger
) -> dict[str, Any]:
    """Run a plan to its end, and return what the task needs to know as JSON values.

    That is `summary` with the result, `plan` with what is left for the next attempt ("" where everything succeeded), and, where the batch
    came to no end, `error` with the reason and `is_final` for one that no retry changes.
    """
    async with session as ta:
        run = _Run(ta.project(plan.project_id), settings, log, plan)
        try:
            report = await run.watch()
            if settings.is_retry and (failed := _failed_before(run.plan)):
                log.info("%s refreshes have failed in an earlier attempt and are started again", len(failed))
                run.plan = run.plan.with_changes({one.ref: one.again() for one in failed})
                report = await run.watch()
        except TaError as problem:
            is_final = isinstance(problem, ConfigurationError | InvalidRequest)
            return {"error": str(problem), "is_final": is_final, "plan": plan_to_text(run.plan)}
    if settings.report_path is not None:
        await asyncio.to_thread(ObjectStoragePath(settings.report_path).write_text, report.to_json())
    is_done = not report.failures and not report.stopped
    return {
        "summary": summary_of(report, settings.report_path),
        "plan": "" if is_done else plan_to_text(run.plan),
    }


@define
class _Run:
    """A plan that is run, and what has become of it."""

    project: Project
    settings: BatchSettings
    log: logging.Logger
    plan: RefreshPlan

    async def watch(self) -> RefreshReport:
        """Run the plan to its end."""
        batch = RefreshBatch(
            self.project,
            plan=self.plan,
            max_running=self.settings.max_running,
            on_running=self.settings.on_running,
            cluster_timeout=self.settings.cluster_timeout,
            timeout=self.settings.seconds_left(),
        )
        progress = BatchProgress(len(self.plan))
        try:
            with _logging(progress, self.log):
                async with batch:
                    try:
                        async for event in batch:
                            progress.see(event)
                            tell(event, self.log)
                    finally:
                        self.plan = batch.plan
        except asyncio.CancelledError:
            self.log.warning(
                "The task watches no longer. TA cannot cancel a refresh: what runs there goes on. %s%s.",
                progress,
                progress.names(),
            )
            raise
        self.log.info("%s.", progress)
        return batch.report


def _failed_before(plan: RefreshPlan) -> list[PlannedRefresh]:
    """Return what failed since the plan was made without a request of this attempt."""
    return [one for one in plan if one.outcome and one.outcome.status is Status.FAILED and one.attempts == 0]


def tell(event: Event, log: logging.Logger) -> None:
    """Say in the log that the server refuses everything, or answers again."""
    if isinstance(event, Held):
        log.warning("The server refuses every request, for %.0f s now: %s", event.seconds, event.error)
    elif isinstance(event, Released):
        log.info("The server answers again after %.0f s.", event.seconds)


@contextmanager
def _logging(progress: BatchProgress, log: logging.Logger) -> Iterator[None]:
    """Say how far the batch is, again and again."""
    teller = asyncio.create_task(_say_often(progress, log))
    try:
        yield
    finally:
        teller.cancel()


async def _say_often(progress: BatchProgress, log: logging.Logger) -> None:
    while True:
        await asyncio.sleep(LOG_SECONDS)
        log.info("%s.", progress)

"""The batch runner: refresh many clusters and tags with a bounded number in flight on the server."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Iterable
from contextlib import nullcontext
from math import inf
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

import anyio
from attrs import evolve

from ..client.timeouts import is_cancelled
from ..client.validation import positive
from ..errors import ConfigurationError, InvalidRequest, JournalError
from ..messages import Message
from ..models import ClusterRow
from ..protocol.endpoints import Ref
from ..protocol.refresh import NOTHING_KNOWN
from .attach import left_running
from .dependencies import Dependencies
from .dependency_rules import DependencyRules
from .guard import SizeGuard
from .journal.journal import Journal
from .observed import observe
from .options import Options, check_choice, check_project
from .plan.plan import RefreshPlan
from .planner import Planner
from .poller import Poller
from .report import RESUMABLE, Status
from .start_gate import StartGate
from .state import BatchState
from .submitter import Submitter
from .workers import FirstFailure

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Awaitable, Callable
    from datetime import datetime
    from types import TracebackType
    from typing import Unpack

    from ..protocol.refresh import PollPolicy
    from ..resources import Project
    from .dependency_rules import DependsOn
    from .event_stream import EventStream
    from .events import Event
    from .journal.journal import RunJournal
    from .options import RefreshOptions
    from .report import RefreshReport
    from .start_gate import BeforeStart

Refs: TypeAlias = Iterable[Ref | ClusterRow] | AsyncIterable[Ref | ClusterRow]
"""What to refresh: ids, names, or rows of a list, as an iterable or an async iterable of any length."""

OnEvent: TypeAlias = "Callable[[Event], Awaitable[None] | None]"

# When the batch is cancelled, the journal has so long for its last commit, and whoever waits for the end waits so long.
_JOURNAL_SECONDS = 0.7
_CLOSING_SECONDS = 0.9


class RefreshBatch:
    """A batch of refreshes as a stream of events.

    Example::

        async with RefreshBatch(project, refs, max_running=16) as batch:
            async for event in batch:
                print(event)
        batch.report

    Leaving the block waits for the rest of the batch; leaving it by an error or a cancellation, or after `cancel()`, starts nothing more and
    leaves the server's refreshes running. The report then says so, with a ticket for each. The arguments are those of `refresh_all`.
    """

    def __init__(
        self,
        project: Project,
        refs: Refs | None = None,
        *,
        max_running: int = 16,
        submit_ahead: int = 0,
        order: Literal["auto", "given", "longest_first"] = "auto",
        on_running: Literal["attach", "rerun", "skip", "fail"] = "attach",
        on_error: Literal["continue", "stop"] = "continue",
        max_failures: int | None = None,
        cluster_timeout: float | None = None,
        timeout: float | None = None,
        poll: PollPolicy | None = None,
        journal: str | os.PathLike[str] | Journal | None = None,
        keep_successes: bool = True,
        plan: RefreshPlan | None = None,
        before_start: BeforeStart | None = None,
        resume_grace: float | None = None,
        guard: SizeGuard | None = None,
        depends_on: DependsOn | None = None,
        fresh_for: float | datetime | None = None,
        with_dependencies: bool = False,
    ) -> None:
        check_project(project)
        check_choice("on_error", on_error, ("continue", "stop"))
        policy = project.session.poll if poll is None else poll
        if cluster_timeout is None:
            cluster_timeout = policy.timeout
        else:
            cluster_timeout = positive(cluster_timeout, "cluster_timeout")
        if not isinstance(guard, SizeGuard | None):
            raise ConfigurationError(Message("guard-not-a-guard", kind=type(guard).__name__))
        if plan is not None:
            _check_plan(plan, refs, project)
            refs = plan.refs
        self._project = project
        self._refs = check_refs(refs)
        self._options = Options(
            max_running=max_running,
            submit_ahead=submit_ahead,
            order=order,
            on_running=on_running,
            max_failures=max_failures,
            cluster_timeout=cluster_timeout,
            timeout=None if timeout is None else positive(timeout, "timeout"),
            poll=policy,
            keep_successes=keep_successes,
            resume_grace=policy.settle if resume_grace is None else positive(resume_grace, "resume_grace"),
            guard=guard,
        )
        self._rules = DependencyRules.of(depends_on, fresh_for, includes=with_dependencies)
        self._plan = plan
        self._before_start = before_start
        if on_error == "stop":
            self._options = evolve(self._options, max_failures=1)
        self._journal = journal if journal is None or isinstance(journal, Journal) else Journal(journal)
        self._state: BatchState | None = None
        self._driver: asyncio.Task[None] | None = None
        self._scope: anyio.CancelScope | None = None
        self._cancelled = False
        self._report: RefreshReport | None = None
        self._has_consumer = True

    @property
    def report(self) -> RefreshReport:
        """The report; before the end, of what has happened so far."""
        if self._report is not None:
            return self._report
        if self._state is None:
            raise ConfigurationError(Message("batch-not-begun"))
        return self._state.report()

    @property
    def plan(self) -> RefreshPlan:
        """The plan with all that has happened so far, for `refresh_all(plan=)` in another process. Taking it is cheap, at any time.

        Raises:
            ConfigurationError: The batch has not begun, or keeps no plan, as with `keep_successes=False` and without `plan`.
        """
        if self._state is None:
            raise ConfigurationError(Message("batch-not-begun"))
        if self._state.plan is None:
            raise ConfigurationError(Message("batch-without-plan"))
        return self._state.plan.plan

    async def __aenter__(self) -> Self:
        if self._state is not None:
            raise ConfigurationError(Message("batch-runs-once"))
        state = self._state = BatchState(self._project, self._options, plan=self._plan)
        if self._before_start is not None:
            state.gate = StartGate(self._before_start, deadline=state.deadline)
        if not self._has_consumer:
            state.events.drop()
        dependencies = None if self._rules is None else Dependencies(state, self._rules)
        state.start_order = dependencies
        planner = Planner(state, self._refs, dependencies=dependencies)
        self._scope = anyio.CancelScope()
        if self._journal is not None:
            state.journal = await self._journal.open(
                base_url=self._project.session.base_url,
                project_id=self._project.id,
                max_running=self._options.max_running,
            )
            state.run_id = state.journal.run_id
            session = self._project.session
            if session.time_meaning == NOTHING_KNOWN:
                session.time_meaning = state.journal.time_meaning
        state.log.run_id = state.run_id
        state.log.begun(
            project_id=self._project.id,
            max_running=self._options.max_running,
            resumed=state.journal is not None and state.journal.resumed,
        )
        if self._cancelled:
            self._scope.cancel()
        state.observed = observe(self._project, state.run_id)
        with nullcontext() if state.observed is None else state.observed.current():
            self._driver = asyncio.create_task(
                self._drive(state, planner, self._scope), name="ta_cluster_async batch"
            )
        # Its error is raised to the consumer or to who waits for the end; asyncio must not log it where there is neither.
        self._driver.add_done_callback(_ignore_result)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        driver, state = self._driver, self._state
        assert driver is not None
        assert state is not None
        state.events.drop()
        if exc is None:
            try:
                await asyncio.wait([driver])
            except asyncio.CancelledError:
                await self._close(driver)
                raise
            if not (driver.cancelled() and self._cancelled):
                driver.result()
        else:
            await self._close(driver)
            failure = None if driver.cancelled() or not driver.done() else driver.exception()
            if failure is not None and failure is not exc:
                exc.add_note(
                    str(Message("batch-ended-before", kind=type(failure).__name__, error=str(failure)))
                )

    async def _close(self, driver: asyncio.Task[None]) -> None:
        """Cancel the batch, and wait a short time for its end."""
        self.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([driver], timeout=_CLOSING_SECONDS)

    def __aiter__(self) -> AsyncIterator[Event]:
        if self._state is None or self._driver is None:
            raise ConfigurationError(Message("batch-not-begun"))
        return _Events(self._state.events, self._driver)

    def cancel(self) -> None:
        """Start nothing more and stop watching. The server's refreshes go on; the report has a ticket for each."""
        self._cancelled = True
        if self._scope is not None:
            self._scope.cancel()

    async def _drive(self, state: BatchState, planner: Planner, scope: anyio.CancelScope) -> None:
        failure: BaseException | None = None
        try:
            with scope:
                if not scope.cancel_called:
                    failure = await _run_tasks(state, planner)
        finally:
            try:
                self._abandon_rest(state, planner, failure)
                self._report = state.report()
                state.log.ended(self._report)
                if self._report.flagged:
                    state.log.flagged(len(self._report.flagged))
                if self._report.empty and failure is None:
                    state.log.empty()
                if state.journal is not None:
                    try:
                        await self._close_journal(state.journal, state)
                    except JournalError as problem:
                        failure = failure or problem
            finally:
                if state.observed is not None:
                    state.observed.ended(self.report, failure)
                state.events.end()
        if failure is not None:
            failure.__dict__.setdefault("report", self._report)
            raise failure

    def _abandon_rest(self, state: BatchState, planner: Planner, failure: BaseException | None) -> None:
        """Give what has no outcome by now one that says so. The server or another run goes on with it."""
        if state.done:
            return
        state.interrupted = True
        if failure is not None:
            reason = Message("batch-error", error=type(failure).__name__)
        else:
            reason = Message("batch-cancelled")
        now = state.loop.time()
        for target in [*state.in_flight.values(), *state.starting]:
            if target.ticket is None:
                what = Message("not-started", reason=reason)
            else:
                what = left_running(reason, is_on_its_way=target.watch is None)
            state.finish(target, target.outcome(Status.CANCELLED, now, what))
        state.starting.clear()
        state.stop(reason)
        planner.abandon()

    async def _close_journal(self, journal: RunJournal, state: BatchState) -> None:
        """Close the journal. A cancelled batch does not wait for long: the journal's thread ends by itself."""
        seconds = _JOURNAL_SECONDS if self._cancelled or is_cancelled() else inf
        is_left = state.interrupted or (state.stopped is not None and state.stopped.what.code in RESUMABLE)
        if not is_left:
            for outcome in state.not_started:
                journal.finished(outcome)
        with anyio.move_on_after(seconds):
            await journal.close(complete=not is_left, requests=state.sender.requests, makespan=state.at())


class _Events:
    """The events of a batch as they come, to its end."""

    def __init__(self, events: EventStream, driver: asyncio.Task[None]) -> None:
        self._events = events
        self._driver = driver

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await self._events.next()
        if event is None:
            if self._driver.done() and not self._driver.cancelled():
                self._driver.result()  # raises what ended the batch
            raise StopAsyncIteration
        return event


async def _run_tasks(state: BatchState, planner: Planner) -> BaseException | None:
    """Run the tasks of a batch to their end. Returns the first error, without the group around it."""
    submitter = Submitter(state)
    # What is started when the last polls are due has no time left, and what is polled for the last time goes on on the server.
    clock = state.loop.call_at(state.last_start, _out_of_time, state) if state.deadline < inf else None
    group = anyio.create_task_group()
    first = FirstFailure(group.cancel_scope)
    try:
        async with group:
            group.start_soon(first.guard, planner.read)
            group.start_soon(first.guard, planner.plan)
            for _ in range(submitter.workers):
                group.start_soon(first.guard, submitter.work)
            await first.guard(Poller(state).run)
    finally:
        if clock is not None:
            clock.cancel()
    return first.failure


async def refresh_all(
    project: Project,
    refs: Refs | None = None,
    *,
    on_event: OnEvent | None = None,
    **options: Unpack[RefreshOptions],
) -> RefreshReport:
    """Refresh many clusters and tags, and return what became of each. A failure never hides another's result.

    Args:
        project: Whose clusters and tags.
        refs: Ids, names or rows of a list; any iterable or async iterable, read as it is needed. Duplicates count once. What an iterator
            had not given yet when the batch was stopped has no outcome.
        max_running: The most refreshes in flight on the server.
        submit_ahead: So many more, for a server that queues refreshes by itself: it is never idle between two polls.
        order: With `auto`, the longest first by the journal's past durations, those that it does not know before all others, and as given
            where it knows none. A list of references is put in order as it is; of a stream, those that wait at a time. `longest_first` is
            the same with all references, read before the first is started; `given` keeps their order.
        on_running: What to do with a cluster that is being refreshed already: watch it without a request (`attach`), refresh it
            again when that has ended (`rerun`), leave it out (`skip`), or count it as failed (`fail`).
        on_error: With `stop`, the first one that does not succeed ends the batch: what is in flight is watched to its end.
        max_failures: The same after so many.
        cluster_timeout: Seconds for each refresh from its request on; the `timeout` of `poll` when None.
        timeout: Seconds for the whole batch. There is one last poll before a deadline passes.
        poll: How refreshes are polled; the session's policy when None.
        journal: A file that makes the batch survive its process: run it again with the same file to resume it.
        on_event: Called with each event, in order; a coroutine function is awaited. What it raises ends the batch.
        keep_successes: Whether the report has the outcomes of successes. False for a million references.
        plan: A plan in place of `refs`: what has ended since its baselines were read is reported, what runs is watched, and only the rest
            is started, each after one more read.
        before_start: Called with the tickets of refreshes right before each of their requests, several at once where they are ready
            together; a coroutine function is awaited. What it raises ends the batch before they are sent. `RefreshBatch.plan` has them by
            then, so that a store can be written ahead.
        resume_grace: Seconds. Another process may have begun the plan, so that those that have not moved are started only when nothing has
            moved for so long, and the server has places again; the `settle` of `poll` when None. Answers of the server must be younger.
        guard: What size after a success is usual. What is not becomes a warning of the outcome; the refresh counts as a success all the same.
        depends_on: What each needs: nothing starts before all that it needs in this batch has succeeded. A mapping from references to lists of
            references, or `definitions` to read it from the definitions, which takes one detail for each, and all references before the
            first is started. What needs one that did not succeed is `skipped`, and says which. What runs already when the batch begins is
            treated as `on_running` says: with `rerun` it is refreshed anew after what it needs.
        fresh_for: What is needed and not in the batch must have been refreshed in the last so many seconds, by this machine's local time, or
            since this server time, and have succeeded; else what needs it is skipped. None to look only at what is in the batch. Uploaded
            and result clusters, which have nothing to refresh, are always good enough.
        with_dependencies: Refresh what is needed and not in the batch as well, unless it is fresh enough.

    Raises:
        InvalidRequest: Some need each other; nothing was started. The message names the circle.
        JournalError: The journal cannot be used, or another runner has it, and nothing was sent; or it could not be written to its end.
        Exception: What `refs` or `on_event` raises, as it is.
        asyncio.CancelledError: The batch was cancelled. This and any other exception has the report as its attribute `report`, and notes
            with the tickets of the refreshes that continue on the server.
    """
    batch = RefreshBatch(project, refs, **options)
    batch._has_consumer = on_event is not None  # noqa: SLF001
    try:
        async with batch:
            # Coverage does not see the way out of `async with`.
            if on_event is not None:  # pragma: no branch
                async for event in batch:
                    answer = on_event(event)
                    if inspect.isawaitable(answer):
                        await answer
    except BaseException as problem:
        problem.__dict__.setdefault("report", batch.report)
        _note_tickets(problem, batch.report)
        raise
    return batch.report


def check_refs(refs: object) -> Refs:
    """Return what to refresh. Raises InvalidRequest for what nobody can iterate over, and for a single name."""
    if isinstance(refs, str | bytes) or not isinstance(refs, Iterable | AsyncIterable):
        raise InvalidRequest(Message("refs-not-iterable"))
    return refs


def _check_plan(plan: RefreshPlan, refs: object, project: Project) -> None:
    if refs is not None:
        raise InvalidRequest(Message("plan-and-refs"))
    if not isinstance(plan, RefreshPlan):
        raise InvalidRequest(Message("plan-not-a-plan", kind=type(plan).__name__))
    if plan.project_id != project.id:
        raise InvalidRequest(Message("plan-of-other-project", planned=plan.project_id, project_id=project.id))


def _note_tickets(problem: BaseException, report: RefreshReport) -> None:
    left = [outcome for outcome in report.outcomes if outcome.status is Status.CANCELLED and outcome.ticket]
    if left:
        problem.add_note(str(Message("refreshes-left-running", count=len(left))))
    for outcome in left:
        assert outcome.ticket is not None
        problem.add_note(outcome.ticket.to_json())


def _ignore_result(driver: asyncio.Task[None]) -> None:
    if not driver.cancelled():
        driver.exception()


def _out_of_time(state: BatchState) -> None:
    state.stop(Message("batch-timeout"), Status.TIMED_OUT)

"""What the parts of a batch share while it runs: who waits, who is in flight, what has ended, and the events on their way out."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter, deque
from datetime import UTC, datetime
from math import inf
from random import Random
from typing import TYPE_CHECKING, Literal, NamedTuple

from anyio.lowlevel import checkpoint_if_cancelled
from attrs import field, frozen

from ..client.signal import Signal
from ..errors import TaError
from ..messages import Message
from ..models import Catalog
from ..protocol.refresh import PollPolicy
from .events import Finished, Progressed
from .listing import ListView
from .report import (
    FAILURES,
    LowerBound,
    RefreshReport,
    Status,
)
from .retry import may_pass
from .schedule import PollSchedule, ends_per_second
from .target import last_poll

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import TypeVar

    from ..errors import TokenRejected
    from ..resources import Project
    from .events import Event
    from .journal.journal import RunJournal
    from .report import Outcome
    from .target import Target

    T = TypeVar("T")

# Events that may be on their way to a slow consumer before the batch waits for it.
_EVENTS = 1024
_RECENT = 30
# A request gets at least so many seconds, or the last look before a deadline could not be had.
_SHORTEST_CALL = 0.1
# A policy of zeros must not make a loop that never lets time pass.
_SHORTEST_ROUND = 0.01
# A failure that is older than so many seconds says nothing of how long the server has been down.
_LONG_AGO = 120.0


@frozen(kw_only=True)
class Options:
    """The settings of a batch; see `refresh_all`."""

    max_running: int
    submit_ahead: int
    order: Literal["given", "longest_first"]
    on_running: Literal["attach", "rerun", "skip", "fail"]
    max_failures: int | None
    cluster_timeout: float
    timeout: float | None
    poll: PollPolicy
    keep_successes: bool


class Stop(NamedTuple):
    """Why no more are started.

    Attributes:
        status: The status of what was not begun.
        what: The reason.
        error: The error behind it.
    """

    status: Status
    what: Message
    error: TaError | None


@frozen(kw_only=True)
class _Totals:
    """Sums over all ends, for the lower bound and the tempo."""

    ends: deque[float] = field(factory=lambda: deque(maxlen=_RECENT))
    counts: Counter[Status] = field(factory=Counter)


class BatchState:
    """The shared state of one batch. Only the batch's own tasks, all in one event loop, touch it.

    Attributes:
        deadline: When the batch is out of time.
        last_start: When nothing more is started, as the last looks are due.
        waiting: Targets to be submitted, in order.
        flights: Targets in flight on the server, by cluster id.
        starting: Targets whose POST is under way.
        planned: True when no more references are to come.
        stopped: Why no more are started; None while they are.
        not_begun: Outcomes of what was given up before it began. They go into the journal when the batch is complete; should the process
            end before that, another run takes these up.
        interrupted: The batch could not go on. What has no end by now is no end in the journal, so that another run goes on with it.
        changed: Fires when a place, a target or the end of the batch has come.
        flown: Fires when a target comes into flight, and when all are taken out of it.
        halted: Fires when no more are to be started.
        down_since: Since when every request has failed in a way that may pass; None while they do not.
        moved: When the progress of any target moved last.
        queue_front: When the target was submitted that was last seen to come out of the server's queue.
        queue_moved: When that was seen.
    """

    def __init__(self, project: Project, options: Options) -> None:
        self.project = project
        self.session = project.session
        self.options = options
        self.policy = options.poll
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.started_at = datetime.now(UTC)
        self.run_id = uuid.uuid4().hex[:12]
        self.deadline = inf if options.timeout is None else self.began + options.timeout
        self.last_start = last_poll(self.began, self.deadline)
        self.journal: RunJournal | None = None
        self.not_begun: list[Outcome] = []
        self.views = {
            catalog: ListView(self.session, project.id, catalog) for catalog in (Catalog.CLUSTER, Catalog.TAG)
        }
        self.waiting: deque[Target] = deque()
        self.waiting_ids: dict[int, Target] = {}
        self.in_flight: dict[int, Target] = {}
        self.starting: set[Target] = set()
        self.planned = False
        self.stopped: Stop | None = None
        self.interrupted = False
        self.changed = Signal()
        self.tracked = Signal()
        self.stopping = Signal()
        self.down_since: float | None = None
        self._failed_at = -inf
        self.random = Random()  # noqa: S311  (jitter)
        self.requests = 0
        self.round_cost = 1.0
        self.moved = self.began
        self.queue_front = inf
        self.queue_moved = -inf
        self.outcomes: list[Outcome] = []
        self.events: deque[Event] = deque()
        self.listening = True
        self.event_taken = Signal()
        self.event_added = Signal()
        self.ended = False
        self._totals = _Totals()
        self._run_seconds = 0.0
        self._runs = 0
        self._longest = 0.0
        self._posts = 0

    # Requests

    async def send(self, call: Coroutine[object, object, T]) -> T:
        """Await one request and count it, with its retries where it fails."""
        try:
            # A task whose turn has come when the batch is cancelled is cancelled at its next await only, which would be in the request.
            await checkpoint_if_cancelled()
        except BaseException:
            call.close()
            raise
        self.requests += 1
        try:
            answer = await call
        except TaError as problem:
            self.requests += problem.attempts - 1
            now = self.loop.time()
            if not may_pass(problem):
                self.down_since = None
            elif self.down_since is None or now - self._failed_at > _LONG_AGO:
                self.down_since = now
            self._failed_at = now
            raise
        self.down_since = None
        return answer

    async def read_with_retries(self, call: Callable[[], Coroutine[object, object, T]]) -> T:
        """Await a request that changes nothing, again while that may help, as long as polls may fail.

        While nothing at all gets an answer, all who are patient have this time together, or they would have it one after the other.
        """
        began = self.loop.time()
        wait = 1.0
        while True:
            try:
                return await self.send(call())
            except TaError as error:
                if not may_pass(error):
                    raise
                problem = error
            since = began if self.down_since is None else min(began, self.down_since)
            if not self.stopped and self.loop.time() + wait < since + self.policy.errors:
                await self.pause(wait)
                wait = min(2 * wait, 30.0)
                if not self.stopped:
                    continue
            raise problem

    async def pause(self, seconds: float) -> None:
        """Sleep for about so long, at most until no more are to be started."""
        await self.stopping.wait(self.loop.time() + seconds * self.random.uniform(0.8, 1.2))

    def call_timeout(self, until: float = inf) -> float | None:
        """How long a request may take, so that the batch ends in time; None for as long as the session says."""
        until = min(until, self.deadline)
        if until == inf:
            return None
        return min(self.session.timeout, max(until - self.loop.time(), _SHORTEST_CALL))

    def concurrency(self, most: int) -> int:
        """How many requests of one kind, looks or submits, may be under way at a time.

        Either kind leaves half of the connections to the other, and no more wait than have their turn in time where the rate is limited.
        """
        share = float(self.session.max_connections // 2)
        if self.session.rate_limit is not None:
            share = min(share, self.session.rate_limit * self.session.timeout / 4)
        return max(1, min(most, int(share)))

    # Places

    @property
    def running(self) -> int:
        """How many places on the server are taken."""
        return len(self.in_flight) + len(self.starting)

    @property
    def done(self) -> bool:
        """True when nothing waits, is under way, or is to come."""
        return self.planned and not self.waiting and not self.starting and not self.in_flight

    async def next_target(self) -> Target | None:
        """The next target as soon as there is a place for it; None when the batch is over."""
        limit = self.options.max_running + self.options.submit_ahead
        while not self.done:
            if self.waiting and not self.stopped and self.running < limit:
                target = self.waiting.popleft()
                del self.waiting_ids[target.cluster_id]
                self.starting.add(target)
                return target
            await self.changed.wait()
        return None

    def enqueue(self, target: Target, *, first: bool = False) -> None:
        """Let a target wait for a place."""
        if first:
            self.waiting.appendleft(target)
        else:
            self.waiting.append(target)
        self.waiting_ids[target.cluster_id] = target

    def track(self, target: Target) -> None:
        """A target is in flight from now on."""
        self.in_flight[target.cluster_id] = target
        self.tracked.fire()

    def schedule(self, now: float) -> PollSchedule:
        """How the batch goes."""
        options = self.options
        ends = self._totals.ends
        recent = (len(ends) - 1) / (now - ends[0]) if len(ends) >= 5 and now > ends[0] else 0.0
        in_flight = len(self.in_flight)
        # They stand in the order in which they came into flight, but for a few.
        oldest = 0.0 if recent or not self.in_flight else now - next(iter(self.in_flight.values())).posted
        typical = self._run_seconds / self._runs if self._runs else None
        queued = max(0, in_flight - options.max_running) if self.waiting else 0
        return PollSchedule(
            ends=ends_per_second(recent, typical, in_flight, oldest),
            cost=self.round_cost,
            queued=min(queued, options.submit_ahead),
            shortest=(shortest := max(self.policy.first, _SHORTEST_ROUND)),
            longest=max(self.policy.longest, shortest),
            typical=typical,
        )

    # Ends

    def finish(self, target: Target, outcome: Outcome) -> None:
        """A target has its outcome; its place is free."""
        if self.in_flight.pop(target.cluster_id, None) is not None:
            self._totals.ends.append(self.loop.time())
        if outcome.run_seconds is not None:
            # Of one that goes on from an earlier batch, only the time in this one counts.
            run_seconds = min(outcome.run_seconds, self.at())
            self._runs += 1
            self._run_seconds += run_seconds
            self._longest = max(self._longest, run_seconds)
        self._posts += outcome.attempts
        self.record(outcome)

    def record(self, outcome: Outcome) -> None:
        """A reference has its outcome."""
        self._totals.counts[outcome.status] += 1
        if self.options.keep_successes or not outcome.ok:
            self.outcomes.append(outcome)
        if self.journal is not None and not self.interrupted and not outcome.resumed:
            if outcome.ticket is None and outcome.status in (Status.CANCELLED, Status.TIMED_OUT):
                self.not_begun.append(outcome)
            else:
                self.journal.finished(outcome)
        self.emit(Finished(at=self.at(), outcome=outcome))
        limit = self.options.max_failures
        if limit is not None and not self.stopped and self.failures >= limit:
            self.stop(Message("batch-max-failures", count=self.failures, limit=limit))
        self.changed.fire()

    @property
    def failures(self) -> int:
        """How many have not succeeded so far."""
        return sum(self._totals.counts[status] for status in FAILURES)

    def stop(self, what: Message, status: Status = Status.CANCELLED, *, error: TaError | None = None) -> None:
        """Start no more; what waits ends with `status`, and what is in flight is watched to its end. The first reason is kept."""
        self.stopped = self.stopped or Stop(status, what, error)
        self.drop_waiting()

    def drop_waiting(self) -> None:
        """Give what waits its outcome, if the batch was stopped."""
        if self.stopped is None:
            return
        status, what, error = self.stopped
        while self.waiting:
            target = self.waiting.popleft()
            del self.waiting_ids[target.cluster_id]
            self.record(target.outcome(status, self.loop.time(), what, error=error))
        self.stopping.fire()
        self.changed.fire()

    def abort(self, error: TokenRejected) -> None:
        """The token is rejected: no request makes sense any more. With another one, a run with the same journal can go on."""
        self.interrupted = True
        self.stop(Message("batch-token-rejected"), error=error)
        now = self.loop.time()
        for target in list(self.in_flight.values()):
            self.finish(target, target.outcome(Status.UNCONFIRMED, now, error))
        self.tracked.fire()

    # Events

    def at(self) -> float:
        """Seconds since the batch began."""
        return self.loop.time() - self.began

    def emit(self, event: Event) -> None:
        """Hand an event to the consumer. Progress is left out while the consumer is behind."""
        if not self.listening or (isinstance(event, Progressed) and len(self.events) > _EVENTS // 2):
            return
        self.events.append(event)
        self.event_added.fire()

    async def wait_for_consumer(self) -> None:
        """Wait until the consumer has caught up."""
        while self.listening and len(self.events) >= _EVENTS:
            await self.event_taken.wait()

    def report(self) -> RefreshReport:
        """The report as of now."""
        options = self.options
        rate = self.session.rate_limit
        return RefreshReport(
            run_id=self.run_id,
            project_id=self.project.id,
            started_at=self.started_at,
            makespan=self.at(),
            requests=self.requests,
            max_running=options.max_running,
            counts=dict(self._totals.counts),
            lower_bound=LowerBound(
                rate=0.0 if rate is None else self._posts / rate,
                # Looks tell the run times nearly, and a server may have more places.
                work=min(self._run_seconds / options.max_running, self.at()),
                longest=self._longest,
            ),
            outcomes=tuple(self.outcomes),
            stopped="" if self.stopped is None else str(self.stopped.what),
            stop_code="" if self.stopped is None else self.stopped.what.code,
            stop_params={} if self.stopped is None else self.stopped.what.params,
        )

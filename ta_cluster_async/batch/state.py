"""What the tasks of a batch share while it runs: what waits, what is in flight, what has ended, and why it stops."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from contextlib import nullcontext
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from attrs import evolve

from ..client.signal import Signal
from ..messages import Message
from ..models import Catalog
from .event_stream import EventStream
from .events import Finished, OfTarget
from .limit import FixedLimit
from .listing import ListView
from .log import BatchLog
from .outage import Outage
from .plan.record import PlanRecord
from .report import FAILURES, OutcomeWarning, RefreshReport, Status
from .schedule import PollSchedule, ends_per_second
from .sender import Sender
from .target import last_poll
from .totals import Totals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from ..client.api import ApiClient
    from ..errors import TaError, TokenRejected
    from ..protocol.refresh import PollPolicy
    from ..resources import Project
    from .journal.journal import RunJournal
    from .observed import ObservedBatch
    from .options import Options
    from .plan.plan import RefreshPlan
    from .report import Outcome
    from .start_gate import StartGate
    from .start_order import StartOrder
    from .target import Target

# A policy of zeros must not make a loop that never lets time pass.
_SHORTEST_ROUND = 0.01
# A doubtful request is waited for so many times as long as any refresh of the batch took to show a sign.
_SIGNS = 3.0


class Stop(NamedTuple):
    """Why no more are started.

    Attributes:
        status: The status of what was not started.
        what: The reason.
        error: The error behind it.
    """

    status: Status
    what: Message
    error: TaError | None


class BatchState:
    """The shared state of one batch. Only the batch's own tasks, all in one event loop, touch it.

    Attributes:
        log: What the log is told.
        events: What the consumer is told.
        outage: Whether the server refuses everything alike.
        sender: Sends the requests.
        limit: How many may be in flight.
        deadline: When the batch is out of time.
        last_start: When nothing more is started, as the last polls are due.
        waiting: Targets to be submitted, in order.
        waiting_ids: The same by cluster id, with those that were put back.
        put_back: Targets whose POST was refused while others ran. They are tried again, before all others, when one of these has ended.
        in_flight: Targets in flight on the server, by cluster id.
        settling: Ids of those whose end shows and only waits to be believed, so that they take no place on the server.
        starting: Targets that are being started.
        posting: How many POSTs are under way.
        planned: True when no more references are to come.
        stopped: Why no more are started; None while they are.
        not_started: Outcomes of what was given up before it was started. They go into the journal when the batch is complete; should the
            process end before that, another run takes them up.
        interrupted: The batch could not go on. What has no outcome by now gets none in the journal, so that another run goes on with it.
        changed: Fires when a place, a target or the end of the batch has come.
        tracked: Fires when a target comes into flight, and when all are taken out of it.
        round_cost: How many requests one round of polls takes on average.
        moved: When the progress of any target moved last.
        longest_sign: The longest time that a refresh of this batch took from its request to the first sign of it; None before any.
        has_queue: A poll has shown a refresh without progress, so that the server may have let others wait unseen.
        queue_front: When the target was submitted that was last seen to come out of the server's queue.
        queue_moved: When that was seen.
        outcomes: The outcomes that the report shows.
        plan: The plan with all that has happened so far; None where none is kept.
        gate: The caller's step before refreshes are started; None without one.
        start_order: What holds targets back until others have ended; None without one.
        observed: Tells telemetry of the batch; None while that is off.
    """

    def __init__(self, project: Project, options: Options, *, plan: RefreshPlan | None = None) -> None:
        self.project = project
        self.session: ApiClient = project.session
        self.options = options
        self.policy: PollPolicy = options.poll
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.began: float = self.loop.time()
        self.started_at: datetime = datetime.now(UTC)
        self.run_id: str = uuid.uuid4().hex[:12]
        self.deadline: float = inf if options.timeout is None else self.began + options.timeout
        self.last_start: float = last_poll(self.began, self.deadline)
        self.log: BatchLog = BatchLog(self.run_id)
        self.events: EventStream = EventStream(self.log)
        self.outage: Outage = Outage(self.log, self.events)
        self.sender: Sender = Sender(
            self.session,
            self.outage,
            errors=self.policy.errors,
            settle=self.policy.settle,
            deadline=self.deadline,
        )
        self.limit: FixedLimit = FixedLimit(
            max_running=options.max_running, submit_ahead=options.submit_ahead
        )
        self.journal: RunJournal | None = None
        self.not_started: list[Outcome] = []
        self.views: dict[Catalog, ListView] = {
            catalog: ListView(self.session, project.id, catalog) for catalog in (Catalog.CLUSTER, Catalog.TAG)
        }
        self.waiting: deque[Target] = deque()
        self.waiting_ids: dict[int, Target] = {}
        self.put_back: deque[Target] = deque()
        self.in_flight: dict[int, Target] = {}
        self.settling: set[int] = set()
        self.starting: set[Target] = set()
        self.posting: int = 0
        self.planned = False
        self.stopped: Stop | None = None
        self.interrupted: bool = False
        self.changed: Signal = Signal()
        self.tracked: Signal = Signal()
        self.round_cost: float = 1.0
        self.moved: float = self.began
        self.longest_sign: float | None = None
        self.has_queue: bool = False
        self.queue_front = inf
        self.queue_moved: float = -inf
        self.outcomes: list[Outcome] = []
        self.plan: PlanRecord | None = None
        if options.keep_successes or plan is not None:
            self.plan = PlanRecord(project.id, self.started_at, plan)
        self.gate: StartGate | None = None
        self.start_order: StartOrder | None = None
        self.observed: ObservedBatch | None = None
        self._totals = Totals()

    def at(self) -> float:
        """Return the seconds since the batch began."""
        return self.loop.time() - self.began

    def of(self, target: Target) -> OfTarget:
        """Return what an event of a target says of it."""
        return OfTarget(at=self.at(), ref=target.ref, cluster_id=target.cluster_id, cluster_name=target.name)

    def observing(self, target: Target) -> AbstractContextManager[None]:
        """Make what is done inside belong to the refresh of a target, for telemetry."""
        return nullcontext() if self.observed is None else self.observed.refreshing(target)

    def deadline_of(self, now: float) -> float:
        """Return when a refresh that comes into flight now is out of time."""
        return min(self.deadline, now + self.options.cluster_timeout)

    # Places

    @property
    def done(self) -> bool:
        """True when nothing waits, is under way, or is to come."""
        return self.planned and not (self.waiting_ids or self.starting or self.in_flight)

    @property
    def running(self) -> int:
        """How many take a place on the server, as far as polls have shown."""
        return len(self.in_flight) - len(self.settling)

    @property
    def seen_running(self) -> int:
        """How many were seen to run, and not to have ended since."""
        return sum(
            target.watch is not None and target.watch.proven and target.cluster_id not in self.settling
            for target in self.in_flight.values()
        )

    async def next_target(self) -> Target | None:
        """Return the next target as soon as there is a place for it; None when the batch is over."""
        while not self.done:
            if self.limit.try_more(self.loop.time()):
                self._enqueue_put_back()
            if self.waiting and not self.stopped and self.running + len(self.starting) < self.limit.places:
                target = self.waiting.popleft()
                del self.waiting_ids[target.cluster_id]
                self.starting.add(target)
                return target
            await self.changed.wait(self.limit.trial_at)
        return None

    def enqueue(self, target: Target, *, first: bool = False) -> None:
        """Let a target wait for a place."""
        if self.start_order is not None and self.start_order.holds(target):
            return
        if first:
            self.waiting.appendleft(target)
        else:
            self.waiting.append(target)
        self.waiting_ids[target.cluster_id] = target

    def enqueue_longest_first(self, targets: Sequence[Target]) -> None:
        """Let targets wait among those that do: first those of unknown length, which may be the longest, and then the longest."""
        for target in targets:
            self.enqueue(target)
        if self.journal is not None:
            self.waiting = deque(sorted(self.waiting, key=_length, reverse=True))

    def defer(self, target: Target) -> None:
        """Put a target back until a refresh has ended."""
        self.put_back.append(target)
        self.waiting_ids[target.cluster_id] = target

    def _enqueue_put_back(self) -> None:
        while self.put_back:
            self.waiting.appendleft(self.put_back.pop())

    def track(self, target: Target) -> None:
        """Poll a target, which is in flight from now on."""
        self.in_flight[target.cluster_id] = target
        self.tracked.fire()

    def untrack(self, target: Target) -> None:
        """Poll a target no more, if it is in flight."""
        self.settling.discard(target.cluster_id)
        if self.in_flight.pop(target.cluster_id, None) is not None:
            self._enqueue_put_back()

    def settles(self, target: Target, *, settles: bool) -> None:
        """Free the place of a target whose end shows, or take it again when it did not end after all."""
        if settles == (target.cluster_id in self.settling):
            return
        if settles:
            self.settling.add(target.cluster_id)
            self._enqueue_put_back()
            self.changed.fire()
        else:
            self.settling.discard(target.cluster_id)

    def grace(self, target: Target) -> float:
        """Return how long to wait for a sign of a refresh: not for ever where it may never have been asked for."""
        if target.doubt is None or self.longest_sign is None:
            return self.policy.grace
        return min(max(_SIGNS * self.longest_sign, self.policy.settle), self.policy.grace)

    def schedule(self, now: float) -> PollSchedule:
        """Return how often polls are worth their requests now."""
        in_flight = len(self.in_flight)
        recent = self._totals.recent_rate(now)
        # They stand in the order in which they came into flight, but for a few.
        oldest = 0.0 if recent or not in_flight else now - next(iter(self.in_flight.values())).posted
        typical = self._totals.mean_run_seconds
        shortest = max(self.policy.first, _SHORTEST_ROUND)
        return PollSchedule(
            ends=ends_per_second(recent, typical, in_flight, oldest),
            cost=self.round_cost,
            queued=self.limit.queued(self.running) if self.waiting else 0,
            shortest=shortest,
            longest=max(self.policy.longest, shortest),
            typical=typical,
        )

    # Outcomes

    def finish(self, target: Target, outcome: Outcome) -> None:
        """Give a target its outcome, and its place to another."""
        if target.cluster_id in self.in_flight:
            self._totals.ended(self.loop.time())
        self.untrack(target)
        self._totals.add_refresh(outcome, self.at())
        guard = self.options.guard
        if guard is not None and outcome.ok:
            found = guard.warnings(outcome.users_num, target.sizes)
            outcome = evolve(outcome, warnings=tuple(map(OutcomeWarning.of, found)))
        self.record(outcome)

    def record(self, outcome: Outcome) -> None:
        """Give a reference its outcome."""
        self._totals.counts[outcome.status] += 1
        if self.options.keep_successes or not outcome.ok or outcome.warnings:
            self.outcomes.append(outcome)
        if not self.interrupted and not outcome.resumed:
            self._keep(outcome)
        if self.observed is not None:
            self.observed.finished(outcome)
        self.events.emit(Finished(at=self.at(), outcome=outcome))
        if self.start_order is not None:
            self.start_order.ended(outcome)
        failures, limit = self._totals.failures, self.options.max_failures
        if limit is not None and outcome.status in FAILURES and not self.stopped and failures >= limit:
            self.stop(Message("batch-max-failures", count=failures, limit=limit))
        self.changed.fire()

    def _keep(self, outcome: Outcome) -> None:
        """Keep an outcome for the process after this one."""
        is_unstarted = outcome.ticket is None and outcome.status in (Status.CANCELLED, Status.TIMED_OUT)
        if self.journal is not None:
            if is_unstarted:
                self.not_started.append(outcome)
            else:
                self.journal.finished(outcome)
        if self.plan is not None and not is_unstarted:
            self.plan.finished(outcome)

    def stop(self, what: Message, status: Status = Status.CANCELLED, *, error: TaError | None = None) -> None:
        """Start no more; what waits ends with `status`, and what is in flight is polled to its end. The first reason is kept."""
        self.stopped = self.stopped or Stop(status, what, error)
        self.drop_waiting()

    def drop_waiting(self) -> None:
        """Give what waits its outcome, if the batch was stopped."""
        if self.stopped is None:
            return
        self._enqueue_put_back()
        if self.start_order is not None:
            self.waiting.extend(self.start_order.take())
        while self.waiting:
            target = self.waiting.popleft()
            del self.waiting_ids[target.cluster_id]
            self.record(self.unstarted(target))
        self.sender.stop()
        self.changed.fire()

    def unstarted(self, target: Target, error: TaError | None = None) -> Outcome:
        """Return the outcome of a target that is not started, because the batch was stopped, or because of this error."""
        assert self.stopped is not None
        if target.unanswered is not None:
            return target.outcome(Status.UNCONFIRMED, self.loop.time(), target.unanswered.doubt)
        status, what, behind = self.stopped
        return target.outcome(status, self.loop.time(), error or what, error=behind)

    def abort(self, error: TokenRejected) -> None:
        """End the batch, as the token is rejected. With another one, a run with the same journal can go on."""
        if not self.interrupted:
            self.log.token_rejected()
        self.interrupted = True
        self.stop(Message("batch-token-rejected"), error=error)
        now = self.loop.time()
        for target in list(self.in_flight.values()):
            # What the server has taken goes on there; only whether it has taken a doubtful one stays unknown.
            status = Status.TIMED_OUT if target.doubt is None else Status.UNCONFIRMED
            self.finish(target, target.outcome(status, now, error))
        self.tracked.fire()

    def report(self) -> RefreshReport:
        """Return the report as of now."""
        options, what = self.options, None if self.stopped is None else self.stopped.what
        return RefreshReport(
            run_id=self.run_id,
            project_id=self.project.id,
            started_at=self.started_at,
            makespan=self.at(),
            requests=self.sender.requests,
            max_running=options.max_running,
            counts=dict(self._totals.counts),
            lower_bound=self._totals.lower_bound(self.session.rate_limit, options.max_running, self.at()),
            outcomes=tuple(self.outcomes),
            stopped="" if what is None else str(what),
            stop_code="" if what is None else what.code,
            stop_params={} if what is None else what.params,
        )


def _length(target: Target) -> float:
    return inf if target.expected is None else target.expected

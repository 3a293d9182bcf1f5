"""The server's queue of computations: fixed capacity, first come first served, driven by the clock and never by a task.

Nothing happens between two calls. `advance(now)` replays what has happened since the last one, in order and with the right times, so
that a clock that jumps by an hour completes an hour of computations.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from typing import TYPE_CHECKING, Literal

from attrs import define, frozen

from ..messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

JobOutcome = Literal["waiting", "running", "done", "failed", "cancelled"]


@frozen(kw_only=True)
class JobPlan:
    """The course of one computation, for tests that decide it.

    Attributes:
        seconds: Server seconds of computing; None leaves it to the emulator's `job_seconds`.
        fails: The computation ends with progress -1.
        stops_at: Progress at which the computation hangs for ever and occupies its part of the capacity.
    """

    seconds: float | None = None
    fails: bool = False
    stops_at: int | None = None


@define(kw_only=True, eq=False)
class Job:
    """One computation of a cluster or tag. All times are server seconds since the start.

    Attributes:
        number: 1 for the first computation that was submitted, and so on.
        cluster_id: Whose computation it is.
        submitted: When it was submitted.
        seconds: How long it computes once started.
        fails: Whether it will end with progress -1.
        stops_at: Progress at which it hangs for ever, or None.
        started: When it began to run; None while it waits.
        finished: When it ended; None until then.
        outcome: waiting, running, done, failed, or cancelled (deleted, or replaced by one of a new definition).
    """

    number: int
    cluster_id: int
    submitted: float
    seconds: float
    fails: bool = False
    stops_at: int | None = None
    started: float | None = None
    finished: float | None = None
    outcome: JobOutcome = "waiting"

    def progress(self, now: float) -> int:
        """Return the percent at `now`: 0..99 while it waits or runs."""
        if self.started is None:
            return 0
        share = (now - self.started) / self.seconds if self.seconds > 0 else 0.0
        # The epsilon keeps the rounding of binary fractions from turning 31 percent into 30.
        percent = max(0, min(99, int(share * 100 + 1e-6)))
        return percent if self.stops_at is None else min(self.stops_at, percent)


class JobQueue:
    """Runs at most `capacity` jobs at once, in the order of their submission.

    Attributes:
        capacity: Most jobs that run at once.
        jobs: All jobs in the order of their submission.
        most_running: Most jobs that have run at once so far.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(Message("emulator-capacity", capacity=capacity))
        self.capacity = capacity
        self.jobs: list[Job] = []
        self.most_running: int = 0
        self._waiting: deque[Job] = deque()
        self._ends: list[tuple[float, int, Job]] = []
        self._running = 0

    @property
    def unfinished(self) -> int:
        """How many jobs wait or run."""
        return self._running + len(self._waiting)

    def submit(self, cluster_id: int, at: float, seconds: float, plan: JobPlan) -> Job:
        """Add a job at second `at`, which must not be before the last `advance`."""
        number = len(self.jobs) + 1
        job = Job(
            number=number,
            cluster_id=cluster_id,
            submitted=at,
            seconds=seconds,
            fails=plan.fails,
            stops_at=plan.stops_at,
        )
        self.jobs.append(job)
        self._waiting.append(job)
        self._start_waiting(at)
        return job

    def advance(self, now: float) -> Iterator[Job]:
        """Yield the jobs that ended up to `now`, in order, each at the second of its end.

        The caller may submit another job at `job.finished` before it takes the next one.
        """
        while self._ends and self._ends[0][0] <= now:
            at, _, job = heapq.heappop(self._ends)
            if job.outcome == "cancelled":
                continue
            job.finished = at
            job.outcome = "failed" if job.fails else "done"
            self._running -= 1
            self._start_waiting(at)
            yield job

    def cancel(self, job: Job, at: float) -> None:
        """Remove a waiting or running job; the next one starts in its place at once."""
        if job.outcome == "waiting":
            self._waiting.remove(job)
        else:
            self._running -= 1
        job.finished = at
        job.outcome = "cancelled"
        self._start_waiting(at)

    def _start_waiting(self, at: float) -> None:
        while self._running < self.capacity and self._waiting:
            job = self._waiting.popleft()
            job.started = at
            job.outcome = "running"
            self._running += 1
            self.most_running = max(self.most_running, self._running)
            end = math.inf if job.stops_at is not None else at + job.seconds
            heapq.heappush(self._ends, (end, job.number, job))

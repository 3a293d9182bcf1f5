"""What the outcomes of a batch add up to."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from .report import FAILURES, LowerBound

if TYPE_CHECKING:
    from .report import Outcome, Status

_RECENT = 30
_FEWEST = 5


class Totals:
    """Sums over all outcomes, for the report and for when to poll.

    Attributes:
        counts: How many outcomes there are of each status.
    """

    def __init__(self) -> None:
        self.counts: Counter[Status] = Counter()
        self._ends: deque[float] = deque(maxlen=_RECENT)
        self._run_seconds = 0.0
        self._runs = 0
        self._longest = 0.0
        self._posts = 0

    @property
    def failures(self) -> int:
        """How many have not succeeded."""
        return sum(self.counts[status] for status in FAILURES)

    @property
    def mean_run_seconds(self) -> float | None:
        """How long the refreshes that ended have run on average; None before any has."""
        return self._run_seconds / self._runs if self._runs else None

    def ended(self, now: float) -> None:
        """Count a refresh that was in flight and has ended now."""
        self._ends.append(now)

    def add_refresh(self, outcome: Outcome, elapsed: float) -> None:
        """Count what a refresh took, `elapsed` seconds after the batch began."""
        if outcome.run_seconds is not None:
            # Of one that an earlier batch has begun, only the time in this one counts.
            run_seconds = min(outcome.run_seconds, elapsed)
            self._runs += 1
            self._run_seconds += run_seconds
            self._longest = max(self._longest, run_seconds)
        self._posts += outcome.attempts

    def recent_rate(self, now: float) -> float:
        """Return how many have ended a second of late; 0 while too few have."""
        ends = self._ends
        return (len(ends) - 1) / (now - ends[0]) if len(ends) >= _FEWEST and now > ends[0] else 0.0

    def lower_bound(self, rate_limit: float | None, max_running: int, makespan: float) -> LowerBound:
        """Return what no scheduler could have beaten."""
        return LowerBound(
            rate=0.0 if rate_limit is None else self._posts / rate_limit,
            # Polls tell the run times only nearly, and a server may run more at a time.
            work=min(self._run_seconds / max_running, makespan),
            longest=self._longest,
        )

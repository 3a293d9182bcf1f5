"""The progress of a batch, from its events. Nothing here depends on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import define, field

from ...batch.events import (
    Attached,
    Finished,
    Held,
    Planned,
    Progressed,
    Released,
    Submitted,
)
from ...batch.report import FAILURES, Outcome, Status
from ..i18n.translate import tr

if TYPE_CHECKING:
    from ...batch.events import Event

_ETA_FROM = 0.1
"""The share of the work that must be done before the rest is estimated without history."""
_KNOWN_FROM = 0.5
"""The share of the references whose durations must be known for an estimate from history."""


@define
class Running:
    """A refresh that is running: its name, its percent, and when it began and was seen at that percent, by the batch's clock."""

    name: str
    percent: int = 0
    since: float = 0.0
    seen: float = 0.0

    def seconds_left(self, elapsed: float) -> float:
        """Return the seconds until its end at its pace so far; 0 while too little of it is done to tell."""
        share = self.percent / 100
        if share < _ETA_FROM:
            return 0.0
        return max(0.0, (self.seen - self.since) * (1 - share) / share - (elapsed - self.seen))


@define
class ProgressState:
    """The progress of a batch.

    Attributes:
        expected: Seconds that references took in earlier runs, where known.
        at_once: How many run at a time.
        total: How many references are known.
        complete: All of them are known.
        counts: How many have ended, by status.
        running: The refreshes that run on the server, by reference, in the order of their start: the slowest first.
        latest_failure: The last outcome that was a failure.
        held: The server refuses everything, and the batch waits for it.
    """

    expected: Mapping[int | str, float] = field(factory=dict)
    at_once: int = 1
    total: int = 0
    complete: bool = False
    counts: Counter[Status] = field(factory=Counter)
    running: dict[int | str, Running] = field(factory=dict)
    latest_failure: Outcome | None = None
    held: bool = False
    _seconds_expected: float = field(init=False, default=0.0)
    _unknown_ended: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self._seconds_expected = sum(self.expected.values())

    def update(self, event: Event) -> Outcome | None:
        """Take in an event, and return the outcome that it brings if it is a failure."""
        match event:
            case Planned():
                self.total, self.complete = event.refs, event.complete
            case Submitted() | Attached():
                self.running[event.ref] = Running(event.cluster_name, since=event.at)
            case Progressed():
                if event.ref in self.running:
                    one = self.running[event.ref]
                    one.percent, one.seen = event.progress, event.at
            case Finished(outcome=outcome):
                return self._end(outcome)
            case Held() | Released():
                self.held = isinstance(event, Held)
        return None

    def _end(self, outcome: Outcome) -> Outcome | None:
        self.running.pop(outcome.ref, None)
        self.counts[outcome.status] += 1
        if outcome.ref in self.expected:
            self._seconds_expected -= self.expected[outcome.ref]
        else:
            self._unknown_ended += 1
        if outcome.status not in FAILURES:
            return None
        self.latest_failure = outcome
        return outcome

    @property
    def done(self) -> int:
        """How many have ended, whatever their status."""
        return self.counts.total()

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(count for status, count in self.counts.items() if status in FAILURES)

    @property
    def share(self) -> float:
        """The share of the work that is done, 0 to 1, with the percents of those that are running."""
        if self.total == 0:
            return 0.0
        parts = sum(one.percent for one in self.running.values()) / 100
        return min(1.0, (self.done + parts) / self.total)

    def seconds_left(self, elapsed: float) -> float | None:
        """Return the seconds until all are done, by earlier runs or by the pace of the `elapsed` seconds; None while it is unknown."""
        if not self.complete:
            return None
        if self.total and len(self.expected) >= _KNOWN_FROM * self.total:
            return self._seconds_left_by_history()
        if self.share < _ETA_FROM:
            return None
        # The last ones may take far longer than those before them.
        longest = max((one.seconds_left(elapsed) for one in self.running.values()), default=0.0)
        return max(longest, elapsed * (1 - self.share) / self.share)

    def _seconds_left_by_history(self) -> float:
        typical = sum(self.expected.values()) / len(self.expected)
        unknown = max(0, self.total - len(self.expected) - self._unknown_ended)
        work = self._seconds_expected + typical * unknown
        longest = 0.0
        for ref, one in self.running.items():
            expected = self.expected.get(ref, typical)
            work -= expected * one.percent / 100
            longest = max(longest, expected * (1 - one.percent / 100))
        return max(0.0, work / self.at_once, longest)


def clock(seconds: float) -> str:
    """Return seconds as `0:05`, `12:30` or `2:00:00`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def status_count(status: Status, count: int) -> str:
    """Return how many have a status, in the user's language."""
    return tr("{count} {status}", count=count, status=status_name(status))


def status_name(status: Status) -> str:
    """Return the name of a status in the user's language."""
    return {
        Status.SUCCEEDED: tr("succeeded"),
        Status.FAILED: tr("failed"),
        Status.UNCONFIRMED: tr("unconfirmed"),
        Status.STALLED: tr("stalled"),
        Status.TIMED_OUT: tr("timed out"),
        Status.REJECTED: tr("rejected"),
        Status.SKIPPED: tr("skipped"),
        Status.CANCELLED: tr("cancelled"),
    }[status]

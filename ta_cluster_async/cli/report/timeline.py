"""When each refresh of a batch waited, ran and was seen to have ended, as far as its outcome says."""

from __future__ import annotations

from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING

from attrs import frozen

from ...batch import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...batch import RefreshReport


@frozen(kw_only=True)
class Span:
    """A refresh on the time axis. Times are seconds since the timeline's `began`.

    Attributes:
        outcome: Its outcome.
        submitted: When it was submitted or attached to.
        running: When the server began to compute it.
        ended: When the computation ended.
        seen: When it was seen to have ended.
        open: True when it was attached to, or its end was not seen, or polls could not tell when it ran. It had its outcome at `seen` at
            the latest; `running` is `submitted`, and `ended` is `seen` where nothing tells that it was earlier.
    """

    outcome: Outcome
    submitted: float
    running: float
    ended: float
    seen: float
    open: bool


@frozen(kw_only=True)
class Timeline:
    """A batch on the time axis.

    Attributes:
        began: The start of the time axis.
        seconds: Its length.
        spans: The refreshes that were submitted or attached to, by that time. What never was, such as a name that does not exist, is missing.
    """

    began: datetime
    seconds: float
    spans: tuple[Span, ...]


def lay_out(report: RefreshReport) -> Timeline:
    """Put the outcomes of a report on the time axis.

    Outcomes are in the order in which they were reached. Where one has no time, it was reached not before the end of any earlier one, and
    not after the last moment at which a later one can have been seen.
    """
    began = report.started_at
    starts = [outcome.ticket.submitted_at for outcome in report.outcomes if outcome.ticket is not None]
    # A report that resumed the run of an earlier process has refreshes from before its own start.
    zero = min([began, *starts])
    known = [_phases(outcome, zero) for outcome in report.outcomes]
    end = max(
        [(began - zero).total_seconds() + report.makespan, *(phases.ended for phases in known if phases)]
    )
    earliest = accumulate((phases.ended if phases else 0.0 for phases in known), max)
    last_polls = (phases.ended + phases.unseen if phases else end for phases in reversed(known))
    latest = [*accumulate(last_polls, min, initial=end)][:0:-1]
    spans = [
        _span(outcome, zero, phases, (low, high))
        for outcome, phases, low, high in zip(report.outcomes, known, earliest, latest, strict=True)
        if outcome.ticket is not None
    ]
    spans.sort(key=lambda span: (span.submitted, span.seen))
    return Timeline(began=zero, seconds=max([end, *(span.seen for span in spans)]), spans=tuple(spans))


def occupancy(phases: Iterable[tuple[float, float]], width: float, count: int) -> list[float]:
    """Return how many phases (from, to) there were at a time, as the mean over each of `count` bins of `width` seconds from 0 on."""
    parts = [0.0] * (count + 1)
    steps = [0] * (count + 2)
    for begin, end in phases:
        first, last = (min(count, int(time / width)) for time in (begin, end))
        if first == last:
            parts[first] += end - begin
        else:
            parts[first] += (first + 1) * width - begin
            parts[last] += end - last * width
            steps[first + 1] += 1
            steps[last] -= 1
    whole = accumulate(steps)
    return [part / width + full for part, full in zip(parts[:count], whole, strict=False)]


def ends_by_bin(times: Iterable[float], width: float, count: int) -> list[int]:
    """Count the times in each of `count` bins of `width` seconds from 0 on; the last takes what comes later."""
    bins = [0] * count
    for time in times:
        bins[min(count - 1, int(time / width))] += 1
    return bins


@frozen
class _Phases:
    """When a refresh that was polled from start to end was in which phase, and for how long its end was not polled."""

    submitted: float
    running: float
    ended: float
    unseen: float


def _phases(outcome: Outcome, zero: datetime) -> _Phases | None:
    queued, ran = outcome.queue_seconds, outcome.run_seconds
    if outcome.ticket is None or queued is None or ran is None:
        return None
    submitted = (outcome.ticket.submitted_at - zero).total_seconds()
    return _Phases(submitted, submitted + queued, submitted + queued + ran, outcome.detect_seconds or 0.0)


def _span(outcome: Outcome, zero: datetime, phases: _Phases | None, between: tuple[float, float]) -> Span:
    """Return the span of an outcome that was reached between these two times."""
    low, high = between
    if outcome.settled_at is not None:
        low = high = (outcome.settled_at - zero).total_seconds()
    if phases is None:
        assert outcome.ticket is not None
        start = (outcome.ticket.submitted_at - zero).total_seconds()
        seen = ended = max(start, high)
        if outcome.ok and not outcome.ticket.attached and outcome.detect_seconds is not None:
            # It ran between two polls, at the first of which it had often just been submitted. Afterwards its end was only waited out,
            # while another refresh took its place.
            ended = min(seen, start + outcome.detect_seconds)
        return Span(outcome=outcome, submitted=start, running=start, ended=ended, seen=seen, open=True)
    return Span(
        outcome=outcome,
        submitted=phases.submitted,
        running=phases.running,
        ended=phases.ended,
        seen=max(phases.ended, (low + high) / 2),
        open=False,
    )

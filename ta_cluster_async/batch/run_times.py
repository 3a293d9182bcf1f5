"""When a refresh began and ended, as far as polls tell. What they cannot tell is unknown, and not wrong."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

# A beginning that an old answer may hide is known when it can be wrong by at most this share of the run time.
_DOUBT = 0.25
# A run time is known when it is at most so many times as long as it must have been.
_MOST = 2.0

Point: TypeAlias = "tuple[float, int]"
"""When a progress was first seen, and which."""


@frozen(kw_only=True)
class Seen:
    """What polls have seen of a refresh that succeeded. Times are seconds of any one steady clock.

    Attributes:
        posted: When its request was answered.
        began: When it was last seen to wait; `posted` if it never was.
        may_have_run: What showed it to wait may have been an old answer, so that it may have begun before that.
        risen: The first progress above 0.
        latest: The latest progress below 100.
        last: When it was polled before its end was seen.
        first: When its end was seen.
        ends: When it should have ended, by its progress; None where nothing tells.
        may_have_waited: The server has shown refreshes that waited, so that this one may have waited unseen after its request.
    """

    posted: float
    began: float
    may_have_run: bool
    risen: Point
    latest: Point
    last: float
    first: float
    ends: float | None
    may_have_waited: bool


def run_time(seen: Seen) -> tuple[float, float] | None:
    """Return when it began and when it ended; None when polls cannot tell.

    It ended between the last poll before its end and the one that showed it: where it was to be expected, or else in the middle. It began
    between the last time when it was seen to wait, or else its request, and the first time when it was seen to run; how fast it went from
    there on tells about when.
    """
    end = (seen.first + seen.last) / 2 if seen.ends is None else min(max(seen.ends, seen.last), seen.first)
    begin = _beginning(seen, end)
    if begin is None or end - begin <= _MOST * (seen.last - seen.risen[0]):
        return None if begin is None else (begin, end)
    # The polls lie too far apart. If there are two points, the pace between them tells.
    (since, low), (until, high) = seen.risen, seen.latest
    if high > low:
        # It may have risen by one percent more, since a progress of 40 means anything from 40 to 41. Where even that pace ends later than
        # the end was seen, the two points do not belong together: old answers are among them, or it went faster and faster.
        if until + (99 - high) * (until - since) / (high - low + 1) > seen.first:
            return None
        return _by_pace(seen, (until - since) / (high - low), begin, end)
    # Else it is known only where the server lets nothing wait, and if a wait too short to be seen is no large part of it.
    is_known = not seen.may_have_waited and end - begin >= _MOST * (since - seen.posted)
    return (begin, end) if is_known else None


def _by_pace(seen: Seen, seconds: float, begin: float, end: float) -> tuple[float, float]:
    """Return the beginning and the end by the seconds that each percent took, within what was seen."""
    at, progress = seen.risen
    return max(begin, at - progress * seconds), min(end, max(seen.last, at + (100 - progress) * seconds))


def _beginning(seen: Seen, end: float) -> float | None:
    """Return when it began, if it ended then. None where an old answer hides it.

    How fast it went tells whether it may have run already when an answer still showed the state of before.
    """
    at, progress = seen.risen
    pace = progress / (100 - progress)
    begin = at - pace * (end - at)
    if seen.may_have_run:
        within = seen.first - seen.last
        earliest, latest = (max(seen.posted, begin + sign * pace * within) for sign in (-1, 1))
        if latest < seen.began:
            return max(seen.posted, begin)
        if seen.began - earliest > _DOUBT * (end - seen.began):
            return None
    return min(max(seen.began, begin), at)

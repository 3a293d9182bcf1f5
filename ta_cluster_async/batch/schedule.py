"""When to poll which refresh, as pure decisions. Times are seconds of any one steady clock.

A poll costs a request, and a late poll costs an idle place on the server. Three things keep both small: the end is estimated from the
progress, so that a poll comes when something has probably changed; one list page shows all refreshes that stand on it for the price of
one; and while the server has refreshes queued behind those that run, a poll may be later without a loss.
"""

from __future__ import annotations

from math import inf, sqrt
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# So many seconds of an idle place on the server are worth one request.
REQUEST_PRICE = 0.5
# Of the time that the server's queue lasts, so much may pass before the next poll.
_OF_QUEUE = 0.7
# A progress that stands still is polled again after this share of the time for which it has.
_OF_STILL = 0.15
# The longest wait is this share of the time for which a refresh has run, where that is longer than the policy's.
_OF_ELAPSED = 0.25
_OF_LEFT = 0.5
# A refresh of which nothing is known is polled again after this share of the time for which it has run.
_OF_UNKNOWN = 0.5
# The poll after the first sign of progress comes after a share of the time in which the refresh must have begun: so much at least and most.
_OF_BEGINNING = (0.5, 1.0)
# Where that time is shorter, the first sign tells the pace well enough: a second one is not worth its request.
_SURE_BEGINNING = 1.0
# After the first sign of progress, a wait is at most so many times what has passed since: where answers lag behind, two of them can show a
# pace that is far too slow.
_OF_RISEN = 3.0
# Before anything is known of how long refreshes take.
_GUESS = 30.0


@frozen(kw_only=True)
class PollSchedule:
    """How often polls are worth their requests, by how the batch goes as a whole.

    Attributes:
        ends: Refreshes that end per second.
        cost: Requests that one round of polls takes.
        queued: Refreshes that wait in the server's queue behind those that run, while there are more to submit; else 0.
        shortest: The shortest time between two rounds.
        longest: The longest time between two polls of one refresh.
        typical: How long the refreshes that ended have run on average; None before any has.
    """

    ends: float
    cost: float
    queued: int
    shortest: float
    longest: float
    typical: float | None = None

    @property
    def round(self) -> float:
        """The time between two rounds for refreshes of which nothing is known: the best trade of requests for idle time.

        With `ends` refreshes a second, a round every t seconds costs `cost / t` requests and `ends * t / 2` idle seconds a second.
        """
        best = sqrt(2 * REQUEST_PRICE * max(self.cost, 1.0) / self.ends) if self.ends > 0 else inf
        return min(max(best, self.spacing), self.longest)

    @property
    def spacing(self) -> float:
        """The least time between two rounds: longer while the server's queue has work for it."""
        if self.queued <= 0 or self.ends <= 0:
            return self.shortest
        return min(max(self.shortest, _OF_QUEUE * self.queued / self.ends), self.longest)


def ends_per_second(recent: float, run_seconds: float | None, in_flight: int, oldest: float) -> float:
    """Return how many refreshes end a second: as seen of late, or else from their typical run time, or else from their age."""
    if recent > 0:
        return recent
    typical = run_seconds if run_seconds is not None else max(_GUESS, 2 * oldest)
    return in_flight / max(typical, 0.001)


@frozen(kw_only=True)
class PollState:
    """What is known of one refresh for the choice of its next poll.

    Attributes:
        began: When it began, as far as is known.
        begun_from: The progress at that time.
        progress: The latest progress; None when it is not proven to run.
        seen: When that progress was first seen.
        expected: How long it is expected to run, from past runs; None when unknown.
        risen: When it was first seen with a progress above 0, and with which; None before that.
    """

    began: float
    begun_from: int
    progress: int | None
    seen: float
    expected: float | None
    risen: tuple[float, int] | None = None


def remaining(poll_state: PollState, now: float) -> float | None:
    """Estimate the seconds to its end; negative when it should have ended, None when nothing tells."""
    progress = poll_state.progress
    if progress is not None and progress > poll_state.begun_from and poll_state.seen > poll_state.began:
        return (99.5 - progress) / _rate(poll_state, progress) - (now - poll_state.seen)
    return None if poll_state.expected is None else poll_state.expected - (now - poll_state.began)


def _rate(poll_state: PollState, progress: int) -> float:
    """Return the percent per second since it began, or since its first rise where the two contradict each other.

    It may have waited in the server's queue for long after `began`. A progress of 40 means anything from 40 to 41.
    """
    rate = (progress + 0.5 - poll_state.begun_from) / (poll_state.seen - poll_state.began)
    if poll_state.risen is None:
        return rate
    at, first = poll_state.risen
    rise, seconds = progress - first, poll_state.seen - at
    return rate if rise <= 0 or seconds <= 0 or rate * seconds >= rise - 1 else rise / seconds


def _until_second_rise(poll_state: PollState, now: float) -> float:
    """Return the seconds until a second progress is worth a poll; inf where it tells nothing new.

    One progress gives no pace, since nobody knows when between `began` and that poll the refresh began to compute. While it stands still,
    the pace is known to be lower and lower.
    """
    progress, risen = poll_state.progress, poll_state.risen
    if not progress or risen is None or progress > risen[1]:
        return inf
    began_within = risen[0] - poll_state.began
    if began_within < _SURE_BEGINNING:
        return inf
    least, most = _OF_BEGINNING
    return max(
        began_within * min(max(2 / progress, least), most), _OF_LEFT * (99 - progress) * (now - risen[0])
    )


def next_wait(poll_state: PollState, schedule: PollSchedule, now: float) -> float:
    """Return the seconds until the next poll of a refresh that runs."""
    elapsed = now - poll_state.began
    longest = max(schedule.longest, _OF_ELAPSED * elapsed)
    left = remaining(poll_state, now)
    if left is None:
        # It may be a short one: the first polls come soon, and further ones take their time. One in the server's queue has not begun yet.
        unknown = now - min(poll_state.began, poll_state.seen)
        return min(schedule.round, longest, max(schedule.spacing, _OF_UNKNOWN * unknown))
    # A refresh may fail at any time, so the longest of waits still ends halfway to the end.
    longest = max(longest, (1.1 if schedule.queued > 0 else _OF_LEFT) * left)
    if poll_state.risen is not None and now > poll_state.risen[0]:
        longest = min(longest, max(_OF_RISEN * (now - poll_state.risen[0]), schedule.spacing))
    # An early estimate is a rough one: come back before the estimated end, and make a better one.
    sure = (
        1 - 1.5 / poll_state.progress if poll_state.progress is not None and poll_state.progress >= 3 else 0.5
    )
    nap = max(schedule.spacing, 0.01 * elapsed)
    early = left * (1 - sure) > nap and schedule.queued <= 0
    wait = left * sure if early else left + 0.1 * nap + (0.02 * elapsed if schedule.queued > 0 else 0.0)
    if schedule.queued <= 0:
        wait = min(wait, _until_second_rise(poll_state, now))
    still = _OF_STILL * (now - poll_state.seen) if left <= 0 else 0.0
    return min(max(wait, still, nap), longest)


def first_wait(expected: float | None, schedule: PollSchedule) -> float:
    """Return the seconds from the POST to the first poll: early enough to see it run."""
    known = schedule.typical if expected is None else expected
    wait = schedule.shortest if known is None else 0.3 * known
    return min(max(wait, schedule.shortest), schedule.round)


def choose(
    due: Iterable[tuple[str, int | None]], crowd: Mapping[tuple[str, int], int]
) -> set[tuple[str, int]]:
    """Return the list pages to fetch for the refreshes that are due, each given by its catalog and page number.

    A page shows all refreshes on it, so it is worth its request where more than one is in flight (`crowd`). For the others, and for those
    whose page is not known (None), a request of their own is as cheap and lighter for the server.
    """
    return {
        (catalog, page) for catalog, page in due if page is not None and crowd.get((catalog, page), 0) > 1
    }

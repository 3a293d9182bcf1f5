"""How many refreshes may be in flight on the server."""

from __future__ import annotations

from math import inf
from typing import TypeAlias

from attrs import define, field, frozen

Words: TypeAlias = "tuple[int, str]"
"""The return code and the text of a refusal, without what names the cluster."""

# A cluster that was refused so often, although the server took others in between, is refused for a reason of its own.
_OWN_REFUSALS = 3
# Seconds after a refusal until one more than the ceiling is tried; twice as long each time that this is refused.
_FIRST_TRIAL = 30.0
_LONGEST_TRIAL = 960.0


@frozen
class _Refusal:
    """The latest refusal of a cluster that was put back.

    Attributes:
        in_flight: How many others were in flight then.
        count: How many of its refusals speak against the cluster.
        had_room: The server has taken another since, with at least as many in flight.
    """

    in_flight: int
    count: int
    had_room: bool = False


@define(kw_only=True)
class FixedLimit:
    """A fixed number, and below it the ceiling that the server's refusals teach.

    One refusal may be about its cluster; two clusters that are refused in a row show that the server runs no more, and what was in flight
    then becomes the ceiling. After some time one more is tried, and so on until the next refusal. So a ceiling that came of other people's
    refreshes, or of too many requests, goes away with them.

    Attributes:
        max_running: How many refreshes may run.
        submit_ahead: How many more may wait in the server's own queue.
        trial_at: When one more than the ceiling is tried, and what was refused before is tried again.
    """

    max_running: int
    submit_ahead: int
    trial_at: float = field(default=inf, init=False)
    _ceiling: float = field(default=inf, init=False)
    _is_trial: bool = field(default=False, init=False)
    _trial_after: float = field(default=_FIRST_TRIAL, init=False)
    # The last cluster that was refused, and how many were in flight then, while nothing was taken since with as many.
    _suspect: tuple[int, int] | None = field(default=None, init=False)
    # The two clusters that lowered the ceiling last, and what it was before.
    _lowered: tuple[frozenset[int], float] = field(default=(frozenset(), inf), init=False)
    _refusals: dict[int, _Refusal] = field(factory=dict, init=False)
    _own: set[Words] = field(factory=set, init=False)
    _most_taken: int = field(default=-1, init=False)

    @property
    def number(self) -> int:
        """The most that may ever be in flight."""
        return self.max_running + self.submit_ahead

    @property
    def ceiling(self) -> float:
        """How many the server takes, as its refusals have shown; inf while they show nothing."""
        return self._ceiling

    @property
    def places(self) -> int:
        """How many may be in flight now."""
        return int(min(self.number, self._ceiling + self._is_trial))

    def begun(self, cluster_id: int, in_flight: int) -> None:
        """The server has taken a refresh while so many others were in flight."""
        if self._suspect is not None and in_flight >= self._suspect[1]:
            self._suspect = None
        self._most_taken = max(self._most_taken, in_flight)
        self._refusals.pop(cluster_id, None)
        for other, refusal in self._refusals.items():
            if in_flight >= refusal.in_flight:
                self._refusals[other] = _Refusal(refusal.in_flight, refusal.count, had_room=True)
        if in_flight >= self._ceiling:
            self._ceiling = in_flight + 1
            self._trial_after = _FIRST_TRIAL

    def refused(self, cluster_id: int, words: Words, in_flight: int, now: float) -> bool:
        """The server has refused a refresh while so many others were in flight.

        Returns whether it may mean that the server runs as many as it can, so that the refresh is to be put back. Else it stands.
        """
        before = self._refusals.pop(cluster_id, None)
        count = 1 if before is None else before.count + before.had_room
        if count >= _OWN_REFUSALS or (words in self._own and in_flight <= self._most_taken):
            self._own.add(words)
            if cluster_id in self._lowered[0]:
                self._ceiling = max(self._ceiling, self._lowered[1])
            return False
        self._refusals[cluster_id] = _Refusal(in_flight, count)
        if self._is_trial and in_flight >= self._ceiling:
            self._trial_after = min(2 * self._trial_after, _LONGEST_TRIAL)
        elif before is None and in_flight < self._ceiling:
            if self._suspect is None:
                self._suspect = cluster_id, in_flight
            else:
                self._lowered = frozenset({self._suspect[0], cluster_id}), self._ceiling
                self._ceiling = in_flight
        self._is_trial = False
        self.trial_at = now + self._trial_after
        return True

    def try_more(self, now: float) -> bool:
        """Try one more than the ceiling, if it is time. Returns whether it is."""
        if now < self.trial_at:
            return False
        self._is_trial = self._ceiling < self.number
        self.trial_at = inf
        return True

    def queued(self, in_flight: int) -> int:
        """Return how many of those in flight wait in the server's queue."""
        return min(max(0, in_flight - self.max_running), self.submit_ahead)

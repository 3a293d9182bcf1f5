"""What answers lately take, and which calls come too late for that. No clock of its own."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from ..protocol.endpoints import Replay

if TYPE_CHECKING:
    from ..protocol.endpoints import Endpoint

# Answers from before so many seconds say nothing of those to come.
_LATELY = 30.0
# So few answers say nothing yet.
_ENOUGH = 5
# How fast the mean and the deviation follow, as for the timeouts of TCP (RFC 6298).
_MEAN_SHARE = 1 / 8
_DEVIATION_SHARE = 1 / 4
# What is not safe to repeat is sent only with ample time.
_DEVIATIONS = {Replay.READ: 3.0, Replay.REPLAYABLE: 3.0, Replay.RECONCILE: 6.0}


class _Usual:
    """The moving mean of some times, and their mean deviation from it."""

    __slots__ = ("_count", "_last", "deviation", "mean")

    def __init__(self) -> None:
        self.mean = 0.0
        self.deviation = 0.0
        self._count = 0
        self._last = -inf

    def add(self, seconds: float, now: float) -> None:
        if now - self._last > _LATELY:
            self._count, self.mean, self.deviation = 0, seconds, 0.0
        self._count += 1
        self._last = now
        off = seconds - self.mean
        self.mean += off * _MEAN_SHARE
        self.deviation += (abs(off) - self.deviation) * _DEVIATION_SHARE

    def is_known(self, now: float) -> bool:
        return self._count >= _ENOUGH and now - self._last <= _LATELY


class ResponseTimes:
    """How long answers take, of each endpoint and of all together."""

    def __init__(self) -> None:
        self._all = _Usual()
        self._each: dict[str, _Usual] = {}

    def add(self, endpoint: Endpoint, seconds: float, now: float, *, answered: bool = True) -> None:
        """Note how long a request took. One that was given up would have taken longer, and never speaks for shorter times."""
        each = self._each.get(endpoint.name)
        if each is None:
            each = self._each[endpoint.name] = _Usual()
        for usual in (self._all, each):
            usual.add(seconds if answered else max(seconds, usual.mean), now)

    def usual(self, endpoint: Endpoint, now: float) -> float | None:
        """Return the seconds that a request needs to be sent with; None where that is not known."""
        usual = self._each.get(endpoint.name)
        if usual is None or not usual.is_known(now):
            return None
        return usual.mean + _DEVIATIONS[endpoint.replay] * usual.deviation

    def wait(self, ahead: int, places: int, now: float) -> float:
        """Return the seconds until a request gets a place that has so many others before it; 0 where that is not known."""
        return (ahead + 1) / places * self._all.mean if self._all.is_known(now) else 0.0

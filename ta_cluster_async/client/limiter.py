"""The gate that every request of a session passes: so many at a time, so many a second, none during a pause."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from math import inf
from typing import Literal, TypeAlias

Refusal: TypeAlias = Literal["no-connection", "paused", "closed"]
"""Why nobody was admitted: no place in time, the pause or the rate limit lasts longer than the caller can wait, or the gate is closed."""

# A timer may fire a little early (uvloop rounds to milliseconds), and a shorter sleep than this would be none.
_SHORTEST_SLEEP = 0.001


class Gate:
    """Admits requests in the order in which they come.

    It stands in front of a connection pool without limit, so that waiting for a place is never mistaken for a slow server.
    A pause is a moment of the loop's clock; several combine to the latest, and nobody has to lift them.
    """

    def __init__(self, places: int, rate: float | None) -> None:
        self._free = places
        self._spacing = 1 / rate if rate else 0.0
        self._last_start = -inf
        self._next_start = -inf
        self._paused_until = -inf
        self._closed = False
        self._queue: OrderedDict[asyncio.Future[bool], None] = OrderedDict()
        self._turns: deque[_Turn] = deque()
        self._sleepers: set[asyncio.Future[bool]] = set()

    def pause(self, seconds: float) -> None:
        """Admit nobody for that long from now, or longer where a longer pause is on."""
        until = asyncio.get_running_loop().time() + seconds
        if until <= self._paused_until:
            return
        self._paused_until = until
        if self._spacing:
            # Those who wait for their turn go on after the pause one by one, and in the same order.
            start = until
            for turn in self._turns:
                turn.at = max(turn.at, start)
                start = turn.at + self._spacing
            self._next_start = max(self._next_start, start)

    def close(self) -> None:
        """Admit nobody any more; those who wait or sleep end at once."""
        self._closed = True
        while self._queue:
            _settle(self._queue.popitem(last=False)[0], given=False)
        for sleeper in self._sleepers:
            _settle(sleeper, given=False)

    def try_enter(self) -> bool:
        """Take a place if that needs no waiting of any kind. The quick way: no await, no clock where there is no limit."""
        if self._free <= 0 or self._queue or self._spacing or self._paused_until != -inf or self._closed:
            return False
        self._free -= 1
        return True

    async def enter(self, deadline: float) -> Refusal | None:
        """Take a place before the loop's clock reads `deadline`; else the reason why not, and no place is taken."""
        if not await self._take_place(deadline):
            return "closed" if self._closed else "no-connection"
        try:
            in_time = await self._wait_for_turn(deadline)
        except BaseException:
            self.leave()
            raise
        if in_time:
            return None
        self.leave()
        return "closed" if self._closed else "paused"

    def leave(self) -> None:
        """Give the place back; the one who has waited longest gets it."""
        while self._queue:
            if _settle(self._queue.popitem(last=False)[0], given=True):
                return
        self._free += 1

    async def sleep(self, seconds: float) -> None:
        """Sleep outside the gate, at most until it is closed."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        sleeper: asyncio.Future[bool] = loop.create_future()
        self._sleepers.add(sleeper)
        timer = loop.call_later(seconds, _settle, sleeper, True)  # noqa: FBT003
        try:
            await sleeper
        finally:
            timer.cancel()
            self._sleepers.discard(sleeper)

    async def _take_place(self, deadline: float) -> bool:
        if self._closed:
            return False
        if self._free > 0 and not self._queue:
            self._free -= 1
            return True
        loop = asyncio.get_running_loop()
        place: asyncio.Future[bool] = loop.create_future()
        self._queue[place] = None
        timer = loop.call_at(deadline, _settle, place, False)  # noqa: FBT003
        try:
            return await place
        except asyncio.CancelledError:
            if not place.cancelled() and place.result():
                self.leave()  # the place was given in the same turn in which the caller was cancelled
            raise
        finally:
            timer.cancel()
            self._queue.pop(place, None)

    async def _wait_for_turn(self, deadline: float) -> bool:
        loop = asyncio.get_running_loop()
        if not self._spacing:
            return await self._wait_until_start(_Turn(-inf), deadline, loop)
        turn = _Turn(max(loop.time(), self._next_start, self._paused_until))
        if turn.at > deadline:
            return False
        self._next_start = turn.at + self._spacing
        self._turns.append(turn)
        started = False
        try:
            started = await self._wait_until_start(turn, deadline, loop)
        finally:
            self._turns.remove(turn)
            if started:
                self._last_start = turn.at
            elif not self._turns:
                self._next_start = (
                    self._last_start + self._spacing
                )  # nobody waits: the turns that were given up are free
        return started

    async def _wait_until_start(self, turn: _Turn, deadline: float, loop: asyncio.AbstractEventLoop) -> bool:
        while not self._closed:
            now = loop.time()
            if self._paused_until <= now:
                self._paused_until = -inf
            start = max(turn.at, self._paused_until)
            if start <= now:
                return True
            if start > deadline:
                return False
            await self.sleep(max(start - now, _SHORTEST_SLEEP))
        return False


class _Turn:
    """When one of those who have a place may start, by the loop's clock."""

    __slots__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at


def _settle(place: asyncio.Future[bool], given: bool) -> bool:  # noqa: FBT001  (call_at passes by position)
    if place.done():
        return False
    place.set_result(given)
    return True

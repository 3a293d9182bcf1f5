"""The limits that every request of a session keeps: so many at a time, so many a second, none during a pause."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from math import inf
from typing import Literal, TypeAlias

from .signal import Signal

Refusal: TypeAlias = Literal["no-connection", "paused", "closed"]
"""Why a request got no slot: none was free in time, a pause or the rate limit lasts too long for it, or the session is closed."""


class Limiter:
    """Gives slots to requests in the order in which they come.

    The connection pool behind it has no limit, so that waiting for a slot is never mistaken for a slow server.
    A pause is a time of the loop's clock; several combine to the latest, and nobody must lift them.

    Attributes:
        free: How many slots are free.
    """

    def __init__(self, slots: int, rate: float | None) -> None:
        self.free: int = slots
        self._spacing = 1 / rate if rate else 0.0
        self._last_start = -inf
        self._next_start = -inf
        self._paused_until = -inf
        self._closed = False
        self._queue: OrderedDict[asyncio.Future[bool], None] = OrderedDict()
        self._starts: deque[_Start] = deque()
        self._close_signal = Signal()

    def pause(self, seconds: float) -> bool:
        """Give no slot for that long from now. A longer pause that is on stays. Returns whether none was on."""
        now = asyncio.get_running_loop().time()
        until = now + seconds
        if until <= self._paused_until:
            return False
        is_new = self._paused_until <= now
        self._paused_until = until
        if self._spacing:
            # The requests that wait for their start go on after the pause one by one, in the same order.
            at = until
            for start in self._starts:
                start.at = max(start.at, at)
                at = start.at + self._spacing
            self._next_start = max(self._next_start, at)
        return is_new

    def close(self) -> None:
        """Give no slot any more, and end all waiting and sleeping at once."""
        self._closed = True
        while self._queue:
            _resolve(self._queue.popitem(last=False)[0], given=False)
        self._close_signal.fire()

    @property
    def ahead(self) -> int | None:
        """How many requests wait for a slot already. None where the next one needs not wait."""
        return None if self.free > 0 and not self._queue else len(self._queue)

    def try_acquire(self) -> bool:
        """Take a slot if that needs no waiting. The fast path: no await, and no clock where there is no limit."""
        if self.free <= 0 or self._queue or self._spacing or self._paused_until != -inf or self._closed:
            return False
        self.free -= 1
        return True

    async def acquire(self, deadline: float) -> Refusal | None:
        """Take a slot before the loop's clock reads `deadline`, or return why none was taken."""
        if not await self._take_slot(deadline):
            return "closed" if self._closed else "no-connection"
        try:
            in_time = await self._wait_for_start(deadline)
        except BaseException:
            self.release()
            raise
        if in_time:
            return None
        self.release()
        return "closed" if self._closed else "paused"

    def release(self) -> None:
        """Give the slot to the request that has waited longest."""
        while self._queue:
            if _resolve(self._queue.popitem(last=False)[0], given=True):
                return
        self.free += 1

    async def sleep(self, seconds: float) -> None:
        """Sleep without a slot, at most until `close()`."""
        if seconds > 0 and not self._closed:
            await self._close_signal.wait(asyncio.get_running_loop().time() + seconds)

    async def _take_slot(self, deadline: float) -> bool:
        if self._closed:
            return False
        if self.free > 0 and not self._queue:
            self.free -= 1
            return True
        loop = asyncio.get_running_loop()
        slot: asyncio.Future[bool] = loop.create_future()
        self._queue[slot] = None
        timer = loop.call_at(deadline, _resolve, slot, False)  # noqa: FBT003
        try:
            return await slot
        except asyncio.CancelledError:
            if not slot.cancelled() and slot.result():
                self.release()  # it was given in the iteration of the loop in which the caller was cancelled
            raise
        finally:
            timer.cancel()
            self._queue.pop(slot, None)

    async def _wait_for_start(self, deadline: float) -> bool:
        loop = asyncio.get_running_loop()
        if not self._spacing:
            return await self._wait_until(_Start(-inf), deadline, loop)
        start = _Start(max(loop.time(), self._next_start, self._paused_until))
        if start.at > deadline:
            return False
        self._next_start = start.at + self._spacing
        self._starts.append(start)
        started = False
        try:
            started = await self._wait_until(start, deadline, loop)
        finally:
            self._starts.remove(start)
            if started:
                self._last_start = start.at
            elif not self._starts:
                # No other request waits, so the starts that were given up are free again.
                self._next_start = self._last_start + self._spacing
        return started

    async def _wait_until(self, start: _Start, deadline: float, loop: asyncio.AbstractEventLoop) -> bool:
        while not self._closed:
            now = loop.time()
            if self._paused_until <= now:
                self._paused_until = -inf
            at = max(start.at, self._paused_until)
            if at <= now:
                return True
            if at > deadline:
                return False
            await self._close_signal.wait(at)
        return False


class _Start:
    """When a request that has a slot may start, by the loop's clock."""

    __slots__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at


def _resolve(slot: asyncio.Future[bool], given: bool) -> bool:  # noqa: FBT001 - call_at passes by position
    if slot.done():
        return False
    slot.set_result(given)
    return True

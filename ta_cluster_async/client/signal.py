"""Waiting for an event or for a time, whichever comes first."""

from __future__ import annotations

import asyncio
from math import inf

# Some loops round timers to milliseconds, and would spin for the rest of one.
_SHORTEST_WAIT = 0.001


class Signal:
    """Wakes all waiters; each must re-check its condition."""

    def __init__(self) -> None:
        self._waiters: dict[asyncio.Future[None], None] = {}

    def fire(self) -> None:
        """Wake all who wait now, in the order in which they came."""
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            _wake(waiter)

    async def wait(self, until: float = inf) -> None:
        """Wait for the next `fire()`, or until the loop's clock reads `until`."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters[waiter] = None
        timer = (
            None if until == inf else loop.call_at(max(until, loop.time() + _SHORTEST_WAIT), _wake, waiter)
        )
        try:
            await waiter
        finally:
            if timer is not None:
                timer.cancel()
            self._waiters.pop(waiter, None)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)

"""Waiting for something to happen, or for a time."""

from __future__ import annotations

import asyncio
from math import inf

# Some loops round timers to milliseconds, and would spin for the rest of one.
_SHORTEST_WAIT = 0.001


class Signal:
    """Wakes all who wait for it. Who is woken looks for himself what has happened."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}

    def fire(self) -> None:
        """Wake everybody who waits now."""
        waiting, self._waiting = self._waiting, {}
        for future in waiting:
            _wake(future)

    async def wait(self, until: float = inf) -> None:
        """Wait for the next `fire()`, or until the loop's clock reads `until`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting[future] = None
        timer = (
            None if until == inf else loop.call_at(max(until, loop.time() + _SHORTEST_WAIT), _wake, future)
        )
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()
            self._waiting.pop(future, None)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

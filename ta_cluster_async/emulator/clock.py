"""The emulator's clock: server seconds since the start, taken from the event loop or moved by hand."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ..messages import Message


class Clock(Protocol):
    """What the emulator needs of a clock. `elapsed()` never decreases."""

    def start(self) -> None:
        """Start the clock. The emulator calls this once, inside its running event loop."""

    def elapsed(self) -> float:
        """Return the server seconds since `start()`."""
        ...


class LoopClock:
    """Follows `loop.time()` of the running event loop, so that a virtual-time loop also drives the server's time.

    Attributes:
        speed: Server seconds per second of the loop. With 60, a refresh of one server minute takes one second.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(Message("clock-speed", speed=speed))
        self.speed = speed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = 0.0

    def start(self) -> None:
        """Take the running loop's current time as the server's second 0."""
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()

    def elapsed(self) -> float:
        """Return the server seconds since `start()`; 0 before it."""
        if self._loop is None:
            return 0.0
        return (self._loop.time() - self._started) * self.speed


class ManualClock:
    """Stands still until `advance()`, which can let an hour of refreshes pass in one call."""

    def __init__(self) -> None:
        self._elapsed = 0.0

    def start(self) -> None:
        """Do nothing: time passes by `advance()` alone."""

    def elapsed(self) -> float:
        """Return the sum of all advances in seconds."""
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on the server.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(Message("clock-goes-back", seconds=seconds))
        self._elapsed += seconds

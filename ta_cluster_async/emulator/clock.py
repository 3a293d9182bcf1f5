"""The emulator's clock: server seconds since the start, taken from the event loop or moved by hand."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Clock(Protocol):
    """What the emulator asks of a clock. `elapsed()` never goes back."""

    def start(self) -> None:
        """Called once, inside the running event loop, when the emulator starts."""

    def elapsed(self) -> float:
        """Server seconds since `start()`."""
        ...


class LoopClock:
    """Follows `loop.time()` of the running event loop, so a virtual-time loop drives the server's time as well.

    Attributes:
        speed: Server seconds per second of the loop. With 60, a refresh of one server minute takes one second.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed has to be greater than 0, not {speed!r}")
        self.speed = speed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = 0.0

    def start(self) -> None:
        """Take the running loop's present time as the server's second 0."""
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()

    def elapsed(self) -> float:
        """Server seconds since `start()`; 0 before it."""
        if self._loop is None:
            return 0.0
        return (self._loop.time() - self._started) * self.speed


class ManualClock:
    """Stands still until `advance()`; an hour of refreshes passes in one call."""

    def __init__(self) -> None:
        self._elapsed = 0.0

    def start(self) -> None:
        """Nothing to prepare: time passes by `advance()` alone."""

    def elapsed(self) -> float:
        """The sum of all advances in seconds."""
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on the server.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"a clock does not go back: {seconds!r}")
        self._elapsed += seconds

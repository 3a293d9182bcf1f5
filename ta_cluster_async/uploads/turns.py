"""Turns in converting rows to text, which few threads of the process do at a time.

Each that does keeps the event loop waiting for the interpreter's lock now and then, and takes memory for what it converts.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT_A_TIME = 1 if (os.cpu_count() or 1) < 4 else 2
# Long enough for the thread of the event loop to take the lock, which a shorter pause would not give it.
_PAUSE = 5e-5

ROWS_OF_A_SLICE = 1 << 10
"""Rows after which a thread that converts them in Python pauses: about a millisecond."""


class Turns:
    """Turns of threads."""

    def __init__(self) -> None:
        self._free: threading.Semaphore
        self.renew()

    def renew(self) -> None:
        """Forget who has a turn: a process that was forked has none of these threads."""
        self._free = threading.Semaphore(_AT_A_TIME)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a turn."""
        free = self._free
        with free:
            yield

    @contextmanager
    def give_away(self) -> Iterator[None]:
        """Within a turn, let others have it, as while a source is read that may block."""
        free = self._free
        free.release()
        try:
            yield
        finally:
            free.acquire()


TURNS = Turns()
if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=TURNS.renew)


def pause() -> None:
    """Let the event loop run, which waits for the interpreter's lock for five milliseconds otherwise."""
    time.sleep(_PAUSE)

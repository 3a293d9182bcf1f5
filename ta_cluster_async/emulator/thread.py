"""An event loop on a thread of its own, for tests that have none."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

_T = TypeVar("_T")


class LoopThread:
    """Runs coroutines on its loop for callers in other threads."""

    def __init__(self) -> None:
        started = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="ta-emulator-loop", daemon=True
        )
        self._thread.start()
        started.wait()

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run it on the loop and block until it is done."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        """Stop the loop and wait for the thread's end."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, started: threading.Event) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            started.set()
            self._loop.run_forever()

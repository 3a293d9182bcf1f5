"""Event loops in other threads: a loop on a thread of its own, and calls that run on a loop from any thread."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_P = ParamSpec("_P")
_T = TypeVar("_T")


class LoopThread:
    """An event loop on a thread of its own that runs coroutines for callers in other threads.

    Raises:
        Exception: What kept the loop from being made, such as OSError without file descriptors.
    """

    def __init__(self) -> None:
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="ta-emulator-loop", daemon=True
        )
        self._thread.start()
        self._loop = started.result()

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine on the loop and block until it is done."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        """Stop the loop and wait for the thread to end."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        runner = asyncio.Runner()
        try:
            loop = runner.get_loop()
        except BaseException as error:  # noqa: BLE001 - raised in the calling thread
            started.set_exception(error)
            return
        with runner:
            started.set_result(loop)
            loop.run_forever()


def call_on_loop(
    loop: asyncio.AbstractEventLoop | None, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
) -> _T:
    """Call a function on a running loop from any thread and block until it returns. Without a running loop, call it here."""
    if loop is None or not loop.is_running() or _running_loop() is loop:
        return call(*args, **kwargs)
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(call(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - raised in the calling thread
            future.set_exception(error)

    loop.call_soon_threadsafe(run)
    return future.result()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None

"""An asyncio event loop whose clock skips the time in which nothing happens.

An hour of timeouts and polls costs milliseconds, and the clock shows the same times on every run::

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())
"""

import asyncio
import heapq
import itertools
import math
import selectors
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from ..messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor
    from contextvars import Context
    from typing import TypeAlias

    Events: TypeAlias = list[tuple[selectors.SelectorKey, int]]
    Poll: TypeAlias = Callable[[float | None], Events]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Real seconds before a jump. The kernel almost always delivers loopback bytes at once, but not always.
_GRACE = 0.001
# A socket that waits to write is in a handshake or has a full buffer, for which the kernel may take longer.
_GRACE_TO_WRITE = 0.02
# Real seconds after which a worker thread that ended without a wake-up is noticed.
_RECHECK_INTERVAL = 0.05


class _LoopDrivenSelector(selectors.DefaultSelector):
    """A selector that lets the loop decide how long to wait."""

    def __init__(self, wait: "Callable[[Poll, float | None], Events]") -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> "Events":
        return self._wait(super().select, timeout)


class _Timer(asyncio.TimerHandle):
    """A timer that runs after the earlier timers of the same instant."""

    __slots__ = ("number",)
    number: int
    _when: float
    _scheduled: bool

    def __lt__(self, other: object) -> bool:
        assert isinstance(other, _Timer)
        return (self._when, self.number) < (other._when, other.number)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to its next timer when nothing else can happen before it.

    Sockets between tasks of this loop, signals and `call_soon_threadsafe` work as usual. Work in threads
    (`run_in_executor`, `asyncio.to_thread`, `anyio.to_thread`) takes no virtual time: the clock stops while it runs,
    and a timer fires before it ends only after as much real time as the timer has left. The loop does not know of
    other processes or of threads started by hand, which do not stop the clock.

    Timers of the same instant run in the order in which they were set.

    With open sockets a jump costs a millisecond of real time, in which late bytes may still arrive; without
    them it costs a few microseconds. Debug mode works and measures slow callbacks in virtual time.

    Args:
        start: The first value of `time()` in seconds.

    Raises:
        ValueError: `start` is not a finite number.
    """

    _scheduled: list[asyncio.TimerHandle]
    _closed = True  # until the base class opens it: a loop with a wrong start has nothing to close

    def __init__(self, start: float = 0.0) -> None:
        if not math.isfinite(start):
            raise ValueError(Message("loop-start", start=start))
        self._now = 0.0
        self._jobs = 0
        self._numbers = itertools.count()
        self._watched = _LoopDrivenSelector(self._wait)
        super().__init__(self._watched)
        self._set_clock(float(start))

    def time(self) -> float:
        """Return the virtual time in seconds, which changes only when the loop jumps to a timer."""
        return self._now

    def call_at(
        self,
        when: float,
        callback: "Callable[[*Ts], object]",
        *args: *Ts,
        context: "Context | None" = None,
    ) -> asyncio.TimerHandle:
        """Call `callback` at the virtual time `when`, after the earlier timers of that instant."""
        if self._closed:
            raise RuntimeError("Event loop is closed")
        timer = _Timer(when, callback, args, self, context)
        timer.number = next(self._numbers)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True  # noqa: SLF001 - as the base class does
        return timer

    def run_in_executor(
        self, executor: "Executor | None", func: "Callable[[*Ts], T]", *args: *Ts
    ) -> "asyncio.Future[T]":
        """Run `func` in a thread or process while the clock stops."""
        future = super().run_in_executor(executor, func, *args)
        self._jobs += 1
        future.add_done_callback(self._job_done)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for the executor's threads; `timeout` is in seconds (Python 3.12 and later)."""
        self._jobs += 1
        try:
            if sys.version_info >= (3, 12):  # pragma: no cover - by version
                await super().shutdown_default_executor(timeout)
            else:  # pragma: no cover - by version
                await super().shutdown_default_executor()
        finally:
            self._jobs -= 1

    def _job_done(self, _: "asyncio.Future[T]") -> None:
        self._jobs -= 1

    def _set_clock(self, now: float) -> None:
        self._now = now
        # The base class runs timers due before now + resolution: with one ulp exactly those due by now.
        # More would make `while time() < end: await sleep(end - time())` spin, less would never run them.
        self._clock_resolution = math.ulp(now)

    def _wait(self, poll: "Poll", timeout: float | None) -> "Events":
        if timeout is None or timeout <= 0:
            return poll(timeout)
        when = self._scheduled[0].when()
        if when == math.inf:  # the timer of `sleep(math.inf)`, and so are all others
            return poll(None)
        deadline = time.monotonic() + (when - self._now)
        while True:
            # Checked before the poll: a thread that reports in between has woken the selector by then.
            working = self._threads_at_work()
            left = deadline - time.monotonic()
            if events := poll(max(0.0, min(left, _RECHECK_INTERVAL)) if working else self._grace()):
                return events
            if not working or left <= 0:
                self._set_clock(when)
                return []

    def _grace(self) -> float:
        watched = self._watched.get_map()
        if len(watched) == 1:  # only the loop's own wake-up pipe
            return 0.0
        writing = any(key.events & selectors.EVENT_WRITE for key in watched.values())
        return _GRACE_TO_WRITE if writing else _GRACE

    def _threads_at_work(self) -> bool:
        if self._jobs:
            return True
        if threading.active_count() == 1:
            return False
        # anyio's workers do not go through `run_in_executor`. Each has its loop and its queue as attributes.
        return any(
            getattr(thread, "loop", None) is self
            and getattr(getattr(thread, "queue", None), "unfinished_tasks", 0) > 0
            for thread in threading.enumerate()
        )


def run(main: "Coroutine[Any, Any, T]", *, start: float = 0.0, debug: bool | None = None) -> T:
    """Run a coroutine in a new `VirtualTimeLoop`, as `asyncio.run` does in a real one."""
    with asyncio.Runner(debug=debug, loop_factory=lambda: VirtualTimeLoop(start)) as runner:
        return runner.run(main)

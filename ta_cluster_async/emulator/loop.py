"""An asyncio event loop whose clock jumps over the time in which nothing happens.

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

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor
    from contextvars import Context
    from typing import TypeAlias

    Events: TypeAlias = list[tuple[selectors.SelectorKey, int]]
    Poll: TypeAlias = Callable[[float | None], Events]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Real seconds. The kernel hands loopback bytes over at once almost always; a jump must not hang on "almost".
_GRACE = 0.001
# A socket that waits to write has a handshake or a full buffer on its way, and the kernel may take longer.
_GRACE_TO_WRITE = 0.02
# A worker thread that ends without a word is noticed after this.
_LOOK_AGAIN = 0.05


class _AskingSelector(selectors.DefaultSelector):
    """A selector that leaves it to the loop how long to wait."""

    def __init__(self, wait: "Callable[[Poll, float | None], Events]") -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> "Events":
        return self._wait(super().select, timeout)


class _Timer(asyncio.TimerHandle):
    """A timer that comes after those of the same instant that were set before it."""

    __slots__ = ("number",)
    number: int
    _when: float
    _scheduled: bool

    def __lt__(self, other: object) -> bool:
        assert isinstance(other, _Timer)
        return (self._when, self.number) < (other._when, other.number)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that goes straight to its next timer when nothing else can happen before it.

    Sockets between tasks of this loop, signals and `call_soon_threadsafe` work as ever. Work in threads
    (`run_in_executor`, `asyncio.to_thread`, `anyio.to_thread`) takes no virtual time: the clock stands while
    it lasts, and a timer overtakes it only after as much real silence as the timer asks for. Other processes,
    and threads started by hand, are out of the loop's sight and do not hold the clock.

    Timers of the same instant run in the order in which they were set.

    With sockets open a jump costs a millisecond of real time, in which late bytes may still arrive; without
    them it costs a few microseconds. Debug mode works, and measures slow callbacks in virtual time.

    Args:
        start: What `time()` shows at first, in seconds.

    Raises:
        ValueError: `start` is not a finite number.
    """

    _scheduled: list[asyncio.TimerHandle]
    _closed = True  # until the base class opens it: one that was refused has nothing to close

    def __init__(self, start: float = 0.0) -> None:
        if not math.isfinite(start):
            raise ValueError("start must be a finite number of seconds")
        self._now = 0.0
        self._jobs = 0
        self._numbers = itertools.count()
        self._watched = _AskingSelector(self._wait)
        super().__init__(self._watched)
        self._set_clock(float(start))

    def time(self) -> float:
        """The virtual time in seconds; it changes only when the loop goes on to a timer."""
        return self._now

    def call_at(
        self,
        when: float,
        callback: "Callable[[*Ts], object]",
        *args: *Ts,
        context: "Context | None" = None,
    ) -> asyncio.TimerHandle:
        """Call `callback` at the virtual time `when`, after the timers of that instant that are set already."""
        if self._closed:
            raise RuntimeError("Event loop is closed")
        timer = _Timer(when, callback, args, self, context)
        timer.number = next(self._numbers)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True  # noqa: SLF001 - the loop's own mark, as the base class sets it
        return timer

    def run_in_executor(
        self, executor: "Executor | None", func: "Callable[[*Ts], T]", *args: *Ts
    ) -> "asyncio.Future[T]":
        """Run `func` in a thread or process while the clock stands still."""
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
        # The base class runs timers that are due before now + resolution: this way exactly those due by now.
        # More would let `while time() < end: await sleep(end - time())` spin, less would never run them.
        self._clock_resolution = math.ulp(now)

    def _wait(self, poll: "Poll", timeout: float | None) -> "Events":
        if timeout is None or timeout <= 0:
            return poll(timeout)
        when = self._scheduled[0].when()
        if when == math.inf:  # the timer of `sleep(math.inf)`, so every other one is as far
            return poll(None)
        deadline = time.monotonic() + (when - self._now)
        while True:
            # Asked before the poll: a thread that reports in between has woken the selector by then.
            working = self._threads_at_work()
            left = deadline - time.monotonic()
            if events := poll(max(0.0, min(left, _LOOK_AGAIN)) if working else self._grace()):
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
        # anyio's workers do not pass through `run_in_executor`. Each names its loop and counts its queue.
        return any(
            getattr(thread, "loop", None) is self
            and getattr(getattr(thread, "queue", None), "unfinished_tasks", 0) > 0
            for thread in threading.enumerate()
        )


def run(main: "Coroutine[Any, Any, T]", *, start: float = 0.0, debug: bool | None = None) -> T:
    """Run a coroutine to its end in a new `VirtualTimeLoop`, as `asyncio.run` does in a real one."""
    with asyncio.Runner(debug=debug, loop_factory=lambda: VirtualTimeLoop(start)) as runner:
        return runner.run(main)

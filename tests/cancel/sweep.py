"""Cancelling something at every step of its event loop, and what must hold after each.

`CANCEL_SWEEP=full` cancels at every step where a default run leaves some out.
"""

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

import anyio
from attrs import define, field, frozen

from ta_cluster_async.emulator.loop import VirtualTimeLoop
from ta_cluster_async.errors import TaError

IS_FULL = os.environ.get("CANCEL_SWEEP") == "full"
# Virtual seconds. What is cancelled may clean up for so long, and the batch runner says so of itself.
SHORT = 1.0
# No request may come for so long afterwards, which is longer than any wait between two.
SILENCE = 1_000.0
# Turns until a scope's cancellation comes to a task, and until it is known that the task has ended.
_LATE = 4
OWN_THREADS = ("ta-journal", "ta-upload")

Act: TypeAlias = Callable[[], Awaitable[object]]


class StepLoop(VirtualTimeLoop):
    """A loop that counts its turns, and does something at the beginning of one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = 0
        self.troubles: list[dict[str, Any]] = []
        self._at = -1
        self._act: Callable[[], object] = int
        self.set_exception_handler(lambda _, context: self.troubles.append(context))

    def at_turn(self, turns: int, act: Callable[[], object]) -> None:
        """Do this after so many turns from now."""
        self._at, self._act = self.turn + turns, act

    def _run_once(self) -> None:
        self.turn += 1
        if self.turn == self._at:
            self._act()
        super()._run_once()  # type: ignore[misc]  # what `run_forever` calls


@define(eq=False)
class Struck:
    """What became of something that was cancelled at some turn.

    Attributes:
        hit: It was still under way then.
        begun: How many requests had begun when it was cancelled.
        at: When that was.
        turn: At which turn of the loop.
    """

    hit: bool = False
    begun: int = -1
    at: float = 0.0
    turn: int = 0


@define(eq=False)
class Way:
    """A way to cancel.

    Attributes:
        name: `task` for `Task.cancel`, `timeout` for the end of an `asyncio.timeout`, `scope` for anyio's cancel scopes.
    """

    name: str
    _scope: Any = field(default=None, init=False)

    def strike(self, task: "asyncio.Task[object]") -> None:
        """Cancel."""
        if self.name == "task":
            assert task.cancel()
        elif self.name == "timeout":
            self._scope.reschedule(asyncio.get_running_loop().time())
        else:
            self._scope.cancel()

    async def run(self, act: Act) -> object:
        """Run something so that `strike` cancels it. Returns whether it was cut off."""
        if self.name == "task":
            return await act()
        if self.name == "timeout":
            try:
                async with asyncio.timeout(None) as self._scope:
                    await act()
            except TimeoutError:
                return self._went_on(cut=True)
            return self._went_on(cut=False)
        with anyio.CancelScope() as self._scope:
            await act()
        return self._went_on(cut=self._scope.cancelled_caught)

    def _went_on(self, *, cut: bool) -> bool:
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0, "nothing of the cancellation is left to the caller"
        return cut


# And at which turns a default run cancels: at each, or each third.
WAYS = {"task": 1, "timeout": 3, "scope": 3}


def open_files() -> set[str]:
    """What this process has open."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{entry.name} {entry.readlink()}")
        except OSError:
            continue  # the folder itself, which was open to be read
    return found


@frozen
class Before:
    """The tasks that were there, and what was open."""

    tasks: set["asyncio.Task[Any]"] = field(factory=asyncio.all_tasks)
    files: set[str] = field(factory=open_files)

    async def check(self, when: str) -> None:
        """Nothing more is there now, and the library's own threads have ended."""
        left = asyncio.all_tasks() - self.tasks
        assert not left, f"{when}: {left} are left"
        check_threads()
        if open_files() - self.files:
            await asyncio.to_thread(time.sleep, 0.02)  # a thread may be about to close it
            opened = open_files() - self.files
            assert not opened, f"{when}: {opened} are left"


async def cancel_at(
    turn: int, way: Way, act: Act, begun: Callable[[], int], *, turns: int = 0, pooled: bool = False
) -> Struck:
    """Cancel at that turn, and check what holds of everything that is cancelled.

    Args:
        turn: After so many turns of the loop.
        way: How it is cancelled.
        act: What is cancelled.
        begun: How many requests have begun.
        turns: How many turns it takes until all tasks of it are cancelled. One that has its turn before may begin its next request.
        pooled: A connection may be left in the pool of an open session.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, StepLoop)
    struck = Struck()
    before = Before()
    task: asyncio.Task[object] = asyncio.ensure_future(way.run(act))

    def strike() -> None:
        if not task.done():
            struck.hit, struck.begun, struck.at, struck.turn = True, begun(), loop.time(), loop.turn
            way.strike(task)
            after(turns)

    def after(turns: int) -> None:
        if turns:
            loop.call_soon(after, turns - 1)
        else:
            struck.begun = begun()

    # A task can be cancelled before its first turn, in which others come to their scope.
    loop.at_turn(turn + (1 if way.name == "task" else 2), strike)
    await asyncio.wait([task])
    ended, last_turn = loop.time(), loop.turn
    problem = None if task.cancelled() else task.exception()
    if not struck.hit:
        assert problem is None or isinstance(problem, TaError), repr(problem)
        return struck
    if way.name == "task":
        assert task.cancelled(), f"turn {turn}: {problem!r} came out"
    elif problem is not None or not task.result():
        # It had ended before the cancellation came to it.
        assert problem is None or isinstance(problem, TaError), f"turn {turn}: {problem!r}"
        assert last_turn - struck.turn <= _LATE, f"turn {turn}: the cancellation was lost"
    assert ended - struck.at <= SHORT, f"turn {turn}: it took {ended - struck.at} seconds"
    await asyncio.sleep(SILENCE)
    assert begun() == struck.begun, f"turn {turn}: a request began afterwards"
    assert not loop.troubles, f"turn {turn}: {loop.troubles}"
    if not pooled:
        await before.check(f"turn {turn}")
    return struck


def check_threads() -> None:
    """None of the library's own threads is left; they end by themselves, so they get a moment."""
    until = time.monotonic() + 2.0
    while left := [thread.name for thread in threading.enumerate() if thread.name.startswith(OWN_THREADS)]:
        assert time.monotonic() < until, left
        time.sleep(0.001)


def sweep(once: Callable[[int], Coroutine[Any, Any, Struck]], *, every: int = 1) -> int:
    """Cancel at turn after turn, each in a loop of its own, until there is nothing left to cancel. Returns at how many it was.

    Args:
        once: Cancels at one turn.
        every: At which turns a default run does so.
    """
    turn, count, every = 0, 0, 1 if IS_FULL else every
    while True:
        with asyncio.Runner(loop_factory=StepLoop) as runner:
            struck = runner.run(once(turn))
        if not struck.hit:
            return count
        turn += every
        count += 1

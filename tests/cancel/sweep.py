"""Cancel a coroutine at every iteration of its event loop, and check what must hold after each cancellation.

`CANCEL_SWEEP=full` cancels at every iteration; a default run skips some.
"""

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import pytest
from attrs import define, field, frozen

from ta_cluster_async.emulator.loop import VirtualTimeLoop
from ta_cluster_async.errors import TaError

IS_FULL = os.environ.get("CANCEL_SWEEP") == "full"
# Virtual seconds that a cancelled coroutine may clean up, as the batch runner promises.
CLEAN_UP_SECONDS = 1.0
# Virtual seconds without another request, longer than any pause between two.
SILENT_SECONDS = 1_000.0
# Iterations until a scope's cancellation reaches a task and its end is known.
_LATE = 4
OWN_THREADS = ("ta-journal", "ta-upload")

Act: TypeAlias = Callable[[], Awaitable[object]]


class StepLoop(VirtualTimeLoop):
    """A loop that counts its iterations, and calls a function at the beginning of one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.iteration = 0
        self.errors: list[dict[str, Any]] = []
        self._at = -1
        self._act: Callable[[], object] = int
        self.set_exception_handler(lambda _, context: self.errors.append(context))

    def at_iteration(self, iterations: int, act: Callable[[], object]) -> None:
        """Call a function `iterations` iterations from now."""
        self._at, self._act = self.iteration + iterations, act

    def _run_once(self) -> None:
        self.iteration += 1
        if self.iteration == self._at:
            self._act()
        super()._run_once()  # type: ignore[misc]  # what `run_forever` calls


@define(eq=False)
class Cancellation:
    """What a cancellation met.

    Attributes:
        hit: Whether the coroutine was still running.
        begun: How many requests had begun.
        at: The time of the loop.
        iteration: The iteration of the loop.
    """

    hit: bool = False
    begun: int = -1
    at: float = 0.0
    iteration: int = 0


@define(eq=False)
class CancelMethod:
    """A way to cancel a coroutine.

    Attributes:
        name: `task` for `Task.cancel`, `timeout` for the end of an `asyncio.timeout`, `scope` for anyio's cancel scopes.
    """

    name: str
    _scope: Any = field(default=None, init=False)

    def cancel(self, task: "asyncio.Task[object]") -> None:
        """Cancel the task that `run` runs in."""
        if self.name == "task":
            assert task.cancel()
        elif self.name == "timeout":
            self._scope.reschedule(asyncio.get_running_loop().time())
        else:
            self._scope.cancel()

    async def run(self, act: Act) -> object:
        """Run a coroutine so that `cancel` cancels it, and return whether it was cancelled."""
        if self.name == "task":
            return await act()
        if self.name == "timeout":
            try:
                async with asyncio.timeout(None) as self._scope:
                    await act()
            except TimeoutError:
                return self._uncancelled(cut=True)
            return self._uncancelled(cut=False)
        with anyio.CancelScope() as self._scope:
            await act()
        return self._uncancelled(cut=self._scope.cancelled_caught)

    def _uncancelled(self, *, cut: bool) -> bool:
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0, "the cancellation does not reach the caller"
        return cut


# Every how many iterations a default run cancels.
METHODS = {"task": 1, "timeout": 3, "scope": 3}
METHODS_AS_PARAMETERS = [
    "task",
    *(pytest.param(method, marks=pytest.mark.slow) for method in ("timeout", "scope")),
]


def open_files() -> set[str]:
    """The open files of this process."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{entry.name} {entry.readlink()}")
        except OSError:
            continue  # the directory itself, which was open for reading
    return found


@frozen
class OpenResources:
    """The tasks and open files at one moment."""

    tasks: set["asyncio.Task[Any]"] = field(factory=asyncio.all_tasks)
    files: set[str] = field(factory=open_files)

    async def check(self, when: str) -> None:
        """Check that there are no more now, and that the library's own threads have ended."""
        left = asyncio.all_tasks() - self.tasks
        assert not left, f"{when}: {left} are left"
        check_threads()
        if open_files() - self.files:
            await asyncio.to_thread(time.sleep, 0.02)  # a thread may be about to close it
            opened = open_files() - self.files
            assert not opened, f"{when}: {opened} are left"


async def cancel_at(
    iteration: int,
    method: CancelMethod,
    act: Act,
    begun: Callable[[], int],
    *,
    iterations: int = 0,
    pooled: bool = False,
) -> Cancellation:
    """Cancel a coroutine at one iteration, and check what must hold after every cancellation.

    Args:
        iteration: The iteration at which to cancel, from the start of the coroutine.
        method: How to cancel.
        act: Makes the coroutine.
        begun: Returns how many requests have begun.
        iterations: How many iterations it takes until all its tasks are cancelled. A task that runs before may begin one more request.
        pooled: Whether a connection may be left in the pool of an open session.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, StepLoop)
    cancellation = Cancellation()
    before = OpenResources()
    task: asyncio.Task[object] = asyncio.ensure_future(method.run(act))

    def cancel() -> None:
        if not task.done():
            cancellation.hit = True
            cancellation.begun = begun()
            cancellation.at = loop.time()
            cancellation.iteration = loop.iteration
            method.cancel(task)
            after(iterations)

    def after(iterations: int) -> None:
        if iterations:
            loop.call_soon(after, iterations - 1)
        else:
            cancellation.begun = begun()

    # A task can be cancelled before its first step, in which the others enter their scope.
    loop.at_iteration(iteration + (1 if method.name == "task" else 2), cancel)
    await asyncio.wait([task])
    ended, last_iteration = loop.time(), loop.iteration
    problem = None if task.cancelled() else task.exception()
    if not cancellation.hit:
        assert problem is None or isinstance(problem, TaError), repr(problem)
        return cancellation
    if method.name == "task":
        assert task.cancelled(), f"iteration {iteration}: {problem!r} came out"
    elif problem is not None or not task.result():
        # It had ended before the cancellation reached it.
        assert problem is None or isinstance(problem, TaError), f"iteration {iteration}: {problem!r}"
        assert last_iteration - cancellation.iteration <= _LATE, (
            f"iteration {iteration}: the cancellation was lost"
        )
    assert ended - cancellation.at <= CLEAN_UP_SECONDS, (
        f"iteration {iteration}: it took {ended - cancellation.at} seconds"
    )
    await asyncio.sleep(SILENT_SECONDS)
    assert begun() == cancellation.begun, f"iteration {iteration}: a request began afterwards"
    assert not loop.errors, f"iteration {iteration}: {loop.errors}"
    if not pooled:
        await before.check(f"iteration {iteration}")
    return cancellation


def check_threads() -> None:
    """Check that the library's own threads have ended; they end by themselves within a moment."""
    until = time.monotonic() + 2.0
    while left := [thread.name for thread in threading.enumerate() if thread.name.startswith(OWN_THREADS)]:
        assert time.monotonic() < until, left
        time.sleep(0.001)


def sweep(once: Callable[[int], Coroutine[Any, Any, Cancellation]], *, every: int = 1) -> int:
    """Cancel at one iteration after another, each in a new loop, until there is nothing left to cancel, and return how often.

    Args:
        once: Cancels at one iteration.
        every: Every how many iterations a default run cancels.
    """
    iteration, count, every = 0, 0, 1 if IS_FULL else every
    while True:
        with asyncio.Runner(loop_factory=StepLoop) as runner:
            cancellation = runner.run(once(iteration))
        if not cancellation.hit:
            return count
        iteration += every
        count += 1

"""The thread that owns the journal's file, as the event loop sees it: group commits, and reads in between."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from ...errors import JournalError
from ...messages import Message
from .store import Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from .rows import Values
    from .store import Store

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# The last commit may have to wait for another process, and for a slow disk; more than this is a disk that is gone.
_CLOSING_SECONDS = 15.0
# When the task that closes is cancelled, it waits so long for the thread, which ends by itself in any case.
_CANCELLED_SECONDS = 1.0


class Writer:
    """Everything that is queued while a commit is on its way goes into the next one.

    The jobs go through `run_in_executor`, one at a time: so a loop with a virtual clock knows of them, and lets no timer overtake them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ta-journal")
        self._queue: list[Write] = []
        self._start_soon: asyncio.Handle | None = None
        self._job: asyncio.Future[None] | None = None
        self._failed = False
        self._ending: asyncio.Future[None] | None = None
        self._patience = _CLOSING_SECONDS

    async def open(self) -> None:
        """Let the thread open the file. Raises JournalError; then, as when it is cancelled, thread and file are closed."""
        opening = self._call(self._store.open)
        try:
            await asyncio.wait({opening})
        except asyncio.CancelledError:
            opening.add_done_callback(_ignore_result)
            abandoned = self._call(self._store.abandon)
            self._thread.shutdown(wait=False)
            await asyncio.wait({abandoned}, timeout=_CANCELLED_SECONDS)
            raise
        if opening.exception() is not None:
            self._thread.shutdown()
        opening.result()

    def queue(self, sql: str, values: Values) -> None:
        """Have a change written soon. If that fails, it is tried again with whatever comes next. Raises JournalError when closed."""
        self._add(Write(sql, values))

    async def commit(self, sql: str, values: Values) -> None:
        """Have a change written, and return when it is durable. Raises JournalError."""
        done = self._loop.create_future()
        self._add(Write(sql, values, done))
        await done

    async def flush(self) -> None:
        """Return when everything queued so far is durable. Raises JournalError."""
        if self._queue or self._failed or self._job is not None:
            await self.commit("", ())

    async def read(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Have the thread look something up. It sees what is durable by then. Raises JournalError."""
        self._check_open()
        return await self._call(function, *args)

    def beat(self) -> None:
        """Renew the lease with a commit, if none is on its way anyway."""
        if self._start_soon is None and self._job is None and self._ending is None:
            self._start()

    async def end(self, *, complete: bool, requests: int, makespan: float) -> None:
        """Write what is left and close file and thread. A second call waits for the first. Raises JournalError, the first time.

        What the thread has to do is handed over before the first await, so that it is done even if this is cancelled.
        """
        if self._ending is not None:
            await asyncio.wait({self._ending}, timeout=self._patience)
            return
        group = self._take()
        self._ending = self._call(
            partial(self._store.end, group, complete=complete, requests=requests, makespan=makespan)
        )
        self._ending.add_done_callback(partial(self._ended, group))
        self._thread.shutdown(wait=False)
        try:
            await asyncio.wait({self._ending}, timeout=self._patience)
        except asyncio.CancelledError:
            await asyncio.wait({self._ending}, timeout=_CANCELLED_SECONDS)
            raise
        if not self._ending.done():
            raise JournalError(Message("journal-not-closed", seconds=self._patience))
        self._thread.shutdown()  # it has nothing more to do, so this takes no time, and no thread is left
        self._ending.result()

    def _add(self, write: Write) -> None:
        self._check_open()
        self._queue.append(write)
        if self._job is None and self._start_soon is None:
            # Not at once: what else happens in this turn of the loop shares the commit.
            self._start_soon = self._loop.call_soon(self._start)

    def _check_open(self) -> None:
        if self._ending is not None:
            raise JournalError(Message("journal-run-closed"))

    def _take(self) -> list[Write]:
        if self._start_soon is not None:
            self._start_soon.cancel()
            self._start_soon = None
        group = [write for write in self._queue if write.waiter is None or not write.waiter.done()]
        self._queue.clear()
        return group

    def _start(self) -> None:
        group = self._take()
        self._job = self._call(self._store.write, group)
        self._job.add_done_callback(partial(self._written, group))

    def _written(self, group: list[Write], job: asyncio.Future[None]) -> None:
        self._job = None
        self._failed = _resolve(group, job)
        if self._queue and self._start_soon is None and self._ending is None:
            self._start()

    def _ended(self, group: list[Write], job: asyncio.Future[None]) -> None:
        _resolve(group, job)

    def _call(self, function: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        return self._loop.run_in_executor(self._thread, function, *args)


def _ignore_result(job: asyncio.Future[None]) -> None:
    """Fetch an error that nobody waits for, or asyncio would log it."""
    job.exception()


def _resolve(group: list[Write], job: asyncio.Future[None]) -> bool:
    """Resolve the waiters of a commit. Returns whether it failed."""
    error = job.exception()
    for write in group:
        if write.waiter is None or write.waiter.done():
            continue
        if error is None:
            write.waiter.set_result(None)
        else:
            # Each gets its own, as each adds its traceback.
            own = copy(error)
            own.__cause__ = error.__cause__
            write.waiter.set_exception(own)
    return error is not None

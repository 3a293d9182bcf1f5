"""Reading a source once, from its start to its end. Blocking reads run in threads."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..protocol.requests import Chunk

# Seconds. Long enough for the end of a row or a chunk, and short enough for one who was cancelled.
_MOMENT = 0.5


class Reader:
    """One pass over a source.

    Attributes:
        name: What messages call the source.
        again: Another reader can begin at the same start. Certain after the first read.
        size: Bytes in all, where known after the first read.
        about: Bytes in all, nearly, where it is not known but can be guessed from what was read so far.
        rows: Rows that were read so far, without those that were skipped; None where they are not counted. They may be some
            parts ahead of what `read` has given.
        is_exact: Without it, `rows` counts lines, of which some may be blank or within quotes; it is never too low.
        skipped: Rows that were left out so far.
    """

    name: str = "The source"
    again: bool = True
    size: int | None = None
    about: int | None = None
    rows: int | None = 0
    is_exact: bool = True
    skipped: int = 0

    async def read(self) -> Chunk:
        """The next part, b"" at the end."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close what this reader has opened, and a generator that it has used up to some point."""


class BlockingReader(Reader):
    """Reads in threads, one read at a time, and closes what it reads from as soon as no thread is reading it.

    Args:
        ahead: So many parts more are read while one is being sent, in a thread of their own, which keeps them in order.
    """

    def __init__(self, *, ahead: int = 0) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._ahead = ahead
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ta-upload") if ahead else None
        self._queue: deque[asyncio.Future[Chunk]] = deque()
        self._reading: asyncio.Future[Chunk] | None = None

    async def read(self) -> Chunk:
        """See `Reader.read`."""
        if self._closed:
            return b""
        while len(self._queue) <= self._ahead:
            self._queue.append(self._begin())
        reading = self._queue.popleft()
        chunk = await asyncio.shield(reading)
        if self._reading is reading:
            self._reading = None  # it would keep the part in memory
        return chunk

    async def aclose(self) -> None:
        """See `Reader.aclose`. A thread that still reads, because the one who waited for it was cancelled, is waited for a moment.

        If it is blocked for longer, it closes when it is done.
        """
        self._closed = True
        try:
            if self._reading is not None and not self._reading.done():
                await asyncio.wait([self._reading], timeout=_MOMENT)
        finally:  # some ways to cancel do so again at each await
            self._queue.clear()
            if self._pool is not None:
                self._pool.shutdown(wait=False)
            self._close_if_idle()

    def _begin(self) -> asyncio.Future[Chunk]:
        run = contextvars.copy_context().run
        reading = asyncio.get_running_loop().run_in_executor(self._pool, run, self._read_alone)
        self._reading = reading
        reading.add_done_callback(_heed)
        return reading

    def _read_alone(self) -> Chunk:
        try:
            with self._lock:
                return b"" if self._closed else self._read()
        except StopIteration as problem:
            # A future cannot take it, and whoever awaits it would wait for ever.
            msg = "The source raised StopIteration."
            raise RuntimeError(msg) from problem
        finally:
            if self._closed:
                self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()

    def _read(self) -> Chunk:
        raise NotImplementedError

    def _close(self) -> None:
        """Close; may be called several times."""


def _heed(reading: asyncio.Future[Chunk]) -> None:
    """Take note of how a read ended that nobody waits for any more, so that the loop does not complain of it."""
    reading.exception()

"""Reading a source once, from its start to its end. Blocking reads run in threads."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest
from ..messages import Message

if TYPE_CHECKING:
    from ..protocol.requests import Chunk

# Seconds that a read may still take when its reader is closed: enough for a row or a chunk, and short for a caller who was cancelled.
_CLOSE_TIMEOUT = 0.5
# Seconds for the state of the files that were read: enough for thousands of them on a network disk.
_STATE_TIMEOUT = 10.0


class Reader:
    """One pass over a source.

    Attributes:
        name: What messages call the source.
        is_repeatable: Another reader can begin at the same start. Certain after the first read.
        size: Bytes in all, where known after the first read.
        estimated_size: Bytes in all as far as the parts read so far tell, where `size` is not known.
        rows: Rows read so far, without skipped ones; None where they are not counted. They may be ahead of what `read` has returned.
        is_exact: Whether `rows` counts rows. Otherwise it counts lines, of which some may be blank or within quotes, and is never too low.
        skipped: Rows left out so far.
    """

    name: Message = Message("unnamed-source")
    is_repeatable: bool = True
    size: int | None = None
    estimated_size: int | None = None
    rows: int | None = 0
    is_exact: bool = True
    skipped: int = 0

    async def read(self) -> Chunk:
        """Return the next part, b"" at the end."""
        raise NotImplementedError

    async def is_changed(self) -> bool:
        """Whether what it reads was changed since it began, as far as that can be told."""
        return False

    async def aclose(self) -> None:
        """Close what this reader has opened, and a generator that it has begun."""


class BlockingReader(Reader):
    """Reads in a thread of its own, and closes its source as soon as the thread is not reading it.

    A thread that a source blocks for ever must hold up nothing else, neither another upload nor the event loop's own threads, in which
    host names are looked up.

    Args:
        ahead: How many parts are read before they are asked for.
    """

    def __init__(self, *, ahead: int = 0) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._ahead = ahead
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ta-upload")
        self._queue: deque[asyncio.Future[Chunk]] = deque()
        self._latest: asyncio.Future[Chunk] | None = None

    async def read(self) -> Chunk:
        """See `Reader.read`."""
        if self._closed:
            return b""
        while len(self._queue) <= self._ahead:
            self._queue.append(self._start_read())
        reading = self._queue.popleft()
        chunk = await asyncio.shield(reading)
        if self._latest is reading:
            self._latest = None  # it would keep the part in memory
        return chunk

    async def aclose(self) -> None:
        """See `Reader.aclose`. Waits shortly for a thread that still reads; one that blocks longer closes the source when it is done."""
        self._closed = True
        try:
            if self._latest is not None and not self._latest.done():
                await asyncio.wait([self._latest], timeout=_CLOSE_TIMEOUT)
        finally:  # some ways to cancel do so again at each await
            self._queue.clear()
            self._thread.shutdown(wait=False)
            self._close_if_idle()

    async def is_changed(self) -> bool:
        """See `Reader.is_changed`. It is found out in the thread, since a file system may be slow."""
        if self._closed:
            return False
        # Where the length is known, the upload is whole before the read that finds its end. What blocks in a read that the server did not
        # wait for, though, is not waited for long.
        is_reading = self._latest is not None and not self._latest.done()
        looking = asyncio.get_running_loop().run_in_executor(self._thread, self._is_changed_locked)
        looking.add_done_callback(_retrieve_error)
        await asyncio.wait([looking], timeout=_CLOSE_TIMEOUT if is_reading else _STATE_TIMEOUT)
        return looking.done() and looking.result()

    def _is_changed_locked(self) -> bool:
        try:
            with self._lock:
                return not self._closed and self._is_changed()
        finally:
            if self._closed:
                self._close_if_idle()

    def _start_read(self) -> asyncio.Future[Chunk]:
        run = contextvars.copy_context().run
        reading = asyncio.get_running_loop().run_in_executor(self._thread, run, self._read_locked)
        self._latest = reading
        reading.add_done_callback(_retrieve_error)
        return reading

    def _read_locked(self) -> Chunk:
        try:
            with self._lock:
                return b"" if self._closed else self._read()
        except StopIteration as problem:
            # A future cannot hold it, and awaiting that future would never end.
            raise RuntimeError("The source raised StopIteration.") from problem
        except InvalidRequest as problem:
            # What encodes rows knows their numbers, and not where they come from.
            if "row" in problem.params and "source" not in problem.params:
                place = self._place_of(problem)
                if place.code != "unnamed-source":
                    problem.set_message(Message("row-in-file", source=place, problem=problem.what()))
            raise
        finally:
            if self._closed:
                self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._lock.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._lock.release()

    def _place_of(self, problem: InvalidRequest) -> Message:
        """Return what the source, and if need be the place in it, is called to which a wrong row belongs."""
        del problem
        return self.name

    def _read(self) -> Chunk:
        raise NotImplementedError

    def _is_changed(self) -> bool:
        return False

    def _close(self) -> None:
        """Close the source; may be called several times."""


def _retrieve_error(reading: asyncio.Future[Any]) -> None:
    """Keep asyncio from logging the error of a read that nobody awaits any more."""
    reading.exception()

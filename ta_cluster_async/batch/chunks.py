"""References as they come, in chunks of a useful size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Sized
from itertools import islice
from typing import TYPE_CHECKING

import anyio

from ..client.signal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# When an asynchronous source makes the batch wait, what has come within so many seconds goes on its way.
_LINGER = 0.1


class Chunks:
    """Reads references ahead, at most one chunk of them.

    An asynchronous source is read by a task of its own, `read`, so that neither a slow one nor one that never ends holds up the batch.

    Args:
        refs: The references.
        size: The most references of a chunk.
        changed: Fired when one has come, and from outside when it may be over.
        is_over: Tells whether no more chunks are wanted.
    """

    def __init__(
        self,
        refs: Iterable[object] | AsyncIterable[object],
        size: int,
        changed: Signal,
        is_over: Callable[[], bool],
    ) -> None:
        self._size = size
        self._changed = changed
        self._is_over = is_over
        self._buffer: list[object] = []
        self._source = refs if isinstance(refs, AsyncIterable) else None
        self._iterator = iter(()) if isinstance(refs, AsyncIterable) else iter(refs)
        self._is_collection = isinstance(refs, Sized) and self._source is None
        self._ended = self._source is None
        self._taken = Signal()
        self._scope = anyio.CancelScope()

    async def read(self) -> None:
        """Read an asynchronous source to its end. What it raises comes out unchanged."""
        if self._source is None:
            return
        with self._scope:
            async for ref in self._source:
                self._buffer.append(ref)
                if len(self._buffer) == 1 or self._is_full():
                    self._changed.fire()
                while self._is_full():
                    await self._taken.wait()
        self._ended = True
        self._changed.fire()

    async def next(self) -> list[object]:
        """Return the next chunk, as soon as there is one; an empty one when there are no more, or none are wanted."""
        if self._source is None:
            return [] if self._is_over() else list(islice(self._iterator, self._size))
        while not (self._buffer or self._ended or self._is_over()):
            await self._changed.wait()
        clock = asyncio.get_running_loop().time
        until = clock() + _LINGER
        while not (self._is_full() or self._ended or self._is_over()) and clock() < until:
            await self._changed.wait(until)
        return [] if self._is_over() else self._take()

    def close(self) -> None:
        """Read nothing more of an asynchronous source."""
        self._scope.cancel()

    def rest(self) -> Iterator[list[object]]:
        """Yield unread refs; for streams only those already buffered."""
        if self._buffer:
            yield self._take()
        while self._is_collection and (chunk := list(islice(self._iterator, self._size))):
            yield chunk

    def _is_full(self) -> bool:
        return len(self._buffer) >= self._size

    def _take(self) -> list[object]:
        chunk, self._buffer = self._buffer, []
        self._taken.fire()
        return chunk

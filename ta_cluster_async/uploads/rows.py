"""Rows of the caller's iterable or async iterable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ..protocol.csv import Dropped
from .reader import BlockingReader, Reader
from .turns import ROWS_OF_A_SLICE, TURNS, pause

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable

    from .options import Encode, Layout

BATCH = 1 << 13
"""Rows that are encoded at once."""


class Encoder:
    """Encodes batches of rows and counts them.

    Attributes:
        rows: Rows so far, without skipped ones.
    """

    def __init__(self, encode: Encode, layout: Layout) -> None:
        self.rows: int = 0
        self._encode = encode
        self._dropped = Dropped() if layout.on_null == "skip" else None
        self._next_row = 1

    @property
    def skipped(self) -> int:
        """Rows left out so far."""
        return 0 if self._dropped is None else self._dropped.num

    def encode(self, batch: list[object]) -> bytes:
        """Return the text of the next rows."""
        parts = []
        with TURNS.take():
            for start in range(0, len(batch), ROWS_OF_A_SLICE):
                if start:
                    pause()
                rows = batch[start : start + ROWS_OF_A_SLICE]
                parts.append(self._encode(rows, self._next_row, self._dropped))
                self._next_row += len(rows)
        self.rows = self._next_row - 1 - self.skipped
        return b"".join(parts)


class RowsReader(BlockingReader):
    """Rows of an iterable. An iterator can be read only once."""

    rows: int | None
    skipped: int

    def __init__(self, rows: Iterable[object], encode: Encode, layout: Layout) -> None:
        super().__init__()
        self.is_repeatable: bool = not isinstance(rows, Iterator)
        self._rows = rows
        self._encoder = Encoder(encode, layout)
        self._iterator: Iterator[object] | None = None

    def _read(self) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self._rows)
        while batch := self._next_batch(self._iterator):
            text = self._encoder.encode(batch)
            self.rows, self.skipped = self._encoder.rows, self._encoder.skipped
            if text or self._closed:
                return text
        return b""

    def _next_batch(self, iterator: Iterator[object]) -> list[object]:
        batch = []
        for row in iterator:
            batch.append(row)
            if (
                len(batch) == BATCH or self._closed
            ):  # a slow source is not read on after the reader was closed
                break
        return batch

    def _close(self) -> None:
        if isinstance(self._iterator, Generator):
            self._iterator.close()


class AsyncRowsReader(Reader):
    """Rows of an async iterable. An async iterator can be read only once."""

    skipped: int
    rows: int | None

    def __init__(self, rows: AsyncIterable[object], encode: Encode, layout: Layout) -> None:
        self.is_repeatable: bool = not isinstance(rows, AsyncIterator)
        self._rows = rows
        self._encoder = Encoder(encode, layout)
        self._iterator: AsyncIterator[object] | None = None
        self._lock = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ta-upload")

    async def read(self) -> bytes:
        """See `Reader.read`."""
        async with self._lock:
            if self._iterator is None:
                self._iterator = aiter(self._rows)
            while batch := await _next_batch(self._iterator):
                loop = asyncio.get_running_loop()
                text = await loop.run_in_executor(self._thread, self._encoder.encode, batch)
                self.rows, self.skipped = self._encoder.rows, self._encoder.skipped
                if text:
                    return text
            return b""

    async def aclose(self) -> None:
        """See `Reader.aclose`. Waits for a read that is about to be cancelled."""
        self._thread.shutdown(wait=False)
        async with self._lock:
            if isinstance(self._iterator, AsyncGenerator):
                await self._iterator.aclose()


async def _next_batch(iterator: AsyncIterator[object]) -> list[object]:
    batch = []
    async for row in iterator:
        batch.append(row)
        if len(batch) == BATCH:
            break
    return batch

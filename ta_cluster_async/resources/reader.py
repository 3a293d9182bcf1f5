"""Reading a source once, from its start to its end. Blocking reads run in threads."""

from __future__ import annotations

import asyncio
import contextvars
import os
import stat
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import TYPE_CHECKING, BinaryIO

from ..errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable
    from pathlib import Path
    from typing import Protocol

    class Encode(Protocol):
        """How rows become CSV, such as `protocol.csv.encode_ids`."""

        def __call__(self, rows: Iterable[object], first_row: int) -> bytes:
            """The rows, which count from `first_row`."""
            ...


_CHUNK = 1 << 20
_ROWS = 1 << 13
# Seconds. Long enough for the end of a row or a chunk, and short enough for one who was cancelled.
_MOMENT = 0.5


class Reader:
    """One pass over a source.

    Attributes:
        name: What messages call the source.
        is_text: It gives CSV text as somebody wrote it, perhaps with a BOM at its start.
        again: Another reader can begin at the same start. Certain after the first read.
        size: Bytes in all, where known after the first read.
    """

    name: str = "The source"
    is_text: bool = True
    again: bool = True
    size: int | None = None

    async def read(self) -> bytes:
        """The next part, b"" at the end."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close what this reader has opened, and a generator that it has used up to some point."""


class BytesReader(Reader):
    """The bytes of a CSV file."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._data = data
        self._next = 0

    async def read(self) -> bytes:
        """See `Reader.read`."""
        start = self._next
        self._next = start + _CHUNK
        return self._data[start : self._next]


class _BlockingReader(Reader):
    """Reads in threads, one read at a time, and closes what it reads from as soon as no thread is reading it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._reading: asyncio.Future[bytes] | None = None

    async def read(self) -> bytes:
        """See `Reader.read`."""
        run = contextvars.copy_context().run
        reading = asyncio.get_running_loop().run_in_executor(None, run, self._read_alone)
        self._reading = reading
        reading.add_done_callback(_heed)
        return await asyncio.shield(reading)

    async def aclose(self) -> None:
        """See `Reader.aclose`. A thread that still reads, because the one who waited for it was cancelled, is waited for a moment.

        If it is blocked for longer, it closes when it is done.
        """
        self._closed = True
        if self._reading is not None and not self._reading.done():
            await asyncio.wait([self._reading], timeout=_MOMENT)
        self._close_if_idle()

    def _read_alone(self) -> bytes:
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

    def _read(self) -> bytes:
        raise NotImplementedError

    def _close(self) -> None:
        """Close; may be called several times."""


class PathReader(_BlockingReader):
    """A CSV file, of the size that it has when it is opened."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.name = f"The file {str(path)!r}"
        self._path = path
        self._file: BinaryIO | None = None
        self._left = 0

    def _read(self) -> bytes:
        try:
            if self._file is None:
                self._file = self._open()
            chunk = self._file.read(min(_CHUNK, self._left))
        except OSError as problem:
            reason = problem.strerror or type(problem).__name__
        else:
            if self._left and not chunk:
                msg = f"{self.name} became shorter while it was sent."
                raise InvalidRequest(msg)
            self._left -= len(chunk)
            return chunk
        # Raised out here, so that the OSError is not its context.
        msg = f"{self.name} cannot be read: {reason}."
        raise InvalidRequest(msg)

    def _open(self) -> BinaryIO:
        # Asked before it is opened, since opening a pipe waits for its writer. What is read from a pipe cannot be read again.
        if not stat.S_ISREG(self._path.stat().st_mode):
            msg = f"{self.name} is no regular file. Open a pipe or device yourself, in binary mode, and pass what open() returns."
            raise InvalidRequest(msg)
        file = self._path.open("rb", buffering=0)
        self.size = self._left = os.fstat(file.fileno()).st_size
        return file

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


class OpenFile:
    """A binary file that the caller has opened, and the place where it stood. All readers of it share this.

    Attributes:
        lock: Held while it is read.
        start: The place, or None where it cannot be rewound.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.lock = threading.Lock()
        self.start: int | None = None
        self._file = file
        self._is_new = True

    def rewind(self) -> None:
        """Go to the place where it stood at first."""
        if not self._is_new:
            assert self.start is not None
            self._file.seek(self.start)
            return
        self._is_new = False
        seekable = getattr(self._file, "seekable", None)
        if seekable is not None and seekable():
            self.start = self._file.tell()

    def read(self) -> bytes:
        """Read on."""
        chunk: object = self._file.read(_CHUNK)
        if isinstance(chunk, bytes):
            return chunk
        if asyncio.iscoroutine(chunk):
            chunk.close()
            msg = "The file is an asynchronous one. Give an async iterable of rows, or a file as open(path, 'rb') returns it."
            raise InvalidRequest(msg)
        msg = "The file has to be opened in binary mode (open(path, 'rb')), so that its text goes out unchanged."
        raise InvalidRequest(msg)


class FileReader(_BlockingReader):
    """An open binary file, from where it stood; sent again only if it can be rewound. It is left open."""

    name = "The file"

    def __init__(self, file: OpenFile) -> None:
        super().__init__()
        # A reader that was given up may be in the middle of a read, which has to end before this one moves the place.
        self._lock = file.lock
        self._file = file
        self._has_begun = False

    def _read(self) -> bytes:
        if not self._has_begun:
            self._has_begun = True
            self._file.rewind()
            self.again = self._file.start is not None
        return self._file.read()


class RowsReader(_BlockingReader):
    """Rows of an iterable; one that is an iterator itself can be read only once."""

    is_text = False

    def __init__(self, rows: Iterable[object], encode: Encode) -> None:
        super().__init__()
        self.again = not isinstance(rows, Iterator)
        self._rows = rows
        self._encode = encode
        self._iterator: Iterator[object] | None = None
        self._next_row = 1

    def _read(self) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self._rows)
        batch = []
        for row in self._iterator:
            batch.append(row)
            if len(batch) == _ROWS or self._closed:  # a slow source is not read on for one who was cancelled
                break
        first, self._next_row = self._next_row, self._next_row + len(batch)
        return self._encode(batch, first)

    def _close(self) -> None:
        if isinstance(self._iterator, Generator):
            self._iterator.close()


class AsyncRowsReader(Reader):
    """Rows of an async iterable; one that is an async iterator itself can be read only once."""

    is_text = False

    def __init__(self, rows: AsyncIterable[object], encode: Encode) -> None:
        self.again = not isinstance(rows, AsyncIterator)
        self._rows = rows
        self._encode = encode
        self._iterator: AsyncIterator[object] | None = None
        self._next_row = 1
        self._lock = asyncio.Lock()

    async def read(self) -> bytes:
        """See `Reader.read`."""
        async with self._lock:
            if self._iterator is None:
                self._iterator = aiter(self._rows)
            batch = []
            async for row in self._iterator:
                batch.append(row)
                if len(batch) == _ROWS:
                    break
            first, self._next_row = self._next_row, self._next_row + len(batch)
            return await asyncio.to_thread(self._encode, batch, first)

    async def aclose(self) -> None:
        """See `Reader.aclose`. Waits for a read that is about to be cancelled."""
        async with self._lock:
            if isinstance(self._iterator, AsyncGenerator):
                await self._iterator.aclose()


def _heed(reading: asyncio.Future[bytes]) -> None:
    """Take note of how a read ended that nobody waits for any more, so that the loop does not complain of it."""
    if not reading.cancelled():
        reading.exception()

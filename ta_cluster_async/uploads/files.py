"""Bytes, files and compressed files, read part by part in the calling thread."""

from __future__ import annotations

import asyncio
import gzip
import os
import stat
import threading
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

from ..errors import InvalidRequest
from ..messages import Message

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 20


class Input:
    """One pass over bytes.

    Attributes:
        name: What messages call it.
        is_repeatable: Another pass can begin at the same start. Certain after the first read.
        size: Bytes in all, where known after the first read.
        lock: Held while it is read.
        is_quick: Counting its lines would take as long as reading it.
        ahead: How many parts may be read before they are asked for, where nobody else reads from it.
    """

    name: Message = Message("unnamed-source")
    is_repeatable: bool = True
    size: int | None = None
    is_quick: bool = False
    ahead: int = 0

    def __init__(self) -> None:
        self.lock: threading.Lock = threading.Lock()

    def read(self) -> bytes:
        """Return the next part, b"" at the end."""
        raise NotImplementedError

    def line_at(self, place: int, end: bytes) -> int:
        """Return the line, from 1, of the byte at `place`, where `end` is the last byte of a line. Only for one that `is_quick`: the lines of others are counted."""
        raise NotImplementedError

    def is_changed(self) -> bool:
        """Whether what this pass reads was changed since it began, as far as that can be told."""
        return False

    def close(self) -> None:
        """Close what this pass has opened; may be called several times."""


class FileState:
    """What tells that a file was written to: its size and the time of its last change.

    Args:
        file: The descriptor of an open file, or a path. A path under which another file stands by now counts as not changed: what was
            opened before is still whole.
    """

    def __init__(self, file: int | str) -> None:
        self._file = file
        self._before = os.stat(file)  # noqa: PTH116  (of a descriptor too)

    def is_changed(self) -> bool:
        """Whether it was written to since this was made."""
        before = self._before
        try:
            now = os.stat(self._file)  # noqa: PTH116
        except OSError:
            return False
        return os.path.samestat(before, now) and version_of(before) != version_of(now)


def version_of(state: os.stat_result) -> tuple[int, int]:
    """Return what differs once a file was written to."""
    return state.st_size, state.st_mtime_ns


class BytesInput(Input):
    """The bytes of a CSV file."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.size: int | None = len(data)
        self._data = data
        self._next = 0

    def read(self) -> bytes:
        """See `Input.read`."""
        start = self._next
        self._next = start + _CHUNK
        return self._data[start : self._next]


class PathInput(Input):
    """A CSV file, of the size that it has when it is opened. Raises InvalidRequest where it has changed when its last byte is read."""

    size: int | None

    is_quick = True
    ahead = 1

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.name: Message = Message("file-source", path=str(path))
        self._path = path
        self._raw: BinaryIO | None = None
        self._file: BinaryIO | None = None
        self._state: FileState | None = None
        self._left = 0

    def read(self) -> bytes:
        """See `Input.read`."""
        reason: str | Message | None = None
        chunk = b""
        try:
            if self._file is None:
                check_regular(self._path)
                self._raw = self._path.open("rb", buffering=0)
                self._state = FileState(self._raw.fileno())
                self._file = self._open(self._raw)
            chunk = self._read(self._file)
        except (OSError, EOFError, zlib.error) as problem:
            reason = reason_of(problem)
        # Raised outside the except block, so that the OSError is not its context.
        if (reason is not None or self._is_last(chunk)) and self.is_changed():
            raise InvalidRequest(Message("file-changed", source=self.name))
        if reason is not None:
            raise InvalidRequest(Message("file-unreadable", path=str(self._path), reason=reason))
        return chunk

    def is_changed(self) -> bool:
        """See `Input.is_changed`."""
        return self._state is not None and self._state.is_changed()

    def line_at(self, place: int, end: bytes) -> int:
        """See `Input.line_at`. Reads the file once more to count them."""
        assert self._file is not None
        self._file.seek(0)
        line = 1
        while place > 0 and (chunk := self._file.read(min(_CHUNK, place))):
            place -= len(chunk)
            line += chunk.count(end)
        return line

    def close(self) -> None:
        """See `Input.close`."""
        for file in (self._file, self._raw):
            if file is not None:
                file.close()
        self._state = None

    def _open(self, raw: BinaryIO) -> BinaryIO:
        self.size = self._left = os.fstat(raw.fileno()).st_size
        return raw

    def _read(self, file: BinaryIO) -> bytes:
        chunk = file.read(min(_CHUNK, self._left))
        if self._left and not chunk:
            raise InvalidRequest(Message("file-became-shorter", source=self.name))
        self._left -= len(chunk)
        return chunk

    def _is_last(self, chunk: bytes) -> bool:
        """Whether this part, which is not sent yet, completes the upload: the last one with bytes where the length is known before."""
        return bool(chunk) and not self._left


class GzipInput(PathInput):
    """A CSV file that is compressed with gzip, and goes out uncompressed."""

    is_quick = False

    def _open(self, raw: BinaryIO) -> BinaryIO:
        return cast("BinaryIO", gzip.open(raw, "rb"))

    def _read(self, file: BinaryIO) -> bytes:
        return file.read(_CHUNK)

    def _is_last(self, chunk: bytes) -> bool:
        return not chunk


class ZstdInput(GzipInput):
    """A CSV file that is compressed with zstd, which pyarrow reads."""

    def _open(self, raw: BinaryIO) -> BinaryIO:
        import pyarrow as pa  # noqa: PLC0415  (an extra)

        return cast("BinaryIO", pa.input_stream(raw, compression="zstd"))


class OpenFile:
    """A binary file that the caller has opened, and the place where it stood. All passes over it share this.

    Attributes:
        lock: Held while it is read.
        start: The place, or None where it cannot be rewound.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.lock: threading.Lock = threading.Lock()
        self.start: int | None = None
        self._file = file
        self._state: FileState | None = None
        self._is_new = True

    def rewind(self) -> None:
        """Go to the place where it stood at first."""
        self._state = _state_of(self._file)
        if not self._is_new:
            assert self.start is not None
            self._file.seek(self.start)
            return
        self._is_new = False
        seekable = getattr(self._file, "seekable", None)
        if seekable is not None and seekable():
            self.start = self._file.tell()

    def read(self) -> bytes:
        """Return the next part, b"" at the end. Raises InvalidRequest for a file in text mode or an asynchronous one."""
        chunk: object = self._file.read(_CHUNK)
        if isinstance(chunk, bytes):
            if not chunk and self.is_changed():
                raise InvalidRequest(Message("file-changed", source=FileInput.name))
            return chunk
        if asyncio.iscoroutine(chunk):
            chunk.close()
            raise InvalidRequest(Message("file-asynchronous"))
        raise InvalidRequest(Message("file-in-text-mode"))

    def is_changed(self) -> bool:
        """See `Input.is_changed`."""
        return self._state is not None and self._state.is_changed()


class FileInput(Input):
    """An open binary file, from where it stood; sent again only if it can be rewound. It is left open."""

    name: Message = Message("open-file-source")

    def __init__(self, file: OpenFile) -> None:
        super().__init__()
        # An earlier pass may still be in the middle of a read, which must end before this one moves the place.
        self.lock: threading.Lock = file.lock
        self._file = file
        self._has_begun = False

    def read(self) -> bytes:
        """See `Input.read`."""
        if not self._has_begun:
            self._has_begun = True
            self._file.rewind()
            self.is_repeatable: bool = self._file.start is not None
        return self._file.read()

    def is_changed(self) -> bool:
        """See `Input.is_changed`."""
        return self._file.is_changed()


def _state_of(file: BinaryIO) -> FileState | None:
    """Return the state of an open file of the disk, None for what is none, such as a pipe or an object with a `read`."""
    try:
        number = file.fileno()
        return FileState(number) if stat.S_ISREG(os.fstat(number).st_mode) else None
    except Exception:  # noqa: BLE001  (it is the caller's own object, and need not have it)
        return None


def reason_of(problem: Exception) -> str | Message:
    """Return why a file cannot be read."""
    match problem:
        case OSError(strerror=str(reason)):
            return reason
        case gzip.BadGzipFile():
            return Message("not-gzip")
        case EOFError():
            return Message("compressed-file-cut")
        case _:
            return Message("compressed-file-damaged")


def check_regular(path: Path) -> None:
    """Raise InvalidRequest for a pipe or directory, and OSError where there is nothing.

    It comes before opening, since opening a pipe waits for its writer. What is read from a pipe cannot be read again.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise InvalidRequest(Message("file-not-regular", path=str(path)))

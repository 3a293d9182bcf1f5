"""What an upload takes its rows from, streamed in constant memory (spec: 创建上传ID分群或标签).

A source that can be read from its start again may be sent again; a one-shot one never is.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, cast

from ..errors import InvalidRequest
from ..protocol.csv import UTF8_BOM, check_start
from .reader import AsyncRowsReader, BytesReader, FileReader, OpenFile, PathReader, RowsReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from .deadline import Deadline
    from .reader import Encode, Reader

Id: TypeAlias = str | int
IdSource: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Iterable[Id] | AsyncIterable[Id]
)
"""Ids: the path of a CSV file, its bytes, a binary file, or an iterable of ids."""

Pair: TypeAlias = tuple[Id, Id | None]
PairSource: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Iterable[Pair] | AsyncIterable[Pair]
)
"""Ids with their tag values: the path of a CSV file of two columns, its bytes, a binary file, or an iterable of pairs."""

_NOT_BLANK = re.compile(rb"\S")
# Bytes of blank lines before the first row that are still looked behind.
_LONGEST_BLANK = 1 << 20


class SourceFailed(Exception):
    """Breaks a request off whose source failed; the source keeps the failure itself."""


class Source:
    """A body that is read from a source (see `protocol.requests.Upload`).

    Args:
        start: Gives a reader that begins at the source's start.

    Attributes:
        length: Bytes, or None where only reading tells.
        can_start: True while the whole body can be produced (again).
        failure: What reading raised, if it did.
    """

    def __init__(self, start: Callable[[], Reader]) -> None:
        self.length: int | None = None
        self.can_start = True
        self.failure: BaseException | None = None
        self._start = start
        self._reader: Reader | None = None
        self._head: bytes | None = None

    async def open(self) -> None:
        """Read the start, before anything is sent. Raises InvalidRequest for an empty source or a wrong encoding."""
        self._head = await self._read_head()
        if _is_blank(self._head):
            msg = "The upload has no rows, and an upload without rows is refused. Give at least one id."
            raise InvalidRequest(msg)

    def chunks(self) -> AsyncIterator[bytes]:
        """The body from its start, for one try. Raises SourceFailed when reading fails, or when another try has begun."""
        return _Try(self)

    async def aclose(self) -> None:
        """Let go of what is being read. What the caller has opened, other than a generator, stays open."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.aclose()

    async def begin(self) -> tuple[Reader, bytes]:
        """Begin a try: its reader, and the first chunk. What `open` has read is the beginning of the first one."""
        head, self._head = self._head, None
        if head is None:
            head = await self._read_head()
        assert self._reader is not None
        self.can_start = self._reader.again
        return self._reader, head

    def is_read_by(self, reader: Reader) -> bool:
        """Whether no other try has begun since."""
        return self._reader is reader

    async def _read_head(self) -> bytes:
        await self.aclose()
        reader = self._reader = self._start()
        head = await reader.read()
        skip = 0
        if reader.is_text:
            # A pipe may give it byte by byte.
            while len(head) < len(UTF8_BOM) or (
                len(head) < _LONGEST_BLANK and _is_blank(head.removeprefix(UTF8_BOM))
            ):
                more = await reader.read()
                if not more:
                    break
                head += more
            skip = check_start(head)
        if reader.size is not None:
            length = reader.size - skip
            if self.length not in (None, length):
                msg = f"{reader.name} was changed while it was sent."
                raise InvalidRequest(msg)
            self.length = length
        return head[skip:]


class _Try:
    """The body as one request sends it. An iterator and no generator, so that it can be given up at any time."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._reader: Reader | None = None

    def __aiter__(self) -> _Try:
        return self

    async def __anext__(self) -> bytes:
        source = self._source
        chunk = None
        try:
            if source.failure is None:
                chunk = await self._read()
        except Exception as problem:  # noqa: BLE001  (whatever the caller's source raises is given back to the caller)
            source.failure = problem
            source.can_start = False
        if chunk is None:
            # Another error than the source's own, so that the frames of the HTTP client do not hang on to that one.
            raise SourceFailed
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def _read(self) -> bytes | None:
        """The next chunk, b"" at the end, None when another try has begun."""
        source = self._source
        if self._reader is None:
            self._reader, chunk = await source.begin()
        else:
            chunk = await self._reader.read()
        return chunk if source.is_read_by(self._reader) else None


def source_of(source: object, encode: Encode) -> Source:
    """Return the way to read `source`. Raises InvalidRequest for what cannot be a source."""
    match source:
        case str() | os.PathLike():
            path = Path(source)
            return Source(lambda: PathReader(path))
        case bytes() | bytearray() | memoryview():
            data = bytes(source)
            return Source(lambda: BytesReader(data))
        case _ if callable(getattr(source, "read", None)):
            file = OpenFile(cast("BinaryIO", source))
            return Source(lambda: FileReader(file))
        case AsyncIterable():
            return Source(lambda: AsyncRowsReader(source, encode))
        case Iterable():
            return Source(lambda: RowsReader(source, encode))
        case _:
            msg = (
                f"An upload takes a path, bytes, a binary file, or an iterable or async iterable of rows, "
                f"not {type(source).__name__}."
            )
            raise InvalidRequest(msg)


def _is_blank(text: bytes) -> bool:
    return _NOT_BLANK.search(text) is None


async def open_in_time(source: Source, deadline: Deadline) -> None:
    """Open a source, which may wait for the caller's own rows. Raises NotSent when that takes all the time of the call."""
    limit = asyncio.timeout_at(deadline.at)
    try:
        async with limit:
            await source.open()
    except TimeoutError:
        if not limit.expired():
            raise  # the source's own
    else:
        return
    raise deadline.passed()

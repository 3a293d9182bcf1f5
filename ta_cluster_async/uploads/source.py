"""The sources of an upload's rows, streamed in constant memory (spec: 创建上传ID分群或标签).

A source that can be read from its start again may be sent again; a one-shot source never is.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeAlias, cast

from ..errors import InvalidRequest
from ..messages import Message
from .arrow import (
    ArrowBatches,
    ArrowReader,
    ParquetBatches,
    is_arrow,
    load_pyarrow,
)
from .csv_text import CsvReader, TextReader, is_blank
from .files import (
    BytesInput,
    FileInput,
    GzipInput,
    OpenFile,
    PathInput,
    ZstdInput,
)
from .options import Layout
from .progress import Meter
from .rows import AsyncRowsReader, RowsReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ..client.deadline import Deadline
    from ..protocol.requests import Chunk
    from .arrow import Batches
    from .files import Input
    from .options import Encode
    from .progress import OnProgress
    from .reader import Reader


class ArrowStream(Protocol):
    """Anything with the Arrow C stream interface: a table or record batch reader of pyarrow, a frame of polars or pandas, a DuckDB relation."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A stream of record batches."""
        ...


_NO_SOURCES = {
    "Dataset": "dataset-no-source",
    "FileSystemDataset": "dataset-no-source",
    "InMemoryDataset": "dataset-no-source",
    "LazyFrame": "lazy-frame-no-source",
    "ParquetFile": "parquet-file-no-source",
    "Scanner": "scanner-no-source",
    "UnionDataset": "dataset-no-source",
    "ZipFile": "zip-file-no-source",
}
"""What people pass although other objects have its rows, by the names of classes, since their modules are not imported."""

Id: TypeAlias = str | int | Decimal | None
_Common: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | ArrowStream
IdSource: TypeAlias = _Common | Iterable[Id] | AsyncIterable[Id]
"""Ids: the path of a CSV or Parquet file, the bytes of a CSV, a binary file, Arrow data, or an iterable of ids."""

Pair: TypeAlias = tuple[Id, Id]
PairSource: TypeAlias = _Common | Iterable[Pair] | AsyncIterable[Pair]
"""Ids with their tag values: as for ids, with two columns, or pairs."""


class SourceFailed(Exception):
    """Ends a request whose source failed; the source keeps the failure itself."""


class Source:
    """A body that is read from a source (see `protocol.requests.Upload`).

    Args:
        start: Returns a reader that begins at the source's start.
        meter: Counts what is sent.
        buffer: Bytes up to which a body of unknown length is read before it is sent, so that its length is known.

    Attributes:
        length: Bytes, or None where only reading tells.
        can_start: True while the whole body can be produced (again).
        failure: The error that reading raised, if any.
        meter: How far the latest try came.
    """

    def __init__(self, start: Callable[[], Reader], meter: Meter, buffer: int = 0) -> None:
        self.meter = meter
        self.length: int | None = None
        self.can_start: bool = True
        self.failure: BaseException | None = None
        self._start = start
        self._reader: Reader | None = None
        self._buffer = buffer
        self._head: deque[Chunk] | None = None

    async def open(self) -> None:
        """Read the start, before anything is sent. Raises InvalidRequest for an empty source or a wrong encoding."""
        self._head = await self._read_head()
        if is_blank(self._head[0]):
            raise InvalidRequest(Message("upload-empty"))

    def chunks(self) -> AsyncIterator[Chunk]:
        """The body from its start, for one try. Raises SourceFailed when reading fails, or when another try has begun."""
        return _Try(self)

    async def changed(self) -> Message | None:
        """Return what the latest try read, by its name, if it was written to since that began. None also where that cannot be told."""
        reader = self._reader
        return reader.name if reader is not None and await reader.is_changed() else None

    async def aclose(self) -> None:
        """Stop reading, and close what the reader has opened. The caller's own files stay open; a generator is closed."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.aclose()

    async def begin(self) -> tuple[Reader, deque[Chunk]]:
        """Begin a try: return its reader and the first chunks, for the first try those that `open` has read."""
        head, self._head = self._head, None
        if head is None:
            head = await self._read_head()
        assert self._reader is not None
        self.can_start = self._reader.is_repeatable
        return self._reader, head

    def is_read_by(self, reader: Reader) -> bool:
        """Whether no other try has begun since this reader was made."""
        return self._reader is reader

    async def _read_head(self) -> deque[Chunk]:
        await self.aclose()
        reader = self._reader = self._start()
        head = deque([await reader.read()])
        size = (
            reader.size if reader.size is not None or not self._buffer else await self._read_on(reader, head)
        )
        if size != self.length:
            if self.length is not None:
                raise InvalidRequest(Message("file-changed", source=reader.name))
            self.length = size
        return head

    async def _read_on(self, reader: Reader, head: deque[Chunk]) -> int | None:
        """Read as much as is read before it is sent. Returns the size of the body where that is all of it."""
        size = memoryview(head[-1]).nbytes
        while head[-1] and size <= self._buffer:
            head.append(await reader.read())
            size += memoryview(head[-1]).nbytes
        return None if head[-1] else size


class _Try:
    """The body as one request sends it. An iterator and not a generator, so that it needs no closing."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._reader: Reader | None = None
        self._head: deque[Chunk] = deque()

    def __aiter__(self) -> _Try:
        return self

    async def __anext__(self) -> Chunk:
        source = self._source
        chunk = None
        try:
            if source.failure is None:
                chunk = await self._read()
                if chunk is not None and self._reader is not None:
                    source.meter.add(chunk, self._reader)
        except Exception as problem:  # noqa: BLE001  (the caller's source may raise anything, and the caller gets it)
            source.failure = problem
            source.can_start = False
            chunk = None
        if chunk is None:
            # Not the source's own error, which the frames of the HTTP client would then refer to.
            raise SourceFailed
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def _read(self) -> Chunk | None:
        """Return the next chunk, b"" at the end, None when another try has begun."""
        source = self._source
        if self._reader is None:
            self._reader, self._head = await source.begin()
            source.meter.start(source.length)
        chunk = self._head.popleft() if self._head else await self._reader.read()
        return chunk if source.is_read_by(self._reader) else None


def source_of(
    source: object,
    encode: Encode,
    layout: Layout | None = None,
    on_progress: OnProgress | None = None,
    *,
    buffer: int = 0,
) -> Source:
    """Return the body that is read from `source`. Raises InvalidRequest for what cannot be a source."""
    return Source(
        _starter(source, encode, Layout() if layout is None else layout), Meter(on_progress), buffer
    )


def _starter(source: object, encode: Encode, layout: Layout) -> Callable[[], Reader]:
    match source:
        case str() | os.PathLike():
            path = Path(source)
            if path.suffix.lower() == ".parquet" or path.is_dir():
                name = Message("file-source", path=str(path))
                return _table(
                    name, lambda: ParquetBatches(path, name, layout), encode, layout, is_repeatable=True
                )
            kind = {".gz": GzipInput, ".zst": ZstdInput}.get(path.suffix.lower(), PathInput)
            if kind is ZstdInput:
                load_pyarrow()
            return _text(lambda: kind(path), encode, layout)
        case bytes() | bytearray() | memoryview():
            data = bytes(source)
            return _text(lambda: BytesInput(data), encode, layout)
        case _ if is_arrow(source):
            # What has a length holds its rows, or can compute them again; a stream can do neither.
            name, is_repeatable = (
                Message("typed-source", kind=type(source).__name__),
                hasattr(source, "__len__"),
            )
            return _table(
                name, lambda: ArrowBatches(source, name, layout), encode, layout, is_repeatable=is_repeatable
            )
        case _ if (code := _NO_SOURCES.get(type(source).__name__)) or getattr(source, "ndim", 1) != 1:
            raise InvalidRequest(Message(code or "array-not-flat", kind=type(source).__name__))
        case _ if callable(getattr(source, "read", None)):
            file = OpenFile(cast("BinaryIO", source))
            return _text(lambda: FileInput(file), encode, layout)
        case AsyncIterable():
            layout.check_rows()
            return lambda: AsyncRowsReader(source, encode, layout)
        case Iterable():
            layout.check_rows()
            return lambda: RowsReader(source, encode, layout)
        case _:
            raise InvalidRequest(Message("not-a-source", kind=type(source).__name__))


def _text(start: Callable[[], Input], encode: Encode, layout: Layout) -> Callable[[], Reader]:
    layout.check_text()
    if layout.is_parsed:
        return lambda: CsvReader(start(), encode, layout)
    return lambda: TextReader(start(), layout)


def _table(
    name: Message,
    start: Callable[[], Batches],
    encode: Encode,
    layout: Layout,
    *,
    is_repeatable: bool,
) -> Callable[[], Reader]:
    layout.check_table()
    load_pyarrow()
    return lambda: ArrowReader(name, start(), encode, layout, is_repeatable=is_repeatable)


async def open_before(source: Source, deadline: Deadline) -> None:
    """Open a source, which may wait for the caller's own rows. Raises NotSent when the deadline passes first."""
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

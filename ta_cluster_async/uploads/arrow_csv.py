"""Columns of Arrow data as CSV text, written by pyarrow, which this module loads: import it only for such data."""

from __future__ import annotations

import struct
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
from pyarrow import compute, csv, types

from ..errors import InvalidRequest
from ..messages import Message
from ..protocol.csv import SPECIAL, UTF8_BOM, Dropped
from .turns import TURNS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ..protocol.requests import Chunk
    from .options import Encode, Layout

    # pyarrow has no types of its own.
    Batch: TypeAlias = Any
    Column: TypeAlias = Any

pc: Any = compute  # its functions are made at import, so no type checker knows them

_ROWS = 1 << 19
_BYTES = 1 << 23
# Quoting makes several copies of all rows.
_ROWS_TO_QUOTE = 1 << 16
_END = "\r\n"


class ColumnsText:
    """The columns of record batches as text, in parts of a few megabytes.

    Attributes:
        rows: Rows so far, without skipped ones.
        skipped: Rows left out so far.
    """

    def __init__(self, name: Message, batches: Generator[Batch], encode: Encode, layout: Layout) -> None:
        self.rows: int = 0
        self.skipped: int = 0
        self._pieces = _pieces(name, batches)
        self._encode = encode
        self._skips = layout.on_null == "skip"
        self._writer = _Writer()

    def next(self, *, is_hurried: Callable[[], bool]) -> Chunk:
        """Return the next part, b"" at the end. Raises InvalidRequest that names the first row that is wrong."""
        text: Chunk = b""
        while not text and (columns := self._next_columns(is_hurried)):
            with TURNS.take():
                text = self._encode_columns(columns)
        return text

    def close(self) -> None:
        """Close the source of the batches; may be called several times."""
        self._pieces.close()

    def _next_columns(self, is_hurried: Callable[[], bool]) -> list[Column]:
        """Return the columns of the next rows, [] at the end. Joins small batches, since each costs as much as a thousand rows."""
        few: list[list[Column]] = []
        rows = size = 0
        for columns in self._pieces:
            few.append(columns)
            rows += len(columns[0])
            if rows >= _ROWS // 2 or is_hurried():
                break
            size += _size(columns)
            if size >= _BYTES // 2:
                break
        if len(few) < 2:
            return few[0] if few else []
        return [pa.concat_arrays(parts) for parts in zip(*few, strict=True)]

    def _encode_columns(self, columns: list[Column]) -> Chunk:
        first = self.rows + self.skipped + 1
        kept = _drop_without_id(columns) if self._skips else columns
        ids = kept[0]
        text: Chunk
        if not len(ids):
            text = b""
        elif ids.null_count or _has_empty(ids):
            text = self._by_row(columns, first)
        elif all(map(_is_bare, kept)):
            text = self._writer.write(kept) if len(kept) > 1 else _lines(ids)
        elif all(map(_is_encodable, kept)) and not _has_line_breaks(ids):
            text = self._writer.write(kept)
        else:
            text = self._by_row(columns, first)
        self.rows += len(ids)
        self.skipped += len(columns[0]) - len(ids)
        return text[len(UTF8_BOM) :] if first == 1 and text[: len(UTF8_BOM)] == UTF8_BOM else text

    def _by_row(self, columns: list[Column], first: int) -> bytes:
        """Encode rows one by one, which is slower and tells which row is wrong."""
        dropped = Dropped() if self._skips else None
        if len(columns) == 1:
            return self._encode(map(_value, columns[0]), first, dropped)
        return self._encode(((_value(a), _value(b)) for a, b in zip(*columns, strict=True)), first, dropped)


def _pieces(source: Message, batches: Generator[Batch]) -> Generator[list[Column]]:
    """Yield the columns of record batches, as types that have a text, in pieces of limited rows and bytes."""
    with closing(batches):
        for batch in batches:
            for start in range(0, batch.num_rows, _ROWS):
                piece = batch.slice(start, _ROWS)
                columns = [
                    _as_writable(column, name, source)
                    for column, name in zip(piece.columns, piece.schema.names, strict=True)
                ]
                rows = -(-piece.num_rows // (1 + _size(columns) // _BYTES))
                for part in range(0, piece.num_rows, rows):
                    yield [column.slice(part, rows) for column in columns]


def _size(columns: list[Column]) -> int:
    return sum(column.nbytes for column in columns)


def _as_writable(column: Column, name: str, source: Message) -> Column:
    """Return the column as a type that pyarrow writes with the expected text. Raises InvalidRequest for other types."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column, kind = column.storage, kind.storage_type
    if types.is_dictionary(kind):
        column = _decode_dictionary(column)
        kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind):
        return column
    if types.is_decimal(kind):
        return column if kind.scale <= 6 and kind.scale >= 0 else _decimal_text(column)
    if types.is_string_view(kind) or types.is_null(kind):
        return column.cast(pa.large_string())
    raise InvalidRequest(Message("column-of-other-type", source=source, name=name, kind=str(kind)))


def _decode_dictionary(column: Column) -> Column:
    """Return a dictionary column as a column of its values."""
    values = column.dictionary
    if not types.is_string_view(values.type):
        return column.dictionary_decode()
    # A categorical of polars: pyarrow cannot decode a dictionary of string views.
    return values.cast(pa.large_string()).take(column.indices)


def _decimal_text(column: Column) -> Column:
    """Return decimals as text: pyarrow itself writes small ones such as 0.0000001 with an exponent."""
    text = column.cast(pa.string())
    if not _any(pc.match_substring(text, "E")):
        return text
    return pa.array([None if value is None else f"{value:f}" for value in column.to_pylist()], pa.string())


def _drop_without_id(columns: list[Column]) -> list[Column]:
    """Return the columns without the rows whose id is null or blank."""
    ids = columns[0]
    kept = ids.is_valid()
    if _is_text(ids) and (_has_empty(ids) or not (_is_bare(ids) or not _any(_is_space(ids)))):
        is_blank = pc.or_(pc.equal(pc.binary_length(ids), 0), _is_space(ids))
        kept = pc.and_(kept, pc.invert(is_blank).fill_null(False))  # noqa: FBT003
    elif not ids.null_count:
        return columns
    return [column.filter(kept) for column in columns]


def _lines(column: Column) -> Chunk:
    """Return one value per line, all joined at once, which copies each only once. There must be no null."""
    if not _is_text(column):
        column = column.cast(pa.string())
    ends = _offsets(column)
    # One more empty value, so that a line end follows the last one too.
    offsets = pa.py_buffer(b"".join((ends, ends[-1:])))
    values = pa.Array.from_buffers(column.type, len(column) + 1, [None, offsets, column.buffers()[2]])
    bounds = pa.py_buffer(struct.pack("=2i", 0, len(values)))
    whole = pa.Array.from_buffers(pa.list_(column.type), 1, [None, bounds], children=[values])
    joined = pc.binary_join(whole, pa.scalar(_END, column.type))
    return memoryview(joined.buffers()[2]).cast("B")[: _offsets(joined)[1]]


class _Writer:
    """Writes columns with pyarrow, which can quote nothing or all; columns that need some quotes are joined here."""

    def __init__(self) -> None:
        self._csv: Any = None
        self._parts: list[bytes] = []

    def write(self, columns: list[Column]) -> Chunk:
        """Return the columns as CSV."""
        batch = pa.RecordBatch.from_arrays(columns, names=[str(place) for place in range(len(columns))])
        if self._csv is None:
            options = csv.WriteOptions(include_header=False, quoting_style="none", eol=_END, batch_size=_ROWS)
            sink = pa.PythonFile(_Sink(self._parts), "w")
            self._csv = csv.CSVWriter(sink, batch.schema, write_options=options)
        try:
            self._csv.write_batch(batch)
        except pa.ArrowInvalid:
            self._csv = None
            self._parts.clear()
            return _lines_with_quotes(columns)
        text = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        return text


class _Sink:
    """A file for pyarrow that keeps what it writes."""

    closed = False

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: pyarrow calls it."""

    def close(self) -> None:
        """Do nothing: pyarrow calls it."""


def _lines_with_quotes(columns: list[Column]) -> Chunk:
    """Return the columns as CSV, with quotes around the values that need them."""
    starts = range(0, len(columns[0]), _ROWS_TO_QUOTE)
    return b"".join(
        _quoted_lines([column.slice(start, _ROWS_TO_QUOTE) for column in columns]) for start in starts
    )


def _quoted_lines(columns: list[Column]) -> Chunk:
    quoted = [_quoted(column) for column in columns]
    if len(quoted) == 1:
        return _lines(quoted[0])
    return _lines(pc.binary_join_element_wise(*quoted, pa.scalar(",", pa.large_string())))


def _quoted(column: Column) -> Column:
    text = column.cast(pa.large_string()).fill_null("")
    special = pc.match_substring_regex(text, SPECIAL)
    quote = pa.scalar('"', pa.large_string())
    doubled = pc.replace_substring(text.filter(special), '"', '""')
    quoted = pc.binary_join_element_wise(quote, doubled, quote, pa.scalar("", pa.large_string()))
    return pc.replace_with_mask(text, special, quoted)


def _offsets(column: Column) -> memoryview:
    """Return the offsets of a text column: where its first value begins in the data, then where each value ends."""
    width = 8 if types.is_large_string(column.type) else 4
    offsets = memoryview(column.buffers()[1]).cast("B")
    places = offsets[column.offset * width : (column.offset + len(column) + 1) * width]
    return places.cast("q") if width == 8 else places.cast("i")


def _least_byte(column: Column, kind: Any) -> int:
    """Return the least byte of a column of text, as a number of this type; 127 where there are no bytes."""
    data = column.buffers()[2]
    ends = _offsets(column) if data is not None else [0]
    if ends[0] == ends[-1]:
        return 127
    return int(_least(pa.Array.from_buffers(kind, ends[-1] - ends[0], [None, data], offset=ends[0])))


def _is_bare(column: Column) -> bool:
    """Whether certainly no value is quoted or refused: numbers, and ASCII text above the comma. A quick check."""
    # As signed numbers, all bytes that are not ASCII are below zero.
    return not _is_text(column) or _least_byte(column, pa.int8()) > ord(",")


def _is_encodable(column: Column) -> bool:
    """Whether the encoder of rows would take every value."""
    if not _is_text(column):
        return True
    return _is_utf8(column) and _least_byte(column, pa.uint8()) > 0 and not _any(_is_space(column))


def _has_line_breaks(ids: Column) -> bool:
    """Whether some id has a line break, which the encoder of rows refuses."""
    return _is_text(ids) and _any(pc.match_substring_regex(ids, r"[\r\n]"))


def _is_space(column: Column) -> Column:
    """Return for each value whether it is white space of at least one character. Text that is not UTF-8 is not."""
    try:
        return pc.utf8_is_space(column)
    except pa.ArrowInvalid:
        return pc.ascii_is_space(column)


def _is_text(column: Column) -> bool:
    return bool(types.is_string(column.type) or types.is_large_string(column.type))


def _has_empty(column: Column) -> bool:
    """Whether some value is empty text."""
    return _is_text(column) and _least(pc.binary_length(column)) == 0


def _least(values: Column) -> Any:
    """Return the least of the numbers, None where there are none."""
    return pc.call_function("min", [values]).as_py()


def _any(column: Column) -> bool:
    return bool(pc.any(column).as_py())


def _is_utf8(column: Column) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _value(value: Any) -> object:
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return "\ud800"  # refused by every encoder

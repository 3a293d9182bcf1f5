"""Columns of Arrow data as CSV text, by Arrow's own functions and writer. Imports pyarrow, and is imported only where there are such."""

from __future__ import annotations

import struct
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
from pyarrow import compute, csv, types

from ..errors import InvalidRequest
from ..protocol.csv import SPECIAL, UTF8_BOM, Dropped

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ..protocol.requests import Chunk
    from .options import Encode, Layout

    # pyarrow has no types of its own.
    Batch: TypeAlias = Any
    Column: TypeAlias = Any

pc: Any = compute  # it makes its functions when it is imported, so that no checker knows them

_ROWS = 1 << 19
_BYTES = 1 << 23
_END = "\r\n"


class ColumnsText:
    """The columns of record batches as text, in parts of a few megabytes.

    Attributes:
        rows: Rows so far, without those that were left out.
        skipped: Those.
    """

    def __init__(self, batches: Generator[Batch], encode: Encode, layout: Layout) -> None:
        self.rows = 0
        self.skipped = 0
        self._pieces = _pieces(batches)
        self._encode = encode
        self._skips = layout.on_null == "skip"
        self._writer = _Writer()

    def next(self, *, is_hurried: Callable[[], bool]) -> Chunk:
        """The next part, b"" at the end. Raises InvalidRequest that names the first row that is wrong."""
        text: Chunk = b""
        while not text and (columns := self._columns(is_hurried)):
            text = self._take(columns)
        return text

    def close(self) -> None:
        """Close what the batches come from; may be called several times."""
        self._pieces.close()

    def _columns(self, is_hurried: Callable[[], bool]) -> list[Column]:
        """Those of the next rows; none at the end. Small batches are put together, since each costs as much as a thousand rows."""
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

    def _take(self, columns: list[Column]) -> Chunk:
        first = self.rows + self.skipped + 1
        kept = _with_id(columns) if self._skips else columns
        ids = kept[0]
        text: Chunk
        if not len(ids):
            text = b""
        elif ids.null_count or _has_empty(ids):
            text = self._by_row(columns, first)
        elif all(map(_is_bare, kept)):
            text = self._writer.write(kept) if len(kept) > 1 else _lines(ids)
        elif all(map(_is_right, kept)):
            text = self._writer.write(kept)
        else:
            text = self._by_row(columns, first)
        self.rows += len(ids)
        self.skipped += len(columns[0]) - len(ids)
        return text[len(UTF8_BOM) :] if first == 1 and text[: len(UTF8_BOM)] == UTF8_BOM else text

    def _by_row(self, columns: list[Column], first: int) -> bytes:
        """The same by the encoder of rows, which says which row is wrong."""
        dropped = Dropped() if self._skips else None
        if len(columns) == 1:
            return self._encode(map(_value, columns[0]), first, dropped)
        return self._encode(((_value(a), _value(b)) for a, b in zip(*columns, strict=True)), first, dropped)


def _pieces(batches: Generator[Batch]) -> Generator[list[Column]]:
    """The columns of record batches, as such that have a text, in pieces of not too many rows and bytes."""
    with closing(batches):
        for batch in batches:
            for start in range(0, batch.num_rows, _ROWS):
                piece = batch.slice(start, _ROWS)
                columns = [
                    _plain(column, name)
                    for column, name in zip(piece.columns, piece.schema.names, strict=True)
                ]
                rows = -(-piece.num_rows // (1 + _size(columns) // _BYTES))
                for part in range(0, piece.num_rows, rows):
                    yield [column.slice(part, rows) for column in columns]


def _size(columns: list[Column]) -> int:
    return sum(column.nbytes for column in columns)


def _plain(column: Column, name: str) -> Column:
    """The column as one that pyarrow writes with the text that was meant. Raises InvalidRequest for other types."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column, kind = column.storage, kind.storage_type
    if types.is_dictionary(kind):
        column = _decoded(column)
        kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind):
        return column
    if types.is_decimal(kind):
        return column if kind.scale <= 6 and kind.scale >= 0 else _without_exponents(column)
    if types.is_string_view(kind) or types.is_null(kind):
        return column.cast(pa.large_string())
    msg = (
        f"The column {name!r} is of type {kind}. Ids and tag values are strings, integers or decimals: "
        "cast it in the query, so that its text is the one that TA knows."
    )
    raise InvalidRequest(msg)


def _decoded(column: Column) -> Column:
    """A dictionary column as one of its values."""
    values = column.dictionary
    if not types.is_string_view(values.type):
        return column.dictionary_decode()
    # A categorical of polars, whose text pyarrow does not pick as it is.
    return values.cast(pa.large_string()).take(column.indices)


def _without_exponents(column: Column) -> Column:
    """As text: pyarrow itself writes small decimals such as 0.0000001 with an exponent."""
    text = column.cast(pa.string())
    if not _any(pc.match_substring(text, "E")):
        return text
    return pa.array([None if value is None else f"{value:f}" for value in column.to_pylist()], pa.string())


def _with_id(columns: list[Column]) -> list[Column]:
    """The columns without the rows whose id is null or blank."""
    ids = columns[0]
    kept = ids.is_valid()
    if _is_text(ids) and (_has_empty(ids) or not (_is_bare(ids) or not _any(_is_space(ids)))):
        is_blank = pc.or_(pc.equal(pc.binary_length(ids), 0), _is_space(ids))
        kept = pc.and_(kept, pc.invert(is_blank).fill_null(False))  # noqa: FBT003
    elif not ids.null_count:
        return columns
    return [column.filter(kept) for column in columns]


def _lines(column: Column) -> Chunk:
    """One value per line: all values joined at once, which copies each of them one time. There must be no null."""
    if not _is_text(column):
        column = column.cast(pa.string())
    ends = _ends(column)
    # An empty value more, so that there is a line end behind the last one too.
    offsets = pa.py_buffer(b"".join((ends, ends[-1:])))
    values = pa.Array.from_buffers(column.type, len(column) + 1, [None, offsets, column.buffers()[2]])
    bounds = pa.py_buffer(struct.pack("=2i", 0, len(values)))
    whole = pa.Array.from_buffers(pa.list_(column.type), 1, [None, bounds], children=[values])
    joined = pc.binary_join(whole, pa.scalar(_END, column.type))
    return memoryview(joined.buffers()[2]).cast("B")[: _ends(joined)[1]]


class _Writer:
    """Writes columns with pyarrow, which can quote nothing or all; what it will not write without quotes is joined here."""

    def __init__(self) -> None:
        self._csv: Any = None
        self._parts: list[bytes] = []

    def write(self, columns: list[Column]) -> Chunk:
        """The columns as CSV."""
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
            return _quoted_lines(columns)
        text = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        return text


class _Sink:
    """A file for pyarrow that keeps what is written."""

    closed = False

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """There is nothing to do, nor in `close`."""

    def close(self) -> None:
        """See `flush`."""


def _quoted_lines(columns: list[Column]) -> Chunk:
    """The same with quotes round the values that need them."""
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


def _ends(column: Column) -> memoryview:
    """Where the values of a column of text end in its data, and before them where the first one begins."""
    width = 8 if types.is_large_string(column.type) else 4
    offsets = memoryview(column.buffers()[1]).cast("B")
    places = offsets[column.offset * width : (column.offset + len(column) + 1) * width]
    return places.cast("q") if width == 8 else places.cast("i")


def _least_byte(column: Column, kind: Any) -> int:
    """The least byte of a column of text, as a number of this type; 127 where there are no bytes."""
    data = column.buffers()[2]
    ends = _ends(column) if data is not None else [0]
    if ends[0] == ends[-1]:
        return 127
    return int(_least(pa.Array.from_buffers(kind, ends[-1] - ends[0], [None, data], offset=ends[0])))


def _is_bare(column: Column) -> bool:
    """Whether it has certainly nothing that is to be quoted or refused: numbers, and text of ASCII above the comma only. Very quick."""
    # As signed numbers, all bytes that are not ASCII are below zero.
    return not _is_text(column) or _least_byte(column, pa.int8()) > ord(",")


def _is_right(column: Column) -> bool:
    """Whether the encoder of rows would refuse no value."""
    if not _is_text(column):
        return True
    return _is_utf8(column) and _least_byte(column, pa.uint8()) > 0 and not _any(_is_space(column))


def _is_space(column: Column) -> Column:
    """For each value, whether it is white space, at least one character long. What is not UTF-8 is none."""
    try:
        return pc.utf8_is_space(column)
    except pa.ArrowInvalid:
        return pc.ascii_is_space(column)


def _is_text(column: Column) -> bool:
    return bool(types.is_string(column.type) or types.is_large_string(column.type))


def _has_empty(column: Column) -> bool:
    """Whether some value is the empty text."""
    return _is_text(column) and _least(pc.binary_length(column)) == 0


def _least(values: Column) -> Any:
    """The least of some numbers, None where there is none."""
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
        return "\ud800"  # which no encoder takes

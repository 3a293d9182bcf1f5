"""Columns of Arrow data and Parquet files, written as CSV by pyarrow in batches. Imports pyarrow only when there are such."""

from __future__ import annotations

import importlib.util
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ConfigurationError, InvalidRequest
from ..protocol.csv import SPECIAL, UTF8_BOM, Dropped
from .reader import BlockingReader
from .source_file import check_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from .source_layout import Encode, Layout

    # pyarrow has no types of its own.
    Batch: TypeAlias = Any
    Column: TypeAlias = Any
    OpenBatches: TypeAlias = Callable[[Layout], Generator[Batch]]

_ROWS = 1 << 16
_BYTES = 1 << 19


def is_arrow(source: object) -> bool:
    """Whether it has the Arrow C stream interface, or that for one array."""
    return hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__")


def load_pyarrow() -> None:
    """Raise ConfigurationError that names the extra where pyarrow is missing."""
    if importlib.util.find_spec("pyarrow") is None:
        msg = (
            'Uploads from Parquet and Arrow data need pyarrow: install the extra "arrow" of ta-cluster-async.'
        )
        raise ConfigurationError(msg)


class ArrowReader(BlockingReader):
    """Columns of record batches, each in pieces of about a megabyte of text."""

    def __init__(
        self,
        open_batches: OpenBatches,
        encode: Encode,
        layout: Layout,
        *,
        again: bool,
    ) -> None:
        super().__init__(ahead=2)
        self.again = again
        self._open = open_batches
        self._encode = encode
        self._layout = layout
        self._pieces: Generator[Batch] | None = None
        self._next_row = 1
        self._writer = _Writer()

    def _read(self) -> bytes:
        if self._pieces is None:
            self._pieces = _pieces(self._open(self._layout))
        parts: list[bytes] = []
        size = 0
        for piece in self._pieces:
            parts.append(self._text(piece))
            size += len(parts[-1])
            if size >= _BYTES or self._closed:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _close(self) -> None:
        if self._pieces is not None:
            self._pieces.close()

    def _text(self, piece: Batch) -> bytes:
        """The rows of one piece."""
        first, self._next_row = self._next_row, self._next_row + piece.num_rows
        columns = [
            _plain(column, name) for column, name in zip(piece.columns, piece.schema.names, strict=True)
        ]
        kept = _with_id(columns) if self._layout.on_null == "skip" else columns
        ids = kept[0]
        has_ids = not ids.null_count and not (_is_text(ids) and _shortest(ids) == 0)
        if not (has_ids and (all(map(_is_clean, kept)) or _is_right(kept))):
            text = self._by_row(columns, first)
        else:
            text = self._writer.write(kept)
        self.rows = (self.rows or 0) + len(kept[0])
        self.skipped += piece.num_rows - len(kept[0])
        return text.removeprefix(UTF8_BOM) if first == 1 else text

    def _by_row(self, columns: list[Column], first: int) -> bytes:
        """The same by the encoder of rows, which raises InvalidRequest that names the first row that is wrong."""
        dropped = Dropped() if self._layout.on_null == "skip" else None
        if len(columns) == 1:
            return self._encode(map(_value, columns[0]), first, dropped)
        return self._encode(((_value(a), _value(b)) for a, b in zip(*columns, strict=True)), first, dropped)


def arrow_batches(source: Any) -> OpenBatches:
    """Record batches of anything with the Arrow C stream interface, with the wanted columns only."""

    def batches(layout: Layout) -> Generator[Batch]:
        reader = _opened(source)
        places = layout.pick(reader.schema.names)
        for batch in reader:
            yield batch.select(places)

    return batches


def _opened(source: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    if hasattr(source, "__arrow_c_stream__"):
        try:
            return pa.RecordBatchReader.from_stream(source)
        except pa.ArrowInvalid:
            column = pa.chunked_array(source)  # one column by itself, such as a series
    else:
        column = pa.chunked_array([pa.array(source)])
    return pa.table({str(getattr(source, "name", None) or ""): column}).to_reader()


def parquet_batches(path: Path) -> OpenBatches:
    """Record batches of a Parquet file, of which only the wanted columns are read."""

    def batches(layout: Layout) -> Generator[Batch]:
        import pyarrow as pa  # noqa: PLC0415  (an extra)
        import pyarrow.parquet as pq  # noqa: PLC0415

        try:
            check_regular(path)
            with pq.ParquetFile(path) as file:
                names = file.schema_arrow.names
                wanted = [names[place] for place in layout.pick(names)]
                for batch in file.iter_batches(batch_size=_ROWS, columns=wanted):
                    yield batch.select(wanted)
        except (OSError, pa.ArrowException) as problem:
            reason = getattr(problem, "strerror", None) or type(problem).__name__
        else:
            return
        msg = f"The file {str(path)!r} cannot be read as Parquet: {reason}."
        raise InvalidRequest(msg)

    return batches


def _pieces(batches: Generator[Batch]) -> Generator[Batch]:
    with closing(batches):
        for batch in batches:
            for start in range(0, batch.num_rows, _ROWS):
                yield batch.slice(start, _ROWS)


def _plain(column: Column, name: str) -> Column:
    """The column as one that pyarrow writes with the text that was meant. Raises InvalidRequest for other types."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import types  # noqa: PLC0415

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column, kind = column.storage, kind.storage_type
    if types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
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


def _without_exponents(column: Column) -> Column:
    """As text: pyarrow itself writes small decimals such as 0.0000001 with an exponent."""
    import pyarrow as pa  # noqa: PLC0415

    text = column.cast(pa.string())
    if not _any(_compute().match_substring(text, "E")):
        return text
    return pa.array([None if value is None else f"{value:f}" for value in column.to_pylist()], pa.string())


def _with_id(columns: list[Column]) -> list[Column]:
    """The columns without the rows whose id is null or blank."""
    pc = _compute()
    ids = columns[0]
    kept = ids.is_valid()
    if _is_text(ids) and (_shortest(ids) == 0 or _any(_is_space(ids))):
        is_blank = pc.or_(pc.equal(pc.binary_length(ids), 0), _is_space(ids))
        kept = pc.and_(kept, pc.invert(is_blank).fill_null(False))  # noqa: FBT003
    elif not ids.null_count:
        return columns
    return [column.filter(kept) for column in columns]


class _Writer:
    """Writes columns with pyarrow, which can quote nothing or all; what it will not write without quotes is joined here."""

    def __init__(self) -> None:
        self._csv: Any = None
        self._parts: list[bytes] = []

    def write(self, columns: list[Column]) -> bytes:
        """The columns as CSV."""
        import pyarrow as pa  # noqa: PLC0415

        batch = pa.RecordBatch.from_arrays(columns, names=[str(place) for place in range(len(columns))])
        if self._csv is None:
            self._csv = self._new(batch.schema)
        try:
            self._csv.write_batch(batch)
        except pa.ArrowInvalid:
            self._csv = None
            self._parts.clear()
            return _join(columns)
        text = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        return text

    def _new(self, schema: Any) -> Any:
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import csv  # noqa: PLC0415

        options = csv.WriteOptions(include_header=False, quoting_style="none", eol="\r\n", batch_size=_ROWS)
        return csv.CSVWriter(pa.PythonFile(_Sink(self._parts), "w"), schema, write_options=options)


class _Sink:
    """A file for pyarrow that keeps what is written."""

    closed = False

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    def write(self, data: Any) -> int:
        if len(data):
            self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """There is nothing to do, nor in `close`."""

    def close(self) -> None:
        """See `flush`."""


def _join(columns: list[Column]) -> bytes:
    """The same with quotes round the values that need them."""
    import pyarrow as pa  # noqa: PLC0415

    pc = _compute()
    comma, end, nothing = (pa.scalar(text, pa.large_string()) for text in (",", "\r\n", ""))
    rows = pc.binary_join_element_wise(*map(_quoted, columns), comma)
    lines = pc.binary_join_element_wise(rows, end, nothing)
    whole = pc.binary_join(
        pa.LargeListArray.from_arrays(pa.array([0, len(lines)], pa.int64()), lines), nothing
    )
    text: bytes = whole[0].as_buffer().to_pybytes()
    return text


def _quoted(column: Column) -> Column:
    import pyarrow as pa  # noqa: PLC0415

    pc = _compute()
    text = column.cast(pa.large_string()).fill_null("")
    doubled = pc.replace_substring(text, '"', '""')
    quote = pa.scalar('"', pa.large_string())
    nothing = pa.scalar("", pa.large_string())
    return pc.if_else(
        pc.match_substring_regex(text, SPECIAL),
        pc.binary_join_element_wise(quote, doubled, quote, nothing),
        text,
    )


def _is_clean(column: Column) -> bool:
    """Whether it has certainly no blank value, NUL or what is not UTF-8: numbers, and text of visible ASCII only. Very quick."""
    import pyarrow as pa  # noqa: PLC0415

    if not _is_text(column):
        return True
    _, offsets, data = column.buffers()
    size = len(column)
    if not size or data is None:
        return True
    places = pa.Array.from_buffers(
        pa.int64() if _is_large(column) else pa.int32(), size + 1, [None, offsets], offset=column.offset
    )
    start, end = places[0].as_py(), places[size].as_py()
    if start == end:
        return True
    seen = _compute().min_max(pa.Array.from_buffers(pa.uint8(), end - start, [None, data], offset=start))
    return bool(seen["min"].as_py() > 0x20 and seen["max"].as_py() < 0x7F)


def _is_right(columns: list[Column]) -> bool:
    """Whether the encoder of rows would refuse no row."""
    pc = _compute()
    for column in columns:
        if _is_text(column) and (
            not _is_utf8(column) or _any(_is_space(column)) or _any(pc.match_substring(column, "\0"))
        ):
            return False
    return True


def _is_space(column: Column) -> Column:
    """For each value, whether it is white space, at least one character long. What is not UTF-8 is none."""
    import pyarrow as pa  # noqa: PLC0415

    try:
        return _compute().utf8_is_space(column)
    except pa.ArrowInvalid:
        return _compute().ascii_is_space(column)


def _is_text(column: Column) -> bool:
    from pyarrow import types  # noqa: PLC0415

    return bool(types.is_string(column.type) or types.is_large_string(column.type))


def _shortest(column: Column) -> int:
    """The bytes of the shortest value; 1 where there is none."""
    pc = _compute()
    shortest = pc.min(pc.binary_length(column)).as_py()
    return 1 if shortest is None else int(shortest)


def _any(column: Column) -> bool:
    return bool(_compute().any(column).as_py())


def _is_utf8(column: Column) -> bool:
    import pyarrow as pa  # noqa: PLC0415

    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_large(column: Column) -> bool:
    from pyarrow import types  # noqa: PLC0415

    return bool(types.is_large_string(column.type))


def _value(value: Any) -> object:
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return "\ud800"  # which no encoder takes


def _compute() -> Any:
    import pyarrow.compute as pc  # noqa: PLC0415

    return pc

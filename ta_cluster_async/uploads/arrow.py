"""Columns of Arrow data and Parquet files. Imports pyarrow only when there are such."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ConfigurationError, InvalidRequest
from ..messages import Message
from .files import check_regular
from .reader import BlockingReader

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from ..protocol.requests import Chunk
    from .arrow_csv import ColumnsText
    from .options import Encode, Layout

    # pyarrow has no types of its own.
    Batch: TypeAlias = Any

_ROWS = 1 << 16


def is_arrow(source: object) -> bool:
    """Whether it has the Arrow C stream interface, or the one for a single array."""
    return hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__")


def load_pyarrow() -> None:
    """Raise ConfigurationError that names the extra where pyarrow is missing."""
    if importlib.util.find_spec("pyarrow") is None:
        raise ConfigurationError(Message("pyarrow-missing"))


class ArrowReader(BlockingReader):
    """Columns of record batches, in pieces of a few megabytes of text."""

    rows: int | None
    skipped: int

    def __init__(
        self, name: Message, batches: Generator[Batch], encode: Encode, layout: Layout, *, is_repeatable: bool
    ) -> None:
        super().__init__(ahead=1)
        self.name = name
        self.is_repeatable = is_repeatable
        self._batches = batches
        self._encode = encode
        self._layout = layout
        self._columns: ColumnsText | None = None

    def _read(self) -> Chunk:
        if self._columns is None:
            from .arrow_csv import ColumnsText  # noqa: PLC0415  (loads pyarrow: an extra, and not on the loop)

            self._columns = ColumnsText(self.name, self._batches, self._encode, self._layout)
        text = self._columns.next(is_hurried=lambda: self._closed)
        self.rows, self.skipped = self._columns.rows, self._columns.skipped
        return text

    def _close(self) -> None:
        if self._columns is not None:
            self._columns.close()


def arrow_batches(source: Any, name: Message, layout: Layout) -> Generator[Batch]:
    """Yield record batches of anything with the Arrow C stream interface, with the wanted columns only."""
    reader = _open_stream(source, name)
    places = layout.pick(reader.schema.names, name)
    for batch in reader:
        if not batch.schema.equals(reader.schema):
            raise InvalidRequest(Message("batch-of-other-columns", source=name))
        yield batch.select(places)


def _open_stream(source: Any, name: Message) -> Any:
    import pyarrow as pa  # noqa: PLC0415  (an extra)

    if isinstance(source, pa.RecordBatchReader):
        return source  # as it is, so that an error of what it reads from comes out as it is too
    if not hasattr(source, "__arrow_c_stream__"):
        array = pa.array(source)
        if pa.types.is_struct(array.type):
            return pa.table(pa.RecordBatch.from_struct_array(array)).to_reader()
        return _one_column(source, pa.chunked_array([array]))
    problem: Exception
    try:
        return pa.RecordBatchReader.from_stream(source)
    except pa.ArrowException:
        # It may be one column by itself, such as a series.
        try:
            return _one_column(source, pa.chunked_array(source))
        except pa.ArrowException as invalid:
            problem = invalid
    raise InvalidRequest(Message("arrow-unreadable", source=name)) from problem


def _one_column(source: object, column: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415  (an extra)

    return pa.table({str(getattr(source, "name", None) or ""): column}).to_reader()


def parquet_batches(path: Path, name: Message, layout: Layout) -> Generator[Batch]:
    """Yield record batches of a Parquet file, of which only the wanted columns are read."""
    import pyarrow as pa  # noqa: PLC0415  (an extra)
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        if path.is_dir():
            yield from _folder_batches(path, name, layout)
            return
        check_regular(path)
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wanted = [names[place] for place in layout.pick(names, name)]
            for batch in file.iter_batches(batch_size=_ROWS, columns=wanted):
                yield batch.select(wanted)
    except (OSError, pa.ArrowException) as problem:
        reason = getattr(problem, "strerror", None) or Message("parquet-damaged")
    else:
        return
    raise InvalidRequest(Message("parquet-unreadable", source=name, reason=reason))


def _folder_batches(path: Path, name: Message, layout: Layout) -> Generator[Batch]:
    """Yield record batches of all Parquet files below a folder, as Spark and pyarrow write them."""
    from pyarrow import dataset  # noqa: PLC0415

    if (path / "_delta_log").exists():
        raise InvalidRequest(Message("folder-of-delta", source=name))
    files = sorted(
        str(file)
        for file in path.rglob("*.parquet")
        if not any(part.startswith(("_", ".")) for part in file.relative_to(path).parts)
    )
    if not files:
        raise InvalidRequest(Message("folder-without-parquet", source=name))
    found = dataset.dataset(files, format="parquet", partitioning="hive", partition_base_dir=str(path))
    names = found.schema.names
    wanted = [names[place] for place in layout.pick(names, name)]
    # In one thread and hardly ahead, for constant memory and rows in their order.
    scanner = found.scanner(
        columns=wanted, batch_size=_ROWS, batch_readahead=1, fragment_readahead=1, use_threads=False
    )
    yield from scanner.to_batches()

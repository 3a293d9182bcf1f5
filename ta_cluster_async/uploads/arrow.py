"""Columns of Arrow data and Parquet files, written as CSV by pyarrow in batches. Imports pyarrow only when there are such."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ConfigurationError, InvalidRequest
from .files import check_regular
from .reader import BlockingReader

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from ..protocol.requests import Chunk
    from .arrow_csv import ColumnsText
    from .options import Encode, Layout

    # pyarrow has no types of its own.
    Batch: TypeAlias = Any
    OpenBatches: TypeAlias = Callable[[Layout], Generator[Batch]]

_ROWS = 1 << 16


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
    """Columns of record batches, in pieces of a few megabytes of text."""

    def __init__(
        self,
        open_batches: OpenBatches,
        encode: Encode,
        layout: Layout,
        *,
        again: bool,
    ) -> None:
        super().__init__(ahead=1)
        self.again = again
        self._open = open_batches
        self._encode = encode
        self._layout = layout
        self._columns: ColumnsText | None = None

    def _read(self) -> Chunk:
        if self._columns is None:
            from .arrow_csv import ColumnsText  # noqa: PLC0415  (loads pyarrow: an extra, and not on the loop)

            self._columns = ColumnsText(self._open(self._layout), self._encode, self._layout)
        text = self._columns.next(is_hurried=lambda: self._closed)
        self.rows, self.skipped = self._columns.rows, self._columns.skipped
        return text

    def _close(self) -> None:
        if self._columns is not None:
            self._columns.close()


def arrow_batches(source: Any) -> OpenBatches:
    """Record batches of anything with the Arrow C stream interface, with the wanted columns only."""

    def batches(layout: Layout) -> Generator[Batch]:
        reader = _opened(source)
        places = layout.pick(reader.schema.names)
        for batch in reader:
            if not batch.schema.equals(reader.schema):
                msg = "The record batches have other columns than their reader says."
                raise InvalidRequest(msg)
            yield batch.select(places)

    return batches


def _opened(source: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415

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
    msg = (
        f"The {type(source).__name__} cannot be read as Arrow data. Has it a type that pyarrow does not know, or a column of several "
        "types? Select the columns that are wanted, and cast them to text."
    )
    raise InvalidRequest(msg) from problem


def _one_column(source: object, column: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415

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

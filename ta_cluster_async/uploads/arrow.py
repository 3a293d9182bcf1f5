"""Columns of Arrow data and Parquet files. Imports pyarrow only when there are such."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ConfigurationError, InvalidRequest
from ..messages import Message
from .files import FileState, check_regular, version_of
from .reader import BlockingReader

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from typing import Protocol

    from ..protocol.requests import Chunk
    from .arrow_csv import ColumnsText
    from .options import Encode, Layout

    # pyarrow has no types of its own.
    Batch: TypeAlias = Any

    class Batches(Protocol):
        """One pass over record batches with the wanted columns."""

        def read(self) -> Generator[Batch]:
            """Yield the batches."""
            ...

        def is_changed(self) -> bool:
            """Whether what they are read from was changed since."""
            ...


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
        self, name: Message, batches: Batches, encode: Encode, layout: Layout, *, is_repeatable: bool
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

            self._columns = ColumnsText(self.name, self._batches.read(), self._encode, self._layout)
        text = self._columns.next(is_hurried=lambda: self._closed)
        self.rows, self.skipped = self._columns.rows, self._columns.skipped
        return text

    def _is_changed(self) -> bool:
        return self._batches.is_changed()

    def _close(self) -> None:
        if self._columns is not None:
            self._columns.close()


class ArrowBatches:
    """Record batches of anything with the Arrow C stream interface."""

    def __init__(self, source: Any, name: Message, layout: Layout) -> None:
        self._source = source
        self._name = name
        self._layout = layout

    def read(self) -> Generator[Batch]:
        """Yield them, with the wanted columns only."""
        reader = _open_stream(self._source, self._name)
        places = self._layout.pick(reader.schema.names, self._name)
        for batch in reader:
            if not batch.schema.equals(reader.schema):
                raise InvalidRequest(Message("batch-of-other-columns", source=self._name))
            yield batch.select(places)

    def is_changed(self) -> bool:
        """Return False: whether data in memory changes cannot be told."""
        return False


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


class ParquetBatches:
    """Record batches of a Parquet file, or of all below a folder. Raises InvalidRequest where a file has changed at the end."""

    def __init__(self, path: Path, name: Message, layout: Layout) -> None:
        self._path = path
        self._name = name
        self._layout = layout
        self._file: FileState | None = None
        self._files: dict[str, tuple[int, int, int]] | None = None

    def read(self) -> Generator[Batch]:
        """Yield them. Only the wanted columns are read."""
        import pyarrow as pa  # noqa: PLC0415  (an extra)

        reason: object = None
        try:
            yield from self._folder() if self._path.is_dir() else self._one()
        except (OSError, pa.ArrowException) as problem:
            reason = getattr(problem, "strerror", None) or Message("parquet-damaged")
        if self.is_changed():  # also the cause of what seems to be damaged
            raise InvalidRequest(Message("file-changed", source=self._name))
        if reason is not None:
            raise InvalidRequest(Message("parquet-unreadable", source=self._name, reason=reason))

    def is_changed(self) -> bool:
        """Whether a file was written to since it was opened; for a folder also whether there are other files in it."""
        if self._files is None:
            return self._file is not None and self._file.is_changed()
        try:
            return self._files != self._found()
        except OSError:
            return True  # one is gone

    def _one(self) -> Generator[Batch]:
        import pyarrow.parquet as pq  # noqa: PLC0415  (an extra)

        check_regular(self._path)
        self._file = FileState(str(self._path))
        with pq.ParquetFile(self._path) as file:
            names = file.schema_arrow.names
            wanted = [names[place] for place in self._layout.pick(names, self._name)]
            for batch in file.iter_batches(batch_size=_ROWS, columns=wanted):
                yield batch.select(wanted)

    def _folder(self) -> Generator[Batch]:
        """Yield the batches of all Parquet files below the folder, as Spark and pyarrow write them."""
        from pyarrow import dataset  # noqa: PLC0415  (an extra)

        path, name = self._path, self._name
        if (path / "_delta_log").exists():
            raise InvalidRequest(Message("folder-of-delta", source=name))
        self._files = self._found()
        files = sorted(self._files)
        if not files:
            raise InvalidRequest(Message("folder-without-parquet", source=name))
        found = dataset.dataset(files, format="parquet", partitioning="hive", partition_base_dir=str(path))
        names = found.schema.names
        wanted = [names[place] for place in self._layout.pick(names, name)]
        # In one thread and hardly ahead, for constant memory and rows in their order.
        scanner = found.scanner(
            columns=wanted, batch_size=_ROWS, batch_readahead=1, fragment_readahead=1, use_threads=False
        )
        yield from scanner.to_batches()

    def _found(self) -> dict[str, tuple[int, int, int]]:
        """Return the Parquet files below the folder, with what differs when one is written to or replaced."""
        found = {}
        for file in self._path.rglob("*.parquet"):
            if not any(part.startswith(("_", ".")) for part in file.relative_to(self._path).parts):
                state = file.stat()
                found[str(file)] = (state.st_ino, *version_of(state))
        return found

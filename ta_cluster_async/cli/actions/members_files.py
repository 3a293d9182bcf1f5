"""Files of members: CSV, JSON lines and Parquet, which appear when all members are there."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from ...errors import ConfigurationError, InvalidRequest
from ..i18n.translate import tr
from ..output.files import replaced_file
from ..output.streams import writing_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from ...resources.members import Members

STDOUT = "-"
_SHOWN_EVERY = 4096
_PARQUET_ROWS = 65_536

_Write: TypeAlias = "Callable[[Sequence[object]], object]"


async def write_members(
    found: Members[Any], output: str, *, header: bool = True, show: Callable[[], None]
) -> None:
    """Write members into a file of the format that its name says. It takes the place of what was there when all have come.

    Args:
        found: The members.
        output: The file, or `-` for CSV to standard output.
        header: Whether CSV begins with the names of the columns.
        show: Called now and then, when more have come.

    Raises:
        OutputError: Standard output cannot be written.
        ConfigurationError: The file cannot be written.
        InvalidRequest: The name says no format.
        TaError: The members cannot be read; see `Members`.
    """
    suffix = suffix_of(output)
    with _file(output) as file:
        if suffix == ".parquet":
            await _write_parquet(found, file, show)
            return
        with _text_writer(suffix, file, found.columns, header=header) as write:
            async for number, member in _numbered(found):
                write(member if isinstance(member, tuple) else (member,))
                if not number % _SHOWN_EVERY:
                    show()


@contextmanager
def _file(output: str) -> Iterator[IO[bytes]]:
    """Open what the members are written to.

    Raises:
        OutputError: Standard output cannot be written.
        ConfigurationError: The file cannot be written.
    """
    if output == STDOUT:
        with writing_to(sys.stdout):
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    try:
        with replaced_file(Path(output)) as file:
            yield file
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
    else:
        return
    raise ConfigurationError(tr("The file {path} cannot be written: {reason}.", path=output, reason=reason))


def suffix_of(output: str) -> str:
    """Return the format of a file by its name. Raises InvalidRequest."""
    if output == STDOUT:
        return ".csv"
    name = output.lower()
    for suffix in (".csv", ".csv.gz", ".jsonl", ".parquet"):
        if name.endswith(suffix):
            return suffix
    raise InvalidRequest(
        tr("{path} must end in .csv, .csv.gz, .jsonl or .parquet, which says its format.", path=output)
    )


async def _numbered(found: Members[Any]) -> AsyncIterator[tuple[int, Any]]:
    number = 0
    async for member in found:
        number += 1
        yield number, member


async def _write_parquet(found: Members[Any], file: IO[bytes], show: Callable[[], None]) -> None:
    async with aclosing(found.batches(_PARQUET_ROWS)) as batches:
        writer: Any = None
        try:
            async for batch in batches:
                if writer is None:
                    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - the extra is there, as batches came

                    writer = ParquetWriter(file, batch.schema)
                writer.write_batch(batch)
                show()
        finally:
            if writer is not None:
                writer.close()


@contextmanager
def _text_writer(suffix: str, file: IO[bytes], names: Sequence[str], *, header: bool) -> Iterator[_Write]:
    """Yield what writes one member as a line of CSV or JSON."""
    with ExitStack() as stack:
        if suffix == ".csv.gz":
            # Without the name and the time of the file, so that the same members make the same file.
            packed = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
            raw: Any = stack.enter_context(packed)
        else:
            raw = file
        text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        # What is below stays open: it is closed by whoever opened it.
        stack.callback(text.detach)
        if suffix == ".jsonl":

            def write(row: Sequence[object]) -> object:
                return text.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")

        else:
            rows = csv.writer(text)
            write = rows.writerow
            if header:
                rows.writerow(names)
        yield write
        text.flush()

"""Writes the members of a cluster or tag into a file that appears when all of them are there."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ...errors import ConfigurationError, InvalidRequest
from ...models import Catalog
from ..connection import open_project
from ..exit_codes import Exit
from ..i18n.translate import ntr, tr
from ..output.console import is_quiet, print_message, stderr
from ..output.files import replaced_file
from ..output.streams import writing_to
from .show import read_one

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from ...resources.members import Members
    from ..options import CliOptions

STDOUT = "-"
_SHOWN_EVERY = 4096
_PARQUET_ROWS = 65_536

_Write: TypeAlias = "Callable[[Sequence[object]], object]"


async def members(
    options: CliOptions, ref: str, *, output: str, columns: Sequence[str] | None, header: bool
) -> Exit:
    """Write the members. A file is made beside the given one, and takes its place at the end."""
    suffix = _suffix_of(output)
    async with open_project(options) as project:
        detail = await read_one(project, ref)
        resource: Any = project.tags if detail.catalog is Catalog.TAG else project.clusters
        found: Members[Any] = resource.members(detail.id, columns=columns)
        with ExitStack() as stack:
            file = stack.enter_context(_file(output))
            show = stack.enter_context(_display(found, detail.users_num))
            if suffix == ".parquet":
                await _write_parquet(found, file, show)
            else:
                with _text_writer(suffix, file, found.columns, header=header) as write:
                    async for number, member in _numbered(found):
                        write(member if isinstance(member, tuple) else (member,))
                        if not number % _SHOWN_EVERY:
                            show()
    count = ntr("{count} member", "{count} members", found.count)
    if output == STDOUT:
        print_message(tr("{members} written.", members=count))
    else:
        print_message(tr("{members} written to {path}.", members=count, path=output))
    return Exit.OK


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


def _suffix_of(output: str) -> str:
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


@contextmanager
def _display(found: Members[Any], expected: int | None) -> Iterator[Callable[[], None]]:
    """Show a bar on a terminal: how many have come of those that the server counts."""
    console = stderr()
    if is_quiet() or not console.is_terminal or console.is_dumb_terminal:
        yield lambda: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(tr("Reading"), total=expected)
        yield lambda: progress.update(task, completed=found.count)

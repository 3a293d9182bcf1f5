"""CSV text as somebody wrote it: checked and sent as it is, or read for some of its columns."""

from __future__ import annotations

import codecs
import csv
import io
import re
from typing import TYPE_CHECKING

from ..errors import InvalidRequest
from ..protocol.csv import UTF8_BOM, check_start
from .line_ends import LineEnds, end_of_record, has_line_feeds
from .reader import BlockingReader
from .rows import BATCH, Encoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..protocol.requests import Chunk
    from .files import Input
    from .options import Encode, Layout

_NOT_BLANK = re.compile(rb"\S")
_NO_TEXT = {
    b"\x1f\x8b": "compressed with gzip: give it as a path that ends in .gz, or open it with gzip.open()",
    b"PAR1": "Parquet: give it as a path that ends in .parquet",
    b"PK\x03\x04": "a zip archive or a workbook: save its rows as CSV",
}
# Bytes before the first row that are still looked behind: blank lines, and the header.
_LONGEST_START = 1 << 20


def is_blank(text: Chunk, start: int = 0) -> bool:
    """Whether it has nothing but white space from `start` on."""
    return _NOT_BLANK.search(text, start) is None


class TextReader(BlockingReader):
    """CSV text that goes out as it is, without BOM and header and with CRLF. Raises InvalidRequest that names the line for what is not UTF-8.

    Where its first line ends with CRLF, all others are taken to do so too.
    """

    def __init__(self, source: Input, layout: Layout) -> None:
        super().__init__(ahead=source.ahead)
        self._lock = source.lock
        self._source = source
        self._layout = layout
        self._check = Check(source, count=layout.count or not source.is_quick)
        self._is_new = True
        self._ends: LineEnds | None = None
        self._given = 0
        self.name = source.name
        self.is_exact = False
        self.rows = self._check.rows

    def _read(self) -> bytes:
        if not self._is_new:
            text = self._next()
        else:
            self._is_new = False
            text = self._start()
        self.rows = self._check.rows
        return text

    def _next(self) -> bytes:
        while True:
            chunk = self._check.next()
            text = chunk if self._ends is None else self._convert(self._ends, chunk)
            if text or not chunk:
                return text

    def _convert(self, ends: LineEnds, chunk: bytes) -> bytes:
        text = ends.convert(chunk)
        self._given += len(text)
        if self._source.size is not None:
            self.about = self._source.size * self._given // max(self._check.place, 1)
        return text

    def _start(self) -> bytes:
        head = self._check.next()
        self.again, self.size = self._source.again, self._source.size
        cut = 0
        # A pipe may give it byte by byte.
        while True:
            skip = check_start(head)
            is_whole = len(head) >= len(UTF8_BOM)
            if is_whole and self._layout.header:
                cut = end_of_record(head)
                is_whole = cut > 0
            if is_whole and b"\n" in head and not is_blank(head, cut or skip):
                break
            more = b"" if self._closed or len(head) >= _LONGEST_START else self._check.next()
            if not more:
                break
            head += more
        if self._layout.header:
            cut = cut or len(head)
            header = next(csv.reader(io.StringIO(head[skip:cut].decode(), newline="")), [])
            self._layout.pick(header)
            self._check.forget_header(head[:cut])
        start = cut or skip
        if has_line_feeds(head):
            self._ends, self.size = LineEnds(), None
            return self._convert(self._ends, head[start:]) or self._next()
        if self.size is not None:
            self.size -= start
        return head[start:]

    def _close(self) -> None:
        self._source.close()


class CsvReader(BlockingReader):
    """Columns of CSV text, row by row."""

    def __init__(self, source: Input, encode: Encode, layout: Layout) -> None:
        super().__init__()
        self._lock = source.lock
        self._source = source
        self._layout = layout
        self._encoder = Encoder(encode, layout)
        self._records = self._rows()
        self.name = source.name

    def _read(self) -> bytes:
        text = b""
        while not text and not self._closed:
            batch: list[object] = []
            for row in self._records:
                batch.append(row)
                if len(batch) == BATCH or self._closed:
                    break
            self.again = self._source.again
            if not batch:
                break
            text = self._encoder.take(batch)
            self.rows, self.skipped = self._encoder.rows, self._encoder.skipped
        return text

    def _rows(self) -> Iterator[object]:
        file = io.TextIOWrapper(io.BufferedReader(_Raw(self._source)), encoding="utf-8", newline="")
        records = csv.reader(file, strict=True)
        problem = ""
        try:
            yield from _columns(records, self._layout)
        except csv.Error as error:
            problem = f"{self.name} is not CSV at line {records.line_num}: {error}."
        if problem:
            raise InvalidRequest(problem)

    def _close(self) -> None:
        self._source.close()


def _columns(records: Iterator[list[str]], layout: Layout) -> Iterator[object]:
    places = layout.pick(next(records, [])) if layout.header else list(range(layout.columns))
    last, first = max(places), places[0]
    number = 0
    for record in records:
        if not record:
            continue  # a blank line is no row
        number += 1
        if len(record) <= last or (not layout.header and len(record) != layout.columns):
            msg = f"Row {number} has {len(record)} columns, where {last + 1} are needed."
            raise InvalidRequest(msg)
        yield record[first] if layout.columns == 1 else (record[first], record[places[1]])


class Check:
    """Reads text and finds what is no UTF-8 in it, at nearly no cost where the text is ASCII.

    Attributes:
        rows: Lines so far, or None where they are not counted.
        place: Bytes so far.
    """

    def __init__(self, source: Input, *, count: bool) -> None:
        self.rows: int | None = 0 if count else None
        self._source = source
        self._lines = 0
        self.place = 0
        self._head = b""
        self._ends_in_line = False
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def next(self) -> bytes:
        """The next part, b"" at the end. Raises InvalidRequest for UTF-16, other encodings and NUL."""
        chunk = self._source.read()
        if self.place == 0:
            check_start(chunk)
            self._head = chunk[:4]
        nul = chunk.find(b"\0")
        if nul >= 0:
            raise self._wrong(chunk, nul, "has a NUL character. Is it UTF-16? Write the file as UTF-8")
        pending = len(self._decoder.getstate()[0])
        if pending or not chunk.isascii():
            wrong = None
            try:
                self._decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                wrong = max(error.start - pending, 0)
            if wrong is not None:
                raise self._wrong(chunk, wrong, "is not UTF-8. Write the file as UTF-8")
        self.place += len(chunk)
        if self.rows is not None:
            self._lines += chunk.count(b"\n")
            self._ends_in_line = not chunk.endswith(b"\n") if chunk else self._ends_in_line
            self.rows = self._lines + self._ends_in_line
        return chunk

    def forget_header(self, header: bytes) -> None:
        """Do not count the lines of the header."""
        if self.rows is not None:
            lines = header.count(b"\n")
            self._lines -= lines
            self.rows = max(self.rows - lines, 0)

    def _wrong(self, chunk: bytes, at: int, what: str) -> InvalidRequest:
        for start, kind in _NO_TEXT.items():
            if self._head.startswith(start):
                return InvalidRequest(f"{self._source.name} is no CSV text but {kind}.")
        if self.rows is None:
            line = self._source.line_at(self.place + at)
        else:
            line = self._lines + chunk.count(b"\n", 0, at) + 1
        return InvalidRequest(
            f"{self._source.name} {what} (line {line}), or give the ids as an iterable of str."
        )


class _Raw(io.RawIOBase):
    """What is left of the checked text, as a file."""

    def __init__(self, source: Input) -> None:
        super().__init__()
        self._check = Check(source, count=True)
        self._chunk = memoryview(b"")
        self._is_new = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        while not self._chunk:
            chunk = self._check.next()
            if not chunk:
                return 0
            if self._is_new:
                while 0 < len(chunk) < len(UTF8_BOM) and (more := self._check.next()):
                    chunk += more
                chunk = chunk[check_start(chunk) :]
                self._is_new = False
            self._chunk = memoryview(chunk)
        size = min(len(buffer), len(self._chunk))
        buffer[:size] = self._chunk[:size]
        self._chunk = self._chunk[size:]
        return size

"""CSV text as the caller has it: checked and sent as it is, or read row by row for some of its columns."""

from __future__ import annotations

import codecs
import csv
import io
import re
from typing import TYPE_CHECKING

from ..errors import InvalidRequest
from ..messages import Message
from ..protocol.csv import UTF8_BOM, check_start
from .line_ends import LineEnds, end_of_record, has_line_feeds
from .reader import BlockingReader
from .rows import RowsReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..protocol.requests import Chunk
    from .files import Input
    from .options import Encode, Layout

_NOT_BLANK = re.compile(rb"\S")
_OTHER_KINDS = {
    b"\x1f\x8b": "gzip-not-csv",
    b"PAR1": "parquet-not-csv",
    b"PK\x03\x04": "zip-not-csv",
}
# How many bytes of blank lines and header may come before the first row.
_LONGEST_START = 1 << 20


def is_blank(text: Chunk, start: int = 0) -> bool:
    """Whether there is nothing but white space from `start` on."""
    return _NOT_BLANK.search(text, start) is None


class TextReader(BlockingReader):
    """CSV text that goes out as it is, without BOM and header and with CRLF. Raises InvalidRequest that names the line that is not UTF-8.

    Where its first line ends with CRLF, all others are taken to do so too.
    """

    is_repeatable: bool

    def __init__(self, source: Input, layout: Layout) -> None:
        super().__init__(ahead=source.ahead)
        self._lock = source.lock
        self._source = source
        self._layout = layout
        self._text = CheckedText(source, count=layout.count or not source.is_quick)
        self._is_new = True
        self._line_ends: LineEnds | None = None
        self._converted = 0
        self.name: Message = source.name
        self.is_exact = False
        self.rows = self._text.rows

    def _read(self) -> bytes:
        if self._is_new:
            self._is_new = False
            text = self._first_part()
        else:
            text = self._next_part()
        self.rows = self._text.rows
        return text

    def _next_part(self) -> bytes:
        while True:
            chunk = self._text.read()
            text = chunk if self._line_ends is None else self._convert(self._line_ends, chunk)
            if text or not chunk:
                return text

    def _convert(self, line_ends: LineEnds, chunk: bytes) -> bytes:
        text = line_ends.convert(chunk)
        self._converted += len(text)
        if self._source.size is not None:
            self.estimated_size: int | None = self._source.size * self._converted // max(self._text.place, 1)
        return text

    def _first_part(self) -> bytes:
        head = self._text.read()
        self.is_repeatable, self.size = self._source.is_repeatable, self._source.size
        header_end = 0
        # A pipe may give it byte by byte.
        while True:
            bom = check_start(head)
            is_whole = len(head) >= len(UTF8_BOM)
            if is_whole and self._layout.header:
                header_end = end_of_record(head)
                is_whole = header_end > 0
            if is_whole and b"\n" in head and not is_blank(head, header_end or bom):
                break
            more = b"" if self._closed or len(head) >= _LONGEST_START else self._text.read()
            if not more:
                break
            head += more
        if self._layout.header:
            header_end = header_end or len(head)
            header = next(csv.reader(io.StringIO(head[bom:header_end].decode(), newline="")), [])
            self._layout.pick(header, self.name)
            self._text.uncount(head[:header_end])
        start = header_end or bom
        if has_line_feeds(head):
            self._line_ends, self.size = LineEnds(), None
            return self._convert(self._line_ends, head[start:]) or self._next_part()
        if self.size is not None:
            self.size -= start
        return head[start:]

    def _close(self) -> None:
        self._source.close()


class CsvReader(RowsReader):
    """Columns of CSV text, row by row."""

    def __init__(self, source: Input, encode: Encode, layout: Layout) -> None:
        self.name: Message = source.name
        super().__init__(_records(source, layout), encode, layout)
        self._lock = source.lock
        self._source = source

    def _read(self) -> bytes:
        text = super()._read()
        self.is_repeatable: bool = self._source.is_repeatable
        return text

    def _close(self) -> None:
        super()._close()
        self._source.close()


def _records(source: Input, layout: Layout) -> Iterator[object]:
    file = io.TextIOWrapper(io.BufferedReader(_RawText(source)), encoding="utf-8", newline="")
    records = csv.reader(file, strict=True)
    try:
        yield from _columns(records, layout, source.name)
    except csv.Error as error:
        problem = str(error)
    else:
        return
    raise InvalidRequest(Message("csv-malformed", source=source.name, line=records.line_num, problem=problem))


def _columns(records: Iterator[list[str]], layout: Layout, source: Message) -> Iterator[object]:
    places = layout.pick(next(records, []), source) if layout.header else list(range(layout.columns))
    last, first = max(places), places[0]
    number = 0
    for record in records:
        if not record:
            continue  # a blank line is no row
        number += 1
        if len(record) <= last or (not layout.header and len(record) != layout.columns):
            raise InvalidRequest(
                Message("row-of-other-width", source=source, row=number, count=len(record), needed=last + 1)
            )
        yield record[first] if layout.columns == 1 else (record[first], record[places[1]])


class CheckedText:
    """Reads text and finds what is not UTF-8 in it, at nearly no cost where the text is ASCII.

    Attributes:
        rows: Lines so far, or None where they are not counted.
        place: Bytes so far.
    """

    def __init__(self, source: Input, *, count: bool) -> None:
        self.rows: int | None = 0 if count else None
        self.place: int = 0
        self._source = source
        self._lines = 0
        self._head = b""
        self._ends_in_line = False
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def read(self) -> bytes:
        """Return the next part, b"" at the end. Raises InvalidRequest for UTF-16, other encodings and NUL."""
        chunk = self._source.read()
        if self.place == 0:
            check_start(chunk)
            self._head = chunk[:4]
        nul = chunk.find(b"\0")
        if nul >= 0:
            raise self._error("text-with-nul", chunk, nul)
        pending = len(self._decoder.getstate()[0])
        if pending or not chunk.isascii():
            wrong = None
            try:
                self._decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                wrong = max(error.start - pending, 0)
            if wrong is not None:
                raise self._error("text-not-utf-8", chunk, wrong)
        self.place += len(chunk)
        if self.rows is not None:
            self._lines += chunk.count(b"\n")
            self._ends_in_line = not chunk.endswith(b"\n") if chunk else self._ends_in_line
            self.rows = self._lines + self._ends_in_line
        return chunk

    def uncount(self, header: bytes) -> None:
        """Take the lines of the header off the count."""
        if self.rows is not None:
            lines = header.count(b"\n")
            self._lines -= lines
            self.rows = max(self.rows - lines, 0)

    def _error(self, code: str, chunk: bytes, at: int) -> InvalidRequest:
        for start, kind in _OTHER_KINDS.items():
            if self._head.startswith(start):
                return InvalidRequest(Message(kind, source=self._source.name))
        if self.rows is None:
            line = self._source.line_at(self.place + at)
        else:
            line = self._lines + chunk.count(b"\n", 0, at) + 1
        return InvalidRequest(Message(code, source=self._source.name, line=line))


class _RawText(io.RawIOBase):
    """Checked text without its BOM, as a file."""

    def __init__(self, source: Input) -> None:
        super().__init__()
        self._text = CheckedText(source, count=True)
        self._chunk = memoryview(b"")
        self._is_new = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        while not self._chunk:
            chunk = self._text.read()
            if not chunk:
                return 0
            if self._is_new:
                while 0 < len(chunk) < len(UTF8_BOM) and (more := self._text.read()):
                    chunk += more
                chunk = chunk[check_start(chunk) :]
                self._is_new = False
            self._chunk = memoryview(chunk)
        size = min(len(buffer), len(self._chunk))
        buffer[:size] = self._chunk[:size]
        self._chunk = self._chunk[size:]
        return size

"""CSV text as the caller has it: checked and sent as it is, or read row by row for some of its columns."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from typing import TYPE_CHECKING

from ..errors import InvalidRequest
from ..messages import Message
from ..protocol.csv import TAG_VALUE, UTF8_BOM, check_start
from .line_ends import LineEnds, end_of_record, has_line_feeds
from .reader import BlockingReader
from .rows import BATCH, RowsReader
from .turns import ROWS_OF_A_SLICE, TURNS, pause

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from ..protocol.requests import Chunk
    from .files import Input
    from .options import Encode, Layout

    class CsvRecords(Protocol):
        """What `csv.reader` returns."""

        line_num: int

        def __iter__(self) -> Iterator[list[str]]: ...
        def __next__(self) -> list[str]: ...


_NOT_BLANK = re.compile(rb"\S")
_OTHER_KINDS = {
    b"\x1f\x8b": ("gzip-not-csv", ""),
    b"PAR1": ("parquet-not-csv", ""),
    b"PK\x03\x04": ("zip-not-csv", ""),
    b"ARROW1": ("table-not-csv", "Feather"),
    b"FEA1": ("table-not-csv", "Feather"),
    b"\xd0\xcf\x11\xe0": ("table-not-csv", "Excel"),
    b"BZh": ("compressed-not-csv", "bzip2"),
    b"7z\xbc\xaf": ("compressed-not-csv", "7z"),
    b"\xfd7zXZ": ("compressed-not-csv", "xz"),
    b"\x28\xb5\x2f\xfd": ("zstd-not-csv", ""),
}
# How many bytes of blank lines may come before the first row.
_LONGEST_START = 1 << 20
# What the csv module can take as a limit on every system.
_LONGEST_CELL = (1 << 31) - 1


def is_blank(text: Chunk, start: int = 0) -> bool:
    """Whether there is nothing but white space from `start` on."""
    return _NOT_BLANK.search(text, start) is None


class TextReader(BlockingReader):
    """CSV text that goes out as it is, without BOM and header and with CRLF. Raises InvalidRequest that names the line that is not UTF-8.

    Where the first line that goes out, and a header before it, end with CRLF, all others are taken to do so too.
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
        with TURNS.take():
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
        longest = _LONGEST_START + (self._layout.max_line if self._layout.header else 0)
        # A pipe may give it byte by byte.
        while True:
            bom = self._text.skips(head)
            is_whole = len(head) >= len(UTF8_BOM)
            if is_whole and self._layout.header and b"\n" in head:
                header_end = end_of_record(head, bom)
            is_whole = is_whole and (header_end > 0 or not self._layout.header)
            if is_whole and b"\n" in head and not is_blank(head, header_end or bom):
                break
            more = b"" if self._closed or len(head) >= longest else self._text.read()
            if not more:
                break
            head += more
        end = b"\r" if b"\n" not in head and b"\r" in head else b"\n"
        self._text.recount(head, end)
        if self._layout.header:
            header_end = header_end or end_of_record(head, bom, end) or len(head)
            self._check_header(head[bom:header_end])
            self._text.uncount(head[:header_end])
        start = header_end or bom
        if end == b"\r" or (self._layout.header and has_line_feeds(head, bom)) or has_line_feeds(head, start):
            self._line_ends, self.size = LineEnds(end), None
            return self._convert(self._line_ends, head[start:]) or self._next_part()
        if self.size is not None:
            self.size -= start
        return head[start:]

    def _check_header(self, header: bytes) -> None:
        """Raise InvalidRequest where a header cannot be one, or has other columns than are needed."""
        if len(header) > self._layout.max_line:
            raise _line_too_long(self.name, 1, self._layout)
        allow_long_cells(self._layout.max_line)
        found = next(csv.reader(io.StringIO(header.decode(errors="replace"), newline="")), [])
        self._layout.pick_header(found, self.name)

    def _is_changed(self) -> bool:
        return self._source.is_changed()

    def _close(self) -> None:
        self._source.close()


class CsvReader(RowsReader):
    """Columns of CSV text, row by row."""

    def __init__(self, source: Input, encode: Encode, layout: Layout) -> None:
        self.name: Message = source.name
        self._records = Records(source, layout)
        super().__init__(iter(self._records), encode, layout)
        self._lock = source.lock
        self._source = source
        self._names = layout.names

    def _next_batch(self, iterator: Iterator[object]) -> list[object]:
        with TURNS.take():
            return super()._next_batch(iterator)

    def _read(self) -> bytes:
        text = super()._read()
        self.is_repeatable: bool = self._source.is_repeatable
        return text

    def _place_of(self, problem: InvalidRequest) -> Message:
        place = Message("row-at-line", source=self.name, line=self._records.line_of(problem.params["row"]))
        if self._names is None:
            return place
        is_value = problem.params.get("what") == TAG_VALUE
        return Message("row-in-column", source=place, name=self._names[is_value])

    def _is_changed(self) -> bool:
        return self._source.is_changed()

    def _close(self) -> None:
        super()._close()
        self._source.close()


class Records:
    """The wanted columns of CSV text, record by record, without blank lines."""

    def __init__(self, source: Input, layout: Layout) -> None:
        self._source = source
        self._layout = layout
        self._length = 0  # characters of the record that is being read
        # From which row on how many lines more were read than rows. Only of the rows that may be encoded together.
        self._more_lines: deque[tuple[int, int]] = deque([(1, 0)], maxlen=BATCH + 1)

    def line_of(self, row: object) -> int:
        """Return the line where one of the latest rows begins."""
        assert isinstance(row, int)
        return row + next(more for first, more in reversed(self._more_lines) if first <= row)

    def __iter__(self) -> Iterator[object]:
        """Yield ids, or pairs of ids and values. Raises InvalidRequest with the line that is no CSV."""
        file = io.TextIOWrapper(io.BufferedReader(_RawText(self._source)), encoding="utf-8", newline="")
        allow_long_cells(self._layout.max_line)
        records = csv.reader(self._lines(file), strict=True)
        try:
            yield from self._columns(records)
        except csv.Error as error:
            problem = str(error)
        else:
            return
        name, line = self._source.name, records.line_num
        raise InvalidRequest(Message("csv-malformed", source=name, line=line, problem=problem))

    def _lines(self, file: io.TextIOWrapper) -> Iterator[str]:
        """Yield the lines. Raises InvalidRequest for a record that is too long, before it is in memory."""
        number, first, most = 0, 0, self._layout.max_line
        while line := file.readline(most + 1):
            number += 1
            first = first if self._length else number
            self._length += len(line)
            if self._length > most:
                raise _line_too_long(self._source.name, first, self._layout)
            yield line

    def _columns(self, records: CsvRecords) -> Iterator[object]:
        layout, name = self._layout, self._source.name
        places = layout.pick_header(next(records, []), name) if layout.header else list(range(layout.columns))
        self._length = 0
        last, first = max(places), places[0]
        row, more, before = 1, 0, records.line_num
        for record in records:
            self._length = 0
            if record:  # a blank line is no row
                if before + 1 - row != more:
                    more = before + 1 - row
                    self._more_lines.append((row, more))
                if len(record) <= last or (not layout.header and len(record) != layout.columns):
                    raise InvalidRequest(
                        Message(
                            "row-of-other-width",
                            source=name,
                            line=before + 1,
                            count=len(record),
                            needed=last + 1,
                        )
                    )
                yield record[first] if layout.columns == 1 else (record[first], record[places[1]])
                row += 1
                if not row % ROWS_OF_A_SLICE:
                    pause()
            before = records.line_num


def allow_long_cells(most: int) -> None:
    """Let the csv module read cells of so many characters: the limit is the process's, 128 KiB by default, and is only ever raised."""
    if csv.field_size_limit() < most:
        csv.field_size_limit(min(most, _LONGEST_CELL))


def _line_too_long(source: Message, line: int, layout: Layout) -> InvalidRequest:
    return InvalidRequest(Message("line-too-long", source=source, line=line, most=layout.max_line))


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
        self._end = b"\n"
        self._head = b""
        self._ends_in_line = False
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def read(self) -> bytes:
        """Return the next part, b"" at the end. Raises InvalidRequest for UTF-16, other encodings and NUL."""
        with TURNS.give_away():
            chunk = self._source.read()
        if self.place == 0:
            self.skips(chunk)
            self._head = chunk[:8]
            if b"\r" in chunk and b"\n" not in chunk:
                self._end = b"\r"
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
            self._count(chunk)
        return chunk

    def recount(self, text: bytes, end: bytes) -> None:
        """Count lines by another end, beginning with all that was read so far."""
        self._end = end
        if self.rows is not None:
            self._lines = 0
            self._count(text)

    def _count(self, chunk: bytes) -> None:
        self._lines += chunk.count(self._end)
        self._ends_in_line = not chunk.endswith(self._end) if chunk else self._ends_in_line
        self.rows = self._lines + self._ends_in_line

    def uncount(self, header: bytes) -> None:
        """Take the lines of the header off the count."""
        if self.rows is not None:
            lines = header.count(self._end)
            self._lines -= lines
            self.rows = max(self.rows - lines, 0)

    def skips(self, head: bytes) -> int:
        """Return how many bytes at the start are no text: 3 for a BOM, else 0. Raises InvalidRequest for UTF-16."""
        return check_start(head, self._source.name)

    def _error(self, code: str, chunk: bytes, at: int) -> InvalidRequest:
        for start, (other, kind) in _OTHER_KINDS.items():
            if self._head.startswith(start):
                return InvalidRequest(Message(other, source=self._source.name, kind=kind))
        if self.rows is None:
            line = self._source.line_at(self.place + at, self._end)
        else:
            line = self._lines + chunk.count(self._end, 0, at) + 1
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
                chunk = chunk[self._text.skips(chunk) :]
                self._is_new = False
            self._chunk = memoryview(chunk)
        size = min(len(buffer), len(self._chunk))
        buffer[:size] = self._chunk[:size]
        self._chunk = self._chunk[size:]
        return size

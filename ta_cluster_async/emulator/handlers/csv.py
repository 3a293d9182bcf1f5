"""Reading an uploaded CSV block by block, in constant memory but for the members, with ids matched in batches.

The format is that of the specification's trace: UTF-8, no header, one or two columns, CRLF or LF, quotes as in RFC 4180. Blank lines
are skipped.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Callable, Sequence

from attrs import define, field

from ..query.errors import EvaluationError

_BATCH_SIZE = 8192
_MAX_RECORD_LENGTH = 1 << 20
_BOM = "\ufeff"


class InvalidCsv(Exception):
    """The server cannot read an uploaded CSV."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"第 {line} 行：{reason}")


@define(eq=False)
class CsvUpload:
    """Takes the body in blocks of any size and raises nothing before `finish()`, so that the whole body is always read.

    The counters are those of the specification (创建上传ID分群或标签) and complete after `finish()`.

    Attributes:
        columns: 1 for a cluster, 2 for a tag.
        match: Returns the account of each id of a batch, or None.
        accept_bom: Whether a byte order mark is dropped instead of refused.
        size: Bytes so far.
        records: How many records there are.
        unmatched: How many records have an id that no user has.
        nulls: How many records of a tag have an empty value; their users get no value.
        members: Tag value by matched account, "" for clusters. The last of several values for one account wins.
    """

    columns: int
    match: Callable[[Sequence[str]], list[str | None]]
    accept_bom: bool = False
    size: int = field(default=0, init=False)
    records: int = field(default=0, init=False)
    unmatched: int = field(default=0, init=False)
    nulls: int = field(default=0, init=False)
    members: dict[str, str] = field(factory=dict, init=False)

    _digest: hashlib._Hash = field(factory=hashlib.sha256, init=False)
    _decoder: codecs.IncrementalDecoder = field(factory=codecs.getincrementaldecoder("utf-8"), init=False)
    _text: str = field(default="", init=False)
    _lines: int = field(default=0, init=False)
    _at_start: bool = field(default=True, init=False)
    _ids: list[str] = field(factory=list, init=False)
    _values: list[str] = field(factory=list, init=False)
    _error: InvalidCsv | EvaluationError | None = field(default=None, init=False)

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the bytes so far."""
        return self._digest.hexdigest()

    def feed(self, block: bytes) -> None:
        """Take the next block of the body."""
        self.size += len(block)
        self._digest.update(block)
        self._read(block, last=False)

    def finish(self) -> None:
        """Read what is left after the last block.

        Raises:
            InvalidCsv: A line is not UTF-8, has the wrong number of columns or is not CSV; or there is no record.
            EvaluationError: The users table has no such main column.
        """
        self._read(b"", last=True)
        if self._error is not None:
            raise self._error
        if not self.records:
            raise InvalidCsv(1, "没有数据")

    def _read(self, block: bytes, *, last: bool) -> None:
        if self._error is not None:
            return
        try:
            self._text += self._decode(block, last=last)
            self._parse(last=last)
            if last or len(self._ids) >= _BATCH_SIZE:
                self._match_batch()
        except (InvalidCsv, EvaluationError) as error:
            self._error = error
            self._text = ""

    def _decode(self, block: bytes, *, last: bool) -> str:
        try:
            text = self._decoder.decode(block, final=last)
        except UnicodeDecodeError as error:
            before = self._text.count("\n") + error.object.count(b"\n", 0, error.start)
            raise InvalidCsv(self._lines + before + 1, "不是 UTF-8") from None
        if self._at_start and text:
            self._at_start = False
            if text.startswith(_BOM):
                if not self.accept_bom:
                    raise InvalidCsv(1, "第一条记录之前有字节顺序标记")
                text = text[1:]
        if "\0" in text:
            before = self._text.count("\n") + text.count("\n", 0, text.index("\0"))
            raise InvalidCsv(self._lines + before + 1, "有空字符：UTF-16 不是 UTF-8")
        return text

    def _parse(self, *, last: bool) -> None:
        end = len(self._text) if last else _end_of_records(self._text)
        complete, self._text = self._text[:end], self._text[end:]
        if len(self._text) > _MAX_RECORD_LENGTH:
            raise InvalidCsv(self._lines + complete.count("\n") + 1, "一条记录超过 1 MiB")
        reader = csv.reader(io.StringIO(complete, newline=""), strict=True)
        try:
            for record in reader:
                if record:
                    self._add(record, self._lines + reader.line_num)
        except csv.Error:
            raise InvalidCsv(self._lines + reader.line_num, "不是 CSV") from None
        self._lines += reader.line_num

    def _add(self, record: list[str], line: int) -> None:
        if len(record) != self.columns:
            raise InvalidCsv(line, f"有 {len(record)} 列，应为 {self.columns} 列")
        self.records += 1
        self._ids.append(record[0])
        self._values.append(record[1] if self.columns == 2 else "")

    def _match_batch(self) -> None:
        for account, value in zip(self.match(self._ids), self._values, strict=True):
            if account is None:
                self.unmatched += 1
            if self.columns == 2 and not value:
                self.nulls += 1
            elif account is not None:
                self.members[account] = value
        self._ids.clear()
        self._values.clear()


def _end_of_records(text: str) -> int:
    """Return the index after the last line feed outside quotes: the end of the last complete record."""
    newline = text.rfind("\n")
    if '"' not in text:
        return newline + 1
    quotes = text.count('"', 0, newline + 1)
    while newline >= 0 and quotes % 2:
        earlier = text.rfind("\n", 0, newline)
        quotes -= text.count('"', earlier + 1, newline)
        newline = earlier
    return newline + 1

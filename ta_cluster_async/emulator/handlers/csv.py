"""Reading an uploaded CSV piece by piece: constant memory, records of one or two columns, matched in batches.

The layout is the specification's trace: UTF-8, no header, CRLF or LF, quoting as in RFC 4180. Blank lines are passed over.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Callable, Sequence

from attrs import define, field, frozen

from ..query.errors import CannotEvaluate

_BATCH = 8192
_LONGEST_RECORD = 1 << 20
_BOM = "\ufeff"


class UploadRefused(Exception):
    """A CSV that the server cannot take.

    Attributes:
        line: Line of the file, from 1.
        reason: What is wrong with it.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


@frozen(kw_only=True)
class Uploaded:
    """What an upload came to (specification: 创建上传ID分群或标签).

    Attributes:
        upload_num: Records.
        unmatched_num: Records whose id no user has.
        tag_value_null_num: Records of a tag whose value is empty; their users get no value.
        members: Matched account ids with their tag value, "" for clusters. Of several values for one user the last one stays.
    """

    upload_num: int
    unmatched_num: int
    tag_value_null_num: int
    members: dict[str, str]


@define(eq=False)
class CsvUpload:
    """Takes the body in pieces of any size and never raises before `finish()`, so that the whole body is always read.

    Attributes:
        columns: 1 for a cluster, 2 for a tag.
        match: Gives the account of each id of a batch, or None.
        accept_bom: Whether a byte order mark is dropped rather than refused.
        size: Bytes so far.
    """

    columns: int
    match: Callable[[Sequence[str]], list[str | None]]
    accept_bom: bool = False
    size: int = 0

    _digest: hashlib._Hash = field(factory=hashlib.sha256, init=False)
    _decoder: codecs.IncrementalDecoder = field(factory=codecs.getincrementaldecoder("utf-8"), init=False)
    _text: str = field(default="", init=False)
    _lines: int = field(default=0, init=False)
    _at_start: bool = field(default=True, init=False)
    _ids: list[str] = field(factory=list, init=False)
    _values: list[str] = field(factory=list, init=False)
    _records: int = field(default=0, init=False)
    _unmatched: int = field(default=0, init=False)
    _nulls: int = field(default=0, init=False)
    _members: dict[str, str] = field(factory=dict, init=False)
    _error: UploadRefused | CannotEvaluate | None = field(default=None, init=False)

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the bytes so far."""
        return self._digest.hexdigest()

    def feed(self, block: bytes) -> None:
        """Take the next piece of the body."""
        self.size += len(block)
        self._digest.update(block)
        self._read(block, last=False)

    def finish(self) -> Uploaded:
        """Give the result of the whole body.

        Raises:
            UploadRefused: A line is not UTF-8, has the wrong number of columns or is not CSV; or there is no record.
            CannotEvaluate: The users table has no such main column.
        """
        self._read(b"", last=True)
        if self._error is not None:
            raise self._error
        if not self._records:
            raise UploadRefused(1, "there is no record")
        return Uploaded(
            upload_num=self._records,
            unmatched_num=self._unmatched,
            tag_value_null_num=self._nulls,
            members=self._members,
        )

    def _read(self, block: bytes, *, last: bool) -> None:
        if self._error is not None:
            return
        try:
            self._text += self._decode(block, last=last)
            self._parse(last=last)
            if last or len(self._ids) >= _BATCH:
                self._match_batch()
        except (UploadRefused, CannotEvaluate) as error:
            self._error = error
            self._text = ""

    def _decode(self, block: bytes, *, last: bool) -> str:
        try:
            text = self._decoder.decode(block, final=last)
        except UnicodeDecodeError as error:
            before = self._text.count("\n") + error.object.count(b"\n", 0, error.start)
            raise UploadRefused(self._lines + before + 1, "not UTF-8") from None
        if self._at_start and text:
            self._at_start = False
            if text.startswith(_BOM):
                if not self.accept_bom:
                    raise UploadRefused(1, "a byte order mark stands before the first record")
                text = text[1:]
        if "\0" in text:
            before = self._text.count("\n") + text.count("\n", 0, text.index("\0"))
            raise UploadRefused(self._lines + before + 1, "a NUL character: UTF-16 is not UTF-8")
        return text

    def _parse(self, *, last: bool) -> None:
        cut = len(self._text) if last else _end_of_records(self._text)
        complete, self._text = self._text[:cut], self._text[cut:]
        if len(self._text) > _LONGEST_RECORD:
            raise UploadRefused(self._lines + complete.count("\n") + 1, "a record is longer than 1 MiB")
        reader = csv.reader(io.StringIO(complete, newline=""), strict=True)
        try:
            for record in reader:
                if record:
                    self._take(record, self._lines + reader.line_num)
        except csv.Error as error:
            raise UploadRefused(self._lines + reader.line_num, f"not CSV ({error})") from None
        self._lines += reader.line_num

    def _take(self, record: list[str], line: int) -> None:
        if len(record) != self.columns:
            raise UploadRefused(line, f"{len(record)} columns where {self.columns} are expected")
        self._records += 1
        self._ids.append(record[0])
        self._values.append(record[1] if self.columns == 2 else "")

    def _match_batch(self) -> None:
        accounts = self.match(self._ids)
        for account, value in zip(accounts, self._values, strict=True):
            if account is None:
                self._unmatched += 1
            if self.columns == 2 and not value:
                self._nulls += 1
            elif account is not None:
                self._members[account] = value
        self._ids.clear()
        self._values.clear()


def _end_of_records(text: str) -> int:
    """Index behind the last line feed outside quotes: in front of it stand complete records."""
    newline = text.rfind("\n")
    if '"' not in text:
        return newline + 1
    quotes = text.count('"', 0, newline + 1)
    while newline >= 0 and quotes % 2:
        earlier = text.rfind("\n", 0, newline)
        quotes -= text.count('"', earlier + 1, newline)
        newline = earlier
    return newline + 1

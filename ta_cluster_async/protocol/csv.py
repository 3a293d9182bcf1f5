"""The CSV text of an upload: UTF-8, no BOM, no header, CRLF, quoted as RFC 4180 has it (spec: 创建上传ID分群或标签)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, SupportsIndex

from attrs import define

from ..errors import InvalidRequest
from ..messages import Message
from ..models.scalars import plain_scalar

if TYPE_CHECKING:
    from collections.abc import Iterable

SPECIAL = r'[,"\r\n]'
"""The characters for which a value must be quoted."""

UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_SPECIAL = re.compile(SPECIAL)
_ID = Message("row-id")
TAG_VALUE = Message("row-tag-value")
"""What errors call the value of a tag."""
_MISSING = frozenset({"NAType", "NaTType"})


@define
class Dropped:
    """Counts the rows that are left out since their id is missing.

    Attributes:
        num: Rows.
    """

    num: int = 0


def encode_ids(rows: Iterable[object], first_row: int, dropped: Dropped | None = None) -> bytes:
    """Write one id per line. Rows count from `first_row`. Raises InvalidRequest that names the row.

    With `dropped`, rows whose id is missing (None, NaN, NA of pandas) or blank are left out and counted there, and not refused.
    """
    numbered = enumerate(rows, first_row)
    if dropped is None:
        lines = [_cell(value, row, _ID) + "\r\n" for row, value in numbered]
    else:
        lines = [_cell(value, row, _ID) + "\r\n" for row, value in numbered if _is_kept(value, dropped)]
    return _encode(lines, first_row)


def encode_pairs(rows: Iterable[object], first_row: int, dropped: Dropped | None = None) -> bytes:
    """Write an id and its tag value per line, where a missing tag value is empty. As `encode_ids` otherwise."""
    lines = []
    for row, pair in enumerate(rows, first_row):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InvalidRequest(Message("row-not-a-pair", row=row, kind=type(pair).__name__))
        if dropped is None or _is_kept(pair[0], dropped):
            tag = "" if _is_missing(pair[1]) or _is_empty(pair[1]) else _cell(pair[1], row, TAG_VALUE)
            lines.append(f"{_cell(pair[0], row, _ID)},{tag}\r\n")
    return _encode(lines, first_row)


def _encode(lines: list[str], first_row: int) -> bytes:
    # A BOM in front of the first id is what a text file leaves that was read as utf-8 and not as utf-8-sig.
    return "".join(lines).removeprefix("\ufeff" if first_row == 1 else "").encode()


def check_start(head: bytes, source: Message) -> int:
    """Return how many bytes at the start of a CSV file to skip: 3 for a BOM, else 0. Raises InvalidRequest for UTF-16."""
    if head.startswith(_UTF16_BOMS):
        raise InvalidRequest(Message("csv-in-utf-16", source=source))
    return len(UTF8_BOM) if head.startswith(UTF8_BOM) else 0


def _is_kept(value: object, dropped: Dropped) -> bool:
    if not value.strip() if isinstance(value, str) else _is_missing(value):
        dropped.num += 1
        return False
    return True


def _is_empty(value: object) -> bool:
    return isinstance(value, str) and not value


def _is_missing(value: object) -> bool:
    """Whether it stands for no value: None, NaN, or the NA and NaT of pandas, which is not imported for it."""
    if value is None or type(value) is str or type(value) is int:
        return value is None
    if isinstance(value, Decimal):
        return value.is_nan()
    if type(value).__name__ in _MISSING:
        return True
    return isinstance(plain := plain_scalar(value), float) and plain != plain  # noqa: PLR0124  (NaN)


def _cell(value: object, row: int, what: Message) -> str:
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):  # first, since the next checks take a hundred times as long
        return _number(value, row, what)
    if type(value) is not str:
        value = str.__str__(value)  # a member of `class T(str, Enum)` is its value
    if not value.strip():
        raise InvalidRequest(Message("row-value-blank", what=what, row=row))
    if "\0" in value:
        raise InvalidRequest(Message("row-value-with-nul", what=what, row=row))
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(Message("row-value-with-surrogate", what=what, row=row)) from None
    if _SPECIAL.search(value):
        if what is _ID and ("\n" in value or "\r" in value):
            raise InvalidRequest(Message("row-id-with-line-break", row=row))
        return '"' + value.replace('"', '""') + '"'
    return value


def _number(value: object, row: int, what: Message) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return f"{value:f}"  # with all its digits, and never an exponent
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        return str(value.__index__())  # the integers of numpy and its like
    if what is _ID and _is_missing(value):
        raise InvalidRequest(Message("row-id-missing", row=row))
    raise InvalidRequest(Message("row-value-type", what=what, row=row, kind=type(value).__name__))

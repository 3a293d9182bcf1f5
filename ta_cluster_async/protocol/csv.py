"""The CSV text of an upload: UTF-8, no BOM, no header, CRLF, quoted as RFC 4180 has it (spec: 创建上传ID分群或标签)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, SupportsIndex

from attrs import define

from ..errors import InvalidRequest
from ..messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable

SPECIAL = r'[,"\r\n]'
"""The characters for which a value must be quoted."""

UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_SPECIAL = re.compile(SPECIAL)
_ID = Message("row-id")
_TAG_VALUE = Message("row-tag-value")


@define
class Dropped:
    """Counts the rows that are left out since their id is missing.

    Attributes:
        num: Rows.
    """

    num: int = 0


def encode_ids(rows: Iterable[object], first_row: int, dropped: Dropped | None = None) -> bytes:
    """Write one id per line. Rows count from `first_row`. Raises InvalidRequest that names the row.

    With `dropped`, rows whose id is None or blank are left out and counted there, and not refused.
    """
    numbered = enumerate(rows, first_row)
    if dropped is None:
        lines = [_cell(value, row, _ID) + "\r\n" for row, value in numbered]
    else:
        lines = [_cell(value, row, _ID) + "\r\n" for row, value in numbered if _is_kept(value, dropped)]
    return _encode(lines, first_row)


def encode_pairs(rows: Iterable[object], first_row: int, dropped: Dropped | None = None) -> bytes:
    """Write an id and its tag value per line, where None is an empty tag value. As `encode_ids` otherwise."""
    lines = []
    for row, pair in enumerate(rows, first_row):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InvalidRequest(Message("row-not-a-pair", row=row, kind=type(pair).__name__))
        if dropped is None or _is_kept(pair[0], dropped):
            tag = "" if pair[1] is None or pair[1] == "" else _cell(pair[1], row, _TAG_VALUE)
            lines.append(f"{_cell(pair[0], row, _ID)},{tag}\r\n")
    return _encode(lines, first_row)


def _encode(lines: list[str], first_row: int) -> bytes:
    # A BOM in front of the first id is what a text file leaves that was read as utf-8 and not as utf-8-sig.
    return "".join(lines).removeprefix("\ufeff" if first_row == 1 else "").encode()


def check_start(head: bytes) -> int:
    """Return how many bytes at the start of a CSV file to skip: 3 for a BOM, else 0. Raises InvalidRequest for UTF-16."""
    if head.startswith(_UTF16_BOMS):
        raise InvalidRequest(Message("csv-in-utf-16"))
    return len(UTF8_BOM) if head.startswith(UTF8_BOM) else 0


def _is_kept(value: object, dropped: Dropped) -> bool:
    if value is None or (isinstance(value, str) and not value.strip()):
        dropped.num += 1
        return False
    return True


def _cell(value: object, row: int, what: Message) -> str:
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):  # first, since the next checks take a hundred times as long
        return _number(value, row, what)
    if not value.strip():
        raise InvalidRequest(Message("row-value-blank", what=what, row=row))
    if "\0" in value:
        raise InvalidRequest(Message("row-value-with-nul", what=what, row=row))
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(Message("row-value-with-surrogate", what=what, row=row)) from None
    if _SPECIAL.search(value):
        return '"' + value.replace('"', '""') + '"'
    return value


def _number(value: object, row: int, what: Message) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return f"{value:f}"  # with all its digits, and never an exponent
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        return str(value.__index__())  # the integers of numpy and its like
    if value is None and what is _ID:
        raise InvalidRequest(Message("row-id-missing", row=row))
    raise InvalidRequest(Message("row-value-type", what=what, row=row, kind=type(value).__name__))

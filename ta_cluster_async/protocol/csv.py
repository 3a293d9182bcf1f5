"""The CSV text of an upload: UTF-8, no BOM, no header, CRLF, quoted as RFC 4180 has it (spec: 创建上传ID分群或标签)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, SupportsIndex

from attrs import define

from ..errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

SPECIAL = r'[,"\r\n]'
"""What a value has to be quoted for."""

UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_SPECIAL = re.compile(SPECIAL)


@define
class Dropped:
    """Counts the rows that are left out since their id is missing.

    Attributes:
        num: Rows.
    """

    num: int = 0


def encode_ids(rows: Iterable[object], first_row: int, dropped: Dropped | None = None) -> bytes:
    """One id per line. Rows count from `first_row`. Raises InvalidRequest that names the row.

    With `dropped`, rows whose id is None or blank are left out and counted there, and not refused.
    """
    numbered = enumerate(rows, first_row)
    if dropped is None:
        lines = [_cell(value, row, "id") + "\r\n" for row, value in numbered]
    else:
        lines = [_cell(value, row, "id") + "\r\n" for row, value in numbered if _is_kept(value, dropped)]
    return _encode(lines, first_row)


def encode_pairs(rows: Iterable[object], first_row: int, dropped: Dropped | None = None) -> bytes:
    """An id and its tag value per line; a tag value of None is left empty. As `encode_ids` otherwise."""
    lines = []
    for row, pair in enumerate(rows, first_row):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            msg = f"Row {row} has to be a pair of an id and a tag value, not {type(pair).__name__}."
            raise InvalidRequest(msg)
        if dropped is None or _is_kept(pair[0], dropped):
            tag = "" if pair[1] is None or pair[1] == "" else _cell(pair[1], row, "tag value")
            lines.append(f"{_cell(pair[0], row, 'id')},{tag}\r\n")
    return _encode(lines, first_row)


def _encode(lines: list[str], first_row: int) -> bytes:
    # A BOM in front of the first id is what a text file leaves that was read as utf-8 and not as utf-8-sig.
    return "".join(lines).removeprefix("\ufeff" if first_row == 1 else "").encode()


def check_start(head: bytes) -> int:
    """How many bytes at the start of a CSV file to leave out: 3 for a BOM, else 0. Raises InvalidRequest for UTF-16."""
    if head.startswith(_UTF16_BOMS):
        msg = "Line 1 starts with a UTF-16 mark. Write the file as UTF-8, or give the ids as an iterable of str."
        raise InvalidRequest(msg)
    return len(UTF8_BOM) if head.startswith(UTF8_BOM) else 0


def _is_kept(value: object, dropped: Dropped) -> bool:
    if value is None or (isinstance(value, str) and not value.strip()):
        dropped.num += 1
        return False
    return True


def _cell(value: object, row: int, what: str) -> str:
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):  # asked first: the next checks take a hundred times as long
        return _number(value, row, what)
    if not value.strip():
        msg = f"The {what} of row {row} is blank."
        raise InvalidRequest(msg)
    if "\0" in value:
        msg = f"The {what} of row {row} has a NUL character, which CSV cannot say."
        raise InvalidRequest(msg)
    try:
        value.encode()
    except UnicodeEncodeError:
        msg = f"The {what} of row {row} has a lone surrogate, which UTF-8 cannot say."
        raise InvalidRequest(msg) from None
    if _SPECIAL.search(value):
        return '"' + value.replace('"', '""') + '"'
    return value


def _number(value: object, row: int, what: str) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return f"{value:f}"  # with all its digits, and never an exponent
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        return str(value.__index__())  # the integers of numpy and its like
    missing = ' Leave it out, or pass on_null="skip".' if value is None and what == "id" else ""
    msg = (
        f"The {what} of row {row} has to be a str, an int or a Decimal, not {type(value).__name__}.{missing}"
    )
    raise InvalidRequest(msg)

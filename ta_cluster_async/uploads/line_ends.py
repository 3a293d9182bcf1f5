"""Line ends of CSV text, which goes out with CRLF (spec: 创建上传ID分群或标签).

A quote opens a quoted cell only where the cell begins; anywhere else it is a character like others, as for Python's own reader.
"""

from __future__ import annotations

import re

_SLICE = 1 << 16
_CELL = rb'(?:"[^"]*+(?:""[^"]*+)*+"[^,END]*+|[^",END][^,END]*+)?+'
_RECORDS = {
    end: re.compile((rb"(?:" + _CELL + rb",)*+" + _CELL + rb"END").replace(b"END", end))
    for end in (b"\n", b"\r")
}


def has_line_feeds(text: bytes, start: int = 0) -> bool:
    """Whether the first record from `start` on ends with a line feed alone."""
    end = end_of_record(text, start)
    return end > 0 and not text.endswith(b"\r\n", start, end)


def end_of_record(text: bytes, start: int = 0, end: bytes = b"\n") -> int:
    """Return the index after the first line feed, or other `end`, outside quotes from `start` on, 0 where there is none."""
    record = _RECORDS[end].match(text, start)
    return record.end() if record else 0


class LineEnds:
    """Replaces every line feed outside quotes with CRLF, part by part. Within quotes they belong to a value.

    Args:
        end: What ends the lines beside CRLF: a line feed, or a carriage return alone.
    """

    def __init__(self, end: bytes = b"\n") -> None:
        self._end = end
        self._held = b""
        self._quoted = False
        self._may_open = (
            True  # a quote would begin a quoted cell, or continue one that a quote has just ended
        )

    def convert(self, part: bytes) -> bytes:
        """Convert the next part, b"" for the end. Returns the text that is ready, which may be b"" before the end too."""
        if len(part) <= _SLICE:
            return self._convert(part)
        # In slices, since each call below holds the GIL, also from the event loop.
        return b"".join(self._convert(part[start : start + _SLICE]) for start in range(0, len(part), _SLICE))

    def _convert(self, part: bytes) -> bytes:
        text = self._held + part
        self._held = b""
        if part and text.endswith(b"\r"):  # its line feed may follow in the next part
            text, self._held = text[:-1], b"\r"
        if not self._quoted and b'"' not in text:
            return self._outside(text)
        pieces = text.split(b'"')
        if not self._is_regular(pieces):
            return b'"'.join([self._piece(piece, is_first=not place) for place, piece in enumerate(pieces)])
        outside = slice(int(self._quoted), None, 2)
        self._quoted ^= len(pieces) % 2 == 0
        if pieces[outside]:
            pieces[outside] = self._with_crlf(b'"'.join(pieces[outside])).split(b'"')
        self._may_open = _is_start(pieces[-1]) or not pieces[-1]
        return b'"'.join(pieces)

    def _is_regular(self, pieces: list[bytes]) -> bool:
        """Whether every quote of the text opens or closes a quoted cell. A quick check."""
        outside = pieces[int(self._quoted) : -1 : 2]  # all that a quote follows
        if not self._quoted and not pieces[0] and not self._may_open:
            return False
        before_quotes = [piece for piece in outside if piece]
        text = b'"'.join([*before_quotes, b""])
        return text.count(b',"') + text.count(b'\n"') + text.count(b'\r"') == len(before_quotes)

    def _piece(self, piece: bytes, *, is_first: bool) -> bytes:
        """Convert the text up to the next quote, with a quote before it unless it is the first."""
        if not is_first and self._quoted:
            self._quoted, self._may_open = False, True
        elif not is_first and self._may_open:
            self._quoted = True
        return piece if self._quoted else self._outside(piece)

    def _outside(self, text: bytes) -> bytes:
        if text:
            self._may_open = _is_start(text)
        return self._with_crlf(text)

    def _with_crlf(self, text: bytes) -> bytes:
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n")
            if self._end == b"\r":
                text = text.replace(b"\r", b"\n")
        return text.replace(b"\n", b"\r\n")


def _is_start(text: bytes) -> bool:
    """Whether a cell begins after this text."""
    return text.endswith((b",", b"\n", b"\r"))

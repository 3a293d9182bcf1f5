"""Line ends of CSV text, which goes out with CRLF (spec: 创建上传ID分群或标签)."""

from __future__ import annotations

_SLICE = 1 << 16


def has_line_feeds(text: bytes) -> bool:
    """Whether the first record of a text ends with a line feed alone."""
    end = end_of_record(text)
    return end > 0 and not text.endswith(b"\r\n", 0, end)


def end_of_record(text: bytes) -> int:
    """Return the index after the first line feed outside quotes, 0 where there is none."""
    end, seen, quotes = text.find(b"\n"), 0, 0
    while end >= 0:
        quotes += text.count(b'"', seen, end)
        if quotes % 2 == 0:
            break
        seen, end = end, text.find(b"\n", end + 1)
    return end + 1


class LineEnds:
    """Replaces every line feed outside quotes with CRLF, part by part. Within quotes they belong to a value."""

    def __init__(self) -> None:
        self._held = b""
        self._quoted = False

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
            return _with_crlf(text)
        pieces = text.split(b'"')
        outside = slice(int(self._quoted), None, 2)
        if pieces[outside]:
            pieces[outside] = _with_crlf(b'"'.join(pieces[outside])).split(b'"')
        self._quoted ^= len(pieces) % 2 == 0
        return b'"'.join(pieces)


def _with_crlf(text: bytes) -> bytes:
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    return text.replace(b"\n", b"\r\n")

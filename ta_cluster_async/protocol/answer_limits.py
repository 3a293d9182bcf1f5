"""How large an answer may be: bytes on the wire and in memory, values, and nesting. Checked before anything is made of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import field, frozen

from ..messages import Message

if TYPE_CHECKING:
    from attrs import Attribute

AnswerKind: TypeAlias = Literal["number", "detail", "rows"]
"""What an endpoint answers: a number, a few of them or nothing; the detail of one cluster or tag; or a page of rows."""

SHORT = 2**10
"""The lowest limit of bytes."""

DEEPEST = 400
"""The highest limit of `depth`."""

# An answer takes no more memory than so many times its limit: its bytes, its text, and the objects that are made of them.
_MEMORY = 4
# What the costliest value of JSON takes, in bytes: a member with a key of its own. So many values take 2.5 times the limit.
_VALUE = 160
_BYTES_PER_VALUE = 64
# The time for reading a number grows with the square of its digits. Numbers of so many digits may take a sixteenth of an answer.
_DIGITS = 500
_DIGITS_SHARE = 16
_DIGITS_AS_ZEROS = bytes.maketrans(b"0123456789", b"0" * 10)
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"[]{},'))
_BRACES_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")
# A value may have a key, and both two quotes.
_QUOTES_PER_VALUE = 4
_STRING = re.compile(rb'"[^"]*"')
_FIRST_OF_FOUR = bytes(range(0xF0, 0x100))


def _at_least_one(_: object, attribute: Attribute[int], value: object) -> None:
    if type(value) is not int or value < 1:
        msg = f"{attribute.name} must be a whole number above 0."
        raise ValueError(msg)


def _bytes(_: object, attribute: Attribute[int], value: object) -> None:
    if type(value) is not int or value < SHORT:
        msg = f"{attribute.name} must be a whole number of at least {SHORT}."
        raise ValueError(msg)


def _depth(_: object, attribute: Attribute[int], value: object) -> None:
    # Python's own limit is a thousand calls, and a program has some of its own.
    if type(value) is not int or not 1 <= value <= DEEPEST:
        msg = f"{attribute.name} must be a whole number from 1 to {DEEPEST}."
        raise ValueError(msg)


@frozen(kw_only=True)
class AnswerLimits:
    """How large the answers of a server may be. What is larger is not read to its end, and is an error.

    An answer may have one value for each 64 bytes of its limit, and takes no more memory than four times that.

    Attributes:
        number: Bytes of an answer that has only a number or a few: progress, refresh, create, update, delete, upload.
        detail: Bytes of the detail of a cluster or tag.
        rows: Bytes of a page of a list. A page of 1,000 rows is half a megabyte.
        ratio: How many times as long as on the wire an answer may be that was sent compressed.
        depth: How many arrays and objects may be inside one another.
    """

    number: int = field(default=64 * 2**10, validator=_bytes)
    detail: int = field(default=4 * 2**20, validator=_bytes)
    rows: int = field(default=8 * 2**20, validator=_bytes)
    ratio: int = field(default=100, validator=_at_least_one)
    depth: int = field(default=200, validator=_depth)

    def size(self, kind: AnswerKind) -> int:
        """Return the most bytes of an answer of this kind."""
        return self.number if kind == "number" else self.detail if kind == "detail" else self.rows

    def too_large(self, excess: Message, kind: AnswerKind, status: int) -> Message:
        """Return what to say of an answer that has too much of something."""
        setting = {"answer-ratio": "ratio", "answer-depth": "depth"}.get(excess.code, kind)
        return Message("answer-too-large", status=status, problem=excess, setting=setting)

    def excess_of_bytes(self, size: int, sent: int, kind: AnswerKind) -> Message | None:
        """Return what there is too much of in the bytes so far, of which `sent` came over the wire, or None."""
        limit = self.size(kind)
        if size > limit or sent > limit:
            return Message("answer-bytes", limit=limit)
        if size > SHORT and size > self.ratio * sent:
            return Message("answer-ratio", limit=self.ratio)
        return None

    def may_be_page(self, body: bytes) -> bool:
        """True where an answer may be read by what makes nothing but rows of it, and refuses anything else."""
        values = self.rows // _BYTES_PER_VALUE
        return len(body) <= values or body.count(b",") <= values

    def excess(self, body: bytes, kind: AnswerKind) -> Message | None:
        """Return what there is too much of in the JSON of a whole answer, or None where it may be read."""
        limit = self.size(kind)
        most = limit // _BYTES_PER_VALUE
        brackets = body.count(b"[") + body.count(b"{")
        values = brackets + body.count(b",")
        if brackets > self.depth or values > most:
            structure = _structure(body, most)
            values = most + 1 if structure is None else structure.count(b",") + structure.count(b"[")
            if structure is None or values > most:
                return Message("answer-values", limit=most)
            if _is_deeper(structure.replace(b",", b""), self.depth):
                return Message("answer-depth", limit=self.depth)
        memory = _MEMORY * limit
        # The text in between, and the strings that are cut out of it, have the same width at most.
        if 9 * len(body) + _VALUE * values > memory:
            needed = (1 + 2 * _width(body)) * len(body) + _VALUE * values
            if needed > memory:
                return Message("answer-memory", size=len(body), limit=memory)
        if len(body) > SHORT:
            digits = body.translate(_DIGITS_AS_ZEROS).count(b"0" * _DIGITS)
            if digits * _DIGITS * _DIGITS_SHARE > limit:
                return Message("answer-digits", limit=_DIGITS)
        return None


def _structure(body: bytes, most: int) -> bytes | None:
    """Return the commas and brackets of JSON that are not in strings, with [ and ] for { and }. None where it has too many strings.

    Of broken JSON it is right up to where that breaks.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    if body.count(b'"') > _QUOTES_PER_VALUE * most:
        return None
    # Two quotes side by side are an empty string, or two strings with nothing in between that counts, which become one.
    rest = body.translate(_BRACES_AS_BRACKETS, _NOT_STRUCTURE).replace(b'""', b"")
    return _STRING.sub(b"", rest) if b'"' in rest else rest


def _is_deeper(brackets: bytes, depth: int) -> bool:
    """True where brackets are more than `depth` levels inside one another: so often the innermost ones are taken away."""
    for level in range(depth + 1):
        outer = brackets.replace(b"[]", b"")
        if len(outer) == len(brackets):
            # What is left, if anything, is not closed: broken JSON, which is read up to where it breaks.
            return level + len(brackets) > depth
        brackets = outer
    return True


def _width(body: bytes) -> int:
    """Return how many bytes Python takes at most for a character of the longest string that may be in there."""
    is_ascii, has_escapes = body.isascii(), b"\\u" in body
    if has_escapes and (b"\\ud" in body or b"\\uD" in body):
        return 4  # half of a character beyond the 65,536 first ones, or Korean
    if not is_ascii and len(body.translate(None, _FIRST_OF_FOUR)) < len(body):
        return 4
    return 1 if is_ascii and not has_escapes else 2

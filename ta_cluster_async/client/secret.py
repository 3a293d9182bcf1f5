"""The opaque type that carries the token."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from itertools import groupby
from typing import NoReturn, cast, final

MASK = "***"

_SLASHES = r"\\{0,8}"
_BASE64 = "[A-Za-z0-9+/_-]{0,4}"
_SHORTEST_ENCODED = 6
"""Bytes. What a shorter token looks like in base64 or hexadecimal digits may be a part of any word."""

_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


@final
class Secret:
    """A token that only `reveal()` shows.

    Its `repr`, `str` and formatted forms are masked, it refuses to be pickled, and copies are the object itself.
    """

    __slots__ = ("__pattern", "__value")

    def __init__(self, value: str) -> None:
        if not isinstance(cast("object", value), str):
            kind = type(value).__name__
            value = ""  # a traceback that shows this frame's locals must not show it
            msg = f"a Secret is made from a str, not {kind}"
            raise TypeError(msg)
        self.__value = value
        self.__pattern: re.Pattern[str] | None = None

    def reveal(self) -> str:
        """Return the token itself. Never put the result into a message, a log or a local that outlives the call."""
        return self.__value

    def mask(self, text: str) -> str:
        """Return `text` with every occurrence of the token, raw, escaped or encoded, replaced by `***`."""
        if self.__pattern is None:
            self.__pattern = re.compile(_pattern(self.__value), re.IGNORECASE)
        return self.__pattern.sub(MASK, text)

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return format(MASK, format_spec)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self.__value), _bytes(other.__value))

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        msg = "a Secret is not pickled: send the token by your secret store and make the Secret where it is used"
        raise TypeError(msg)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _pattern(token: str) -> str:
    # Backslashes in a row are one piece, because escaping multiplies them.
    runs = ((character, len(list(run))) for character, run in groupby(token))
    escaped = (
        "".join(_spellings(char, n) if char == "\\" else _spellings(char, 1) * n for char, n in runs)
        or r"(?!)"
    )
    return "|".join([escaped, *_encodings(_bytes(token))])


def _encodings(data: bytes) -> list[str]:
    """Return patterns for the token in hexadecimal digits and in base64, alone or with other bytes around it."""
    found = [data.hex()] if len(data) >= _SHORTEST_ENCODED else []
    for start in range(3):
        # Base64 writes three bytes at a time: groups without other bytes are the same everywhere.
        own = data[start:]
        own = own[: len(own) // 3 * 3]
        if len(own) >= _SHORTEST_ENCODED:
            core = "".join({"+": "[+-]", "/": "[/_]"}.get(char, char) for char in b64encode(own).decode())
            found.append(f"{_BASE64}{core}{_BASE64}={{0,2}}")
    return found


def _spellings(character: str, length: int) -> str:
    """Return a pattern for a character of the token in every escape that a server or a log may apply, up to three times.

    Hardly any two forms fit the same text, so a long text is searched in linear time.
    """
    data = _bytes(character)
    code = ord(character)
    forms = [
        "".join(f"%(?:25){{0,3}}{byte:02X}" for byte in data),
        "".join(f"{_SLASHES}u{unit:04x}" for unit in _utf16_units(character)),
        "".join(f"{_SLASHES}x{byte:02x}" for byte in data),
        f"{_SLASHES}U{code:08x}",
        f"&(?:amp;){{0,3}}#0{{0,6}}{code};",
        f"&(?:amp;){{0,3}}#x0{{0,6}}{code:x};",
    ]
    if not character.isascii():
        forms.append(f"{_SLASHES}x{code:02x}")
        forms.append(re.escape(data.decode("latin-1")))  # a server that reads UTF-8 as something else
    if character in _ENTITIES:
        forms.append(f"&(?:amp;){{0,3}}{_ENTITIES[character]};")
    if character == " ":
        forms.append(r"\+")
    if character == "\\":
        return rf"(?:\\{{{length},{8 * length}}}+|(?:{'|'.join(forms)}){{{length}}})"
    return f"(?:{'|'.join(forms)}|{_SLASHES}{re.escape(character)})"


def _utf16_units(character: str) -> list[int]:
    data = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]

"""JSON text to values and back, strictly as RFC 8259 has it.

Where msgspec is installed (the extra `fast`) it reads. Whatever it refuses, the standard library reads once more, so that what is
accepted and what every value becomes is the same with it and without it.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, NoReturn, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..models import JsonValue

_BOM = b"\xef\xbb\xbf"


def _refuse(constant: str) -> NoReturn:
    msg = f"{constant} is no JSON"
    raise ValueError(msg)


_decoder = json.JSONDecoder(parse_constant=_refuse)
# ASCII out, so that a lone surrogate, which JSON text may hold and UTF-8 may not, goes back as it came.
_encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def loads(body: bytes) -> JsonValue:
    """Parse UTF-8 JSON; of a key that stands twice the last one counts, and a byte order mark is passed over.

    Raises:
        ValueError: It is none, also for text that is not UTF-8, for NaN, and for nesting too deep to hold.
    """
    quick = _quick()
    if quick is not None:
        try:
            return cast("JsonValue", quick(body))
        except (ValueError, RecursionError):
            pass  # no JSON, or JSON that only the standard library takes: a lone surrogate, a byte order mark
    return read_slowly(body)


def read_slowly(body: bytes) -> JsonValue:
    """What `loads` does without msgspec."""
    text = body.decode("utf-8-sig" if body.startswith(_BOM) else "utf-8")
    try:
        if text.startswith("{") and text.endswith("}"):
            value, end = _decoder.raw_decode(text)  # the quick way, which passes over no white space around
            if end == len(text):
                return cast("JsonValue", value)
        return cast("JsonValue", _decoder.decode(text))
    except RecursionError:
        msg = "nested too deeply"
        raise ValueError(msg) from None


@cache
def _quick() -> Callable[[bytes], object] | None:
    """The decoder of msgspec if there is one, imported when the first answer is read: whoever imports the package need not wait for it."""
    try:
        from msgspec.json import Decoder  # noqa: PLC0415
    except ImportError:
        return None
    return Decoder().decode


def dumps(value: Mapping[str, object]) -> bytes:
    """Write JSON as ASCII bytes without spaces. Raises ValueError or TypeError for what JSON cannot say."""
    return _encoder.encode(value).encode()

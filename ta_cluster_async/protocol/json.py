"""JSON text to values and back, strictly by RFC 8259.

msgspec reads where it is installed (the extra `fast`). The standard library reads what msgspec refuses once more, so that the result is
the same with it and without it.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, NoReturn, cast

from ..models.scalars import plain_scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..models import JsonValue

_BOM = b"\xef\xbb\xbf"


def _refuse(constant: str) -> NoReturn:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)


_decoder = json.JSONDecoder(parse_constant=_refuse)


def _reduce(value: object) -> object:
    """Return what JSON can express of numpy's numbers and their like. Raises TypeError with the name of the class."""
    plain = plain_scalar(value)
    if isinstance(plain, bool | int | float | str):
        return plain
    raise TypeError(type(value).__name__)


# ASCII, so that a lone surrogate, which JSON text may contain and UTF-8 may not, goes back unchanged.
_encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=_reduce)


def loads(body: bytes) -> JsonValue:
    """Parse UTF-8 JSON. The last one of repeated keys counts, and a byte order mark is skipped.

    Raises:
        ValueError: It is not JSON, not UTF-8, contains NaN, or is nested too deeply.
    """
    decode = _msgspec_decode()
    if decode is not None:
        try:
            return cast("JsonValue", decode(body))
        except (ValueError, RecursionError):
            pass  # not JSON, or JSON that only the standard library takes: a lone surrogate, a byte order mark
    return loads_by_stdlib(body)


def loads_by_stdlib(body: bytes) -> JsonValue:
    """Parse as `loads` does, without msgspec."""
    text = body.decode("utf-8-sig" if body.startswith(_BOM) else "utf-8")
    try:
        if text.startswith("{") and text.endswith("}"):
            value, end = _decoder.raw_decode(text)  # the fast path, which skips no white space around
            if end == len(text):
                return cast("JsonValue", value)
        return cast("JsonValue", _decoder.decode(text))
    except RecursionError:
        msg = "nested too deeply"
        raise ValueError(msg) from None


@cache
def _msgspec_decode() -> Callable[[bytes], object] | None:
    """Return the decoder of msgspec if it is installed. It is imported with the first answer, not with the package."""
    try:
        from msgspec.json import Decoder  # noqa: PLC0415
    except ImportError:
        return None
    return Decoder().decode


def dumps(value: Mapping[str, object]) -> bytes:
    """Write JSON as ASCII bytes without spaces. Raises ValueError or TypeError for what JSON cannot express; a type is named by its class."""
    return _encoder.encode(value).encode()

"""Single values as the plain types that they mean.

Values come from tables and enumerations as subclasses and relatives of str, int and float, whose `str()` is often another text, such as
`T.GOLD` for a member of `class T(str, Enum)`. Whatever is written goes through here first.
"""

from __future__ import annotations

import operator
from datetime import date, datetime
from typing import Any, SupportsIndex

_PLAIN = frozenset({str, int, float, bool, type(None), datetime, date})


def plain_scalar(value: object) -> object:
    """Return a value as the plain type that it means; what is none of these is returned as it is.

    Subclasses of str, int, float, Decimal, datetime and date lose their class: a member of `class T(str, Enum)` is its value, and a
    pandas Timestamp a datetime. numpy's numbers, booleans and times, and other integers with `__index__`, become Python's. A float of
    fewer bits is the number that it is written as: `float32(0.1)` is 0.1. NaT, NA, arrays and numbers that no plain type can hold stay.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__index__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, datetime):
        return _plain_time(value)
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    if type(value).__module__ == "numpy":
        return _plain_of_numpy(value)
    if isinstance(value, SupportsIndex):
        return _plain_index(value)
    # Imported here because hardly any program has such a value.
    from decimal import Decimal  # noqa: PLC0415

    return Decimal(value) if isinstance(value, Decimal) else value


class AsRead(tuple[Any, ...]):
    """Values as a server answered them, which go back unchanged and are not made text."""

    __slots__ = ()


def _plain_time(value: datetime) -> object:
    if value != value:  # noqa: PLR0124  (NaT of pandas, which is a datetime by its class)
        return value
    return datetime(
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        value.tzinfo,
        fold=value.fold,
    )


def _plain_of_numpy(value: Any) -> object:
    """Return a scalar of numpy, which is not imported for it, as Python's. Arrays stay, also those of one item."""
    kind: str = value.dtype.str[1:] if hasattr(value, "dtype") and not hasattr(value, "__setitem__") else ""
    if kind[:1] in ("b", "i", "u"):
        return value.item()
    if kind[:1] == "f":
        number = float(str(value))
        return number if number == value or number != number else value  # noqa: PLR0124  (NaN)
    if kind == "M8[D]" or kind.startswith(("M8[h", "M8[m", "M8[s", "M8[u", "M8[n")):
        time = value if kind == "M8[D]" else value.astype("datetime64[us]")
        return time.item() or value  # NaT is None
    return value


def _plain_index(value: SupportsIndex) -> object:
    try:
        return operator.index(value)
    except TypeError:
        return value

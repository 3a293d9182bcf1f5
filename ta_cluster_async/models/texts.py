"""The text that the API takes for a value."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from typing import TYPE_CHECKING, TypeAlias, Union, cast

from ..errors import InvalidRequest
from ..messages import Message
from .scalars import plain_scalar
from .times import is_recent_day, server_time, time_text

if TYPE_CHECKING:
    from decimal import Decimal

Value: TypeAlias = Union[str, int, float, datetime, date, "Decimal"]
"""What a property is compared with. A str goes out as it is; datetimes are naive server times. Relatives of these types, such as
numpy's, are taken as what they mean."""

Number: TypeAlias = Union[str, int, float, "Decimal"]
"""A number, or its text."""

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def text_of(value: object) -> str | None:
    """Return the text that the API takes for a value: `4` for 4 and for 4.0, never an exponent, all digits of a Decimal.

    A date is `2020-01-03`, a datetime `2020-01-03 00:00:00`. None for booleans, infinity, NaN and other types.
    Raises InvalidRequest for a datetime with a zone.
    """
    plain = plain_scalar(value)
    # By the exact types, since NaT of pandas is a datetime by its class.
    kind = type(plain)
    if kind is str:
        return cast("str", plain)
    if kind is int:
        return str(plain)
    if kind is float:
        return _float_text(cast("float", plain))
    if kind is datetime:
        return time_text(cast("datetime", server_time(cast("datetime", plain))))
    if kind is date:
        return str(plain)
    # Imported here because hardly any program compares with a Decimal.
    from decimal import Decimal  # noqa: PLC0415

    return format(plain, "f") if isinstance(plain, Decimal) and plain.is_finite() else None


def value_text(value: object) -> str:
    """Return the text of a value that a condition compares with.

    Raises InvalidRequest for True and False (see `is_true()`), for a datetime with a zone, and for what has no text.
    """
    text = text_of(value)
    if text is not None:
        return text
    if type(plain_scalar(value)) is bool:
        raise InvalidRequest(Message("compared-with-bool"))
    raise _refused(value)


def number_or_none(value: Number | None) -> str | None:
    """Return the text of a number, as `value_text` does; other text stays. Raises InvalidRequest for anything else."""
    plain = plain_scalar(value)
    if isinstance(plain, bool | date):
        raise _refused(plain)
    return None if plain is None else value_text(plain)


def is_number(text: str) -> bool:
    """Return whether text is a decimal number."""
    return _NUMBER.fullmatch(text) is not None


def recent_day_or_none(value: str | None) -> str | None:
    """Return the text of `recentDay`. Raises InvalidRequest for text that means no days, and for anything else."""
    plain = plain_scalar(value)
    if plain is None or (type(plain) is str and is_recent_day(plain)):
        return plain
    raise InvalidRequest(Message("recent-day-invalid", key="recent_day"))


def _float_text(number: float) -> str | None:
    if not math.isfinite(number):
        return None
    text = str(int(number)) if number.is_integer() else repr(number)
    if "e" not in text:
        return text
    # Imported here because hardly any program compares with a number as small as this.
    from decimal import Decimal  # noqa: PLC0415

    return format(Decimal(text), "f")


def _refused(value: object) -> InvalidRequest:
    return InvalidRequest(Message("compared-with-other-type", kind=type(value).__name__))

"""Numbers, texts and times between JSON and the tables."""

from __future__ import annotations

import math
import re
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from .errors import EvaluationError
from .node import encodable, json_type

_NUMBER = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")
_MOST: Final = 10**308
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?)?")
_DATE_LENGTH = len("2020-01-10")


def as_text(value: object, key: str) -> str:
    """Return a filter value as text: numbers and booleans as JSON writes them. Raises EvaluationError for null, arrays and objects."""
    if isinstance(value, str):
        return encodable(value, key)
    if isinstance(value, bool | int | float):
        return value_text(value)
    raise EvaluationError(key, f"必须是字符串，不能是{json_type(value)}")


def as_number(value: object, key: str) -> Fraction:
    """Return a number exactly, given as text such as "4" or "0.5" or as a JSON number. Raises EvaluationError for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise EvaluationError(key, f"必须是数值，不能是{json_type(value)}")
    text = value if isinstance(value, str) else repr(value)
    number = Fraction(text) if _NUMBER.fullmatch(text) else None
    if number is None or abs(number) > _MOST:
        raise EvaluationError(key, f"必须是数值，不能是 {text[:40]!r}")
    return number


def as_days(value: object, key: str) -> int:
    """Return a whole number of days, given as text such as "-7" or as a JSON number."""
    days = as_number(value, key)
    if days.denominator > 1 or abs(days) > 100_000:
        raise EvaluationError(key, f"必须是整数天数，不能是 {str(value)[:40]}")
    return int(days)


def as_time(value: object, key: str) -> datetime:
    """Return a time such as "2020-01-10 10:51:14"; a date alone is its first instant."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise EvaluationError(key, "必须是时间，例如 '2020-01-10 00:00:00'")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise EvaluationError(key, f"{value!r} 不是有效的时间") from None


def is_date(value: object) -> bool:
    """Return whether a value that `as_time` takes is a date alone."""
    return isinstance(value, str) and len(value) == _DATE_LENGTH


def value_text(value: object) -> str:
    """Return the text of a cell, as tag values and id uploads see it.

    Whole numbers have no fraction (`3.0` is "3"), other numbers no exponent and no trailing zeros; booleans are
    "true" and "false"; times are "YYYY-MM-DD HH:MM:SS", with a fraction only where there is one.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _decimal_text(Decimal(repr(value))) if math.isfinite(value) else str(value)
        case Decimal():
            return _decimal_text(value)
        case datetime():
            return value.isoformat(sep=" ")
        case _:
            raise TypeError(f"A cell of type {type(value).__name__} has no text.")


def _decimal_text(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text

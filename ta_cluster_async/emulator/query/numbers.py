"""Comparisons of columns that hold numbers with numbers as they are written, exact to the last digit."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .sql import Query

_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_BITS: Final = {"BIGINT": 63, "HUGEINT": 127}


def number_comparison(
    query: Query, sql: str, of_type: str, comparator: str, numbers: Sequence[Fraction]
) -> str:
    """Return the SQL condition that compares `sql`, of a DuckDB type, with numbers. The caller has checked their count.

    Whole numbers and decimals are compared exactly, whatever the numbers beside them. A double is the shortest number that
    is written for it: 0.1 equals 0.1, and 2 ** 53 + 1 equals no double.
    """
    steps = _steps(of_type)
    if comparator in {"equal", "notEqual"}:
        found = [steps.literal(query, number) for number in numbers if steps.has(number)]
        if comparator == "equal":
            return f"{sql} IN ({', '.join(found)})" if found else "false"
        return f"{sql} NOT IN ({', '.join(found)})" if found else f"{sql} IS NOT NULL"
    first, last = numbers[0], numbers[-1]
    if comparator == "less":
        # Of the values that there are, those below a number are those below the smallest that is not below it.
        bound = steps.at_least(first)
        return (
            f"{sql} IS NOT NULL"
            if bound > steps.most
            else f"{sql} < {steps.literal(query, max(bound, -steps.most))}"
        )
    if comparator == "greater":
        bound = steps.at_most(first)
        return (
            f"{sql} IS NOT NULL"
            if bound < -steps.most
            else f"{sql} > {steps.literal(query, min(bound, steps.most))}"
        )
    low, high = max(steps.at_least(first), -steps.most), min(steps.at_most(last), steps.most)
    return (
        "false"
        if low > high
        else f"{sql} BETWEEN {steps.literal(query, low)} AND {steps.literal(query, high)}"
    )


@attrs.frozen
class _Decimals:
    """The values of BIGINT, HUGEINT and DECIMAL: `-most` to `most`, with `scale` digits behind the point."""

    of_type: str
    scale: int
    most: Fraction

    def at_most(self, number: Fraction) -> Fraction:
        """Return the largest value that is not above a number."""
        return Fraction(math.floor(number * 10**self.scale), 10**self.scale)

    def at_least(self, number: Fraction) -> Fraction:
        """Return the smallest value that is not below a number."""
        return -self.at_most(-number)

    def has(self, number: Fraction) -> bool:
        """Return whether a number is one of the values."""
        return abs(number) <= self.most and self.at_most(number) == number

    def literal(self, query: Query, value: Fraction) -> str:
        """Return a value as SQL."""
        # Bound as text, since the integers and decimals that DuckDB takes from Python depend on its version.
        units = int(abs(value) * 10**self.scale)
        digits = f"{units:0{self.scale + 1}}"
        whole, part = digits[: len(digits) - self.scale], digits[len(digits) - self.scale :]
        text = f"{'-' if value < 0 else ''}{whole}{'.' if part else ''}{part}"
        return f"CAST({query.bind(text)} AS {self.of_type})"


class _Doubles:
    """The values of DOUBLE, each as the shortest number that is written for it."""

    most: Final = Fraction(repr(math.nextafter(math.inf, 0)))

    def at_most(self, number: Fraction) -> Fraction:
        """Return the largest value that is not above a number."""
        value = float(number)
        shortest = Fraction(repr(value))
        return shortest if shortest <= number else Fraction(repr(math.nextafter(value, -math.inf)))

    def at_least(self, number: Fraction) -> Fraction:
        """Return the smallest value that is not below a number."""
        return -self.at_most(-number)

    def has(self, number: Fraction) -> bool:
        """Return whether a number is one of the values."""
        return self.at_most(number) == number

    def literal(self, query: Query, value: Fraction) -> str:
        """Return a value as SQL."""
        return f"CAST({query.bind(float(value))} AS DOUBLE)"


def _steps(of_type: str) -> _Decimals | _Doubles:
    if of_type == "DOUBLE":
        return _Doubles()
    if of_type in _BITS:
        return _Decimals(of_type, 0, Fraction(2 ** _BITS[of_type] - 1))
    found = _DECIMAL.fullmatch(of_type)
    assert found is not None
    precision, scale = int(found[1]), int(found[2])
    return _Decimals(of_type, scale, Fraction(10**precision - 1, 10**scale))

"""Reading JSON objects that this library wrote, with the type of each value checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, NoReturn, TypeVar

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@frozen
class Said:
    """A JSON object. Every method takes one value and raises ValueError, which names the key and never the value, if it is another."""

    values: Mapping[str, object]

    @classmethod
    def parse(cls, text: str | bytes) -> Said:
        """Read JSON text. Raises ValueError for anything but one object; numbers that JSON does not have are none."""
        try:
            return cls.of(json.loads(text, parse_constant=_refuse))
        except (TypeError, RecursionError):
            pass
        raise ValueError("this is no JSON text")

    @classmethod
    def of(cls, value: object) -> Said:
        """Take a value for an object."""
        if not isinstance(value, Mapping):
            raise ValueError("this is no JSON object")  # noqa: TRY004 - like everything else that is wrong here
        return cls(value)

    def text(self, key: str) -> str:
        """A string."""
        return value if isinstance(value := self._get(key), str) else _wrong(key)

    def word(self, kind: Callable[[str], T], key: str) -> T:
        """A string that stands for a value of an enumeration."""
        text = self.text(key)
        try:
            return kind(text)
        except ValueError:
            return _wrong(key)

    def whole(self, key: str) -> int:
        """An integer."""
        return value if type(value := self._get(key)) is int else _wrong(key)

    def count(self, key: str) -> int:
        """An integer of 0 or more."""
        return value if (value := self.whole(key)) >= 0 else _wrong(key)

    def number(self, key: str) -> float:
        """A finite number of 0 or more."""
        value = self._get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:
                _wrong(key)
            if isfinite(number) and number >= 0:
                return number
        return _wrong(key)

    def flag(self, key: str) -> bool:
        """A boolean."""
        return value if isinstance(value := self._get(key), bool) else _wrong(key)

    def ref(self, key: str) -> int | str:
        """A reference to a cluster: an integer or a string."""
        return self.text(key) if isinstance(self._get(key), str) else self.whole(key)

    def moment(self, key: str) -> datetime:
        """A time with a zone, as `isoformat()` writes it."""
        return self._time(key, "T", has_zone=True)

    def server_time(self, key: str) -> datetime:
        """A time without a zone, as `isoformat(" ")` writes it."""
        return self._time(key, " ", has_zone=False)

    def inner(self, key: str) -> Said:
        """An object in the object."""
        value = self._get(key)
        return Said(value) if isinstance(value, Mapping) else _wrong(key)

    def items(self, key: str) -> list[object]:
        """An array."""
        return value if isinstance(value := self._get(key), list) else _wrong(key)

    def or_none(self, take: Callable[[str], T], key: str) -> T | None:
        """What `take` takes, or null."""
        return None if self._get(key) is None else take(key)

    def or_absent(self, take: Callable[[str], T], key: str) -> T | None:
        """What `take` takes, or null, or nothing: for a key that earlier versions did not write."""
        return self.or_none(take, key) if key in self.values else None

    def _get(self, key: str) -> object:
        if key not in self.values:
            raise ValueError(f"{key} is missing")
        return self.values[key]

    def _time(self, key: str, separator: str, *, has_zone: bool) -> datetime:
        text = self.text(key)
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            _wrong(key)
        if (time.tzinfo is not None) is has_zone and time.isoformat(separator) == text:
            return time
        return _wrong(key)


def _wrong(key: str) -> NoReturn:
    raise ValueError(f"{key} has another type or value")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")

"""How a JSON value becomes a field: strictly for answers, without loss for definitions.

Readers raise Mismatch, which collects the path on its way up; `structure` makes a SchemaError of it. It never contains a value.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ..messages import Message
from .json import json_type
from .scalars import AsRead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .base import Answer, Definition

Read: TypeAlias = Callable[[object, object], Any]
"""A cattrs hook: the value, and the type that was asked for, which readers know already."""

_ABSENT = object()
_NULL = type(None)


class Mismatch(Exception):
    """A value is not what was expected. Holds no value, only what it must be, what it is, and where."""

    def __init__(self, expected: Message, actual: Message) -> None:
        super().__init__(expected, actual)
        self.expected = expected
        self.actual = actual
        self.path: str = ""

    def message(self, where: str) -> Message:
        """Return what is wrong with the value at `where`, "" for the whole."""
        return Message(
            "json-mismatch",
            where=where or Message("json-whole"),
            expected=self.expected,
            actual=self.actual,
        )

    def below(self, step: str) -> Mismatch:
        """Put a step such as `.id` or `[3]` before the path."""
        self.path = step + self.path
        return self


# Plain classes, as they are made at every import and attrs takes a millisecond for each.


class Scalar:
    """Reads a value of certain JSON types, compared exactly: True is not an integer, and 3 is not a decimal number.

    Attributes:
        types: The Python types that JSON gives such a value.
        expected: What a message calls it.
        turn: What makes the field's value of it, if anything; it raises ValueError for a value that it refuses.
        turn_all: What does so for many values at once, if it can; otherwise it returns None, and they are turned one by one.
    """

    def __init__(
        self,
        types: frozenset[type],
        expected: Message,
        turn: Callable[[Any], object] | None = None,
        turn_all: Callable[[Sequence[Any]], Sequence[object] | None] | None = None,
    ) -> None:
        self.types = types
        self.expected = expected
        self.turn = turn
        self.turn_all = turn_all

    def __call__(self, value: object, _: object = None) -> Any:
        """Return the field's value. Raises Mismatch."""
        if type(value) not in self.types:
            raise Mismatch(self.expected, json_type(value))
        if self.turn is None:
            return value
        try:
            return self.turn(value)
        except ValueError:
            pass
        raise Mismatch(self.expected, Message("json-other-value"))


class Items:
    """Reads an array; the model's own converter makes a tuple of it where it wants one. Without `read`, the items stay as they are."""

    def __init__(self, read: Read | None, *, null_is_empty: bool = False) -> None:
        self.read = read
        self._null_is_empty = null_is_empty

    def __call__(self, value: object, _: object = None) -> Sequence[object]:
        """Return the items. Raises Mismatch that names the item."""
        if value is None and self._null_is_empty:
            return []
        if not isinstance(value, list):
            raise Mismatch(Message("json-array"), json_type(value))
        if self.read is None:
            return AsRead(value)
        if isinstance(self.read, AnswerReader) and (models := self.read.many(value)) is not None:
            return models
        items: list[object] = []
        for index, item in enumerate(value):
            try:
                items.append(self.read(item, None))
            except Mismatch as problem:
                raise problem.below(f"[{index}]") from None
        return items


class Slot(NamedTuple):
    """One field of a model: its name, its key, how it is read, whether it may be absent or null, and whether it stays as it is read.

    What stays is not given to the model's own converter, which makes text of numbers.
    """

    name: str
    key: str
    read: Read
    optional: bool
    is_kept: bool = False


class DefinitionReader:
    """Reads any JSON object without loss: what does not fit a field stays in `extra` under its key."""

    def __init__(self, cls: type[Definition], slots: Sequence[Slot]) -> None:
        self._cls: Callable[..., object] = cls
        self._slots = {slot.key: slot for slot in slots}
        self._absent: dict[str, object] = {slot.name: None for slot in slots}
        self._kept = [slot.name for slot in slots if slot.is_kept]

    def __call__(self, value: object, _: object = None) -> Any:
        """Read an object. Raises Mismatch only when `value` is not one."""
        extra: dict[str, object] = {}
        fields: dict[str, object] = self._absent.copy()
        for key, raw in _as_object(value).items():
            slot = self._slots.get(key)
            if slot is None:
                extra[key] = raw
                continue
            try:
                fields[slot.name] = slot.read(raw, None)
            except Mismatch:
                extra[key] = raw
        kept = {name: fields.pop(name) for name in self._kept}
        model = self._cls(**fields, extra=extra)
        for name, read in kept.items():
            object.__setattr__(model, name, read)  # the class is frozen
        return model


class AnswerReader:
    """Reads an object strictly; keys without a field go to `extra`.

    Attributes:
        slots: The fields in the order of the constructor, which ends with `extra`.
    """

    def __init__(self, cls: type[Answer], slots: Sequence[Slot]) -> None:
        self._cls: Callable[..., object] = cls
        self.slots = slots
        self._keys = frozenset(slot.key for slot in slots)
        # The fast path below calls the constructor by position, since extra comes last.
        self._definitions = {slot.name: slot.key for slot in slots if isinstance(slot.read, DefinitionReader)}
        self._scalars = [slot.read for slot in slots if isinstance(slot.read, Scalar)]

    def __call__(self, value: object, _: object = None) -> Any:
        """Read an object. Raises Mismatch that names the field."""
        found = _as_object(value)
        fields: dict[str, object] = {}
        for slot in self.slots:
            raw = found.get(slot.key, _ABSENT)
            if slot.optional and (raw is _ABSENT or raw is None):
                continue
            try:
                fields[slot.name] = slot.read(raw, None)
            except Mismatch as problem:
                if raw is _ABSENT:
                    problem.actual = Message("json-absent")
                raise problem.below(f".{slot.key}") from None
        # A definition that is null goes back as null.
        nulls = {key for name, key in self._definitions.items() if name not in fields}
        extra = {key: found[key] for key in found if key not in self._keys or key in nulls}
        return self._cls(**fields, extra=extra)

    def many(self, values: Sequence[object]) -> list[object] | None:
        """Read rows with the same keys together, a column at a time, which takes a quarter of the time.

        Returns None when one does not fit: reading them one by one then finds which.
        """
        if not values or len(self._scalars) != len(self.slots) or set(map(type, values)) != {dict}:
            return None
        rows: Sequence[Any] = values
        first = tuple(rows[0])
        if all(map(first.__eq__, map(tuple, rows))):
            return self._alike(first, rows)
        places: dict[tuple[str, ...], list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault(tuple(row), []).append(place)
        models: list[object] = [None] * len(rows)
        for keys, together in places.items():
            alike = self._alike(keys, [rows[place] for place in together])
            if alike is None:
                return None
            for place, model in zip(together, alike, strict=True):
                models[place] = model
        return models

    def _alike(self, keys: tuple[str, ...], rows: Sequence[Any]) -> list[object] | None:
        """Read rows that all have these keys in this order."""
        found = dict(zip(keys, zip(*map(dict.values, rows), strict=True), strict=True))
        columns: list[Any] = []
        for slot, scalar in zip(self.slots, self._scalars, strict=True):
            column: Any = repeat(None) if slot.optional else None
            if slot.key in found:
                column = read_column(scalar, found[slot.key], optional=slot.optional)
            if column is None:
                return None
            columns.append(column)
        unknown = [key for key in keys if key not in self._keys]
        if unknown:
            columns.append([{key: row[key] for key in unknown} for row in rows])
        return list(map(self._cls, *columns))


def read_column(scalar: Scalar, column: Sequence[Any], *, optional: bool) -> Sequence[Any] | None:
    """Read the values that one field has in many rows; None when one of them does not fit."""
    types = set(map(type, column))
    nulls = optional and _NULL in types
    if not types <= (scalar.types | {_NULL} if nulls else scalar.types):
        return None
    turn = scalar.turn
    if turn is None:
        return column
    if scalar.turn_all is not None and not nulls and (turned := scalar.turn_all(column)) is not None:
        return turned
    try:
        return [None if value is None else turn(value) for value in column]
    except ValueError:
        return None


def _as_object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Mismatch(Message("json-object"), json_type(value))
    return value

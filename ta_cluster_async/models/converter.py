"""Between JSON values and models, by the library's own cattrs converter."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache, partial, reduce
from operator import or_
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs

from ..errors import SchemaError
from ..messages import Message
from .base import Answer, Definition, Wire
from .clusters import EventCondition
from .readers import (
    AnswerReader,
    DefinitionReader,
    Items,
    Mismatch,
    Scalar,
    Slot,
)
from .scalars import plain_scalar
from .texts import number_or_none, recent_day_or_none
from .times import is_recent_day, parse_times, read_time, time_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from cattrs import Converter

    from .json import JsonObject, JsonValue
    from .readers import Read

W = TypeVar("W", bound=Wire)

# The keys under which an event's comparator may stand; the specification's second tag sample has the other one.
COMPARATOR_KEY = EventCondition.wire_names["comparator"]
OTHER_COMPARATOR_KEY = "uceCalcuSymbol"


def structure(cls: type[W], value: JsonValue, *, path: str = "data") -> W:
    """Make a model of a JSON value.

    Definitions take any JSON object without loss. Answers are read strictly: null is no string, "false" no boolean, and neither 3.7 nor
    true is an integer; only what a field's type allows to be None may be absent or null.

    Raises SchemaError that names the place below `path`, such as `data.userClusters[3].id`, and never the value.
    """
    try:
        return converter().structure(value, cls)
    except Mismatch as problem:
        where = (path + problem.path).removeprefix(".")
        message = problem.message(where)
    raise SchemaError(message, path=where)


def unstructure(value: Wire) -> JsonObject:
    """Make the JSON object that a model stands for. Fields that are None are left out, and `extra` is put back."""
    body: JsonObject = converter().unstructure(value)
    return body


Wire._read = staticmethod(lambda cls, value, path: structure(cls, value, path=path))  # noqa: SLF001
Wire._write = staticmethod(unstructure)  # noqa: SLF001


@cache
def converter() -> Converter:
    """Return the library's converter, made when it is first needed."""
    return make_converter()


def make_converter() -> Converter:
    """Make a converter of this library's models alone; cattrs' global one stays as it is."""
    # Imported here because it takes a tenth of the time of importing aiohttp, and a program may never need it.
    from cattrs import Converter  # noqa: PLC0415

    made = Converter(detailed_validation=False)
    for kind, scalar in _PLAIN.items():
        made.register_structure_hook(kind, scalar)
    made.register_structure_hook_factory(_is_union, _union)
    made.register_structure_hook_factory(_is_array, partial(_items, made))
    made.register_structure_hook_factory(_is_a(Definition), partial(_definition, made))
    made.register_structure_hook_factory(_is_a(Answer), partial(_answer, made))
    made.register_structure_hook_factory(lambda kind: kind is EventCondition, partial(_event_condition, made))
    made.register_unstructure_hook(Wire, _as_object)
    return made


def _is_a(base: type[Wire]) -> Callable[[Any], bool]:
    return lambda kind: isinstance(kind, type) and issubclass(kind, base)


def _is_union(kind: object) -> bool:
    return get_origin(kind) in {Union, UnionType}


def _is_array(kind: object) -> bool:
    origin: object = get_origin(kind)
    return origin in (tuple, list)


def _refresh_time(text: str) -> datetime | None:
    if not text:
        return None
    time = read_time(text)
    if time is None:
        raise ValueError
    return time


_PLAIN: dict[type, Scalar] = {
    str: Scalar(frozenset({str}), Message("json-string")),
    int: Scalar(frozenset({int}), Message("json-integer")),
    bool: Scalar(frozenset({bool}), Message("json-boolean")),
    datetime: Scalar(frozenset({str}), Message("json-server-time"), _refresh_time, parse_times),
}


def _recent_day(text: str) -> str:
    if not is_recent_day(text):
        raise ValueError
    return text


# What means no days stays among the keys that have no field, so that a definition that has it can be changed.
_RECENT_DAY = Scalar(frozenset({str}), Message("json-string"), _recent_day)


class _Open(dict[str, str]):
    """Members of a vocabulary by their text; any other text stands for itself."""

    def __missing__(self, text: str) -> str:
        return text


def _union(kind: object) -> Scalar:
    """Read an open vocabulary, a time that may be any text, or a number that may be text."""
    parts = set(get_args(kind))
    for part in parts:
        if issubclass(part, StrEnum):
            return Scalar(
                frozenset({str}),
                Message("json-string"),
                _Open({member.value: member for member in part}).__getitem__,
            )
    if datetime in parts:
        # The model's own converter makes a time of it.
        return _PLAIN[str]
    return Scalar(frozenset(parts), Message("json-string-or-number"))


def _items(made: Converter, kind: object) -> Items:
    item = get_args(kind)[0]
    # A server may write null for an empty list of an answer; in a definition it goes back as null.
    is_answer = get_origin(kind) is list
    return Items(None if item is object else made.get_structure_hook(item), null_is_empty=is_answer)


def _definition(made: Converter, cls: type[Definition]) -> DefinitionReader:
    return DefinitionReader(cls, _slots(made, cls))


def _answer(made: Converter, cls: type[Answer]) -> AnswerReader:
    return AnswerReader(cls, _slots(made, cls))


def _slots(made: Converter, cls: type[Wire]) -> list[Slot]:
    # What JSON values may stand in a definition is not for a reader to check: any may.
    hints = get_type_hints(cls, localns={"JsonValue": object})
    slots: list[Slot] = []
    for attribute in attrs.fields(cls):
        name = attribute.name
        if name not in cls.wire_names:
            continue
        kind = hints[name]
        optional = _is_union(kind) and NoneType in get_args(kind)
        if optional:
            kind = reduce(or_, (part for part in get_args(kind) if part is not NoneType))
        read = made.get_structure_hook(kind) if attribute.converter is not recent_day_or_none else _RECENT_DAY
        is_kept = attribute.converter is number_or_none
        slots.append(Slot(name, cls.wire_names[name], read, optional, is_kept))
    return slots


def _event_condition(made: Converter, cls: type[EventCondition]) -> Read:
    """Read `uceCalcuSymbol` as the comparator where there is no other or only a null, and remember its key."""
    read = _definition(made, cls)

    def read_event(value: object, _: object = None) -> object:
        if (
            not isinstance(value, dict)
            or value.get(COMPARATOR_KEY) is not None
            or type(value.get(OTHER_COMPARATOR_KEY)) is not str
        ):
            return read(value)
        renamed = {**value, COMPARATOR_KEY: value[OTHER_COMPARATOR_KEY]}
        del renamed[OTHER_COMPARATOR_KEY]
        found: EventCondition = read(renamed)
        null = {COMPARATOR_KEY: None} if COMPARATOR_KEY in value else {}
        # The class is frozen, and a copy by evolve() would make text of a number that was read.
        object.__setattr__(found, "comparator_key", OTHER_COMPARATOR_KEY)
        object.__setattr__(found, "extra", {**found.extra, **null})
        return found

    return read_event


def _as_object(value: Definition | Answer) -> JsonObject:
    names = value.wire_names
    if isinstance(value, EventCondition):
        names = {**names, "comparator": value.comparator_key}
    fields = ((key, getattr(value, name)) for name, key in names.items())
    body: JsonObject = {key: _as_json(field) for key, field in fields if field is not None}
    for key, kept in value.extra.items():
        body.setdefault(key, cast("JsonValue", plain_scalar(kept)))
    return body


def _as_json(value: Any) -> JsonValue:
    match value:
        case Definition() | Answer():
            return _as_object(value)
        case tuple() | list():
            # Other values in it are JSON already, and may be nested more deeply than a walk through them could go.
            return [_as_object(item) if isinstance(item, Definition | Answer) else item for item in value]
        case datetime():
            return time_text(value)
        case _:
            return cast("JsonValue", plain_scalar(value))

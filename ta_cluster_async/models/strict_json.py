"""The strict reader of the JSON that this library writes itself: tickets, outcomes, reports and the rows of a journal.

One cattrs converter reads them all. What is wrong is said by the key and never by the value, which may be anything::

    @frozen(kw_only=True)
    class Job:
        json_version: ClassVar[int] = 2  # the object must have `"version": 2`
        ref: int | str
        status: Status  # an enumeration: any other text is refused
        seconds: float | None  # a finite number of at least 0, or null
        refresh_time: datetime | None  # "2026-01-31 03:00:00", a server time without a zone
        started_at: datetime = field(metadata=json_key(utc=True))  # "2026-01-31T03:00:00+00:00"
        attempts: int = field(default=0, metadata=json_key(least=0))
        note: str = field(default="", metadata=json_key(may_be_absent=True))  # earlier versions did not write it
        error: Exception | None = field(default=None, metadata=json_key(stored=False))  # not in the JSON at all

    job = read_json(Job, text)                                          # or read_value(Job, json.loads(text))
    if isinstance(job, Message):
        raise InvalidRequest(Message("job-unreadable", problem=job))

Every key must be there, also one whose field has a default, unless it says `may_be_absent`; null is taken where the type allows None.
Keys without a field are passed over. Fields may be classes of this kind, enumerations, `Literal`, `tuple[...]`, `Mapping[...]` of
counts, and `Mapping[str, object]` for an object of any kind. A value that is an instance already, such as a datetime from a column of a database, is taken as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, partial, reduce
from math import isfinite
from operator import or_
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NamedTuple,
    NoReturn,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs

from ..messages import Message
from .json import json_type
from .readers import Mismatch, Scalar

if TYPE_CHECKING:
    from collections.abc import Callable

    from cattrs import Converter

    from .readers import Read

T = TypeVar("T")

_KEY = "ta_cluster_async.json"
_ABSENT = object()


def json_key(
    *, least: int | None = None, utc: bool = False, may_be_absent: bool = False, stored: bool = True
) -> dict[str, object]:
    """Return the metadata of an attrs field that says how its key is read.

    Args:
        least: The smallest integer that is taken.
        utc: The time has a zone, as `datetime.isoformat()` writes it, and becomes UTC. Without this it is a server time.
        may_be_absent: Earlier versions did not write the key; the field has its default then.
        stored: False for a field that is not in the JSON.
    """
    return {_KEY: _Key(least, utc, may_be_absent, stored)}


class _Key(NamedTuple):
    least: int | None = None
    utc: bool = False
    may_be_absent: bool = False
    stored: bool = True


_PLAIN_KEY = _Key()


def read_json(cls: type[T], text: str | bytes) -> T | Message:
    """Read JSON text. Returns what is wrong with it as a `Message`, so that no exception holds the text.

    Numbers that JSON does not have, such as NaN, are refused.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (TypeError, ValueError, RecursionError):
        return Message("not-json-text")
    return read_value(cls, value)


def read_value(cls: type[T], value: object) -> T | Message:
    """Read a value that JSON text was parsed to. Returns what is wrong with it as a `Message`."""
    try:
        return _converter().structure(value, cls)
    except Mismatch as problem:
        return problem.message(problem.path.removeprefix("."))


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


@cache
def _converter() -> Converter:
    from cattrs import Converter  # noqa: PLC0415 - a program may never need it, and it takes long to import

    made = Converter(detailed_validation=False)
    for kind, scalar in _PLAIN.items():
        made.register_structure_hook(kind, scalar)
    made.register_structure_hook_factory(_has_origin(Literal), _literal)
    made.register_structure_hook_factory(_has_origin(Union, UnionType), _union)
    made.register_structure_hook_factory(_has_origin(tuple), partial(_tuple, made))
    made.register_structure_hook_factory(_has_origin(Mapping), partial(_mapping, made))
    made.register_structure_hook_factory(attrs.has, partial(_object, made))
    return made


def _finite(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        raise ValueError from None
    if not isfinite(number) or number < 0:
        raise ValueError
    return number


def _server_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is not None or time.isoformat(" ") != text:
        raise ValueError
    return time


def _utc_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None or text[10] != "T":
        raise ValueError
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError from None


_PLAIN: dict[type, Scalar] = {
    str: Scalar(frozenset({str}), Message("json-string")),
    int: Scalar(frozenset({int}), Message("json-integer")),
    bool: Scalar(frozenset({bool}), Message("json-boolean")),
    float: Scalar(frozenset({int, float}), Message("json-finite-number"), _finite),
    datetime: Scalar(frozenset({str}), Message("json-server-time"), _server_time),
}
_UTC = Scalar(frozenset({str}), Message("json-utc-time"), _utc_time)


def _has_origin(*origins: object) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) in origins


def _reader(made: Converter, kind: Any) -> Read:
    # cattrs would read an enumeration of texts by the hook of str.
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return Scalar(frozenset({str}), Message("json-one-of", values=", ".join(kind)), kind)
    return made.get_structure_hook(kind)


def _literal(kind: object) -> Scalar:
    values: tuple[str, ...] = get_args(kind)

    def find(text: str) -> str:
        if text not in values:
            raise ValueError
        return text

    return Scalar(frozenset({str}), Message("json-one-of", values=", ".join(values)), find)


def _union(kind: object) -> Scalar:
    return Scalar(frozenset(get_args(kind)), Message("json-integer-or-string"))


def _tuple(made: Converter, kind: object) -> Read:
    read = _reader(made, get_args(kind)[0])

    def read_items(value: object, _: object = None) -> object:
        if not isinstance(value, list | tuple):
            raise Mismatch(Message("json-array"), json_type(value))
        return tuple(_read_at(f"[{index}]", read, item) for index, item in enumerate(value))

    return read_items


def _mapping(made: Converter, kind: object) -> Read:
    key, value = get_args(kind)
    if value is object:
        return _read_mapping
    read_key = _reader(made, key)
    read_count = _at_least(0, _PLAIN[int])

    def read_counts(value: object, _: object = None) -> object:
        # The key is read first: one that is not known is text from outside, which no path may show.
        return {
            read_key(key, None): _read_at(f".{key}", read_count, count)
            for key, count in _as_object(value).items()
        }

    return read_counts


def _read_mapping(value: object, _: object = None) -> object:
    return _as_object(value)


def _object(made: Converter, cls: type[attrs.AttrsInstance]) -> Read:
    slots = _slots(made, cls)
    version: int | None = getattr(cls, "json_version", None)

    def read_object(value: object, _: object = None) -> object:
        if isinstance(value, cls):
            return value
        found = _as_object(value)
        if version is not None:
            _check_version(found, version)
        fields: dict[str, object] = {}
        for name, (read, optional, may_be_absent) in slots.items():
            raw = found.get(name, _ABSENT)
            if raw is _ABSENT and may_be_absent:
                continue
            if raw is None and optional:
                fields[name] = None
                continue
            try:
                fields[name] = read(raw, None)
            except Mismatch as problem:
                if raw is _ABSENT:
                    problem.actual = Message("json-absent")
                raise problem.below(f".{name}") from None
        return cls(**fields)

    return read_object


def _slots(made: Converter, cls: type[attrs.AttrsInstance]) -> dict[str, tuple[Read, bool, bool]]:
    hints = get_type_hints(cls)
    slots: dict[str, tuple[Read, bool, bool]] = {}
    for attribute in attrs.fields(cls):
        key: _Key = attribute.metadata.get(_KEY, _PLAIN_KEY)
        if not attribute.init or not key.stored:
            continue
        kind = hints[attribute.name]
        optional = NoneType in get_args(kind)
        if optional:
            kind = reduce(or_, (part for part in get_args(kind) if part is not NoneType))
        read = _reader(made, kind)
        if kind is datetime:
            read = _time(_UTC if key.utc else _PLAIN[datetime])
        if key.least is not None:
            read = _at_least(key.least, read)
        slots[attribute.name] = read, optional, key.may_be_absent
    return slots


def _time(read_text: Scalar) -> Read:
    def read_time(value: object, _: object = None) -> object:
        return value if isinstance(value, datetime) else read_text(value)

    return read_time


def _at_least(least: int, read: Read) -> Read:
    def read_number(value: object, _: object = None) -> object:
        number = read(value, None)
        if number < least:
            raise Mismatch(Message("json-integer-at-least", least=least), Message("json-other-value"))
        return number

    return read_number


def _check_version(found: Mapping[str, Any], version: int) -> None:
    written = found.get("version", _ABSENT)
    if type(written) is not int:
        actual = Message("json-absent") if written is _ABSENT else json_type(written)
        raise Mismatch(Message("json-integer"), actual).below(".version")
    if written != version:
        raise _OtherVersion(Message("version-unreadable", version=written, known=version))


class _OtherVersion(Mismatch):
    """The version of an object is another, which says it all, wherever the object stands."""

    def __init__(self, message: Message) -> None:
        super().__init__(message, message)

    def message(self, where: str) -> Message:  # noqa: ARG002 - of the class above
        """See `Mismatch.message`."""
        return self.expected


def _read_at(step: str, read: Callable[[object, object], object], value: object) -> object:
    try:
        return read(value, None)
    except Mismatch as problem:
        raise problem.below(step) from None


def _as_object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Mismatch(Message("json-object"), json_type(value))
    return value

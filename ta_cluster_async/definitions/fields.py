"""Which keys an object of a definition may have, and of which types, by the library's own models."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen

from ..models import (
    EventCondition,
    FirstLastEvent,
    PropertyFilter,
    PropertyRef,
    QuotaEvent,
    TagValue,
)
from ..models.base import Definition

REQUIRED: dict[type[Definition], tuple[str, ...]] = {
    EventCondition: ("eventName", "comparator", "taPropQuota"),
    PropertyFilter: ("columnName", "comparator", "tableType"),
    TagValue: ("tagValue", "userClusterDef"),
    FirstLastEvent: ("eventName", "calcPropVo"),
    QuotaEvent: ("eventName", "analysis"),
    PropertyRef: ("columnName",),
}
"""Keys that the specification requires."""

ALSO_KNOWN = frozenset(
    {
        "analysisDesc",
        "clusterDatePolicy",
        "columnDesc",
        "eventDesc",
        "filterType",
        "quotaDesc",
        "selectType",
        "specifiedClusterDate",
        "subTableType",
        "timeRelative",
        "timeUnit",
        "uceCalcuSymbol",
    }
)
"""Keys that servers are known to have beside those of the specification."""


@frozen
class Field:
    """One key of an object.

    Attributes:
        key: As the API spells it.
        model: The model of an object here, or of each item of an array; None for plain values.
        many: It is an array.
        kinds: The JSON types of a plain value; empty for any.
    """

    key: str
    model: type[Definition] | None
    many: bool
    kinds: tuple[type, ...]


@cache
def fields_of(model: type[Definition]) -> dict[str, Field]:
    """Return the keys of a model's object, by the API's spelling and by the library's."""
    hints = get_type_hints(model, localns={"JsonValue": object})
    found: dict[str, Field] = {}
    for attribute in attrs.fields(model):
        key = model.wire_names.get(attribute.name)
        if key is not None:
            found[key] = _field(key, hints[attribute.name])
            found.setdefault(attribute.name, found[key])
    return found


def _field(key: str, hint: Any) -> Field:
    parts = [part for part in _parts(hint) if part is not NoneType]
    many = [part for part in parts if get_origin(part) is tuple]
    inner = [get_args(part)[0] for part in many] or parts
    models = [part for part in inner if isinstance(part, type) and issubclass(part, Definition)]
    kinds: set[type] = set()
    if not models and not many:
        for part in inner:
            kinds.add(str if isinstance(part, type) and issubclass(part, (StrEnum, datetime)) else part)
    return Field(key, models[0] if models else None, bool(many), tuple(kinds))


def _parts(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)

"""What may stand where in a definition, told by the library's own models."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen

from ..models import (
    EventCondition,
    EventQuota,
    FirstLastEvent,
    PropertyFilter,
    PropertyRef,
    QuotaEvent,
    TagValue,
)
from ..models.base import Definition

REQUIRED: dict[type[Definition], tuple[str, ...]] = {
    EventCondition: ("eventName", "comparator"),
    PropertyFilter: ("columnName", "comparator"),
    TagValue: ("tagValue", "userClusterDef"),
    FirstLastEvent: ("eventName", "calcPropVo"),
    QuotaEvent: ("eventName", "analysis"),
    EventQuota: ("analysis",),
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
class Slot:
    """One key of an object.

    Attributes:
        key: As the API spells it.
        name: As the library calls it.
        model: What an object here, or each item of an array, is; None for plain values.
        many: It is an array.
        kinds: The JSON types of a plain value; empty for any.
        default: What the library's model has where nothing is said.
    """

    key: str
    name: str
    model: type[Definition] | None
    many: bool
    kinds: tuple[type, ...]
    default: object


_known: dict[type[Definition], dict[str, Slot]] = {}


def slots_of(model: type[Definition]) -> dict[str, Slot]:
    """The keys of a model's object, by the API's spelling and by the library's."""
    if model in _known:
        return _known[model]
    hints = get_type_hints(model, localns={"JsonValue": object})
    found: dict[str, Slot] = {}
    for attribute in attrs.fields(model):
        key = model.wire_names.get(attribute.name)
        if key is None:
            continue
        slot = _slot(key, attribute.name, hints[attribute.name], attribute.default)
        found[key] = slot
        found.setdefault(attribute.name, slot)
    _known[model] = found
    return found


def _slot(key: str, name: str, hint: Any, default: object) -> Slot:
    parts = [part for part in _parts(hint) if part is not NoneType]
    many = [part for part in parts if get_origin(part) is tuple]
    inner = [get_args(part)[0] for part in many] or parts
    models = [part for part in inner if isinstance(part, type) and issubclass(part, Definition)]
    kinds: set[type] = set()
    if not models and not many:
        for part in inner:
            kinds.add(str if isinstance(part, type) and issubclass(part, (StrEnum, datetime)) else part)
    return Slot(key, name, models[0] if models else None, bool(many), tuple(kinds), default)


def _parts(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)

"""From the nodes of a definition to the body that the API takes, with each mistake at its line."""

from __future__ import annotations

import difflib
import re
from enum import StrEnum
from types import NoneType
from typing import TYPE_CHECKING, cast

from attrs import NOTHING, Factory, define, field, fields

from ..messages import Message
from ..models import (
    Analysis,
    CalcProperty,
    Comparator,
    PropertyRef,
    Relation,
    TableType,
    unstructure,
)
from ..models.base import Definition
from ..models.builder import value_text
from ..models.enums import likely_meant
from .fields import ALSO_KNOWN, REQUIRED, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..models import JsonObject, JsonValue
    from .fields import Field
    from .positions import Node

_DAYS = re.compile(r"(\d+)-(\d+)")
_NEAR = 0.85
_VALUES: dict[str, frozenset[str]] = {
    "analysis": frozenset(Analysis),
    "event_relation": frozenset(Relation),
    "event_user_relation": frozenset(Relation),
    "relation": frozenset(Relation),
    "tableType": frozenset(TableType),
}
_NUMBERS = ("num", "ftv")
_UNDER_EVENTS = ("events", "userTagConFirstLastEvent", "userTagConQuotaEvent")
_KINDS: dict[type, str] = {
    str: "json-string",
    int: "json-integer",
    float: "json-decimal-number",
    bool: "json-boolean",
    dict: "json-object",
    list: "json-array",
    NoneType: "json-null",
}


@define
class Checker:
    """Turns parts of a definition into the API's JSON.

    Attributes:
        of_library: The definition is in the library's names: what is absent gets the library's defaults, and numbers become text.
        mistakes: Lines and what is wrong there.
        warnings: Lines and what may be wrong there; it is sent as it is.
    """

    of_library: bool = False
    mistakes: list[tuple[int, Message]] = field(factory=list)
    warnings: list[tuple[int, Message]] = field(factory=list)

    def wrong(self, line: int, code: str, **params: object) -> None:
        """Note a mistake."""
        self.mistakes.append((line, Message(code, **params)))

    def _warn(self, line: int, code: str, **params: object) -> None:
        self.warnings.append((line, Message(code, **params)))

    def part(self, node: Node, model: type[Definition], *, of_event: bool = False) -> JsonValue:
        """Return the JSON of an object that a model describes."""
        if model is CalcProperty and isinstance(node.content, str):
            return unstructure(CalcProperty(PropertyRef(node.content)))
        if not isinstance(node.content, dict):
            self.wrong(node.line, "object-expected", actual=_kind(node))
            return None
        known = fields_of(model)  # type: ignore[arg-type]  # mypy takes the class for its instances, which have no hash
        body: JsonObject = {}
        for key, value in node.content.items():
            found = known.get(key)
            if found is None:
                self.unknown(key, value, known)
                body[key] = value.plain()
            elif found.key in body:
                self.wrong(value.line, "key-repeated", key=key)
            else:
                body[found.key] = self._value(value, found, of_event=of_event)
        for key in REQUIRED.get(model, ()):
            if key not in body and not (key == "comparator" and "uceCalcuSymbol" in body):
                self.wrong(node.line, "key-missing", key=key)
        return self._with_defaults(body, model, of_event=of_event) if self.of_library else body

    def _value(self, node: Node, expected: Field, *, of_event: bool) -> JsonValue:
        if node.content is None:
            return None
        of_event = of_event or expected.key in _UNDER_EVENTS
        if expected.many:
            return self._items(node, expected, of_event=of_event)
        if expected.model is not None:
            return self.part(node, expected.model, of_event=of_event)
        return self._plain(node, expected)

    def _items(self, node: Node, expected: Field, *, of_event: bool) -> JsonValue:
        if not isinstance(node.content, list):
            self.wrong(node.line, "list-expected", key=expected.key)
            return None
        if expected.model is not None:
            return [self.part(item, expected.model, of_event=of_event) for item in node.content]
        return [self._text_of_number(item.plain(), expected.key) for item in node.content]

    def _plain(self, node: Node, expected: Field) -> JsonValue:
        value = node.plain()
        if expected.kinds and type(value) not in expected.kinds:
            if expected.kinds == (str,) and isinstance(value, int | float):
                self.wrong(node.line, "text-expected", key=expected.key)
            else:
                kind = _KINDS[expected.kinds[0]] if len(expected.kinds) == 1 else "json-string-or-number"
                self.wrong(
                    node.line, "wrong-type", key=expected.key, expected=Message(kind), actual=_kind(node)
                )
            return None
        if isinstance(value, str):
            self._check_value(node.line, expected.key, value)
        return self._text_of_number(value, expected.key)

    def _check_value(self, line: int, key: str, value: str) -> None:
        if key == "recentDay":
            days = _DAYS.fullmatch(value)
            if days is None or not int(days[1]) <= int(days[2]) or int(days[2]) < 1:
                self.wrong(line, "recent-day-invalid", key=key)
        elif key == "comparator":
            meant = likely_meant(value)
            if meant is not None:
                self.wrong(line, "comparator-unknown", value=value, meant=meant.value)
            elif value not in tuple(Comparator):
                self._warn(line, "value-unknown", value=value, key=key)
        elif key in _VALUES and value not in _VALUES[key]:
            self._warn(line, "value-unknown", value=value, key=key)

    def unknown(self, key: str, node: Node, known: Iterable[str]) -> None:
        """Note a key that the specification does not have: a misspelled one, or one of a newer server."""
        if key in ALSO_KNOWN:
            return
        near = difflib.get_close_matches(key, list(known), 1, _NEAR)
        if near:
            self.wrong(node.line, "key-misspelled", key=key, meant=near[0])
        else:
            self._warn(node.line, "key-unknown", key=key)

    def _text_of_number(self, value: JsonValue, key: str) -> JsonValue:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return value_text(value) if self.of_library and is_number and key in _NUMBERS else value  # type: ignore[arg-type]

    def _with_defaults(self, body: JsonObject, model: type[Definition], *, of_event: bool) -> JsonObject:
        whole: JsonObject = {}
        for attribute in fields(model):
            key = model.wire_names.get(attribute.name)
            if key is None:
                continue
            if key in body:
                whole[key] = body.pop(key)
            elif key == "tableType":
                whole[key] = (TableType.EVENT if of_event else TableType.USER).value
            elif not (key == "comparator" and "uceCalcuSymbol" in body):
                default = attribute.default
                if default is not NOTHING and default is not None and not isinstance(default, Factory):  # type: ignore[arg-type]
                    whole[key] = _as_json(default)
        return whole | body


def _as_json(default: object) -> JsonValue:
    """Return a default of a model as JSON: a part of a definition, an empty tuple, or a word."""
    if isinstance(default, Definition):
        return unstructure(default)
    if default == ():
        return []
    return str(default) if isinstance(default, StrEnum) else cast("JsonValue", default)


def _kind(node: Node) -> Message:
    return Message(_KINDS[type(node.content)])

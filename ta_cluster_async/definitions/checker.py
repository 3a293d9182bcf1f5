"""From a marked text to the body that the API takes, with each mistake at its line."""

from __future__ import annotations

import difflib
import re
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from attrs import NOTHING, Factory, define, field, fields

from ..cli.i18n.translate import tr
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
from .fields import ALSO_KNOWN, REQUIRED, slots_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..models import JsonObject, JsonValue
    from .fields import Slot
    from .positions import Marked

_DAYS = re.compile(r"(\d+)-(\d+)")
_NEAR = 0.85
_WORDS: dict[str, frozenset[str]] = {
    "analysis": frozenset(Analysis),
    "event_relation": frozenset(Relation),
    "event_user_relation": frozenset(Relation),
    "relation": frozenset(Relation),
    "tableType": frozenset(TableType),
}
_NUMBERS = ("num", "ftv")
_UNDER_EVENTS = ("events", "userTagConFirstLastEvent", "userTagConQuotaEvent")


@define
class Check:
    """Turns parts of a definition into the API's JSON.

    Attributes:
        of_library: The definition is in the library's names: what is not said gets the library's defaults, and numbers become text.
        mistakes: Lines and what is wrong there.
        doubts: Lines and what may be wrong there; it is sent as it is written.
    """

    of_library: bool = False
    mistakes: list[tuple[int, str]] = field(factory=list)
    doubts: list[tuple[int, str]] = field(factory=list)

    def wrong(self, line: int, what: str) -> None:
        """Note a mistake."""
        self.mistakes.append((line, what))

    def part(self, node: Marked, model: type[Definition], *, of_event: bool = False) -> JsonValue:
        """An object that a model describes."""
        if model is CalcProperty and isinstance(node.content, str):
            return unstructure(CalcProperty(PropertyRef(node.content)))
        if not isinstance(node.content, dict):
            self.wrong(node.line, tr("an object is expected here, not {kind}.", kind=_kind(node)))
            return None
        slots = slots_of(model)
        said: JsonObject = {}
        for key, value in node.content.items():
            slot = slots.get(key)
            if slot is None:
                self.unknown(key, value, slots)
                said[key] = value.plain()
            elif slot.key in said:
                self.wrong(value.line, tr("{key!r} says the same as a key before it.", key=key))
            else:
                said[slot.key] = self._value(value, slot, of_event=of_event)
        for key in REQUIRED.get(model, ()):
            if key not in said and not (key == "comparator" and "uceCalcuSymbol" in said):
                self.wrong(node.line, tr("{key!r} is missing in this object.", key=key))
        return self._with_defaults(said, model, of_event=of_event) if self.of_library else said

    def _value(self, node: Marked, slot: Slot, *, of_event: bool) -> JsonValue:
        if node.content is None:
            return None
        if slot.many:
            return self._items(node, slot, of_event=of_event)
        if slot.model is not None:
            return self.part(node, slot.model, of_event=of_event or slot.key in _UNDER_EVENTS)
        return self._plain(node, slot)

    def _items(self, node: Marked, slot: Slot, *, of_event: bool) -> JsonValue:
        if not isinstance(node.content, list):
            self.wrong(node.line, tr("{key!r} has to be a list, also when there is only one.", key=slot.key))
            return None
        if slot.model is not None:
            inside = of_event or slot.key in _UNDER_EVENTS
            return [self.part(item, slot.model, of_event=inside) for item in node.content]
        return [self._text_of_number(item.plain(), slot.key) for item in node.content]

    def _plain(self, node: Marked, slot: Slot) -> JsonValue:
        value = node.plain()
        if slot.kinds and type(value) not in slot.kinds:
            expected = " / ".join(sorted(named(kind) for kind in slot.kinds))
            hint = (
                tr(" Put it between quotes.")
                if slot.kinds == (str,) and isinstance(value, int | float)
                else ""
            )
            self.wrong(
                node.line,
                tr(
                    "{key!r} has to be {expected}, not {kind}.",
                    key=slot.key,
                    expected=expected,
                    kind=_kind(node),
                )
                + hint,
            )
            return None
        if isinstance(value, str):
            self._word(node.line, slot.key, value)
        return self._text_of_number(value, slot.key)

    def _word(self, line: int, key: str, value: str) -> None:
        if key == "recentDay":
            found = _DAYS.fullmatch(value)
            if found is None or not int(found[1]) <= int(found[2]) or int(found[2]) < 1:
                self.wrong(
                    line,
                    tr(
                        "{key!r} has to be such as 1-7: from the one day to the other, counted back from today.",
                        key=key,
                    ),
                )
        elif key == "comparator":
            meant = likely_meant(value)
            if meant is not None:
                self.wrong(
                    line,
                    tr(
                        "the API has no comparator {value!r}; {meant!r} may be meant.",
                        value=value,
                        meant=meant.value,
                    ),
                )
            elif value not in tuple(Comparator):
                self._doubt(line, key, value)
        elif key in _WORDS and value not in _WORDS[key]:
            self._doubt(line, key, value)

    def _doubt(self, line: int, key: str, value: str) -> None:
        self.doubts.append(
            (
                line,
                tr("{value!r} is no {key} of the specification; it is sent as it is.", value=value, key=key),
            )
        )

    def unknown(self, key: str, node: Marked, known: Iterable[str]) -> None:
        """A key that the specification does not have: a slip, or one of a newer server's."""
        if key in ALSO_KNOWN:
            return
        near = difflib.get_close_matches(key, list(known), 1, _NEAR)
        if near:
            self.wrong(
                node.line, tr("there is no key {key!r}; {meant!r} may be meant.", key=key, meant=near[0])
            )
        else:
            self.doubts.append(
                (node.line, tr("the specification has no key {key!r} here; it is sent as it is.", key=key))
            )

    def _text_of_number(self, value: JsonValue, key: str) -> JsonValue:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return value_text(value) if self.of_library and is_number and key in _NUMBERS else value  # type: ignore[arg-type]

    def _with_defaults(self, said: JsonObject, model: type[Definition], *, of_event: bool) -> JsonObject:
        whole: JsonObject = {}
        for attribute in fields(model):
            key = model.wire_names.get(attribute.name)
            if key is None:
                continue
            if key in said:
                whole[key] = said.pop(key)
            elif key == "tableType":
                whole[key] = (TableType.EVENT if of_event else TableType.USER).value
            elif not (key == "comparator" and "uceCalcuSymbol" in said):
                default = attribute.default
                if default is not NOTHING and default is not None and not isinstance(default, Factory):  # type: ignore[arg-type]
                    whole[key] = _as_json(default)
        return whole | said


def _as_json(value: object) -> JsonValue:
    """A default of a model as JSON: a part of a definition, an empty tuple, or a word."""
    if isinstance(value, Definition):
        return unstructure(value)
    if value == ():
        return []
    return str(value) if isinstance(value, StrEnum) else cast("JsonValue", value)


def named(kind: type) -> str:
    """A JSON type as a person calls it."""
    return {
        str: tr("a string"),
        int: tr("a whole number"),
        float: tr("a number"),
        bool: tr("true or false"),
        dict: tr("an object"),
        list: tr("a list"),
        type(None): tr("null"),
    }[kind]


def _kind(node: Marked) -> str:
    return named(type(node.content))

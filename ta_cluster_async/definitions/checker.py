"""From the nodes of a definition to the body that the API takes, with each mistake at its line."""

from __future__ import annotations

import difflib
import math
import re
from enum import StrEnum
from types import NoneType
from typing import TYPE_CHECKING, cast

from attrs import NOTHING, Factory, define, field, fields

from ..messages import Message
from ..models import (
    Analysis,
    CalcProperty,
    Catalog,
    ClusterType,
    Comparator,
    EventCondition,
    PropertyFilter,
    PropertyRef,
    Relation,
    TableType,
    TagKind,
    unstructure,
)
from ..models.base import Definition
from ..models.converter import COMPARATOR_KEY, OTHER_COMPARATOR_KEY
from ..models.enums import likely_meant
from .fields import ALSO_KNOWN, REQUIRED, fields_of
from .positions import Node

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ..models import JsonObject, JsonValue
    from .fields import Field

_DAYS = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})
_SURELY_MEANT = 0.8
_PERHAPS_MEANT = 0.6
_WORDS: dict[str, tuple[str, ...]] = {
    "analysis": tuple(Analysis),
    "clusterCatalog": tuple(Catalog),
    "clusterType": tuple(ClusterType),
    "comparator": tuple(Comparator),
    "event_relation": tuple(Relation),
    "event_user_relation": tuple(Relation),
    "relation": tuple(Relation),
    "subConditionTabType": tuple(TagKind),
    "tableType": tuple(TableType),
}
_COMPARE_NUMBERS = frozenset({"equal", "greater", "less", "notEqual"})
_NEED_VALUES = _COMPARE_NUMBERS | {"include", "notInclude", "notRegexMatch", "range", "regexMatch"}
_COMPARATOR, _FORMULA = COMPARATOR_KEY, OTHER_COMPARATOR_KEY
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
        of_library: The definition is in the library's names, and so are the messages; what is absent gets the library's defaults.
        as_it_is: The definition came from the server: it stays as it is, and mistakes are warnings.
        mistakes: Lines and what is wrong there.
        warnings: Lines and what may be wrong there; it is sent as it is.
    """

    of_library: bool = False
    as_it_is: bool = False
    mistakes: list[tuple[int, Message]] = field(factory=list)
    warnings: list[tuple[int, Message]] = field(factory=list)

    def wrong(self, line: int, code: str, **params: object) -> None:
        """Note a mistake."""
        (self.warnings if self.as_it_is else self.mistakes).append((line, Message(code, **params)))

    def _warn(self, line: int, code: str, **params: object) -> None:
        self.warnings.append((line, Message(code, **params)))

    def part(self, node: Node, model: type[Definition], *, of_event: bool = False) -> JsonValue:
        """Return the JSON of an object that a model describes."""
        body = self._part(node, model, of_event=of_event)
        return node.plain() if self.as_it_is else body

    def text(self, node: Node, name: str) -> str | None:
        """Return a text: an unquoted value as it is written. None after a mistake."""
        if isinstance(node.content, str):
            return node.content
        if isinstance(node.content, dict | list | None):
            self.wrong(node.line, "wrong-type", key=name, expected=Message("json-string"), actual=_kind(node))
            return None
        return node.written

    def word(self, line: int, key: str, value: str, name: str) -> None:
        """Check a word of one of the API's vocabularies, all of which newer servers may know more of."""
        if key == "comparator" and (meant := likely_meant(value)) is not None:
            self.wrong(line, "comparator-unknown", value=value, meant=meant.value)
        elif key in _WORDS and value not in _WORDS[key]:
            near = _nearest(value, _WORDS[key])
            if near is None:
                self._warn(line, "value-unknown", value=value, key=name)
            else:
                self._warn(line, "value-perhaps-meant", value=value, key=name, meant=near)

    def unknown(self, key: str, node: Node, known: Mapping[str, str]) -> str | None:
        """Note a key that the specification does not have.

        Args:
            key: The key.
            node: Its value.
            known: The keys that may be here, and how this definition spells them.

        Returns:
            The known key that it misspells; None for what may be one of a newer server.
        """
        if key in ALSO_KNOWN:
            return None
        near = _nearest(key, known)
        if near is None:
            self._warn(node.line, "key-unknown", key=key)
            return None
        if difflib.SequenceMatcher(None, key.lower(), near.lower()).ratio() >= _SURELY_MEANT:
            self.wrong(node.line, "key-misspelled", key=key, meant=known[near])
            return near
        self._warn(node.line, "key-perhaps-meant", key=key, meant=known[near])
        return None

    def _part(self, node: Node, model: type[Definition], *, of_event: bool) -> JsonValue:
        if not isinstance(node.content, dict):
            self.wrong(node.line, "object-expected", actual=_kind(node))
            return None
        known = fields_of(model)  # type: ignore[arg-type]  # mypy takes the class for its instances, which have no hash
        own_names = {name: self._name(model, found.key) for name, found in known.items()}
        body: JsonObject = {}
        given = _Given()
        for name, value in node.content.items():
            found = known.get(name)
            if found is None:
                meant = self.unknown(name, value, own_names)
                if meant is not None:
                    given.misspelled.add(known[meant].key)
                body[name] = value.plain()
            elif found.key in body:
                self.wrong(value.line, "key-repeated", key=name)
            else:
                given.members[found.key] = name, value
                body[found.key] = self._value(value, found, name, of_event=of_event)
        if self.of_library:
            body = self._with_defaults(body, model, of_event=of_event)
        for key in REQUIRED.get(model, ()):
            if given.lacks(key) and body.get(key) is None and not (key == _COMPARATOR and _FORMULA in body):
                self.wrong(node.line, "key-missing", key=self._name(model, key))
        self._check_operands(node, model, given, body.get(_COMPARATOR))
        return body

    def _check_operands(
        self, node: Node, model: type[Definition], given: _Given, comparator: JsonValue
    ) -> None:
        """Check that a comparator has what it compares with."""
        if model is PropertyFilter and comparator in _NEED_VALUES:
            name, values = given.members.get("ftv", (self._name(model, "ftv"), node))
            if given.lacks("ftv") or values.content == []:
                self.wrong(values.line, "values-missing", key=name, comparator=comparator)
        elif model is EventCondition and comparator in _COMPARE_NUMBERS and "num" in given.members:
            name, number = given.members["num"]
            text = number.content if isinstance(number.content, str) else number.written
            if text is not None and number.content is not None and not _is_number(text):
                self.wrong(number.line, "number-expected", key=name, value=text)

    def _value(self, node: Node, expected: Field, name: str, *, of_event: bool) -> JsonValue:
        if node.content is None:
            return None
        of_event = of_event or expected.key in _UNDER_EVENTS
        if expected.many:
            return self._items(node, expected, name, of_event=of_event)
        if expected.model is None:
            return self._plain(node, expected, name)
        if expected.model is CalcProperty and name == "property" and isinstance(node.content, str):
            return unstructure(CalcProperty(PropertyRef(node.content)))
        return self._part(node, expected.model, of_event=of_event)

    def _items(self, node: Node, expected: Field, name: str, *, of_event: bool) -> JsonValue:
        if not isinstance(node.content, list):
            self.wrong(node.line, "list-expected", key=name)
            return None
        if expected.model is not None:
            return [self._part(item, expected.model, of_event=of_event) for item in node.content]
        return [self._filter_value(item, name) for item in node.content]

    def _filter_value(self, node: Node, name: str) -> JsonValue:
        if isinstance(node.content, dict | list | None):
            self.wrong(node.line, "filter-value-expected", key=name, actual=_kind(node))
        elif node.written is not None and _is_not_finite(node.written):
            self.wrong(node.line, "number-not-finite", value=node.written)
        return node.content if isinstance(node.content, str) else node.written

    def _plain(self, node: Node, expected: Field, name: str) -> JsonValue:
        if str in expected.kinds and (len(expected.kinds) == 1 or expected.key == "num" or self.of_library):
            value = self.text(node, name)
            if value is not None:
                self._check_days(node.line, expected.key, value, name)
                self.word(node.line, expected.key, value, name)
            return value
        if type(node.content) not in expected.kinds:
            kind = _KINDS[expected.kinds[0]] if len(expected.kinds) == 1 else "json-string-or-number"
            self.wrong(node.line, "wrong-type", key=name, expected=Message(kind), actual=_kind(node))
        return node.plain()

    def _check_days(self, line: int, key: str, value: str, name: str) -> None:
        # Servers and browsers have "" where days are fixed; a person means something by the key.
        if key == "recentDay" and (value or self.of_library):
            days = _DAYS.fullmatch(value)
            if days is None or not int(days[1]) <= int(days[2]) or int(days[2]) < 1:
                self.wrong(line, "recent-day-invalid", key=name)

    def _name(self, model: type[Definition], key: str) -> str:
        """Return a key as the definition spells its keys."""
        names = {key: name for name, key in model.wire_names.items()} if self.of_library else {}
        return names.get(key, key)

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
            elif not (key == _COMPARATOR and _FORMULA in body):
                default = attribute.default
                if default is not NOTHING and default is not None and not isinstance(default, Factory):  # type: ignore[arg-type]
                    whole[key] = _as_json(default)
        return whole | body


@define
class _Given:
    """The fields that an object has.

    Attributes:
        members: Names as they are written, and values, by the API's keys.
        misspelled: The API's keys of those with a misspelled name.
    """

    members: dict[str, tuple[str, Node]] = field(factory=dict)
    misspelled: set[str] = field(factory=set)

    def lacks(self, key: str) -> bool:
        """Whether a field is absent or null, and not only misspelled, which is one mistake and not two."""
        given = self.members.get(key)
        return key not in self.misspelled and (given is None or given[1].content is None)


def _as_json(default: object) -> JsonValue:
    """Return a default of a model as JSON: a part of a definition, an empty tuple, or a word."""
    if isinstance(default, Definition):
        return unstructure(default)
    if default == ():
        return []
    return str(default) if isinstance(default, StrEnum) else cast("JsonValue", default)


def _nearest(word: str, known: Collection[str]) -> str | None:
    """Return the known word that may be meant, whatever its case."""
    by_text = {one.lower(): str(one) for one in known}
    near = difflib.get_close_matches(word.lower(), by_text, 1, _PERHAPS_MEANT)
    return by_text[near[0]] if near else None


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def _is_not_finite(text: str) -> bool:
    return text in _NOT_FINITE or (_NUMBER.fullmatch(text) is not None and not math.isfinite(float(text)))


def _kind(node: Node) -> Message:
    return Message(_KINDS[type(node.content)])

"""Reading a raw JSON definition so that every error names the path of its cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from .errors import EvaluationError, MissingField

if TYPE_CHECKING:
    from collections.abc import Collection

_TYPES: Mapping[type, str] = {
    type(None): "空值",
    bool: "布尔值",
    int: "整数",
    float: "小数",
    str: "字符串",
    list: "列表",
    dict: "对象",
}


def json_type(value: object) -> str:
    """Return the JSON name of a value's type, for messages that must not show the value."""
    return _TYPES[type(value)]


@attrs.frozen
class Node:
    """One JSON object of a definition and its path, which is empty for the outermost object."""

    fields: Mapping[str, object]
    path: str = ""

    def key(self, name: str) -> str:
        """Return the path of one field of this object."""
        return f"{self.path}.{name}" if self.path else name

    def error(self, name: str, reason: str) -> EvaluationError:
        """Return an error that names the field `name`."""
        return EvaluationError(self.key(name), reason)

    def missing(self, name: str) -> MissingField:
        """Return the error for a required field that is absent or empty."""
        return MissingField(self.key(name))

    def has(self, name: str) -> bool:
        """Return whether the field has a value. Null and "" count as absent, as stored definitions have both."""
        return self.fields.get(name) not in (None, "")

    def text(self, name: str) -> str:
        """Return a required string that is not empty."""
        if not self.has(name):
            raise self.missing(name)
        value = self.fields[name]
        if not isinstance(value, str):
            raise self.error(name, f"必须是字符串，不能是{json_type(value)}")
        return encodable(value, self.key(name))

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """Return a string that is one of `choices`, or `default` if it is absent."""
        if not self.has(name):
            return default
        value = self.text(name)
        if value not in choices:
            raise self.error(name, f"必须是 {' 或 '.join(choices)}，不能是 {value!r}")
        return value

    def flag(self, name: str, *, default: bool | None = None) -> bool:
        """Return a boolean, or `default` if it is absent or null."""
        value = self.fields.get(name)
        if value is None:
            if default is None:
                raise self.missing(name)
            return default
        if not isinstance(value, bool):
            raise self.error(name, f"必须是布尔值，不能是{json_type(value)}")
        return value

    def child(self, name: str) -> Node:
        """Return a required object."""
        value = self.fields.get(name)
        if value is None:
            raise self.missing(name)
        return _object(value, self.key(name))

    def children(self, name: str) -> list[Node]:
        """Return the objects of an array; an absent one is empty."""
        return [_object(value, key) for value, key in self.items(name)]

    def items(self, name: str) -> list[tuple[object, str]]:
        """Return the items of an array, each with its path; an absent one is empty."""
        value = self.fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            raise self.error(name, f"必须是列表，不能是{json_type(value)}")
        return [(item, f"{self.key(name)}[{index}]") for index, item in enumerate(value)]


def encodable(value: str, key: str) -> str:
    """Return the text itself.

    Raises:
        EvaluationError: It has a lone surrogate, which JSON can escape and no database can store.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise EvaluationError(key, "含有单独的代理字符，不是文本") from None
    return value


def _object(value: object, key: str) -> Node:
    if not isinstance(value, Mapping):
        raise EvaluationError(key, f"必须是对象，不能是{json_type(value)}")
    return Node(value, key)

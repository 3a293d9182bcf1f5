"""Reading a raw JSON definition so that whatever is wrong in it can be named by its path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from .errors import CannotEvaluate

if TYPE_CHECKING:
    from collections.abc import Collection


@attrs.frozen
class Node:
    """One JSON object of a definition and the path that leads to it (empty for the outermost object)."""

    fields: Mapping[str, object]
    path: str = ""

    def key(self, name: str) -> str:
        """The path of one field of this object."""
        return f"{self.path}.{name}" if self.path else name

    def refuse(self, name: str, reason: str) -> CannotEvaluate:
        """The error that names the field `name`, for the caller to raise."""
        return CannotEvaluate(self.key(name), reason)

    def has(self, name: str) -> bool:
        """Whether the field holds anything: null and the empty text count as absent, as stored definitions have both."""
        return self.fields.get(name) not in (None, "")

    def text(self, name: str) -> str:
        """A field that has to be a text with at least one character."""
        if not self.has(name):
            raise self.refuse(name, "is missing.")
        value = self.fields[name]
        if not isinstance(value, str):
            raise self.refuse(name, f"has to be a text, not {json_type(value)}.")
        return encodable(value, self.key(name))

    def word(self, name: str, words: Collection[str], default: str) -> str:
        """A field that has to be one of `words`, or `default` where it is absent."""
        if not self.has(name):
            return default
        value = self.text(name)
        if value not in words:
            raise self.refuse(name, f"has to be {' or '.join(words)}, not {value!r}.")
        return value

    def flag(self, name: str, *, default: bool | None = None) -> bool:
        """A field that has to be true or false, or `default` where it is absent."""
        value = self.fields.get(name, default)
        if value is None and default is not None:
            return default
        if not isinstance(value, bool):
            raise self.refuse(name, f"has to be true or false, not {json_type(value)}.")
        return value

    def child(self, name: str) -> Node:
        """A field that has to be an object."""
        value = self.fields.get(name)
        if value is None:
            raise self.refuse(name, "is missing.")
        return _object(value, self.key(name))

    def children(self, name: str) -> list[Node]:
        """A field that has to be a list of objects; an absent one is an empty list."""
        return [_object(value, key) for value, key in self.items(name)]

    def items(self, name: str) -> list[tuple[object, str]]:
        """The items of a field that has to be a list, each with its path; an absent one is an empty list."""
        value = self.fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            raise self.refuse(name, f"has to be a list, not {json_type(value)}.")
        return [(item, f"{self.key(name)}[{index}]") for index, item in enumerate(value)]


def encodable(value: str, key: str) -> str:
    """The text itself. Raises CannotEvaluate for a lone surrogate, which JSON can escape and no database can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise CannotEvaluate(key, "has a lone surrogate, which is not text.") from None
    return value


def json_type(value: object) -> str:
    """The JSON name of a value's type, for messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "an object"
        case _:
            return type(value).__name__


def _object(value: object, key: str) -> Node:
    if not isinstance(value, Mapping):
        raise CannotEvaluate(key, f"has to be an object, not {json_type(value)}.")
    return Node(value, key)

"""JSON as Python types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias, Union, cast

from ..messages import UNSEEN, Message
from .scalars import plain_scalar

JsonValue: TypeAlias = Union[bool, int, float, str, "list[JsonValue]", "dict[str, JsonValue]", None]
"""Any JSON value as it is read: objects are dicts and arrays are lists."""

JsonObject: TypeAlias = dict[str, JsonValue]
"""A JSON object as it is read and sent."""

_TYPES: Mapping[type, str] = {
    type(None): "json-null",
    bool: "json-boolean",
    int: "json-integer",
    float: "json-decimal-number",
    str: "json-string",
    list: "json-array",
    dict: "json-object",
}


def json_type(value: object) -> Message:
    """Return the JSON name of a value's type, for messages that must not show the value."""
    return Message(_TYPES.get(type(value), "json-not"))


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON text with the letters of all scripts, and with escapes for what a terminal obeys or does not show."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # The only newlines are those of the indentation.
    return UNSEEN.sub(lambda found: found[0] if found[0] == "\n" else ascii_text(found[0])[1:-1], text)


def ascii_text(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON text in ASCII."""
    return json.dumps(value, indent=indent)


def plain(value: object) -> JsonValue:
    """Return a value with dicts for all mappings, lists for all tuples, and plain scalars.

    What JSON cannot say stays, and is refused when it is sent.
    """
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return cast("JsonValue", plain_scalar(value))

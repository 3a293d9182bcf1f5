"""Messages as JSON values, for reports and journals that another version of this library may read."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from ..messages import Message


def plain(params: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters of a message as JSON values. A message among them becomes an object of its code and its parameters."""
    return {name: _plain(value) for name, value in params.items()}


def restore(code: str, params: Mapping[str, object]) -> Message | None:
    """Return the message that has become these values; None for one that only another version knows."""
    try:
        message = _message(code, params)
        str(message)
    except (LookupError, ValueError, TypeError, AttributeError):
        return None
    return message


def _plain(value: object) -> object:
    if isinstance(value, Message):
        return {"code": value.code, "params": plain(value.params)}
    if isinstance(value, Mapping):
        return plain(value)
    if value is None or type(value) in (str, int, bool) or (type(value) is float and isfinite(value)):
        return value
    return str(value)


def _message(code: str, params: Mapping[str, Any]) -> Message:
    return Message(
        code,
        **{
            name: _message(value["code"], value["params"])
            if isinstance(value, dict) and value.keys() == {"code", "params"}
            else value
            for name, value in params.items()
        },
    )

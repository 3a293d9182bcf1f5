"""What a definition says, without what says nothing: for comparing a file with what the server has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models import JsonObject, JsonValue

_DESCRIPTIONS = frozenset({"analysisDesc", "columnDesc", "eventDesc", "quotaDesc"})
_RESOLVED = frozenset({"endTime", "startTime"})


def comparable(body: JsonObject) -> JsonObject:
    """Return a body without nulls, empty lists, the server's descriptions, and the days that a recentDay stands for.

    The order of keys says nothing either, that of lists does: the first value of a tag that matches wins.
    """
    ignored = _DESCRIPTIONS | _RESOLVED if body.get("recentDay") else _DESCRIPTIONS
    return {
        key: _comparable(value)
        for key, value in body.items()
        if key not in ignored and value is not None and value != []
    }


def _comparable(value: JsonValue) -> JsonValue:
    match value:
        case dict():
            return comparable(value)
        case list():
            return [_comparable(item) for item in value]
        case _:
            return value

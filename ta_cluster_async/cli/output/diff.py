"""Two definitions as a diff."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

from rich.text import Text

from .console import visible

if TYPE_CHECKING:
    from ...models import JsonObject

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def diff_lines(before: JsonObject | None, after: JsonObject, names: tuple[str, str]) -> list[str]:
    """Return a unified diff of the keys that `after` has, empty where both are the same. With None before, all of it is new."""
    old = [] if before is None else _lines({key: before[key] for key in after if key in before})
    new = _lines(after)
    return [line.rstrip("\n") for line in difflib.unified_diff(old, new, *names, n=3)]


def colored(lines: list[str]) -> Text:
    """Return the diff in the usual colours."""
    text = Text()
    for line in lines:
        text.append(visible(line) + "\n", _STYLES.get(line[:1], ""))
    text.right_crop(1)
    return text


def _lines(body: JsonObject) -> list[str]:
    return json.dumps(body, ensure_ascii=False, indent=2, sort_keys=True).split("\n")

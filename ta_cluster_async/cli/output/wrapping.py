"""Lines of Chinese: they end between any two characters, but no line begins with a comma or ends with an opening bracket."""

from __future__ import annotations

import re
from typing import Final

from rich import text as rich_text
from rich.cells import cell_len

from ..i18n.language import is_chinese

_OPENING: Final = "（【《〈“‘「『〔［｛"
_CLOSING: Final = "，。、；：？！）】》〉”’」』〕］｝…～"
_WIDE: Final = "\u2e80-\u9fff\ua000-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
# What stays on one line: a wide character or a word, with the signs that belong to it and the blanks after it.
_UNIT: Final = re.compile(
    rf"[{_OPENING}]*(?:[^\s{_WIDE}{_OPENING}{_CLOSING}]+|(?![{_OPENING}{_CLOSING}])[{_WIDE}])?[{_CLOSING}]*\s*"
)
_DIVIDE: Final = getattr(rich_text, "divide_line", None)  # rich does not export it


def wrap_chinese() -> None:
    """Let rich end lines as Chinese needs it, where the user reads Chinese. Rich itself ends them at blanks alone."""
    if _DIVIDE is not None:
        rich_text.divide_line = line_ends if is_chinese() else _DIVIDE  # type: ignore[attr-defined]


def line_ends(text: str, width: int, fold: bool = True) -> list[int]:  # noqa: FBT001, FBT002 - as in rich
    """Return where the lines of a text end, each at most `width` columns wide. `fold` divides what is wider than a line."""
    ends: list[int] = []
    used = 0
    for unit in _UNIT.finditer(text):
        size = cell_len(unit[0].rstrip())
        if not unit[0]:  # the end
            break
        if used and used + size > width:
            ends.append(unit.start())
            used = 0
        if fold and size > width:
            for place, character in enumerate(unit[0].rstrip(), unit.start()):
                if used and used + cell_len(character) > width:
                    begin, end = ends[-1] if ends else 0, place
                    while text[end] in _CLOSING and end - 1 > begin:
                        end -= 1
                    ends.append(end)
                    used = cell_len(text[end:place])
                used += cell_len(character)
            continue
        used += cell_len(unit[0])
    return ends

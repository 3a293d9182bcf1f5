"""Text from servers, made fit for files that must be well-formed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    from ...batch import Outcome

_LONGEST_NAME = 200

# What XML 1.0 does not allow, not even escaped: control characters, surrogates and two noncharacters.
_NOT_IN_XML = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
# What changes the direction of the text around it, so that a name looks like another.
_BIDIRECTIONAL = "[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
_HARMFUL = re.compile(f"{_NOT_IN_XML}|{_BIDIRECTIONAL}")


def well_formed(text: str) -> str:
    """Replace what XML and HTML do not allow, and what misleads, by U+FFFD. The writer of the file escapes markup."""
    return _HARMFUL.sub("\N{REPLACEMENT CHARACTER}", text)


def shortened(text: str, most: int) -> str:
    """Return `text`, cut to at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def name_of(outcome: Outcome) -> str:
    """Return the name of an outcome's cluster, or what it was asked for by, fit for a page."""
    return shortened(well_formed(outcome.cluster_name or str(outcome.ref)), _LONGEST_NAME)


def fitting(text: str, cells: int) -> str:
    """Return the text on one line, cut to so many cells of a terminal: Chinese characters are two wide."""
    line = " ".join(text.split())
    if cell_len(line) <= cells:
        return line
    while cell_len(line) >= cells:
        # Half of what is too long at a time, so that a very long name is soon cut.
        line = line[: -max(1, (cell_len(line) - cells) // 2)]
    return f"{line}\N{HORIZONTAL ELLIPSIS}"

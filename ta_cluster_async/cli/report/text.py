"""Text from servers in files that must be well-formed, whatever it says."""

from __future__ import annotations

import re

# What XML 1.0 has no place for, not even escaped: control characters, halves of surrogate pairs and two noncharacters.
_NOT_IN_XML = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
# What turns the direction of the text around it, so that a name looks like another.
_TURNING = "[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
_HARMFUL = re.compile(f"{_NOT_IN_XML}|{_TURNING}")


def well_formed(text: str) -> str:
    """`text` with what XML and HTML cannot hold, or what misleads, shown as U+FFFD. Markup in it is for the writer of the file to escape."""
    return _HARMFUL.sub("\N{REPLACEMENT CHARACTER}", text)


def shortened(text: str, most: int) -> str:
    """`text`, cut where it is longer than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"

"""Texts of other people: what a terminal obeys, what begins a line of its own, and what makes a name look like another."""

from __future__ import annotations

from typing import Final

FORGED: Final = "Error: all of it was deleted"
"""Stands at the beginning of a line only where a text has made that line."""

HOSTILE: Final = {
    "newline": f"whales\n{FORGED}",
    "carriage return": f"whales\r{FORGED}",
    "line separator": f"whales\u2028{FORGED}",
    "paragraph separator": f"whales\u2029{FORGED}",
    "next line": f"whales\x85{FORGED}",
    "form feed": f"whales\x0c{FORGED}",
    "vertical tab": f"whales\x0b{FORGED}",
    "clear screen": "whales\x1b[2J\x1b[H",
    "cursor up": "whales\x1b[1A\x1b[2K",
    "title": "whales\x1b]0;title\x07",
    "clipboard": "whales\x1b]52;c;cm0gLXJmIC8=\x07",
    "link": "whales\x1b]8;;http://evil.example\x1b\\link",
    "8-bit csi": "whales\x9b2J",
    "backspace": "whales\x08\x08\x08\x08\x08\x08minnow",
    "delete": "whales\x7f\x7f",
    "nul": "whales\0",
    "right to left": "whales\u202eexe.gnp",
    "isolate": "whales\u2067exe.gnp\u2069",
    "zero width": "wha\u200bles",
    "byte order mark": "\ufeffwhales",
    "tags": "whales\U000e0041",
    "half a character": "whales\ud800",
}

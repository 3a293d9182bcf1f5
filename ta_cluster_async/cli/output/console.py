"""Where text goes: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING
from unicodedata import category

from rich.console import Console
from rich.text import Text

from ..i18n.translate import tr

if TYPE_CHECKING:
    from rich.console import RenderableType

_WIDE = 200
"""Columns of a file or a pipe, which cuts nothing off."""


class _Voice:
    """Whether anything but warnings and errors is said."""

    quiet = False


def set_quiet(*, quiet: bool = True) -> None:
    """Say nothing but warnings and errors from now on, or everything again."""
    _Voice.quiet = quiet


def stdout() -> Console:
    """Stdout, for what was asked for."""
    return _console(stderr=False)


def stderr() -> Console:
    """Stderr, for what a person wants to know meanwhile."""
    return _console(stderr=True)


def is_quiet() -> bool:
    """Whether only warnings and errors are wanted."""
    return _Voice.quiet


def print_message(
    sentence: str, *, style: str = "", console: Console | None = None, always: bool = False
) -> None:
    """Write a sentence to stderr: broken between words on a terminal, and in one line everywhere else.

    Not when it is to be quiet, unless it is one that is wanted `always`.
    """
    if always or not _Voice.quiet:
        _write(Text(visible(sentence), style=style), stderr() if console is None else console)


def print_warning(sentence: str) -> None:
    """Write what somebody should look at to stderr, also when it is to be quiet."""
    _write(Text.assemble((tr("Warning: "), "bold yellow"), visible(sentence)), stderr())


def print_error(sentence: str) -> None:
    """Write what went wrong to stderr."""
    _write(Text.assemble((tr("Error: "), "bold red"), visible(sentence)), stderr())


def print_result(result: RenderableType) -> None:
    """Write a result to stdout."""
    stdout().print(result)


def print_lines(lines: list[str] | str) -> None:
    """Write lines of text to stdout as they are, but for what a terminal obeys; long ones are not cut."""
    text = lines if isinstance(lines, str) else "\n".join(lines)
    stdout().print(Text(visible(text)), soft_wrap=True)


def json_text(value: object) -> str:
    """A JSON value on several lines, with letters of all scripts where stdout can show all of them."""
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    return json.dumps(value, ensure_ascii=not is_unicode, indent=2)


def visible(text: str) -> str:
    """`text` without characters that a terminal obeys: names and messages come from the server. Blanks of all kinds stay."""
    return "".join(
        character if _is_harmless(character) else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def _is_harmless(character: str) -> bool:
    # The wide blank of Chinese and the one that does not break are not printable, says Python.
    return character.isprintable() or character == "\n" or category(character) == "Zs"


def _write(text: Text, console: Console) -> None:
    console.print(text, soft_wrap=not console.is_terminal or console.is_dumb_terminal)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    return console

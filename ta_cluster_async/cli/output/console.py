"""Where text goes: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING
from unicodedata import category

from ..i18n.translate import tr

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_WIDE = 200
"""Columns of a file or a pipe, so that nothing is cut off."""


class _Output:
    """Whether only warnings and errors go to stderr."""

    quiet = False


def set_quiet(*, quiet: bool = True) -> None:
    """Write only warnings and errors to stderr from now on, or everything again."""
    _Output.quiet = quiet


def is_quiet() -> bool:
    """Return whether only warnings and errors go to stderr."""
    return _Output.quiet


def stdout() -> Console:
    """Return the console for results."""
    return _console(stderr=False)


def stderr() -> Console:
    """Return the console for everything else."""
    return _console(stderr=True)


def print_message(
    sentence: str, *, style: str = "", console: Console | None = None, always: bool = False
) -> None:
    """Write a sentence to stderr, wrapped between words on a terminal and in one line everywhere else.

    With --quiet only what is wanted `always` is written.
    """
    if always or not _Output.quiet:
        _write((visible(sentence), style), console=console)


def print_warning(sentence: str) -> None:
    """Write a warning to stderr, also with --quiet."""
    _write((tr("Warning: "), "bold yellow"), visible(sentence))


def print_error(sentence: str) -> None:
    """Write an error to stderr."""
    _write((tr("Error: "), "bold red"), visible(sentence))


def print_result(result: RenderableType) -> None:
    """Write a result to stdout."""
    stdout().print(result)


def print_lines(lines: list[str] | str) -> None:
    """Write lines of text to stdout without cutting or wrapping them, and without what a terminal obeys."""
    from rich.text import Text  # noqa: PLC0415 - `--help` does without

    text = lines if isinstance(lines, str) else "\n".join(lines)
    stdout().print(Text(visible(text)), soft_wrap=True)


def json_text(value: object) -> str:
    """Return a JSON value on several lines, with letters of all scripts where stdout can show all of them."""
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    return json.dumps(value, ensure_ascii=not is_unicode, indent=2)


def visible(text: str) -> str:
    """Return `text` without characters that a terminal obeys: names and messages come from the server. Spaces of all kinds stay."""
    return "".join(
        character if _is_harmless(character) else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def _is_harmless(character: str) -> bool:
    # Python counts the ideographic space and the no-break space as not printable.
    return character.isprintable() or character == "\n" or category(character) == "Zs"


def _write(*parts: str | tuple[str, str], console: Console | None = None) -> None:
    from rich.text import Text  # noqa: PLC0415 - `--help` does without

    console = stderr() if console is None else console
    text = Text.assemble(*parts)
    console.print(text, soft_wrap=not console.is_terminal or console.is_dumb_terminal)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console  # noqa: PLC0415 - `--help` does without

    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    return console

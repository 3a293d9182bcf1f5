"""The one door for text: results to stdout, everything else to stderr, questions included.

Names and messages come from other people. What a terminal obeys, and what would begin a line of its own, goes out escaped.
"""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from ..i18n.translate import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, RenderableType

    from .streams import OutputError

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
        _write((_sentence(sentence), style), console=console)


def print_warning(sentence: str) -> None:
    """Write a warning to stderr, also with --quiet."""
    _write((tr("Warning: "), "bold yellow"), _sentence(sentence))


def print_error(sentence: str) -> None:
    """Write an error to stderr."""
    _write((tr("Error: "), "bold red"), _sentence(sentence))


def print_output_error(problem: OutputError) -> None:
    """Write why the output was not written, unless its reader has closed it, which is what `| head` does."""
    if not problem.is_closed:
        print_error(problem.message)


def print_result(result: RenderableType) -> None:
    """Write a result to stdout."""
    stdout().print(result)


def print_lines(lines: Sequence[str]) -> None:
    """Write lines of text to stdout without cutting or wrapping them."""
    print_text("\n".join(map(visible, lines)))


def print_json(value: object, *, indent: int | None = None) -> None:
    """Write a JSON value to stdout, in one line unless it is indented."""
    print_text(json_text(value, indent=indent))


def print_text(text: str) -> None:
    """Write a text of this program to stdout as it is, and a line end."""
    from .streams import writing_to  # noqa: PLC0415 - `--help` does without

    with writing_to(sys.stdout):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def is_confirmed(question: str) -> bool:
    """Ask a person at the terminal, on stderr, whether to go on. No is the default."""
    import typer  # noqa: PLC0415 - it need not be there to say that it is missing

    answer: str = typer.prompt(f"{visible(question)} [y/N]", default="n", show_default=False, err=True)
    return answer.strip().lower() in {"y", "yes", "是"}


def ask(question: str) -> str:
    """Return what a person at the terminal answers to a question on stderr."""
    import typer  # noqa: PLC0415 - see above

    answer: str = typer.prompt(visible(question), prompt_suffix="", err=True)
    return answer


def typed_secret(question: str) -> str:
    """Return what a person at the terminal types and does not see."""
    return getpass.getpass(visible(question), stream=sys.stderr)


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a JSON value as text: letters stay where stdout can show those of all scripts, and what a terminal obeys is escaped."""
    from ...models import json  # noqa: PLC0415 - `--help` does without

    if (sys.stdout.encoding or "").lower().startswith("utf"):
        return json.json_text(value, indent=indent)
    return json.ascii_text(value, indent=indent)


def visible(text: str) -> str:
    """Return `text` as one line, with escapes for what a terminal obeys: names and messages come from the server."""
    from ...messages import escaped  # noqa: PLC0415 - `--help` does without

    return escaped(text)


def _write(*parts: str | tuple[str, str], console: Console | None = None) -> None:
    from rich.text import Text  # noqa: PLC0415 - `--help` does without

    console = stderr() if console is None else console
    text = Text.assemble(*parts)
    console.print(text, soft_wrap=not console.is_terminal or console.is_dumb_terminal)


def _sentence(text: str) -> str:
    """Return a sentence of which no line but the first begins at the margin, where it could be taken for a sentence of its own."""
    first, *rest = map(visible, text.split("\n"))
    return "\n  ".join([first, *(line.lstrip() for line in rest)])


def _console(*, stderr: bool) -> Console:
    from .safe_console import SafeConsole  # noqa: PLC0415 - `--help` does without
    from .wrapping import wrap_chinese  # noqa: PLC0415 - see above

    wrap_chinese()
    console = SafeConsole(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    return console

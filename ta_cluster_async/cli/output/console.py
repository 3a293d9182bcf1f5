"""The one door for text: results to stdout, everything else to stderr, questions included.

Names and messages come from other people. What a terminal obeys, and what would begin a line of its own, goes out escaped.
"""

from __future__ import annotations

import getpass
import sys
import time
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ..i18n.translate import tr

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from rich.console import Console, RenderableType
    from rich.live import Live

    from .streams import OutputError

_WIDE = 200
"""Columns of a file or a pipe, so that nothing is cut off."""

_COMMAND: Final = "ta_cluster_async.cli"
"""The logger of the command's own sentences in a log of JSON."""

_LEVEL_STYLES: Final = {"warning": "bold yellow", "error": "bold red", "debug": "dim"}


class _Output:
    """What goes to stderr.

    Attributes:
        quiet: Only warnings and errors do.
        is_json: All of it is lines of JSON.
        live: The console of the display that runs there.
        turn: Held while that display is drawn, and while something is written above it.
    """

    quiet = False
    is_json = False
    live: Console | None = None
    turn: AbstractContextManager[object] = nullcontext()


def set_quiet(*, quiet: bool = True) -> None:
    """Write only warnings and errors to stderr from now on, or everything again."""
    _Output.quiet = quiet


def is_quiet() -> bool:
    """Return whether only warnings and errors go to stderr."""
    return _Output.quiet


def set_json_log(*, is_json: bool) -> None:
    """Write lines of JSON to stderr from now on, or text again."""
    _Output.is_json = is_json


def is_json_log() -> bool:
    """Return whether lines of JSON go to stderr."""
    return _Output.is_json


@contextmanager
def live_on(console: Console, display: Live) -> Iterator[None]:
    """Write everything that goes to stderr by this console, above the live display that it has until the context ends."""
    # The thread of the display holds this lock. rich itself lets a line be written while the display is drawn, over it.
    _Output.live, _Output.turn = console, getattr(display, "_lock", nullcontext())
    try:
        yield
    finally:
        _Output.live, _Output.turn = None, nullcontext()


def stdout() -> Console:
    """Return the console for results."""
    return _console(stderr=False)


def stderr() -> Console:
    """Return the console for everything else."""
    return _Output.live or _console(stderr=True)


def print_message(
    sentence: str, *, style: str = "", console: Console | None = None, always: bool = False
) -> None:
    """Write a sentence to stderr, wrapped between words on a terminal and in one line everywhere else.

    With --quiet only what is wanted `always` is written.
    """
    if (always or not _Output.quiet) and not _is_logged(sentence, "info"):
        _write((_sentence(sentence), style), console=console)


def print_warning(sentence: str) -> None:
    """Write a warning to stderr, also with --quiet."""
    if not _is_logged(sentence, "warning"):
        _write((tr("Warning: "), "bold yellow"), _sentence(sentence))


def print_error(sentence: str) -> None:
    """Write an error to stderr."""
    if not _is_logged(sentence, "error"):
        _write((tr("Error: "), "bold red"), _sentence(sentence))


def print_log(
    message: str, *, level: str, logger: str, at: float, fields: Mapping[str, object] | None = None
) -> None:
    """Write a line of the log to stderr, also with --quiet.

    Args:
        message: What is logged.
        level: Its level in small letters.
        logger: The name of its logger.
        at: When that was, in seconds since 1970.
        fields: The values in the message by their names, for JSON.
    """
    if _Output.is_json:
        _write(_json_line(message, level=level, logger=logger, at=at, fields=fields), is_whole=True)
        return
    clock = datetime.fromtimestamp(at).astimezone().time().isoformat("milliseconds")
    _write((f"{clock} {level.upper()} ", _LEVEL_STYLES.get(level, "")), (visible(message), "dim"))


def stderr_line(sentence: str) -> str:
    """Return a sentence as a line of what goes to stderr, for one that has to be written without a console."""
    if _Output.is_json:
        sentence = _json_line(sentence, level="info", logger=_COMMAND, at=time.time())
    return f"{sentence}\n"


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


def _is_logged(sentence: str, level: str) -> bool:
    """Write a sentence as a line of JSON where all lines are, and return whether they are."""
    if _Output.is_json:
        print_log(sentence, level=level, logger=_COMMAND, at=time.time())
    return _Output.is_json


def _json_line(
    message: str, *, level: str, logger: str, at: float, fields: Mapping[str, object] | None = None
) -> str:
    from ...models import json  # noqa: PLC0415 - `--help` does without

    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line: dict[str, object] = {"time": moment, "level": level, "logger": logger, "message": message}
    if fields:
        line["fields"] = fields
    is_utf = (sys.stderr.encoding or "").lower().startswith("utf")
    return json.json_text(line) if is_utf else json.ascii_text(line)


def _write(*parts: str | tuple[str, str], console: Console | None = None, is_whole: bool = False) -> None:
    from rich.text import Text  # noqa: PLC0415 - `--help` does without

    console = stderr() if console is None else console
    text = Text.assemble(*parts)
    with _Output.turn:
        console.print(text, soft_wrap=is_whole or not console.is_terminal or console.is_dumb_terminal)


def _sentence(text: str) -> str:
    """Return a sentence of which no line but the first begins at the margin, where it could be taken for a sentence of its own."""
    first, *rest = map(visible, text.split("\n"))
    return "\n  ".join([first, *(line.lstrip() for line in rest)])


def _console(*, stderr: bool) -> Console:
    from .safe_console import SafeConsole  # noqa: PLC0415 - `--help` does without
    from .wrapping import wrap_chinese  # noqa: PLC0415 - see above

    wrap_chinese()
    # Lines of JSON stand for themselves: nothing is drawn beside them.
    force = False if stderr and _Output.is_json else None
    console = SafeConsole(stderr=stderr, highlight=False, markup=False, emoji=False, force_terminal=force)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    return console

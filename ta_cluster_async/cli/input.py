"""Text that a command reads from a file or from standard input."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..errors import ConfigurationError, InvalidRequest
from ..messages import Message
from .i18n.translate import tr
from .running import interruptible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TextIO

T = TypeVar("T")

STDIN = "-"

LINE_VARIABLE = "TA_MAX_LINE"
COLUMNS_VARIABLE = "TA_MAX_COLUMNS"
_REFS_VARIABLE = "TA_MAX_REFS"
_LONGEST_LINE = 1 << 20
_MOST_REFS = 1_000_000


def limit_of(variable: str, default: int) -> int:
    """Return the bound on an input that the environment sets, or else the default. Raises ConfigurationError."""
    text = os.environ.get(variable)
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text)):
        raise ConfigurationError(tr("{variable} must be a whole number above 0.", variable=variable))
    return int(text)


def read_lines(
    path: str, parse: Callable[[str, int], Iterable[T]], *, longest: int = _LONGEST_LINE
) -> list[T]:
    """Return what the lines of a file, or with `-` of standard input, are parsed to. Blank lines and comments are passed over.

    Args:
        path: The file.
        parse: Takes a line without white space around it and its number from 1, and returns what is in it.
        longest: The characters of the longest line that is taken, where the environment says nothing else.

    Raises:
        InvalidRequest: It cannot be read, or a line or all of it is too long.
    """
    longest, most = limit_of(LINE_VARIABLE, longest), limit_of(_REFS_VARIABLE, _MOST_REFS)
    found: list[T] = []
    number = 0
    try:
        with (
            interruptible() if path == STDIN else nullcontext(),
            nullcontext(open_stdin()) if path == STDIN else Path(path).open(encoding="utf-8-sig") as file,
        ):
            while line := file.readline(longest + 1):
                number += 1
                if len(line) > longest:
                    raise InvalidRequest(
                        tr(
                            "Line {number} has more than {most} characters. Is it a file of references? To allow more, set {variable}.",
                            number=number,
                            most=longest,
                            variable=LINE_VARIABLE,
                        )
                    )
                if (line := line.strip()) and not line.startswith("#"):
                    found += parse(line, number)
                if len(found) > most:
                    raise InvalidRequest(
                        tr(
                            "There are more than {most} references. To allow more, set {variable}.",
                            most=most,
                            variable=_REFS_VARIABLE,
                        )
                    )
    except OSError as problem:
        reason: str | Message = problem.strerror or type(problem).__name__
    except UnicodeDecodeError:
        reason = Message("not-utf-8")
    else:
        return found
    raise InvalidRequest(Message("file-unreadable", path=path, reason=reason))


def read_text(path: str) -> str:
    """Return the text of a file, or with `-` all of standard input.

    Raises:
        InvalidRequest: It cannot be read.
    """
    try:
        with interruptible():  # a pipe may give nothing for long
            return open_stdin().read() if path == STDIN else Path(path).read_text(encoding="utf-8-sig")
    except OSError as problem:
        reason: str | Message = problem.strerror or type(problem).__name__
    except UnicodeDecodeError:
        reason = Message("not-utf-8")
    raise InvalidRequest(Message("file-unreadable", path=path, reason=reason))


def open_stdin() -> TextIO:
    """Return standard input. Raises InvalidRequest where the command was started without one."""
    if sys.stdin is None or sys.stdin.closed:
        raise InvalidRequest(tr("Standard input is closed: give the name of a file."))
    return sys.stdin


def check_stdin(path: str | None, token_file: str | None) -> None:
    """Raise InvalidRequest where both the token and the input would come from standard input."""
    if path == STDIN == token_file:
        raise InvalidRequest(
            tr("Standard input cannot give both the token and the input: put one of them into a file.")
        )

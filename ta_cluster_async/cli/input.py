"""Text that a command reads from a file or from standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidRequest
from ..messages import Message
from .i18n.translate import tr
from .running import interruptible

if TYPE_CHECKING:
    from typing import TextIO

STDIN = "-"


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

"""Standard output and standard error, which may be closed, or lead to a full disk or to a program that has ended."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import TaError
from ..i18n.translate import tr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO


class OutputError(TaError):
    """What a command has to write cannot be written to standard output.

    Attributes:
        is_closed: Whoever read the output has closed it, such as `head`, and needs no explanation.
    """

    is_closed: bool

    def __init__(self, problem: OSError) -> None:
        reason = problem.strerror or type(problem).__name__
        super().__init__(tr("The output cannot be written: {reason}.", reason=reason))
        self.is_closed = isinstance(problem, BrokenPipeError)


class Stream:
    """A stream that says by OutputError that it cannot be written; or by nothing, if it is stderr: the work itself goes on."""

    def __init__(self, stream: TextIO, *, is_stderr: bool = False) -> None:
        self._stream = stream
        self._is_stderr = is_stderr

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """See `io.TextIOBase`."""
        with writing_to(self._stream, is_stderr=self._is_stderr):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """See `io.TextIOBase`."""
        with writing_to(self._stream, is_stderr=self._is_stderr):
            self._stream.flush()


@contextmanager
def writing_to(stream: TextIO, *, is_stderr: bool = False) -> Iterator[None]:
    """Turn what keeps a stream from being written into OutputError, or for stderr into nothing. From then on it leads nowhere.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        yield
    except OSError as problem:
        error = OutputError(problem)
        # What it holds back would fail once more when the process ends.
        with suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
    else:
        return
    if not is_stderr:
        raise error


def open_missing() -> None:
    """Let what is written to streams with which the command was not started lead nowhere."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process

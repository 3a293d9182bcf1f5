"""From a command to an event loop, and from its end to an exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

from ..errors import TaError
from .exit_codes import Exit, exit_of
from .i18n.translate import tr
from .output.console import print_error, print_message, print_output_error
from .output.errors import error_text
from .output.streams import OutputError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from types import FrameType

_BLOCK = 1 << 20

LONGEST_END = 7.0
"""Seconds after the first signal until the process ends, whatever it is doing then."""

_CODES = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}
_SHOW_CURSOR = "\x1b[?25h\n"


def run(command: Coroutine[object, object, Exit]) -> NoReturn:
    """Run a command in an event loop, and leave with its exit code.

    The first Ctrl-C or SIGTERM cancels it, the second ends the process at once, and so does the time: what does not let itself be
    cancelled has a few seconds.
    """
    # CPython 3.11 and 3.12 map and unmap a buffer for every response, a fifth of the CPU of a call, until one larger block was freed.
    block = bytearray(_BLOCK)
    del block
    stop = _Stop()
    try:
        with _signals(stop), asyncio.Runner() as runner:
            code = runner.run(stop.watched(command))
    except TaError as problem:
        code = print_failure(problem)
    except asyncio.CancelledError:
        if stop.code is None:
            raise
        print_message(tr("Stopped."))
        code = stop.code
    finally:
        command.close()
    raise typer.Exit(code)


def print_failure(problem: TaError) -> Exit:
    """Write why a command has failed, and return its exit code."""
    if isinstance(problem, OutputError):
        print_output_error(problem)
    else:
        print_error(error_text(problem))
    return exit_of(problem)


class _Stop:
    """What a signal has asked for.

    Attributes:
        code: The exit code that it means; None before the first one.
    """

    def __init__(self) -> None:
        self.code: Exit | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[object] | None = None
        self._timer: threading.Timer | None = None

    async def watched(self, command: Coroutine[object, object, Exit]) -> Exit:
        """Run the command so that a signal can cancel it."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        if self.code is not None:
            raise asyncio.CancelledError
        return await command

    def take(self, number: int, _: FrameType | None) -> None:
        """Take a signal."""
        code = _CODES[signal.Signals(number)]
        if self.code is not None:
            _end_at_once(code)
        self.code = code
        self._timer = threading.Timer(LONGEST_END, _end_at_once, (code,))
        self._timer.daemon = True
        self._timer.start()
        if self._loop is not None and self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)

    def disarm(self) -> None:
        """Cancel the timer: the command has ended in time."""
        if self._timer is not None:
            self._timer.cancel()


@contextmanager
def _signals(stop: _Stop) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop.take) for number in _CODES}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.disarm()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let a signal end the command at once, while it blocks on a person or a pipe."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGTERM: signal.signal(signal.SIGTERM, _leave),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(_CODES[signal.Signals(number)])


def _end_at_once(code: Exit) -> NoReturn:
    """Leave without waiting for anything. What is on disk is safe: the journal writes before it acts."""
    if sys.stderr is not None and sys.stderr.isatty():
        # A live display has hidden it.
        os.write(sys.stderr.fileno(), _SHOW_CURSOR.encode())
    os._exit(code)

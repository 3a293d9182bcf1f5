"""From a command to an event loop, and from its end to an exit code."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

import typer

from ..errors import TaError
from .exit_codes import Exit, exit_of
from .i18n.translate import tr
from .output.console import is_quiet, print_error, print_message, print_output_error, stderr_line
from .output.errors import error_text
from .output.streams import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from types import FrameType

_BLOCK = 1 << 20

LONGEST_END = 7.0
"""Seconds after the first signal until the process ends, whatever it is doing then."""

_CODES = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}
_OWN_THREADS = ("ta-journal", "ta-upload")
"""Names of the threads that go on where a command ends before the disk answers."""

_SHOW_CURSOR = "\x1b[?25h\n"


def run(command: Coroutine[object, object, Exit]) -> NoReturn:
    """Run a command in an event loop, and leave with its exit code.

    The first Ctrl-C or SIGTERM cancels it, the second ends the process at once, and so does the time: what does not let itself be
    cancelled has a few seconds, and so has a thread that waits for a disk.
    """
    # CPython 3.11 and 3.12 map and unmap a buffer for every response, a fifth of the CPU of a call, until one larger block was freed.
    block = bytearray(_BLOCK)
    del block
    stop = _Stop()
    before = frozenset(threading.enumerate())
    with _signals(stop.take):
        code = _run(command, stop)
        _join_threads(before)
    raise typer.Exit(code)


def run_blocking(command: Callable[[], Exit]) -> NoReturn:
    """Run a command that needs no event loop, and leave with its exit code. Signals end it as they do in `run`.

    Where its only thread waits for a disk, no exception can be raised in it; then it ends when its time is over.
    """
    stop = _Stop()

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop.take(number, frame)
        raise KeyboardInterrupt

    with _signals(interrupt):
        try:
            code = command()
        except KeyboardInterrupt:
            code = stop.stopped()
        except TaError as problem:
            # SQLite takes an exception in a callback, such as that of a signal, for an error of its own.
            code = print_failure(problem) if stop.code is None else stop.stopped()
    raise typer.Exit(code)


def _run(command: Coroutine[object, object, Exit], stop: _Stop) -> Exit:
    try:
        with asyncio.Runner() as runner:
            return runner.run(stop.watched(command))
    except TaError as problem:
        return print_failure(problem)
    except asyncio.CancelledError:
        if stop.code is None:
            raise
        return stop.stopped()
    finally:
        command.close()


def _join_threads(before: frozenset[threading.Thread]) -> None:
    """Wait for what the command has left to threads, as the interpreter would where no signal is heard any more."""
    for thread in threading.enumerate():
        if thread not in before and thread.name.startswith(_OWN_THREADS):
            # Nothing is written at an end that is forced.
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            thread.join()


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
        if self._loop is not None and self._task is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)

    def stopped(self) -> Exit:
        """Say that the command was stopped, and return its exit code."""
        print_message(tr("Stopped."))
        return Exit.INTERRUPTED if self.code is None else self.code


@contextmanager
def _signals(take: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Hand signals to `take` in the main thread, and end the process when the time after the first one is over."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Python calls no handler while its main thread is in a call that does not return, such as one of SQLite. The system wakes another one.
    is_woken = sys.platform != "win32"  # where an event loop has the only place to ask for it
    heard, told = socket.socketpair()
    told.settimeout(0)
    sentence = tr("Ended without waiting any longer for what did not stop.")
    watch = threading.Thread(target=_watch, args=(heard, sentence), name="ta-signals", daemon=True)
    watch.start()

    def take_here(number: int, frame: FrameType | None) -> None:
        if not is_woken:
            told.send(bytes([number]))
        take(number, frame)

    before = {number: signal.signal(number, take_here) for number in _CODES}
    woken_before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False) if is_woken else -1
    try:
        yield
    finally:
        if is_woken:
            signal.set_wakeup_fd(woken_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        told.close()
        watch.join()
        heard.close()


def _watch(heard: socket.socket, sentence: str) -> None:
    """End the process when its time after the first signal is over, or at the second one."""
    last: float | None = None
    code = Exit.INTERRUPTED
    while True:
        heard.settimeout(None if last is None else max(last - time.monotonic(), 0.001))
        try:
            numbers = heard.recv(1)
        except TimeoutError:
            _end_at_once(code, "" if is_quiet() else stderr_line(sentence))
        if not numbers:
            return
        if numbers[0] not in _CODES:  # such as the size of the terminal
            continue
        code = _CODES[signal.Signals(numbers[0])]
        if last is not None:
            _end_at_once(code)
        last = time.monotonic() + LONGEST_END


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


def _end_at_once(code: Exit, text: str = "") -> NoReturn:
    """Leave without waiting for anything. What is on disk is safe: the journal writes before it acts."""
    with suppress(OSError, ValueError):
        if sys.stderr.isatty():
            # A live display has hidden it.
            text = _SHOW_CURSOR + text
        number = sys.stderr.fileno()
        # Not through the stream, whose lock another thread may hold, and not to a reader that takes nothing.
        if sys.platform == "win32" or select.select([], [number], [], 0)[1]:
            os.write(number, text.encode(sys.stderr.encoding, "replace"))
    os._exit(code)

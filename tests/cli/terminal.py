"""A pseudo-terminal with a command in it, and its screen as a person sees it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """Runs `ta-cluster` with the arguments, or another program, until it ends or the block does.

    Attributes:
        process: The program.
        raw: All that it has written.
    """

    def __init__(
        self,
        *arguments: str,
        columns: int = 80,
        lines: int = 24,
        env: Mapping[str, str] | None = None,
        program: tuple[str, ...] = ("-m", "ta_cluster_async"),
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - so that Ctrl-C is a signal
            env={**os.environ, "TERM": "xterm-256color", **(env or {})},
        )
        os.close(slave)
        self.raw = b""
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    @property
    def screen(self) -> list[str]:
        """The lines that a person sees now, without the empty ones at the end."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip("\n").splitlines()

    def shows_cursor(self) -> bool:
        return not self._screen.cursor.hidden

    @property
    def text(self) -> str:
        """All that was written, without control codes."""
        return CODES.sub("", self.raw.decode("utf-8", "replace"))

    def type(self, text: str) -> None:
        """Type on the keyboard; `\\x03` is Ctrl-C."""
        os.write(self._master, text.encode())

    def read_until(self, seen: str | Callable[[list[str]], bool], *, within: float = 60.0) -> None:
        """Read until the words, or what the function looks for, are on the screen."""
        found = seen if callable(seen) else lambda screen: seen in "\n".join(screen)
        end = time.monotonic() + within
        while not found(self.screen):
            assert self._read(end), "\n".join(self.screen)

    def read_prompt(self, seen: str) -> None:
        """Read until the words are on the screen and the program sleeps, which then is in its read of the keyboard."""
        self.read_until(seen)
        end = time.monotonic() + 60.0
        while Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
            assert time.monotonic() < end, "it does not wait for the keyboard"
            time.sleep(0.01)

    def read_to_the_end(self, *, within: float = 60.0) -> int:
        """Read until the program has ended, and give its exit code."""
        end = time.monotonic() + within
        while self._read(end):
            pass
        return self.process.wait(max(0.1, end - time.monotonic()))

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, end - time.monotonic()))
        assert ready, "\n".join(self.screen)
        try:
            got = os.read(self._master, 1 << 16)
        except OSError:  # Linux's way to say that nobody is at the other end
            got = b""
        self.raw += got
        self._stream.feed(got)
        return bool(got)

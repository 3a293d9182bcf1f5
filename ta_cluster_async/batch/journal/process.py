"""Which process this is, and whether another one still lives."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from attrs import frozen

_PROC = Path("/proc")


@frozen(kw_only=True)
class Process:
    """A process, told apart from a later one with the same number.

    Attributes:
        host: The name of its machine or container.
        machine: What process numbers are unique in: this boot of the kernel and its process namespace; "" where the system does not tell.
        pid: Its process id.
        start: When it started, as the kernel counts it; "" where the system does not tell.
    """

    host: str
    machine: str
    pid: int
    start: str

    @classmethod
    def this(cls) -> Process:
        """Describe the process that asks."""
        pid = os.getpid()
        return cls(host=socket.gethostname(), machine=_machine(), pid=pid, start=_start_of(pid) or "")

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"

    def is_dead(self) -> bool:
        """True when this process can certainly no longer be running; False also when that cannot be told from here."""
        if sys.platform == "win32":  # pragma: no cover - there, os.kill ends the process it is asked about
            return False
        here = Process.this()
        if (self.host, self.machine) != (here.host, here.machine):
            return False
        try:
            with suppress(PermissionError):  # it lives, and belongs to someone else
                os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        start = _start_of(self.pid)
        return start is not None and bool(self.start) and start != self.start


def _machine() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start_of(pid: int) -> str | None:
    """Return when a process started, in clock ticks since the boot; "ended" for a zombie, None when unknown."""
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The name stands in parentheses and may hold any byte, so that the fields are counted from its end.
    fields = text.rpartition(b")")[2].split()
    return "ended" if fields[0] in (b"Z", b"X", b"x") else fields[19].decode()

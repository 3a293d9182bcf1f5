"""Wait for what a process does, and stop it by a signal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
    import subprocess
    from collections.abc import Callable

GOOD_TIME = 8.0


def until(condition: Callable[[], bool], within: float = 60.0) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def stop(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    """Send the signal, and read what is written until the process has ended, in time."""
    process.send_signal(number)
    return process.communicate(timeout=GOOD_TIME)

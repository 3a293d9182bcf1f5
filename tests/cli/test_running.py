"""What SIGINT and SIGTERM do to a process."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.emulator import Fault, Settings
from tests.cli.conftest import environment_of
from tests.cli.signals import GOOD_TIME, stop, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Process


pytestmark = [
    pytest.mark.ta_emulator(capacity=4, job_seconds=0.4, settings=Settings(evaluate=False)),
    pytest.mark.usefixtures("quick_polls"),
]


@pytest.mark.parametrize(
    ("number", "code", "path"),
    [(signal.SIGINT, 130, "user-cluster-list"), (signal.SIGTERM, 143, "user-cluster-refresh")],
)
def test_a_server_that_does_not_answer_does_not_hold_it(
    ta_emulator: Emulator, process: Process, number: signal.Signals, code: int, path: str
) -> None:
    ta_emulator.seed_clusters(1)
    stalled = ta_emulator.faults.add(Fault.stall(), path=path, count=None)
    running = process("refresh", "--all", env=environment_of(ta_emulator))
    until(lambda: stalled.hits > 0)
    _, err = stop(running, number)
    assert running.returncode == code
    assert err.endswith("Stopped.\n")
    assert "Traceback" not in err


STUBBORN = """
import asyncio, sys
from ta_cluster_async.cli import running

async def command():
    print("begun", flush=True)
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            print("asked", flush=True)

running.LONGEST_END = float(sys.argv[1])
from ta_cluster_async.cli.exit_codes import Exit
running.run(command())
"""


@pytest.fixture
def stubborn() -> Iterator[Callable[[float], subprocess.Popen[str]]]:
    """Starts a command that does not let itself be cancelled, with so many seconds to do so."""
    started: list[subprocess.Popen[str]] = []

    def start(seconds: float) -> subprocess.Popen[str]:
        begun = subprocess.Popen(
            [sys.executable, "-c", STUBBORN, str(seconds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(begun)
        return begun

    yield start
    for one in started:
        one.kill()
        one.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize(("second", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_second_signal_ends_it_at_once(
    stubborn: Callable[[float], subprocess.Popen[str]], second: signal.Signals, code: int
) -> None:
    process = stubborn(3600.0)
    assert line_of(process) == "begun"
    process.send_signal(signal.SIGINT)
    assert line_of(process) == "asked"
    process.send_signal(second)
    assert process.wait(timeout=2.0) == code


def test_what_does_not_stop_is_ended_when_its_time_is_over(
    stubborn: Callable[[float], subprocess.Popen[str]],
) -> None:
    process = stubborn(0.2)
    assert line_of(process) == "begun"
    process.send_signal(signal.SIGTERM)
    assert line_of(process) == "asked"
    assert process.wait(timeout=2.0) == 143


def test_the_time_to_end_is_less_than_what_is_promised() -> None:
    from ta_cluster_async.cli.running import LONGEST_END  # noqa: PLC0415

    assert LONGEST_END < GOOD_TIME

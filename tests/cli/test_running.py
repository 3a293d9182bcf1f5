"""What SIGINT and SIGTERM do to a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.emulator import Fault, Settings
from tests.batch.journal.journals import use
from tests.cli.conftest import environment_of
from tests.cli.signals import GOOD_TIME, stop, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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


ENDED = "Ended without waiting any longer for what did not stop.\n"
STUBBORN = """
import asyncio, os, sys
from ta_cluster_async.cli import running

if sys.argv[2] == "full":  # nobody reads it
    os.set_blocking(2, False)
    try:
        while True:
            os.write(2, b"x" * 512)
    except BlockingIOError:
        os.set_blocking(2, True)

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
def stubborn() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a command that does not let itself be cancelled, with so many seconds to do so, and a stderr that is "full" or "read"."""
    started: list[subprocess.Popen[str]] = []

    def start(seconds: float, stderr: str = "read") -> subprocess.Popen[str]:
        begun = subprocess.Popen(
            [sys.executable, "-c", STUBBORN, str(seconds), stderr],
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
    stubborn: Callable[..., subprocess.Popen[str]], second: signal.Signals, code: int
) -> None:
    process = stubborn(3600.0)
    assert line_of(process) == "begun"
    process.send_signal(signal.SIGINT)
    assert line_of(process) == "asked"
    process.send_signal(second)
    assert process.wait(timeout=2.0) == code


@pytest.mark.parametrize(("stderr", "written"), [("read", ENDED), ("full", "x")])
def test_what_does_not_stop_is_ended_when_its_time_is_over(
    stubborn: Callable[..., subprocess.Popen[str]], stderr: str, written: str
) -> None:
    process = stubborn(0.2, stderr)
    assert line_of(process) == "begun"
    process.send_signal(signal.SIGTERM)
    assert line_of(process) == "asked"
    assert process.wait(timeout=2.0) == 143
    assert process.stderr is not None
    assert process.stderr.read().endswith(written)


def test_the_time_to_end_is_less_than_what_is_promised() -> None:
    from ta_cluster_async.cli.running import LONGEST_END  # noqa: PLC0415

    assert LONGEST_END < GOOD_TIME


STUCK = """
import ctypes, sqlite3, sys, threading
from ta_cluster_async.batch.journal import schema
from ta_cluster_async.cli import running
from ta_cluster_async.cli.main import main

class Stuck(schema._Connection):
    # Like SQLite on a disk that does not answer: a call of the system that no signal ends, without the interpreter's lock.
    def execute(self, sql, *parameters):
        if sql.strip().startswith(sys.argv[1]):
            mutex = ctypes.create_string_buffer(256)
            lock = ctypes.CDLL(None).pthread_mutex_lock
            lock(mutex)
            threading.Timer(0.2, print, ("stuck",), {"flush": True}).start()
            lock(mutex)
        return super().execute(sql, *parameters)

schema._Connection = Stuck
running.LONGEST_END = 1.0
main(sys.argv[2:])
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the mutex is the one of Linux")
@pytest.mark.parametrize(
    ("where", "arguments", "number"),
    [
        ("PRAGMA trusted_schema", ("refresh", "970"), signal.SIGINT),
        ("PRAGMA trusted_schema", ("refresh", "970"), signal.SIGTERM),
        ("UPDATE runs SET heartbeat_at", ("refresh", "970"), signal.SIGINT),
        ("UPDATE runs SET state", ("refresh", "970"), signal.SIGTERM),
        ("PRAGMA query_only", ("refresh", "970", "--dry-run"), signal.SIGINT),
        ("PRAGMA query_only", ("refresh", "--failed-in", "last"), signal.SIGTERM),
        ("PRAGMA query_only", ("runs", "list"), signal.SIGINT),
        ("PRAGMA query_only", ("runs", "list"), signal.SIGTERM),
        ("SELECT run, status", ("runs", "show", "last"), signal.SIGTERM),
        ("DELETE FROM runs", ("runs", "prune", "--keep", "1"), signal.SIGINT),
    ],
)
def test_a_disk_that_does_not_answer_does_not_hold_it(
    ta_emulator: Emulator, tmp_path: Path, where: str, arguments: tuple[str, ...], number: signal.Signals
) -> None:
    ta_emulator.seed_clusters(1)
    journal = tmp_path / "runs.db"
    use(journal)
    with subprocess.Popen(
        [sys.executable, "-c", STUCK, where, *arguments, "--journal", str(journal)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment_of(ta_emulator)},
    ) as running:
        assert line_of(running) == "stuck"
        try:
            _, err = stop(running, number)
        finally:
            running.kill()
    assert running.returncode == 128 + number
    assert err.endswith(ENDED)
    assert "Traceback" not in err


LEFT_OVER = """
import sys, threading
from ta_cluster_async.cli import running
from ta_cluster_async.cli.exit_codes import Exit

go_on = threading.Event()

def wait():
    sys.stdout.write("ended\\n")  # at once, as the command writes beside it
    sys.stdout.flush()
    go_on.wait()

async def command():
    threading.Thread(target=wait, name="ta-journal_0").start()
    if sys.argv[2] == "answers":
        threading.Timer(0.1, go_on.set).start()
    sys.stdout.write("a table\\n")
    return Exit.FAILED

running.LONGEST_END = float(sys.argv[1])
running.run(command())
"""


@pytest.mark.parametrize(("disk", "code"), [("answers", 1), ("hangs", 143)])
def test_the_threads_of_a_command_that_has_ended_are_waited_for_until_a_signal_and_its_time(
    disk: str, code: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LEFT_OVER, "0.2", disk],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert {line_of(process), line_of(process)} == {"ended", "a table"}
            if disk == "hangs":
                process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=GOOD_TIME) == code
        finally:
            process.kill()


INTERRUPTED = """
import sys, time, typer
from ta_cluster_async.cli.exit_codes import Exit
from ta_cluster_async.cli.running import run_blocking
from ta_cluster_async.errors import JournalError

def command():
    try:
        print("begun", flush=True)
        while True:
            time.sleep(0.01)
    except KeyboardInterrupt:
        raise JournalError("interrupted") from None  # as SQLite does

try:
    run_blocking(command)
except typer.Exit as ended:
    sys.exit(ended.exit_code)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_error_that_a_signal_has_made_is_none(number: signal.Signals, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert line_of(process) == "begun"
        _, err = stop(process, number)
    assert "Stopped." in err
    assert "Error" not in err
    assert process.returncode == code

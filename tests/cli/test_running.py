"""What SIGINT and SIGTERM do to a process."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async import Journal, RefreshReport, RefreshTicket
from ta_cluster_async.emulator import Fault, Settings
from tests.cli.conftest import environment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command, Process

GOOD_TIME = 8.0

pytestmark = [
    pytest.mark.ta_emulator(capacity=4, job_seconds=0.4, settings=Settings(evaluate=False)),
    pytest.mark.usefixtures("quick_polls"),
]


def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def here(ta_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables that lead a process to the emulator; the commands of this process have them too."""
    variables = environment_of(ta_emulator)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def refreshed(server: Emulator) -> list[int]:
    return [effect.cluster_id for effect in server.effects if effect.kind == "refreshed"]


def stop(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    """Send the signal, and read what is written until the process has ended, in time."""
    process.send_signal(number)
    return process.communicate(timeout=GOOD_TIME)


def resume_command(err: str) -> list[str]:
    [line] = [line for line in err.splitlines() if line.startswith("To continue: ")]
    program, *arguments = shlex.split(line.removeprefix("To continue: "))
    assert program == "ta-cluster"
    return arguments


def test_with_a_journal_it_stops_in_order_and_the_printed_command_goes_on(
    ta_emulator: Emulator,
    process: Process,
    command_in_real_time: Command,
    here: dict[str, str],
    tmp_path: Path,
) -> None:
    ta_emulator.seed_clusters(9)
    path = tmp_path / "runs.db"
    running = process("refresh", "--all", "--max-running", "4", "--journal", str(path), env=here)
    until(lambda: len(refreshed(ta_emulator)) >= 5)
    out, err = stop(running, signal.SIGINT)
    at_the_end = refreshed(ta_emulator)

    assert running.returncode == 130
    assert "Traceback" not in err
    assert err.endswith("Stopped.\n")
    tickets = [RefreshTicket.from_json(line) for line in out.splitlines()]
    assert {ticket.cluster_id for ticket in tickets} <= set(at_the_end)
    assert 1 <= len(tickets) <= 4
    [info] = Journal(path).runs()
    assert (info.state, info.holder) == ("running", None)

    again = ("refresh", "--all", "--max-running", "4", "--journal", str(path))
    planned = json.loads(command_in_real_time(*again, "--dry-run", "--json").out)
    assert planned["run_id"] == info.run_id
    assert planned["ended"] == sum(info.counts.values())
    assert refreshed(ta_emulator) == at_the_end  # no POST was on its way after the end

    assert resume_command(err) == [*again]
    rest = command_in_real_time(*again)
    assert rest.code == 0, rest.err
    assert len(rest.out.splitlines()) == 10
    assert sorted(refreshed(ta_emulator)) == sorted(cluster.id for cluster in ta_emulator.clusters())


def test_without_a_journal_the_command_names_what_is_left_and_keeps_the_options(
    ta_emulator: Emulator, process: Process, command_in_real_time: Command, here: dict[str, str]
) -> None:
    ta_emulator.seed_clusters(3)
    running = process("refresh", "seeded_*", "--max-running=1", "--timeout", "1h", env=here)
    until(lambda: len(refreshed(ta_emulator)) == 2)
    out, err = stop(running, signal.SIGTERM)
    assert running.returncode == 143
    assert len(out.splitlines()) == 1
    done, second, third = refreshed(ta_emulator)[0], *({970, 971, 972} - {refreshed(ta_emulator)[0]})
    again = resume_command(err)
    assert again[:5] == ["refresh", "--max-running", "1", "--timeout", "3600"]
    assert {*map(int, again[5:])} == {second, third}
    assert str(done) not in again
    rest = command_in_real_time(*again)
    assert rest.code == 0, rest.err
    assert set(refreshed(ta_emulator)) == {970, 971, 972}
    assert refreshed(ta_emulator).count(done) == 1


def test_as_json_and_quiet_the_report_has_the_tickets_wait_reads_it_and_the_command_is_written_all_the_same(
    ta_emulator: Emulator,
    process: Process,
    command_in_real_time: Command,
    here: dict[str, str],
    stdin: Callable[[str], None],
) -> None:
    ta_emulator.seed_clusters(2)
    running = process("refresh", "970", "971", "--max-running", "1", "--json", "--quiet", env=here)
    until(lambda: len(refreshed(ta_emulator)) == 1)
    out, err = stop(running, signal.SIGINT)
    assert running.returncode == 130
    report = RefreshReport.from_json(out.splitlines()[-1])
    assert {outcome.status.value for outcome in report.outcomes} == {"cancelled"}
    assert [bool(outcome.ticket) for outcome in report.outcomes].count(True) == 1
    assert "Stopped." not in err
    assert resume_command(err)[:5] == ["refresh", "--max-running", "1", "--json", "--quiet"]
    stdin(out)
    waited = command_in_real_time("wait", "--from-file", "-", "--json")
    assert (waited.code, waited.err) == (0, "")
    assert json.loads(waited.out.splitlines()[-1])["outcome"]["status"] == "succeeded"


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

"""What `ta-cluster refresh` prints when it is stopped, and that the printed command continues the run."""

from __future__ import annotations

import json
import re
import shlex
import signal
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async import Journal, RefreshReport, RefreshTicket
from ta_cluster_async.emulator import Settings
from tests.cli.conftest import environment_of
from tests.cli.signals import stop, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command, Process

pytestmark = [
    # Longer than a second: `refreshTime` has whole seconds, and no cluster is refreshed twice within one.
    pytest.mark.ta_emulator(capacity=4, job_seconds=1.1, settings=Settings(evaluate=False)),
    pytest.mark.usefixtures("quick_polls"),
]


@pytest.fixture
def here(ta_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables that lead a process to the emulator; the commands of this process have them too."""
    variables = environment_of(ta_emulator)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def refreshed(server: Emulator) -> list[int]:
    return [effect.cluster_id for effect in server.effects if effect.kind == "refreshed"]


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
    assert re.search(rf"^ *{done} +seeded_\d+ +succeeded", err, re.MULTILINE)
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

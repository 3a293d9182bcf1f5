"""`ta-cluster refresh`: its options, its journal, and what it writes."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from ta_cluster_async import Journal, TaSession
from ta_cluster_async.batch.journal.journal import RunJournal
from ta_cluster_async.emulator import JobPlan
from ta_cluster_async.errors import JournalError

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command, Ended


def refreshed(server: Emulator) -> list[str]:
    return sorted(str(effect.cluster_name) for effect in server.effects if effect.kind == "refreshed")


def test_without_any_choice_it_says_how_to_choose(zoo: Emulator, command: Command) -> None:
    ended = command("refresh")
    assert ended.code == 2
    assert "--all" in ended.err
    assert not zoo.requests


@pytest.mark.parametrize("text", ["1x", "0", "-5", "d", "1.2.3", "9" * 400])
def test_what_is_no_length_of_time_is_refused(zoo: Emulator, command: Command, text: str) -> None:
    ended = command("refresh", "970", f"--timeout={text}")
    assert ended.code == 2
    assert "is not a duration" in ended.err


def test_the_options_of_the_batch_reach_it(zoo: Emulator, command: Command) -> None:
    zoo.settings = evolve(zoo.settings, while_running="queue")
    for cluster in (970, 971, 972):
        zoo.plan(cluster, JobPlan(fails=True))
    ended = command("refresh", "970", "971", "972", "--max-running", "1", "--max-failures", "1")
    assert ended.code == 1
    assert refreshed(zoo) == ["whale_1"]
    assert [row.split()[2] for row in sorted(ended.out.splitlines()[1:])] == [
        "failed",
        "cancelled",
        "cancelled",
    ]


@pytest.mark.parametrize(
    ("choice", "status"), [("skip", "skipped"), ("fail", "failed"), ("attach", "succeeded")]
)
def test_what_is_done_with_one_that_runs_is_said_by_an_option(
    zoo: Emulator, command: Command, choice: str, status: str, runner: asyncio.Runner
) -> None:
    async def start() -> None:
        async with TaSession(zoo.url, zoo.token) as ta:
            await ta.project(102).clusters.refresh(970)

    zoo.plan(970, JobPlan(seconds=60))
    runner.run(start())
    ended = command("refresh", "970", "--on-running", choice)
    assert status in ended.out
    assert len(refreshed(zoo)) == 1


@pytest.mark.parametrize("order", [(), ("--order", "longest-first")])
def test_the_order_is_the_longest_first_where_the_journal_knows(
    zoo: Emulator, command: Command, tmp_path: Path, order: tuple[str, ...]
) -> None:
    path = str(tmp_path / "runs.db")
    for cluster, seconds in ((970, 5.0), (971, 50.0), (972, 20.0)):
        zoo.plan(cluster, JobPlan(seconds=seconds))
    command("refresh", "970", "971", "972", "--journal", path)
    before = len(zoo.effects)
    command("refresh", "970", "971", "972", "--journal", path, "--max-running", "1", *order)
    assert [effect.cluster_id for effect in zoo.effects[before:]] == [971, 972, 970]


@pytest.mark.parametrize("busy", [True, False])
def test_a_journal_that_cannot_be_had_is_all_that_is_told(
    zoo: Emulator, command: Command, runner: asyncio.Runner, tmp_path: Path, *, busy: bool
) -> None:
    path = tmp_path / "runs.db"
    held = None
    if busy:
        opening = Journal(path).open(base_url=zoo.url, project_id=102, max_running=1)
        held = runner.run(opening)
    else:
        path.write_text("no journal", encoding="utf-8")
    ended = command("refresh", "970", "--journal", str(path), "--json")
    if held is not None:
        runner.run(held.close(complete=True, requests=0, makespan=0.0))
    assert ended.code == (1 if busy else 2)
    assert ended.out == ""
    assert ended.err.startswith("Error: ")
    assert "To continue" not in ended.err
    assert not [effect for effect in zoo.effects if effect.kind == "refreshed"]


@pytest.mark.parametrize("as_json", [False, True])
def test_a_journal_that_is_locked_at_last_hides_no_outcome(
    zoo: Emulator, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, as_json: bool
) -> None:
    close = RunJournal.close

    async def locked(self: RunJournal, **what: Any) -> None:
        await close(self, **what)
        raise JournalError("locked")

    monkeypatch.setattr(RunJournal, "close", locked)
    ended = command(
        "refresh", "970", "971", "--journal", str(tmp_path / "runs.db"), *(["--json"] if as_json else [])
    )
    assert ended.code == 2
    assert ended.err.endswith("Error: locked\n")
    assert "To continue" not in ended.err, "nothing is left"
    if as_json:
        assert json.loads(ended.out.splitlines()[-1])["counts"] == {"succeeded": 2}
    else:
        assert "2 of 2" in ended.err or "2 succeeded" in ended.err
        assert ended.out.count("succeeded") == 2


def test_a_cluster_that_takes_longer_than_its_time_ends_alone(zoo: Emulator, command: Command) -> None:
    zoo.plan(970, JobPlan(seconds=3600.0))
    ended = command("refresh", "970", "971", "--cluster-timeout", "5m")
    assert ended.code == 4
    late, well = sorted(ended.out.splitlines()[1:])
    assert late.split()[2:4] == ["timed", "out"]
    assert well.split()[2] == "succeeded"


def test_when_it_is_to_be_quiet_only_the_results_are_written(zoo: Emulator, command: Command) -> None:
    ended = command("refresh", "970", "--quiet")
    assert (ended.code, ended.err) == (0, "")
    assert "whale_1" in ended.out


def nights(zoo: Emulator, command: Command, path: Path, *options: str) -> Ended:
    """Two nights with one journal: in the second, whale_1 has users, of which the journal knows none."""
    command("refresh", "970", "971", "--journal", str(path))
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE refreshes SET users_num = 0 WHERE cluster_id = 970")
        file.commit()
    return command("refresh", "970", "971", "--journal", str(path), "--max-change", "900%", *options)


def test_a_size_that_is_unusual_is_a_warning(zoo: Emulator, command: Command, tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    ended = nights(zoo, command, path)
    assert ended.code == 0
    (line,) = [line for line in ended.err.splitlines() if line.startswith("Warning: ")]
    assert line.startswith("Warning: whale_1: ")
    assert line.endswith("more than 900 % away from the usual 0.")
    shown = command("runs", "show", "last", "--journal", str(path))
    assert "more than 900 % away" in " ".join(shown.out.split())
    files = {kind: tmp_path / f"report.{kind}" for kind in ("html", "xml")}
    for file in files.values():
        command("runs", "report", "last", "--journal", str(path), "-o", str(file))
    assert "Unusual sizes" in files["html"].read_text("utf-8")
    assert "more than 900 % away from the usual" in files["xml"].read_text("utf-8")
    assert "<failure" not in files["xml"].read_text("utf-8")


def test_with_strict_size_it_decides_the_exit_code(zoo: Emulator, command: Command, tmp_path: Path) -> None:
    assert nights(zoo, command, tmp_path / "runs.db", "--strict-size").code == 1
    assert command("refresh", "971", "--min-users", "1", "--strict-size").code == 0


def test_the_report_of_json_has_the_warnings(zoo: Emulator, command: Command, tmp_path: Path) -> None:
    ended = nights(zoo, command, tmp_path / "runs.db", "--json")
    report = json.loads(ended.out.splitlines()[-1])
    flagged = {one["cluster_id"]: [each["code"] for each in one["warnings"]] for one in report["outcomes"]}
    assert flagged == {970: ["size-changed"], 971: []}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-change", "50%"], "--journal"),
        (["--strict-size"], "--min-users"),
        (["--max-change", "0.5"], "50%"),
        (["--max-change", "0%"], "50%"),
    ],
)
def test_sizes_that_cannot_be_compared_are_refused(
    zoo: Emulator, command: Command, options: list[str], message: str
) -> None:
    ended = command("refresh", "970", *options)
    assert ended.code == 2
    assert message in ended.err
    assert not zoo.effects

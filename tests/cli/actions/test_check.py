"""`ta-cluster check`: what is off is named, by reads alone, and decides the exit code."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ta_cluster_async.cli.actions import check
from ta_cluster_async.emulator import JobPlan

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command


def problems(command: Command, *options: str) -> dict[str, list[str]]:
    found: dict[str, Any] = json.loads(command("check", *options, "--json").out)
    assert found["checked"] == len(found["clusters"])
    assert found["off"] == sum(not one["ok"] for one in found["clusters"])
    return {
        one["cluster_name"] or one["ref"]: [each["code"] for each in one["problems"]]
        for one in found["clusters"]
    }


def test_where_nothing_is_off_the_exit_code_is_0(zoo: Emulator, command: Command) -> None:
    command("refresh", "--all")
    before = len(zoo.effects)
    ended = command("check", "--min-users", "1")
    assert (ended.code, ended.out) == (0, "")
    assert "4 clusters and tags checked, 0 with something off." in ended.err
    assert len(zoo.effects) == before
    assert {record.name for record in zoo.requests[-2:]} == {"user-cluster-list"}


def test_what_failed_and_what_is_not_there_is_named(zoo: Emulator, command: Command) -> None:
    zoo.plan(970, JobPlan(fails=True))
    command("refresh", "--all")
    ended = command("check", "970", "971", "nobody")
    assert ended.code == 1
    assert "The latest refresh failed." in ended.out
    assert "There is no cluster or tag 'nobody' in this project." in ended.out
    assert "whale_2" not in ended.out
    assert problems(command, "970", "971", "nobody") == {
        "whale_1": ["check-failed"],
        "whale_2": [],
        "nobody": ["no-such-cluster"],
    }


def test_what_is_stale_is_named(zoo: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    command("refresh", "971")
    (row,) = json.loads(command("check", "971", "--json").out)["clusters"]
    refreshed = datetime.fromisoformat(row["refresh_time"])
    for hours, expected in ((25, []), (27, ["check-stale"])):
        later = refreshed + timedelta(hours=hours)
        monkeypatch.setattr(check, "server_now", lambda _, later=later: later)
        assert problems(command, "971", "--fresh", "26h") == {"whale_2": expected}


def test_a_size_is_compared_with_earlier_runs_and_not_with_itself(
    zoo: Emulator, command: Command, tmp_path: Path
) -> None:
    journal = ("--journal", str(tmp_path / "runs.db"))
    command("refresh", "970", "971", *journal)
    with closing(sqlite3.connect(tmp_path / "runs.db")) as file:
        file.execute("UPDATE refreshes SET users_num = 0 WHERE cluster_id = 970")
        file.commit()
    assert problems(command, "970", "971", "--max-change", "900%", *journal) == {"whale_1": [], "whale_2": []}
    with closing(sqlite3.connect(tmp_path / "runs.db")) as file:
        file.execute("UPDATE refreshes SET refresh_time = '2020-01-01 00:00:00'")
        file.commit()
    assert problems(command, "970", "971", "--max-change", "900%", *journal) == {
        "whale_1": ["size-changed"],
        "whale_2": [],
    }


def test_min_users_needs_no_journal_and_max_change_does(
    zoo: Emulator, command: Command, tmp_path: Path
) -> None:
    assert problems(command, "970", "--min-users", "1000000000")["whale_1"] == ["size-too-small"]
    ended = command("check", "970", "--max-change", "50%")
    assert ended.code == 2
    assert "--journal" in ended.err
    ended = command("check", "970", "--max-change", "50%", "--journal", str(tmp_path / "none.db"))
    assert ended.code == 2
    assert not (tmp_path / "none.db").exists()


def test_globs_and_exclusions_choose(zoo: Emulator, command: Command) -> None:
    assert list(problems(command, "whale_*", "--exclude", "whale_tag*")) == ["whale_2", "whale_1"]
    ended = command("check", "zebra_*")
    assert ended.code == 3
    assert "nothing to check" in ended.err

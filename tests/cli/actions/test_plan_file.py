"""`ta-cluster refresh --plan`: the file, and that a run is continued from it."""

from __future__ import annotations

import signal
import stat
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from ta_cluster_async import RefreshPlan
from ta_cluster_async.emulator import Fault, JobPlan, Settings
from tests.cli.conftest import environment_of
from tests.cli.signals import stop, until

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command, Process


def posted(server: Emulator) -> Counter[int]:
    """Return how often each was to be started, by the requests that the server has taken."""
    return Counter(
        int(request.query["clusterId"])
        for request in server.requests
        if request.path == "/open/user-cluster-refresh" and request.return_code == 0
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "night.plan"


def test_a_run_is_kept_in_the_file_for_its_owner_alone(zoo: Emulator, command: Command, path: Path) -> None:
    ended = command("refresh", "--all", "--plan", str(path))
    assert ended.code == 0
    plan = RefreshPlan.from_bytes(path.read_bytes())
    assert plan.counts == {"succeeded": 4}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.glob("*night*")) == [path]
    assert zoo.token.encode() not in path.read_bytes()


def test_the_plan_is_written_before_anything_is_started(zoo: Emulator, command: Command, path: Path) -> None:
    zoo.faults.add(Fault.reset(before=True), path="/open/user-cluster-refresh", count=None)
    command("refresh", "970", "--timeout", "3", "--plan", str(path))
    assert not posted(zoo)
    assert path.exists()


def test_a_link_stays_a_link(zoo: Emulator, command: Command, path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    assert command("refresh", "970", "--plan", str(link)).code == 0
    assert link.is_symlink()
    assert RefreshPlan.from_bytes(path.read_bytes()).counts == {"succeeded": 1}


def test_a_run_that_was_left_is_continued_with_what_it_has(
    zoo: Emulator, command: Command, path: Path
) -> None:
    command("refresh", "970", "971", "--plan", str(path))
    begun = RefreshPlan.from_bytes(path.read_bytes())
    one = begun.get(971)
    assert one is not None
    path.write_bytes(begun.with_changes({971: evolve(one, state="submitted", outcome=None)}).to_bytes())
    ended = command("refresh", "--all", "--plan", str(path))
    assert ended.code == 0
    assert "1 of 2 have ended" in ended.err
    assert posted(zoo) == {970: 1, 971: 1}
    assert RefreshPlan.from_bytes(path.read_bytes()).counts == {"succeeded": 2}


def test_a_run_that_has_ended_is_shown_again_or_followed_by_a_new_one(
    zoo: Emulator, command: Command, path: Path
) -> None:
    zoo.plan(970, JobPlan(fails=True))
    assert (
        command(
            "refresh", "970", "971", "--max-failures", "1", "--max-running", "1", "--plan", str(path)
        ).code
        == 1
    )
    # What was not started because the run was stopped has its outcome as well.
    assert RefreshPlan.from_bytes(path.read_bytes()).counts == {"failed": 1, "cancelled": 1}
    before = posted(zoo)
    shown = command("refresh", "--plan", str(path))
    assert shown.code == 1
    assert posted(zoo) == before == {970: 1}
    assert command("refresh", "971", "972", "--plan", str(path)).code == 0
    assert posted(zoo) == {970: 1, 971: 1, 972: 1}
    assert RefreshPlan.from_bytes(path.read_bytes()).refs == [971, 972]


def test_after_a_rejected_token_the_run_goes_on_with_another(
    zoo: Emulator, command: Command, path: Path
) -> None:
    refusal = zoo.settings.codes.bad_token
    zoo.faults.add(Fault.return_code(refusal, "no"), path="/open/user-cluster-refresh", count=None)
    assert command("refresh", "970", "971", "--plan", str(path)).code == 2
    zoo.faults.clear()
    assert command("refresh", "--plan", str(path)).code == 0
    assert posted(zoo) == {970: 1, 971: 1}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not a plan, or is damaged"),
        (b"ta-plan 1\nhalf", "is not a plan, or is damaged"),
        (b"SQLite format 3\0", "is not a plan, or is damaged"),
        (b"ta-plan 9\n", "has version 9"),
    ],
)
def test_a_file_that_is_no_plan_of_this_version_is_refused_and_kept(
    zoo: Emulator, command: Command, path: Path, data: bytes, said: str
) -> None:
    path.write_bytes(data)
    ended = command("refresh", "--all", "--plan", str(path))
    assert ended.code == 2
    assert ended.out == ""
    assert str(path) in ended.err
    assert said in ended.err
    assert path.read_bytes() == data
    assert not zoo.requests


def test_a_plan_of_another_project_is_refused(zoo: Emulator, command: Command, path: Path) -> None:
    command("refresh", "970", "--plan", str(path))
    zoo.requests.clear()
    ended = command("refresh", "970", "--project-id", "7", "--plan", str(path))
    assert ended.code == 2
    assert "of project 102, not of project 7" in ended.err
    assert not zoo.requests


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("970", "--journal", "runs.db"), "Give one of the two"),
        (("970", "--dry-run"), "leave out --plan"),
        ((), "Say what to refresh"),
    ],
)
def test_what_does_not_go_with_a_plan_is_refused(
    zoo: Emulator, command: Command, path: Path, arguments: tuple[str, ...], said: str
) -> None:
    ended = command("refresh", *arguments, "--plan", str(path))
    assert ended.code == 2
    assert said in ended.err
    assert not path.exists()
    assert not zoo.requests


def test_a_journal_of_the_settings_is_left_alone(
    zoo: Emulator, command: Command, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TA_JOURNAL", str(tmp_path / "runs.db"))
    assert command("refresh", "970", "--plan", str(path)).code == 0
    assert not (tmp_path / "runs.db").exists()
    assert posted(zoo) == {970: 1}


def test_a_plan_that_cannot_be_read_or_written_starts_nothing(
    zoo: Emulator, command: Command, tmp_path: Path
) -> None:
    ended = command("refresh", "970", "--plan", str(tmp_path / "no" / "plan"))
    assert ended.code == 2
    assert "cannot be written: No such file or directory" in ended.err
    ended = command("refresh", "970", "--plan", str(tmp_path))
    assert ended.code == 2
    assert "cannot be read: Is a directory" in ended.err
    assert not posted(zoo)


def test_a_failed_write_leaves_the_plan_before_and_no_other_file(
    zoo: Emulator, command: Command, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("refresh", "970", "--plan", str(path))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    ended = command("refresh", "971", "--plan", str(path))
    assert ended.code == 2
    assert "cannot be written: No space left on device" in ended.err
    assert path.read_bytes() == before
    assert list(path.parent.glob("*night*")) == [path]
    assert posted(zoo) == {970: 1}


REAL = pytest.mark.ta_emulator(capacity=4, job_seconds=1.1, settings=Settings(evaluate=False))


@pytest.mark.slow
@REAL
@pytest.mark.usefixtures("quick_polls")
def test_after_kill_9_nothing_is_started_twice_and_nothing_is_lost(
    ta_emulator: Emulator, process: Process, path: Path, config_folder: Path
) -> None:
    # A request that was about to be sent is sent when there is no sign of it for so long.
    with config_folder.joinpath("config.toml").open("a", encoding="utf-8") as file:
        file.write("poll_grace = 4\n")
    ids = ta_emulator.seed_clusters(24)
    here = environment_of(ta_emulator)
    killed = process("refresh", "--all", "--max-running", "8", "--plan", str(path), env=here)
    until(lambda: len(ta_emulator.effects) >= 10)
    killed.kill()
    killed.wait()
    assert RefreshPlan.from_bytes(path.read_bytes()).counts["planned"] > 0
    last = process("refresh", "--all", "--max-running", "8", "--plan", str(path), env=here)
    _, err = last.communicate(timeout=60.0)
    assert last.returncode == 0, err
    assert posted(ta_emulator) == Counter(ids)
    assert RefreshPlan.from_bytes(path.read_bytes()).counts == {"succeeded": 24}


@pytest.mark.slow
@REAL
@pytest.mark.usefixtures("quick_polls")
def test_the_command_that_is_printed_at_a_signal_continues_the_plan(
    ta_emulator: Emulator, process: Process, path: Path
) -> None:
    ids = ta_emulator.seed_clusters(12)
    here = environment_of(ta_emulator)
    first = process("refresh", "--all", "--max-running", "4", "--plan", str(path), env=here)
    until(lambda: len(ta_emulator.effects) >= 4)
    out, err = stop(first, signal.SIGTERM)
    assert first.returncode == 143
    assert '"cluster_id"' in out
    assert f"refresh --all --max-running 4 --plan {path}" in err
    assert "Without a --journal" not in err
    again = process("refresh", "--all", "--max-running", "4", "--plan", str(path), env=here)
    again.communicate(timeout=60.0)
    assert again.returncode == 0
    assert posted(ta_emulator) == Counter(ids)

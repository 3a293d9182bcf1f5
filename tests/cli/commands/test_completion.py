"""`ta-cluster completion`, in the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_a_script_for_each_shell_names_the_command(command: Command, shell: str) -> None:
    ended = command("completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert "_TA_CLUSTER_COMPLETE" in ended.out


def test_another_shell_is_refused(command: Command) -> None:
    ended = command("completion", "tcsh")
    assert ended.code == 2
    assert "zsh" in ended.err


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_the_options_of_a_command(tmp_path: Path) -> None:
    program = tmp_path / "ta-cluster"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ta_cluster_async "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = """
eval "$(ta-cluster completion bash)"
COMP_WORDS=(ta-cluster refresh --max-)
COMP_CWORD=2
_ta_cluster_completion ta-cluster
echo "${COMPREPLY[@]}"
"""
    ended = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    assert ended.stdout.split() == ["--max-running", "--max-failures", "--max-change"]


@pytest.fixture
def choices(command: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """`choices("ta-cluster show wh")` is what bash would offer for the last word."""

    def ask(line: str) -> list[str]:
        words = line.split(" ")
        with monkeypatch.context() as asked:
            asked.setenv("_TA_CLUSTER_COMPLETE", "complete_bash")
            asked.setenv("COMP_WORDS", line)
            asked.setenv("COMP_CWORD", str(len(words) - 1))
            ended = command()
        assert (ended.code, ended.err) == (0, "")
        return ended.out.split()

    return ask


Choices = Callable[[str], "list[str]"]


def test_profiles_are_offered(choices: Choices, config_folder: Path) -> None:
    assert choices("ta-cluster list --profile ") == []
    config_folder.joinpath("config.toml").write_text("[home]\n[abroad]\n[hotel]\n", encoding="utf-8")
    assert choices("ta-cluster list --profile ") == ["abroad", "home", "hotel"]
    assert choices("ta-cluster refresh 970 --profile ho") == ["home", "hotel"]
    config_folder.joinpath("config.toml").write_text("nonsense", encoding="utf-8")
    assert choices("ta-cluster list --profile ") == []


def test_runs_of_the_journal_are_offered(
    settings: Emulator, command: Command, choices: Choices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.seed_clusters(1)
    journal = tmp_path / "runs.db"
    assert choices("ta-cluster runs show ") == []
    assert choices(f"ta-cluster runs show --journal {journal} ") == []
    assert command("refresh", "970", "--journal", str(journal)).code == 0
    found = choices(f"ta-cluster runs show --journal {journal} ")
    assert found[0] == "last"
    assert len(found) == 2
    monkeypatch.setenv("TA_JOURNAL", str(journal))
    assert choices("ta-cluster runs report ") == found
    assert choices(f"ta-cluster refresh --failed-in {found[1][:3]}") == [found[1]]


def test_references_of_the_last_list_are_offered_without_a_request(
    settings: Emulator, command: Command, choices: Choices
) -> None:
    settings.seed_clusters(2)
    settings.seed_tags(1)
    assert choices("ta-cluster show ") == []
    command("list")
    command("list", "--tags")
    del settings.requests[:]
    assert choices("ta-cluster show ") == ["seeded_2", "seeded_1", "seeded_tag_1"]
    assert choices("ta-cluster show seeded_2") == ["seeded_2"]
    assert choices("ta-cluster show 97") == ["971", "970", "972"]
    assert choices("ta-cluster show --tags ") == ["seeded_tag_1"]
    assert choices("ta-cluster refresh --exclude name:seeded_1") == ["name:seeded_1"]
    assert choices("ta-cluster update seeded_1") == ["seeded_1"]
    assert choices("ta-cluster wait 970 seeded_2") == ["seeded_2"]
    assert choices("ta-cluster delete --project-id 7 ") == []
    assert choices("ta-cluster delete --project-id none ") == []
    assert choices("ta-cluster show --profile nobody ") == []
    assert not settings.requests


def test_a_list_of_some_adds_to_what_is_offered_and_a_whole_one_takes_its_place(
    settings: Emulator, command: Command, choices: Choices, tmp_path: Path
) -> None:
    settings.seed_clusters(2)
    command("list", "--name", "seeded_1")
    assert choices("ta-cluster show ") == ["seeded_1"]
    command("list", "--page", "1")
    assert set(choices("ta-cluster show ")) == {"seeded_1", "seeded_2"}
    command("delete", "970", "--yes")
    command("list")
    assert choices("ta-cluster show ") == ["seeded_2"]
    [kept] = (tmp_path / "cache" / "ta-cluster").iterdir()
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", ["", "[]", '{"catalog_cluster": 1}', "\N{REPLACEMENT CHARACTER}"])
def test_what_was_kept_and_cannot_be_read_is_forgotten(
    settings: Emulator, command: Command, choices: Choices, tmp_path: Path, content: str
) -> None:
    settings.seed_clusters(1)
    command("list")
    [kept] = (tmp_path / "cache" / "ta-cluster").iterdir()
    kept.write_text(content, encoding="latin-1", errors="replace")
    assert choices("ta-cluster show ") == []
    assert command("list").code == 0
    assert choices("ta-cluster show ") == ["seeded_1"]


def test_a_list_is_written_where_nothing_can_be_kept(
    settings: Emulator, command: Command, choices: Choices, tmp_path: Path
) -> None:
    settings.seed_clusters(1)
    (tmp_path / "cache").write_text("a file where the folder would be", encoding="utf-8")
    assert "seeded_1" in command("list").out
    assert choices("ta-cluster show ") == []

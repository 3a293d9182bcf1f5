"""What is said about wrong settings, wrong tokens and servers that are not there."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.emulator import Fault

if TYPE_CHECKING:
    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command

TOKEN = "my-own#token+1"


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@pytest.mark.parametrize("arguments", [["list"], ["show", "970"], ["progress", "970"], ["refresh", "970"]])
def test_missing_settings_are_named_all_at_once(command: Command, arguments: list[str]) -> None:
    ended = command(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("Error: Set TA_BASE_URL, TA_TOKEN and TA_PROJECT_ID in the environment or ")


def test_one_missing_setting_is_named_alone(
    settings: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TA_PROJECT_ID")
    assert command("list").err.startswith("Error: Set TA_PROJECT_ID in the environment or ")


def test_a_base_url_that_cannot_be_right_is_refused(settings: Emulator, command: Command) -> None:
    ended = command("list", "--base-url", "ta2:8992")
    assert ended.code == 2
    assert "must start with http:// or https://" in ended.err


def test_a_project_id_that_is_no_number_is_refused(
    settings: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TA_PROJECT_ID", "one hundred")
    ended = command("list")
    assert ended.code == 2
    assert "TA_PROJECT_ID" in ended.err


@pytest.mark.parametrize("wrong", ["myapp", "0", "-1", "1.5", "1_0", "\N{FULLWIDTH DIGIT ONE}", "9" * 5000])
def test_a_project_id_that_is_no_id_is_told_apart_from_the_appid(
    settings: Emulator, command: Command, wrong: str
) -> None:
    for ended in (command("list", f"--project-id={wrong}"), command("doctor", f"--project-id={wrong}")):
        assert ended.code == 2
        said = ended.out + ended.err
        assert "The project id (--project-id) must be a whole number above 0" in said
        assert "not the APPID" in said
    assert not settings.requests


@pytest.mark.parametrize(
    "words",
    [
        "list",
        "show 970",
        "progress 970",
        "refresh 970",
        "refresh --all",
        "wait 970",
        "delete 970 --yes",
        "doctor",
    ],
)
def test_a_project_that_the_server_does_not_have_has_one_exit_code(
    settings: Emulator, command: Command, words: str
) -> None:
    assert command(*words.split(), "--project-id", "7").code == 1


@pytest.mark.parametrize("arguments", [["list", "--token", TOKEN], [f"--token={TOKEN}", "list"]])
def test_a_token_on_the_command_line_is_refused_and_not_repeated(
    command: Command, arguments: list[str]
) -> None:
    ended = command(*arguments)
    assert ended.code == 2
    assert "process list" in ended.err
    assert "TA_TOKEN" in ended.err
    assert TOKEN not in ended.out + ended.err


@pytest.mark.parametrize("arguments", [["list"], ["refresh", "970"]])
def test_a_token_that_the_server_rejects_has_the_exit_code_for_settings(
    settings: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    settings.seed_clusters(1)
    monkeypatch.setenv("TA_TOKEN", TOKEN)
    ended = command(*arguments)
    assert ended.code == 2
    assert "token" in ended.err
    assert TOKEN not in ended.err


def test_a_server_that_echoes_the_token_does_not_show_it(settings: Emulator, command: Command) -> None:
    settings.faults.add(Fault.echo_token(), count=None)
    assert command("refresh", "970").code == 2


@pytest.mark.parametrize("arguments", [["list"], ["refresh", "970"]])
def test_a_server_that_is_not_there_has_its_own_exit_code(
    command: Command, monkeypatch: pytest.MonkeyPatch, closed_port: int, arguments: list[str]
) -> None:
    monkeypatch.setenv("TA_TOKEN", TOKEN)
    ended = command(*arguments, "--base-url", f"http://127.0.0.1:{closed_port}", "--project-id", "102")
    assert ended.code == 5
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 1
    assert TOKEN not in ended.err


def test_a_web_page_in_place_of_the_api_points_to_the_base_url(settings: Emulator, command: Command) -> None:
    settings.faults.add(Fault.html(200, "Log in"), count=None)
    ended = command("list")
    assert ended.code == 2
    assert "base URL" in ended.err

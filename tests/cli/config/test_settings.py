"""What is said about wrong settings, wrong tokens and servers that are not there."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async.cli import connection
from ta_cluster_async.emulator import Fault
from ta_cluster_async.session import TaSession

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize(
    ("arguments", "variables", "profile", "expected"),
    [
        ([], {}, "", (None, 30.0)),
        ([], {}, "rate_limit = 5\ntimeout = 7\n", (5.0, 7.0)),
        ([], {"TA_RATE_LIMIT": "3", "TA_TIMEOUT": "2m"}, "rate_limit = 5\ntimeout = 7\n", (3.0, 120.0)),
        (
            ["--rate-limit", "2.5", "--call-timeout", "9s"],
            {"TA_RATE_LIMIT": "3", "TA_TIMEOUT": "2m"},
            "rate_limit = 5\ntimeout = 7\n",
            (2.5, 9.0),
        ),
    ],
)
def test_the_rate_and_the_time_of_a_call_come_from_option_environment_profile_or_default(
    settings: Emulator,
    command: Command,
    config_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    arguments: list[str],
    variables: dict[str, str],
    profile: str,
    expected: tuple[float | None, float],
) -> None:
    made: list[TaSession] = []

    class Kept(TaSession):
        def __init__(self, *given: Any, **others: Any) -> None:
            super().__init__(*given, **others)
            made.append(self)

    monkeypatch.setattr(connection, "TaSession", Kept)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    config_folder.joinpath("config.toml").write_text(f"[default]\n{profile}", encoding="utf-8")
    command("list", *arguments)
    assert [(one.rate_limit, one.timeout) for one in made] == [expected]
    shown = command("config", "show", *arguments).out
    assert ("rate_limit" in shown) == (expected[0] is not None)
    assert command("doctor", *arguments).code == 0


@pytest.mark.parametrize(
    ("option", "variable", "wrong"),
    [
        ("--rate-limit", "TA_RATE_LIMIT", "fast"),
        ("--rate-limit", "TA_RATE_LIMIT", "0"),
        ("--rate-limit", "TA_RATE_LIMIT", "inf"),
        ("--call-timeout", "TA_TIMEOUT", "soon"),
        ("--call-timeout", "TA_TIMEOUT", "0"),
    ],
)
def test_a_rate_or_a_time_that_is_none_is_refused_with_its_place(
    settings: Emulator,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    *,
    option: str,
    variable: str,
    wrong: str,
) -> None:
    ended = command("list", option, wrong)
    assert ended.code == 2
    assert f"({option}) must be" in ended.err
    monkeypatch.setenv(variable, wrong)
    ended = command("list")
    assert ended.code == 2
    assert f"({variable}) must be" in ended.err

"""`ta-cluster auth login` and `config`: the token is checked before anything is written, and shown nowhere."""

from __future__ import annotations

import json
import stat
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import keyring
import keyring.backend
import keyring.errors
import pytest

from ta_cluster_async.session import TaSession

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command, Ended


class Memory(keyring.backend.KeyringBackend):
    """A keyring in memory, which may be locked."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.is_locked:
            raise keyring.errors.KeyringLocked
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))


@pytest.fixture
def ring() -> Any:
    before, memory = keyring.get_keyring(), Memory()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


@pytest.fixture
def server(settings: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An emulator that the environment does not name."""
    for name in ("TA_BASE_URL", "TA_TOKEN", "TA_PROJECT_ID"):
        monkeypatch.delenv(name)
    return settings


@pytest.fixture
def login(server: Emulator, command: Command, stdin: Callable[[str], None]) -> Callable[..., Ended]:
    def run(*arguments: str, token: str | None = None, project: int | None = None) -> Ended:
        stdin(f"{server.token if token is None else token}\n")
        where = ("--base-url", f"{server.url}/", "--project-id", str(project or server.project_id))
        return command("auth", "login", *where, "--token-file", "-", *arguments)

    return run


def test_the_token_is_in_a_file_for_its_owner_and_the_profile_works(
    login: Any, server: Emulator, config_folder: Path, command: Command
) -> None:
    ended = login("--no-keyring")
    assert (ended.code, ended.out) == (0, "")
    assert "The server takes the token." in ended.err
    token = config_folder / "default.token"
    assert token.read_text(encoding="utf-8") == f"{server.token}\n"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    profile = tomllib.loads(config_folder.joinpath("config.toml").read_text(encoding="utf-8"))
    assert profile == {
        "default": {"base_url": server.url, "project_id": server.project_id, "token_file": "default.token"}
    }
    assert command("list").code == 0
    assert TaSession.from_profile().project().id == server.project_id


def test_the_keyring_is_taken_where_there_is_one(
    login: Any, ring: Memory, server: Emulator, config_folder: Path, command: Command
) -> None:
    assert login("--profile", "abroad").code == 0
    assert ring.kept == {("ta-cluster", server.url): server.token}
    assert "token_keyring = true" in config_folder.joinpath("config.toml").read_text(encoding="utf-8")
    assert not config_folder.joinpath("abroad.token").exists()
    assert command("list", "--profile", "abroad").code == 0


def test_a_keyring_that_takes_nothing_is_replaced_by_a_file(
    login: Any, ring: Memory, config_folder: Path
) -> None:
    ring.is_locked = True
    assert "The keyring took no token (KeyringLocked)" in login().err
    assert config_folder.joinpath("default.token").exists()


def test_without_the_keyring_extra_a_file_is_written(
    login: Any, config_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert login().code == 0
    assert config_folder.joinpath("default.token").exists()


def test_nothing_is_written_where_the_server_does_not_take_the_token(login: Any, config_folder: Path) -> None:
    ended = login("--no-keyring", token="another")
    assert ended.code == 2
    assert "another" not in ended.err
    assert list(config_folder.iterdir()) == []


def test_other_profiles_and_remarks_stay_and_a_new_token_replaces_the_old_one(
    login: Any, server: Emulator, config_folder: Path
) -> None:
    file = config_folder / "config.toml"
    file.write_text("# mine\n[other]\nproject_id = 7\n", encoding="utf-8")
    assert login("--no-keyring").code == 0
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# mine\n[other]\nproject_id = 7\n\n[default]\n")
    token = config_folder / "default.token"
    token.write_text("old\n", encoding="utf-8")
    token.chmod(0o644)
    assert login().code == 0
    assert (token.read_text(encoding="utf-8"), stat.S_IMODE(token.stat().st_mode)) == (
        f"{server.token}\n",
        0o600,
    )
    assert file.read_text(encoding="utf-8") == text
    ended = login(project=9)
    assert ended.code == 2
    assert "The profile default is there already" in ended.err


def test_a_profile_that_wants_the_keyring_gets_no_file(
    login: Any, ring: Memory, server: Emulator, config_folder: Path
) -> None:
    assert login().code == 0
    ring.kept.clear()
    assert login().code == 0
    assert ring.kept
    ended = login("--no-keyring")
    assert (ended.code, "wants the keyring" in ended.err) == (2, True)
    assert not config_folder.joinpath("default.token").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--profile", "a/b"), "only letters, digits"),
        (("--token-keyring",), "leave it out"),
        (("--base-url", "http://127.0.0.1:9"), "There is no terminal to ask"),
        (("--base-url", "http://127.0.0.1:9", "--project-id", "7"), "There is no terminal to ask"),
        (("--base-url", "http://127.0.0.1:9", "--project-id", "x"), "must be a whole number above 0"),
    ],
)
def test_what_cannot_be_right_is_refused(
    command: Command, stdin: Callable[[str], None], arguments: tuple[str, ...], text: str
) -> None:
    stdin("")
    ended = command("auth", "login", *arguments)
    assert ended.code == 2
    assert text in ended.err


def test_a_folder_that_cannot_be_written_is_one_sentence(login: Any, config_folder: Path) -> None:
    config_folder.joinpath("default.token").mkdir()
    ended = login("--no-keyring")
    assert ended.code == 2
    assert "cannot be written below" in ended.err


def test_a_person_at_a_terminal_is_asked(
    server: Emulator, command: Command, config_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []
    answers = [server.url, str(server.project_id)]

    def prompt(question: str, **_: Any) -> str:
        questions.append(question)
        return answers.pop(0)

    def getpass(question: str, **_: Any) -> str:
        questions.append(question)
        return server.token

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", prompt)
    monkeypatch.setattr("getpass.getpass", getpass)
    ended = command("auth", "login", "--no-keyring")
    assert (ended.code, len(questions)) == (0, 3)
    assert config_folder.joinpath("default.token").exists()


# config


def test_config_shows_each_setting_with_its_place_and_never_the_token(
    settings: Emulator, command: Command, config_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config_folder.joinpath("config.toml").write_text(
        '[default]\nproject_id = 7\nrate_limit = 5\ntimezone = "UTC"\n', encoding="utf-8"
    )
    monkeypatch.setenv("TA_BASE_URL", "http://user:secret@ta2:8992")
    lines = [json.loads(line) for line in command("config", "show", "--json").out.splitlines()]
    assert {line["setting"]: (line["value"], line["source"]) for line in lines} == {
        "base_url": ("http://ta2:8992", "TA_BASE_URL"),
        "project_id": (settings.project_id, "TA_PROJECT_ID"),
        "token": ("(not shown)", "TA_TOKEN"),
        "timezone": ("UTC", "the profile default"),
        "rate_limit": (5, "the profile default"),
    }
    table = command("config", "show").out
    assert "secret" not in table
    assert "rate_limit" in table
    assert settings.requests == []


def test_config_without_settings_says_what_makes_them(command: Command, config_folder: Path) -> None:
    ended = command("config", "show")
    assert (ended.code, ended.out) == (0, "")
    assert "ta-cluster auth login" in ended.err
    assert command("config", "path").out == f"{config_folder / 'config.toml'}\n"


def test_a_rate_limit_and_the_time_for_a_call_are_kept_in_the_profile(
    login: Any, config_folder: Path
) -> None:
    assert login("--no-keyring", "--rate-limit", "5", "--call-timeout", "2m").code == 0
    profile = tomllib.loads(config_folder.joinpath("config.toml").read_text(encoding="utf-8"))
    assert (profile["default"]["rate_limit"], profile["default"]["timeout"]) == (5.0, 120.0)
    assert TaSession.from_profile().rate_limit == 5.0


def test_a_rate_limit_that_is_none_writes_nothing(login: Any, config_folder: Path) -> None:
    ended = login("--no-keyring", "--rate-limit", "many")
    assert ended.code == 2
    assert "--rate-limit" in ended.err
    assert not config_folder.joinpath("config.toml").exists()

"""Settings from options, the environment and profiles, and the token from wherever it may come."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command


@pytest.fixture
def server(settings: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An emulator with a cluster, and nothing in the environment that leads to it."""
    settings.seed_clusters(1)
    for name in ("TA_BASE_URL", "TA_TOKEN", "TA_PROJECT_ID"):
        monkeypatch.delenv(name)
    return settings


@pytest.fixture
def token_file(server: Emulator, tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{server.token}\n", encoding="utf-8")
    file.chmod(0o600)
    return file


def write(folder: Path, text: str) -> None:
    folder.joinpath("config.toml").write_text(text, encoding="utf-8")


def profile(server: Emulator, name: str = "default", **changes: object) -> str:
    values = {"base_url": server.url, "project_id": server.project_id, **changes}
    lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines, ""])


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def test_a_profile_called_default_is_used_unasked(
    server: Emulator, command: Command, config_folder: Path, token_file: Path
) -> None:
    write(config_folder, profile(server, token_file=str(token_file)))
    assert command("progress", "970").out == "100\n"


def test_a_token_file_of_a_profile_may_be_named_from_its_own_folder(
    server: Emulator, command: Command, config_folder: Path, token_file: Path
) -> None:
    token_file.rename(config_folder / "key")
    write(config_folder, profile(server, token_file="key"))
    assert command("progress", "970").code == 0


def test_a_profile_is_chosen_by_option_or_variable(
    server: Emulator,
    command: Command,
    config_folder: Path,
    token_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(config_folder, profile(server, "production", token_file=str(token_file)))
    assert command("progress", "970").code == 2
    assert command("progress", "970", "--profile", "production").code == 0
    monkeypatch.setenv("TA_PROFILE", "production")
    assert command("progress", "970").code == 0


def test_a_profile_that_does_not_exist_is_told_with_those_that_do(
    server: Emulator, command: Command, config_folder: Path
) -> None:
    write(config_folder, profile(server, "production") + profile(server, "staging"))
    ended = command("list", "--profile", "prod")
    assert ended.code == 2
    assert "It has: production, staging." in ended.err


def test_without_a_file_a_named_profile_says_where_to_write_it(command: Command, config_folder: Path) -> None:
    ended = command("list", "--profile", "prod")
    assert ended.code == 2
    assert str(config_folder / "config.toml") in ended.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[default\n", "cannot be read"),
        ("default = 1\n", "below a line [default]"),
        ("[default]\nbase_uri = 'http://x'\n", "'base_uri' is not a setting"),
        ("[default]\nproject_id = '102'\n", "project_id must be an integer"),
        ("[default]\nverify = 1\n", "verify must be a boolean"),
        ("[default]\npoll_first = -1\n", "poll_first must be a finite number of at least 0"),
    ],
)
def test_a_file_with_a_mistake_is_one_sentence(
    command: Command, config_folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    write(config_folder, text)
    for name, value in (("TA_BASE_URL", "http://127.0.0.1:9"), ("TA_TOKEN", "abc"), ("TA_PROJECT_ID", "1")):
        monkeypatch.setenv(name, value)
    ended = command("list")
    assert ended.code == 2
    assert words in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_token_in_the_profile_is_refused_with_the_reason(
    server: Emulator, command: Command, config_folder: Path
) -> None:
    write(config_folder, profile(server, token=server.token))
    ended = command("list")
    assert ended.code == 2
    assert "copied and shown too easily" in ended.err
    assert "token_file" in ended.err


def test_the_environment_comes_before_the_default_profile(
    server: Emulator, command: Command, config_folder: Path, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config_folder, profile(server, base_url="http://127.0.0.1:9", token_file=str(token_file)))
    monkeypatch.setenv("TA_BASE_URL", server.url)
    assert command("progress", "970").code == 0


def test_a_profile_that_was_named_comes_before_the_environment_so_that_no_two_deployments_are_mixed(
    server: Emulator, command: Command, config_folder: Path, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config_folder, profile(server, "production", token_file=str(token_file)))
    monkeypatch.setenv("TA_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("TA_TOKEN", "that-of-staging")
    monkeypatch.setenv("TA_PROJECT_ID", "7")
    assert command("progress", "970", "--profile", "production").code == 0
    assert all(request.query["projectId"] == "102" for request in server.requests)


def test_options_come_before_all(
    server: Emulator, command: Command, config_folder: Path, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config_folder, profile(server, base_url="http://127.0.0.1:9", token_file="none"))
    monkeypatch.setenv("TA_TOKEN", "wrong")
    monkeypatch.setenv("TA_PROJECT_ID", "7")
    options = ("--base-url", server.url, "--project-id", "102", "--token-file", str(token_file))
    assert command("progress", "970", *options).code == 0


def test_an_empty_variable_says_nothing(
    server: Emulator, command: Command, config_folder: Path, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config_folder, profile(server, token_file=str(token_file)))
    for name in ("TA_BASE_URL", "TA_TOKEN", "TA_PROJECT_ID", "TA_PROFILE"):
        monkeypatch.setenv(name, "")
    assert command("progress", "970").code == 0


def test_settings_that_only_a_profile_has_reach_the_session(
    server: Emulator, command: Command, config_folder: Path, token_file: Path
) -> None:
    write(
        config_folder,
        profile(
            server,
            token_file=str(token_file),
            strict_names=False,
            rate_limit=50.0,
            max_connections=2,
            poll_longest=1,
        ),
    )
    assert command("show", "鲸鱼").code == 3  # asked for, and not refused before


class TestToken:
    @pytest.fixture(autouse=True)
    def address(self, server: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TA_BASE_URL", server.url)
        monkeypatch.setenv("TA_PROJECT_ID", "102")

    def test_from_a_file_by_option_or_variable(
        self, command: Command, token_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert command("progress", "970", "--token-file", str(token_file)).err == ""
        monkeypatch.setenv("TA_TOKEN_FILE", str(token_file))
        assert command("progress", "970").code == 0

    def test_from_the_first_line_of_standard_input(
        self, server: Emulator, command: Command, stdin: Callable[[str], None]
    ) -> None:
        stdin(f"{server.token}\r\nand more\n")
        assert command("progress", "970", "--token-file", "-").out == "100\n"

    @pytest.mark.parametrize("mode", [0o644, 0o660])
    def test_a_file_that_others_may_read_is_warned_of(
        self, command: Command, token_file: Path, mode: int
    ) -> None:
        token_file.chmod(mode)
        ended = command("progress", "970", "--token-file", str(token_file), "--quiet")
        assert ended.code == 0
        assert f"chmod 600 {token_file}" in ended.err

    @pytest.mark.parametrize(
        ("content", "words"),
        [(b"", "contains no token"), (b" \n", "contains no token"), (b"\xff\xfe", "it is not UTF-8 text")],
    )
    def test_a_file_without_a_token_is_one_sentence(
        self, command: Command, token_file: Path, content: bytes, words: str
    ) -> None:
        token_file.write_bytes(content)
        ended = command("progress", "970", "--token-file", str(token_file))
        assert ended.code == 2
        assert words in ended.err

    def test_a_file_that_is_not_there_is_one_sentence(self, command: Command) -> None:
        ended = command("progress", "970", "--token-file", "nowhere")
        assert (ended.code, ended.err) == (
            2,
            "Error: The token file nowhere cannot be read: No such file or directory.\n",
        )

    def test_two_places_at_once_are_refused(self, command: Command, token_file: Path) -> None:
        ended = command("progress", "970", "--token-file", str(token_file), "--token-keyring")
        assert ended.code == 2
        assert "Use either" in ended.err

    def test_from_the_keyring_by_the_address(
        self, server: Emulator, command: Command, ring: Ring, config_folder: Path
    ) -> None:
        ring.tokens["ta-cluster", server.url] = server.token
        assert command("progress", "970", "--token-keyring").code == 0
        assert command("progress", "970", "--token-keyring", "--base-url", f"{server.url}/").code == 0
        write(config_folder, "[default]\ntoken_keyring = true\n")
        assert command("progress", "970").code == 0

    def test_a_keyring_without_it_says_how_to_put_it_there(
        self, server: Emulator, command: Command, ring: Ring
    ) -> None:
        ended = command("progress", "970", "--token-keyring")
        assert ended.code == 2
        assert f"keyring set ta-cluster {server.url}" in ended.err

    def test_a_keyring_that_is_locked_is_one_sentence(self, command: Command, ring: Ring) -> None:
        ring.problem = KeyringError("it is locked")
        ended = command("progress", "970", "--token-keyring")
        assert ended.code == 2
        assert "it is locked" in ended.err

    def test_without_the_extra_it_says_what_to_install(
        self, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "keyring", None)
        ended = command("progress", "970", "--token-keyring")
        assert ended.code == 2
        assert 'python -m pip install "ta-cluster-async[keyring]"' in ended.err


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[tuple[str, str], str] = {}
        self.problem: KeyringError | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.problem is not None:
            raise self.problem
        return self.tokens.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.tokens[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.tokens[service, username]


@pytest.fixture
def ring() -> Iterator[Ring]:
    before = keyring.get_keyring()
    mine = Ring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "appid"])
def test_a_project_id_that_cannot_be_right_says_where_it_stands(
    server: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TA_PROJECT_ID", value)
    ended = command("list")
    assert ended.code == 2
    assert "TA_PROJECT_ID" in ended.err
    assert "not the APPID" in ended.err

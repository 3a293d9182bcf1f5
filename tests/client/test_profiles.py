"""Sessions by a profile of the configuration file."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async.client.profiles import token_from_file
from ta_cluster_async.client.secret import Secret
from ta_cluster_async.errors import ConfigurationError, TaWarning
from ta_cluster_async.models.members import MemberQuery
from ta_cluster_async.protocol.answer_limits import AnswerLimits
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.session import TaSession
from tests.world import refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOKEN = "profile-token-4711"


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Write the configuration file; its folder is returned, which has a token file."""
    for name in ("TA_BASE_URL", "TA_TOKEN", "TA_TOKEN_FILE", "TA_PROFILE", "TA_PROJECT_ID", "TA_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "ta-cluster"
    folder.mkdir()
    folder.joinpath("key").write_text(f"{TOKEN}\n", encoding="utf-8")
    folder.joinpath("key").chmod(0o600)

    def write_file(text: str) -> Path:
        folder.joinpath("config.toml").write_text(text, encoding="utf-8")
        return folder

    return write_file


def token_of(session: TaSession) -> str:
    token = session._tokens.usable
    assert isinstance(token, Secret)
    return token.reveal()


def test_a_session_has_the_settings_of_its_profile(write: Any) -> None:
    write(
        """
        [abroad]
        base_url = "https://ta2:8992/te/"
        token_file = "key"
        rate_limit = 5
        max_connections = 3
        max_uploads = 2
        upload_buffer = 7
        strict_names = false
        answer_number = 2000
        answer_detail = 3000
        answer_rows = 4000
        answer_ratio = 50
        answer_depth = 60
        verify = false
        poll_first = 2
        poll_longest = 30.0
        poll_settle = 7
        poll_grace = 8
        poll_stall = 9
        members_route = "task"
        members_page_size = 2000
        members_value_columns = ["tag_value"]
        """
    )
    ta = TaSession.from_profile("abroad")
    assert (ta.base_url, token_of(ta)) == ("https://ta2:8992/te", TOKEN)
    assert (ta.rate_limit, ta.max_connections, ta.max_uploads, ta.strict_names, ta._ssl) == (
        5,
        3,
        2,
        False,
        False,
    )
    assert ta.poll == PollPolicy(first=2, longest=30, settle=7, grace=8, stall=9)
    assert ta.members == MemberQuery(route="task", page_size=2000, value_columns=("tag_value",))
    assert ta.timeout == 30
    limits = AnswerLimits(number=2000, detail=3000, rows=4000, ratio=50, depth=60)
    assert (ta.upload_buffer, ta.answer_limits) == (7, limits)


def test_settings_of_the_call_come_before_those_of_the_profile(write: Any) -> None:
    write('[default]\nbase_url = "http://ta2"\ntoken_file = "key"\nrate_limit = 5\n')
    ta = TaSession.from_profile(rate_limit=7, timeout=3)
    assert (ta.rate_limit, ta.timeout) == (7, 3)


def test_without_a_name_the_profile_is_that_of_the_environment_or_the_default(
    write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        '[default]\nbase_url = "http://a"\ntoken_file = "key"\n[b]\nbase_url = "http://b"\ntoken_file = "key"\n'
    )
    assert TaSession.from_profile().base_url == "http://a"
    monkeypatch.setenv("TA_PROFILE", "b")
    assert TaSession.from_profile().base_url == "http://b"
    assert TaSession.from_profile("default").base_url == "http://a"


def test_the_profile_comes_before_the_environment_which_fills_in_what_it_lacks(
    write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write('[full]\nbase_url = "http://a"\ntoken_file = "key"\n[bare]\n')
    monkeypatch.setenv("TA_BASE_URL", "http://b")
    monkeypatch.setenv("TA_TOKEN", "of-the-environment")
    assert (TaSession.from_profile("full").base_url, token_of(TaSession.from_profile("full"))) == (
        "http://a",
        TOKEN,
    )
    bare = TaSession.from_profile("bare")
    assert (bare.base_url, token_of(bare)) == ("http://b", "of-the-environment")
    monkeypatch.delenv("TA_TOKEN")
    monkeypatch.setenv("TA_TOKEN_FILE", str(folder / "key"))
    assert token_of(TaSession.from_profile("bare")) == TOKEN


def test_the_environment_comes_before_a_profile_that_is_not_named_as_in_the_command(
    write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write('[default]\nbase_url = "http://a"\nproject_id = 102\ntoken_file = "key"\n')
    assert (TaSession.from_profile().project().id, TaSession.from_profile().base_url) == (102, "http://a")
    monkeypatch.setenv("TA_BASE_URL", "http://b")
    monkeypatch.setenv("TA_TOKEN", "of-the-environment")
    monkeypatch.setenv("TA_PROJECT_ID", "7")
    ta = TaSession.from_profile()
    assert (ta.base_url, token_of(ta), ta.project().id) == ("http://b", "of-the-environment", 7)
    named = TaSession.from_profile("default")
    assert (named.base_url, token_of(named), named.project().id) == ("http://a", TOKEN, 102)


def test_without_a_profile_the_environment_is_enough(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write("")
    monkeypatch.setenv("TA_BASE_URL", "http://b")
    with pytest.raises(ConfigurationError, match="TA_TOKEN is not set"):
        TaSession.from_profile()
    monkeypatch.setenv("TA_TOKEN", "t")
    assert TaSession.from_profile().project_id is None
    monkeypatch.setenv("TA_CA_FILE", "/missing.pem")
    with pytest.raises(ConfigurationError, match=r"/missing\.pem"):
        TaSession.from_profile()


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("", None, "profile-nor-variable"),
        ("", "a", "profile-file-empty"),
        ("[default]\n", None, "profile-without-base-url"),
        ('[default]\nbase_url = "http://a"\n', None, "profile-without-token"),
        ('[a]\nbase_url = "http://a"\nproject_id = 0\n', "a", "project-id-unusable"),
        ("[a]\n", "b", "profile-unknown"),
        ("[a\n", "a", "file-unreadable"),
        ("[a]\n", "a", "profile-without-base-url"),
        ('[a]\nbase_url = "http://a"\n', "a", "profile-without-token"),
        ('[a]\nbase_url = "http://a"\ntoken_file = "none"\n', "a", "token-file-unreadable"),
        ('[a]\nbase_url = "http://a"\ntoken_file = "config.toml"\nx = 1\n', "a", "profile-unusable"),
    ],
)
def test_what_is_missing_or_wrong_has_a_code(write: Any, text: str, name: str | None, code: str) -> None:
    write(text)
    with pytest.raises(ConfigurationError) as caught:
        TaSession.from_profile(name)
    assert caught.value.code == code
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("base_uri = 'x'", "profile-key-unknown"),
        ("token = 'x'", "profile-with-token"),
        ("verify = 1", "profile-value"),
        ("max_connections = 1.5", "profile-value"),
        ("max_connections = true", "profile-value"),
        ("rate_limit = '1'", "profile-value"),
        ("poll_first = -1", "profile-value"),
        ("poll_first = nan", "profile-value"),
        ("poll_first = true", "profile-value"),
        ("poll_first = inf", "profile-value"),
        ("answer_number = 1023", "profile-value"),
        ("answer_ratio = 0", "profile-value"),
        ("answer_depth = 401", "profile-value"),
    ],
)
def test_a_mistake_in_a_profile_says_which(write: Any, line: str, code: str) -> None:
    write(f"[a]\n{line}\n")
    with pytest.raises(ConfigurationError) as caught:
        TaSession.from_profile("a")
    problem: Any = caught.value.params["problem"]
    assert problem.code == code


def test_a_token_file_that_others_may_read_warns_where_the_session_is_made(write: Any) -> None:
    write('[default]\nbase_url = "http://ta2"\ntoken_file = "key"\n').joinpath("key").chmod(0o640)
    with pytest.warns(TaWarning, match="chmod 600") as caught:
        TaSession.from_profile()
    assert caught[0].filename == __file__
    assert isinstance(caught[0].message, TaWarning)
    assert caught[0].message.message.code == "token-file-open-to-others"


def test_without_the_extra_it_says_what_to_install(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write("")
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    with pytest.raises(ConfigurationError) as caught:
        TaSession.from_profile()
    assert caught.value.code == "profile-extra-missing"


def test_a_file_that_cannot_be_read_says_why(write: Any) -> None:
    file = write("").joinpath("config.toml")
    file.unlink()
    file.mkdir()
    with pytest.raises(ConfigurationError) as caught:
        TaSession.from_profile()
    assert (caught.value.code, caught.value.params["reason"]) == ("file-unreadable", "Is a directory")


def test_a_token_file_that_is_too_long_is_refused_and_not_cut(tmp_path: Any) -> None:
    path = tmp_path / "key"
    for size, is_token in ((8192, True), (8193, False)):
        path.write_text("a" * size, encoding="utf-8")
        path.chmod(0o600)
        if is_token:
            assert token_from_file(str(path)) == Secret("a" * size)
        else:
            with refused(ConfigurationError, "token-too-long", limit=8192):
                token_from_file(str(path))


@pytest.mark.parametrize(("text", "code"), [(b"k\n", ""), (b"a" * 9000, "token-too-long")])
def test_a_token_comes_from_a_pipe(text: bytes, code: str) -> None:
    reading, writing = os.pipe()
    os.write(writing, text)
    os.close(writing)
    try:
        if code:
            with refused(ConfigurationError, code):
                token_from_file(f"/dev/fd/{reading}")
        else:
            assert token_from_file(f"/dev/fd/{reading}") == Secret("k")
    finally:
        os.close(reading)


def test_a_pipe_that_nobody_writes_to_is_given_up(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ta_cluster_async.client.profiles.PIPE_SECONDS", 0.01)
    os.mkfifo(tmp_path / "key")
    with pytest.raises(ConfigurationError, match=r"nothing was written to the pipe within 0\.01 s"):
        token_from_file(str(tmp_path / "key"))

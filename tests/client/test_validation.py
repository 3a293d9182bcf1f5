"""What a session is opened with: base URL, token, numbers, TLS. No message shows the token."""

import asyncio
import inspect
import ssl
import subprocess
import sys
import traceback
import warnings
from typing import Any

import pytest

from ta_cluster_async.client.secret import Secret
from ta_cluster_async.errors import ConfigurationError
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.protocol.retry import RetryPolicy
from ta_cluster_async.session import SessionSettings, TaSession

TOKEN = "hidden-token"


def refused(*arguments: Any, **settings: Any) -> Any:
    """The ConfigurationError of a session that cannot be made, after a look at what our frames of its traceback show."""
    with pytest.raises(ConfigurationError) as caught:
        TaSession(*arguments, **settings)
    ours = caught.value.__traceback__
    while ours is not None and not ours.tb_frame.f_globals["__name__"].startswith("ta_cluster_async"):
        ours = ours.tb_next
    shown = "".join(
        traceback.TracebackException(type(caught.value), caught.value, ours, capture_locals=True).format()
    )
    assert "hidden" not in shown
    assert "hidden" not in repr(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://ta2:8992", "http://ta2:8992"),
        ("http://ta2:8992/", "http://ta2:8992"),
        ("http://ta2", "http://ta2"),
        ("HTTP://TA2:8992//", "http://ta2:8992"),
        ("https://host.example/te/", "https://host.example/te"),
        ("https://host.example/a/b%20c", "https://host.example/a/b%20c"),
        ("https://host.example/路", "https://host.example/%E8%B7%AF"),
        ("https://例子.example:1", "https://xn--fsqu00a.example:1"),
        ("http://127.0.0.1:65535", "http://127.0.0.1:65535"),
        ("http://[::1]:8992/te", "http://[::1]:8992/te"),
        ("http://user_host:1", "http://user_host:1"),
    ],
)
def test_a_base_url_may_have_any_port_and_path_prefix(given: Any, kept: Any) -> None:
    assert TaSession(given, TOKEN).base_url == kept


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "must be a str"),
        (None, "must be a str"),
        (b"http://ta2", "must be a str"),
        (5, "must be a str"),
        ("ta2:8992", "http:// or https://"),
        ("ta2", "http:// or https://"),
        ("//ta2:8992", "http:// or https://"),
        ("ftp://ta2", "http:// or https://"),
        ("javascript:alert(1)", "http:// or https://"),
        ("http://", "no host"),
        ("http://:8992", "no host"),
        ("http:///path", "no host"),
        ("http://ta2:0", "port"),
        ("http://ta2:65536", "port"),
        ("http://ta2:port", "port"),
        ("http://ta2:-1", "port"),
        ("http://[::1", "host"),
        ("http://[nonsense]:1", "host"),
        ("http://ta2:8992?x=1", "'?'"),
        ("http://ta2:8992/?", "'?'"),
        ("http://ta2:8992/#top", "'#'"),
        ("http://user:password@ta2", "user or password"),
        ("http://user@ta2", "user or password"),
        (" http://ta2", "blank"),
        ("http://ta2 ", "blank"),
        ("http://ta 2", "blank"),
        ("http://ta2\n", "blank"),
        ("http://ta2\t/x", "blank"),
        ("http://ta2\x00", "blank"),
        ("http:\\\\ta2", "backslash"),
    ],
)
def test_a_wrong_base_url_is_one_clear_error(given: Any, said: Any) -> None:
    assert said in refused(given, TOKEN)


@pytest.mark.parametrize(
    "given",
    [
        f"http://ta2:8992/open/user-cluster-list?token={TOKEN}",
        f"http://{TOKEN}@ta2",
        f"http://ta2/{TOKEN}/",
        TOKEN,
        f"http://ta2:8992?token=another-{TOKEN}",
    ],
)
def test_a_base_url_with_the_token_in_it_is_refused_and_not_shown(given: Any) -> None:
    refused(given, TOKEN)


def test_arguments_in_the_wrong_order_show_no_token() -> None:
    refused(TOKEN, "http://ta2:8992")


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "is empty"),
        (Secret(""), "is empty"),
        (" hidden", "white space at its ends"),
        ("hidden ", "white space at its ends"),
        ("hidden\n", "white space at its ends"),
        ("hidden\r\nmore", "line end"),
        ("hidden\x00", "control character"),
        ("hidden\u2028x", "control character"),
        ("hidden\ud800", "lone surrogate"),
        (b"hidden", "must be a str"),
        (None, "must be a str"),
        (5, "must be a str"),
        (["hidden"], "must be a str"),
        (Secret("hidden\n"), "white space at its ends"),
    ],
)
def test_a_wrong_token_is_one_clear_error_that_does_not_show_it(token: Any, said: Any) -> None:
    assert said in refused("http://ta2:8992", token)


@pytest.mark.parametrize("token", ["a b", "a#b+c%d&e f中\"<'\\", "中", Secret("x"), "a" * 5000])
def test_a_token_with_any_printable_character_is_taken(token: Any) -> None:
    TaSession("http://ta2:8992", token)


@pytest.mark.parametrize("name", ["timeout", "upload_timeout", "rate_limit"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "30", True])
def test_an_invalid_number_is_named(name: Any, value: Any) -> None:
    assert name in refused("http://ta2:8992", TOKEN, **{name: value})


@pytest.mark.parametrize("name", ["max_connections", "max_uploads"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True, None])
def test_the_number_of_connections_and_uploads_is_an_int_of_at_least_1(name: str, value: Any) -> None:
    assert name in refused("http://ta2:8992", TOKEN, **{name: value})


@pytest.mark.parametrize("value", [-1, 1.5, "3", True, None])
def test_the_buffer_of_uploads_is_an_int_of_at_least_0(value: Any) -> None:
    assert "upload_buffer" in refused("http://ta2:8992", TOKEN, upload_buffer=value)


def test_the_settings_are_there_to_be_read() -> None:
    retry, poll = RetryPolicy(attempts=2), PollPolicy(first=1)
    ta = TaSession(
        "http://ta2", TOKEN, timeout=5, upload_timeout=9, retry=retry, poll=poll, strict_names=False
    )
    assert (ta.timeout, ta.upload_timeout, ta.retry, ta.poll, ta.strict_names) == (5, 9, retry, poll, False)


def test_its_repr_shows_where_and_whether_it_is_open_and_no_token() -> None:
    assert repr(TaSession("http://ta2/te/", TOKEN)) == "TaSession('http://ta2/te', new)"


# TLS


def test_a_pem_file_a_context_and_both_booleans_are_taken(tmp_path: Any) -> None:
    trustme = pytest.importorskip("trustme")
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    for value in (file, str(file), ssl.create_default_context(), True, False):
        TaSession("https://ta2", TOKEN, ssl=value)


def test_a_pem_file_that_is_none_is_named(tmp_path: Any) -> None:
    (tmp_path / "text.pem").write_text("no certificate", encoding="utf-8")
    for path in (tmp_path / "missing.pem", tmp_path / "text.pem", tmp_path, "\0"):
        said = refused("https://ta2", TOKEN, ssl=path)
        assert "ssl=" in said
    assert "No such file" in refused("https://ta2", TOKEN, ssl="/missing.pem")


@pytest.mark.parametrize("value", [None, 1, b"x", object()])
def test_anything_else_is_refused_as_a_tls_setting(value: Any) -> None:
    assert "ssl=" in refused("https://ta2", TOKEN, ssl=value)


# The environment


def test_a_session_from_the_environment(monkeypatch: Any) -> None:
    monkeypatch.setenv("TA_BASE_URL", "http://ta2:8992/te")
    monkeypatch.setenv("TA_TOKEN", TOKEN)
    ta = TaSession.from_env(timeout=5, upload_timeout=7, max_connections=2, strict_names=False)
    assert (ta.base_url, ta.timeout, ta.upload_timeout, ta.strict_names) == (
        "http://ta2:8992/te",
        5,
        7,
        False,
    )


def test_the_project_of_the_environment_needs_no_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TA_BASE_URL", "http://127.0.0.1")
    monkeypatch.setenv("TA_TOKEN", TOKEN)
    for empty in (None, ""):
        monkeypatch.delenv("TA_PROJECT_ID", raising=False) if empty is None else monkeypatch.setenv(
            "TA_PROJECT_ID", empty
        )
        with pytest.raises(ConfigurationError, match="no project id"):
            TaSession.from_env().project()
    monkeypatch.setenv("TA_PROJECT_ID", " 102 ")
    ta = TaSession.from_env()
    assert (ta.project().id, ta.project(7).id) == (102, 7)
    for wrong in ("0", "-1", "x", "1.5", "9" * 20, "١"):
        monkeypatch.setenv("TA_PROJECT_ID", wrong)
        with pytest.raises(ConfigurationError, match="TA_PROJECT_ID must be a whole number above 0"):
            TaSession.from_env()


@pytest.mark.parametrize("missing", [("TA_BASE_URL",), ("TA_TOKEN",), ("TA_BASE_URL", "TA_TOKEN")])
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_what_is_missing_in_the_environment_is_named(monkeypatch: Any, missing: Any, how: Any) -> None:
    for name, value in (("TA_BASE_URL", "http://ta2"), ("TA_TOKEN", TOKEN)):
        monkeypatch.setenv(name, value)
        if name in missing:
            monkeypatch.setenv(name, "") if how == "empty" else monkeypatch.delenv(name)
    with pytest.raises(ConfigurationError, match=" and ".join(missing)):
        TaSession.from_env()


def test_the_settings_by_name_are_those_of_the_class() -> None:
    of_class = list(inspect.signature(TaSession).parameters.values())[2:]
    by_name: dict[str, Any] = SessionSettings.__annotations__
    assert {name: ref.__forward_arg__ for name, ref in by_name.items()} == {
        parameter.name: parameter.annotation for parameter in of_class
    }


# Plain HTTP


@pytest.mark.parametrize(
    "url",
    [
        "http://ta.example.com:8992",
        "http://8.8.8.8",
        "http://[2001:4860:4860::8888]",
        "http://ta.example.com.",
        "http://134744072",
        "http://0x8.8.8.8",
        "http://0x08080808",
        "http://8.8.8.8.",
        "http://8.526344",
        "http://[::ffff:8.8.8.8]",
    ],
)
def test_plain_http_to_a_public_host_warns_once_and_names_no_token(url: Any) -> None:
    with pytest.warns(UserWarning, match="unencrypted") as caught:
        TaSession(url, TOKEN)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert TOKEN not in str(caught[0].message)


@pytest.mark.parametrize(
    "url",
    [
        "https://ta.example.com",
        "http://localhost:1",
        "http://127.0.0.1:8992",
        "http://[::1]",
        "http://10.1.2.3",
        "http://192.168.1.1",
        "http://172.16.0.1",
        "http://169.254.1.1",
        "http://[fd00::1]",
        "http://ta2:8992",
        "http://ta.local",
        "http://ta.corp.internal",
        "http://ta.LAN",
        "http://2130706433",
        "http://0x7f.1",
        "http://10.1.2.3.",
        "http://[::ffff:127.0.0.1]",
        "http://[fe80::1]",
        "http://ta8",
    ],
)
def test_plain_http_within_the_house_does_not_warn(url: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TaSession(url, TOKEN)


def test_the_warning_shows_no_line_of_the_caller(tmp_path: Any) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from ta_cluster_async import TaSession\n"
        + 'TaSession("http://ta.example.com", "hidden-token")\n' * 2
    )
    ran = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert ran.stderr.count("unencrypted") == 1
    assert str(program) in ran.stderr
    assert "hidden" not in ran.stderr


# The token never leaves by the settings


def test_a_session_shows_its_token_by_no_attribute() -> None:
    async def main() -> Any:
        async with TaSession("http://127.0.0.1:1", TOKEN) as ta:
            shown = [repr(value) for value in (ta, vars(ta), *vars(ta).values(), vars(ta._tokens))]
            shown.append(repr(vars(ta._transport)))
            return "".join(shown)

    assert TOKEN not in asyncio.run(main())


def test_the_defaults() -> None:
    settings = inspect.signature(TaSession).parameters
    assert {name: settings[name].default for name in settings if name not in ("base_url", "token")} == {
        "timeout": 30.0,
        "upload_timeout": 3600.0,
        "retry": None,
        "poll": None,
        "max_connections": 32,
        "max_uploads": 4,
        "upload_buffer": 2**20,
        "answer_limits": None,
        "rate_limit": None,
        "ssl": True,
        "client_session": None,
        "strict_names": True,
        "members": None,
        "transport": None,
    }


def test_a_session_without_settings_has_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TA_BASE_URL", "http://127.0.0.1")
    monkeypatch.setenv("TA_TOKEN", "t")
    for plain in (TaSession("http://127.0.0.1", "t"), TaSession.from_env()):
        assert (plain.timeout, plain.upload_timeout, plain.max_connections) == (30, 3600, 32)
        assert (plain.retry, plain.poll) == (RetryPolicy(), PollPolicy())
        assert (plain.rate_limit, plain.strict_names, plain._ssl) == (None, True, True)


def test_a_session_from_the_environment_has_each_of_its_settings(
    monkeypatch: pytest.MonkeyPatch, scripted: Any
) -> None:
    monkeypatch.setenv("TA_BASE_URL", "http://127.0.0.1")
    monkeypatch.setenv("TA_TOKEN", "t")
    borrowed: Any = object()
    transport = scripted()
    retry, poll = RetryPolicy(attempts=2), PollPolicy(first=7.0)
    ta = TaSession.from_env(
        timeout=1,
        upload_timeout=2,
        retry=retry,
        poll=poll,
        max_connections=3,
        max_uploads=2,
        rate_limit=4,
        ssl=False,
        client_session=borrowed,
        strict_names=False,
        transport=transport,
    )
    assert (ta.timeout, ta.upload_timeout, ta.max_connections, ta.max_uploads, ta.rate_limit) == (
        1,
        2,
        3,
        2,
        4,
    )
    assert ta.retry is retry
    assert ta.poll is poll
    assert ta.strict_names is False
    assert (ta._ssl, ta._borrowed, ta._transport) == (False, borrowed, transport)
    assert TaSession.from_env()._ssl is True


@pytest.mark.parametrize(
    ("name", "value"),
    [("timeout", 0), ("upload_timeout", 0), ("max_connections", 0), ("max_uploads", 0), ("rate_limit", 0)],
)
def test_zero_is_an_invalid_number_for_each_setting(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} must be"):
        TaSession("http://127.0.0.1", "t", **{name: value})

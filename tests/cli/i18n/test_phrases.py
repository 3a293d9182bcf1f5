"""What Python, the operating system, YAML, TLS and typer say in English is said in Chinese to whom reads Chinese."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from rich.cells import cell_len

from ta_cluster_async.cli.i18n.phrases import translated
from ta_cluster_async.cli.i18n.translate import tr, tr_message
from ta_cluster_async.messages import Message

if TYPE_CHECKING:
    from tests.cli.conftest import Command

ENGLISH = re.compile(r"(?:\b[A-Za-z]{2,}\b[ ,]+){2}[A-Za-z]{2,}")


@pytest.fixture(autouse=True)
def _chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")


def is_chinese(text: str) -> bool:
    return bool(re.search(r"[\u4e00-\u9fff]{2}", text)) and not ENGLISH.search(text)


@pytest.mark.parametrize(
    "number",
    [
        errno.ENOENT,
        errno.EACCES,
        errno.EPERM,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.EEXIST,
        errno.ENAMETOOLONG,
        errno.ENOSPC,
        errno.EROFS,
        errno.EMFILE,
        errno.ELOOP,
        errno.EIO,
        errno.EPIPE,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.ETIMEDOUT,
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.EADDRINUSE,
        errno.EADDRNOTAVAIL,
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows says it in its own language")
def test_the_reasons_of_the_operating_system(number: int) -> None:
    assert is_chinese(translated(os.strerror(number)))


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: '",
        "a: b: c",
        "\ta: b",
        "a: @b",
        "a: *b",
        "a: &x 1\nb: &x 2\nc: *y",
        'a: "\\q"',
        "a:\n  - b\n c",
        "a: {b, c",
        "a: [b c: }",
        "- a\nb: 1",
        "? a\n - b\n: - c\n d",
        "a: b\n- c",
        "a\nb: c\nd",
    ],
)
def test_the_mistakes_in_yaml(text: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        yaml.safe_load(text)
    assert caught.value.problem is not None
    assert is_chinese(translated(caught.value.problem)), caught.value.problem


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("certificate has expired", "证书已过期"),
        ("self-signed certificate", "自签名证书"),
        ("self signed certificate in certificate chain", "证书链中有自签名证书"),
        ("Hostname mismatch, certificate is not valid for 'ta2'.", "证书不适用于 ta2"),
        ("[X509: NO_CERTIFICATE_OR_CRL_FOUND] no certificate or crl found (_ssl.c:4154)", "其中没有证书"),
        ("Connect call failed ('127.0.0.1', 9)", "连接失败"),
        (
            "[Errno 98] error while attempting to bind on address ('127.0.0.1', 8992): address already in use",
            "无法监听 127.0.0.1 的端口 8992：地址已被占用。",
        ),
        ("nobody knows this", "nobody knows this"),
    ],
)
def test_a_text_of_another_library(text: str, chinese: str) -> None:
    assert translated(text) == chinese


def test_reasons_are_translated_within_texts_and_messages_and_names_are_not() -> None:
    reason = "Permission denied"
    inner = Message("file-unreadable", path=reason, reason=reason)

    assert tr_message(inner) == "无法读取文件 Permission denied：没有权限。"
    assert tr("The plan {path} cannot be used. {reason}", path="p", reason=inner) == (
        "无法使用计划 p。无法读取文件 Permission denied：没有权限。"
    )
    assert tr("The file {path} cannot be written: {reason}.", path=reason, reason=reason) == (
        "无法写入文件 Permission denied：没有权限。"
    )


def test_names_in_a_row_are_parted_as_in_chinese_and_a_comma_of_a_name_stays() -> None:
    assert "'x'、'a, b'" in tr_message(Message("profile-key-unknown", key="k", known="'x', 'a, b'"))
    assert (
        tr("The file {path} cannot be written: {reason}.", path="a, b", reason="") == "无法写入文件 a, b：。"
    )


def test_in_english_a_text_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert translated("Permission denied") == "Permission denied"
    assert "'sql', 'task'" in tr_message(Message("must-be-one-of", name="route", values="'sql', 'task'"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("refrehs",),
        ("nosuch",),
        ("refresh", "--al"),
        ("refresh", "--json=3"),
        ("refresh", "--max-running", "x"),
        ("refresh", "--max-running", "0"),
        ("refresh", "--order", "foo"),
        ("refresh", "--timeout"),
        ("refresh", "--timeout", "5x"),
        ("refresh", "--project-id", "myapp"),
        ("refresh", "--from-file", "/none"),
        ("show",),
        ("show", "a", "b"),
        ("runs", "foo"),
        ("runs", "list", "--journal", "/none"),
        ("upload", "a.csv", "--require-match", "2"),
        ("completion",),
        ("completion", "tcsh"),
        ("list", "--base-url", ""),
        ("list", "--token-file", "/none"),
        ("create", "/none.yaml"),
        ("emulator", "--port", "99999"),
        ("emulator", "--events", "/none.csv"),
        ("emulator", "--host", "192.0.2.1", "--token", "x"),
        ("emulator", "--host", "192.0.2.1"),
    ],
    ids=" ".join,
)
def test_what_the_command_refuses_is_refused_in_chinese(command: Command, arguments: tuple[str, ...]) -> None:
    ended = command(*arguments)

    assert ended.code != 0
    said = re.sub(r"`[^`]*`|'[^']*'|TA_\w+|--[\w-]+", "", ended.err)
    assert is_chinese(said), ended.err


COMMANDS = (
    (),
    *(
        (name,)
        for name in [
            "refresh",
            "wait",
            "list",
            "show",
            "progress",
            "create",
            "update",
            "delete",
            "upload",
            "doctor",
            "completion",
            "demo",
            "emulator",
            "runs",
        ]
    ),
    *(("runs", name) for name in ("list", "show", "report", "prune")),
)


HELP = """
import sys
from ta_cluster_async.cli.main import main
for arguments in sys.argv[1:]:
    try:
        main([*arguments.split(), "--help"])
    except SystemExit:
        print("\\0", end="", flush=True)
"""


@pytest.fixture(scope="module")
def pages() -> dict[tuple[str, ...], str]:
    """The help of each command, from a process whose language is Chinese from the beginning."""
    names = [" ".join(arguments) for arguments in COMMANDS]
    environment = {**os.environ, "LC_ALL": "zh_CN.UTF-8", "PYTHONIOENCODING": "utf-8", "COLUMNS": "80"}
    out = subprocess.run(
        [sys.executable, "-c", HELP, *names],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    return dict(zip(COMMANDS, out.split("\0"), strict=False))


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_help_is_in_chinese(pages: dict[tuple[str, ...], str], arguments: tuple[str, ...]) -> None:
    usage, _, rest = pages[arguments].strip().partition("\n")
    assert usage.startswith(" ".join(("用法：ta-cluster", *arguments)))
    text = re.sub(r"示例：.*?\n\s*\n|`[^`]*`|<[^>]*>|--\S+", "", rest, flags=re.DOTALL)
    assert (
        re.findall(
            r"Usage|OPTIONS|ARGS|<bool>|<str>|Options|Arguments|Error|(?:\b[a-z]{2,} ){2}[a-z]{2,}", text
        )
        == []
    )
    assert re.findall(r"│\s*[，。、；：）]", text) == []
    assert {cell_len(line) for line in rest.splitlines() if line.startswith(("│", "╭", "╰"))} == {80}

"""English, and Chinese where the locale is Chinese."""

from __future__ import annotations

import ast
import inspect
import io
import re
import string
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async import RefreshTicket, cli, errors
from ta_cluster_async.cli.app import app
from ta_cluster_async.cli.i18n import translate as language
from ta_cluster_async.cli.i18n.chinese import MESSAGES
from ta_cluster_async.cli.i18n.chinese_errors import ERRORS
from ta_cluster_async.cli.i18n.chinese_help import HELP, OPTIONS
from ta_cluster_async.cli.i18n.chinese_reasons import reason
from ta_cluster_async.cli.output.errors import _AT_THE_COMMAND_LINE
from ta_cluster_async.emulator import JobPlan
from ta_cluster_async.models import ticket_errors
from tests.cli.test_main import leaves

if TYPE_CHECKING:
    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command

FOLDER = Path(cli.__file__).parent
HAN = re.compile(r"[\u4e00-\u9fff]")
SAYING = ("outcome", "stop", "_error", "_unconfirmed", "NotFound")
"""What is called with the texts of outcomes."""


def texts_of_outcomes() -> set[str]:
    """The texts that batches and handles give to outcomes, with 7 for each value in them."""
    found: set[str] = set()
    for file in (*(FOLDER.parent / "batch").glob("*.py"), FOLDER.parent / "resources" / "refresh.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            said: list[ast.expr] = []
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if name in SAYING:
                    said = [*node.args, *(keyword.value for keyword in node.keywords)]
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("message", "why"):
                said = [node.value]
            for one in said:
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    found.add(one.value)
                elif isinstance(one, ast.JoinedStr):
                    found.add(
                        "".join(
                            str(getattr(part, "value", "7")) if isinstance(part, ast.Constant) else "7"
                            for part in one.values
                        )
                    )
    return {text for text in found if " " in text}


def texts_in_the_code() -> set[str]:
    """The English texts that stand in calls of `tr`."""
    found: set[str] = set()
    for file in FOLDER.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr":
                [text] = node.args
                assert isinstance(text, ast.Constant), (
                    f"{file.name}:{node.lineno}: tr() needs the text itself"
                )
                found.add(str(text.value))
    return found


def placeholders(text: str) -> set[tuple[str | None, str | None]]:
    return {(name, spec) for _, name, spec, _ in string.Formatter().parse(text) if name is not None}


def test_each_text_has_a_translation_and_no_translation_is_without_a_text() -> None:
    texts = texts_in_the_code()
    assert len(texts) > 300
    assert texts - MESSAGES.keys() - OPTIONS.keys() == set()
    assert (MESSAGES.keys() | OPTIONS.keys()) - texts == set()


def test_each_translation_has_the_same_placeholders() -> None:
    for english, chinese in {**MESSAGES, **OPTIONS}.items():
        assert placeholders(chinese) == placeholders(english), english


def test_each_command_has_its_help_in_chinese_with_an_example() -> None:
    commands = {name: command.help for name, command in leaves(app)}
    assert commands.keys() == HELP.keys()
    for name, text in HELP.items():
        assert HAN.search(text)
        assert f"示例：{'eval' if name == 'completion' else 'ta-cluster ' + name}" in text


def test_the_examples_are_the_same_in_both_languages() -> None:
    for name, command in leaves(app):
        english = (command.help or "").split("Example: ")[1].strip()
        chinese = HELP[name].split("示例：")[1].strip()
        assert re.sub(r'"[^"$]*"', '""', " ".join(english.split())) == re.sub(r'"[^"$]*"', '""', chinese)


def test_each_kind_of_error_has_its_meaning_in_chinese() -> None:
    kinds = {
        name
        for name, kind in {**vars(errors), **vars(ticket_errors)}.items()
        if inspect.isclass(kind) and issubclass(kind, errors.TaError)
    }
    assert kinds == ERRORS.keys()


def test_each_text_that_an_outcome_can_have_is_known_in_chinese() -> None:
    texts = texts_of_outcomes()
    assert len(texts) >= 20
    for text in texts:
        said = reason(text)
        assert HAN.search(said), text
        assert not re.search(r"[a-z]+ [a-z]+", said), text


def test_a_text_of_a_journal_is_as_clear_as_the_error_was() -> None:
    ticket = RefreshTicket(project_id=102, cluster_id=970, submitted_at=datetime(2020, 1, 10, tzinfo=UTC))
    failed = ticket_errors.RefreshFailed(
        "the server says that the refresh failed.", ticket=ticket, endpoint="refresh"
    )
    lost = errors.NotSent(
        "no connection to ta2:8992: refused. Check the base URL and the server.", attempts=4
    )
    odd = errors.NotJson("HTTP 200 with text in place of JSON ('hi').", endpoint="list")
    for error in (failed, lost, odd):
        assert reason(str(error)) == reason(error.message, error)
    assert reason(str(failed)) == "服务器报告计算失败。"
    assert reason(str(lost)).endswith("（无法连接 ta2:8992：refused。）")
    assert reason(str(odd)).endswith("（HTTP 200 with text in place of JSON ('hi').）")


def test_a_text_of_a_hostile_server_is_neither_lost_nor_does_it_cost_much() -> None:
    for text in ("x It was not started." * 50_000, "", "who knows", "(" * 1_000):
        assert text[:9] in reason(text)


def test_what_the_library_advises_for_programs_is_still_what_it_says() -> None:
    sources = "\n".join(
        file.read_text(encoding="utf-8") for file in FOLDER.parent.rglob("*.py") if file.parent != FOLDER
    )
    joined = re.sub(r'"\s*\n\s*f?"', "", sources)
    for text in _AT_THE_COMMAND_LINE:
        assert text in joined, text


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LC_ALL": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_TW"}, True),
        ({"LC_MESSAGES": "zh_CN.GBK", "LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, False),
        ({"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, False),
        ({"LC_ALL": "C", "LANGUAGE": "zh_CN"}, False),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, True),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en"}, False),
        ({"LANG": ""}, False),
        ({}, False),
    ],
)
def test_the_locale_decides(
    monkeypatch: pytest.MonkeyPatch, *, variables: dict[str, str], expected: bool
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language.is_chinese() is expected


@pytest.mark.parametrize(
    ("encoding", "expected"), [("gbk", True), ("utf-8", True), ("ascii", False), ("latin-1", False)]
)
def test_a_stream_that_cannot_show_chinese_gets_english(
    monkeypatch: pytest.MonkeyPatch, *, encoding: str, expected: bool
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN")
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert language.is_chinese() is expected


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")


@pytest.mark.usefixtures("chinese")
class TestInChinese:
    def test_a_batch(self, settings: Emulator, command: Command) -> None:
        settings.seed_clusters(2)
        settings.plan(970, JobPlan(fails=True))
        ended = command("refresh", "970", "971")
        assert ended.out.split()[:5] == ["ID", "名称", "状态", "用户数", "秒"]
        assert "seeded_1: 失败: 服务器报告计算失败。" in ended.err
        assert "1 成功，1 失败，用时" in ended.err

    def test_a_run_in_the_journal_says_why(
        self, settings: Emulator, command: Command, tmp_path: Path
    ) -> None:
        journal = ("--journal", str(tmp_path / "runs.db"))
        settings.seed_clusters(2)
        settings.plan(970, JobPlan(fails=True))
        settings.plan(971, JobPlan(seconds=3600.0))
        ended = command("refresh", "970", "971", "nobody", *journal, "--timeout", "30", "--max-failures", "2")
        said = "".join(command("runs", "show", "last", *journal).out.split())
        for words in ("服务器报告计算失败。", "刷新的时限已过。", "没有分群或标签'nobody'。"):
            assert words in said
            assert words in ended.err.replace(" ", "")
        assert "提前停止：已有 2 个没有成功" in ended.err
        page = tmp_path / "run.html"
        assert command("runs", "report", "last", *journal, "-o", str(page)).code == 0
        assert "服务器报告计算失败。" in page.read_text(encoding="utf-8")

    def test_a_dry_run(self, settings: Emulator, command: Command) -> None:
        settings.seed_clusters(1)
        assert command("refresh", "970", "--dry-run").out.startswith("将刷新 1 个，接上已在进行的 0 个")

    def test_an_error_of_the_library_has_its_own_text_behind_it(
        self, settings: Emulator, command: Command
    ) -> None:
        ended = command("show", "nobody")
        assert ended.err.startswith("错误：没有这个分群或标签。（")
        assert "nobody does not exist" in ended.err

    def test_a_setting_that_is_missing(self, command: Command) -> None:
        assert command("list").err.startswith("错误：设置有误，请按说明改正。（请在环境变量中设置 ")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["shw"], "没有命令 'shw'，是否指 'show'？"),
            (["list", "--nam"], "没有选项 --nam，是否指 --name？"),
            (["list", "--foo"], "没有选项 --foo。"),
            (["show"], "缺少参数 'REF'。"),
            (["list", "--name"], "选项 '--name' 需要一个值。"),
            (["progress", "1", "2"], "多余的参数：2。"),
            (["refresh", "1", "--max-running", "0"], "'--max-running' 的值无效："),
        ],
    )
    def test_wrong_arguments(self, command: Command, arguments: list[str], words: str) -> None:
        ended = command(*arguments)
        assert ended.code == 2
        assert words in ended.err

    def test_a_token_on_the_command_line(self, command: Command) -> None:
        assert "不接受写在命令行里的令牌" in command("list", "--token", "x").err


@pytest.mark.parametrize("columns", [44, 80])
def test_on_a_narrow_terminal_help_cuts_off_neither_options_nor_texts(
    command: Command, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for name, leaf in leaves(app):
        said = command(*name.split(), "--help").out
        assert "…" not in said
        for parameter in leaf.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert not option.startswith("-") or re.search(rf"{option}\b", said), (name, option)


def test_help_is_chinese_and_nothing_of_it_is_cut_off() -> None:
    """All pages in one process, since what help says is decided when the command is loaded."""
    code = """
import os
os.environ.update(LC_ALL="zh_CN.UTF-8", COLUMNS="80")
from ta_cluster_async.cli.main import main
from ta_cluster_async.cli.i18n.chinese_help import HELP
for words in ([], *(name.split() for name in HELP)):
    try:
        main([*words, "--help"])
    except SystemExit as ended:
        assert ended.code == 0
"""
    said = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    ).stdout
    assert "…" not in said
    for heading in ("参数", "选项", "命令", "连接", "显示本说明并退出。"):
        assert heading in said
    english = [line for line in said.splitlines() if re.search(r"\b(the|and|with) \w+ \w+ \w+", line)]
    assert english == []

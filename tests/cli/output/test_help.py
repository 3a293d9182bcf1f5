"""Help and wrong arguments, in both languages and on narrow terminals."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.cli.i18n.language import look_up
from ta_cluster_async.cli.output.help import usage_error_text
from tests.cli.test_main import leaves

if TYPE_CHECKING:
    from tests.cli.conftest import Command

HELPS = {name: command.help or "" for name, command in leaves()}


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("name", HELPS)
def test_the_help_of_a_command_has_the_same_example_in_both_languages(name: str) -> None:
    english, chinese = HELPS[name], look_up(HELPS[name])
    assert re.search("[\u4e00-\u9fff]", chinese)
    examples = [english.split("Example: ")[1], chinese.split("示例：")[1]]
    bare = [re.sub(r'"[^"$]*"', '""', " ".join(example.split())) for example in examples]
    assert bare[0] == bare[1]
    assert bare[0].startswith("eval" if name == "completion" else f"ta-cluster {name}")


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    ("arguments", "text"),
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
def test_wrong_arguments_in_chinese(command: Command, arguments: list[str], text: str) -> None:
    ended = command(*arguments)
    assert ended.code == 2
    assert text in ended.err


@pytest.mark.parametrize("columns", [44, 80])
def test_on_a_narrow_terminal_help_cuts_off_neither_options_nor_texts(
    command: Command, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for name, leaf in leaves():
        page = command(*name.split(), "--help").out
        assert "…" not in page
        for parameter in leaf.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert not option.startswith("-") or re.search(rf"{option}\b", page), (name, option)


def test_help_says_nothing_of_types_that_a_person_knows(command: Command) -> None:
    for name, _ in leaves():
        page = command(*name.split(), "--help").out
        assert "<bool>" not in page
        assert "<str>" not in page


def test_help_is_chinese_and_nothing_of_it_is_cut_off() -> None:
    """All pages in one process, since the language of help is decided when the command is loaded."""
    code = f"""
import os
os.environ.update(LC_ALL="zh_CN.UTF-8", COLUMNS="80")
from ta_cluster_async.cli.main import main
for words in ([], *(name.split() for name in {list(HELPS)})):
    try:
        main([*words, "--help"])
    except SystemExit as ended:
        assert ended.code == 0
"""
    pages = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    ).stdout
    assert "…" not in pages
    for heading in ("参数", "选项", "命令", "连接", "显示本说明并退出。"):
        assert heading in pages
    assert [line for line in pages.splitlines() if re.search(r"\b(the|and|with) \w+ \w+ \w+", line)] == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("list --page x", "'--page': it must be a whole number."),
        ("list --page 0", "'--page': it must be at least 1."),
        ("demo --clusters 2000", "'--clusters': it must be at most 1000."),
        ("upload ids.csv --require-match much", "'--require-match': it must be a number."),
        ("refresh 1 --order random", "'--order': 'random' is not one of 'auto', 'given', 'longest-first'."),
    ],
)
def test_a_value_that_cannot_be_is_told_in_the_words_of_a_person(
    command: Command, arguments: str, text: str
) -> None:
    ended = command(*arguments.split())
    assert (ended.code, f"Invalid value for {text}" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        ("'x' is not a valid integer", "it must be a whole number"),
        ("'x' is not a valid int", "it must be a whole number"),
        ("'x' is not a valid integer range", "it must be a whole number"),
        ("'x' is not a valid float", "it must be a number"),
        ("0 is not in the range x>=1", "it must be at least 1"),
        ("2.0 is not in the range 0.0<=x<=1.0", "it must be from 0.0 to 1.0"),
        ("what no version says yet", "what no version says yet"),
    ],
)
def test_what_click_says_in_other_versions_is_said_alike(problem: str, text: str) -> None:
    class Refused(Exception):
        def format_message(self) -> str:
            return f"Invalid value for '--n': {problem}."

    assert str(usage_error_text(Refused())).startswith(f"Invalid value for '--n': {text}. ")


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("list --page x", "'--page' 的值无效：必须是整数。"),
        ("list --page 0", "'--page' 的值无效：不能小于 1。"),
        ("refresh 1 --order random", "'random' 不在可选值之内：'auto'、'given'、'longest-first'。"),
        ("list --quiet=1", "选项 '--quiet' 不接受值。"),
        ("list --project-id myapp", "它是数字 ID，不是 APPID。"),
    ],
)
def test_a_value_that_cannot_be_has_no_english_in_chinese(
    command: Command, arguments: str, text: str
) -> None:
    ended = command(*arguments.split())
    assert (ended.code, text in ended.err) == (2, True), ended.err

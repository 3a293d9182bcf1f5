"""Help and wrong arguments, in both languages and on narrow terminals."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.cli.i18n.translate import look_up
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

"""English, and Chinese where the locale is Chinese."""

from __future__ import annotations

import ctypes
import io
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.cli.i18n import language
from ta_cluster_async.cli.i18n.language import is_chinese, look_up
from ta_cluster_async.cli.i18n.translate import ntr, tr, tr_message
from ta_cluster_async.emulator import JobPlan
from ta_cluster_async.messages import Message, Plural

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from ta_cluster_async.messages import Template
    from tests.cli.conftest import Command


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
    assert is_chinese() is expected


@pytest.mark.parametrize(
    ("encoding", "expected"), [("gbk", True), ("utf-8", True), ("ascii", False), ("latin-1", False)]
)
def test_a_stream_that_cannot_show_chinese_gets_english(
    monkeypatch: pytest.MonkeyPatch, *, encoding: str, expected: bool
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN")
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert is_chinese() is expected


@pytest.mark.parametrize(("language", "expected"), [(0x0804, True), (0x0409, False), (0xFFFF, False)])
def test_on_windows_the_user_interface_decides_where_no_variable_does(
    monkeypatch: pytest.MonkeyPatch, *, language: int, expected: bool
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    kernel32 = SimpleNamespace(GetUserDefaultUILanguage=lambda: language)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel32), raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    assert is_chinese() is expected


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")


class TestInEnglish:
    def test_a_text_is_itself_with_its_values(self) -> None:
        assert tr("Stopped early: {why}", why="it broke") == "Stopped early: it broke"
        assert tr("[default: {}]") == "[default: {}]"

    @pytest.mark.parametrize(("count", "text"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs")])
    def test_a_count_chooses_the_form(self, count: int, text: str) -> None:
        assert ntr("{count} run", "{count} runs", count) == text

    def test_a_message_is_rendered_from_the_templates_that_are_given(self) -> None:
        message = Message("found", count=1, inner=Message("inner", name="whales"))
        templates: dict[str, Template] = {
            "found": Plural("{count} thing: {inner}", "{count} things: {inner}"),
            "inner": "about {name}",
        }
        assert tr_message(message, templates) == "1 thing: about whales"

    def test_no_catalogue_is_opened(self) -> None:
        code = """
import os, sys
os.environ["LC_ALL"] = "C.UTF-8"
sys.addaudithook(lambda event, args: event == "open" and str(args[0]).endswith((".mo", ".po")) and os._exit(3))
from ta_cluster_async.cli.main import main
main(["refresh", "--help"])
"""
        assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


@pytest.mark.usefixtures("chinese")
class TestInChinese:
    def test_a_text_has_its_translation_with_its_values(self) -> None:
        assert tr("Stopped early: {why}", why="x") == "提前停止：x"

    def test_a_text_without_translation_stays_as_it_is(self) -> None:
        assert tr("Nobody has translated {this}.", this="it") == "Nobody has translated it."
        assert look_up("") == ""

    def test_a_count_has_one_form(self) -> None:
        for count in (1, 2):
            assert ntr(" ({count} attempt)", " ({count} attempts)", count) == f"（已尝试 {count} 次）"

    def test_a_message_of_the_library_is_translated_with_those_in_it(self) -> None:
        message = Message("api", return_code=-1, return_message=Message("no-return-message"))
        assert tr_message(message) == "服务器返回 return_code -1：没有说明。"

    def test_without_a_compiled_catalogue_the_texts_are_english(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(language, "__file__", str(tmp_path / "language.py"))
        language.catalogue.cache_clear()
        try:
            assert tr("Stopped.") == "Stopped."
        finally:
            language.catalogue.cache_clear()

    def test_a_batch(self, settings: Emulator, command: Command) -> None:
        settings.seed_clusters(2)
        settings.plan(970, JobPlan(fails=True))
        ended = command("refresh", "970", "971")
        assert ended.out.split()[:5] == ["ID", "名称", "状态", "用户数", "秒"]
        assert "seeded_1：失败：服务器报告计算失败。" in ended.err
        assert "成功 1 个，失败 1 个，用时" in ended.err

    def test_a_run_in_the_journal_says_why(
        self, settings: Emulator, command: Command, tmp_path: Path
    ) -> None:
        journal = ("--journal", str(tmp_path / "runs.db"))
        settings.seed_clusters(2)
        settings.plan(970, JobPlan(fails=True))
        settings.plan(971, JobPlan(seconds=3600.0))
        ended = command("refresh", "970", "971", "nobody", *journal, "--timeout", "30", "--max-failures", "2")
        shown = "".join(command("runs", "show", "last", *journal).out.split())
        for text in ("服务器报告计算失败。", "刷新的时限已过。", "没有分群或标签'nobody'。"):
            assert text in shown
            assert text in ended.err.replace(" ", "")
        assert "提前停止：已有 2 个没有成功，达到了 --max-failures 2。" in ended.err
        page = tmp_path / "run.html"
        assert command("runs", "report", "last", *journal, "-o", str(page)).code == 0
        assert "服务器报告计算失败。" in page.read_text(encoding="utf-8")

    def test_a_dry_run(self, settings: Emulator, command: Command) -> None:
        settings.seed_clusters(1)
        assert command("refresh", "970", "--dry-run").out.startswith("将刷新 1 个，接上已在进行的 0 个")

    def test_an_error_of_the_library(self, settings: Emulator, command: Command) -> None:
        ended = command("show", "nobody")
        assert ended.err.startswith("错误：detail: 服务器返回 return_code ")
        assert "nobody 不存在。" in ended.err

    def test_an_emulator_that_cannot_start(self, command: Command) -> None:
        assert "不是文件" in command("emulator", "--events", "/none.csv").err

    def test_a_setting_that_is_missing(self, command: Command) -> None:
        assert command("list").err.startswith("错误：请在环境变量中设置 ")

    def test_a_token_on_the_command_line(self, command: Command) -> None:
        assert "不接受写在命令行里的令牌" in command("list", "--token", "x").err

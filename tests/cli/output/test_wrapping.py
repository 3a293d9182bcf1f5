"""Where lines of Chinese end."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from rich._wrap import divide_line
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ta_cluster_async.cli.output.wrapping import line_ends, wrap_chinese
from tests.cli.i18n import catalogue

ENTRIES = [entry for entry in catalogue.read() if entry.id]
CHINESE = [
    entry.string if isinstance(entry.string, str) else "".join(entry.string or ()) for entry in ENTRIES
]
ENGLISH = [entry.id if isinstance(entry.id, str) else entry.id[1] for entry in ENTRIES]


def lines(text: str, width: int) -> list[str]:
    ends = [0, *line_ends(text, width), len(text)]
    return [text[begin:end] for begin, end in pairwise(ends)]


@pytest.mark.parametrize("width", [24, 40, 80, 200])
def test_no_line_is_too_wide_or_begins_with_a_sign_that_ends_something(width: int) -> None:
    for text in "\n".join(CHINESE).split("\n"):
        found = lines(text, width)
        assert "".join(found) == text
        for line in found:
            assert cell_len(line.rstrip()) <= width, found
        for before, line in pairwise(found):
            assert line[0] not in "，。、；：？！）】》", found
            assert before.rstrip()[-1] not in "（【《", found


def test_a_line_takes_as_much_as_it_can() -> None:
    assert lines("项目的所有分群，会略过。", 14) == ["项目的所有分", "群，会略过。"]
    assert lines("用法（auto），否则", 12) == ["用法", "（auto），否", "则"]
    assert lines("ID 替换 whales", 8) == ["ID 替换 ", "whales"]


def test_a_word_that_is_wider_than_a_line_is_divided_or_left() -> None:
    assert lines("见abcdefghij。", 4) == ["见", "abcd", "efgh", "ij。"]
    assert lines("abcdefgh。", 8) == ["abcdefg", "h。"]
    assert lines("abcdef）。", 6) == ["abcde", "f）。"]
    assert lines("，，，", 2) == ["，", "，", "，"]
    assert line_ends("见abcdefghij。", 4, fold=False) == [1]
    assert lines("", 4) == [""]


@pytest.mark.parametrize("width", [24, 40, 80])
def test_english_is_wrapped_as_rich_wraps_it(width: int) -> None:
    for text in filter(str.isascii, "\n".join(ENGLISH).split("\n")):
        assert line_ends(text, width) == divide_line(text, width), text


@pytest.mark.parametrize(
    ("language", "first"), [("zh_CN.UTF-8", "项目的所有分\n"), ("C.UTF-8", "项目的所有分群\n")]
)
def test_the_language_decides_who_wraps(monkeypatch: pytest.MonkeyPatch, language: str, first: str) -> None:
    monkeypatch.setenv("LC_ALL", language)
    wrap_chinese()
    console = Console(file=io.StringIO(), width=14, color_system=None)
    console.print(Text("项目的所有分群，会略过。"))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().startswith(first)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    wrap_chinese()

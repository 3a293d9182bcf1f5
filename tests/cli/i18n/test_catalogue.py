"""The catalogue has exactly the texts of the code, each with a translation that can be filled in like the text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.cli.i18n import catalogue

if TYPE_CHECKING:
    from babel.messages.catalog import Message

ENTRIES = [entry for entry in catalogue.read() if entry.id]


def forms(texts: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts or ())


def key(entry: Message) -> catalogue.Text:
    return entry.id if isinstance(entry.id, str) else (entry.id[0], entry.id[1])


def test_each_text_is_in_the_catalogue_and_nothing_else() -> None:
    texts = catalogue.texts().keys()
    known = {key(entry) for entry in ENTRIES}
    assert len(texts) > 400
    assert texts - known == set(), "run python -m tests.cli.i18n.catalogue, and translate what is new"
    assert known - texts == set(), "run python -m tests.cli.i18n.catalogue"


def test_nothing_is_untranslated_fuzzy_or_obsolete() -> None:
    assert [entry.id for entry in ENTRIES if not all(forms(entry.string))] == []
    assert [entry.id for entry in ENTRIES if entry.fuzzy] == []
    assert catalogue.read().obsolete == {}


def test_the_file_is_as_the_command_writes_it(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    content = catalogue.CATALOGUE.read_text(encoding="utf-8")
    copy = tmp_path / "ta_cluster.po"
    copy.write_text(content, encoding="utf-8")
    monkeypatch.setattr(catalogue, "CATALOGUE", copy)
    catalogue.update()
    assert copy.read_text(encoding="utf-8") == content


def test_translations_have_the_values_of_their_texts() -> None:
    for entry in ENTRIES:
        english = catalogue.placeholders(forms(entry.id)[-1])
        assert [catalogue.placeholders(form) for form in forms(entry.string)] == [english], entry.id
        for form in forms(entry.id):
            assert catalogue.placeholders(form) <= english, entry.id


def test_translations_are_chinese() -> None:
    for entry in ENTRIES:
        (text,) = forms(entry.string)
        assert text != forms(entry.id)[-1]
        assert not re.search(r"。\.|\.。|[\u4e00-\u9fff][,;:!?]|[\u4e00-\u9fff]\.(?![a-z])", text), text


def test_chinese_has_full_width_punctuation() -> None:
    """A half-width sign stands within code, names and numbers, and never beside a Chinese character."""
    half_width = re.compile(
        r"[\u4e00-\u9fff][,;:!?()]|[,;!?()][\u4e00-\u9fff]|[，。：；？！）][,;:!?]|。[.。]|\.。"
    )
    for entry in ENTRIES:
        (text,) = forms(entry.string)
        assert not half_width.search(text), text


def test_a_sentence_is_not_left_in_english() -> None:
    for entry in ENTRIES:
        english = re.sub(r"\{.*?\}|`.*?`", "", forms(entry.id)[-1])
        if re.search(r"[a-z]{2,} [a-z]{2,}", english):
            (text,) = forms(entry.string)
            assert re.search(r"[\u4e00-\u9fff]{2}", text), text
            rest = re.sub(r"\{.*?\}|`.*?`|\".*?\"|(?:示例|例如)：.*", "", text)
            assert not re.search(r"(?:\b[a-z]{2,} ){2}[a-z]{2,}", rest), text


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (r"\bjournals?\b", "运行记录"),
        (r"\bmain[- ]column\b|property that the ids are matched", "关联属性"),
        (r"\btokens?\b(?! in the keyring)", "令牌"),
        (r"\bbase URL\b", "地址"),
        (r"^at a time$|refreshes at a time|^At a time", "并发数"),
        (r"^requests$|^Requests$", "请求数"),
        (r"^began$|^Began$", "开始时间"),
        (r"^Delete clusters and tags", "删除分群和标签（需确认）"),
        (r"^Serve an emulated", "启动"),
        (r"\breplace the ids\b", "用这些 ID 替换"),
        (r"^tag, first/last$", "首末次特征"),
        (r"^tag, aggregate$", "指标值"),
        (r"^\{count\} (?:running|failed|\{status\})$", " {count} 个"),
    ],
)
def test_a_thing_has_one_word(english: str, chinese: str) -> None:
    code = re.compile(r"\{\w+_?token\w*\}|--[\w-]+|TA_\w+|`.*?`|ta-cluster\S*|\w+_\w+")
    found = [
        entry for entry in ENTRIES if re.search(english, code.sub("", forms(entry.id)[-1]), re.IGNORECASE)
    ]
    assert found
    for entry in found:
        (text,) = forms(entry.string)
        assert chinese in text, (entry.id, text)


@pytest.mark.parametrize(
    "word", ["日志", "最多刷新数", "最大并行", "主列", "未来的刷新时间", "之后的未来", "请求在发送前被拒绝"]
)
def test_a_word_that_is_not_the_things_is_never_used(word: str) -> None:
    assert [text for entry in ENTRIES for text in forms(entry.string) if word in text] == []


def test_a_count_has_one_form_for_one_and_another_for_many() -> None:
    for entry in ENTRIES:
        if not isinstance(entry.id, str):
            one, many = entry.id
            assert one != many


def test_no_text_has_a_count_without_a_form_for_one() -> None:
    counted = re.compile(
        r"\{\w+\} (?:more )?(?:users|clusters|tags|refreshes|requests|records|rows|runs|mistakes|attempts)\b"
    )
    assert [text for text in catalogue.texts() if isinstance(text, str) and counted.search(text)] == []

"""JSON and YAML as values that know their lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.definitions.positions import Mistake, read_json, read_yaml
from ta_cluster_async.messages import Message

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def code_of(mistake: Mistake) -> str:
    what = mistake.params["what"]
    assert isinstance(what, Message)
    return what.code


@given(value=JSON, indent=st.sampled_from([None, 2]), ensure_ascii=st.booleans())
def test_json_is_read_as_the_standard_library_reads_it(
    value: object, *, indent: int | None, ensure_ascii: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)
    assert read_json(text).plain() == json.loads(text)


@given(JSON.filter(lambda value: isinstance(value, dict)))
def test_what_json_can_say_yaml_reads_the_same(value: object) -> None:
    text = json.dumps(value)
    if "\\ud" not in text and "e" not in text and "E" not in text:
        assert read_yaml(text.replace("\\u007f", "")).plain() == json.loads(text.replace("\\u007f", ""))


def test_each_member_knows_the_line_of_its_key() -> None:
    text = '{\n  "a": 1,\n  "b": [\n    true,\n    {"c":\n      "x"}\n  ]\n}'
    found = read_json(text)
    assert isinstance(found.content, dict)
    a, b = found.content["a"], found.content["b"]
    assert isinstance(b.content, list)
    inner = b.content[1]
    assert isinstance(inner.content, dict)
    assert [a.line, b.line, b.content[0].line, inner.line, inner.content["c"].line] == [2, 3, 4, 5, 5]


def test_yaml_knows_its_lines_too() -> None:
    found = read_yaml("# team\na: 1\nb:\n  - true\n  - c: x\n")
    assert isinstance(found.content, dict)
    b = found.content["b"]
    assert isinstance(b.content, list)
    assert [found.content["a"].line, b.line, b.content[0].line, b.content[1].line] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("", 1, "json-value-expected"),
        ('{\n"a": 1\n"b": 2}', 3, "json-comma-missing"),
        ('{\n"a": 1,\n}', 3, "json-key-expected"),
        ('{"a": [1 2]}', 1, "json-comma-missing"),
        ('{"a"\n 1}', 2, "json-colon-missing"),
        ('{"a": 1,\n "a": 2}', 2, "key-repeated"),
        ("{'a': 1}", 1, "json-key-expected"),
        ('{"a": yes}', 1, "json-value-expected"),
        ('{"a": 1', 1, "json-ends-early"),
        ('[\n\n"a', 3, "json-string-syntax"),
        ('["a\nb"]', 1, "json-string-syntax"),
        ("[1] [2]", 1, "json-trailing-text"),
        ("[" * 1000, 1, "nested-too-deeply"),
        ("[NaN]", 1, "json-value-expected"),
        ("[01]", 1, "json-comma-missing"),
        ("[1,\n1e999]", 2, "number-not-finite"),
        ("[1,\n-1e999]", 2, "number-not-finite"),
        (f"[1,\n{'9' * 6000}]", 2, "number-too-long"),
    ],
)
def test_json_with_a_mistake_says_the_line(text: str, line: int, code: str) -> None:
    with pytest.raises(Mistake) as mistake:
        read_json(text)
    assert (mistake.value.line, code_of(mistake.value)) == (line, code)


def test_json_with_a_string_that_does_not_end_says_so() -> None:
    with pytest.raises(Mistake, match="line 3: this text is not valid JSON: Unterminated string"):
        read_json('[\n\n"a')


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("", 1, "definition-empty"),
        ("a: 1\nb: [1\nc: 2\n", 3, "yaml-syntax"),
        ("a: 1\na: 2\n", 2, "key-repeated"),
        ("a: 1\n? [x]\n: 2\n", 2, "key-not-text"),
        ("a: \tb: c\n", 1, "yaml-syntax"),
        ("a: &x [*x]\n", 1, "nested-too-deeply"),
        ("a: \x01\n", 1, "yaml-syntax"),
        ("a: 1\nb: !!int b\n", 2, "value-not-of-its-tag"),
        ("a: 1\nb: !!int ''\n", 2, "value-not-of-its-tag"),
        ("a: 1\nb: !!float x\n", 2, "value-not-of-its-tag"),
        ("a: 1\nb: !!bool x\n", 2, "value-not-of-its-tag"),
        ("a: 1\nb: .inf\n", 2, "number-not-finite"),
        ("a: 1\nb: -.INF\n", 2, "number-not-finite"),
        ("a: 1\nb: .nan\n", 2, "number-not-finite"),
        (f"a: 1\nb: {'9' * 6000}\n", 2, "number-too-long"),
        (f"a: 1\nb: 0x{'f' * 6000}\n", 2, "number-too-long"),
        ("a: 1\nb: !secret x\n", 2, "yaml-tag-unknown"),
        ("a: 1\nb: !!set {x}\n", 2, "yaml-tag-unknown"),
        ("a: 1\nb: !!omap [x: 1]\n", 2, "yaml-tag-unknown"),
        ("a: 1\nb:\n  <<: 5\n", 3, "yaml-merge-not-object"),
        ("a: &a {<<: *a}\n", 1, "nested-too-deeply"),
        ('a: "\\UFFFFFFFF"\n', 1, "yaml-syntax"),
        ("[" * 250 + "]" * 250, 1, "nested-too-deeply"),
    ],
)
def test_yaml_with_a_mistake_says_the_line(text: str, line: int, code: str) -> None:
    with pytest.raises(Mistake) as mistake:
        read_yaml(text)
    assert (mistake.value.line, code_of(mistake.value)) == (line, code)


def test_dates_in_yaml_stay_as_they_are_written() -> None:
    assert read_yaml("a: 2020-01-03\nb: 2020-01-03 00:00:00\nc: 1-7\nd: null\ne: 1.5\nf: 0x10\n").plain() == {
        "a": "2020-01-03",
        "b": "2020-01-03 00:00:00",
        "c": "1-7",
        "d": None,
        "e": 1.5,
        "f": 16,
    }


def test_anchors_and_merges_of_yaml_work() -> None:
    text = "base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3\n"
    assert read_yaml(text).plain() == {"base": {"x": 1, "y": 2}, "own": {"x": 1, "y": 3}}


def test_of_several_merged_objects_the_first_wins() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nown: {<<: [*a, *b], z: 3}\n"
    found = read_yaml(text).plain()
    assert isinstance(found, dict)
    assert found["own"] == {"x": 1, "y": 1, "z": 3}


def test_what_is_written_without_quotes_is_known_as_it_is_written() -> None:
    found = read_yaml("[1.10, '1.10', NO, ~, 0x1F, plain, {}]").content
    assert isinstance(found, list)
    assert [item.written for item in found] == ["1.10", None, "NO", "~", "0x1F", "plain", None]
    found = read_json('[1.10, "1.10", true]').content
    assert isinstance(found, list)
    assert [item.written for item in found] == ["1.10", None, "true"]

"""What is too much in an answer, and what is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.messages import Message
from ta_cluster_async.protocol.answer_limits import AnswerLimits
from ta_cluster_async.protocol.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from ta_cluster_async.protocol.answer_limits import AnswerKind

LIMITS = AnswerLimits()
KIB = 1024


def excess(text: str | bytes, kind: AnswerKind = "detail", **limits: int) -> Message | None:
    body = text.encode() if isinstance(text, str) else text
    return AnswerLimits(**limits).excess(body, kind)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_each_endpoint_has_the_limit_of_what_it_answers() -> None:
    kinds = {endpoint.name: endpoint.answer for endpoint in ENDPOINTS if endpoint.answer != "number"}
    assert kinds == {"detail": "detail", "list": "rows"}
    assert [LIMITS.size("number"), LIMITS.size("detail"), LIMITS.size("rows")] == [
        64 * KIB,
        4096 * KIB,
        8192 * KIB,
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", 1023),
        ("detail", 2000.0),
        ("rows", True),
        ("ratio", 0),
        ("ratio", 1.5),
        ("depth", 0),
        ("depth", 401),
        ("depth", "9"),
    ],
)
def test_a_limit_is_a_whole_number_in_its_bounds(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        AnswerLimits(**{name: value})


@pytest.mark.parametrize(
    ("size", "sent", "problem"),
    [
        (64 * KIB, 64 * KIB, None),
        (64 * KIB + 1, 64 * KIB, Message("answer-bytes", limit=64 * KIB)),
        (1, 64 * KIB + 1, Message("answer-bytes", limit=64 * KIB)),
        (1000, 1, None),
        (2000, 20, None),
        (2001, 20, Message("answer-ratio", limit=100)),
    ],
)
def test_bytes_are_counted_before_and_after_decompression(size: int, sent: int, problem: Any) -> None:
    assert LIMITS.excess_of_bytes(size, sent, "number") == problem


@pytest.mark.parametrize("depth", [1, 100, 200])
def test_values_within_one_another_are_taken_up_to_the_depth(depth: int) -> None:
    assert excess(nested(depth)) is None
    assert excess(nested(depth), depth=depth - 1 or 1) == (
        None if depth == 1 else Message("answer-depth", limit=depth - 1)
    )


@pytest.mark.parametrize(
    "text",
    [
        '["]",' * 300 + "0" + ',"["]' * 300,
        '["\\"]",' * 300 + "0" + ',"["]' * 300,
        '["\\\\","]",' * 300 + "0" + ',"["]' * 300,
        '{"a":[' * 150 + "]}" * 150,
        "[" * 300,
        "[]," * 300 + "[" * 300,
    ],
)
def test_the_depth_is_seen_whatever_is_in_the_strings(text: str) -> None:
    assert excess(text) == Message("answer-depth", limit=200)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(["[" * 300] * 300),
        json.dumps(['["[' * 300] * 300),
        json.dumps([{"a\\": "]"}] * 300),
        json.dumps([[["x"]], {"y": [1, 2]}] * 300),
        "[" * 150 + "]" * 100,
        "]" * 150 + "[[]]" * 100,
    ],
)
def test_brackets_in_strings_and_in_a_row_make_nothing_deeper(text: str) -> None:
    assert excess(text) is None


def test_values_are_counted_without_the_commas_in_strings() -> None:
    limit = 64 * KIB
    assert excess(json.dumps({"a": "," * 5000}), detail=limit) is None
    assert excess(json.dumps([0] * 1024), detail=limit) is None  # 1,023 commas and the array
    assert excess(json.dumps([0] * 1025), detail=limit) == Message("answer-values", limit=1024)
    assert excess(json.dumps([""] * 3000), detail=limit) == Message("answer-values", limit=1024)


@pytest.mark.parametrize(
    ("unit", "width"),
    [("x", 1), ("é", 2), ("鲸", 2), ("😀", 4), ("\\u0041", 2), ("\\ud83d", 4), ("\\uD83D", 4)],
)
def test_an_answer_takes_no_more_than_four_times_its_limit_in_memory(unit: str, width: int) -> None:
    limit = 100 * KIB
    fits = 4 * limit // (1 + 2 * width)
    size = len(unit.encode())
    assert excess('"' + unit * ((min(fits, limit) - 2) // size) + '"', detail=limit) is None
    too_long = '"' + unit * (fits // size + 1) + '"'
    problem = excess(too_long, detail=limit)
    if width == 1:  # more than the limit itself
        assert len(too_long) > limit
    assert problem == Message("answer-memory", size=len(too_long.encode()), limit=4 * limit)


def test_numbers_with_very_many_digits_are_a_small_part_of_an_answer() -> None:
    limit = 64 * KIB
    number = "7" * 1000
    assert excess(f"[{','.join([number] * 4)}]", detail=limit) is None
    assert excess(f"[{','.join([number] * 5)}]", detail=limit) == Message("answer-digits", limit=500)
    assert excess(f"[{','.join(['7' * 499] * 100)}]", detail=limit) is None


def test_a_page_of_rows_may_have_as_many_values_as_another_answer() -> None:
    limits = AnswerLimits(rows=64 * KIB)
    assert limits.may_be_page(b"," * 1024 + b"x" * 5000)
    assert limits.may_be_page(b"," * 1024)
    assert not limits.may_be_page(b"," * 1025)


@pytest.mark.parametrize(
    ("problem", "setting"),
    [
        ("answer-bytes", "detail"),
        ("answer-values", "detail"),
        ("answer-ratio", "ratio"),
        ("answer-depth", "depth"),
    ],
)
def test_what_is_said_names_the_setting(problem: str, setting: str) -> None:
    said = LIMITS.too_large(Message(problem, limit=7), "detail", 200)
    assert said.params["setting"] == setting
    assert f"allow a larger {setting} in answer_limits= of the session" in str(said)


JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet='[]{},"\\ax鲸😀'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[{",\\a'), inner, max_size=3)
    ),
    max_leaves=60,
)


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


@given(JSON, st.booleans(), st.integers(1, 8))
def test_the_depth_is_that_of_the_value(value: object, ascii_only: bool, depth: int) -> None:  # noqa: FBT001
    text = json.dumps(value, ensure_ascii=ascii_only)
    expected = Message("answer-depth", limit=depth) if _depth(value) > depth else None
    assert excess(text, depth=depth, detail=2**20) == expected


@pytest.mark.parametrize(("name", "value"), [("number", KIB), ("ratio", 1), ("depth", 400)])
def test_the_bounds_themselves_may_be_set(name: str, value: int) -> None:
    assert getattr(AnswerLimits(**{name: value}), name) == value


def test_an_answer_of_a_kibibyte_may_have_any_ratio() -> None:
    assert LIMITS.excess_of_bytes(KIB, 1, "number") is None
    assert LIMITS.excess_of_bytes(KIB + 1, 1, "number") == Message("answer-ratio", limit=100)


def test_there_may_be_one_value_for_each_64_bytes() -> None:
    values = [0] * 16  # a bracket and 15 commas
    assert excess(json.dumps(values), "number", number=KIB) is None
    assert excess(json.dumps([*values, 0]), "number", number=1100) is None
    assert excess(json.dumps([*values, 0, 0]), "number", number=1100) == Message("answer-values", limit=17)


def test_quotes_without_end_are_too_many_values() -> None:
    quotes = '"' + "," * 20 + '"' + '""' * 40
    assert excess(quotes, "number", number=KIB) == Message("answer-values", limit=16)


def test_each_value_may_have_a_key() -> None:
    pairs = ",".join(['"a":"b"'] * 15 + ['"c":"d,"'])
    assert excess("{" + pairs + "}", "number", number=KIB) is None


def test_text_and_values_count_together() -> None:
    text = "[" + "0," * 15 + f'"{"x" * 600}"]'
    assert excess(text, "number", number=KIB) == Message("answer-memory", size=len(text), limit=4 * KIB)
    assert excess(text.replace("0,", ""), "number", number=KIB) is None


def test_a_sixteenth_of_an_answer_may_be_of_very_long_numbers() -> None:
    number = "7" * 500 + " " * 600
    assert excess(number, "number", number=8000) is None
    assert excess(number, "number", number=7999) == Message("answer-digits", limit=500)


def test_what_is_said_has_the_status() -> None:
    assert LIMITS.too_large(Message("answer-bytes", limit=1), "rows", 502).params["status"] == 502

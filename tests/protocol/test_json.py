"""JSON text to values and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.protocol import json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), values))
def test_what_is_written_is_read_back_as_it_was(value: Any) -> None:
    assert json.loads(json.dumps(value)) == value


def test_a_lone_surrogate_goes_back_as_it_came() -> None:
    body = b'{"a":"\\ud800"}'
    value = json.loads(body)
    assert isinstance(value, dict)
    assert json.dumps(value) == body


def test_text_is_written_as_ascii_without_spaces() -> None:
    assert json.dumps({"名": [1, "标签"]}) == b'{"\\u540d":[1,"\\u6807\\u7b7e"]}'


@pytest.mark.parametrize(
    "body", [b"NaN", b"[Infinity]", b"-Infinity", b"", b"{", b"[1,]", b'{"a":1,}', b"\xff", b"1 2", b"\x00"]
)
def test_what_the_rfc_does_not_allow_is_refused(body: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (any ValueError)
        json.loads(body)


@pytest.mark.parametrize(
    "value", [{"a": float("nan")}, {"a": float("inf")}, {"a": object()}, {"a": {1, 2}}, {("a",): 1}]
)
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        json.dumps(value)


def test_nesting_too_deep_to_hold_is_refused_and_not_a_crash() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        json.loads(b"[" * 200_000)


def test_json_is_read_without_msgspec_whatever_stands_around_it() -> None:
    for text in (b' {"a":1}', b'{"a":1} ', b"\n[1]\n", b' {"a":1}\n', b'[{"a":1}'):
        if text.startswith(b"[{"):
            with pytest.raises(ValueError, match="delimiter"):
                json.loads_by_stdlib(text)
        else:
            assert json.loads_by_stdlib(text) in ({"a": 1}, [1])

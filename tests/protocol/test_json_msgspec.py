"""Reading JSON by msgspec and by the standard library comes to the same."""

import builtins
import json as stdlib
import math
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ta_cluster_async.protocol import json

pytest.importorskip("msgspec")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
words = r"""[ ] { } , : "a" " \ \ud800 \u0 \n - 0 1 . e E+ 400 NaN Infinity true null nul é"""
tokens = st.sampled_from(
    [*words.split(), "\t", " ", "\n", "\x0b", "\x00", "\ufeff", "9" * 19, "9" * 20, "1" * 5000]
)


def outcome(read: Any, body: bytes) -> Any:
    """The value with its types, told apart to the last bit; or that it was refused."""
    try:
        return exact(read(body))
    except ValueError:
        return "refused"


def exact(value: Any) -> Any:
    if isinstance(value, float):
        return "float", struct.pack("d", value)
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, dict):
        return [(key, exact(item)) for key, item in value.items()]
    return type(value), value


@given(st.lists(tokens, max_size=12).map("".join).map(str.encode))
@example(b'{"a":1,"a":2}')
@example(b'{"a":1,"b":2,"a":3}')
@example(b'{"\\ud800":"\\ud83dx"}')
@example(b"\xef\xbb\xbf{}")
@example(b"1e400")
@example(b"-0.0")
@example(b"-0")
@example(b"[" * 200_000)
def test_any_text_gives_the_same_value_or_is_refused_by_both(body: bytes) -> None:
    assert outcome(json.loads, body) == outcome(json.loads_by_stdlib, body)


@given(st.binary(max_size=40))
@example(b'"\xed\xa0\x80"')
@example(b'"\xff"')
def test_any_bytes_give_the_same_value_or_are_refused_by_both(body: bytes) -> None:
    assert outcome(json.loads, body) == outcome(json.loads_by_stdlib, body)


@given(values, st.booleans(), st.sampled_from([None, 1]))
def test_any_value_is_read_the_same(value: Any, ascii_only: bool, indent: int | None) -> None:  # noqa: FBT001
    text = stdlib.dumps(value, ensure_ascii=ascii_only, indent=indent)
    body = text.encode("utf-8", "surrogatepass")
    assert outcome(json.loads, body) == outcome(json.loads_by_stdlib, body)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_to_the_last_bit(number: float) -> None:
    read = json.loads(repr(number).encode())
    assert isinstance(read, float)
    assert math.copysign(1, read) == math.copysign(1, number)
    assert read == number


def test_msgspec_reads_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads_by_stdlib", lambda _: pytest.fail("read by the standard library"))
    assert json.loads(b'{"a":[1,2.5,"\\u6807",null,true]}') == {"a": [1, 2.5, "标", None, True]}


def test_without_msgspec_the_standard_library_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("msgspec"):
            raise ImportError(name)
        return real(name, *rest)

    json._msgspec_decode.cache_clear()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(builtins, "__import__", without)
            assert json.loads(b'{"a":1}') == {"a": 1}
            with suppress(ValueError):
                pytest.fail(f"accepted {json.loads(b'NaN')!r}")
            assert json._msgspec_decode() is None
    finally:
        json._msgspec_decode.cache_clear()

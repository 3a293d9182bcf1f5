"""Texts and bytes as no sound server or library writes them: some of chance, most of them nearly right.

`HYPOTHESIS_PROFILE=long python -m pytest tests/fuzz` tries them for about ten minutes, and for some seconds without it.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
MANY = settings(max_examples=8_000 if IS_LONG else 50)
# For what takes some milliseconds each time.
SOME = settings(max_examples=2_000 if IS_LONG else 20)

PIECES = [
    *(
        b'{ } [ ] , : " \\ \\u \\ud800 \\ud83d\\ude00 null true false NaN -Infinity 0 -0 -1 100 101 1e400 1.5 "" "a" "1" {} []'
    ).split(),
    *(
        b"return_code",
        b"return_message",
        b"data",
        b"progress",
        b"id",
        b"refreshTime",
        b"<html>",
        b"2020-01-01 00:00:00",
    ),
    *(
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\x00",
        b" ",
        b"\xc2\xa0",
        b"\xe2\x80\xa8",
        b"0001-01-01T00:00:00+14:00",
    ),
    *(
        b"9" * 19,
        b"9" * 5_000,
        b"[" * 300,
        b"[" * 3_000,
        b"]" * 300,
        b'{"a":' * 300,
        b'{"a":' * 3_000,
        b"}" * 300,
    ),
]

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-2, 102)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(
        ["2020-01-09 10:51:14", "0001-01-01T00:00:00+14:00", "\ud800", "24:00", 10**400, "succeeded", ""]
    )
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
"""Any JSON value."""


@st.composite
def spoilt(draw: st.DrawFn, samples: Sequence[bytes], *, most: int = 4) -> bytes:
    """One of the samples with up to so many places cut out, doubled, or overwritten."""
    raw = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, most))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 8) | st.just(len(raw))))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=4) | st.just(2 * raw[start:end]))
        raw = raw[:start] + piece + raw[end:]
    return raw


@st.composite
def changed(draw: st.DrawFn, samples: Sequence[Any], *, most: int = 3) -> Any:
    """One of the samples, JSON values, with up to so many values inside replaced, removed, or set down under another key."""
    value = json.loads(json.dumps(draw(st.sampled_from(samples))))
    for _ in range(draw(st.integers(0, most))):
        inner = _inner(value)
        if not inner:
            break
        place, key = draw(st.sampled_from(inner))
        how = draw(st.sampled_from(["replace", "replace", "remove", "nest", "move"]))
        if how == "replace":
            place[key] = draw(values)
        elif how == "remove":
            del place[key]
        elif how == "nest":
            place[key] = json.loads("[" * (depth := draw(st.sampled_from([1, 90, 400, 900]))) + "]" * depth)
        elif isinstance(place, dict):
            other = draw(st.text(max_size=3) | st.sampled_from(sorted(place)))
            place[other] = place.pop(key)
    return value


def _inner(value: Any, depth: int = 0) -> list[tuple[Any, Any]]:
    """All places inside: the container and the key or index."""
    keys: list[Any] = (
        list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    )
    found = [(value, key) for key in keys]
    if depth < 20:
        for key in keys:
            found += _inner(value[key], depth + 1)
    return found


def text_of(value: Any) -> bytes:
    """The value as JSON text, however deep it is."""
    try:
        return json.dumps(value).encode()
    except RecursionError:
        return b"[" * 2_000 + b"]" * 2_000

"""Strategies for wrong bytes and JSON: some random, most of them almost valid.

`HYPOTHESIS_PROFILE=long python -m pytest tests/fuzz -m ""` runs for about ten minutes, without it for some seconds.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
MANY_EXAMPLES = settings(max_examples=8_000 if IS_LONG else 50)
# For tests of which each example takes milliseconds.
FEW_EXAMPLES = settings(max_examples=2_000 if IS_LONG else 20)

FRAGMENTS = [
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
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
"""Any JSON value."""


@st.composite
def corrupted_bytes(draw: st.DrawFn, samples: Sequence[bytes], *, max_changes: int = 4) -> bytes:
    """One of the samples with up to `max_changes` places removed, doubled or overwritten."""
    raw = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, max_changes))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 8) | st.just(len(raw))))
        fragment = draw(st.sampled_from(FRAGMENTS) | st.binary(max_size=4) | st.just(2 * raw[start:end]))
        raw = raw[:start] + fragment + raw[end:]
    return raw


@st.composite
def corrupted_json(draw: st.DrawFn, samples: Sequence[Any], *, max_changes: int = 3) -> Any:
    """One of the samples with up to `max_changes` inner values replaced, removed, nested or moved to another key."""
    value = json.loads(json.dumps(draw(st.sampled_from(samples))))
    for _ in range(draw(st.integers(0, max_changes))):
        places = _places(value)
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        how = draw(st.sampled_from(["replace", "replace", "remove", "nest", "move"]))
        if how == "replace":
            container[key] = draw(json_values)
        elif how == "remove":
            del container[key]
        elif how == "nest":
            container[key] = json.loads(
                "[" * (depth := draw(st.sampled_from([1, 90, 400, 900]))) + "]" * depth
            )
        elif isinstance(container, dict):
            other = draw(st.text(max_size=3) | st.sampled_from(sorted(container)))
            container[other] = container.pop(key)
    return value


def _places(value: Any, depth: int = 0) -> list[tuple[Any, Any]]:
    """All inner places, each as its container and its key or index."""
    keys: list[Any] = (
        list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    )
    found = [(value, key) for key in keys]
    if depth < 20:
        for key in keys:
            found += _places(value[key], depth + 1)
    return found


def json_bytes(value: Any) -> bytes:
    """The value as JSON, whatever its depth."""
    try:
        return json.dumps(value).encode()
    except RecursionError:
        return b"[" * 2_000 + b"]" * 2_000

"""The text of a cell."""

import math
from datetime import datetime
from typing import Any

import pytest

from ta_cluster_async.emulator.query.values import value_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
        (3.0, "3"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (2.5e20, "250000000000000000000"),
        (math.inf, "inf"),
        (datetime(2024, 5, 4, 12, 0, 1), "2024-05-04 12:00:01"),  # noqa: DTZ001
    ],
)
def test_the_text_of_a_cell(value: Any, text: str) -> None:
    assert value_text(value) == text


def test_a_cell_of_another_type_has_no_text() -> None:
    with pytest.raises(TypeError, match="bytes"):
        value_text(b"a")

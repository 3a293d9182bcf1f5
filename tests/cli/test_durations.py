"""Durations as people write them."""

from __future__ import annotations

import pytest
import typer

from ta_cluster_async.cli.durations import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("90s", 90.0),
        ("0.5", 0.5),
        ("5m", 300.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        ("1w", 604800.0),
        (" 1.5 H ", 5400.0),
    ],
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "1y", "h", "1 2", "1h30m", "1e3", "9" * 400, "٣x"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a duration: write it as 90, 90s, 5m, 2h or 1d"):
        seconds_of(text)

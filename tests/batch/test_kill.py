"""`kill -9` of a real process at random instants; `python -m benchmarks.kill` does it two hundred times."""

from __future__ import annotations

from benchmarks.kill import kills


def test_a_killed_batch_goes_on_where_it_was() -> None:
    done, generations, wrong = kills(4, seed=7, clusters=12)
    assert done == 4
    assert generations >= 1
    assert wrong == []

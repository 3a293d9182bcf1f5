"""How the benchmarks say what they measured."""

import json
from math import nan

import pytest

from benchmarks.rounds import alternate, compare, ratios
from benchmarks.table import Row, as_json, show, skip


@pytest.mark.parametrize(
    ("row", "held"),
    [
        (Row("a", 1.0, None, 1.0), True),
        (Row("a", 1.1, None, 1.0), False),
        (Row("a", 1.1, None, 1.0, least=True), True),
        (Row("a", 0.9, None, 1.0, least=True), False),
        (Row("a", 80.0, 100.0, 0.9, "us", ratio=0.8), True),
        (Row("a", 80.0, 100.0, 0.9, "us", ratio=0.95), False),
        (Row("a", 80.0, 100.0, None, "us", ratio=0.95), None),
        (Row("a", nan, None, 1.0), None),
        (skip("a", "java is not installed"), None),
    ],
)
def test_a_bar_is_on_the_ratio_where_there_is_one(row, held):
    assert row.held is held


def test_every_side_has_its_turn_in_every_round():
    turns = list(alternate(["a", "b", "c"], 5))
    assert [sorted(turns[at : at + 3]) for at in range(0, 15, 3)] == [["a", "b", "c"]] * 5
    assert len({tuple(turns[at : at + 3]) for at in range(0, 15, 3)}) > 1


def test_a_ratio_is_the_median_of_those_of_the_rounds():
    assert ratios([1.0, 2.0, 30.0], [2.0, 4.0, 3.0]) == (0.5, 19.0)
    row = compare("a", {"ours": [1.0, 2.0, 30.0], "peer": [2.0, 4.0, 3.0]}, "peer", 0.6, "us")
    assert (row.ours, row.peer, row.ratio, row.held) == (2.0, 3.0, 0.5, True)


def test_the_table_and_the_json_say_what_was_skipped_and_why(capsys):
    rows = [Row("fast", 1.0, 2.0, 1.0, ratio=0.5, spread=0.1), skip("slow", "java is not installed")]
    show(rows)
    table = capsys.readouterr().out.splitlines()
    assert "0.500 ±5%" in table[1]
    assert "yes" in table[1]
    assert table[2].endswith("skipped: java is not installed")
    said = json.loads(json.dumps(as_json(rows), allow_nan=False))
    assert [(row["ratio"], row["held"], row["skipped"]) for row in said] == [
        (0.5, True, ""),
        (None, None, "java is not installed"),
    ]
    assert said[1]["ours"] is None

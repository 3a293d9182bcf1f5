"""Two definitions as a diff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ta_cluster_async.cli.output.diff import colored, diff_lines

if TYPE_CHECKING:
    from ta_cluster_async.models import JsonObject

NAMES = ("before", "after")


def test_only_the_keys_of_the_new_definition_are_compared() -> None:
    before: JsonObject = {"name": "whales", "remarks": "old", "usersNum": 7}
    assert diff_lines(before, {"name": "whales", "remarks": "new"}, NAMES) == [
        "--- before",
        "+++ after",
        "@@ -1,4 +1,4 @@",
        " {",
        '   "name": "whales",',
        '-  "remarks": "old"',
        '+  "remarks": "new"',
        " }",
    ]


def test_the_same_definition_has_no_diff_whatever_the_order_of_its_keys() -> None:
    assert diff_lines({"a": 1, "b": 2}, {"b": 2, "a": 1}, NAMES) == []


def test_a_definition_of_nothing_before_is_all_new() -> None:
    lines = diff_lines(None, {"displayName": "鲸鱼"}, NAMES)
    assert [line for line in lines if line.startswith("+ ")] == ['+  "displayName": "鲸鱼"']


def test_colors_show_what_comes_and_goes_and_nothing_is_obeyed_by_the_terminal() -> None:
    text = colored(['-  "a\x1b[2J"', "+  1", " {"])
    assert text.plain == '-  "a\\x1b[2J"\n+  1\n {'
    assert [str(span.style) for span in text.spans] == ["red", "green"]

"""Parts of definitions as the API's JSON, and the mistakes and warnings in them."""

from __future__ import annotations

import pytest

from ta_cluster_async.definitions.checker import Checker
from ta_cluster_async.definitions.positions import read_yaml
from ta_cluster_async.models import QuotaDef, QuotaEvent, UserClusterDef


def check(text: str, model: type = UserClusterDef, *, of_library: bool = False) -> tuple[Checker, object]:
    checker = Checker(of_library=of_library)
    return checker, checker.part(read_yaml(text), model)


def mistakes_in(text: str, model: type = UserClusterDef) -> list[tuple[int, str]]:
    """The line and the code of each mistake."""
    return [(line, what.code) for line, what in check(text, model)[0].mistakes]


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("[]\n", 1, "object-expected"),
        ("events: {}\n", 1, "list-expected"),
        ("events:\n- {num: 4, comparator: less}\n", 2, "key-missing"),
        ("filters:\n- {column_name: x, comparator: isNotNull}\n", 2, "comparator-unknown"),
        ("relation: yes\n", 1, "text-expected"),
        ("relation: [and]\n", 1, "wrong-type"),
        ("relation: and\nrelation_: or\n", 2, "key-misspelled"),
        ("filts: []\nfilters: []\n", 2, "key-repeated"),
        ("filtres: []\n", 1, "key-misspelled"),
        ("events:\n- {event_name: p, comparator: less, num: [1]}\n", 2, "wrong-type"),
        ("events:\n- {event_name: p, comparator: less, recent_day: 7-1}\n", 2, "recent-day-invalid"),
        ("events:\n- {event_name: p, comparator: less, recent_day: 0-0}\n", 2, "recent-day-invalid"),
        ("events:\n- {event_name: p, comparator: less, recent_day: week}\n", 2, "recent-day-invalid"),
    ],
)
def test_a_mistake_has_its_line(text: str, line: int, code: str) -> None:
    assert mistakes_in(text) == [(line, code)]


def test_a_mistake_names_the_types() -> None:
    [(_, what)] = check("relation: [and]\n")[0].mistakes
    assert str(what) == "'relation' must be a string, not an array."
    [(_, what)] = check("{event_name: p, comparator: less, num: [1]}", QuotaEvent)[0].mistakes[:1]
    assert "'" in str(what)


def test_a_misspelled_comparator_and_what_is_meant_are_named() -> None:
    [(_, what)] = check("filts: [{columnName: a, comparator: greaterThan}]")[0].mistakes
    assert str(what) == "the API has no comparator 'greaterThan'; did you mean 'greater'?"


def test_values_that_no_specification_has_are_warned_of_and_sent() -> None:
    text = "relation: xor\nfilts:\n- columnName: a\n  comparator: nearTo\n  tableType: moon\n  unheard: 1\n"
    checker, body = check(text)
    assert body == {
        "relation": "xor",
        "filts": [{"columnName": "a", "comparator": "nearTo", "tableType": "moon", "unheard": 1}],
    }
    assert [(line, what.code) for line, what in checker.warnings] == [
        (1, "value-unknown"),
        (4, "value-unknown"),
        (5, "value-unknown"),
        (6, "key-unknown"),
    ]
    assert checker.mistakes == []


def test_keys_that_servers_are_known_to_have_are_not_warned_of() -> None:
    checker, _ = check("filts: [{columnName: a, comparator: isTrue, columnDesc: A}]")
    assert (checker.mistakes, checker.warnings) == ([], [])


def test_filters_of_an_event_are_on_its_own_properties_unless_it_is_said_otherwise() -> None:
    text = """\
events:
- event_name: pay
  comparator: greater
  num: 0
  filters: [{column_name: channel, comparator: equal, values: [ios]}]
filters: [{column_name: channel, comparator: equal, values: [1]}]
"""
    _, body = check(text, of_library=True)
    assert isinstance(body, dict)
    assert body["events"][0]["filts"][0]["tableType"] == "event"
    assert body["filts"][0] == {
        "columnName": "channel",
        "comparator": "equal",
        "ftv": ["1"],
        "tableType": "user",
    }


def test_an_absent_value_stays_absent() -> None:
    assert check("relation: null\n")[1] == {"relation": None}


def test_a_formula_stands_for_the_comparator() -> None:
    assert mistakes_in("events: [{eventName: p, uceCalcuSymbol: '>'}]") == []
    _, body = check("events: [{event_name: p, uceCalcuSymbol: '>'}]", of_library=True)
    assert isinstance(body, dict)
    assert "comparator" not in body["events"][0]


def test_a_quota_is_an_event_of_its_own() -> None:
    _, body = check("event: {event_name: p, analysis: SUM, quota: amount}", QuotaDef, of_library=True)
    assert isinstance(body, dict)

"""Parts of definitions as the API's JSON, and the mistakes and warnings in them."""

from __future__ import annotations

import pytest

from ta_cluster_async.definitions.checker import Checker
from ta_cluster_async.definitions.positions import read_json, read_yaml
from ta_cluster_async.models import FirstLastEvent, QuotaDef, QuotaEvent, UserClusterDef


def check(text: str, model: type = UserClusterDef, *, of_library: bool = False) -> tuple[Checker, object]:
    checker = Checker(of_library=of_library)
    return checker, checker.part(read_yaml(text), model)


def mistakes_in(text: str, model: type = UserClusterDef) -> list[tuple[int, str]]:
    """The line and the code of each mistake of a definition in the library's names."""
    return [(line, what.code) for line, what in check(text, model, of_library=True)[0].mistakes]


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("[]\n", 1, "object-expected"),
        ("events: {}\n", 1, "list-expected"),
        ("events:\n- {num: 4, comparator: less}\n", 2, "key-missing"),
        ("filters:\n- {column_name: x, comparator: isNotNull}\n", 2, "comparator-unknown"),
        ("relation: [and]\n", 1, "wrong-type"),
        ("relation: and\nrelation_: or\n", 2, "key-misspelled"),
        ("filts: []\nfilters: []\n", 2, "key-repeated"),
        ("filtres: []\n", 1, "key-misspelled"),
        ("events:\n- {event_name: p, comparator: less, num: [1]}\n", 2, "wrong-type"),
        ("events:\n- {event_name: p, comparator: less, recent_day: 7-1}\n", 2, "recent-day-invalid"),
        ("events:\n- {event_name: p, comparator: less, recent_day: 0-0}\n", 2, "recent-day-invalid"),
        ("events:\n- {event_name: p, comparator: less, recent_day: week}\n", 2, "recent-day-invalid"),
        ("events:\n- {event_name: p, comparator: less, recent_day: ''}\n", 2, "recent-day-invalid"),
        ("events:\n- {event_name: p, comparator: less, num: lots}\n", 2, "number-expected"),
        ("events:\n- {event_name: p, comparator: less, num: 1_000}\n", 2, "number-expected"),
        ("events:\n- {event_name: p, comparator: less, num: '1e999'}\n", 2, "number-expected"),
        ("events:\n- {event_name: p, comparator: less, num: no}\n", 2, "number-expected"),
        ("events:\n- {event_name: p, comparator: ~}\n", 2, "key-missing"),
        ("filters:\n- {column_name: x, comparator: equal}\n", 2, "values-missing"),
        ("filters:\n- column_name: x\n  comparator: equal\n  values: []\n", 4, "values-missing"),
        ("filters:\n- column_name: x\n  comparator: equal\n  values: ~\n", 4, "values-missing"),
        ("filters:\n- {column_name: x, comparator: equal, values: 1}\n", 2, "list-expected"),
        ("filters:\n- {column_name: x, comparator: equal, valeus: [1]}\n", 2, "key-misspelled"),
        ("filters:\n- {colum_name: x, comparator: isTrue}\n", 2, "key-misspelled"),
        ("filters:\n- {column_name: [x], comparator: isTrue}\n", 2, "wrong-type"),
        (
            "filters:\n- column_name: x\n  comparator: equal\n  values:\n  - 1\n  - ~\n",
            6,
            "filter-value-expected",
        ),
        ("filters:\n- column_name: x\n  comparator: equal\n  values:\n  - [1]\n", 5, "filter-value-expected"),
        (
            "filters:\n- column_name: x\n  comparator: equal\n  values:\n  - {a: 1}\n",
            5,
            "filter-value-expected",
        ),
        ("filters:\n- column_name: x\n  comparator: equal\n  values:\n  - 1e999\n", 5, "number-not-finite"),
        ("filters:\n- column_name: x\n  comparator: equal\n  values:\n  - NaN\n", 5, "number-not-finite"),
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
    [(_, what)] = check("filts: [{columnName: a, tableType: user, comparator: greaterThan}]")[0].mistakes
    assert str(what) == "the API has no comparator 'greaterThan'; did you mean 'greater'?"


def test_values_that_no_specification_has_are_warned_of_and_sent() -> None:
    text = (
        "relation: between\nfilts:\n- columnName: a\n  comparator: nearTo\n  tableType: moon\n  unheard: 1\n"
    )
    checker, body = check(text)
    assert body == {
        "relation": "between",
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
    checker, _ = check("filts: [{columnName: a, tableType: user, comparator: isTrue, columnDesc: A}]")
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
    assert check("events: [{eventName: p, taPropQuota: {}, uceCalcuSymbol: C03}]")[0].mistakes == []
    _, body = check("events: [{event_name: p, uceCalcuSymbol: C03}]", of_library=True)
    assert isinstance(body, dict)
    assert "comparator" not in body["events"][0]


def test_a_quota_is_an_event_of_its_own() -> None:
    _, body = check("event: {event_name: p, analysis: SUM, quota: amount}", QuotaDef, of_library=True)
    assert isinstance(body, dict)


@pytest.mark.parametrize("of_library", [True, False])
def test_text_is_what_is_written_in_the_file(*, of_library: bool) -> None:
    written = [
        "1.10",
        "NO",
        "007",
        "+86",
        "12:30:45",
        "1_000",
        "0x1F",
        "2020-01-03",
        "1234567890123456789.0",
        "yes",
    ]
    text = f"filts: [{{columnName: 010, tableType: user, comparator: equal, ftv: [{', '.join(written)}]}}]"
    checker, body = check(text, of_library=of_library)
    assert checker.mistakes == []
    assert body["filts"][0]["ftv"] == written  # type: ignore[index]
    assert body["filts"][0]["columnName"] == "010"  # type: ignore[index]


def test_quotes_and_json_change_nothing_in_what_is_written() -> None:
    text = """{"events": [{"eventName": "p", "comparator": "less", "num": 1234567890123456789.0, "taPropQuota": {}}],
 "filts": [{"columnName": "v", "tableType": "user", "comparator": "equal", "ftv": [1.10, "NaN", true, 1e2]}]}"""
    checker = Checker()
    body = checker.part(read_json(text), UserClusterDef)
    assert checker.mistakes == []
    assert body["events"][0]["num"] == "1234567890123456789.0"  # type: ignore[index,call-overload]
    assert body["filts"][0]["ftv"] == ["1.10", "NaN", "true", "1e2"]  # type: ignore[index,call-overload]


def test_a_setting_of_a_measure_is_text_in_the_librarys_names_and_a_number_in_the_apis() -> None:
    text = "events: [{eventName: p, comparator: less, taPropQuota: {analysis: PERCENTILE, quota: q, analysisParams: 90}}]"
    found = [check(text, of_library=of_library)[1] for of_library in (True, False)]
    assert [body["events"][0]["taPropQuota"]["analysisParams"] for body in found] == ["90", 90]  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "of_library", "words"),
    [
        ("filters: [{comparator: isTrue}]", True, "'column_name' is missing."),
        ("filts: [{comparator: isTrue, tableType: user}]", False, "'columnName' is missing."),
        ("filts: [{columnName: a, comparator: isTrue}]", False, "'tableType' is missing."),
        ("events: [{eventName: a, comparator: less}]", False, "'taPropQuota' is missing."),
        ("filters: [{columName: a, comparator: isTrue}]", True, "there is no key 'columName'; did you mean 'column_name'?"),
        ("filtres: []", False, "there is no key 'filtres'; did you mean 'filts'?"),
        ("filters: [{column_name: a, comparator: equal}]", True, "'equal' needs at least one value: 'values' is empty or missing."),
        ("filts: [{columnName: a, comparator: equal, tableType: user}]", False, "'equal' needs at least one value: 'ftv' is empty or missing."),
    ],
)  # fmt: skip
def test_a_definition_is_criticised_once_and_in_its_own_names(
    text: str, words: str, *, of_library: bool
) -> None:
    assert [str(what) for _, what in check(text, of_library=of_library)[0].mistakes] == [words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("relation: adn", "the specification has no relation 'adn'; it is sent as it is. Did you mean 'and'?"),
        ("event_relation: OR", "the specification has no event_relation 'OR'; it is sent as it is. Did you mean 'or'?"),
        ("filter_list: []", "the specification has no key 'filter_list' here; it is sent as it is. Did you mean 'filters'?"),
    ],
)  # fmt: skip
def test_an_unknown_word_is_sent_with_a_hint_of_what_may_be_meant(text: str, words: str) -> None:
    checker, _ = check(text, of_library=True)
    assert ([str(what) for _, what in checker.warnings], checker.mistakes) == ([words], [])


def test_what_came_from_the_server_stays_as_it_is_and_is_warned_of() -> None:
    text = """
events: [{eventName: e, num: 010, recentDay: '', filts: null}, 5]
filts: [{columnName: a, comparator: between, ftv: [~, [1], 3]}]
eventz: 1
"""
    checker = Checker(as_it_is=True)
    node = read_yaml(text)
    assert checker.part(node, UserClusterDef) == node.plain()
    assert checker.mistakes == []
    assert {what.code for _, what in checker.warnings} == {
        "comparator-unknown",
        "filter-value-expected",
        "key-misspelled",
        "key-missing",
        "object-expected",
    }


def test_only_the_librarys_property_makes_an_object_of_a_name() -> None:
    event = "{event_name: p, NAME: item}"
    for name, of_library, expected in (
        ("property", True, []),
        ("calcPropVo", True, ["object-expected"]),
        ("calcPropVo", False, ["object-expected"]),
    ):
        checker, _ = check(event.replace("NAME", name), FirstLastEvent, of_library=of_library)
        assert [what.code for _, what in checker.mistakes] == expected


def test_a_value_that_is_no_text_has_the_type_that_the_models_say() -> None:
    checker, _ = check("{event_name: p, property: i, is_first_event: 1}", FirstLastEvent, of_library=True)
    assert [str(what) for _, what in checker.mistakes] == [
        "'is_first_event' must be a boolean, not an integer."
    ]

"""The short way to write conditions, and the exact JSON that it makes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.models import (
    Comparator,
    Relation,
    UserClusterDef,
    all_of,
    any_of,
    event,
    event_property,
    structure,
    unstructure,
    user,
)
from ta_cluster_async.models.builder import MeasureBuilder

PROPERTY = user("p")
FILTERS = {
    Comparator.EQUAL: (PROPERTY.equal("a", 2), ["a", "2"]),
    Comparator.NOT_EQUAL: (PROPERTY.not_equal(3), ["3"]),
    Comparator.IS_TRUE: (PROPERTY.is_true(), []),
    Comparator.IS_FALSE: (PROPERTY.is_false(), []),
    Comparator.IS_NULL: (PROPERTY.is_null(), []),
    Comparator.NOT_NULL: (PROPERTY.not_null(), []),
    Comparator.INCLUDE: (PROPERTY.includes("x"), ["x"]),
    Comparator.NOT_INCLUDE: (PROPERTY.not_includes("x"), ["x"]),
    Comparator.LESS: (PROPERTY.less(1.5), ["1.5"]),
    Comparator.GREATER: (PROPERTY.greater(-1), ["-1"]),
    Comparator.RANGE: (PROPERTY.between(160, 5000), ["160", "5000"]),
    Comparator.REGEX_MATCH: (PROPERTY.matches("^a"), ["^a"]),
    Comparator.NOT_REGEX_MATCH: (PROPERTY.not_matches("^a"), ["^a"]),
    Comparator.RELATIVE_CURRENT_BETWEEN: (PROPERTY.relative_current_between(-7, 0), ["-7", "0"]),
    Comparator.RELATIVE_CURRENT_BEFORE: (PROPERTY.relative_current_before(-7), ["-7"]),
    Comparator.RELATIVE_EVENT_BEFORE: (PROPERTY.relative_event_before(1), ["1"]),
    Comparator.RELATIVE_EVENT_AFTER: (PROPERTY.relative_event_after(1), ["1"]),
    Comparator.RELATIVE_EVENT_ABSOLUTE: (PROPERTY.relative_event_absolute(1, 2), ["1", "2"]),
    Comparator.ARRAY_INCLUDE_ITEM: (PROPERTY.array_includes("x"), ["x"]),
    Comparator.ARRAY_NOT_INCLUDE_ITEM: (PROPERTY.array_not_includes("x"), ["x"]),
    Comparator.ARRAY_ITEM_POS: (PROPERTY.array_item_at(1, "x"), ["1", "x"]),
    Comparator.ARRAY_IS_NULL: (PROPERTY.array_is_null(), []),
    Comparator.ARRAY_NOT_NULL: (PROPERTY.array_not_null(), []),
}


def test_every_comparator_has_a_method() -> None:
    assert set(FILTERS) == set(Comparator)


@pytest.mark.parametrize("comparator", FILTERS)
def test_a_filter_sends_its_comparator_and_values(comparator: Any) -> None:
    written, values = FILTERS[comparator]
    assert unstructure(written) == {
        "columnName": "p",
        "comparator": comparator.value,
        "ftv": values,
        "tableType": "user",
    }


def test_a_filter_on_an_event_property_says_so() -> None:
    assert unstructure(event_property("#os").equal("android"))["tableType"] == "event"


def test_a_time_unit_is_sent_beside_the_values() -> None:
    assert unstructure(user("t").relative_event_after(1, time_unit="day"))["timeUnit"] == "day"


EVENT = event("pay")
MEASURES: dict[str, tuple[MeasureBuilder, dict[str, Any]]] = {
    "TIMES": (EVENT.times(), {}),
    "SUM": (EVENT.sum("amount"), {"quota": "amount"}),
    "AVG": (EVENT.avg("amount"), {"quota": "amount"}),
    "MAX": (EVENT.max("amount"), {"quota": "amount"}),
    "MIN": (EVENT.min("amount"), {"quota": "amount"}),
    "MEDIAN": (EVENT.median("amount"), {"quota": "amount"}),
    "PERCENTILE": (EVENT.percentile("amount", 95), {"quota": "amount", "analysisParams": "95"}),
    "DISTINCT": (EVENT.distinct("amount"), {"quota": "amount"}),
    "NEWER": (EVENT.measure("NEWER", "amount", 3), {"quota": "amount", "analysisParams": "3"}),
}


@pytest.mark.parametrize("analysis", MEASURES)
def test_a_measure_sends_what_it_needs(analysis: Any) -> None:
    measure, rest = MEASURES[analysis]
    assert unstructure(measure.greater(4)) == {
        "eventName": "pay",
        "comparator": "greater",
        "num": "4",
        "taPropQuota": {"analysis": analysis, **rest},
    }


def test_a_measure_is_compared_in_every_documented_way() -> None:
    times = EVENT.times()
    written = [times.greater(1), times.less(1), times.equal(1), times.not_equal(1), times.compare("newer", 1)]
    assert [condition.comparator for condition in written] == [
        "greater",
        "less",
        "equal",
        "notEqual",
        "newer",
    ]


@pytest.mark.parametrize("percent", [0, 101, -1, float("nan")])
def test_a_percentile_beyond_1_to_100_is_refused(percent: Any) -> None:
    with pytest.raises(InvalidRequest, match="1 <= percent <= 100"):
        EVENT.percentile("amount", percent)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4, "4"),
        (4.0, "4"),
        (0.5, "0.5"),
        (1e-7, "0.0000001"),
        (1e22, "10000000000000000000000"),
        ("4.0", "4.0"),
        ("", ""),
        (datetime(2020, 1, 3, 4, 5, 6), "2020-01-03 04:05:06"),  # noqa: DTZ001 - the server's times have no zone
    ],
)
def test_numbers_and_times_become_text(value: Any, text: Any) -> None:
    assert user("p").equal(value).values == (text,)


@pytest.mark.parametrize("number", ["lots", "", "4 ", "1_000", "１", True, None, float("nan")])
def test_a_measure_is_compared_with_numbers_alone(number: Any) -> None:
    with pytest.raises(InvalidRequest):
        EVENT.times().greater(number)


@pytest.mark.parametrize("number", ["4", "-4.5", "1e3", ".5", 4, 4.5])
def test_the_text_of_a_number_is_a_number(number: Any) -> None:
    assert EVENT.times().greater(number).num == str(number)


def test_what_a_newer_comparator_compares_a_measure_with_is_the_servers_business() -> None:
    assert EVENT.times().compare("range", "1,5").num == "1,5"


@pytest.mark.parametrize("comparator", ["equal", Comparator.NOT_EQUAL, "include", "range", "regexMatch"])
def test_a_comparator_that_needs_a_value_is_refused_without_one(comparator: Any) -> None:
    with pytest.raises(InvalidRequest, match="needs at least one value to compare 'level' with"):
        user("level").compare(comparator)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, [], datetime(2020, 1, 3, tzinfo=UTC)])
def test_what_is_no_number_text_or_server_time_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest):
        user("p").equal(value)


@pytest.mark.parametrize("value", [True, False])
def test_true_and_false_have_comparators_of_their_own(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="is_true"):
        user("vip").equal(value)


def test_all_of_joins_events_and_properties_by_and() -> None:
    login, level = event("login").times().greater(1), user("level").equal(3)
    assert all_of(login, level) == UserClusterDef(events=[login], filters=[level])


def test_all_of_nothing_are_all_users() -> None:
    assert all_of() == UserClusterDef()


def test_any_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="needs a condition"):
        any_of()


@pytest.mark.parametrize("join", [all_of, any_of])
def test_a_measure_that_is_compared_with_nothing_is_no_condition(join: Any) -> None:
    # Left out without a word, it would make a cluster of all users.
    with pytest.raises(InvalidRequest, match="ends with a comparison"):
        join(user("level").equal(3), event("login").times())


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("isNotNull", "notNull"),
        ("absoluteBetween", "range"),
        ("NOTEQUAL", "notEqual"),
        ("not_equal", "notEqual"),
        ("greaterThan", "greater"),
    ],
)
def test_a_comparator_that_looks_like_a_slip_is_hinted_at_and_sent_as_it_is(written: str, meant: str) -> None:
    with pytest.warns(UserWarning, match=f"no comparator '{written}'; '{meant}' may be meant") as caught:
        written_filter = user("level").compare(written)
    assert unstructure(written_filter)["comparator"] == written
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(UserWarning, match=f"'{meant}' may be meant"):
        EVENT.times().compare(written, 4)


@pytest.mark.parametrize("word", ["newer", "C03", "", *Comparator])
def test_a_comparator_of_the_servers_own_is_sent_without_a_hint(word: str) -> None:
    assert unstructure(user("level").compare(word, 1))["comparator"] == word


def test_a_definition_that_is_read_gives_no_hint() -> None:
    read = structure(UserClusterDef, {"filts": [{"comparator": "isNotNull"}]})
    assert unstructure(read) == {"filts": [{"comparator": "isNotNull"}]}


def test_any_of_joins_events_and_properties_by_or() -> None:
    login, level = event("login").times().greater(1), user("level").equal(3)
    assert any_of(level, login) == UserClusterDef(
        events=[login],
        filters=[level],
        event_relation=Relation.OR,
        relation=Relation.OR,
        event_user_relation=Relation.OR,
    )


def test_a_group_of_events_or_of_properties_may_be_nested() -> None:
    login, pay = event("login").times().greater(1), event("pay").times().greater(2)
    level, vip = user("level").equal(3), user("vip").is_true()
    assert all_of(any_of(login, pay), level, vip) == UserClusterDef(
        events=[login, pay], filters=[level, vip], event_relation=Relation.OR
    )
    assert all_of(any_of(level, vip), login) == UserClusterDef(
        events=[login], filters=[level, vip], relation=Relation.OR
    )
    assert any_of(all_of(login, pay), all_of(level, vip)) == UserClusterDef(
        events=[login, pay], filters=[level, vip], event_user_relation=Relation.OR
    )


@pytest.mark.parametrize(
    "nested",
    [
        (all_of(), user("level").is_null()),
        (any_of(event("login").times().greater(1)), event("pay").times().greater(2)),
        (any_of(user("vip").is_true()), user("level").is_null()),
        (any_of(event("login").times().greater(1), user("vip").is_true()),),
        (UserClusterDef(events=[event("login").times().greater(1)], extra={"newer": 1}),),
        (UserClusterDef(filters=[user("vip").is_true()], extra={"newer": 1}),),
    ],
)
def test_a_group_that_the_api_cannot_say_is_refused(nested: tuple[UserClusterDef, ...]) -> None:
    with pytest.raises(InvalidRequest, match="a nested all_of"):
        all_of(*nested)

"""What a definition written in Python sends, and what changing one that was read does."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, cast

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError

from ta_cluster_async.errors import InvalidRequest, SchemaError
from ta_cluster_async.models import (
    Analysis,
    Comparator,
    ConditionTag,
    EventCondition,
    EventQuota,
    FirstLastEvent,
    PropertyFilter,
    QuotaEvent,
    Relation,
    TableType,
    TagKind,
    UserClusterDef,
    UserTagDef,
    event,
    event_property,
    recent_days,
    structure,
    unstructure,
)


def test_an_empty_definition_sends_both_groups_and_all_relations() -> None:
    assert unstructure(UserClusterDef()) == {
        "events": [],
        "event_relation": "and",
        "filts": [],
        "relation": "and",
        "event_user_relation": "and",
    }


def test_a_new_condition_counts_events_unless_it_says_otherwise() -> None:
    assert unstructure(EventCondition("login", "greater", "4")) == {
        "eventName": "login",
        "comparator": "greater",
        "num": "4",
        "taPropQuota": {"analysis": "TIMES"},
    }


def test_a_new_filter_is_about_the_user_unless_it_says_otherwise() -> None:
    assert unstructure(PropertyFilter("vip", Comparator.IS_TRUE)) == {
        "columnName": "vip",
        "comparator": "isTrue",
        "ftv": [],
        "tableType": "user",
    }


def test_lists_become_tuples_so_that_a_definition_does_not_change_later() -> None:
    filters = [PropertyFilter("vip", "isTrue")]
    definition = UserClusterDef(filters=filters)
    filters.clear()
    assert definition.filters == (PropertyFilter("vip", "isTrue"),)


def test_the_keys_to_send_are_copied_so_that_a_definition_does_not_change_later() -> None:
    unknown = {"columnDesc": "x"}
    kept = PropertyFilter("vip", "isTrue", extra=unknown)
    unknown.clear()
    assert unstructure(kept)["columnDesc"] == "x"


def test_a_definition_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        UserClusterDef().relation = "or"  # type: ignore[misc]


def test_equal_definitions_are_equal_and_may_be_keys() -> None:
    one, other = (UserClusterDef(events=[event("login").times().greater(4)]) for _ in range(2))
    assert one == other
    assert len({one, other}) == 1


def test_words_of_a_vocabulary_and_their_members_mean_the_same() -> None:
    assert PropertyFilter("a", "equal", ["3"], "user") == PropertyFilter(
        "a", Comparator.EQUAL, ["3"], TableType.USER
    )


def test_a_single_text_in_place_of_a_list_of_values_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="list"):
        PropertyFilter("user_level", "equal", "30")


def test_a_known_word_reads_as_its_member_and_an_unknown_one_stays_text() -> None:
    known = structure(EventQuota, {"analysis": "SUM"})
    assert known.analysis is Analysis.SUM
    newer = structure(EventQuota, {"analysis": "STDDEV"})
    assert newer.analysis == "STDDEV"
    assert type(newer.analysis) is str
    assert unstructure(newer) == {"analysis": "STDDEV"}


def test_what_is_sent_are_plain_strings() -> None:
    sent = unstructure(PropertyFilter("a", Comparator.EQUAL, ["3"], TableType.USER))
    assert {type(sent["comparator"]), type(sent["tableType"])} == {str}


def test_a_known_key_of_an_unknown_type_is_kept_but_has_no_field() -> None:
    read = structure(EventCondition, {"eventName": "a", "recentDay": 7, "filts": [3]})
    assert (read.recent_day, read.filters) == (None, None)
    assert read.extra == {"recentDay": 7, "filts": [3]}


@pytest.mark.parametrize("num", [0, 1.5, True])
def test_a_number_stays_as_it_came_also_beside_the_older_key_of_the_comparator(num: Any) -> None:
    value = {"eventName": "a", "uceCalcuSymbol": "greater", "num": num}
    assert unstructure(structure(EventCondition, value)) == value
    assert type(unstructure(structure(EventCondition, value))["num"]) is type(num)


def test_a_day_is_its_first_second() -> None:
    condition = EventCondition("a", None, start_time=date(2020, 1, 3))
    assert unstructure(condition)["startTime"] == "2020-01-03 00:00:00"


def test_a_time_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="list"):
        EventCondition("a", None, start_time=cast("Any", [2020]))


def test_a_field_that_is_set_again_wins_over_what_was_kept() -> None:
    read = structure(EventCondition, {"eventName": "a", "recentDay": 7})
    assert unstructure(evolve(read, recent_day="1-7")) == {"eventName": "a", "recentDay": "1-7"}


def test_a_field_that_is_set_to_none_is_not_sent() -> None:
    read = structure(PropertyFilter, {"columnName": "a", "comparator": "equal", "ftv": ["3"]})
    assert unstructure(evolve(read, values=None)) == {"columnName": "a", "comparator": "equal"}


def test_changing_one_field_keeps_everything_else() -> None:
    value: dict[str, Any] = {
        "events": [{"eventName": "a", "x": [1]}],
        "relation": "or",
        "eventSplit": {"idx": 0},
    }
    read = structure(UserClusterDef, value)
    changed = evolve(read, events=[evolve(condition, event_name="b") for condition in read.events or ()])
    assert unstructure(changed) == value | {"events": [{"eventName": "b", "x": [1]}]}


def test_the_older_key_of_the_comparator_is_read_and_kept() -> None:
    read = structure(EventCondition, {"eventName": "a", "uceCalcuSymbol": "greater"})
    assert read.comparator is Comparator.GREATER
    assert unstructure(evolve(read, comparator="less")) == {"eventName": "a", "uceCalcuSymbol": "less"}
    assert unstructure(evolve(read, comparator=None)) == {"eventName": "a"}


def test_the_key_of_the_comparator_makes_no_difference_between_conditions() -> None:
    older = structure(EventCondition, {"eventName": "a", "uceCalcuSymbol": "greater"})
    assert older == structure(EventCondition, {"eventName": "a", "comparator": "greater"})
    assert "uceCalcuSymbol" not in repr(older)


def test_a_null_comparator_leaves_the_older_key_its_say() -> None:
    value: dict[str, Any] = {"uceCalcuSymbol": "less", "eventName": "a", "comparator": None}
    read = structure(EventCondition, value)
    assert read.comparator is Comparator.LESS
    assert unstructure(read) == value
    assert unstructure(evolve(read, comparator="greater")) == value | {"uceCalcuSymbol": "greater"}


@pytest.mark.parametrize("comparator", ["less", 3])
def test_with_both_keys_the_comparator_is_the_one_of_that_name(comparator: Any) -> None:
    value = {"comparator": comparator, "uceCalcuSymbol": "C03"}
    read = structure(EventCondition, value)
    assert read.comparator == ("less" if comparator == "less" else None)
    assert read.extra["uceCalcuSymbol"] == "C03"
    assert unstructure(read) == value


def test_a_time_in_the_format_of_the_server_is_read_as_one() -> None:
    read = structure(EventCondition, {"startTime": "2020-01-03 00:00:00", "endTime": "someday"})
    assert read.start_time == datetime(2020, 1, 3)  # noqa: DTZ001 - the server's times have no zone
    assert read.end_time == "someday"


def test_relative_days_take_the_place_of_a_fixed_period() -> None:
    fixed = structure(EventCondition, {"startTime": "2020-01-03 00:00:00", "endTime": "2020-01-09 00:00:00"})
    assert unstructure(fixed.recent_days(1, 7)) == {"recentDay": "1-7"}


def test_relative_days_take_the_place_of_times_of_an_unknown_type() -> None:
    fixed = structure(EventCondition, {"startTime": 1578009600, "endTime": None, "zone": 8})
    assert unstructure(fixed.recent_days(1, 7)) == {"recentDay": "1-7", "zone": 8}


def test_a_fixed_period_takes_the_place_of_relative_days_of_an_unknown_type() -> None:
    # They would take precedence, and the change would have no effect.
    relative = structure(EventCondition, {"recentDay": [1, 7], "zone": 8})
    assert unstructure(relative.between_times("2020-01-03 00:00:00", "2020-01-09 00:00:00")) == {
        "startTime": "2020-01-03 00:00:00",
        "endTime": "2020-01-09 00:00:00",
        "zone": 8,
    }


def test_a_fixed_period_may_be_one_day_but_not_end_before_it_begins() -> None:
    condition = event("login").times().greater(4)
    day = "2020-01-03 00:00:00"
    assert unstructure(condition.between_times(day, day))["endTime"] == day
    with pytest.raises(InvalidRequest, match="not after the end"):
        condition.between_times(day, "2020-01-02 00:00:00")


def test_a_fixed_period_takes_the_place_of_relative_days() -> None:
    relative = structure(EventCondition, {"recentDay": "1-7"})
    start = datetime(2020, 1, 3, 4, 5, 6, 789)  # noqa: DTZ001 - the server's times have no zone
    assert unstructure(relative.between_times(start, "2020-01-09 00:00:00")) == {
        "startTime": "2020-01-03 04:05:06",
        "endTime": "2020-01-09 00:00:00",
    }


def test_a_time_with_a_zone_is_refused() -> None:
    condition = event("login").times().greater(4)
    with pytest.raises(InvalidRequest, match="zone"):
        condition.between_times(datetime(2020, 1, 3, tzinfo=UTC), datetime(2020, 1, 9, tzinfo=UTC))


def test_conditions_on_an_event_add_up() -> None:
    condition = event("pay").times().greater(0).where(event_property("#os").equal("ios"))
    both = condition.where(event_property("amount").greater(5), relation=Relation.OR)
    assert unstructure(both)["relation"] == "or"
    assert [f.column_name for f in both.filters or ()] == ["#os", "amount"]
    assert [f.column_name for f in condition.filters or ()] == ["#os"]


def test_one_more_condition_on_an_event_keeps_those_it_has_joined_by_and() -> None:
    amount = event_property("amount")
    condition = (
        event("pay").times().greater(0).where(amount.greater(1), amount.less(9)).where(amount.not_null())
    )
    assert condition.relation == "and"
    assert len(condition.filters or ()) == 3


def test_one_more_condition_does_not_change_how_several_others_are_joined_unasked() -> None:
    amount = event_property("amount")
    either = event("pay").times().greater(0).where(amount.greater(9), amount.less(1), relation="or")
    with pytest.raises(InvalidRequest, match="joined by 'or' already"):
        either.where(amount.not_null())
    assert either.where(amount.not_null(), relation="or").relation == "or"
    assert either.where(amount.not_null(), relation="and").relation == "and"


@pytest.mark.parametrize(
    "make",
    [
        lambda: UserClusterDef(events=[event("login").times()]),  # type: ignore[list-item]
        lambda: UserClusterDef(events=[event_property("#os").equal("ios")]),  # type: ignore[list-item]
        lambda: UserClusterDef(filters=[event("login").times().greater(1)]),  # type: ignore[list-item]
        lambda: event("login").times().greater(1).where(event_property("#os")),  # type: ignore[arg-type]
        lambda: UserTagDef(values=[UserClusterDef()]),  # type: ignore[list-item]
        lambda: ConditionTag("a", "A", [UserClusterDef()]),  # type: ignore[list-item]
    ],
    ids=range(6),
)
def test_what_does_not_belong_in_a_list_of_conditions_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make()
    assert caught.value.code == "part-of-other-type"


@pytest.mark.parametrize(
    ("first", "last", "text"), [(0, 1, "0-1"), (0, 7, "0-7"), (1, 1, "1-1"), (1, 7, "1-7"), (3, 9, "3-9")]
)
def test_relative_days_are_sent_as_text(first: Any, last: Any, text: Any) -> None:
    assert recent_days(first, last) == text


@pytest.mark.parametrize(("first", "last"), [(-1, 7), (7, 1), (0, 0), (True, 7), (1, 7.0), ("1", "7")])
def test_relative_days_that_mean_nothing_are_refused(first: Any, last: Any) -> None:
    with pytest.raises(InvalidRequest, match="first <= last"):
        recent_days(first, last)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"userTagValueDefs": []}, TagKind.VALUES),
        ({"userTagConFirstLastEventDef": {}}, TagKind.FIRST_LAST_EVENT),
        ({"userTagConQuotaDef": {}}, TagKind.QUOTA),
        ({"userTagValueDefs": [], "userTagConQuotaDef": {}}, None),
        ({"newerKindOfTag": {}}, None),
    ],
)
def test_the_kind_of_a_tag_follows_from_its_definition(value: Any, kind: Any) -> None:
    assert structure(UserTagDef, value).kind is kind


def test_a_repr_shows_what_is_set_and_nothing_else() -> None:
    read = structure(EventCondition, {"eventName": "a", "comparator": "less", "unknown": None})
    assert repr(read) == "EventCondition(event_name='a', comparator='less', extra={'unknown': None})"
    assert repr(EventQuota()) == "EventQuota(analysis='TIMES')"


def test_where_without_a_condition_adds_nothing() -> None:
    condition = event("login").times().greater(4)
    assert condition.where() == condition
    assert "relation" not in condition.where().to_wire()
    assert condition.where(relation="or").relation == "or"


@pytest.mark.parametrize(
    "made", [FirstLastEvent("pay", "amount", recent_day="0-1"), QuotaEvent("pay", "SUM", "amount")]
)
def test_the_event_of_a_tag_has_relative_days_and_fixed_times(made: Any) -> None:
    relative = made.recent_days(1, 7).to_wire()
    assert relative["recentDay"] == "1-7"
    assert not {"startTime", "endTime"} & relative.keys()
    fixed = made.between_times(date(2020, 1, 3), "2020-01-09 00:00:00")
    sent = fixed.to_wire()
    assert (sent["startTime"], sent["endTime"]) == ("2020-01-03 00:00:00", "2020-01-09 00:00:00")
    assert "recentDay" not in sent
    assert type(made).from_wire(sent) == fixed
    with pytest.raises(InvalidRequest, match="not after the end"):
        made.between_times(date(2020, 1, 9), date(2020, 1, 3))


@pytest.mark.parametrize("time", [5, b"2020", [], True])
def test_what_is_no_time_is_refused_by_the_name_of_its_class(time: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"not {type(time).__name__}"):
        event("login").times().greater(4).between_times(time, "2020-01-09 00:00:00")


def test_the_percentile_of_a_tag_is_sent_as_text() -> None:
    made = QuotaEvent("pay", "PERCENTILE", "amount", analysis_params=95)
    assert made.to_wire()["analysisParams"] == "95"


def test_every_model_goes_to_the_wire_and_back() -> None:
    definition = UserClusterDef(events=[event("login").times().greater(4)])
    assert UserClusterDef.from_wire(definition.to_wire()) == definition
    with pytest.raises(SchemaError, match="qp must be an object"):
        UserClusterDef.from_wire([], path="qp")

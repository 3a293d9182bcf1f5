"""Values of other classes go out as what they mean, and what means nothing is refused by the name of its class."""

import enum
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

import pytest
from attrs import evolve

from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.models import (
    ConditionCluster,
    ConditionTag,
    EventCondition,
    EventQuota,
    FirstLastEvent,
    PropertyFilter,
    QuotaEvent,
    TagValue,
    UserClusterDef,
    create_body,
    event,
    structure,
    unstructure,
    user,
)
from ta_cluster_async.models.scalars import AsRead, plain_scalar
from ta_cluster_async.models.texts import value_text

numpy = cast("Any", pytest.importorskip("numpy"))
pandas = cast("Any", pytest.importorskip("pandas"))


class Tier(str, enum.Enum):  # noqa: UP042  (its str() is its name, which is what goes wrong)
    GOLD = "gold"


class Level(enum.IntEnum):
    TEN = 10


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "another text"


class Money(float):
    def __repr__(self) -> str:
        return "EUR"

    __str__ = __repr__


class Digits(Decimal):
    def __str__(self) -> str:
        return "digits"


class Day(date):
    def isoformat(self) -> str:
        return "someday"


class Index:
    """An integer of another library."""

    def __index__(self) -> int:
        return 7


class NoIndex:
    def __index__(self) -> int:
        raise TypeError


MEANINGS = [
    (Tier.GOLD, "gold"),
    (Level.TEN, 10),
    (Text("x"), "x"),
    (Money(1.5), 1.5),
    (Digits("1.10"), Decimal("1.10")),
    (Day(2020, 1, 3), date(2020, 1, 3)),
    (Index(), 7),
    (numpy.str_("x"), "x"),
    (numpy.int64(-3), -3),
    (numpy.uint64(2**64 - 1), 2**64 - 1),
    (numpy.bool_(True), True),  # noqa: FBT003
    (numpy.float64(1.1), 1.1),
    (numpy.float32(0.1), 0.1),
    (numpy.float16(0.1), 0.1),
    (numpy.longdouble(0.5), 0.5),
    (numpy.datetime64("2020-01-03"), date(2020, 1, 3)),
    (numpy.datetime64("2020-01-03T04:05:06.000000001"), datetime(2020, 1, 3, 4, 5, 6)),  # noqa: DTZ001
    (numpy.datetime64("2020-01-03T04"), datetime(2020, 1, 3, 4)),  # noqa: DTZ001
    (pandas.Timestamp("2020-01-03 04:05:06"), datetime(2020, 1, 3, 4, 5, 6)),  # noqa: DTZ001
    (pandas.Series([1, 2]).quantile(0.9), 1.9),
]
WITHOUT_MEANING = [
    pandas.NaT,
    pandas.NA,
    numpy.datetime64("NaT"),
    numpy.datetime64("NaT", "s"),
    numpy.datetime64("2020-01"),
    numpy.timedelta64(3, "D"),
    numpy.bytes_(b"x"),
    numpy.longdouble("0.1"),
    numpy.array(5),
    numpy.array([5]),
    numpy.dtype("int64"),
    NoIndex(),
    Fraction(1, 2),
    b"x",
    [],
    None,
]


@pytest.mark.parametrize(("value", "meant"), MEANINGS, ids=lambda value: type(value).__name__)
def test_a_value_of_another_class_becomes_the_plain_one_that_it_means(value: Any, meant: Any) -> None:
    plain = plain_scalar(value)
    assert (type(plain), plain) == (type(meant), meant)


@pytest.mark.parametrize("value", WITHOUT_MEANING, ids=lambda value: type(value).__name__)
def test_what_means_nothing_plain_stays_and_is_refused_by_the_name_of_its_class(value: Any) -> None:
    assert plain_scalar(value) is value
    with pytest.raises(InvalidRequest, match=f"not {type(value).__name__}"):
        value_text(value)


@pytest.mark.parametrize("value", [numpy.float32("nan"), numpy.float64("inf"), Decimal("NaN"), Money("nan")])
def test_what_is_not_finite_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="a finite number"):
        user("p").greater(value)


def test_a_time_keeps_its_zone_and_so_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="zone"):
        user("p").greater(pandas.Timestamp("2020-01-03", tz="UTC"))


def test_a_numpy_boolean_is_one() -> None:
    with pytest.raises(InvalidRequest, match="is_true"):
        user("p").equal(numpy.bool_(False))  # noqa: FBT003


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Tier.GOLD, "gold"),
        (numpy.float64(244.2), "244.2"),
        (numpy.int64(10**18 + 1), "1000000000000000001"),
        (Decimal("1.10"), "1.10"),
        (Decimal("1E+3"), "1000"),
        (date(2020, 1, 3), "2020-01-03"),
        (pandas.Timestamp("2020-01-03"), "2020-01-03 00:00:00"),
    ],
)
def test_the_builder_and_the_spelled_out_filter_write_the_same_text(value: Any, text: str) -> None:
    assert unstructure(user("p").equal(value))["ftv"] == [text]
    assert unstructure(PropertyFilter("p", "equal", [value]))["ftv"] == [text]
    assert unstructure(TagValue(value, None))["tagValue"] == text


def test_the_builder_and_the_spelled_out_condition_write_the_same_number() -> None:
    for number in (4, 4.0, "4", numpy.int64(4), Decimal(4), numpy.float32(4)):
        written = event("pay").times().greater(number)
        assert written == EventCondition("pay", "greater", number)
        assert written.num == "4"
    assert event("pay").percentile("p", 95).quota == EventQuota("PERCENTILE", "p", 95)
    assert unstructure(EventQuota("PERCENTILE", "p", 95))["analysisParams"] == "95"


@pytest.mark.parametrize("values", [[3, True], [None], [[3]], [{}], [b"3"], b"30", "30"])
def test_a_spelled_out_filter_takes_no_other_values_than_the_builder(values: Any) -> None:
    with pytest.raises(InvalidRequest):
        PropertyFilter("p", "equal", values)


@pytest.mark.parametrize("number", [True, date(2020, 1, 3), float("nan"), [], b"4"])
def test_a_spelled_out_condition_takes_no_other_numbers_than_the_builder(number: Any) -> None:
    for make in (event("pay").times().greater, lambda num: EventCondition("pay", "greater", num)):
        with pytest.raises(InvalidRequest, match=f"not {type(number).__name__}"):
            make(number)


@pytest.mark.parametrize("value", [True, float("nan"), [], pandas.NaT])
def test_a_tag_value_without_a_text_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"A tag value must .*, not {type(value).__name__}"):
        TagValue(value, None)


@pytest.mark.parametrize("days", ["last week", "7-1", "0-0", "", "1-7 ", 7, True])
def test_relative_days_without_a_meaning_are_refused_wherever_they_are_spelled_out(days: Any) -> None:
    for make in (
        lambda: EventCondition("a", "greater", 4, days),
        lambda: FirstLastEvent("a", "p", recent_day=days),
        lambda: QuotaEvent("a", "SUM", "p", days),
    ):
        with pytest.raises(InvalidRequest, match="'recent_day' must be a range of days"):
            make()


def test_days_that_mean_nothing_are_read_and_go_back_and_do_not_hinder_a_change() -> None:
    # Servers have "" there, beside a fixed period.
    value: dict[str, Any] = {"eventName": "a", "recentDay": ""}
    read = structure(EventCondition, value)
    assert read.recent_day is None
    assert unstructure(evolve(read, event_name="b")) == {"eventName": "b", "recentDay": ""}
    assert unstructure(read.recent_days(1, 7)) == {"eventName": "a", "recentDay": "1-7"}


def test_numbers_and_booleans_that_a_server_answered_go_back_unchanged_also_after_a_change() -> None:
    value: dict[str, Any] = {"columnName": "p", "comparator": "equal", "ftv": [3, True, "4", None]}
    read = structure(PropertyFilter, value)
    assert read.values == (3, True, "4", None)
    assert isinstance(read.values, AsRead)
    assert unstructure(evolve(read, comparator="notEqual")) == {**value, "comparator": "notEqual"}
    assert unstructure(evolve(read, values=[*"ab", 3]))["ftv"] == ["a", "b", "3"]


def test_a_number_that_a_server_answered_goes_back_with_its_type() -> None:
    value: dict[str, Any] = {"num": 4, "taPropQuota": {"analysisParams": 95.5}}
    read = structure(EventCondition, value)
    assert read.num == 4
    assert unstructure(read) == value


def test_words_and_flags_of_other_classes_are_sent_as_plain_ones() -> None:
    written = EventCondition(Text("pay"), Tier.GOLD, extra={"timeUnit": Text("day")})
    sent = unstructure(written)
    assert sent == {
        "eventName": "pay",
        "comparator": "gold",
        "taPropQuota": {"analysis": "TIMES"},
        "timeUnit": "day",
    }
    assert {type(value) for value in sent.values()} == {str, dict}
    first = unstructure(FirstLastEvent("pay", "p", is_first_event=numpy.bool_(False)))  # noqa: FBT003
    assert first["isFirstEvent"] is False


def test_names_of_other_classes_are_sent_as_plain_ones() -> None:
    cluster = ConditionCluster(Tier.GOLD, Text("Gold"), UserClusterDef(), Text("cluster_by_magic"))
    sent = create_body(cluster)
    assert {key: (type(sent[key]), sent[key]) for key in ("clusterName", "displayName", "clusterType")} == {
        "clusterName": (str, "gold"),
        "displayName": (str, "Gold"),
        "clusterType": (str, "cluster_by_magic"),
    }
    tag = ConditionTag("a", "A", [TagValue(Tier.GOLD, UserClusterDef())])
    [value] = cast("Any", create_body(tag))["tagQp"]["userTagValueDefs"]
    assert type(value["tagValue"]) is str
    assert value["tagValue"] == "gold"


def test_a_mapping_is_sent_with_plain_values_at_every_depth() -> None:
    given = {"clusterName": Tier.GOLD, "qp": {"filts": [{"ftv": (numpy.str_("x"), numpy.int64(3))}]}}
    sent = cast("Any", create_body(given))
    assert type(sent["clusterName"]) is str
    assert [type(value) for value in sent["qp"]["filts"][0]["ftv"]] == [str, int]


def test_a_type_of_another_class_tells_the_catalog() -> None:
    assert create_body({"clusterType": Text("tag_by_newer_way")})["clusterCatalog"] == "catalog_tag"

"""Numbers of many digits are compared exactly, in tables of users and of events."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest

from ta_cluster_async.emulator.query.data import Database
from ta_cluster_async.emulator.query.errors import EvaluationError
from ta_cluster_async.emulator.query.evaluate import cluster_members, tag_values
from ta_cluster_async.emulator.query.values import as_number

NOW = datetime(2024, 5, 4, 12)  # noqa: DTZ001 - server times have no zone

# A column's type and three neighbours that it can have, far apart in nothing but their last digit.
COLUMNS: dict[str, tuple[pa.DataType, tuple[Any, Any, Any]]] = {
    "2 ** 53": (pa.int64(), (2**53, 2**53 + 1, 2**53 + 2)),
    "below 2 ** 53": (pa.int64(), (-(2**53) - 2, -(2**53) - 1, -(2**53))),
    "2 ** 63": (pa.int64(), (2**63 - 3, 2**63 - 2, 2**63 - 1)),
    "-2 ** 63": (pa.int64(), (-(2**63) + 1, -(2**63) + 2, -(2**63) + 3)),
    "2 ** 64": (pa.uint64(), (2**64 - 3, 2**64 - 2, 2**64 - 1)),
    "30 digits": (pa.decimal128(38, 0), (10**29 + 1, 10**29 + 2, 10**29 + 3)),
    "38 digits": (pa.decimal128(38, 0), (10**38 - 3, 10**38 - 2, 10**38 - 1)),
    "a fraction of 20 digits": (
        pa.decimal128(20, 2),
        (
            Decimal("100000000000000000.10"),
            Decimal("100000000000000000.11"),
            Decimal("100000000000000000.12"),
        ),
    ),
    "small decimals": (pa.decimal128(10, 2), (Decimal("-0.01"), Decimal("0.00"), Decimal("0.01"))),
    "doubles": (pa.float64(), (0.1, 0.30000000000000004, 1e23)),
}
ACCOUNTS = ("low", "mid", "high")


def by_user(of_type: pa.DataType, values: tuple[Any, ...]) -> tuple[Any, Any]:
    users = {"#account_id": [*ACCOUNTS, "none"], "n": pa.array([*values, None], of_type)}
    return None, pa.table(users)


def by_event(of_type: pa.DataType, values: tuple[Any, ...]) -> tuple[Any, Any]:
    events = {
        "#account_id": [*ACCOUNTS, "none"],
        "#event_name": ["pay"] * 4,
        "#event_time": [NOW] * 4,
        "n": pa.array([*values, None], of_type),
    }
    return pa.table(events), None


def user_filter(comparator: str, *values: object) -> dict[str, Any]:
    return {
        "filts": [{"tableType": "user", "columnName": "n", "comparator": comparator, "ftv": list(values)}]
    }


def event_filter(comparator: str, *values: object) -> dict[str, Any]:
    filt = {"tableType": "event", "columnName": "n", "comparator": comparator, "ftv": list(values)}
    return {
        "events": [
            {"eventName": "pay", "comparator": "greater", "num": "0", "taPropQuota": {}, "filts": [filt]}
        ]
    }


def measured(analysis: str) -> Callable[..., dict[str, Any]]:
    def condition(comparator: str, *values: object) -> dict[str, Any]:
        num = values[0] if len(values) == 1 else list(values)
        quota = {"analysis": analysis, "quota": "n"}
        return {"events": [{"eventName": "pay", "comparator": comparator, "num": num, "taPropQuota": quota}]}

    return condition


PLACES: dict[str, tuple[Callable[..., Any], Callable[..., dict[str, Any]]]] = {
    "a user property": (by_user, user_filter),
    "an event property": (by_event, event_filter),
    "a maximum": (by_event, measured("MAX")),
}


def text(number: Any) -> str:
    return format(Decimal(repr(number)) if isinstance(number, float) else Decimal(number), "f")


@pytest.fixture(
    scope="module", params=[(place, column) for place in PLACES for column in COLUMNS], ids=" of ".join
)
def column(request: pytest.FixtureRequest) -> Iterator[tuple[Callable[..., set[str]], list[str]]]:
    """How to find accounts by a comparison, and the texts of the three neighbours."""
    place, name = request.param
    tables, condition = PLACES[place]
    of_type, values = COLUMNS[name]
    database = Database(*tables(of_type, values), now=NOW)

    def find(comparator: str, *numbers: object) -> set[str]:
        return set(cluster_members(database, condition(comparator, *numbers), now=NOW))

    yield find, [text(value) for value in values]
    database.close()


def test_neighbours_are_told_apart(column: tuple[Callable[..., set[str]], list[str]]) -> None:
    find, (low, mid, high) = column

    assert find("equal", mid) == {"mid"}
    assert find("equal", low, high) == {"low", "high"}
    assert find("notEqual", mid) == {"low", "high"}
    assert find("less", mid) == {"low"}
    assert find("greater", mid) == {"high"}
    assert find("range", mid, high) == {"mid", "high"}
    assert find("range", low, mid) == {"low", "mid"}
    assert find("range", high, low) == set()


def test_one_fraction_in_a_list_spoils_nothing(column: tuple[Callable[..., set[str]], list[str]]) -> None:
    find, (_, mid, _) = column

    assert find("equal", mid, "0.5", "1e-300", "1e300") == {"mid"}
    assert find("notEqual", mid, "0.5", "1e-300", "1e300") == {"low", "high"}
    assert find("equal", "0.5", "1e300") == set()
    assert find("notEqual", "0.5", "1e300") == {"low", "mid", "high"}
    assert find("equal", f"{mid}{'' if '.' in mid else '.'}000") == {"mid"}


@pytest.mark.parametrize("far", ["9" * 300, "170141183460469231731687303715884105728"])
def test_numbers_beyond_a_column_bound_all_or_nothing(
    column: tuple[Callable[..., set[str]], list[str]], far: str
) -> None:
    find, _ = column
    everybody = {"low", "mid", "high"}

    assert find("less", far) == everybody
    assert find("less", f"-{far}") == set()
    assert find("greater", far) == set()
    assert find("greater", f"-{far}") == everybody
    assert find("range", f"-{far}", far) == everybody
    assert find("range", far, "2e300") == set()
    assert find("range", "-2e300", f"-{far}") == set()
    assert find("equal", far, f"-{far}") == set()


@pytest.mark.parametrize("place", [by_user, by_event])
def test_a_bound_between_two_values_is_none_of_them(place: Callable[..., Any]) -> None:
    condition = user_filter if place is by_user else event_filter
    database = Database(*place(pa.int64(), (2**60, 2**60 + 1, 2**60 + 2)), now=NOW)
    between = f"{2**60}.5"

    def find(comparator: str, *numbers: object) -> set[str]:
        return set(cluster_members(database, condition(comparator, *numbers), now=NOW))

    assert find("less", between) == {"low"}
    assert find("greater", between) == {"mid", "high"}
    assert find("equal", between) == set()
    assert find("range", between, f"{2**60 + 1}.5") == {"mid"}
    assert find("equal", 2**60 + 1) == {"mid"}
    database.close()


def test_a_double_is_what_is_written_for_it() -> None:
    database = Database(*by_user(pa.float64(), (float(2**53), 0.1, 1e23)), now=NOW)

    def find(comparator: str, *numbers: object) -> set[str]:
        return set(cluster_members(database, user_filter(comparator, *numbers), now=NOW))

    assert find("equal", "9007199254740992") == {"low"}
    assert find("equal", "9007199254740993") == set()
    assert find("less", "9007199254740993") == {"low", "mid"}
    assert find("greater", "9007199254740991.5") == {"low", "high"}
    assert find("equal", "0.1", "100000000000000000000000") == {"mid", "high"}
    assert find("equal", 0.1, 1e23) == {"mid", "high"}
    assert find("less", "0.1000000000000000055511151231257827") == {"mid"}
    assert find("greater", "0.09999999999999999") == {"low", "mid", "high"}
    database.close()


def test_sums_of_many_digits_are_exact() -> None:
    for of_type, one, two in (
        (pa.int64(), 2**62 + 1, 2**62 + 2),
        (pa.uint64(), 2**63 + 1, 2**63 + 2),
        (pa.decimal128(20, 2), Decimal("123456789012345678.01"), Decimal("123456789012345678.02")),
    ):
        events = pa.table(
            {
                "#account_id": ["a", "a", "b"],
                "#event_name": ["pay"] * 3,
                "#event_time": [NOW] * 3,
                "n": pa.array([one, two, two], of_type),
            }
        )
        database = Database(events, None, now=NOW)
        total = text(one + two)

        assert cluster_members(database, measured("SUM")("equal", total), now=NOW) == {"a"}
        assert cluster_members(database, measured("SUM")("less", total), now=NOW) == {"b"}
        tag = {"userTagConQuotaEvent": {"eventName": "pay", "analysis": "SUM", "quota": "n"}}
        values = tag_values(database, "tag_condition_by_quotation", {"userTagConQuotaDef": tag}, now=NOW)
        assert values == {"a": total, "b": text(two)}
        database.close()


def test_a_sum_that_no_type_holds_is_an_error() -> None:
    tables = by_event(pa.decimal128(38, 0), (10**38 - 1, 10**38 - 1, 1))
    events = tables[0].set_column(0, "#account_id", pa.array(["a"] * 4))
    database = Database(events, None, now=NOW)

    with pytest.raises(EvaluationError, match="超出") as caught:
        cluster_members(database, measured("SUM")("greater", "1"), now=NOW)
    assert caught.value.key == ""
    database.close()


def test_whole_numbers_of_thirty_digits_in_a_csv_keep_them_all(tmp_path: Any) -> None:
    path = tmp_path / "users.csv"
    path.write_text(f"#account_id,n\na,{10**29 + 1}\nb,{10**29 + 2}\nc,5\n", encoding="utf-8")
    database = Database(None, path, now=NOW)

    assert cluster_members(database, user_filter("equal", str(10**29 + 1)), now=NOW) == {"a"}
    assert cluster_members(database, user_filter("greater", str(10**29 + 1)), now=NOW) == {"b"}
    database.close()


def test_digits_in_a_column_of_text_are_compared_as_text() -> None:
    users = pa.table({"#account_id": ["a", "b"], "n": [f"{2**64}", f"{2**64 + 1}"]})
    database = Database(None, users, now=NOW)

    assert cluster_members(database, user_filter("equal", f"{2**64}"), now=NOW) == {"a"}
    assert cluster_members(database, user_filter("equal", 2**64), now=NOW) == {"a"}
    database.close()


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("007", 7),
        ("-1.50", Fraction(-3, 2)),
        (f"{10**40 + 1}", 10**40 + 1),
        (10**40 + 1, 10**40 + 1),
        (0.1, Fraction(1, 10)),
        ("1e-300", Fraction(1, 10**300)),
    ],
)
def test_a_number_is_what_is_written(value: object, number: object) -> None:
    assert as_number(value, "num") == number


@pytest.mark.parametrize(
    "value", ["", "1_000", "0x1F", "1e309", "9" * 401, "1e9999", float("inf"), " 1", "½"]
)
def test_what_is_no_number_or_far_too_large_is_refused(value: object) -> None:
    with pytest.raises(EvaluationError, match="必须是数值"):
        as_number(value, "num")

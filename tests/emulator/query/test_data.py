"""Given tables: Parquet, CSV and Arrow, alone and together, and what is wrong with them."""
# ruff: noqa: DTZ001 - server times have no zone

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ta_cluster_async.emulator.query.data import Database
from ta_cluster_async.emulator.query.errors import EvaluationError
from ta_cluster_async.emulator.query.evaluate import cluster_members, tag_values
from ta_cluster_async.messages import Message

EVENTS_CSV = (
    "#account_id,#event_name,#event_time,price,ok\n"
    "007,pay,2024-05-03 10:00:00,1.5,true\n"
    "007,pay,2024-05-04 11:00:00,2,false\n"
    "008,login,2024-05-04 11:30:00,,\n"
    ",login,2024-05-04 11:30:00,,\n"
)
USERS_CSV = '#account_id,名字,born\n007,"Bond, James",1920-11-11\n009,,\n'
PAID = {
    "events": [
        {"eventName": "pay", "comparator": "greater", "num": "0", "taPropQuota": {}, "recentDay": "0-1"}
    ]
}
NOW = datetime(2024, 5, 4, 12)


def as_csv(folder: Path) -> tuple[Any, Any]:
    (folder / "events.csv").write_text(EVENTS_CSV, encoding="utf-8")
    (folder / "users.csv").write_text(USERS_CSV, encoding="utf-8")
    return folder / "events.csv", str(folder / "users.csv")


@contextmanager
def opened(*sources: Any, **more: Any) -> Iterator[Database]:
    database = Database(*sources, now=NOW, **more)
    try:
        yield database
    finally:
        database.close()


def as_arrow(_folder: Path) -> tuple[Any, Any]:
    events = pa.table(
        {
            "#account_id": pa.array(["007", "007", "008", None]),
            "#event_name": pa.array(["pay", "pay", "login", "login"]),
            "#event_time": pa.array(
                [datetime(2024, 5, 3, 10), datetime(2024, 5, 4, 11), datetime(2024, 5, 4, 11, 30), NOW],
                pa.timestamp("ms"),
            ),
            "price": pa.array([1.5, 2.0, None, None], pa.float32()),
            "ok": pa.array([True, False, None, None]),
        }
    )
    users = pa.table(
        {
            "#account_id": ["007", "009"],
            "名字": ["Bond, James", None],
            "born": pa.array([datetime(1920, 11, 11).date(), None], pa.date32()),
        }
    )
    return events, users


def as_parquet(folder: Path) -> tuple[Any, Any]:
    for name, table in zip(("events", "users"), as_arrow(folder), strict=True):
        pq.write_table(table, folder / f"{name}.parquet")
    return folder / "events.parquet", folder / "users.parquet"


def test_given_tables_are_evaluated_and_the_clock_starts_at_their_last_event(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    events, users = as_csv(tmp_path)
    server = start(evaluate=True, events=events, users=users)
    server.add(definition=PAID)
    server.clock.advance(10)

    assert server.detail(970)["usersNum"] == 1
    assert server.em.jobs[0].finished == 10
    assert server.em.cluster(970).refresh_time == datetime(2024, 5, 4, 11, 30)
    answer = server.upload("import-id-cluster-add", b'"Bond, James"\r\n', mainColumnName="名字")
    assert (answer["data"]["userNum"], answer["data"]["unmatchedNum"]) == (1, 0)


def test_a_given_time_takes_precedence_over_the_last_event(start: Callable[..., Any], tmp_path: Path) -> None:
    events, users = as_csv(tmp_path)

    assert start(evaluate=True, events=events, users=users, now=NOW).em.now == NOW


@pytest.mark.parametrize("sources", [as_csv, as_arrow, as_parquet])
def test_a_table_means_the_same_in_every_form(
    sources: Callable[[Path], tuple[Any, Any]], tmp_path: Path
) -> None:
    total = {
        "userTagConQuotaDef": {
            "userTagConQuotaEvent": {"eventName": "pay", "analysis": "SUM", "quota": "price"}
        }
    }
    with opened(*sources(tmp_path)) as database:
        paid = cluster_members(database, PAID, now=NOW)
        totals = tag_values(database, "tag_condition_by_quotation", total, now=NOW)
        matched = database.match("名字", ["Bond, James", "bond, james", ""])
        columns = dict(database.columns("users"))

    assert paid == {"007"}
    assert totals == {"007": "3.5", "008": "0", "009": "0"}
    assert matched == ["007", None, None]
    assert columns == {"#account_id": "VARCHAR", "名字": "VARCHAR", "born": "TIMESTAMP"}


def test_users_are_the_accounts_of_the_events_where_only_those_are_given(tmp_path: Path) -> None:
    events, _ = as_csv(tmp_path)
    with opened(events) as database:
        assert database.match("#account_id", ["007", "008", "009"]) == ["007", "008", None]


def test_there_are_no_events_where_only_users_are_given(tmp_path: Path) -> None:
    _, users = as_csv(tmp_path)
    with opened(None, users) as database:
        assert cluster_members(database, PAID, now=NOW) == frozenset()
        assert database.last_event() is None


def test_whole_numbers_that_are_ids_match_as_text() -> None:
    users = pa.table({"#account_id": [7, 8], "phone": [13800000000, None]})
    with opened(None, users) as database:
        assert database.match("#account_id", ["7", "07", "9"]) == ["7", None, None]
        assert database.match("phone", ["13800000000"]) == ["7"]


def test_of_users_that_share_a_value_the_first_account_is_matched() -> None:
    users = pa.table({"#account_id": ["c", "a", "b"], "phone": ["1", "1", "1"]})
    with opened(None, users) as database:
        assert database.match("phone", ["1"]) == ["a"]


def test_a_column_of_arrays_cannot_be_matched() -> None:
    users = pa.table({"#account_id": ["a"], "phones": [["1", "2"]]})
    with opened(None, users) as database, pytest.raises(EvaluationError, match="是列表"):
        database.match("phones", ["1"])


def test_whole_numbers_of_twenty_digits_keep_them_all() -> None:
    users = pa.table({"#account_id": ["a"], "serial": pa.array([2**64 - 1], pa.uint64())})
    with opened(None, users) as database:
        assert database.match("serial", ["18446744073709551615", "18446744073709551616"]) == ["a", None]
        assert database.match("serial", ["18446744073709551615"]) == ["a"]


@pytest.mark.parametrize(
    ("events", "code", "params"),
    [
        (
            "#account_id,#event_name\na,b\n",
            "emulator-source-column",
            {"column": "#event_time", "columns": "#account_id, #event_name"},
        ),
        ("#account_id,#event_name,#event_time\na,b,yesterday\n", "emulator-source-unreadable", {}),
    ],
)
def test_a_wrong_table_of_events_is_refused_by_name(
    tmp_path: Path, events: str, code: str, params: dict[str, str]
) -> None:
    path = tmp_path / "my.csv"
    path.write_text(events, encoding="utf-8")

    with pytest.raises(ValueError, match=r"^The events source '.*my\.csv' ") as caught, opened(path):
        pass
    reason = caught.value.args[0]
    assert reason.code == code
    assert reason.params.items() >= params.items()


@pytest.mark.parametrize(
    ("users", "code", "params"),
    [
        (
            pa.table({"#account_id": ["a", "a"]}),
            "emulator-source-user-twice",
            {"column": "#account_id", "account": "a"},
        ),
        (
            pa.table({"#account_id": [1.5]}),
            "emulator-source-id-type",
            {"column": "#account_id", "type": "DOUBLE"},
        ),
        (
            pa.table({"id": ["a"]}),
            "emulator-source-column",
            {"column": "#account_id", "columns": "id"},
        ),
        ([{"#account_id": "a"}], "emulator-source-type", {"type": "list"}),
    ],
)
def test_a_wrong_table_of_users_is_refused(users: Any, code: str, params: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"^The users source ") as caught, opened(None, users):
        pass
    source = Message("emulator-source", table="users")
    assert caught.value.args[0] == Message(code, source=source, **params)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.xlsx"
    path.write_bytes(b"")

    with pytest.raises(ValueError, match=r"must end in \.parquet or \.csv") as caught, opened(path):
        pass
    source = Message("emulator-source-file", table="events", path=str(path))
    assert caught.value.args[0] == Message("emulator-source-suffix", source=source)


def test_a_name_with_pattern_characters_is_one_file(tmp_path: Path) -> None:
    path = tmp_path / "events[1]*.csv"
    path.write_text(EVENTS_CSV, encoding="utf-8")

    with opened(path) as database:
        assert database.last_event() == datetime(2024, 5, 4, 11, 30)


def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    path.write_bytes(b"PAR1 not really")

    with pytest.raises(ValueError, match="cannot be loaded"), opened(path):
        pass

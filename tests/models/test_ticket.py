"""Tickets go through text and back, and nothing else passes for one."""

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.models import Catalog, RefreshTicket

SUBMITTED = datetime(2020, 1, 10, 10, 51, 14, 123456, tzinfo=UTC)
FULL = RefreshTicket(
    project_id=102,
    cluster_id=970,
    cluster_name="最近",
    catalog=Catalog.TAG,
    baseline_refresh_time=datetime(2020, 1, 9),  # noqa: DTZ001 - the server's times have no zone
    baseline_progress=-1,
    submitted_at=SUBMITTED,
    attached=True,
    seen_running=True,
)
BARE = RefreshTicket(project_id=102, cluster_id=970, submitted_at=SUBMITTED)
SECRET = "do-not-show-4711"


def said(**changes: object) -> str:
    return json.dumps(json.loads(FULL.to_json()) | changes)


@pytest.mark.parametrize("ticket", [FULL, BARE])
def test_a_ticket_comes_back_from_its_text(ticket: Any) -> None:
    text = ticket.to_json()
    assert RefreshTicket.from_json(text) == ticket
    assert RefreshTicket.from_json(text.encode()) == ticket
    assert text.isascii()


def test_the_text_of_a_ticket_is_this() -> None:
    assert json.loads(FULL.to_json()) == {
        "version": 1,
        "project_id": 102,
        "cluster_id": 970,
        "cluster_name": "最近",
        "catalog": "catalog_tag",
        "baseline_refresh_time": "2020-01-09 00:00:00",
        "baseline_progress": -1,
        "submitted_at": "2020-01-10T10:51:14.123456+00:00",
        "attached": True,
        "seen_running": True,
    }


@settings(deadline=None)
@given(
    st.builds(
        RefreshTicket,
        project_id=st.integers(1),
        cluster_id=st.integers(1),
        cluster_name=st.none() | st.text(),
        catalog=st.none() | st.sampled_from(Catalog),
        baseline_refresh_time=st.none() | st.datetimes().map(lambda time: time.replace(microsecond=0)),
        baseline_progress=st.none() | st.integers(-1, 100),
        submitted_at=st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        attached=st.booleans(),
        seen_running=st.booleans(),
    )
)
def test_any_ticket_comes_back_from_its_text(ticket: Any) -> None:
    assert RefreshTicket.from_json(ticket.to_json()) == ticket


def test_a_ticket_can_be_pickled_copied_and_changed() -> None:
    assert pickle.loads(pickle.dumps(FULL)) == FULL
    assert copy.deepcopy(FULL) == FULL
    assert evolve(BARE, seen_running=True).seen_running


def test_the_time_of_a_ticket_is_utc() -> None:
    east = RefreshTicket(
        project_id=1, cluster_id=1, submitted_at=SUBMITTED.astimezone(timezone(timedelta(hours=8)))
    )
    assert east.submitted_at.utcoffset() == timedelta(0)
    assert east.submitted_at == SUBMITTED


def test_a_ticket_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="zone"):
        RefreshTicket(project_id=1, cluster_id=1, submitted_at=SUBMITTED.replace(tzinfo=None))


@pytest.mark.parametrize(
    "beyond",
    [
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=8))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=8))),
    ],
    ids=["year 10000", "year 0"],
)
def test_a_time_beyond_the_years_of_utc_is_refused(beyond: Any) -> None:
    with pytest.raises(InvalidRequest, match="1 to 9999"):
        RefreshTicket(project_id=1, cluster_id=1, submitted_at=beyond)


def test_unknown_keys_are_left_out() -> None:
    assert RefreshTicket.from_json(said(note="x")) == FULL


@pytest.mark.parametrize("version", [0, 2, 99])
def test_a_ticket_of_another_version_says_which_and_what_to_do(version: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"version {version}, and this library reads version 1"):
        RefreshTicket.from_json(said(version=version))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "3",
        '"text"',
        "{}",
        SECRET,
        b"\xff\xfe",
        "[" * 100_000,
        '{"version": true}',
        '{"version": "1"}',
    ],
    ids=range(12),
)
def test_text_that_is_not_a_ticket_is_refused_without_showing_it(text: Any) -> None:
    with pytest.raises(InvalidRequest, match="to_json") as caught:
        RefreshTicket.from_json(text)
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("value", [None, 3, {}])
def test_a_value_that_is_not_text_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="str or bytes"):
        RefreshTicket.from_json(value)


@pytest.mark.parametrize("key", [key for key in json.loads(FULL.to_json()) if key != "version"])
def test_a_ticket_without_one_of_its_keys_is_refused(key: Any) -> None:
    value = json.loads(FULL.to_json())
    del value[key]
    with pytest.raises(InvalidRequest, match=f"{key} must be .*, not absent"):
        RefreshTicket.from_json(json.dumps(value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("project_id", "102"),
        ("project_id", 0),
        ("project_id", None),
        ("cluster_id", True),
        ("cluster_id", 970.0),
        ("cluster_name", 3),
        ("catalog", SECRET),
        ("catalog", 1),
        ("baseline_refresh_time", SECRET),
        ("baseline_refresh_time", "2020-01-10T10:51:14"),
        ("baseline_progress", "1"),
        ("baseline_progress", False),
        ("submitted_at", SECRET),
        ("submitted_at", None),
        ("submitted_at", "2020-01-10T10:51:14"),
        ("attached", 1),
        ("attached", None),
        ("seen_running", "false"),
    ],
)
def test_a_ticket_with_a_wrong_value_is_refused_by_its_key(key: Any, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=f": {key} must be") as caught:
        RefreshTicket.from_json(said(**{key: value}))
    assert SECRET not in str(caught.value)

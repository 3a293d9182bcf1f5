"""Stored tickets, reports and outcomes with any content are read or refused with InvalidRequest."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ta_cluster_async.batch.report import (
    LowerBound,
    Outcome,
    RefreshReport,
    Status,
)
from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.models import Catalog, RefreshTicket
from tests.fuzz.strategies import MANY_EXAMPLES, corrupted_bytes, corrupted_json, json_bytes, json_values

NOON = datetime(2020, 1, 10, 12, tzinfo=UTC)
TICKETS = [
    RefreshTicket(project_id=102, cluster_id=970, submitted_at=NOON),
    RefreshTicket(
        project_id=102,
        cluster_id=971,
        cluster_name="最近",
        catalog=Catalog.TAG,
        baseline_refresh_time=datetime(2020, 1, 9, 3),  # noqa: DTZ001  (server times have no zone)
        baseline_progress=-1,
        submitted_at=NOON,
        attached=True,
        seen_running=True,
    ),
]
OUTCOMES = [
    Outcome(
        ref=970, status=Status.SUCCEEDED, cluster_id=970, run_seconds=2.5, ticket=TICKETS[0], settled_at=NOON
    ),
    Outcome(ref="最近", status=Status.REJECTED, message="no such cluster"),
    Outcome(
        ref="t",
        status=Status.STALLED,
        cluster_id=971,
        refresh_time=datetime(2020, 1, 9, 3),  # noqa: DTZ001
        ticket=TICKETS[1],
    ),
]
REPORT = RefreshReport(
    run_id="20200110T120000Z-0123abcd",
    project_id=102,
    started_at=NOON,
    makespan=12.5,
    requests=30,
    max_running=16,
    counts={Status.SUCCEEDED: 1, Status.REJECTED: 1, Status.STALLED: 1},
    lower_bound=LowerBound(work=2.0),
    outcomes=tuple(OUTCOMES),
    stopped="The batch was cancelled.",
)
TICKET_VALUES: list[Any] = [json.loads(ticket.to_json()) for ticket in TICKETS]
OUTCOME_VALUES: list[Any] = [outcome.to_dict() for outcome in OUTCOMES]
REPORT_VALUE: Any = json.loads(REPORT.to_json())

anything = st.binary(max_size=40) | st.text(max_size=20) | json_values.map(json_bytes)
ticket_texts = (
    corrupted_bytes([json_bytes(value) for value in TICKET_VALUES])
    | corrupted_json(TICKET_VALUES).map(json_bytes)
    | anything
)
report_texts = (
    corrupted_bytes([json_bytes(REPORT_VALUE)]) | corrupted_json([REPORT_VALUE]).map(json_bytes) | anything
)


def ticket_with(**changes: Any) -> bytes:
    return json_bytes({**TICKET_VALUES[0], **changes})


def report_with_ticket(text: bytes) -> bytes:
    """A report whose first outcome has this text under an unknown key of its ticket."""
    value = json.loads(REPORT.to_json())
    value["outcomes"][0]["ticket"]["note"] = "here"
    return json_bytes(value).replace(b'"here"', text)


@MANY_EXAMPLES
@given(ticket_texts)
@example(ticket_with(submitted_at="0001-01-01T00:00:00+14:00"))
@example(ticket_with(submitted_at="9999-12-31T23:59:59-14:00"))
@example(ticket_with(submitted_at="2020-01-01T00:00:00+23:59:59.999999"))
@example(ticket_with(cluster_name="\ud800"))
@example(ticket_with(note=10**400))
def test_a_ticket_is_read_or_refused(text: str | bytes) -> None:
    try:
        ticket = RefreshTicket.from_json(text)
    except InvalidRequest:
        return
    assert RefreshTicket.from_json(ticket.to_json()) == ticket


@MANY_EXAMPLES
@given(report_texts)
@example(report_with_ticket(b"[" * 980 + b"]" * 980))
@example(report_with_ticket(b"1" * 5_000))
@example(json_bytes(REPORT_VALUE).replace(b"2020-01-10T12:00:00+00:00", b"0001-01-01T00:00:00+14:00"))
def test_a_report_is_read_or_refused(text: str | bytes) -> None:
    try:
        report = RefreshReport.from_json(text)
    except InvalidRequest:
        return
    assert RefreshReport.from_json(report.to_json()) == report


@MANY_EXAMPLES
@given(corrupted_json(OUTCOME_VALUES) | json_values)
def test_an_outcome_is_read_or_refused(value: Any) -> None:
    try:
        outcome = Outcome.from_dict(value)
    except InvalidRequest:
        return
    assert Outcome.from_dict(outcome.to_dict()) == outcome


@pytest.mark.parametrize("odd", [{1}, 1j, float("nan")], ids=repr)
@pytest.mark.parametrize(
    "place", ["ref", "status", "message", "users_num", "run_seconds", "ticket", "settled_at", "note"]
)
def test_an_outcome_of_values_that_json_does_not_have_is_read_or_refused(place: str, odd: Any) -> None:
    value = OUTCOME_VALUES[0]
    for changed in (value | {place: odd}, value | {"ticket": value["ticket"] | {place: odd}}):
        try:
            Outcome.from_dict(changed)
        except InvalidRequest:
            continue

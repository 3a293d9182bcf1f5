"""The texts of tickets and reports, and what errors carry, also those that an earlier version has written or pickled."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from typing import Any

import pytest

import ta_cluster_async
from ta_cluster_async import Outcome, RefreshReport, RefreshTicket, TaError
from tests.contract.commands import is_within
from tests.contract.record import load
from tests.contract.samples import attributes, errors, reports, tickets

TICKETS: dict[str, str] = load("tickets")
REPORTS: dict[str, str] = load("reports")
ERRORS: dict[str, Any] = load("errors")
each_error = pytest.mark.parametrize("error", errors(), ids=lambda error: type(error).__name__)


@pytest.mark.parametrize("text", TICKETS.values(), ids=TICKETS)
def test_a_ticket_of_an_earlier_version_is_read_and_written_as_it_was(text: str) -> None:
    ticket = RefreshTicket.from_json(text)
    assert ticket.to_json() == text
    assert RefreshTicket.from_json(ticket.to_json().encode()) == ticket


@pytest.mark.parametrize(("name", "ticket"), tickets().items(), ids=tickets())
def test_a_ticket_is_written_as_it_was(name: str, ticket: RefreshTicket) -> None:
    assert ticket.to_json() == TICKETS[name]
    assert RefreshTicket.from_json(TICKETS[name]) == ticket


@pytest.mark.parametrize("text", REPORTS.values(), ids=REPORTS)
def test_a_report_of_an_earlier_version_is_read_and_written_as_it_was(text: str) -> None:
    assert is_within(json.loads(text), json.loads(RefreshReport.from_json(text).to_json()))


@pytest.mark.parametrize(("name", "report"), reports().items(), ids=reports())
def test_a_report_is_written_as_it_was(name: str, report: RefreshReport) -> None:
    assert is_within(json.loads(REPORTS[name]), json.loads(report.to_json()))
    assert RefreshReport.from_json(REPORTS[name]) == report


def test_an_outcome_is_read_from_its_part_of_a_report() -> None:
    for report in reports().values():
        for outcome in report.outcomes:
            assert Outcome.from_dict(outcome.to_dict()) == outcome


def test_every_class_of_errors_is_stored() -> None:
    public = [getattr(ta_cluster_async, name) for name in ta_cluster_async.__all__]
    classes = {one.__name__ for one in public if isinstance(one, type) and issubclass(one, TaError)}
    assert set(ERRORS) == classes == {type(error).__name__ for error in errors()}


@each_error
def test_an_error_carries_what_it_carried(error: TaError) -> None:
    stored = ERRORS[type(error).__name__]
    assert list(error.args) == stored["args"]
    today = attributes(error)
    assert {name: today.get(name, "gone") for name in stored["attributes"]} == stored["attributes"]


@each_error
def test_an_error_survives_pickle_and_copy(error: TaError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert (twin.args, str(twin), vars(twin)) == (error.args, str(error), vars(error))


@pytest.mark.parametrize("name", [name for name, stored in ERRORS.items() if "pickle" in stored])
def test_an_error_that_an_earlier_version_has_pickled_is_read(name: str) -> None:
    stored = ERRORS[name]
    error = pickle.loads(base64.b64decode(stored["pickle"]))
    assert type(error) is getattr(ta_cluster_async, name)
    assert list(error.args) == stored["args"]
    assert {**attributes(error), "ticket": None} == {**stored["attributes"], "ticket": None}
    assert str(error)

"""Which exit code a scheduler gets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import ta_cluster_async as errors
from ta_cluster_async.batch import (
    LowerBound,
    Outcome,
    RefreshReport,
    Status,
)
from ta_cluster_async.cli.exit_codes import Exit, exit_of, exit_of_report
from ta_cluster_async.models import RefreshTicket

TICKET = RefreshTicket(project_id=102, cluster_id=970, submitted_at=datetime(2020, 1, 10, tzinfo=UTC))
SUCCESS = Outcome(ref=1, status=Status.SUCCEEDED)
SKIPPED = Outcome(ref=2, status=Status.SKIPPED)
BROKEN = Outcome(ref=3, status=Status.FAILED, error=errors.RefreshFailed("failed.", ticket=TICKET))
UNKNOWN = Outcome(ref="nix", status=Status.REJECTED)
LATE = Outcome(ref=4, status=Status.TIMED_OUT)
LOST = Outcome(ref=5, status=Status.FAILED, error=errors.NotSent("refused."))
LOCKED = Outcome(ref=6, status=Status.UNCONFIRMED, error=errors.TokenRejected(-1001, "token"))
STOPPED = Outcome(ref=7, status=Status.CANCELLED)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigurationError("x"), 2),
        (errors.InvalidRequest("x"), 2),
        (errors.TokenRejected(-1001, "token"), 2),
        (errors.NotJson("x"), 2),
        (errors.NotFound(-1, "x"), 3),
        (errors.RefreshTimeout("x", ticket=TICKET), 4),
        (errors.NotSent("x"), 5),
        (errors.OutcomeUnknown("x"), 5),
        (errors.HttpStatusError("x", status=503), 5),
        (errors.HttpStatusError("x", status=500), 1),
        (errors.SchemaError("x"), 1),
        (errors.ApiError(-9, "x"), 1),
        (errors.RefreshFailed("x", ticket=TICKET), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_that_ends_a_command_has_its_code(error: errors.TaError, code: int) -> None:
    assert exit_of(error) == code


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([SUCCESS], 0),
        ([SUCCESS, SKIPPED], 0),
        ([SUCCESS, BROKEN], 1),
        ([SUCCESS, UNKNOWN], 1),
        ([BROKEN, UNKNOWN], 1),
        ([BROKEN, STOPPED], 1),
        ([], 3),
        ([UNKNOWN], 3),
        ([LATE], 4),
        ([SUCCESS, BROKEN, LATE], 4),
        ([LOST, LOST], 5),
        ([SUCCESS, LOST], 1),
        ([SUCCESS, LOCKED, BROKEN], 2),
    ],
)
def test_a_batch_has_the_code_of_what_went_wrong(outcomes: list[Outcome], code: int) -> None:
    counts: dict[Status, int] = {}
    for outcome in outcomes:
        counts[outcome.status] = counts.get(outcome.status, 0) + 1
    report = RefreshReport(
        run_id="r",
        project_id=102,
        started_at=datetime(2020, 1, 10, tzinfo=UTC),
        makespan=1.0,
        requests=1,
        max_running=1,
        counts=counts,
        lower_bound=LowerBound(),
        outcomes=tuple(outcomes),
    )
    assert exit_of_report(report) == code


def test_the_codes_are_those_of_the_help_text() -> None:
    assert [(code.name, code.value) for code in Exit] == [
        ("OK", 0),
        ("FAILED", 1),
        ("USAGE", 2),
        ("NOTHING", 3),
        ("DEADLINE", 4),
        ("UNREACHABLE", 5),
        ("INTERRUPTED", 130),
        ("TERMINATED", 143),
    ]

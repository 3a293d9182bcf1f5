"""The exit codes of the command, for schedulers."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from ..batch.report import Status
from ..errors import (
    ConfigurationError,
    HttpStatusError,
    InvalidRequest,
    JournalBusy,
    JournalError,
    NotFound,
    NotJson,
    TokenRejected,
    TransportError,
)
from ..models.ticket_errors import RefreshTimeout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..batch import Outcome, RefreshReport
    from ..errors import TaError

_GATEWAY = frozenset({502, 503, 504})


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    """Everything succeeded."""
    FAILED = 1
    """Some clusters failed, the server refused what was asked, or what was checked is not as it should be."""
    USAGE = 2
    """The arguments, the settings or the token are wrong."""
    NOTHING = 3
    """Nothing matched: there is no such cluster or tag."""
    DEADLINE = 4
    """A deadline passed."""
    UNREACHABLE = 5
    """The server could not be reached."""
    INTERRUPTED = 130
    """Ctrl-C."""
    TERMINATED = 143
    """SIGTERM."""


def exit_of(error: TaError) -> Exit:
    """Return the exit code for an error that ended a command."""
    match error:
        case JournalBusy():
            return Exit.FAILED
        case ConfigurationError() | InvalidRequest() | TokenRejected() | NotJson() | JournalError():
            return Exit.USAGE
        case NotFound():
            return Exit.NOTHING
        case RefreshTimeout():
            return Exit.DEADLINE
        case TransportError():
            return Exit.UNREACHABLE
        case HttpStatusError() if error.status in _GATEWAY:
            return Exit.UNREACHABLE
        case _:
            return Exit.FAILED


def exit_of_report(report: RefreshReport, *, strict_size: bool = False) -> Exit:
    """Return the exit code for a batch: see `exit_of_outcomes`. With `strict_size`, success needs sizes that are usual."""
    found = exit_of_outcomes(report.failures, report.total)
    return Exit.FAILED if found is Exit.OK and strict_size and report.flagged else found


def exit_of_outcomes(failures: Iterable[Outcome], total: int) -> Exit:
    """Return the exit code for `total` references, given the outcomes that neither succeeded nor were skipped.

    A deadline that passed comes first, then a rejected token. Where none succeeded and all failed for the same reason, that reason
    decides; otherwise it is 1.
    """
    failed = list(failures)
    if not failed:
        return Exit.OK if total else Exit.NOTHING
    found = {_exit_of_outcome(outcome) for outcome in failed}
    if Exit.DEADLINE in found:
        return Exit.DEADLINE
    if any(isinstance(outcome.error, TokenRejected) for outcome in failed):
        return Exit.USAGE
    only = found.pop()
    return Exit.FAILED if found or len(failed) < total else only


def _exit_of_outcome(outcome: Outcome) -> Exit:
    if outcome.status is Status.TIMED_OUT:
        return Exit.DEADLINE
    if outcome.error is not None:
        return exit_of(outcome.error)
    return Exit.NOTHING if outcome.status is Status.REJECTED else Exit.FAILED

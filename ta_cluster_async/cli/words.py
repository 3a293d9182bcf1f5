"""How a batch's outcomes are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..batch.report import Status
from .error_text import error_text, for_the_command
from .language import is_chinese, tr

if TYPE_CHECKING:
    from ..batch.report import Outcome


def status_word(status: Status) -> str:
    """A status as a person calls it."""
    return {
        Status.SUCCEEDED: tr("succeeded"),
        Status.FAILED: tr("failed"),
        Status.UNCONFIRMED: tr("unconfirmed"),
        Status.STALLED: tr("stalled"),
        Status.TIMED_OUT: tr("timed out"),
        Status.REJECTED: tr("rejected"),
        Status.SKIPPED: tr("skipped"),
        Status.CANCELLED: tr("cancelled"),
    }[status]


def why(outcome: Outcome) -> str:
    """Why it did not succeed, without the advice, which is the same for many clusters."""
    error = outcome.error
    if error is not None and is_chinese():
        return error_text(error)
    is_its_text = error is not None and outcome.message == str(error)
    return for_the_command(error.message if error is not None and is_its_text else outcome.message)

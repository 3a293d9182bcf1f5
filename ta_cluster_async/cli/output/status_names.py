"""How a batch's outcomes are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...batch.report import Status
from ..i18n.translate import is_chinese, tr
from .errors import for_the_command

if TYPE_CHECKING:
    from ...batch.report import Outcome
    from ...errors import TaError


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
    text = outcome.message if error is None or outcome.message != str(error) else error.message
    return _reason(text, error)


def stopped(why: str) -> str:
    """Why a batch was stopped early."""
    return _reason(why, None)


def _reason(text: str, error: TaError | None) -> str:
    if not text or not is_chinese():
        return for_the_command(text)
    from ..i18n.chinese_reasons import reason  # noqa: PLC0415 - most need none of it

    return reason(text, error)

"""Errors of the library as a person reads them, in the user's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..i18n.translate import is_chinese

if TYPE_CHECKING:
    from ...batch.report import Outcome, RefreshReport
    from ...errors import TaError

_AT_THE_COMMAND_LINE = {
    "open the session with strict_names=False": "write strict_names = false into the profile",
    "Lower rate_limit= or max_connections= of the session, or give the call more time with timeout=.": (
        "Lower rate_limit or max_connections in the profile, or try again later."
    ),
    "or allow more time with PollPolicy(grace=...)": "or allow more time with poll_grace in the profile",
    "attach to the ticket to go on waiting": "go on waiting with `ta-cluster wait`",
    "Look at main_column= and at the ids.": "Look at --main-column and at the ids.",
    "given as ssl= cannot be used": "cannot be used",
    "runs() tells which it has": "`ta-cluster runs list` tells which it has",
}
"""What the library advises for programs, and what that is for the command."""


def error_text(error: TaError) -> str:
    """What happened and what to do. In Chinese, what happened stands behind what its kind of error means."""
    if not is_chinese():
        return for_the_command(str(error))
    from ..i18n.chinese_reasons import detail, meaning_of  # noqa: PLC0415 - most need none of it

    return f"{meaning_of(error)}（{detail(error.message)}）" if error.message else meaning_of(error)


def outcome_text(outcome: Outcome) -> str:
    """Return why an outcome is no success, without the advice, which is the same for many clusters."""
    error = outcome.error
    text = outcome.message if error is None or outcome.message != str(error) else error.message
    return _reason(text, error)


def stop_text(report: RefreshReport) -> str:
    """Return why a batch was stopped early."""
    return _reason(report.stopped or "", None)


def _reason(text: str, error: TaError | None) -> str:
    if not text or not is_chinese():
        return for_the_command(text)
    from ..i18n.chinese_reasons import reason  # noqa: PLC0415 - most need none of it

    return reason(text, error)


def for_the_command(text: str) -> str:
    """A text of the library with the advice that fits the command."""
    for library, command in _AT_THE_COMMAND_LINE.items():
        text = text.replace(library, command)
    return text

"""Errors and outcomes of the library as a person at the command line reads them, in the user's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...messages import MESSAGES
from ..i18n.translate import look_up, ntr, tr, tr_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...batch.report import Outcome, RefreshReport
    from ...errors import TaError
    from ...messages import Message, Template

COMMAND_MESSAGES: Final[Mapping[str, Template]] = {
    "ticket-unreadable": "This is not a ticket: {problem}",
}
"""Templates that take the place of the library's where those speak to a programmer."""

COMMAND_ADVICE: Final[Mapping[str, str]] = {
    "MatchTooLow": "Check --main-column and the ids. The cluster is there: replace its upload, or delete it.",
    "RateLimited": "Lower rate_limit or max_connections in the profile, or try again later.",
    "RefreshStalled": "The server may still be working: wait on with `ta-cluster wait`.",
    "RefreshTimeout": "The server is still computing: wait on with `ta-cluster wait`.",
    "RefreshUnconfirmed": "Check the refresh time in TA, or allow more time with poll_grace in the profile.",
}
"""What the user of the command does, by the classes of errors that advise a programmer."""

_TEMPLATES: Final[Mapping[str, Template]] = {**MESSAGES, **COMMAND_MESSAGES}


def error_text(error: TaError) -> str:
    """Return what happened and what to do."""
    where = f"{error.endpoint}: " if error.endpoint else ""
    tries = ntr(" ({count} attempt)", " ({count} attempts)", error.attempts) if error.attempts > 1 else ""
    text = f"{where}{message_text(error.what())}{tries}"
    advice = COMMAND_ADVICE.get(type(error).__name__) or error.what_to_do()
    return tr("{first} {second}", first=text, second=look_up(advice)) if advice else text


def message_text(message: Message) -> str:
    """Return what happened, in the command's own words where it has any."""
    return tr_message(message, _TEMPLATES)


def outcome_text(outcome: Outcome) -> str:
    """Return why an outcome is no success, without the advice, which is the same for many clusters."""
    error = outcome.error
    if error is None or outcome.message != str(error):
        return outcome.message
    return message_text(error.what())


def stop_text(report: RefreshReport) -> str:
    """Return why a batch was stopped early."""
    return report.stopped or ""

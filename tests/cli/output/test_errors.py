"""Errors and outcomes in terms of the command."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ta_cluster_async import NotSent, Outcome, RateLimited, RefreshFailed, RefreshTicket, Status
from ta_cluster_async.batch.report import explain
from ta_cluster_async.cli.output.errors import (
    COMMAND_ADVICE,
    COMMAND_MESSAGES,
    error_text,
    outcome_text,
)
from ta_cluster_async.messages import MESSAGES, Plural
from tests.cli.i18n.catalogue import FOR_PROGRAMMERS, advices, placeholders

TICKET = RefreshTicket(project_id=102, cluster_id=970, submitted_at=datetime(2020, 1, 10, tzinfo=UTC))
PYTHON = re.compile(r"\w=|\w\(\)|\w+\(\w+=|\b(?:True|False|None)\b|\bon_running\b|\bmax_failures\b")
"""What only a programmer can follow: arguments and calls."""


def text_of(template: object) -> str:
    return f"{template.one} {template.many}" if isinstance(template, Plural) else str(template)


def test_an_error_has_its_endpoint_message_attempts_and_advice() -> None:
    error = NotSent("no connection to ta2:8992.", endpoint="list", attempts=4)
    assert error_text(error) == str(error)


def test_a_single_attempt_is_not_counted() -> None:
    assert "attempt" not in error_text(NotSent("no connection.", attempts=1))


def test_advice_for_programmers_is_given_in_terms_of_the_command() -> None:
    text = error_text(RateLimited(-1005, "too frequent"))
    assert "rate_limit=" not in text
    assert "rate_limit or max_connections in the profile" in text


def test_an_outcome_says_why_without_endpoint_and_advice() -> None:
    error = RefreshFailed("the server says that the refresh failed.", ticket=TICKET, endpoint="refresh")
    outcome = Outcome(ref=970, status=Status.FAILED, **explain(error))
    assert outcome_text(outcome) == "the server says that the refresh failed."


def test_an_outcome_of_an_old_journal_says_why_as_it_was_written() -> None:
    outcome = Outcome(ref=970, status=Status.FAILED, message="The batch was cancelled.")
    assert outcome_text(outcome) == "The batch was cancelled."


def test_no_message_that_the_command_may_show_speaks_to_programmers() -> None:
    templates = {code: text_of(template) for code, template in {**MESSAGES, **COMMAND_MESSAGES}.items()}
    found = {code: text for code, text in templates.items() if PYTHON.search(text)}
    assert {code: text for code, text in found.items() if code not in FOR_PROGRAMMERS} == {}


def test_no_advice_speaks_to_programmers() -> None:
    assert {name: advice for name, advice in advices().items() if PYTHON.search(advice)} == {}


def test_the_texts_of_the_command_replace_texts_that_the_library_has() -> None:
    assert COMMAND_ADVICE.keys() <= advices().keys()
    assert COMMAND_MESSAGES.keys() <= MESSAGES.keys()
    assert MESSAGES.keys() >= FOR_PROGRAMMERS
    for code, template in COMMAND_MESSAGES.items():
        assert placeholders(text_of(template)) <= placeholders(text_of(MESSAGES[code]))

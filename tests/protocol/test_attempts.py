"""What one call has met over all its attempts, and the one error that tells it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.errors import (
    ApiError,
    ConfigurationError,
    HttpStatusError,
    NotFound,
    NotSent,
    RateLimited,
    TokenRejected,
)
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.attempts import Attempts
from ta_cluster_async.protocol.endpoints import (
    CREATE,
    DELETE,
    ENDPOINTS,
    PROGRESS,
    UPDATE,
)
from ta_cluster_async.protocol.retry import (
    may_have_applied,
)


def refused() -> Any:
    return NotSent("refused.", reason="refused")


def lost() -> Any:
    return OutcomeUnknown("lost.", reason="lost")


def too_often() -> Any:
    return RateLimited(-1005, "too often")


def bad_gateway() -> Any:
    return HttpStatusError("HTTP 502.", status=502)


def waited() -> Any:
    return NotSent("paused.", reason="paused")


def attempts(endpoint: Any, *errors: Any) -> Any:
    met = Attempts(endpoint)
    for error in errors:
        met.add(error)
    return met


def test_one_failure_is_the_error_with_endpoint_and_attempts() -> None:
    problem = attempts(UPDATE, bad_gateway()).failure()
    assert type(problem) is HttpStatusError
    assert (problem.endpoint, problem.attempts, problem.sent, problem.safe_to_retry) == (
        "update",
        1,
        "yes",
        True,
    )


@pytest.mark.parametrize(
    ("errors", "sent"),
    [
        ([refused], "no"),
        ([refused, refused], "no"),
        ([refused, lost], "unknown"),
        ([lost, refused], "unknown"),
        ([lost, bad_gateway], "yes"),
        ([bad_gateway, lost], "yes"),
        ([too_often, refused], "yes"),
        ([waited], "no"),
    ],
)
def test_sent_speaks_of_all_attempts(errors: Any, sent: Any) -> None:
    problem = attempts(UPDATE, *(error() for error in errors)).failure()
    assert problem.sent == sent
    assert problem.attempts == len([error for error in errors if error is not waited])


def test_a_refused_connection_after_a_lost_answer_is_an_unknown_outcome() -> None:
    problem = attempts(UPDATE, lost(), refused()).failure()
    assert type(problem) is OutcomeUnknown
    assert problem.reason == "refused"
    assert "earlier attempt" in str(problem)
    assert "refused." in str(problem)


def test_a_refused_connection_after_a_rejection_is_not_sent() -> None:
    assert type(attempts(CREATE, too_often(), refused()).failure()) is NotSent


def test_time_that_ends_while_waiting_raises_what_went_wrong_before() -> None:
    problem = attempts(PROGRESS, too_often(), waited()).failure()
    assert type(problem) is RateLimited
    assert problem.attempts == 1


def test_time_that_ends_before_the_first_attempt_raises_that() -> None:
    problem = attempts(PROGRESS, waited()).failure()
    assert type(problem) is NotSent
    assert (problem.reason, problem.attempts, problem.sent, problem.safe_to_retry) == (
        "paused",
        0,
        "no",
        True,
    )


def test_a_provider_without_a_token_is_the_error_although_the_server_answered_before() -> None:
    problem = attempts(PROGRESS, TokenRejected(-1001, "x"), ConfigurationError("no token.")).failure()
    assert type(problem) is ConfigurationError
    assert (problem.attempts, problem.sent) == (1, "yes")


@pytest.mark.parametrize(
    ("error", "safe"), [(lost, False), (refused, True), (too_often, True), (bad_gateway, False)]
)
def test_a_create_is_safe_to_call_again_only_if_nothing_can_have_happened(error: Any, safe: Any) -> None:
    assert attempts(CREATE, error()).failure().safe_to_retry is safe
    assert attempts(UPDATE, error()).failure().safe_to_retry is True


@pytest.mark.parametrize(
    ("endpoint", "first", "second", "done"),
    [
        (DELETE, lost(), NotFound(-1, "x"), True),
        (DELETE, bad_gateway(), NotFound(-1, "x"), True),
        (DELETE, ApiError(-1, "x", status=500), NotFound(-1, "x"), True),
        (DELETE, refused(), NotFound(-1, "x"), False),
        (DELETE, too_often(), NotFound(-1, "x"), False),
        (DELETE, lost(), ApiError(-1, "x"), False),
        (UPDATE, lost(), NotFound(-1, "x"), False),
        (PROGRESS, lost(), NotFound(-1, "x"), False),
    ],
)
def test_a_delete_is_done_when_it_is_gone_after_an_attempt_that_may_have_taken_effect(
    endpoint: Any, first: Any, second: Any, done: Any
) -> None:
    assert attempts(endpoint, first).means_done(second) is done


@given(
    st.sampled_from(ENDPOINTS),
    st.lists(st.sampled_from([refused, lost, too_often, bad_gateway, waited]), min_size=1),
)
def test_not_sent_is_never_the_error_when_something_may_have_happened(endpoint: Any, errors: Any) -> None:
    made = [error() for error in errors]
    problem = attempts(endpoint, *made).failure()
    if any(may_have_applied(error) for error in made):
        assert not isinstance(problem, NotSent)
        assert problem.sent != "no"
    assert problem.endpoint == endpoint.name


def test_a_create_with_an_unknown_return_code_is_not_safe_to_repeat() -> None:
    met = Attempts(CREATE)
    met.add(ApiError(-2000, "?"))
    assert not met.failure().safe_to_retry
    met = Attempts(UPDATE)
    met.add(ApiError(-2000, "?"))
    assert met.failure().safe_to_retry


def test_rejections_of_the_token_are_counted_and_nothing_else() -> None:
    rejected = TokenRejected(-1001, "no")
    assert attempts(PROGRESS, rejected, too_often(), rejected, bad_gateway()).rejections == 2

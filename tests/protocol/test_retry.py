"""When a failed request is sent again, and after how long."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.errors import (
    ApiError,
    ConfigurationError,
    HttpStatusError,
    InvalidRequest,
    MissingParameter,
    NotFound,
    NotJson,
    NotSent,
    RateLimited,
    SchemaError,
    TaError,
    TokenRejected,
)
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.endpoints import (
    Replay,
)
from ta_cluster_async.protocol.retry import (
    RetryBudget,
    RetryPolicy,
    is_rate_limit,
    is_refusal,
    may_have_applied,
    may_resend,
    parse_retry_after,
    safe_to_retry,
)

NOW = 1_600_000_000.0

# Each error, with: may it have taken effect, may a replayable request be sent again, may a reconcile request be sent again,
# may the caller of a reconcile request call again.
TABLE: list[tuple[TaError, bool, bool, bool, bool]] = [
    (NotSent("x", reason="refused"), False, True, True, True),
    (NotSent("x", reason="dns"), False, True, True, True),
    (NotSent("x", reason="connect"), False, True, True, True),
    (NotSent("x", reason="tls"), False, False, False, True),
    (NotSent("x", reason="no-connection"), False, False, False, True),
    (NotSent("x", reason="overloaded"), False, False, False, True),
    (NotSent("x", reason="paused"), False, False, False, True),
    (NotSent("x", reason="token"), False, False, False, True),
    (NotSent("x", reason="closed"), False, False, False, True),
    (OutcomeUnknown("x", reason="timeout"), True, True, False, False),
    (OutcomeUnknown("x", reason="lost"), True, True, False, False),
    (OutcomeUnknown("x", reason="truncated"), True, True, False, False),
    (OutcomeUnknown("x", reason="closed"), True, False, False, False),
    (RateLimited(-1005, "x"), False, True, True, True),
    (RateLimited(-1005, "x", status=500), False, True, True, True),
    (ApiError(-9, "x", status=429), False, True, True, True),
    (HttpStatusError("x", status=429), False, True, True, True),
    (HttpStatusError("x", status=404), False, False, False, True),
    (HttpStatusError("x", status=302), False, False, False, True),
    (HttpStatusError("x", status=408), True, True, False, False),
    (HttpStatusError("x", status=500), True, True, False, False),
    (HttpStatusError("x", status=503), True, True, False, False),
    (ApiError(-9, "x"), False, False, False, False),
    (ApiError(-9, "x", status=500), True, True, False, False),
    (NotFound(-9, "x"), False, False, False, True),
    (NotFound(-9, "x", status=500), False, False, False, True),
    (MissingParameter(-1008, "x"), False, False, False, True),
    (TokenRejected(-1001, "x"), False, True, True, True),
    (NotJson("x"), True, False, False, False),
    (SchemaError("x"), True, False, False, False),
    (InvalidRequest("x"), False, False, False, True),
    (ConfigurationError("x"), False, False, False, True),
]
each_error = pytest.mark.parametrize(
    ("error", "applied", "replayable", "reconcile", "safe"),
    TABLE,
    ids=lambda x: (
        f"{type(x).__name__}-{getattr(x, 'reason', getattr(x, 'status', ''))}"
        if isinstance(x, TaError)
        else ""
    ),
)

delays = st.floats(0, 1e6)
policies = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 5000),
    base=delays,
    cap=delays,
    retry_after_cap=delays,
    budget=delays,
    refund=delays,
)
errors = st.sampled_from([row[0] for row in TABLE])


@each_error
def test_what_an_error_means_for_sending_again(
    error: Any, applied: Any, replayable: Any, reconcile: Any, safe: Any
) -> None:
    assert may_have_applied(error) is applied
    assert may_resend(error, Replay.READ) is may_resend(error, Replay.REPLAYABLE) is replayable
    assert may_resend(error, Replay.RECONCILE) is reconcile
    assert safe_to_retry(error, Replay.RECONCILE) is safe
    assert safe_to_retry(error, Replay.READ) is safe_to_retry(error, Replay.REPLAYABLE) is True


@each_error
def test_what_may_have_taken_effect_is_never_sent_again_by_reconcile(
    error: Any, applied: Any, replayable: Any, reconcile: Any, safe: Any
) -> None:
    assert not (applied and (reconcile or safe))


@pytest.mark.parametrize("replay", Replay)
def test_a_call_whose_token_is_rejected_is_sent_again_once(replay: Replay) -> None:
    rejected, policy = TokenRejected(-1001, "x"), RetryPolicy()
    assert policy.delay(rejected, replay, 1, Random(1), rejections=1) is not None
    assert policy.delay(rejected, replay, 2, Random(1), rejections=2) is None


@given(policies, errors, st.sampled_from(Replay), st.integers(1, 5000), st.integers())
def test_a_wait_is_drawn_between_zero_and_the_cap_and_never_after_the_last_attempt(
    policy: Any, error: Any, replay: Any, attempt: Any, seed: Any
) -> None:
    delay = policy.delay(error, replay, attempt, Random(seed))
    if delay is None:
        assert attempt >= policy.attempts or not may_resend(error, replay)
    else:
        assert attempt < policy.attempts
        assert 0 <= delay <= policy.cap


@given(policies, st.integers(1, 5000))
def test_a_pause_is_never_longer_than_its_caps(policy: Any, attempt: Any) -> None:
    assert 0 <= policy.pause(RateLimited(-1005, "x"), attempt) <= policy.cap
    assert 0 <= policy.pause(RateLimited(-1005, "x", retry_after=1e9), attempt) <= policy.retry_after_cap
    assert policy.pause(HttpStatusError("x", status=503, retry_after=9.0), attempt) == 0


def test_the_longest_wait_doubles_until_the_cap() -> None:
    policy = RetryPolicy(attempts=99, base=1, cap=5)
    random = Random(1)
    longest = [
        max(policy.delay(HttpStatusError("x"), Replay.READ, attempt, random) or 0 for _ in range(500))
        for attempt in (1, 2, 3, 4, 90)
    ]
    assert [round(seconds, 1) for seconds in longest] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_the_time_that_the_server_asks_for_is_waited_up_to_the_cap_and_raised_above_it() -> None:
    policy = RetryPolicy(retry_after_cap=60, base=0.25)
    for asked, delay in [(7.0, 7.0), (60.0, 60.0), (60.1, None), (1e300, None), (float("inf"), None)]:
        for error in (
            RateLimited(-1005, "x", retry_after=asked),
            HttpStatusError("x", status=503, retry_after=asked),
        ):
            assert policy.delay(error, Replay.READ, 1, Random(1)) == delay


def test_a_server_that_asks_for_no_wait_still_gets_the_jitter() -> None:
    delay = RetryPolicy().delay(HttpStatusError("x", status=503, retry_after=0.0), Replay.READ, 1, Random(1))
    assert delay is not None
    assert 0 < delay < 0.25


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (RateLimited(-1005, "x"), True),
        (HttpStatusError("x", status=429), True),
        (ApiError(-1, "x", status=429), True),
        (HttpStatusError("x", status=503), False),
        (ApiError(-1, "x"), False),
        (NotSent("x"), False),
    ],
)
def test_there_are_two_ways_to_say_too_many_requests(error: Any, is_one: Any) -> None:
    assert is_rate_limit(error) is is_one


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("9" * 400, float("inf")),
        ("Sun, 13 Sep 2020 12:26:50 GMT", 10.0),
        ("Sun, 13 Sep 2020 12:26:30 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Sun Sep 13 12:26:50 2020", None),
        ("-5", None),
        ("+5", None),
        ("٣", None),
        ("1e3", None),
        ("inf", None),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("Mon, 99 Jan 2020 99:99:99 GMT", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date_and_never_negative(text: Any, seconds: Any) -> None:
    assert parse_retry_after(text, NOW) == seconds


@given(
    st.text()
    | st.from_regex(
        r"[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,9} [0-9:]{1,9} (GMT|[-+][0-9]{4,6})", fullmatch=True
    )
)
def test_any_retry_after_gives_seconds_or_none(text: Any) -> None:
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or seconds >= 0


def test_a_budget_is_spent_by_resends_and_earned_back_by_successes() -> None:
    budget = RetryBudget(RetryPolicy(budget=2, refund=0.5))
    assert [budget.take(), budget.take(), budget.take()] == [True, True, False]
    budget.give()
    assert not budget.take()
    budget.give()
    assert budget.take()


@given(st.lists(st.booleans()))
def test_a_budget_never_grows_above_its_size_nor_below_nothing(steps: Any) -> None:
    budget = RetryBudget(RetryPolicy(budget=3, refund=0.4))
    for step in steps:
        budget.take() if step else budget.give()
        assert 0 <= budget.left <= 3


@pytest.mark.parametrize(
    "settings",
    [
        {"attempts": 0},
        {"attempts": 1.5},
        {"attempts": "3"},
        {"base": -1},
        {"base": float("nan")},
        {"cap": float("inf")},
        {"cap": "1"},
        {"budget": None},
        {"refund": -0.1},
        {"retry_after_cap": float("inf")},
    ],
)
def test_an_invalid_policy_is_refused(settings: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        RetryPolicy(**settings)


def test_a_request_that_may_have_had_an_effect_is_not_retried() -> None:
    lost = OutcomeUnknown("lost.", reason="lost")
    policy = RetryPolicy()
    assert policy.delay(lost, Replay.RECONCILE, 1, Random(1)) is None
    assert policy.delay(lost, Replay.REPLAYABLE, 1, Random(1)) is not None


def test_a_rate_limit_pauses_the_session_by_what_was_asked_up_to_the_cap() -> None:
    policy = RetryPolicy(base=2.0, cap=7.0, retry_after_cap=60.0)
    assert [policy.pause(RateLimited(-1005, ""), attempt) for attempt in (1, 2, 3)] == [2, 4, 7]
    assert policy.pause(RateLimited(-1005, "", retry_after=5.0), 1) == 5
    assert policy.pause(HttpStatusError("", status=429, retry_after=500.0), 1) == 60
    assert policy.pause(HttpStatusError("", status=503, retry_after=5.0), 1) == 0


@pytest.mark.parametrize(
    "wrong", [SchemaError("", status=429), NotJson("", status=429), OutcomeUnknown("", reason="lost")]
)
def test_only_a_refusal_is_a_rate_limit(wrong: TaError) -> None:
    # An envelope with return_code 0 is a success whatever its status, also where its data cannot be read.
    assert not is_rate_limit(wrong)
    assert may_have_applied(wrong)
    assert not may_resend(wrong, Replay.RECONCILE)


def test_a_budget_is_never_more_than_it_was() -> None:
    budget = RetryBudget(RetryPolicy(budget=2.0, refund=0.75))
    assert [budget.take(), budget.take(), budget.take()] == [True, True, False]
    left = []
    for _ in range(4):
        budget.give()
        left.append(budget.left)
    assert left == [0.75, 1.5, 2.0, 2.0]


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (ApiError(-3009, "no"), True),
        (ApiError(-3009, "no", status=503), False),
        (NotFound(-1, "分群不存在"), True),
        (MissingParameter(-1008, "clusterId is empty"), True),
        (RateLimited(-1005, "too frequent"), False),
        (TokenRejected(-1001, "no"), False),
        (HttpStatusError("no", status=404), False),
        (NotSent("no", reason="refused"), False),
    ],
)
def test_only_the_servers_own_word_about_the_request_is_a_refusal(error: TaError, *, refused: bool) -> None:
    assert is_refusal(error) is refused

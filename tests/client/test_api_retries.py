"""One call: attempts, waits, the deadline, the budget and the pause, in virtual time."""

import asyncio
from typing import Any

import pytest

from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    ConfigurationError,
    HttpStatusError,
    NotFound,
    NotJson,
    NotSent,
    RateLimited,
    SchemaError,
    TokenRejected,
)
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.endpoints import (
    CREATE,
    DELETE,
    LIST,
    PROGRESS,
    REFRESH,
    UPDATE,
)
from ta_cluster_async.protocol.requests import Request, Response
from ta_cluster_async.protocol.retry import RetryPolicy

READ = Request(PROGRESS, "projectId=102&clusterId=970")
CHANGE = Request(UPDATE, "clusterId=970", b"{}")
MAKE = Request(CREATE, "", b"{}")
START = Request(REFRESH, "projectId=102&clusterId=970")
REMOVE = Request(DELETE, "projectId=102&clusterId=970")

UNAVAILABLE = Response(503, b"busy")


def same(data: Any) -> Any:
    return data


def lost() -> Any:
    return OutcomeUnknown("lost.", reason="lost")


def refused() -> Any:
    return NotSent("refused.", reason="refused")


def call(transport: Any, request: Any = READ, convert: Any = same, **settings: Any) -> Any:
    """One call in a session of its own, in virtual time."""
    timeout = settings.pop("timeout_of_call", None)

    async def main() -> Any:
        async with transport.session(**settings) as ta:
            return await ta.call(request, convert, timeout=timeout)

    return run(main())


def test_a_success_is_one_request_and_its_converted_data(scripted: Any, ok: Any) -> None:
    transport = scripted(ok)
    assert call(transport, convert=lambda data: data * 6) == 42
    assert [sending.name for sending in transport.sendings] == ["progress"]
    assert transport.closed == 1


@pytest.mark.parametrize("request_", [READ, CHANGE, REMOVE], ids=["read", "change", "remove"])
@pytest.mark.parametrize("trouble", [lost, refused, lambda: UNAVAILABLE])
def test_a_read_and_a_replayable_request_are_sent_until_they_succeed(
    scripted: Any, ok: Any, request_: Any, trouble: Any
) -> None:
    transport = scripted(trouble(), trouble(), trouble(), ok)
    assert call(transport, request_) == 7
    assert len(transport.sendings) == 4


@pytest.mark.parametrize("request_", [MAKE, START], ids=["create", "refresh"])
@pytest.mark.parametrize(
    "trouble", [lost, lambda: UNAVAILABLE, lambda: Response(504, b"<html>"), lambda: Response(200, b"half")]
)
def test_what_has_a_second_effect_is_never_sent_again_once_it_may_have_been_applied(
    scripted: Any, ok: Any, request_: Any, trouble: Any
) -> None:
    transport = scripted(trouble(), ok)
    with pytest.raises((OutcomeUnknown, HttpStatusError, NotJson)) as caught:
        call(transport, request_)
    assert len(transport.sendings) == 1
    assert not caught.value.safe_to_retry
    assert caught.value.sent != "no"


@pytest.mark.parametrize("request_", [MAKE, START], ids=["create", "refresh"])
def test_what_was_not_sent_or_was_rejected_is_sent_again_even_then(
    scripted: Any, ok: Any, refusal: Any, request_: Any
) -> None:
    transport = scripted(refused(), refusal(-1005), Response(429, b""), ok)
    assert call(transport, request_) == 7
    assert len(transport.sendings) == 4


def test_the_attempts_end_with_the_last_error(scripted: Any) -> None:
    transport = scripted(UNAVAILABLE)
    with pytest.raises(HttpStatusError) as caught:
        call(transport, retry=RetryPolicy(attempts=3))
    assert len(transport.sendings) == caught.value.attempts == 3
    assert caught.value.endpoint == "progress"
    assert "(3 attempts)" in str(caught.value)


def test_one_attempt_means_never_again(scripted: Any, ok: Any) -> None:
    transport = scripted(refused(), ok)
    with pytest.raises(NotSent):
        call(transport, retry=RetryPolicy(attempts=1))
    assert len(transport.sendings) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Response(200, b"<html>login</html>"),
        Response(200, b'{"return_code":0'),
        Response(302, b""),
        Response(404, b""),
    ],
)
def test_an_answer_that_will_not_change_is_not_asked_for_again(scripted: Any, answer: Any) -> None:
    transport = scripted(answer)
    with pytest.raises((NotJson, HttpStatusError)):
        call(transport)
    assert len(transport.sendings) == 1


def test_a_wrong_shape_is_a_schema_error_with_the_status_and_is_not_sent_again(
    scripted: Any, ok: Any
) -> None:
    def convert(data: Any) -> None:
        raise SchemaError("no good.", path="data")

    transport = scripted(ok)
    with pytest.raises(SchemaError) as caught:
        call(transport, convert=convert)
    assert [entry.name for entry in caught.traceback][-1] == "_retry"  # what the answer held is in no frame
    assert (caught.value.path, caught.value.status, caught.value.endpoint) == ("data", 200, "progress")
    assert len(transport.sendings) == 1


def test_the_status_of_an_answer_of_a_wrong_shape_is_kept(scripted: Any) -> None:
    def convert(data: Any) -> None:
        raise SchemaError("no good.", path="data")

    with pytest.raises(SchemaError) as caught:
        call(scripted(Response(500, b'{"return_code":0}')), convert=convert)
    assert caught.value.status == 500


def test_a_failed_call_leaves_no_chain_and_only_our_frames(scripted: Any) -> None:
    with pytest.raises(HttpStatusError) as caught:
        call(scripted(UNAVAILABLE), retry=RetryPolicy(attempts=1))
    assert caught.value.__cause__ is caught.value.__context__ is None
    frames = [entry.name for entry in caught.traceback]
    assert frames[-4:] == ["main", "call", "_call", "_retry"]


# The deadline


def test_each_attempt_gets_what_is_left_of_the_calls_time(scripted: Any, ok: Any) -> None:
    async def slow(sending: Any) -> Any:
        await asyncio.sleep(4)
        return lost()

    transport = scripted(slow, slow, ok)
    call(transport, retry=RetryPolicy(base=0), timeout=10)
    assert [sending.timeout for sending in transport.sendings] == [10, 6, 2]


def test_the_time_of_the_call_wins_over_the_sessions(scripted: Any, ok: Any) -> None:
    transport = scripted(ok)
    call(transport, timeout=10, timeout_of_call=3)
    assert transport.sendings[0].timeout == 3


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "3", True])
def test_an_invalid_timeout_is_refused_before_anything_is_sent(scripted: Any, ok: Any, timeout: Any) -> None:
    transport = scripted(ok)
    with pytest.raises(ConfigurationError, match="timeout"):
        call(transport, timeout_of_call=timeout)
    assert not transport.sendings


def test_a_wait_that_would_end_after_the_deadline_is_not_begun(scripted: Any) -> None:
    async def main() -> Any:
        async with transport.session(timeout=5) as ta:
            with pytest.raises(HttpStatusError) as caught:
                await ta.call(READ, same)
            return caught.value, asyncio.get_running_loop().time()

    transport = scripted(Response(503, b"", "20"))
    error, time = run(main())
    assert (error.attempts, error.retry_after, time) == (1, 20, 0)


def test_time_that_ends_in_the_middle_of_retries_raises_the_last_real_error(scripted: Any) -> None:
    async def main() -> Any:
        async with transport.session(
            timeout=5, retry=RetryPolicy(attempts=1000, base=1, cap=1, budget=1000)
        ) as ta:
            with pytest.raises(HttpStatusError) as caught:
                await ta.call(READ, same)
            return caught.value, asyncio.get_running_loop().time()

    transport = scripted(UNAVAILABLE)
    error, time = run(main())
    assert error.attempts == len(transport.sendings) > 5
    assert time < 5


def test_waiting_for_a_slot_counts_against_the_deadline(scripted: Any, ok: Any) -> None:
    async def slow(sending: Any) -> Any:
        await asyncio.sleep(4)
        return ok

    async def main() -> Any:
        async with transport.session(max_connections=1) as ta:
            first = asyncio.create_task(ta.call(READ, same))
            await asyncio.sleep(0)
            second = await ta.call(READ, same, timeout=10)
            with pytest.raises(NotSent) as caught:
                await asyncio.gather(ta.call(READ, same), ta.call(READ, same, timeout=3))
            return await first, second, caught.value

    transport = scripted(slow)
    first, second, error = run(main())
    assert (first, second) == (7, 7)
    assert transport.sendings[1].timeout == 6
    assert (error.reason, error.attempts, error.sent, error.safe_to_retry) == ("no-connection", 0, "no", True)
    assert "max_connections" in str(error)


# The waits and the pause


def test_the_wait_grows_with_full_jitter_up_to_the_cap(scripted: Any) -> None:
    transport = scripted(UNAVAILABLE)
    with pytest.raises(HttpStatusError):
        call(transport, timeout=1e6, retry=RetryPolicy(attempts=60, base=1, cap=8, budget=100))
    waits = [b - a for a, b in zip(transport.times, transport.times[1:], strict=False)]
    assert all(wait <= min(8, 2**n) for n, wait in enumerate(waits))
    assert max(waits) > 6
    assert min(waits[3:]) < 2


def test_retry_after_is_honoured(scripted: Any, ok: Any) -> None:
    transport = scripted(Response(503, b"", "7"), Response(429, b"", "9"), ok)
    assert call(transport) == 7
    assert transport.times == [0, 7, 16]


def test_a_retry_after_above_the_cap_is_raised(scripted: Any, ok: Any, refusal: Any) -> None:
    transport = scripted(refusal(-1005, retry_after="3600"), ok)
    with pytest.raises(RateLimited) as caught:
        call(transport, timeout=1e6)
    assert caught.value.retry_after == 3600
    assert len(transport.sendings) == 1


@pytest.mark.parametrize("header", ["soon", "-5", "", "Thu, 01 Jan 1970 00:00:00 GMT", "0"])
def test_a_retry_after_without_meaning_is_a_short_wait(scripted: Any, ok: Any, header: Any) -> None:
    transport = scripted(Response(503, b"", header), ok)
    assert call(transport) == 7
    assert 0 <= transport.times[1] <= 0.25


def test_one_rate_limit_answer_pauses_the_whole_session(scripted: Any, ok: Any, refusal: Any) -> None:
    async def main() -> None:
        async with transport.session() as ta:
            first = asyncio.create_task(ta.call(READ, same))
            await asyncio.sleep(1)
            await asyncio.gather(first, *(ta.call(READ, same) for _ in range(5)))

    transport = scripted(refusal(-1005, retry_after="20"), ok)
    run(main())
    assert transport.times == [0] + [20] * 6


def test_two_rate_limit_answers_pause_until_the_later_end(scripted: Any, ok: Any, refusal: Any) -> None:
    def after_a_second(answer: Any) -> Any:
        async def step(sending: Any) -> Any:
            await asyncio.sleep(1)
            return answer

        return step

    async def main() -> None:
        async with transport.session() as ta:
            await asyncio.gather(ta.call(READ, same), ta.call(READ, same))

    first, second = (after_a_second(refusal(-1005, retry_after=seconds)) for seconds in ("20", "5"))
    transport = scripted(first, second, ok)
    run(main())
    assert transport.times == [0, 0, 21, 21]


def test_a_pause_longer_than_the_calls_time_fails_at_once(scripted: Any, ok: Any, refusal: Any) -> None:
    async def main() -> Any:
        async with transport.session() as ta:
            first = asyncio.create_task(ta.call(READ, same))
            await asyncio.sleep(1)
            with pytest.raises(NotSent) as caught:
                await ta.call(READ, same, timeout=5)
            now = asyncio.get_running_loop().time()
            await first
            return caught.value, now

    transport = scripted(refusal(-1005, retry_after="20"), ok)
    error, now = run(main())
    assert (error.reason, error.attempts, error.sent, error.safe_to_retry) == ("paused", 0, "no", True)
    assert now == 1
    assert "rate-limit" in str(error)


def test_the_call_that_was_rate_limited_raises_that_when_its_time_ends_in_the_pause(
    scripted: Any, refusal: Any
) -> None:
    transport = scripted(refusal(-1005))
    with pytest.raises(RateLimited) as caught:
        call(transport, timeout=3, retry=RetryPolicy(attempts=50, base=1, cap=60))
    assert caught.value.attempts == len(transport.sendings)


def test_the_rate_limit_of_the_session_is_kept(scripted: Any, ok: Any) -> None:
    async def main() -> None:
        async with transport.session(rate_limit=2) as ta:
            await asyncio.gather(*(ta.call(READ, same) for _ in range(5)))

    transport = scripted(ok)
    run(main())
    assert transport.times == [0, 0.5, 1, 1.5, 2]


# The budget


def test_an_ailing_server_is_not_met_with_a_multiple_of_the_load(scripted: Any) -> None:
    async def main() -> None:
        async with transport.session(retry=RetryPolicy(budget=10)) as ta:
            outcomes = await asyncio.gather(
                *(ta.call(READ, same) for _ in range(100)), return_exceptions=True
            )
            assert all(type(outcome) is HttpStatusError for outcome in outcomes)

    transport = scripted(UNAVAILABLE)
    run(main())
    assert len(transport.sendings) == 110


def test_successes_earn_the_budget_back(scripted: Any, ok: Any) -> None:
    async def main() -> None:
        async with transport.session(retry=RetryPolicy(budget=1, refund=0.5)) as ta:
            await ta.call(READ, same)  # one resend, and half of it back
            with pytest.raises(HttpStatusError):
                await ta.call(READ, same)
            await ta.call(READ, same)
            await ta.call(READ, same)

    transport = scripted(UNAVAILABLE, ok, UNAVAILABLE, ok, UNAVAILABLE, ok)
    run(main())
    assert len(transport.sendings) == 6


# What all attempts mean together


def test_a_delete_whose_answer_was_lost_is_done_when_nothing_is_left(scripted: Any, refusal: Any) -> None:
    transport = scripted(lost(), refusal(-1, "分群不存在"))
    assert call(transport, REMOVE, convert=lambda data: ("done", data)) == ("done", None)


@pytest.mark.parametrize("first", [refused, None])
def test_a_delete_of_what_never_was_there_is_not_found(scripted: Any, refusal: Any, first: Any) -> None:
    transport = scripted(*([first()] if first else []), refusal(-1, "分群不存在"))
    with pytest.raises(NotFound):
        call(transport, REMOVE)


def test_an_attempt_of_unknown_outcome_is_not_forgotten_by_a_later_refusal(scripted: Any) -> None:
    transport = scripted(lost(), refused())
    with pytest.raises(OutcomeUnknown) as caught:
        call(transport, CHANGE, retry=RetryPolicy(attempts=2))
    assert caught.value.sent == "unknown"
    assert caught.value.attempts == 2


# Uploads


class Upload:
    """A body whose source can be read a number of times, and breaks if it is told to."""

    length = None

    def __init__(self, times: Any, failure: Any = None) -> None:
        self.times = times
        self.failure = failure

    @property
    def can_start(self) -> Any:
        return self.times > 0

    async def chunks(self) -> Any:
        self.times -= 1
        yield b""


async def consume(sending: Any) -> Any:
    assert sending.request.upload is not None
    async for _ in sending.request.upload.chunks():
        pass
    return UNAVAILABLE


def test_a_source_that_can_be_read_once_is_not_sent_again(scripted: Any, ok: Any) -> None:
    transport = scripted(consume, ok)
    with pytest.raises(HttpStatusError):
        call(transport, Request(UPDATE, upload=Upload(1)))
    assert len(transport.sendings) == 1


def test_a_provider_is_not_asked_for_an_upload_that_cannot_be_sent_again(
    scripted: Any, ok: Any, refusal: Any
) -> None:
    async def reject(sending: Any) -> Any:
        await consume(sending)
        return refusal(-1001, "token error")

    async def provide() -> str:
        asked.append(1)
        return "old"

    asked: list[int] = []
    transport = scripted(reject, ok)
    with pytest.raises(TokenRejected):
        call(transport, Request(UPDATE, upload=Upload(1)), token=provide)
    assert (len(transport.sendings), len(asked)) == (1, 1)


def test_a_source_that_can_be_read_again_is(scripted: Any, ok: Any) -> None:
    transport = scripted(consume, ok)
    assert call(transport, Request(UPDATE, upload=Upload(2))) == 7


def test_what_the_source_itself_raised_is_raised_and_nothing_else(scripted: Any) -> None:
    transport = scripted(lost())
    with pytest.raises(ZeroDivisionError) as caught:
        call(transport, Request(UPDATE, upload=Upload(0, ZeroDivisionError("mine"))))
    assert caught.value.__context__ is None


# Cancellation


@pytest.mark.parametrize("after", [0.5, 3, 30])
def test_a_cancelled_call_ends_at_once_wherever_it_waits_and_sends_nothing_afterwards(
    scripted: Any, ok: Any, refusal: Any, after: Any
) -> None:
    async def slow(sending: Any) -> Any:
        await asyncio.sleep(1)
        return refusal(-1005, retry_after="20")

    async def main() -> None:
        async with transport.session(max_connections=1) as ta:
            task = asyncio.create_task(ta.call(READ, same, timeout=100))
            await asyncio.sleep(after)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asyncio.get_running_loop().time() == after
            sent = len(transport.sendings)
            await asyncio.sleep(100)
            assert len(transport.sendings) == sent
            transport.steps = [ok]
            assert await ta.call(LIST_ALL, same) == 7  # its place is free

    transport = scripted(slow)
    run(main())


LIST_ALL = Request(LIST, "", b"{}")


def test_a_create_that_succeeded_with_an_odd_status_and_answer_is_not_made_twice(scripted: Any) -> None:
    def wrong(_: Any) -> Any:
        raise SchemaError("not an int", path="data")

    transport = scripted(Response(429, b'{"return_code":0,"data":"x"}'))
    with pytest.raises(SchemaError) as caught:
        call(transport, MAKE, wrong)
    assert len(transport.sendings) == 1
    assert not caught.value.safe_to_retry

"""What mutants of the session told apart nobody else did: bounds to the moment, settings one by one, the quick way, what is left behind."""

import asyncio
import inspect
from types import TracebackType
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.client.api import _source_failure
from ta_cluster_async.client.limiter import Limiter
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import ConfigurationError, HttpStatusError, NotSent, RateLimited
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.endpoints import PROGRESS
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.protocol.requests import Request, Response
from ta_cluster_async.protocol.retry import RetryPolicy
from ta_cluster_async.session import TaSession

READ = Request(PROGRESS, "projectId=102&clusterId=970")
UNAVAILABLE = Response(503, b"busy")
ONCE = RetryPolicy(attempts=1)


def same(data: Any) -> Any:
    return data


# Settings


def test_the_defaults() -> None:
    settings = inspect.signature(TaSession).parameters
    assert {name: settings[name].default for name in settings if name not in ("base_url", "token")} == {
        "timeout": 30.0,
        "upload_timeout": 3600.0,
        "retry": None,
        "poll": None,
        "max_connections": 32,
        "rate_limit": None,
        "ssl": True,
        "client_session": None,
        "strict_names": True,
        "transport": None,
    }


def test_a_session_without_settings_has_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TA_BASE_URL", "http://127.0.0.1")
    monkeypatch.setenv("TA_TOKEN", "t")
    for plain in (TaSession("http://127.0.0.1", "t"), TaSession.from_env()):
        assert (plain.timeout, plain.upload_timeout, plain.max_connections) == (30, 3600, 32)
        assert (plain.retry, plain.poll) == (RetryPolicy(), PollPolicy())
        assert (plain.rate_limit, plain.strict_names, plain._ssl) == (None, True, True)


def test_a_session_from_the_environment_has_each_of_its_settings(
    monkeypatch: pytest.MonkeyPatch, scripted: Any
) -> None:
    monkeypatch.setenv("TA_BASE_URL", "http://127.0.0.1")
    monkeypatch.setenv("TA_TOKEN", "t")
    borrowed: Any = object()
    transport = scripted()
    retry, poll = RetryPolicy(attempts=2), PollPolicy(first=7.0)
    ta = TaSession.from_env(
        timeout=1,
        upload_timeout=2,
        retry=retry,
        poll=poll,
        max_connections=3,
        rate_limit=4,
        ssl=False,
        client_session=borrowed,
        strict_names=False,
        transport=transport,
    )
    assert (ta.timeout, ta.upload_timeout, ta.max_connections, ta.rate_limit) == (1, 2, 3, 4)
    assert ta.retry is retry
    assert ta.poll is poll
    assert ta.strict_names is False
    assert (ta._ssl, ta._borrowed, ta._transport) == (False, borrowed, transport)
    assert TaSession.from_env()._ssl is True


@pytest.mark.parametrize(
    ("name", "value"),
    [("timeout", 0), ("upload_timeout", 0), ("max_connections", 0), ("rate_limit", 0)],
)
def test_a_number_that_makes_no_sense_is_called_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} has to be"):
        TaSession("http://127.0.0.1", "t", **{name: value})


def test_the_time_of_a_call_that_makes_no_sense_is_called_by_its_name(scripted: Any, ok: Any) -> None:
    async def main() -> None:
        async with scripted(ok).session() as ta:
            with pytest.raises(ConfigurationError, match=r"^timeout has to be"):
                await ta.call(READ, same, timeout=-1)

    run(main())


def test_a_project_is_of_its_session(scripted: Any) -> None:
    ta = scripted().session()
    assert (ta.project(102).session, ta.project(102).id) == (ta, 102)


# The moments


def test_a_call_that_gets_its_place_half_a_second_before_its_end_uses_it(scripted: Any, ok: Any) -> None:
    async def slow(_: Any) -> Any:
        await asyncio.sleep(4.5)
        return ok

    async def main() -> Any:
        async with transport.session(max_connections=1) as ta:
            first = asyncio.create_task(ta.call(READ, same))
            await asyncio.sleep(0)
            return await asyncio.gather(ta.call(READ, same, timeout=5), return_exceptions=True), await first

    transport = scripted(slow, ok)
    assert run(main()) == ([7], 7)
    assert transport.sendings[1].timeout == 0.5
    assert [sending.name for sending in transport.sendings] == ["progress", "progress"]


def test_a_call_whose_turn_comes_when_its_time_is_over_sends_nothing(scripted: Any, ok: Any) -> None:
    async def main() -> Any:
        async with transport.session(rate_limit=0.2) as ta:
            await ta.call(READ, same)
            with pytest.raises(NotSent) as caught:
                await ta.call(READ, same, timeout=5)
            return caught.value

    transport = scripted(ok)
    error = run(main())
    assert error.message.startswith("no place among the session's max_connections=")
    assert len(transport.sendings) == 1


def test_a_retry_that_would_begin_when_the_time_is_over_is_not_waited_for(scripted: Any) -> None:
    async def main() -> Any:
        async with scripted(Response(503, b"", "5")).session() as ta:
            with pytest.raises(HttpStatusError):
                await ta.call(READ, same, timeout=5)
            return asyncio.get_running_loop().time()

    assert run(main()) == 0


def test_a_retry_after_that_is_a_date_counts_from_now_by_the_wall_clock(scripted: Any) -> None:
    async def main() -> Any:
        async with scripted(Response(503, b"", "Fri, 31 Dec 9999 23:59:59 GMT")).session() as ta:
            with pytest.raises(HttpStatusError) as caught:
                await ta.call(READ, same)
            return caught.value.retry_after

    assert 1e10 < run(main()) < 1e12


def test_a_pause_of_a_second_is_one(scripted: Any, ok: Any, refusal: Any) -> None:
    async def main() -> Any:
        async with transport.session(retry=ONCE) as ta:
            with pytest.raises(RateLimited):
                await ta.call(READ, same)
            await asyncio.sleep(0.25)
            await ta.call(READ, same)

    transport = scripted(refusal(-1005, retry_after="1"), ok)
    run(main())
    assert transport.times == [0, 1]


def test_every_attempt_sends_the_request(scripted: Any, ok: Any) -> None:
    async def main() -> Any:
        async with transport.session() as ta:
            return await ta.call(READ, same)

    transport = scripted(UNAVAILABLE, UNAVAILABLE, ok)
    assert run(main()) == 7
    assert [sending.request for sending in transport.sendings] == [READ] * 3


def test_a_renewal_of_the_token_ends_with_the_time_of_the_call(scripted: Any, refusal: Any) -> None:
    asked = 0

    async def provider() -> str:
        nonlocal asked
        asked += 1
        if asked > 1:
            await asyncio.sleep(100)
        return "bad"

    async def main() -> Any:
        async with scripted(refusal(-1001)).session(provider) as ta:
            with pytest.raises(NotSent) as caught:
                await ta.call(READ, same, timeout=5)
            return caught.value.reason, asyncio.get_running_loop().time()

    assert run(main()) == ("token", 5)


def test_a_renewal_that_fails_ends_the_call(scripted: Any, refusal: Any) -> None:
    asked = 0

    async def provider() -> str:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise OSError
        return "bad"

    async def main() -> Any:
        async with transport.session(provider) as ta:
            with pytest.raises(NotSent) as caught:
                await ta.call(READ, same)
            return caught.value.reason

    transport = scripted(refusal(-1001))
    assert run(main()) == "token"
    assert (asked, len(transport.sendings)) == (2, 1)


class SlowToClose:
    """In place of the network: nothing may be sent, and closing takes a while."""

    async def send(self, *_: Any) -> Any:
        pytest.fail("it was sent")

    async def aclose(self) -> None:
        await asyncio.sleep(5)


def test_a_call_that_begins_while_the_session_closes_is_told_so() -> None:
    async def main() -> None:
        ta = TaSession("http://127.0.0.1", "t", transport=SlowToClose())
        await ta.__aenter__()
        end = asyncio.create_task(ta.aclose())
        await asyncio.sleep(1)
        with pytest.raises(ConfigurationError, match="closed"):
            await ta.call(READ, same)
        await end

    run(main())


def test_a_call_under_way_when_the_session_is_closed_is_told_so(scripted: Any) -> None:
    async def main() -> Any:
        async def lost(_: Any) -> Any:
            await ta.aclose()
            return OutcomeUnknown("lost.", reason="lost")

        async with scripted(lost).session() as ta:
            with pytest.raises(OutcomeUnknown) as caught:
                await ta.call(READ, same)
            return caught.value

    error = run(main())
    assert error.message == "the session was closed while the call was under way."
    assert error.reason == "closed"


# The quick way


def test_what_is_read_quickly_is_the_result_and_nothing_is_converted(scripted: Any, ok: Any) -> None:
    async def main() -> Any:
        async with scripted(ok).session() as ta:
            return await ta.call(
                READ, lambda _: pytest.fail("converted"), quick=lambda body: (len(body), body[:1])
            )

    assert run(main()) == (len(ok.body), b"{")


def test_what_cannot_be_read_quickly_is_converted(scripted: Any, ok: Any) -> None:
    async def main() -> Any:
        async with scripted(ok).session() as ta:
            return await ta.call(READ, same, quick=lambda _: None)

    assert run(main()) == 7


def test_no_answer_is_not_read_quickly(scripted: Any, ok: Any) -> None:
    async def main() -> Any:
        async with scripted(OutcomeUnknown("lost.", reason="lost"), ok).session() as ta:
            return await ta.call(READ, same, quick=lambda _: pytest.fail("read"))

    assert run(main()) == 7


# The limiter


async def enter(limiter: Limiter, deadline: float = 1e9) -> tuple[str | None, float]:
    reason = await limiter.acquire(deadline)
    if reason is None:
        limiter.release()
    return reason, asyncio.get_running_loop().time()


async def given_up(limiter: Limiter) -> None:
    """Wait for a second, and give up."""
    waiting = asyncio.create_task(enter(limiter))
    await asyncio.sleep(1)
    waiting.cancel()
    await asyncio.wait([waiting])


def test_who_gave_up_before_anybody_has_started_holds_up_nobody() -> None:
    async def main() -> Any:
        limiter = Limiter(9, 1)
        limiter.pause(5)
        await given_up(limiter)
        return await enter(limiter)

    assert run(main()) == (None, 5)


def test_after_a_pause_in_which_somebody_gave_up_the_rate_still_holds() -> None:
    async def main() -> Any:
        limiter = Limiter(9, 1)
        limiter.pause(10)
        await given_up(limiter)
        return await asyncio.gather(*(enter(limiter) for _ in range(3)))

    assert run(main()) == [(None, 10), (None, 11), (None, 12)]


def test_the_turn_of_one_who_gave_up_is_free_only_where_nobody_waits_behind() -> None:
    async def main() -> Any:
        limiter = Limiter(9, 1)
        assert await enter(limiter) == (None, 0)
        behind = [asyncio.create_task(enter(limiter)) for _ in range(3)]
        await asyncio.sleep(0.5)
        behind.pop(1).cancel()
        await asyncio.sleep(0)
        behind.append(asyncio.create_task(enter(limiter)))
        return await asyncio.gather(*behind)

    assert run(main()) == [(None, 1), (None, 3), (None, 4)]


def test_who_can_wait_exactly_until_its_turn_or_the_end_of_a_pause_enters() -> None:
    async def main() -> Any:
        by_rate, paused = Limiter(9, 1), Limiter(9, None)
        await enter(by_rate)
        paused.pause(1)
        return await asyncio.gather(enter(by_rate, 1.0), enter(paused, 1.0))

    assert run(main()) == [(None, 1), (None, 1)]


def test_who_is_cancelled_at_the_very_end_of_its_time_gives_back_no_place() -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        limiter = Limiter(1, None)
        assert limiter.try_acquire()
        waiting = asyncio.create_task(enter(limiter, 5.0))
        await asyncio.sleep(1)
        loop.call_at(5.0, waiting.cancel)
        await asyncio.wait([waiting])
        return loop.time(), waiting.cancelled(), limiter.try_acquire()

    assert run(main()) == (5, True, False)


def test_those_who_wait_or_sleep_leave_nothing_behind() -> None:
    async def main() -> None:
        limiter = Limiter(1, None)
        assert limiter.try_acquire()
        assert await enter(limiter, 1.0) == ("no-connection", 1)
        await given_up(limiter)
        assert not limiter._queue
        await limiter.sleep(1)
        assert not limiter._close_signal._waiters

    run(main())


# What a source raised


class Uploading:
    def __init__(self, failure: BaseException) -> None:
        self.failure = failure


def traced(*functions: tuple[str, dict[str, str]]) -> BaseException:
    """An error with a frame of each of these functions, each in a module of its own, the outermost first."""

    def fail() -> None:
        raise OSError("the disk is gone")

    call: Any = fail
    for name, module in reversed(functions):
        namespace: dict[str, Any] = {"call": call, **module}
        exec(f"def {name}():\n    call()", namespace)
        call = namespace[name]
    with pytest.raises(OSError, match="disk") as caught:
        call()
    inner = caught.tb.tb_next
    return caught.value.with_traceback(inner)


def names(traceback: TracebackType | None) -> list[str]:
    found = []
    while traceback is not None:
        found.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    return found


def test_the_frames_of_the_http_library_around_the_error_of_a_source_are_left_out() -> None:
    error = traced(
        ("send", {"__name__": "aiohttp"}),
        ("write", {"__name__": "aiohttp.client"}),
        ("rows", {"__name__": "aiohttp_like"}),
        ("inner", {"__name__": "aiohttp.web"}),
    )
    upload: Any = Uploading(error)
    found = _source_failure(evolve(READ, upload=upload))
    assert found is error
    assert names(error.__traceback__) == ["rows", "inner", "fail"]


def test_a_frame_of_a_module_without_a_name_is_nobodys_but_the_sources() -> None:
    error = traced(("send", {"__name__": "aiohttp.client"}), ("rows", {}))
    upload: Any = Uploading(error)
    assert _source_failure(evolve(READ, upload=upload)) is error
    assert names(error.__traceback__) == ["rows", "fail"]

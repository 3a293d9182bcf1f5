"""One timer for the timeouts of all requests: each task whose time is over is cancelled once, and none is forgotten."""

import asyncio
import time
from typing import Any

import anyio
import pytest

from ta_cluster_async.client.timeouts import Timeouts
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.endpoints import PROGRESS, REFRESH
from ta_cluster_async.protocol.requests import Request
from ta_cluster_async.protocol.retry import RetryPolicy
from ta_cluster_async.session import TaSession


async def request(timeouts: Timeouts, seconds: float, cleanup: float = 0.0) -> tuple[float, int]:
    """Run until the timeout, then clean up. Returns when it was cancelled, and how often by the end."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    timeout = timeouts.start(seconds)
    try:
        await asyncio.sleep(1e6)
    except asyncio.CancelledError:
        ended = loop.time()
        await asyncio.sleep(cleanup)
        times = task.cancelling()
        assert timeout.expired
        assert timeout.uncancel()
        return ended, times
    finally:
        timeouts.stop(timeout)
    raise AssertionError


def test_a_task_that_cleans_up_after_its_timeout_is_not_cancelled_again_by_the_timeout_of_others() -> None:
    async def main() -> Any:
        timeouts = Timeouts()
        # Several of each, since a set has no order.
        early = (request(timeouts, 1, cleanup=10) for _ in range(12))
        return await asyncio.gather(*early, *(request(timeouts, 2) for _ in range(12)))

    assert run(main()) == [(1, 1)] * 12 + [(2, 1)] * 12


def test_a_task_that_cleans_up_after_its_timeout_is_not_cancelled_again_when_the_session_closes() -> None:
    async def main() -> Any:
        timeouts = Timeouts()
        late, open_ = (asyncio.ensure_future(request(timeouts, s, cleanup=10)) for s in (1, 100))
        await asyncio.sleep(5)
        timeouts.close()
        return await asyncio.gather(late, open_)

    assert run(main()) == [(1, 1), (5, 1)]


def test_all_timeouts_of_the_same_time_expire_then() -> None:
    async def main() -> Any:
        timeouts = Timeouts()
        return await asyncio.gather(*(request(timeouts, s) for s in (3, 1, 3, 2, 3)))

    assert run(main()) == [(3, 1), (1, 1), (3, 1), (2, 1), (3, 1)]


READ = Request(PROGRESS, "projectId=102&clusterId=970")


START = Request(REFRESH, "projectId=102&clusterId=970")


ONCE = RetryPolicy(attempts=1)


ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{"return_code":0,"data":7}'


def same(data: Any) -> Any:
    return data


async def takes(reader: Any, writer: Any, server: Any) -> Any:
    writer.write(ANSWER)
    return True


async def never(reader: Any, writer: Any, server: Any) -> None:
    await asyncio.Event().wait()


def cancellations() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


def test_the_deadline_is_kept_to_the_millisecond_and_not_rounded_up(raw_server: Any) -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        async with raw_server(never) as server, TaSession(server.url, "t", retry=ONCE) as ta:
            began = loop.time()
            with pytest.raises(OutcomeUnknown):
                await ta.call(READ, same, timeout=30)
            return loop.time() - began

    assert run(main(), start=0.25) == 30


@pytest.mark.parametrize("request_", [READ, START], ids=["get", "post"])
def test_a_stall_ends_with_the_calls_time(raw_server: Any, request_: Any) -> None:
    began = time.monotonic()

    async def main() -> Any:
        async with raw_server(never) as server, TaSession(server.url, "t", timeout=0.05) as ta:
            with pytest.raises(OutcomeUnknown) as caught:
                await ta.call(request_, same)
            return caught.value

    problem = asyncio.run(main())
    assert time.monotonic() - began < 2
    assert (type(problem), problem.reason, problem.sent) == (OutcomeUnknown, "timeout", "unknown")
    assert "0.05 seconds" in str(problem)


@pytest.mark.parametrize("timeouts", [(3, 1, 2), (1, 2, 3), (1000, 5, 0.5), (2, 2, 2)])
def test_each_of_many_requests_has_its_own_deadline(raw_server: Any, timeouts: Any) -> None:
    async def one(ta: Any, seconds: Any) -> Any:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(OutcomeUnknown) as caught:
            await ta.call(START, same, timeout=seconds)
        assert caught.value.reason == "timeout"
        assert cancellations() == 0
        return loop.time() - began

    async def main() -> Any:
        async with raw_server(never) as server, TaSession(server.url, "t") as ta:
            return await asyncio.gather(*(one(ta, seconds) for seconds in timeouts))

    assert run(main()) == list(timeouts)


@pytest.mark.parametrize("first", ["deadline", "caller"])
def test_a_caller_that_cancels_at_the_very_deadline_is_cancelled(raw_server: Any, first: Any) -> None:
    async def main() -> Any:
        async with raw_server(never) as server, TaSession(server.url, "t") as ta:
            loop = asyncio.get_running_loop()
            seconds = 5.0
            task = asyncio.create_task(ta.call(START, same, timeout=seconds))
            if first == "caller":
                loop.call_at(loop.time() + seconds, task.cancel)
            await asyncio.sleep(0.5)
            if first == "deadline":
                loop.call_at(seconds + 0.0, task.cancel)
            await asyncio.wait([task])
            return task

    task = run(main())
    assert task.cancelled()


def test_a_timeout_of_the_caller_around_a_call_is_the_callers(raw_server: Any) -> None:
    async def main() -> Any:
        async with raw_server(never) as server, TaSession(server.url, "t") as ta:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2):
                    await ta.call(START, same, timeout=3)
            with pytest.raises(OutcomeUnknown):
                async with asyncio.timeout(3):
                    await ta.call(START, same, timeout=2)
            with anyio.move_on_after(1) as scope:
                await ta.call(START, same)
            return scope.cancelled_caught, cancellations()

    assert run(main()) == (True, 0)


def test_no_timer_is_left_when_a_session_closes(raw_server: Any) -> None:
    async def main() -> Any:
        async with raw_server(takes) as server, TaSession(server.url, "t", timeout=1000) as ta:
            await ta.call(START, same)
        loop: Any = asyncio.get_running_loop()
        return [handle for handle in loop._scheduled if not handle.cancelled()]

    assert run(main()) == []

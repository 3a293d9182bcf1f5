"""One timer for the timeouts of all requests: each task whose time is over is cancelled once, and none is forgotten."""

import asyncio
from typing import Any

from ta_cluster_async.client.timeouts import Timeouts
from ta_cluster_async.emulator.loop import run


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

"""One timer for the deadlines of all requests in flight: whose time is over is ended once, and nobody is forgotten."""

import asyncio
from typing import Any

from ta_cluster_async.client.timeouts import Deadlines
from ta_cluster_async.emulator.loop import run


async def fly(deadlines: Deadlines, seconds: float, tidying: float = 0.0) -> tuple[float, int]:
    """Be in flight until the time is over, then tidy up; return when that was, and how often the task was cancelled by then."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    flight = deadlines.begin(seconds)
    try:
        await asyncio.sleep(1e6)
    except asyncio.CancelledError:
        ended = loop.time()
        await asyncio.sleep(tidying)
        times = task.cancelling()
        assert flight.expired
        assert flight.take_back()
        return ended, times
    finally:
        deadlines.end(flight)
    raise AssertionError


def test_who_tidies_up_after_its_time_is_not_cancelled_again_when_the_time_of_others_is_over() -> None:
    async def main() -> Any:
        deadlines = Deadlines()
        # Several of each, as they are looked at in no order.
        early = (fly(deadlines, 1, tidying=10) for _ in range(12))
        return await asyncio.gather(*early, *(fly(deadlines, 2) for _ in range(12)))

    assert run(main()) == [(1, 1)] * 12 + [(2, 1)] * 12


def test_who_tidies_up_after_its_time_is_not_cancelled_again_when_the_session_closes() -> None:
    async def main() -> Any:
        deadlines = Deadlines()
        late, open_ = (asyncio.ensure_future(fly(deadlines, s, tidying=10)) for s in (1, 100))
        await asyncio.sleep(5)
        deadlines.close()
        return await asyncio.gather(late, open_)

    assert run(main()) == [(1, 1), (5, 1)]


def test_all_whose_times_are_over_at_the_same_moment_end_then() -> None:
    async def main() -> Any:
        deadlines = Deadlines()
        return await asyncio.gather(*(fly(deadlines, s) for s in (3, 1, 3, 2, 3)))

    assert run(main()) == [(3, 1), (1, 1), (3, 1), (2, 1), (3, 1)]

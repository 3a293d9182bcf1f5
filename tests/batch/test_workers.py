"""A bounded number of workers that pull their work."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ta_cluster_async.batch.workers import work_all
from ta_cluster_async.emulator.loop import run


async def numbers(count: int, log: list[int]) -> AsyncIterator[int]:
    for number in range(count):
        log.append(number)
        yield number


async def endless(log: list[Any], *, stubborn: bool = False) -> AsyncIterator[int]:
    """A number at once and no other for a long time; a stubborn one gives another when it is cancelled."""
    yield 0
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        log.append("cancelled")
        if not stubborn:
            raise
        yield 1


def cancellations() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_source_is_waited_for_no_longer_when_there_is_enough(*, stubborn: bool) -> None:
    async def main() -> Any:
        log: list[Any] = []

        async def work(number: int, item: int) -> bool:
            await asyncio.sleep(5)
            log.append((number, item))
            return False

        await work_all(endless(log, stubborn=stubborn), work, 3)
        return log, asyncio.get_running_loop().time(), cancellations()

    assert run(main()) == ([(0, 0), "cancelled"], 5.0, 0)


def test_who_is_cancelled_while_the_workers_wait_for_a_source_is_cancelled() -> None:
    async def main() -> Any:
        log: list[Any] = []

        async def work(number: int, item: int) -> bool:
            log.append((number, item))
            return True

        pool = asyncio.create_task(work_all(endless(log), work, 2))
        await asyncio.sleep(7)
        pool.cancel()
        await asyncio.wait([pool])
        return log, pool.cancelled(), asyncio.get_running_loop().time()

    assert run(main()) == ([(0, 0), "cancelled"], True, 7.0)


def test_several_may_find_at_the_same_time_that_there_is_enough() -> None:
    async def main() -> Any:
        done: list[int] = []

        async def work(number: int, item: int) -> bool:
            await asyncio.sleep(1)
            done.append(item)
            return False

        await work_all(numbers(10, []), work, 3)
        return done

    assert run(main()) == [0, 1, 2]

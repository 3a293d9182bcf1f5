"""Signals: waiting for an event or for a time, whichever comes first."""

import asyncio
from typing import Any

from ta_cluster_async.client.signal import Signal
from ta_cluster_async.emulator.loop import run


def test_firing_wakes_all_waiters_in_order_and_only_those_that_wait() -> None:
    async def main() -> Any:
        signal, woken = Signal(), []

        async def wait(name: str) -> None:
            await signal.wait()
            woken.append((name, asyncio.get_running_loop().time()))

        waiting = [asyncio.create_task(wait(name)) for name in "abc"]
        await asyncio.sleep(1)
        signal.fire()
        late = asyncio.create_task(wait("late"))
        await asyncio.gather(*waiting)
        assert not late.done()
        signal.fire()
        await late
        return woken

    assert run(main()) == [("a", 1), ("b", 1), ("c", 1), ("late", 1)]


def test_a_wait_ends_at_its_time() -> None:
    async def main() -> Any:
        signal = Signal()
        await signal.wait(5)
        return asyncio.get_running_loop().time(), signal._waiters

    assert run(main()) == (5, {})


def test_a_wait_until_now_lets_time_pass() -> None:
    async def main() -> float:
        await Signal().wait(0)
        return asyncio.get_running_loop().time()

    assert 0 < run(main()) < 0.01


def test_a_cancelled_waiter_is_forgotten_and_not_woken() -> None:
    async def main() -> Any:
        signal = Signal()
        waiting = asyncio.create_task(signal.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        signal.fire()
        await asyncio.wait([waiting])
        return waiting.cancelled(), signal._waiters

    assert run(main()) == (True, {})

"""Clocks of the server."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from ta_cluster_async.emulator import SAMPLE_NOW, Emulator, LoopClock, ManualClock, Settings, run

UNEVALUATED = Settings(evaluate=False)


def test_a_clock_may_run_faster_than_the_loop() -> None:
    async def main() -> datetime:
        async with Emulator(settings=UNEVALUATED, clock=LoopClock(speed=60)) as em:
            await asyncio.sleep(10)
            return em.now

    assert run(main()) == SAMPLE_NOW + timedelta(minutes=10)


def test_a_clock_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        ManualClock().advance(-1)
    with pytest.raises(ValueError, match="greater than 0"):
        LoopClock(speed=0)


def test_a_clock_is_at_0_before_it_is_started() -> None:
    clock = LoopClock(speed=2)

    async def main() -> Any:
        clock.start()
        return clock.elapsed()

    assert clock.elapsed() == 0
    assert run(main(), start=100) == 0

"""The limiter: so many at a time, so many a second, none during a pause."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ta_cluster_async.client.limiter import Limiter
from ta_cluster_async.emulator.loop import run

FAR = 1e9


async def pass_through(limiter: Any, seconds: Any, log: Any, name: Any, deadline: Any = FAR) -> None:
    """Enter, note the time, stay for some seconds, leave."""
    loop = asyncio.get_running_loop()
    if not limiter.try_acquire():
        reason = await limiter.acquire(deadline)
        if reason is not None:
            log.append((name, reason, loop.time()))
            return
    log.append((name, "in", loop.time()))
    try:
        await asyncio.sleep(seconds)
    finally:
        limiter.release()


def test_a_free_slot_is_taken_without_waiting() -> None:
    async def main() -> Any:
        limiter = Limiter(2, None)
        return [limiter.try_acquire(), limiter.try_acquire(), limiter.try_acquire()]

    assert run(main()) == [True, True, False]


def test_slots_are_given_in_order_and_never_more_than_there_are() -> None:
    async def main() -> Any:
        limiter = Limiter(3, None)
        log: list[Any] = []
        await asyncio.gather(*(pass_through(limiter, 10, log, n) for n in range(7)))
        return log

    assert run(main()) == [(n, "in", 10.0 * (n // 3)) for n in range(7)]


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0.001, 5), st.floats(0.1, 8)), max_size=25),
    st.integers(1, 4),
)
@settings(max_examples=50, deadline=None)
def test_no_slot_is_lost_by_cancellations_and_timeouts(visits: Any, slots: Any) -> None:
    async def main() -> None:
        limiter = Limiter(slots, None)
        log: list[Any] = []
        most = 0

        async def visit(start: Any, stay: Any, patience: Any) -> None:
            nonlocal most
            await asyncio.sleep(start)
            try:
                async with asyncio.timeout(patience):
                    await pass_through(
                        limiter, stay, log, start, asyncio.get_running_loop().time() + patience * 0.9
                    )
            except TimeoutError:
                pass

        await asyncio.gather(*(visit(*v) for v in visits))
        free = [limiter.try_acquire() for _ in range(slots + 1)]
        assert free == [True] * slots + [False]

    run(main())


def test_a_request_without_a_slot_fails_at_its_deadline() -> None:
    async def main() -> Any:
        limiter = Limiter(1, None)
        log: list[Any] = []
        await asyncio.gather(
            pass_through(limiter, 60, log, "first"), pass_through(limiter, 1, log, "second", deadline=5)
        )
        return log

    assert run(main()) == [("first", "in", 0.0), ("second", "no-connection", 5.0)]


def test_a_slot_given_to_a_task_that_is_cancelled_just_then_goes_to_the_next() -> None:
    async def main() -> Any:
        limiter = Limiter(1, None)
        log: list[Any] = []
        assert limiter.try_acquire()
        second = asyncio.create_task(pass_through(limiter, 1, log, "second"))
        third = asyncio.create_task(pass_through(limiter, 1, log, "third"))
        await asyncio.sleep(1)
        limiter.release()
        second.cancel()
        await asyncio.wait([second, third])
        return log, limiter.try_acquire()

    assert run(main()) == ([("third", "in", 1.0)], True)


def test_no_slot_is_given_to_a_task_that_was_cancelled_just_before() -> None:
    async def main() -> Any:
        limiter = Limiter(1, None)
        log: list[Any] = []
        assert limiter.try_acquire()
        second = asyncio.create_task(pass_through(limiter, 1, log, "second"))
        third = asyncio.create_task(pass_through(limiter, 1, log, "third"))
        await asyncio.sleep(1)
        second.cancel()
        limiter.release()
        await asyncio.wait([second, third])
        return log, limiter.try_acquire()

    assert run(main()) == ([("third", "in", 1.0)], True)


def test_requests_start_at_the_rate_and_not_faster() -> None:
    async def main() -> Any:
        limiter = Limiter(100, 4)
        log: list[Any] = []
        await asyncio.gather(*(pass_through(limiter, 0, log, n) for n in range(9)))
        return log

    assert run(main()) == [(n, "in", n / 4) for n in range(9)]


def test_a_quiet_time_saves_up_no_burst() -> None:
    async def main() -> Any:
        limiter = Limiter(100, 2)
        log: list[Any] = []
        await pass_through(limiter, 0, log, "first")
        await asyncio.sleep(100)
        await asyncio.gather(*(pass_through(limiter, 0, log, n) for n in range(3)))
        return [time for _, _, time in log]

    assert run(main()) == [0, 100, 100.5, 101]


def test_a_request_that_cannot_start_in_time_fails_at_once_and_delays_no_other() -> None:
    async def main() -> Any:
        limiter = Limiter(100, 1)
        log: list[Any] = []
        patient = [pass_through(limiter, 0, log, n) for n in range(3)]
        hasty = pass_through(limiter, 0, log, "hasty", deadline=1.5)
        await asyncio.gather(*patient[:2], hasty, patient[2])
        return log

    assert set(run(main())) == {(0, "in", 0.0), (1, "in", 1.0), (2, "in", 2.0), ("hasty", "paused", 0.0)}


def test_turns_that_were_given_up_are_free_again() -> None:
    async def main() -> Any:
        limiter = Limiter(100, 1)
        log: list[Any] = []
        waiting = [asyncio.create_task(pass_through(limiter, 0, log, n)) for n in range(50)]
        await asyncio.sleep(0.5)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        await pass_through(limiter, 0, log, "late")
        return log

    assert run(main()) == [(0, "in", 0.0), ("late", "in", 1.0)]


def test_no_request_starts_during_a_pause_and_all_do_after_it() -> None:
    async def main() -> Any:
        limiter = Limiter(5, None)
        log: list[Any] = []
        limiter.pause(30)
        assert not limiter.try_acquire()
        await asyncio.gather(*(pass_through(limiter, 0, log, n) for n in range(3)))
        assert limiter.try_acquire()
        return log

    assert run(main()) == [(n, "in", 30.0) for n in range(3)]


def test_several_pauses_combine_to_the_latest() -> None:
    async def main() -> Any:
        limiter = Limiter(5, None)
        log: list[Any] = []
        limiter.pause(10)
        limiter.pause(30)
        limiter.pause(20)
        await pass_through(limiter, 0, log, "a")
        return log

    assert run(main()) == [("a", "in", 30.0)]


def test_a_longer_pause_applies_to_requests_that_wait_already() -> None:
    async def main() -> Any:
        limiter = Limiter(5, None)
        log: list[Any] = []
        limiter.pause(10)
        waiting = asyncio.create_task(pass_through(limiter, 0, log, "a"))
        await asyncio.sleep(5)
        limiter.pause(20)
        await waiting
        return log

    assert run(main()) == [("a", "in", 25.0)]


def test_a_request_that_cannot_outwait_a_pause_fails_at_once() -> None:
    async def main() -> Any:
        limiter = Limiter(5, None)
        log: list[Any] = []
        limiter.pause(60)
        await pass_through(limiter, 0, log, "a", deadline=30)
        return log

    assert run(main()) == [("a", "paused", 0.0)]


def test_rate_and_order_are_kept_after_a_pause() -> None:
    async def main() -> Any:
        limiter = Limiter(100, 2)
        log: list[Any] = []
        early = [asyncio.create_task(pass_through(limiter, 0, log, n)) for n in range(4)]
        await asyncio.sleep(0.6)  # two have started, two have turns at 1.0 and 1.5
        limiter.pause(9.4)
        late = [asyncio.create_task(pass_through(limiter, 0, log, n)) for n in range(4, 6)]
        await asyncio.gather(*early, *late)
        return log

    assert run(main()) == [
        (0, "in", 0.0),
        (1, "in", 0.5),
        (2, "in", 10.0),
        (3, "in", 10.5),
        (4, "in", 11.0),
        (5, "in", 11.5),
    ]


def test_a_request_that_waits_in_a_pause_gives_its_slot_back_when_cancelled() -> None:
    async def main() -> Any:
        limiter = Limiter(1, None)
        log: list[Any] = []
        limiter.pause(60)
        waiting = asyncio.create_task(pass_through(limiter, 0, log, "a"))
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        await pass_through(limiter, 0, log, "b")
        return log

    assert run(main()) == [("b", "in", 60.0)]


def test_closing_ends_all_waiting_and_gives_no_slot_any_more() -> None:
    async def main() -> Any:
        limiter = Limiter(2, 1)
        log: list[Any] = []
        limiter.pause(60)
        tasks = [asyncio.create_task(pass_through(limiter, 0, log, n)) for n in range(4)]
        sleeper = asyncio.create_task(limiter.sleep(3600))
        await asyncio.sleep(1)
        limiter.close()
        await asyncio.gather(*tasks, sleeper)
        assert not limiter.try_acquire()
        assert await limiter.acquire(FAR) == "closed"
        await limiter.sleep(3600)
        return log, asyncio.get_running_loop().time()

    log, time = run(main())
    assert time == 1.0
    assert sorted(log) == [(n, "closed", 1.0) for n in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize("rate", [None, 3.0])
def test_ten_thousand_waiters_cost_no_quadratic_time(rate: Any) -> None:
    async def main() -> Any:
        limiter = Limiter(100, rate)
        log: list[Any] = []
        await asyncio.gather(
            *(pass_through(limiter, 1, log, n) for n in range(10_000 if rate is None else 2_000))
        )
        return len(log)

    assert run(main()) in {10_000, 2_000}


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


def test_a_request_that_gave_up_before_any_start_delays_no_other() -> None:
    async def main() -> Any:
        limiter = Limiter(9, 1)
        limiter.pause(5)
        await given_up(limiter)
        return await enter(limiter)

    assert run(main()) == (None, 5)


def test_the_rate_is_kept_after_a_pause_in_which_a_request_gave_up() -> None:
    async def main() -> Any:
        limiter = Limiter(9, 1)
        limiter.pause(10)
        await given_up(limiter)
        return await asyncio.gather(*(enter(limiter) for _ in range(3)))

    assert run(main()) == [(None, 10), (None, 11), (None, 12)]


def test_the_start_of_a_request_that_gave_up_is_free_only_where_no_other_waits() -> None:
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


def test_a_request_whose_deadline_is_its_start_or_the_end_of_a_pause_starts() -> None:
    async def main() -> Any:
        by_rate, paused = Limiter(9, 1), Limiter(9, None)
        await enter(by_rate)
        paused.pause(1)
        return await asyncio.gather(enter(by_rate, 1.0), enter(paused, 1.0))

    assert run(main()) == [(None, 1), (None, 1)]


def test_a_request_that_is_cancelled_at_its_deadline_gives_no_slot_back() -> None:
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


def test_waiting_and_sleeping_leave_nothing_behind() -> None:
    async def main() -> None:
        limiter = Limiter(1, None)
        assert limiter.try_acquire()
        assert await enter(limiter, 1.0) == ("no-connection", 1)
        await given_up(limiter)
        assert not limiter._queue
        await limiter.sleep(1)
        assert not limiter._close_signal._waiters

    run(main())

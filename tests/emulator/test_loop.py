"""The virtual clock: what it skips, and what it never skips."""

import asyncio
import functools
import logging
import math
import os
import signal
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import aiohttp
import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from ta_cluster_async.emulator.loop import VirtualTimeLoop, run

HOUR = 3600.0

Work: TypeAlias = Callable[[], Coroutine[Any, Any, Any]]


def test_the_clock_starts_at_the_given_time() -> None:
    async def main() -> Any:
        return asyncio.get_running_loop().time()

    assert run(main()) == 0.0
    assert run(main(), start=1_700_000_000.0) == 1_700_000_000.0


@pytest.mark.parametrize("start", [math.inf, -math.inf, math.nan])
def test_a_start_that_is_no_number_is_refused(start: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        VirtualTimeLoop(start=start)


def test_a_long_sleep_ends_exactly_on_time_and_at_once() -> None:
    async def main() -> Any:
        await asyncio.sleep(365.25 * 24 * HOUR)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run(main()) == 365.25 * 24 * HOUR
    assert time.monotonic() - began < 0.5


def test_the_loop_factory_of_a_runner_takes_the_class() -> None:
    async def main() -> Any:
        await asyncio.sleep(HOUR)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(main()) == HOUR
        assert runner.run(main()) == 2 * HOUR


def test_anyio_runs_on_the_loop() -> None:
    async def main() -> Any:
        with anyio.move_on_after(HOUR) as scope:
            await anyio.sleep_forever()
        return scope.cancelled_caught, anyio.current_time()

    assert anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop}) == (True, HOUR)


def test_a_timeout_fires_at_its_time() -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(90):
                await asyncio.sleep(HOUR)
        return loop.time()

    assert run(main()) == 90.0


def test_callbacks_of_one_instant_run_in_the_order_of_their_calls() -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        seen: list[tuple[str, float]] = []

        def note(name: str) -> None:
            seen.append((name, loop.time()))

        loop.call_at(7.5, note, "c")
        loop.call_at(2.0, note, "a")
        loop.call_at(2.0, note, "b")
        loop.call_at(1.0, note, "cancelled").cancel()
        await asyncio.sleep(10)
        return seen

    assert run(main()) == [("a", 2.0), ("b", 2.0), ("c", 7.5)]


@settings(max_examples=50, deadline=None)
@given(
    start=st.sampled_from([0.0, 0.1, 1e8, 1_700_000_000.5, -5.0]),
    steps=st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=20),
)
def test_a_loop_that_sleeps_for_the_rest_of_its_time_ends_on_it(start: float, steps: list[float]) -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        for step in steps:
            end = loop.time() + step
            rounds = 0
            while (left := end - loop.time()) > 0:
                await asyncio.sleep(left)
                rounds += 1
                assert rounds < 4
        return loop.time()

    assert run(main(), start=start) >= start


def test_the_same_program_gives_the_same_order_and_times_twice() -> None:
    async def worker(name: int, seen: list[tuple[int, int, float]]) -> None:
        loop = asyncio.get_running_loop()
        for turn in range(20):
            await asyncio.sleep(((name * 7 + turn * 3) % 11) / 3)
            seen.append((name, turn, loop.time()))

    async def main() -> Any:
        seen: list[tuple[int, int, float]] = []
        async with asyncio.TaskGroup() as group:
            for name in range(20):
                group.create_task(worker(name, seen))
        return seen

    assert run(main()) == run(main())


def test_a_hundred_thousand_seconds_in_steps_of_one_cost_about_their_callbacks() -> None:
    async def main() -> Any:
        for _ in range(100_000):
            await asyncio.sleep(1)
        return asyncio.get_running_loop().time()

    began = time.process_time()
    assert run(main()) == 100_000.0
    assert time.process_time() - began < 10


def test_twenty_thousand_sleepers_wake_in_order() -> None:
    async def main() -> Any:
        woken: list[int] = []

        async def sleeper(seconds: int) -> None:
            await asyncio.sleep(seconds)
            woken.append(seconds)

        async with asyncio.TaskGroup() as group:
            for number in range(20_000):
                group.create_task(sleeper((number * 7919) % 20_000))
        return woken

    assert run(main()) == list(range(20_000))


def test_a_server_that_answers_after_an_hour_answers_within_a_real_second() -> None:
    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(HOUR)
        return web.Response(text="done")

    async def main() -> Any:
        app = web.Application()
        app.router.add_get("/", slow)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        timeout = aiohttp.ClientTimeout(total=2 * HOUR)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"http://127.0.0.1:{port}/") as response,
            ):
                return await response.text(), asyncio.get_running_loop().time()
        finally:
            await runner.cleanup()

    began = time.monotonic()
    text, now = run(main())
    assert text == "done"
    assert now == HOUR
    assert time.monotonic() - began < 1


def test_a_client_deadline_ends_a_call_to_a_stalled_server() -> None:
    async def stalled(_request: web.Request) -> web.Response:
        await asyncio.sleep(100 * HOUR)
        return web.Response()

    async def main() -> Any:
        app = web.Application()
        app.router.add_get("/", stalled)
        runner = web.AppRunner(app, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HOUR)) as session:
                with pytest.raises(TimeoutError):
                    await session.get(f"http://127.0.0.1:{port}/")
            return asyncio.get_running_loop().time()
        finally:
            await runner.cleanup()

    assert run(main()) == HOUR


def test_a_body_larger_than_the_socket_buffers_arrives_before_a_timer() -> None:
    size = 8 << 20

    async def main() -> Any:
        received = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal received
            while chunk := await reader.read(1 << 16):
                received += len(chunk)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            async with asyncio.timeout(1):
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                writer.write(bytes(size))
                writer.write_eof()
                assert await reader.read() == b""
                writer.close()
                await writer.wait_closed()
        return received, asyncio.get_running_loop().time()

    assert run(main()) == (size, 0.0)


def test_a_reader_that_pauses_for_an_hour_holds_its_writer_for_that_hour() -> None:
    size = 8 << 20

    async def main() -> Any:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(HOUR)
            while await reader.read(1 << 20):
                pass
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(bytes(size))
            await writer.drain()
            drained = asyncio.get_running_loop().time()
            writer.write_eof()
            await reader.read()
            writer.close()
            await writer.wait_closed()
        return drained

    assert run(main()) == HOUR


def job(seconds: float) -> float:
    """Work that takes real time, as a database or a disk does."""
    threading.Event().wait(seconds)
    return seconds


async def through_asyncio() -> Any:
    return await asyncio.to_thread(job, 0.03)


async def through_an_own_executor() -> Any:
    with ThreadPoolExecutor(1) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, job, 0.03)


async def through_anyio() -> Any:
    return await anyio.to_thread.run_sync(job, 0.03)


threads = pytest.mark.parametrize("work", [through_asyncio, through_an_own_executor, through_anyio])


@threads
@pytest.mark.parametrize("debug", [False, True])
def test_no_timer_overtakes_a_thread_that_works(work: Work, debug: bool) -> None:  # noqa: FBT001 - a parameter of the test
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        ticks: list[float] = []

        async def tick() -> None:
            while True:
                await asyncio.sleep(1)
                ticks.append(loop.time())

        ticker = asyncio.create_task(tick())
        async with asyncio.timeout(2):
            assert await work() == 0.03
        done = loop.time()
        ticker.cancel()
        return done, ticks

    assert run(main(), debug=debug) == (0.0, [])


@threads
def test_time_jumps_again_when_the_threads_are_idle(work: Work) -> None:
    async def main() -> Any:
        for _ in range(2):
            await work()
            await asyncio.sleep(HOUR)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run(main()) == 2 * HOUR
    assert time.monotonic() - began < 1


@threads
def test_a_timer_that_is_due_in_real_time_does_not_wait_for_a_thread(work: Work) -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        working = asyncio.create_task(work())
        await asyncio.sleep(0.005)
        early = not working.done()
        await working
        return early, loop.time()

    assert run(main()) == (True, 0.005)


def test_an_abandoned_worker_thread_does_not_stop_the_clock_for_good() -> None:
    async def main() -> Any:
        release = threading.Event()
        with anyio.move_on_after(0.01):
            await anyio.to_thread.run_sync(release.wait, abandon_on_cancel=True)
        release.set()
        await asyncio.sleep(HOUR)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run(main()) == 0.01 + HOUR
    assert time.monotonic() - began < 1


def test_a_thread_may_call_back_into_the_loop() -> None:
    async def twice(number: int) -> int:
        await asyncio.sleep(0)
        return number * 2

    async def main() -> Any:
        return await anyio.to_thread.run_sync(functools.partial(anyio.from_thread.run, twice, 21))

    assert run(main()) == 42


def test_closing_waits_for_the_executor_without_a_warning() -> None:
    async def main() -> Any:
        abandoned = asyncio.get_running_loop().run_in_executor(None, job, 0.03)
        await asyncio.sleep(0)
        return abandoned

    assert run(main()).cancelled() is False


def blocked_cpu(make_waiting: Work) -> Any:
    """The CPU seconds that a loop uses while it waits 40 real milliseconds for a thread's call."""

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        called = asyncio.Event()
        waiting = asyncio.create_task(make_waiting())
        await asyncio.sleep(0)
        timer = threading.Timer(0.04, loop.call_soon_threadsafe, [called.set])
        timer.start()
        cpu = time.thread_time()
        await called.wait()
        cpu = time.thread_time() - cpu
        timer.join()
        waiting.cancel()
        return cpu, loop.time()

    return run(main())


async def no_timer() -> None:
    await asyncio.Event().wait()


async def endless_sleep() -> None:
    await asyncio.sleep(math.inf)


@pytest.mark.parametrize("make_waiting", [no_timer, endless_sleep])
def test_a_loop_in_which_nothing_can_happen_blocks_without_using_the_cpu(make_waiting: Work) -> None:
    cpu, now = blocked_cpu(make_waiting)
    assert cpu < 0.02
    assert now == 0.0


def test_a_loop_that_waits_for_a_thread_does_not_use_the_cpu() -> None:
    async def main() -> Any:
        cpu = time.thread_time()
        async with asyncio.timeout(1):
            await asyncio.to_thread(job, 0.04)
        return time.thread_time() - cpu

    assert run(main()) < 0.02


def test_a_socket_wakes_the_loop_when_nothing_else_can_happen() -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)  # noqa: FBT003 - its only parameter
            timer = threading.Timer(0.01, theirs.send, [b"late"])
            timer.start()
            received = await loop.sock_recv(ours, 10)
            timer.join()
        return received

    assert run(main()) == b"late"


def test_a_signal_handler_of_the_loop_is_called() -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        called = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, called.set)
        timer = threading.Timer(0.01, signal.raise_signal, [signal.SIGUSR1])
        timer.start()
        await called.wait()
        timer.join()
        return True

    assert run(main())


@pytest.fixture
def heeding_control_c() -> Iterator[None]:
    # What a shell without job control starts in the background ignores Control-C, and so would the tests.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeding_control_c")
@pytest.mark.parametrize("step", [1.0, math.inf], ids=["while it jumps", "while it blocks"])
def test_control_c_ends_the_program(step: float) -> None:
    async def main() -> Any:
        # To the process, as a terminal does it; a signal raised in the timer's thread would not wake the main one.
        timer = threading.Timer(0.02, os.kill, [os.getpid(), signal.SIGINT])
        timer.start()
        try:
            while True:  # noqa: ASYNC110 - the sleep is what is interrupted
                await asyncio.sleep(step)
        finally:
            timer.join()

    with pytest.raises(KeyboardInterrupt):
        run(main())


def test_debug_mode_works_and_reports_no_slow_callback_for_a_jump(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> Any:
        await asyncio.sleep(HOUR)
        return asyncio.get_running_loop().time()

    with caplog.at_level(logging.WARNING, logger="asyncio"):
        assert run(main(), debug=True) == HOUR
    assert not caplog.records


def test_a_program_of_timers_keeps_no_memory_of_the_time_that_passed() -> None:
    async def main() -> Any:
        await asyncio.sleep(1)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(2_000):
            await asyncio.sleep(1)
        return tracemalloc.get_traced_memory()[0] - before

    tracemalloc.start()
    try:
        assert run(main()) < 50_000
    finally:
        tracemalloc.stop()


def test_a_closed_virtual_loop_takes_no_timer() -> None:
    loop = VirtualTimeLoop()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, print)

"""The journal's thread beside the event loop: shared commits, the virtual clock, cancellation, and what is left behind."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from ta_cluster_async.batch.journal import writer as journal_writer
from ta_cluster_async.batch.journal.journal import Journal
from ta_cluster_async.batch.journal.store import Store
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import JournalBusy, JournalError
from tests.batch.journal.journals import opened, ticket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ta_cluster_async.batch.journal.journal import RunJournal


RunIn: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]

both_loops = pytest.mark.parametrize("run_in", [run, asyncio.run], ids=["virtual", "real"])


def success(cluster_id: int) -> Outcome:
    return Outcome(ref=cluster_id, status=Status.SUCCEEDED, cluster_id=cluster_id)


async def busy_thread(held: RunJournal) -> tuple[threading.Event, asyncio.Future[None]]:
    """Keep the journal's thread at work until the event that this gives is set."""
    release, working = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(working.set)
        release.wait(5)

    job = held._writer._call(work)
    await working.wait()
    return release, job


async def traced(held: RunJournal) -> list[str]:
    """A list to which each statement is added that SQLite gets from now on."""
    statements: list[str] = []
    await held._writer._call(lambda: held._store._opened().set_trace_callback(statements.append))
    return statements


def run_without_a_trace(main: Coroutine[Any, Any, None], run_in: RunIn = asyncio.run) -> None:
    """Run it, and see all threads of the journal end."""
    threads = threading.active_count()
    run_in(main)
    until(lambda: threading.active_count() == threads)


def open_files() -> list[Path]:
    return [link for link in Path("/proc/self/fd").iterdir() if is_journal(link)]


def is_journal(link: Path) -> bool:
    try:
        return "runs.db" in str(link.readlink())
    except FileNotFoundError:
        return False


def test_intents_at_the_same_time_share_a_commit(path: Path) -> None:
    async def main() -> int:
        held = await opened(path)
        statements = await traced(held)
        await asyncio.gather(*(held.intend(ticket(n), n) for n in range(1, 101)))
        shared = statements.count("COMMIT")
        await held.close(complete=False)
        return shared

    assert run(main()) == 1


def test_what_comes_while_a_commit_is_on_its_way_shares_the_next(path: Path) -> None:
    async def main() -> tuple[int, float]:
        held = await opened(path)
        statements = await traced(held)
        release, job = await busy_thread(held)
        intents = []
        for n in range(1, 51):
            intents.append(asyncio.create_task(held.intend(ticket(n), n)))
            await asyncio.sleep(0)
        release.set()
        await asyncio.gather(job, *intents)
        shared = statements.count("COMMIT")
        await held.close(complete=False)
        return shared, asyncio.get_running_loop().time()

    assert run(main()) == (2, 0.0)


def test_a_commit_on_its_way_is_sign_of_life_enough(path: Path) -> None:
    async def main() -> int:
        held = await opened(path)
        statements = await traced(held)
        release, job = await busy_thread(held)
        intent = asyncio.create_task(held.intend(ticket(), 970))
        await asyncio.sleep(0)
        held._writer.beat()
        await asyncio.sleep(0)
        held._writer.beat()
        release.set()
        await asyncio.gather(job, intent)
        commits = statements.count("COMMIT")
        held._writer.beat()
        await held.close(complete=False)
        held._writer.beat()
        return commits

    assert run(main()) == 1


def test_no_virtual_time_passes_while_an_intent_is_written(path: Path) -> None:
    async def main() -> tuple[float, list[float]]:
        loop = asyncio.get_running_loop()
        ticks: list[float] = []

        async def tick() -> None:
            while True:
                await asyncio.sleep(1)
                ticks.append(loop.time())

        ticker = asyncio.create_task(tick())
        held = await opened(path)
        for n in range(1, 30):
            await held.intend(ticket(n), n)
            held.finished(success(n))
        await held.close(complete=True)
        ticker.cancel()
        return loop.time(), ticks

    assert run(main()) == (0.0, [])


def test_what_is_queued_reaches_the_disk_without_a_flush(path: Path) -> None:
    async def main() -> Mapping[Status, int]:
        held = await opened(path)
        held.finished(success(970))
        await asyncio.sleep(1)
        (info,) = Journal(path).runs()
        await held.close(complete=False)
        return info.counts

    assert run(main()) == {Status.SUCCEEDED: 1}


def test_flush_waits_for_what_is_on_its_way(path: Path) -> None:
    async def main() -> Mapping[Status, int]:
        held = await opened(path)
        release, job = await busy_thread(held)
        held.finished(success(970))
        await asyncio.sleep(0)  # on its way to the thread
        flushing = asyncio.create_task(held.flush())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not flushing.done()
        release.set()
        await flushing
        (info,) = Journal(path).runs()
        await job
        await held.close(complete=False)
        return info.counts

    assert run(main()) == {Status.SUCCEEDED: 1}


def test_each_waiter_gets_an_error_of_its_own(path: Path) -> None:
    async def main() -> list[BaseException | None]:
        held = await opened(path)
        path.unlink()  # noqa: ASYNC240 - on the loop's thread, so that it is done before the intents
        errors = await asyncio.gather(
            *(held.intend(ticket(n), n) for n in range(1, 4)), return_exceptions=True
        )
        with pytest.raises(JournalError):
            await held.close(complete=False)
        return errors

    errors = run(main())
    assert {type(error) for error in errors} == {JournalError}
    assert len({id(error) for error in errors}) == 3


def test_what_sqlite_said_is_the_cause_of_the_error_of_each_waiter(path: Path) -> None:
    async def main() -> list[BaseException]:
        held = await opened(path)
        await held._writer._call(lambda: held._store._opened().execute("DROP TABLE refreshes"))
        errors = await asyncio.gather(
            *(held.intend(ticket(n), n) for n in range(1, 4)), return_exceptions=True
        )
        await held.close(complete=False)
        return [error for error in errors if isinstance(error, JournalError)]

    errors = run(main())
    assert ["no such table" in str(error.__cause__) for error in errors] == [True] * 3


def test_there_is_nothing_to_flush_where_nothing_was_queued(path: Path) -> None:
    async def main() -> None:
        held = await opened(path)
        held._writer.commit = None  # type: ignore[assignment, method-assign]
        await held.flush()
        await held.close(complete=False)

    run(main())


def test_the_thread_has_a_name(path: Path) -> None:
    async def main() -> list[str]:
        held = await opened(path)
        names = [thread.name for thread in threading.enumerate()]
        await held.close(complete=False)
        return names

    assert [name for name in run(main()) if name.startswith("ta-journal")] == ["ta-journal_0"]


# Cancellation


@pytest.mark.parametrize(
    ("turns", "written"), [(1, [1, 3]), (3, [1, 2, 3])], ids=["before its commit began", "on its way"]
)
def test_a_cancelled_intent_harms_no_other(
    path: Path, turns: int, written: list[int], turns_had: int
) -> None:
    async def main() -> tuple[list[type[object]], list[int]]:
        held = await opened(path)
        release, job = await busy_thread(held)
        intents = [asyncio.create_task(held.intend(ticket(n), n)) for n in (1, 2, 3)]
        for _ in range(turns - turns_had):  # eager ones have had their first turn
            await asyncio.sleep(0)
        intents[1].cancel()
        release.set()
        results = await asyncio.gather(job, *intents, return_exceptions=True)
        entries = await held.entries([1, 2, 3])
        await held.close(complete=False)
        return [type(result) for result in results[1:]], sorted(entries)

    assert run(main()) == ([type(None), asyncio.CancelledError, type(None)], written)


@both_loops
def test_an_open_that_is_cancelled_leaves_nothing_held(path: Path, run_in: RunIn) -> None:
    async def main() -> None:
        for turns in range(4):
            opening = asyncio.create_task(opened(path))
            for _ in range(turns + 1):
                await asyncio.sleep(0)
            if opening.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await opening
            else:  # the thread was quick
                await (await opening).close(complete=True)
            held = await opened(path)
            await held.close(complete=True)

    run_without_a_trace(main(), run_in)


@both_loops
def test_a_close_that_is_cancelled_is_done_all_the_same(path: Path, run_in: RunIn) -> None:
    async def main() -> None:
        held = await opened(path)
        for n in range(1, 500):
            held.finished(success(n))
        closing = asyncio.create_task(held.close(complete=True))
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await held.close(complete=True)
        again = await opened(path)
        await again.close(complete=True)

    run_in(main())
    new, old = Journal(path).runs()
    assert (old.state, old.counts) == ("complete", {Status.SUCCEEDED: 499})
    assert new.state == "complete"


@both_loops
def test_the_end_of_the_loop_during_a_close_makes_no_noise(
    path: Path, run_in: RunIn, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        held = await opened(path)
        for n in range(1, 500):
            held.finished(success(n))
        tasks.append(asyncio.create_task(held.close(complete=False)))
        await asyncio.sleep(0)

    tasks: list[asyncio.Task[None]] = []
    run_in(main())
    assert tasks[0].cancelled()
    (info,) = Journal(path).runs()
    assert info.counts == {Status.SUCCEEDED: 499}
    assert not caplog.records


def test_a_close_waits_for_the_job_before_it(path: Path) -> None:
    async def main() -> None:
        held = await opened(path)
        release, job = await busy_thread(held)
        closing = asyncio.create_task(held.close(complete=True))
        await asyncio.sleep(0)
        assert not closing.done()
        release.set()
        await asyncio.gather(job, closing)

    run(main())
    assert Journal(path).runs()[0].state == "complete"


def test_intents_that_wait_when_it_is_closed_are_written_and_told(path: Path) -> None:
    async def main() -> None:
        held = await opened(path)
        intent = asyncio.create_task(held.intend(ticket(), 970))
        await asyncio.sleep(0)
        await held.close(complete=False)
        await intent

    run(main())
    assert Journal(path).runs()[0].unfinished == 1


# A disk that hangs


def test_a_disk_that_hangs_does_not_hang_the_close(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        held = await opened(path)
        release, job = await busy_thread(held)
        with pytest.raises(JournalError, match=r"could not be closed within 0\.02 seconds"):
            await held.close(complete=True)
        await held.close(complete=True)
        assert not job.done()
        release.set()
        await job

    monkeypatch.setattr(journal_writer, "_CLOSING_SECONDS", 0.02)
    run_without_a_trace(main())


def test_a_disk_that_hangs_does_not_hang_a_close_that_is_cancelled(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        held = await opened(path)
        release, job = await busy_thread(held)
        closing = asyncio.create_task(held.close(complete=True))
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert not job.done()
        release.set()
        await job

    monkeypatch.setattr(journal_writer, "_CANCELLED_SECONDS", 0.02)
    run_without_a_trace(main())
    assert Journal(path).runs()[0].state == "complete"


@pytest.mark.parametrize("fails", [False, True])
def test_a_disk_that_hangs_does_not_hang_an_open_that_is_cancelled(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    really_open, really_abandon = Store.open, Store.abandon
    noise: list[object] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: noise.append(context))
        began, ended, release = asyncio.Event(), asyncio.Event(), threading.Event()

        def open_slowly(store: Store) -> None:
            loop.call_soon_threadsafe(began.set)
            release.wait(5)
            if fails:
                raise JournalError("The disk is gone.")
            really_open(store)

        def abandon(store: Store) -> None:
            really_abandon(store)
            loop.call_soon_threadsafe(ended.set)

        monkeypatch.setattr(Store, "open", open_slowly)
        monkeypatch.setattr(Store, "abandon", abandon)
        opening = asyncio.create_task(opened(path))
        await began.wait()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        del opening
        assert not ended.is_set()
        release.set()
        await ended.wait()
        gc.collect()

    monkeypatch.setattr(journal_writer, "_CANCELLED_SECONDS", 0.02)
    run_without_a_trace(main())
    assert noise == []


# What is left behind


def until(true: Callable[[], bool]) -> None:
    """Wait for what a thread does by itself within a moment."""
    last = time.monotonic() + 2
    while not true():
        assert time.monotonic() < last
        time.sleep(0.001)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at /proc")
@both_loops
def test_a_closed_run_leaves_no_thread_no_timer_and_no_open_file(path: Path, run_in: RunIn) -> None:
    async def main() -> None:
        held = await opened(path)
        await held.intend(ticket(), 970)
        assert open_files()
        assert threading.active_count() == threads + 1
        await held.close(complete=False)
        assert open_files() == []
        assert threading.active_count() == threads
        assert len(asyncio.all_tasks()) == 1
        assert held._timer.cancelled()

    threads = threading.active_count()
    run_in(main())
    gc.collect()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at /proc")
def test_a_refused_open_leaves_no_thread_and_no_open_file(path: Path) -> None:
    async def main() -> None:
        held = await opened(path)
        left: set[tuple[int, int]] = set()
        for _ in range(3):
            with pytest.raises(JournalBusy):
                await opened(path)
            left.add((len(open_files()), threading.active_count()))
        # SQLite keeps one until the holder closes, as its locks belong to the process, and takes it for the next open.
        assert len(left) == 1
        await held.close(complete=False)

    run(main())
    assert open_files() == []

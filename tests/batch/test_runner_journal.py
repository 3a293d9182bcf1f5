"""A batch and its journal: one that cannot be used, breaks, or is slow to close, and a process that is killed."""

from __future__ import annotations

import asyncio
import pickle
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from benchmarks.kill import kills
from ta_cluster_async.batch import (
    Finished,
    Journal,
    RefreshBatch,
    Status,
    refresh_all,
    runner,
)
from ta_cluster_async.batch.journal import schema
from ta_cluster_async.batch.journal.journal import RunJournal
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    JournalError,
    NotFound,
)
from ta_cluster_async.session import TaSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def test_a_journal_whose_durations_are_unreadable_ends_the_batch_with_an_outcome_for_each(
    kit: Any, tmp_path: Any
) -> None:
    path = tmp_path / "runs.db"
    server = kit.Deployment()
    server.add(3)
    assert kit.tell(server, [1, 2, 3], journal=path).report.ok
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE durations SET seconds = x'00'")
        other.commit()
    told = kit.tell(server, [1, 2, 3], journal=path)
    assert isinstance(told.error, JournalError)
    assert told.report.counts == {Status.CANCELLED: 3}
    assert all(
        "not started" in outcome.message or "ended" in outcome.message for outcome in told.report.outcomes
    )
    assert server.posts == {1: 1, 2: 1, 3: 1}


def session(server: Any) -> TaSession:
    return TaSession("http://127.0.0.1", "secret-token", transport=server)


@pytest.fixture
def closings(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the journal is closed with; it takes five seconds for that."""
    close, given = RunJournal.close, []

    async def slowly(self: RunJournal, **what: Any) -> None:
        given.append(what)
        await close(self, **what)
        await asyncio.sleep(5.0)

    monkeypatch.setattr(RunJournal, "close", slowly)
    return given


def test_a_batch_that_has_ended_waits_for_its_journal(kit: Any, tmp_path: Any, closings: Any) -> None:
    server = kit.Deployment()
    server.add(2, seconds=30.0)
    told = kit.tell(server, [1, 2], journal=tmp_path / "runs.db")
    [given] = closings
    report = told.report
    assert given == {"complete": True, "requests": report.requests, "makespan": report.makespan}
    assert told.seconds == pytest.approx(report.makespan + 5.0)


@pytest.mark.parametrize("who", ["batch", "driver"])
def test_a_batch_that_is_cancelled_does_not_wait_for_its_journal(
    kit: Any, tmp_path: Any, closings: Any, who: str
) -> None:
    def cancel(batch: RefreshBatch) -> None:
        assert batch._driver is not None
        batch.cancel() if who == "batch" else batch._driver.cancel()

    async def main() -> float:
        async with session(server) as ta:
            batch = RefreshBatch(ta.project(1), [1, 2], journal=tmp_path / "runs.db")
            asyncio.get_running_loop().call_later(10.0, cancel, batch)
            try:
                async with batch:
                    pass
            except asyncio.CancelledError:
                assert who == "driver"
            return asyncio.get_running_loop().time()

    server = kit.Deployment()
    server.add(2, seconds=30.0)
    assert run(main()) == pytest.approx(10.7)
    assert [given["complete"] for given in closings] == [False]


def test_who_is_cancelled_waits_for_nothing_that_takes_a_second(
    kit: Any, tmp_path: Any, closings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_JOURNAL_SECONDS", 100.0)
    server = kit.Deployment()
    server.add(2, seconds=30.0)

    async def main() -> float:
        async with session(server) as ta:
            with anyio.move_on_after(10.0):
                async with RefreshBatch(ta.project(1), [1, 2], journal=tmp_path / "runs.db"):
                    pass
            ended = asyncio.get_running_loop().time()
            await asyncio.sleep(10.0)
            return ended

    assert run(main()) == pytest.approx(10.9)
    assert len(closings) == 1


def test_a_journal_that_cannot_be_opened_comes_out_as_it_is_and_nothing_is_sent(
    kit: Any, tmp_path: Any
) -> None:
    server = kit.Deployment()
    server.add(3)
    told = kit.tell(server, [1, 2, 3], journal=tmp_path / "no" / "such" / "folder.db")
    assert isinstance(told.error, JournalError)
    assert server.asks == []


def test_a_journal_that_is_taken_away_stops_the_batch_before_the_next_post(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(12, seconds=50.0)
    path = tmp_path / "runs.db"

    def take_away(batch: RefreshBatch) -> None:
        del batch
        path.rename(tmp_path / "moved.db")

    told = kit.tell(server, range(1, 13), max_running=4, journal=Journal(path), at={70.0: take_away})
    assert isinstance(told.error, JournalError), "what came of the rest is not in it"
    assert told.report.counts == {Status.SUCCEEDED: 8, Status.CANCELLED: 4}
    assert "journal" in told.report.stopped
    assert len(server.posts) == 8


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], None]]:
    """Takes the lock of a journal's file, for longer than anybody waits for it."""
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.05)
    others = []

    def lock(path: Any) -> None:
        other = sqlite3.connect(path, isolation_level=None)
        others.append(other)
        other.execute("BEGIN IMMEDIATE")

    yield lock
    for other in others:
        other.close()


def test_an_error_in_the_last_second_has_the_report(
    kit: Any, tmp_path: Any, locks: Callable[[Any], None]
) -> None:
    server = kit.Deployment()
    server.add(3, seconds=20.0)
    server.cluster(3).fails = True
    path = tmp_path / "runs.db"
    ended = []

    def lock_at_last(event: Any) -> None:
        if isinstance(event, Finished):
            ended.append(event.outcome)
            if len(ended) == 3:
                locks(path)

    async def main() -> None:
        async with session(server) as ta:
            await refresh_all(ta.project(1), [1, 2, 3], journal=path, on_event=lock_at_last)

    with pytest.raises(JournalError, match="locked by another process") as caught:
        run(main())
    report = caught.value.report
    assert report.counts == {Status.SUCCEEDED: 2, Status.FAILED: 1}
    assert list(report.outcomes) == ended
    assert all(outcome.ticket is not None for outcome in report.outcomes)
    twin = pickle.loads(pickle.dumps(caught.value))
    assert twin.report == report


def test_an_error_of_a_batch_has_the_report_of_what_was_begun_too(
    kit: Any, tmp_path: Any, locks: Callable[[Any], None]
) -> None:
    server = kit.Deployment()
    server.add(4, seconds=20.0)
    path = tmp_path / "runs.db"
    told = kit.tell(server, [1, 2, 3, 4], max_running=2, journal=path, at={10.0: lambda _: locks(path)})
    assert isinstance(told.error, JournalError)
    assert told.error.report == told.report
    assert told.report.counts == {Status.SUCCEEDED: 2, Status.CANCELLED: 2}


def test_what_an_event_handler_raises_has_the_report_also_if_that_is_an_error_in_it(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)

    def on_event(event: Any) -> None:
        if isinstance(event, Finished) and event.outcome.error is not None:
            raise event.outcome.error

    async def main() -> None:
        async with session(server) as ta:
            await refresh_all(ta.project(1), [1, 2, 99], on_event=on_event)

    with pytest.raises(NotFound) as caught:
        run(main())
    twin = pickle.loads(pickle.dumps(caught.value))
    assert twin.report.outcomes[0].ref == 99
    assert twin.report.outcomes[0].error is twin


def test_a_killed_batch_goes_on_where_it_was() -> None:
    done, generations, wrong = kills(4, seed=7, clusters=12)
    assert done == 4
    assert generations >= 1
    assert wrong == []

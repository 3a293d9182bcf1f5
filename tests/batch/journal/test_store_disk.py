"""A disk without room, and a file that is taken away or locked during a run."""

from __future__ import annotations

import resource
import sqlite3
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.batch.journal import schema as journal_schema
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import JournalError
from tests.batch.journal.journals import opened, refusal, ticket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ta_cluster_async.batch.journal.journal import Entry, RunJournal


def success(cluster_id: int) -> Outcome:
    return Outcome(ref=cluster_id, status=Status.SUCCEEDED, cluster_id=cluster_id, ticket=ticket(cluster_id))


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def limit_pages(held: RunJournal, room: int | None) -> None:
    """Let the file of a run grow by so many pages and then be told that the disk is full; None for no limit."""

    def limit() -> None:
        connection = held._store._opened()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {2**30 if room is None else pages + room}")

    await held._writer._call(limit)


async def filled(path: Path) -> RunJournal:
    held = await opened(path)
    await limit_pages(held, 1)
    for cluster_id in range(1, 200):
        held.finished(success(cluster_id))
    return held


@pytest.mark.parametrize("size", [0, 4096, 16384])
def test_a_disk_without_room_is_told_before_anything_begins(path: Path, size: int) -> None:
    with files_no_larger_than(size):
        assert "check the disk, its quota and limits" in refusal(path)


def test_a_disk_that_fills_up_fails_the_next_intent(path: Path) -> None:
    async def main() -> None:
        held = await filled(path)
        with pytest.raises(JournalError, match="disk is full: make room and run again"):
            await held.intend(ticket(970), 970)
        await limit_pages(held, None)
        assert await held.entries([970]) == {}
        await held.close(complete=False)

    run(main())


def test_what_could_not_be_written_is_told_by_flush_and_written_when_there_is_room(path: Path) -> None:
    async def main() -> dict[int, Entry]:
        held = await filled(path)
        for _ in range(2):
            with pytest.raises(JournalError, match="disk is full"):
                await held.flush()
        await limit_pages(held, None)
        await held.flush()
        entries = await held.entries(range(1, 200))
        await held.close(complete=False)
        return entries

    assert len(run(main())) == 199


def test_a_close_that_cannot_write_says_so_and_leaves_the_run_to_be_resumed(path: Path) -> None:
    async def main() -> bool:
        held = await filled(path)
        with pytest.raises(JournalError, match="disk is full"):
            await held.close(complete=True)
        again = await opened(path)  # it holds no lease any more
        await again.close(complete=False)
        return again.resumed

    assert run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="there, a file in use stays in its place")
@pytest.mark.parametrize("fate", ["deleted", "replaced"])
def test_a_journal_that_is_taken_away_during_the_run_is_noticed(path: Path, fate: str) -> None:
    async def main() -> None:
        held = await opened(path)
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink()
        if fate == "replaced":
            other = await opened(path)
            await other.close(complete=False)
        with pytest.raises(JournalError, match="moved, deleted or replaced"):
            await held.intend(ticket(), 970)
        with pytest.raises(JournalError, match="moved, deleted or replaced"):
            await held.close(complete=False)

    run(main())


def test_a_file_that_another_program_locks_is_told_and_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_schema, "BUSY_SECONDS", 0.02)

    async def main() -> dict[int, Entry]:
        held = await opened(path)
        held.finished(success(970))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalError, match=r"locked by another process for 0\.02 seconds"):
                await held.intend(ticket(971), 971)
            other.execute("ROLLBACK")
        entries = await held.entries([970, 971])
        await held.close(complete=False)
        return entries

    assert run(main()).keys() == {970}

"""Old runs can be taken out of a journal; what is needed stays, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async.batch.journal import pruning as journal_pruning
from ta_cluster_async.batch.journal.journal import Journal
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import ConfigurationError, JournalError
from ta_cluster_async.models import RefreshTicket
from tests.batch.journal.journals import opened

if TYPE_CHECKING:
    from pathlib import Path


CLUSTERS = range(970, 975)


def ticket(cluster_id: int) -> RefreshTicket:
    return RefreshTicket(
        project_id=102, cluster_id=cluster_id, submitted_at=datetime(2020, 1, 10, tzinfo=UTC)
    )


async def night(journal: Journal, project_id: int = 102, *, complete: bool = True) -> str:
    """A run of five clusters; of one that is not complete two have no outcome."""
    held = await opened(journal, project_id)
    for cluster_id in CLUSTERS:
        await held.intend(ticket(cluster_id), cluster_id)
    for cluster_id in CLUSTERS if complete else CLUSTERS[:3]:
        held.finished(
            Outcome(ref=cluster_id, status=Status.SUCCEEDED, cluster_id=cluster_id, run_seconds=cluster_id)
        )
    await held.close(complete=complete)
    return held.run_id


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "runs.db")


def names(journal: Journal) -> list[str]:
    return [info.run_id for info in journal.runs()]


def rows(journal: Journal) -> int:
    with closing(sqlite3.connect(journal.path)) as connection:
        [count] = connection.execute("SELECT count(*) FROM refreshes").fetchone()
    return int(count)


@pytest.mark.parametrize("at_once", [1, 5, 2_000])
def test_the_newest_runs_of_each_project_stay(
    journal: Journal, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_pruning, "_AT_ONCE", at_once)

    async def nights() -> list[str]:
        return [await night(journal, project) for project in (102, 102, 103, 102, 102)]

    made = run(nights())
    assert journal.prune(keep=2) == 2
    assert names(journal) == [made[4], made[3], made[2]]
    assert rows(journal) == 15
    assert [len(list(journal.outcomes(one))) for one in names(journal)] == [5, 5, 5]
    assert journal.prune(keep=2) == 0
    assert (len(names(journal)), rows(journal)) == (3, 15)


def test_an_unfinished_run_stays_and_is_gone_on_with(journal: Journal) -> None:
    async def main() -> tuple[Any, ...]:
        first = await night(journal, complete=False)
        await night(journal, 103)
        await night(journal, 103)
        assert journal.prune(keep=1) == 1
        held = await opened(journal)
        try:
            known = await held.entries(list(CLUSTERS))
            return first, held.run_id, held.resumed, sum(entry.outcome is None for entry in known.values())
        finally:
            await held.close(complete=False)

    first, run_id, resumed, unfinished = run(main())
    assert (run_id, resumed, unfinished) == (first, True, 2)


def test_what_is_known_of_durations_stays(journal: Journal) -> None:
    async def main() -> dict[int, float]:
        await night(journal)
        await journal_without_outcomes()
        assert journal.prune(keep=1) == 1
        held = await opened(journal)
        try:
            return dict(await held.durations(list(CLUSTERS)))
        finally:
            await held.close(complete=True)

    async def journal_without_outcomes() -> None:
        await (await opened(journal)).close(complete=True)

    assert run(main()) == {cluster_id: float(cluster_id) for cluster_id in CLUSTERS}


def test_what_another_one_left_when_it_was_killed_goes_too(journal: Journal) -> None:
    async def nights() -> None:
        for _ in range(3):
            await night(journal)

    run(nights())
    with closing(sqlite3.connect(journal.path)) as connection, connection:
        connection.execute("DELETE FROM runs WHERE id = 1")
    assert (len(names(journal)), rows(journal)) == (2, 15)
    assert journal.prune(keep=2) == 0
    assert (len(names(journal)), rows(journal)) == (2, 10)


def test_a_run_that_goes_on_at_the_time_notices_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_pruning, "_AT_ONCE", 1)

    async def main() -> int:
        for _ in range(20):
            await night(journal)
        held = await opened(journal)
        pruned: list[int] = []
        pruner = threading.Thread(target=lambda: pruned.append(journal.prune(keep=1)))
        pruner.start()
        count = 0
        while pruner.is_alive() or count < 50:
            await held.intend(ticket(count + 1), count + 1)
            held.finished(Outcome(ref=count + 1, status=Status.SUCCEEDED, cluster_id=count + 1))
            count += 1
        await asyncio.to_thread(pruner.join)
        await held.close(complete=True)
        assert pruned == [20]  # the one that goes on is the newest
        return count

    count = asyncio.run(main())
    [info] = journal.runs()
    assert (info.state, info.counts) == ("complete", {Status.SUCCEEDED: count})


def test_the_room_is_used_again(journal: Journal) -> None:
    async def many() -> None:
        held = await opened(journal)
        for cluster_id in range(1, 2_001):
            held.finished(
                Outcome(ref=cluster_id, status=Status.SUCCEEDED, cluster_id=cluster_id, message="x" * 100)
            )
        await held.close(complete=True)

    run(many())
    run(many())
    size = journal.path.stat().st_size
    for _ in range(4):
        journal.prune(keep=1)
        run(many())
    assert journal.path.stat().st_size < 1.2 * size


@pytest.mark.parametrize("keep", [0, -1, 1.5, True, "3", None])
def test_a_number_that_is_none_is_refused(journal: Journal, keep: Any) -> None:
    with pytest.raises(ConfigurationError, match="keep must be"):
        journal.prune(keep)
    assert not journal.path.exists()


def test_a_file_that_is_not_there_is_not_made(journal: Journal) -> None:
    with pytest.raises(JournalError, match="There is no journal at"):
        journal.prune(keep=3)
    assert not journal.path.exists()

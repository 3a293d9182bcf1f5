"""What `refreshTime` means on a server, as a journal remembers it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async.batch import RefreshBatch
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.protocol.refresh import NOTHING_KNOWN, TimeMeaning
from ta_cluster_async.session import TaSession
from tests.batch.journal.journals import URL, in_run, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async.batch.journal.journal import Journal, RunJournal
    from ta_cluster_async.protocol.refresh import Lesson
    from tests.batch.journal.journals import Story


def learned(*lessons: Lesson) -> Story[TimeMeaning]:
    """What was remembered when the run was opened; then these are learned."""

    async def story(held: RunJournal) -> TimeMeaning:
        for lesson in lessons:
            held.learned(lesson)
        return held.time_meaning

    return story


def remembered(**counts: int) -> TimeMeaning:
    return TimeMeaning(**counts, remembered=True)


def test_a_run_knows_what_the_one_before_has_learned(journal: Journal) -> None:
    assert in_run(journal, learned("end"), complete=True) == NOTHING_KNOWN
    assert in_run(journal, learned(), complete=True) == remembered(end=1)
    assert in_run(journal, learned("start", "never"), complete=True) == remembered(end=1)
    assert in_run(journal, learned(), complete=True) == remembered(start=1, never=1)


def test_a_run_that_is_taken_up_adds_to_what_it_has_learned(journal: Journal) -> None:
    in_run(journal, learned("never", "start"))
    in_run(journal, learned("never", "end"))
    assert in_run(journal, learned()) == remembered(never=2, start=1, end=1)


def test_no_more_is_written_than_changes_something(journal: Journal) -> None:
    nine: list[Lesson] = ["never"] * 9
    in_run(journal, learned(*nine), complete=True)
    assert in_run(journal, learned()) == remembered(never=3)


def test_other_projects_of_a_deployment_know_it_too_and_other_deployments_do_not(journal: Journal) -> None:
    async def opened(base_url: str, project_id: int, *lessons: Lesson) -> TimeMeaning:
        held = await journal.open(base_url=base_url, project_id=project_id, max_running=1)
        for lesson in lessons:
            held.learned(lesson)
        await held.close(complete=True)
        return held.time_meaning

    async def main() -> list[TimeMeaning]:
        return [
            await opened(URL, 102, "start"),
            await opened(URL, 103, "end"),
            await opened(URL, 102),
            await opened(URL, 104),
            await opened("http://other:8992", 102),
        ]

    latest = remembered(end=1)
    assert run(main()) == [NOTHING_KNOWN, remembered(start=1), latest, latest, NOTHING_KNOWN]


def test_it_outlasts_the_runs_that_taught_it(journal: Journal) -> None:
    in_run(journal, learned("end"), complete=True)
    in_run(journal, learned(), complete=True)
    assert journal.prune(keep=1) == 1
    assert in_run(journal, learned()) == remembered(end=1)


@pytest.mark.parametrize("column", ["moved_before_end", "moved_at_end", "never_moved"])
def test_what_another_hand_has_written_there_is_refused(journal: Journal, path: Path, column: str) -> None:
    in_run(journal, learned("end"), complete=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE time_meanings SET {column} = 'many'")
    assert "journal" in refusal(path)


def batch(kit: Any, path: Path, first: int, *, marks: str, seconds: float) -> Any:
    """Refresh four clusters, from this one on, one after the other."""
    server = kit.Deployment(marks=marks)
    server.add(12, seconds=seconds)
    return kit.tell(server, range(first, first + 4), journal=path, max_running=1)


def test_short_refreshes_need_no_settling_in_the_run_after_one_that_has_learned(kit: Any, path: Path) -> None:
    before = batch(kit, path, 1, marks="end", seconds=0.1)
    assert batch(kit, path, 5, marks="end", seconds=20.0).report.ok
    after = batch(kit, path, 1, marks="end", seconds=0.1)
    assert before.report.ok
    assert after.report.ok
    assert after.report.makespan < before.report.makespan - 4.0


def test_a_server_that_has_changed_is_learned_anew(kit: Any, path: Path) -> None:
    assert batch(kit, path, 1, marks="start", seconds=20.0).report.ok
    assert batch(kit, path, 5, marks="end", seconds=20.0).report.ok
    assert batch(kit, path, 9, marks="end", seconds=0.1).report.makespan < 3.0


def test_a_session_that_knows_something_of_its_own_keeps_it(kit: Any, path: Path) -> None:
    batch(kit, path, 1, marks="start", seconds=20.0)
    server = kit.Deployment()
    server.add(1)
    own = TimeMeaning(end=1)

    async def main() -> list[TimeMeaning]:
        found = []
        for meaning in (NOTHING_KNOWN, own):
            async with TaSession("http://127.0.0.1", "secret-token", transport=server) as ta:
                ta.time_meaning = meaning
                async with RefreshBatch(ta.project(1), [], journal=path):
                    found.append(ta.time_meaning)
        return found

    assert run(main()) == [remembered(start=3), own]

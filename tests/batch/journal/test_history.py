"""What a journal tells of its runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async.batch.journal.history import read_history
from ta_cluster_async.batch.journal.process import Process
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.errors import (
    JournalError,
)
from ta_cluster_async.models import RefreshTicket
from tests.batch.journal.journals import (
    BEFORE,
    NOON,
    URL,
    finish,
    in_run,
    intend,
    learn,
    success,
)

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async.batch.journal.journal import Journal, RunInfo, RunJournal
    from tests.batch.journal.journals import (
        Clock,
    )


def ticket(cluster_id: int = 970, **more: Any) -> RefreshTicket:
    return RefreshTicket(
        project_id=102, cluster_id=cluster_id, submitted_at=NOON, baseline_refresh_time=BEFORE, **more
    )


def test_a_run_tells_its_figures(journal: Journal, clock: Clock) -> None:
    async def story(held: RunJournal) -> None:
        await intend(1, 2, 3)(held)
        held.finished(success(1))
        held.finished(success(2, status=Status.FAILED))
        held.finished(Outcome(ref="unknown", status=Status.REJECTED))
        clock.forward(minutes=1)

    in_run(journal, story, requests=7, makespan=60.0)
    assert [info.ended_at for info in journal.runs()] == [None]
    in_run(journal, finish(success(3)), complete=True, requests=2, makespan=5.5)
    (info,) = journal.runs()
    assert (info.base_url, info.project_id, info.max_running) == (URL, 102, 16)
    assert (info.started_at, info.ended_at) == (NOON, NOON + timedelta(minutes=1))
    assert info.state == "complete"
    assert info.counts == {Status.SUCCEEDED: 2, Status.FAILED: 1, Status.REJECTED: 1}
    assert info.unfinished == 0
    assert (info.requests, info.makespan) == (9, 65.5)
    assert info.holder is None


def test_a_run_tells_who_works_on_it(journal: Journal) -> None:
    async def story(_: RunJournal) -> list[RunInfo]:
        return journal.runs()

    in_run(journal, intend(970), complete=True)
    new, old = in_run(journal, story)
    assert (new.state, old.state) == ("running", "complete")
    assert new.holder == str(Process.this())
    assert old.holder is None
    assert [(info.state, info.holder) for info in journal.runs()] == [("running", None), ("complete", None)]


def test_outcomes_come_in_the_order_of_their_ends(journal: Journal) -> None:
    order = [(n * 7919) % 2_500 + 1 for n in range(2_500)]

    async def story(held: RunJournal) -> None:
        for cluster_id in sorted(order):
            held.submitted(cluster_id, ticket(cluster_id))
        await finish(*map(success, order[:1_200]))(held)

    in_run(journal, story)
    in_run(journal, finish(*map(success, order[1_200:])))
    (info,) = journal.runs()
    assert [outcome.cluster_id for outcome in journal.outcomes(info.run_id)] == order


def test_outcomes_are_numbered_from_one_over_all_processes(journal: Journal, path: Path) -> None:
    for some in ((3, 1), (2,)):
        in_run(journal, finish(*map(success, some)))
    with closing(sqlite3.connect(path)) as other:
        rows = other.execute("SELECT key, ended FROM refreshes ORDER BY ended").fetchall()
    assert rows == [(3, 1), (1, 2), (2, 3)]


def test_a_run_that_is_closed_without_figures_has_none(journal: Journal) -> None:
    in_run(journal, intend(970), complete=True)
    (info,) = journal.runs()
    assert (info.requests, info.makespan) == (0, 0.0)


def test_an_unknown_run_is_refused(journal: Journal, path: Path) -> None:
    in_run(journal, intend(970))
    for read in (lambda: next(journal.outcomes("monday")), lambda: read_history(path, "monday")):
        with pytest.raises(JournalError) as caught:
            read()
        said = f"The journal {str(path)!r} has no run 'monday': runs() tells which it has."
        assert str(caught.value) == said


def test_the_history_of_a_run_is_what_its_clusters_took_before_it(journal: Journal, path: Path) -> None:
    for took in (100.0, 60.0, 20.0):
        in_run(journal, learn(took), complete=True)
    newest, middle, oldest = (info.run_id for info in journal.runs())
    assert read_history(path, newest) == {970: 80.0}
    assert read_history(path, middle) == {970: 100.0}
    assert read_history(path, oldest) == {}


def test_the_history_knows_refreshes_that_took_no_time(journal: Journal, path: Path) -> None:
    for took in (0.0, 60.0):
        in_run(journal, learn(took), complete=True)
    newest, _ = journal.runs()
    assert read_history(path, newest.run_id) == {970: 0.0}


def test_runs_and_outcomes_can_be_read_while_a_run_is_on(journal: Journal) -> None:
    async def story(held: RunJournal) -> list[int | None]:
        held.finished(success(970))
        await held.flush()
        (info,) = journal.runs()
        return [outcome.cluster_id for outcome in journal.outcomes(info.run_id)]

    assert in_run(journal, story) == [970]

"""A journal that something else has written to: what no run can have written is told and never taken for true."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async.batch.journal import schema as journal_schema
from ta_cluster_async.batch.journal.history import read_history
from ta_cluster_async.batch.journal.journal import Journal, RunJournal
from ta_cluster_async.batch.journal.schema import connect_to_read
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import JournalError
from ta_cluster_async.models import RefreshTicket
from tests.batch.journal.journals import BEFORE, opened
from tests.security.journals import endless

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from ta_cluster_async.batch.journal.journal import RunJournal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A run that has ended and one that goes on: each with one outcome, the latter also with one intent."""
    path = tmp_path / "runs.db"

    async def main() -> None:
        for complete in (True, False):
            held = await opened(path)
            ticket = RefreshTicket(project_id=102, cluster_id=971, submitted_at=datetime.now(UTC))
            if not complete:
                await held.intend(ticket, "c_971")
            held.finished(
                Outcome(
                    ref=970,
                    status=Status.SUCCEEDED,
                    cluster_id=970,
                    cluster_name="one",
                    attempts=1,
                    run_seconds=7.0,
                    baseline_refresh_time=BEFORE,
                )
            )
            await held.close(complete=complete)

    run(main())
    return path


def look_up(path: Path, look: Callable[[RunJournal], Awaitable[object]]) -> None:
    """Ask the run that goes on."""

    async def main() -> None:
        held = await opened(path)
        try:
            await look(held)
        finally:
            await held.close(complete=False)

    run(main())


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(statement)


def all_outcomes(path: Path) -> list[Outcome]:
    journal = Journal(path)
    return [outcome for info in journal.runs() for outcome in journal.outcomes(info.run_id)]


def newest(path: Path) -> str:
    return Journal(path).runs()[0].run_id


def test_what_was_not_changed_is_read(path: Path) -> None:
    assert [outcome.cluster_id for outcome in all_outcomes(path)] == [970, 970]
    assert read_history(path, newest(path)) == {970: 7.0}


@pytest.mark.parametrize(
    "change_to",
    [
        "outcome_attempts = -1",
        "run_seconds = -0.5",
        "queue_seconds = 9e999",
        "cluster_id = 1.5",
        "cluster_name = 7",
        "message = NULL",
        "baseline_refresh_time = '2020-01-09T03:00:00'",
        "baseline_refresh_time = '2020-01-09 03:00:00+00:00'",
    ],
)
def test_an_outcome_that_cannot_be_is_no_outcome(path: Path, change_to: str) -> None:
    change(path, f"UPDATE refreshes SET {change_to} WHERE key = 970")
    with pytest.raises(JournalError, match=r"^The journal '.*\.db' holds an entry"):
        all_outcomes(path)


@pytest.mark.parametrize(
    ("change_to", "look"),
    [
        ("state = 'begun'", lambda held: held.entries([971])),
        ("attempts = 'many'", lambda held: held.entries([971])),
        ("ref = 1.5", lambda held: held.entries([971])),
        ("intended_at = 'soon'", lambda held: held.entries([971])),
        ("key = 1.5", lambda held: held.entries_by_name(["c_971"])),
    ],
)
def test_an_intent_that_cannot_be_ends_the_run_before_it_begins(
    path: Path, change_to: str, look: Any
) -> None:
    change(path, f"UPDATE refreshes SET {change_to} WHERE key = 971")

    with pytest.raises(JournalError, match=r"^The journal '.*\.db' holds an entry"):
        look_up(path, look)


def test_an_outcome_that_cannot_be_ends_the_run_before_it_begins(path: Path) -> None:
    change(path, "UPDATE refreshes SET cluster_name = 7 WHERE key = 970")

    with pytest.raises(JournalError, match=r"^The journal '.*\.db' holds an entry"):
        look_up(path, lambda held: held.entries([970]))


@pytest.mark.parametrize(
    "change_to", ["state = 'over'", "makespan = -1.0", "makespan = 9e999", "max_running = 'x'"]
)
def test_a_run_that_cannot_be_is_no_run(path: Path, change_to: str) -> None:
    change(path, f"UPDATE runs SET {change_to} WHERE id = 1")
    with pytest.raises(JournalError, match=r"^The journal '.*\.db' holds an entry"):
        Journal(path).runs()


def test_a_running_run_without_a_name_is_not_gone_on_with(path: Path) -> None:
    change(path, "UPDATE runs SET run_id = x'00' WHERE state = 'running'")
    with pytest.raises(JournalError, match=r"^The journal '.*\.db' holds an entry"):
        run(opened(path))


@pytest.mark.parametrize("change_to", ["run_seconds = -1", "cluster_id = 'x'", "run_seconds = 9e999"])
def test_a_duration_that_cannot_be_is_no_history(path: Path, change_to: str) -> None:
    later = newest(path)
    change(path, f"UPDATE refreshes SET {change_to} WHERE run = 1")
    with pytest.raises(JournalError, match=r"^The journal '.*\.db' holds an entry"):
        read_history(path, later)


@pytest.mark.parametrize(
    ("change_to", "said"),
    [
        ("UPDATE durations SET seconds = 'soon'", "holds an entry"),
        (
            "DROP TABLE durations",
            "has other tables, views or triggers than a journal of its version: another program",
        ),
    ],
)
def test_durations_that_cannot_be_are_told(path: Path, change_to: str, said: str) -> None:
    change(path, change_to)

    with pytest.raises(JournalError) as caught:
        look_up(path, lambda held: held.durations([970]))
    assert str(caught.value).startswith(f"The journal {str(path)!r} {said}")


def test_a_table_that_is_lost_during_the_run_is_told(path: Path) -> None:
    async def look(held: RunJournal) -> None:
        change(path, "DROP TABLE refreshes")
        await held.entries([970])

    with pytest.raises(JournalError) as caught:
        look_up(path, look)
    assert str(caught.value).startswith(f"The journal {str(path)!r} cannot be used")


@pytest.mark.parametrize("table", ["refreshes", "runs"])
def test_a_file_that_has_lost_a_table_is_named(path: Path, table: str) -> None:
    name = newest(path)
    change(path, f"DROP TABLE {table}")
    for read in (
        Journal(path).runs,
        lambda: list(Journal(path).outcomes(name)),
        lambda: read_history(path, name),
        lambda: Journal(path).prune(keep=1),
    ):
        with pytest.raises(JournalError) as caught:
            read()
        assert str(caught.value).startswith(f"The journal {str(path)!r} has other tables")


# A file that another program has to itself


@pytest.fixture
def other(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """A program that has the whole file to itself."""
    monkeypatch.setattr(journal_schema, "BUSY_SECONDS", 0.02)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield other


@pytest.mark.usefixtures("other")
def test_a_reader_tells_that_another_program_has_the_file_to_itself(path: Path) -> None:
    with pytest.raises(JournalError, match="locked by another process"):
        connect_to_read(path)


@pytest.mark.usefixtures("other")
def test_damage_is_not_reported_where_the_file_could_not_be_checked(path: Path) -> None:
    with (
        closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        journal_schema._check(connection)


def test_the_look_for_damage_is_given_up_when_its_time_is_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted = 0

    class Impatient(sqlite3.Connection):
        def set_progress_handler(self, handler: Any, n: Any, /) -> None:
            def counted() -> bool:
                nonlocal interrupted
                interrupted += handler()
                return bool(handler())

            super().set_progress_handler(handler and counted, min(n, 10))

    monkeypatch.setattr(journal_schema, "_CHECK_SECONDS", -1.0)
    with closing(sqlite3.connect(path, factory=Impatient)) as connection:
        journal_schema._check(connection)
        assert interrupted
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (2,)


# Statements without an end


def test_a_statement_that_computes_for_too_long_is_interrupted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless(path)
    monkeypatch.setattr(journal_schema, "_check", lambda _: None)  # which finds such an index in a small file
    monkeypatch.setattr(journal_schema, "_STATEMENT_SECONDS", 0.05)
    with pytest.raises(JournalError, match=r"keeps SQLite busy for more than 0\.05 seconds"):
        Journal(path).runs()


def test_many_statements_may_take_longer_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, step = 0.0, 0.0

    def thread_time() -> float:
        nonlocal now
        now += step
        return now

    monkeypatch.setattr(journal_schema, "_BETWEEN_CHECKS", 1)
    monkeypatch.setattr(time, "thread_time", thread_time)
    with closing(connect_to_read(path)) as connection:
        for _ in range(3):
            now += journal_schema._STATEMENT_SECONDS
            assert connection.execute("SELECT count(*) FROM refreshes").fetchone() == (3,)
        step = journal_schema._STATEMENT_SECONDS
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            connection.execute("SELECT count(*) FROM refreshes").fetchone()

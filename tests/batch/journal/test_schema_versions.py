"""Journals of earlier and later versions."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.batch.journal.journal import Journal
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import JournalError
from tests.batch.journal.journals import opened, refusal, ticket, use

if TYPE_CHECKING:
    from pathlib import Path


def success(cluster_id: int) -> Outcome:
    return Outcome(ref=cluster_id, status=Status.SUCCEEDED, cluster_id=cluster_id, ticket=ticket(cluster_id))


VERSION_1 = """
PRAGMA application_id = 1415662129;
PRAGMA user_version = 1;
CREATE TABLE projects (id INTEGER PRIMARY KEY, base_url TEXT NOT NULL, project_id INTEGER NOT NULL, UNIQUE (base_url, project_id));
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, project INTEGER NOT NULL REFERENCES projects (id), state TEXT NOT NULL,
    started_at REAL NOT NULL, ended_at REAL, max_running INTEGER NOT NULL, requests INTEGER NOT NULL DEFAULT 0,
    makespan REAL NOT NULL DEFAULT 0, heartbeat_at REAL NOT NULL, owner TEXT, lease_seconds REAL, held_since REAL,
    host TEXT, machine TEXT, pid INTEGER, process_start TEXT
);
CREATE UNIQUE INDEX one_running_run ON runs (project) WHERE state = 'running';
CREATE TABLE refreshes (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs (id), key NOT NULL, ref, state TEXT NOT NULL, ticket TEXT,
    attempts INTEGER NOT NULL, intended_at REAL NOT NULL, ended INTEGER, status TEXT, cluster_id, cluster_name, message,
    baseline_refresh_time TEXT, refresh_time TEXT, users_num, progress, queue_seconds REAL, run_seconds REAL,
    detect_seconds REAL, outcome_attempts INTEGER, UNIQUE (run, key)
);
CREATE INDEX ends ON refreshes (run, ended, status);
INSERT INTO projects VALUES (1, 'http://ta2:8992', 102);
INSERT INTO runs (id, run_id, project, state, started_at, ended_at, max_running, heartbeat_at)
VALUES (1, 'monday', 1, 'complete', 1.0, 2.0, 16, 2.0), (2, 'tuesday', 1, 'complete', 3.0, 4.0, 16, 4.0),
    (3, 'wednesday', 1, 'complete', 5.0, 6.0, 16, 6.0);
INSERT INTO refreshes (run, key, ref, state, attempts, intended_at, ended, status, cluster_id, message, run_seconds, outcome_attempts)
VALUES (1, 970, 970, 'finished', 1, 1.0, 1, 'succeeded', 970, '', 100.0, 1),
    (2, 971, 971, 'finished', 1, 3.0, 1, 'failed', 971, '', 7.0, 1),
    (2, 970, 970, 'finished', 1, 3.0, 2, 'succeeded', 970, '', 60.0, 1),
    (3, 970, 970, 'finished', 1, 5.0, 1, 'succeeded', 970, '', 20.0, 1),
    (2, 'unknown', 'unknown', 'finished', 0, 3.0, 3, 'rejected', NULL, '', NULL, 0);
"""


@pytest.fixture
def old(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
    return path


def test_a_later_version_is_left_alone(path: Path) -> None:
    use(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 8")
    assert "has version 8, and this library knows versions up to 7: use a newer one" in refusal(path)
    with pytest.raises(JournalError, match="has version 8"):
        Journal(path).runs()


def test_version_1_is_migrated_and_learns_the_durations_of_its_outcomes(old: Path) -> None:
    async def main() -> dict[int, float]:
        held = await opened(old)
        try:
            return await held.durations([970, 971])
        finally:
            await held.close(complete=True)

    assert run(main()) == {970: 50.0}
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (7,)


def test_a_migrated_file_has_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    use(old)
    use(tmp_path / "new.db")

    def tables(path: Path) -> dict[str, list[object]]:
        with closing(sqlite3.connect(path)) as connection:
            return {
                name: connection.execute(f"PRAGMA table_info({name})").fetchall()
                for (name,) in connection.execute("SELECT name FROM sqlite_master")
            }

    assert tables(old) == tables(tmp_path / "new.db")


def test_version_1_can_be_read_without_a_migration(old: Path) -> None:
    assert [info.run_id for info in Journal(old).runs()] == ["wednesday", "tuesday", "monday"]
    assert [outcome.ref for outcome in Journal(old).outcomes("tuesday")] == [971, 970, "unknown"]


def test_when_an_outcome_of_an_old_file_came_is_not_known_before_and_after_the_migration(old: Path) -> None:
    before = list(Journal(old).outcomes("tuesday"))
    use(old)
    assert list(Journal(old).outcomes("tuesday")) == before
    assert [outcome.settled_at for outcome in before] == [None, None, None]
    assert [(outcome.code, outcome.params, outcome.what()) for outcome in before] == [("", {}, None)] * 3


def test_a_migration_that_fails_leaves_the_old_file(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("CREATE TABLE durations (something)")
    before = old.read_bytes()
    refusal(old)
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert len(before) == old.stat().st_size


def test_an_old_file_that_is_being_written_is_opened_when_that_has_ended(old: Path) -> None:
    with closing(sqlite3.connect(old, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.03, other.rollback)
        timer.start()
        use(old)
        timer.join()

"""The tables of the journal, their migration, how a file is opened, and what its errors mean."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from functools import cache
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import TYPE_CHECKING, Any

from ...errors import JournalError
from ...messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

APPLICATION_ID = 0x54614A31
"""Stands in the header of the file, so that no other program's database is taken for a journal."""

BUSY_SECONDS = 2.0
"""How long to wait for another process that writes to the same file; a commit takes milliseconds."""

_CHECK_SECONDS = 0.5

_STATEMENT_SECONDS = 30.0
"""How long a statement may compute. It is less than a second for the runs of a year; only a file that was made for it has no end."""

_BETWEEN_CHECKS = 100_000
"""Steps of SQLite's virtual machine, which are some milliseconds."""

# Before the tables are looked at, so that no function or virtual table that a planted schema names is called.
_UNTRUSTED = "PRAGMA trusted_schema = OFF"

_COMMENT = re.compile(r"--[^\n]*")
_AROUND = re.compile(r"\s*([(),])\s*")

_FIRST = """
CREATE TABLE projects (
    id INTEGER PRIMARY KEY,
    base_url TEXT NOT NULL,
    project_id INTEGER NOT NULL,
    UNIQUE (base_url, project_id)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    project INTEGER NOT NULL REFERENCES projects (id),
    state TEXT NOT NULL,            -- running, complete, abandoned
    started_at REAL NOT NULL,       -- this and all other times: seconds since 1970, UTC
    ended_at REAL,
    max_running INTEGER NOT NULL,
    requests INTEGER NOT NULL DEFAULT 0,
    makespan REAL NOT NULL DEFAULT 0,
    heartbeat_at REAL NOT NULL,
    owner TEXT,                     -- the lease: NULL while nobody works on the run
    lease_seconds REAL,
    held_since REAL,
    host TEXT,
    machine TEXT,
    pid INTEGER,
    process_start TEXT
);
CREATE UNIQUE INDEX one_running_run ON runs (project) WHERE state = 'running';
CREATE TABLE refreshes (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    key NOT NULL,                   -- the cluster's id, or the reference while that is unknown
    ref,
    state TEXT NOT NULL,            -- intended, submitted, finished
    ticket TEXT,
    attempts INTEGER NOT NULL,
    intended_at REAL NOT NULL,
    ended INTEGER,                  -- 1 for the first outcome of the run, and so on; NULL while there is none
    status TEXT,                    -- this and all below: the outcome
    cluster_id,
    cluster_name,
    message,
    baseline_refresh_time TEXT,
    refresh_time TEXT,
    users_num,
    progress,
    queue_seconds REAL,
    run_seconds REAL,
    detect_seconds REAL,
    outcome_attempts INTEGER,
    UNIQUE (run, key)
);
CREATE INDEX ends ON refreshes (run, ended, status);
"""

_DURATIONS = """
CREATE TABLE durations (
    project INTEGER NOT NULL REFERENCES projects (id),
    cluster_id INTEGER NOT NULL,
    seconds REAL NOT NULL,          -- the newest counts for one half, the one before for a quarter, and so on
    PRIMARY KEY (project, cluster_id)
) WITHOUT ROWID;
"""

_TIME_MEANINGS = """
CREATE TABLE time_meanings (
    project INTEGER PRIMARY KEY REFERENCES projects (id),
    run INTEGER NOT NULL,           -- the run that showed it
    moved_before_end INTEGER NOT NULL,
    moved_at_end INTEGER NOT NULL,
    never_moved INTEGER NOT NULL
);
"""

_NOTICES = """
CREATE TABLE notices (
    project INTEGER NOT NULL REFERENCES projects (id),
    job TEXT NOT NULL,              -- the command and what it was asked for
    off TEXT NOT NULL,              -- JSON: what was off when somebody was told last
    told_at REAL NOT NULL,
    PRIMARY KEY (project, job)
) WITHOUT ROWID;
"""

LEARN_TIME = """
INSERT INTO time_meanings (project, run, moved_before_end, moved_at_end, never_moved) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (project) DO UPDATE SET run = excluded.run,
    moved_before_end = (run = excluded.run) * moved_before_end + excluded.moved_before_end,
    moved_at_end = (run = excluded.run) * moved_at_end + excluded.moved_at_end,
    never_moved = (run = excluded.run) * never_moved + excluded.never_moved
"""
"""Adds to what a run has shown of `refreshTime`, in place of what the runs before it did."""

LEARN = """
INSERT INTO durations (project, cluster_id, seconds) VALUES (?, ?, ?)
ON CONFLICT (project, cluster_id) DO UPDATE SET seconds = moving_mean(seconds, excluded.seconds)
"""
"""Takes a new duration into the mean of its cluster."""


def moving_mean(mean: float, newest: float) -> float:
    """Return a mean in which the newest duration counts for one half, the one before for a quarter, and so on."""
    return 0.5 * (mean + newest)


def _create(connection: sqlite3.Connection) -> None:
    _run_all(connection, _FIRST)


def _add_durations(connection: sqlite3.Connection) -> None:
    """Version 2 remembers how long each cluster takes. A file from before has it in its outcomes."""
    _run_all(connection, _DURATIONS)
    past = connection.execute(
        "SELECT runs.project, cluster_id, run_seconds FROM refreshes JOIN runs ON runs.id = refreshes.run"
        " WHERE status = 'succeeded' AND cluster_id IS NOT NULL AND run_seconds IS NOT NULL"
        " ORDER BY refreshes.run, ended"
    )
    connection.executemany(LEARN, past)


def _add_ends(connection: sqlite3.Connection) -> None:
    """Version 3 knows when each outcome came."""
    connection.execute("ALTER TABLE refreshes ADD COLUMN settled_at REAL")


def _add_codes(connection: sqlite3.Connection) -> None:
    """Version 4 knows the code and the parameters of each message."""
    connection.execute("ALTER TABLE refreshes ADD COLUMN code TEXT")
    connection.execute("ALTER TABLE refreshes ADD COLUMN params TEXT")  # JSON


def _add_time_meanings(connection: sqlite3.Connection) -> None:
    """Version 5 remembers what `refreshTime` means on a server, as the refreshes of the latest run that showed it did."""
    _run_all(connection, _TIME_MEANINGS)


def _add_warnings(connection: sqlite3.Connection) -> None:
    """Version 6 knows the warnings of successes, and what was last told of each job by a notification."""
    connection.execute("ALTER TABLE refreshes ADD COLUMN warnings TEXT")  # JSON
    _run_all(connection, _NOTICES)


def _add_needs(connection: sqlite3.Connection) -> None:
    """Version 7 knows what each refresh needed."""
    connection.execute("ALTER TABLE refreshes ADD COLUMN depends_on TEXT")  # JSON


# A file of version n has been through the first n of these, and a new file goes through all.
_STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _create,
    _add_durations,
    _add_ends,
    _add_codes,
    _add_time_meanings,
    _add_warnings,
    _add_needs,
)

VERSION = len(_STEPS)


def connect(path: Path) -> sqlite3.Connection:
    """Open the file to write, create or migrate it where needed, and check it for damage. Raises JournalError."""
    _create_file(path)
    _refuse_other_files(path)
    with wrap_errors(path):
        connection = _connect(f"{path.absolute().as_uri()}?mode=rw")
        try:
            version = _version(connection, path)
            _check(connection)
            _set_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.create_function("moving_mean", 2, moving_mean, deterministic=True)
            if version < VERSION:
                _migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open the file to read; no statement may change it. Raises JournalError."""
    _refuse_other_files(path)
    if not path.exists():
        raise JournalError(Message("journal-missing", path=str(path)))
    # To open it for writing too lets SQLite clear away, at the end, the lock files that it needs beside it.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with wrap_errors(path):
        try:
            return _connect_to_read(path, uri)
        except sqlite3.OperationalError as error:
            # In a folder that cannot be written SQLite has no place for its lock file. Without a "-wal" file beside
            # the journal nobody is writing, and everything is in the journal itself.
            closed_to_us = _code(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
            if not closed_to_us or not path.is_file() or _wal(path).exists():
                raise
        return _connect_to_read(path, f"{uri}&immutable=1")


@contextmanager
def wrap_errors(path: Path) -> Iterator[None]:
    """Raise any error of SQLite as a JournalError that names the file and says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(_what_to_do(path, error)) from error
    except UnicodeDecodeError as error:  # a message of SQLite that quotes bytes of the file
        raise JournalError(Message("journal-damaged", path=str(path))) from error


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """See one state of the file, and do all or nothing; `IMMEDIATE` with the sole right to write from the beginning."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


class _Connection(sqlite3.Connection):
    """A connection that interrupts a statement which computes for too long. Waits for a disk do not count."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        last = time.thread_time() + _STATEMENT_SECONDS
        self.set_progress_handler(lambda: time.thread_time() > last, _BETWEEN_CHECKS)
        return super().execute(sql, parameters)


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, factory=_Connection
    )
    connection.execute(_UNTRUSTED)
    return connection


def _connect_to_read(path: Path, uri: str) -> sqlite3.Connection:
    connection = _connect(uri)
    try:
        connection.execute("PRAGMA query_only = ON")
        if _version(connection, path) == 0:
            raise JournalError(Message("journal-empty", path=str(path)))
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of its tables, 0 for a new file.

    Refuses a file that is not a journal, one of a later version, and one that has more or less than the tables of its version, such
    as a trigger, a view or a virtual table.
    """
    # In one transaction, as another process may be about to make the tables.
    with transaction(connection, "DEFERRED"):
        tables = _schema(connection)
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise JournalError(Message("journal-of-something-else", path=str(path)))
    if version > VERSION:
        raise JournalError(Message("journal-newer-version", path=str(path), version=version, known=VERSION))
    if version < 0 or tables != _schema_of(version):
        raise JournalError(Message("journal-altered", path=str(path)))
    return int(version)


def _schema(connection: sqlite3.Connection) -> frozenset[tuple[str, ...]]:
    """Return all that a file has but rows, as SQL without comments and line breaks. To read it executes nothing of it."""
    return frozenset(
        (*names, _AROUND.sub(r"\1", " ".join(_COMMENT.sub("", sql or "").split())))
        for *names, sql in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")
    )


@cache
def _schema_of(version: int) -> frozenset[tuple[str, ...]]:
    """Return the same of a journal of this version."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.create_function("moving_mean", 2, moving_mean, deterministic=True)
        for step in _STEPS[:version]:
            step(connection)
        return _schema(connection)


def _create_file(path: Path) -> None:
    """Make a file that only its owner may read, where there is nothing. SQLite gives its mode to the files beside it."""
    # What cannot be made SQLite cannot open either, and what to do is told there.
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _refuse_other_files(path: Path) -> None:
    """Refuse a link, which may lead to any file, what is not a file, and an empty file of somebody else. Raises JournalError."""
    try:
        found = os.lstat(path)
    except OSError:
        return  # SQLite says why it cannot be opened
    if S_ISLNK(found.st_mode):
        raise JournalError(Message("journal-is-link", path=str(path)))
    if not (S_ISREG(found.st_mode) or S_ISDIR(found.st_mode)):
        raise JournalError(Message("journal-not-file", path=str(path)))
    if S_ISREG(found.st_mode) and found.st_size == 0 and not _is_private(found):
        raise JournalError(Message("journal-empty-file", path=str(path)))


def _is_private(found: os.stat_result) -> bool:
    """Whether a process that was killed before its first commit can have left this file: made by this user, for no other."""
    return os.name != "posix" or (found.st_uid == os.geteuid() and not found.st_mode & 0o077)


def _set_wal(connection: sqlite3.Connection) -> None:
    """Set the mode in which readers and the writer do not wait for each other."""
    # While another process does the same to a new file this fails at once, without the wait of all other statements.
    last = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > last:
                raise
            time.sleep(0.01)
        else:
            return


def _migrate(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        # Asked again, as another process may have done it since.
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for step in _STEPS[version:]:
            step(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _check(connection: sqlite3.Connection) -> None:
    """Check for damage before anything depends on the file, for half a second at most."""
    last = time.monotonic() + _CHECK_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > last, _BETWEEN_CHECKS)
    try:
        # By a cursor, which leaves the handler as it is.
        (found,) = connection.cursor().execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if _code(error) != sqlite3.SQLITE_INTERRUPT:
            raise
        found = "ok"
    finally:
        connection.set_progress_handler(None, 0)
    if found != "ok":
        raise _damaged()


def _damaged() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("quick_check found damage")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _run_all(connection: sqlite3.Connection, statements: str) -> None:
    # executescript would commit first.
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def _code(error: sqlite3.Error) -> int:
    """Return the primary result code."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _wal(path: Path) -> Path:
    real = path.resolve()  # where SQLite puts it, if this is a link
    return real.with_name(f"{real.name}-wal")


def _what_to_do(path: Path, error: sqlite3.Error) -> Message:
    code = _code(error)
    where = str(path)
    if code == sqlite3.SQLITE_FULL:
        return Message("journal-disk-full", path=where)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return _why_not_open(path)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return Message("journal-damaged", path=where)
    if code == sqlite3.SQLITE_INTERRUPT:
        return Message("journal-endless", path=where, seconds=_STATEMENT_SECONDS)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Message("journal-locked", path=where, seconds=BUSY_SECONDS)
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    if code == sqlite3.SQLITE_IOERR:
        return Message("journal-disk-failed", path=where, name=name)
    return Message("journal-unusable", path=where, name=name, error=str(error))


def _why_not_open(path: Path) -> Message:
    where, folder = str(path), str(path.parent)
    if not path.parent.is_dir():
        return Message("journal-folder-missing", path=where, folder=folder)
    if path.is_dir():
        return Message("journal-is-folder", path=where)
    if not path.exists():
        return Message("journal-folder-read-only", path=where, folder=folder)
    return Message("journal-read-only", path=where)

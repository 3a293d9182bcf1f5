"""The tables of the journal, how a file of an earlier version gets them, and how a file is opened and its errors are told."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

APPLICATION_ID = 0x54614A31
"""Stands in the header of the file, so that no other program's database is taken for a journal."""

BUSY_SECONDS = 2.0
"""How long to wait for another process that writes to the same file; a commit takes milliseconds."""

_CHECK_SECONDS = 0.5

_DAMAGED = (
    "is damaged, or no journal at all: move the file away with its -wal and -shm files, or give another path."
    " Without it, look in TA which clusters have been refreshed."
)

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

LEARN = """
INSERT INTO durations (project, cluster_id, seconds) VALUES (?, ?, ?)
ON CONFLICT (project, cluster_id) DO UPDATE SET seconds = 0.5 * (seconds + excluded.seconds)
"""
"""Takes a new duration into the mean of its cluster."""


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


# A file of version n has been through the first n of these, and a new file goes through all.
_STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _create,
    _add_durations,
    _add_ends,
    _add_codes,
)

VERSION = len(_STEPS)


def connect(path: Path) -> sqlite3.Connection:
    """Open the file to write, create or migrate it where needed, and look whether it is sound. Raises JournalError."""
    with told(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rwc", uri=True, timeout=BUSY_SECONDS, isolation_level=None
        )
        try:
            version = _version(connection, path)
            _set_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            if version < VERSION:
                _migrate(connection)
            _check(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open the file to read; no statement may change it. Raises JournalError."""
    if not path.exists():
        raise JournalError(f"There is no journal at {str(path)!r}: give the path that the runs were given.")
    # To open it for writing too lets SQLite clear away, at the end, the lock files that it needs beside it.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with told(path):
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
def told(path: Path) -> Iterator[None]:
    """Tell any error of SQLite as a JournalError that names the file and says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(f"The journal {str(path)!r} {_what_to_do(path, error)}") from error
    except UnicodeDecodeError as error:  # a message of SQLite that quotes bytes of the file
        raise JournalError(f"The journal {str(path)!r} {_DAMAGED}") from error


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


def _connect_to_read(path: Path, uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = ON")
        if _version(connection, path) == 0:
            raise JournalError(f"The journal {str(path)!r} is empty: no run has been written to it yet.")
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of its tables, 0 for a new file. Refuses a file that is no journal, or one of a later version."""
    # In one transaction, as another process may be about to make the tables.
    with transaction(connection, "DEFERRED"):
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise JournalError(
            f"The file {str(path)!r} is the database of something else and no journal: give another path."
        )
    if version > VERSION:
        raise JournalError(
            f"The journal {str(path)!r} has version {version}, and this library knows versions up to {VERSION}:"
            " use a newer one, or another journal file."
        )
    return int(version)


def _set_wal(connection: sqlite3.Connection) -> None:
    """Let readers and the writer not wait for each other."""
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
    """Look for damage before anything depends on the file, as far as half a second allows."""
    last = time.monotonic() + _CHECK_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > last, 100_000)
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
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
    """The primary result code, without what extends it."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _wal(path: Path) -> Path:
    real = path.resolve()  # where SQLite puts it, if this is a link
    return real.with_name(f"{real.name}-wal")


def _what_to_do(path: Path, error: sqlite3.Error) -> str:
    code = _code(error)
    if code == sqlite3.SQLITE_FULL:
        return "cannot grow, because the disk is full: make room and run again, which goes on where this run ended."
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return _why_not_open(path)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return _DAMAGED
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return (
            f"has been locked by another process for {BUSY_SECONDS:g} seconds: run again when that has ended."
        )
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    if code == sqlite3.SQLITE_IOERR:
        return f"could not be read or written ({name}): check the disk, its quota and limits, and run again."
    return f"cannot be used ({name}: {error}): give another path, and report this if the file is sound."


def _why_not_open(path: Path) -> str:
    if not path.parent.is_dir():
        return f"cannot be made: there is no folder {str(path.parent)!r}. Create it, or give another path."
    if path.is_dir():
        return "is a folder: give the path of a file."
    if not path.exists():
        return f"cannot be made: the folder {str(path.parent)!r} is read-only for this user."
    return "cannot be written: the file, its folder or its file system is read-only for this user. All three have to be writable."

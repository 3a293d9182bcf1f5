"""The journal's file while a run is on. Everything here happens on one thread."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager, suppress
from itertools import groupby
from operator import attrgetter
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from attrs import define, frozen

from ...errors import JournalBusy, JournalError
from ...messages import Message
from ...protocol.refresh import NOTHING_KNOWN, TimeMeaning
from .lease import Lease, holder_of
from .rows import (
    ENTRY_COLUMNS,
    Values,
    cell,
    from_cell,
    moment,
    read_entry,
    readable,
)
from .schema import connect, transaction, wrap_errors
from .sizes import sizes_before

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from .rows import Entry

# Old versions of SQLite take 999 parameters in one statement.
_CHUNK = 900


@define(eq=False)
class Write:
    """A change of the file that waits for its turn.

    Attributes:
        sql: The statement; "" for none, when only what came before is waited for.
        values: Its parameters.
        waiter: Resolved when the change is durable. None where nobody waits; then it is kept until it has been written.
    """

    sql: str
    values: Values
    waiter: asyncio.Future[None] | None = None


@frozen(kw_only=True)
class Terms:
    """What a run is opened with.

    Attributes:
        base_url: The TA deployment.
        project_id: The project.
        max_running: How many refreshes may be in flight.
        resume_within: Seconds of silence after which an unfinished run is not gone on with.
        lease_seconds: Seconds of silence after which another may take the run.
    """

    base_url: str
    project_id: int
    max_running: int
    resume_within: float
    lease_seconds: float


class Store:
    """One run in the file. The attributes are set by `open`.

    Attributes:
        run_id: Its name.
        resumed: True when it was begun by an earlier opener.
        project: The project's number in this file.
        run: The run's number in this file.
        ended: How many outcomes had come when it was opened.
        time_meaning: What `refreshTime` means on the server, as far as the latest run has shown that learned of it.
        renewed_at: When the lease was renewed last, by the wall clock. Other threads may read it at any time.
    """

    run_id: str
    resumed: bool
    project: int
    run: int
    ended: int
    time_meaning: TimeMeaning
    renewed_at: float

    def __init__(self, path: Path, terms: Terms, clock: Callable[[], float]) -> None:
        self._path = path
        self._terms = terms
        self._clock = clock
        self._lease = Lease(terms.lease_seconds)
        self._connection: sqlite3.Connection | None = None
        self._place: tuple[int, int] | None = None
        self._unwritten: list[Write] = []

    def open(self) -> None:
        """Open the file and take the run. Raises JournalError, and JournalBusy when another runner holds it."""
        connection = connect(self._path)
        try:
            with wrap_errors(self._path), readable(self._path), transaction(connection):
                self._take(connection)
            self._place = self._on_disk()
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def write(self, writes: Sequence[Write]) -> None:
        """Make these and what was left over durable, all or none, and renew the lease. Raises JournalError."""
        group = [*self._unwritten, *writes]
        try:
            with self._changing() as connection:
                _execute(connection, group)
        except Exception as error:
            # What another runner has taken over is its business. All else is tried again with the next group.
            lost = isinstance(error, JournalBusy)
            self._unwritten = [] if lost else [write for write in group if write.waiter is None]
            raise
        self._unwritten = []

    def end(self, writes: Sequence[Write], *, complete: bool, requests: int, makespan: float) -> None:
        """Write what is left, give the run back, and close the file whatever happens. Raises JournalError."""
        try:
            self.write(writes)
            with self._changing() as connection:
                connection.execute(
                    "UPDATE runs SET state = ?, ended_at = ?, requests = requests + ?, makespan = makespan + ? WHERE id = ?",
                    (
                        "complete" if complete else "running",
                        self._clock() if complete else None,
                        requests,
                        makespan,
                        self.run,
                    ),
                )
                self._lease.release(connection, self.run)
        except Exception:
            self._release()
            raise
        finally:
            self.close()

    def abandon(self) -> None:
        """Close the file of an `open` that nobody waits for any more. The run is left to be resumed."""
        if self._connection is not None:
            self._release()
            self.close()

    def close(self) -> None:
        """Close the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def entries(self, cluster_ids: Sequence[int]) -> dict[int, Entry]:
        """Return what the run knows of these clusters."""
        sql = f"SELECT {ENTRY_COLUMNS} FROM refreshes WHERE run = ? AND key IN (%s)"  # noqa: S608 - constants
        entries = (self._entry(row) for row in self._rows(sql, self.run, cluster_ids))
        return {entry.cluster_id: entry for entry in entries}

    def entries_by_name(self, names: Sequence[str]) -> dict[str, Entry]:
        """Return what the run knows of the clusters that were given by these names. This scans the whole run."""
        # What was not found has its reference for a key, and is no cluster.
        sql = f"SELECT {ENTRY_COLUMNS} FROM refreshes WHERE run = ? AND ref <> key AND ref IN (%s)"  # noqa: S608 - constants
        entries = (self._entry(row) for row in self._rows(sql, self.run, names))
        return {entry.ref: entry for entry in entries if isinstance(entry.ref, str)}

    def durations(self, cluster_ids: Sequence[int]) -> dict[int, float]:
        """Return how many seconds these clusters are expected to take, where that is known."""
        sql = "SELECT cluster_id, seconds FROM durations WHERE project = ? AND cluster_id IN (%s)"
        rows = self._rows(sql, self.project, cluster_ids)
        with readable(self._path):
            return {from_cell(key): float(seconds) for key, seconds in rows}

    def sizes(self, most: int, cluster_ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """Return how many users these clusters had after their latest successes before this run, the newest first."""
        with wrap_errors(self._path), readable(self._path):
            found = sizes_before(self._opened(), self.project, self.run, cluster_ids, most)
        return {key: tuple(one.users_num for one in sizes) for key, sizes in found.items()}

    def _take(self, connection: sqlite3.Connection) -> None:
        """Find the run to go on with, or begin one, and take its lease."""
        terms, now = self._terms, self._clock()
        place = (terms.base_url, terms.project_id)
        connection.execute("INSERT OR IGNORE INTO projects (base_url, project_id) VALUES (?, ?)", place)
        (self.project,) = connection.execute(
            "SELECT id FROM projects WHERE base_url = ? AND project_id = ?", place
        ).fetchone()
        if (holder := holder_of(connection, self.project, now)) is not None:
            raise JournalBusy(
                Message(
                    "journal-busy-now",
                    project_id=terms.project_id,
                    base_url=terms.base_url,
                    path=str(self._path),
                    holder=holder.what(),
                    expires_in=holder.expires_in,
                ),
                holder=str(holder.process),
                expires_in=holder.expires_in,
            )
        connection.execute(
            "UPDATE runs SET state = 'abandoned', ended_at = heartbeat_at, owner = NULL"
            " WHERE project = ? AND state = 'running' AND heartbeat_at < ?",
            (self.project, now - terms.resume_within),
        )
        begun = connection.execute(
            "INSERT OR IGNORE INTO runs (run_id, project, state, started_at, max_running, heartbeat_at)"
            " VALUES (?, ?, 'running', ?, ?, ?)",
            (f"{moment(now):%Y%m%dT%H%M%SZ}-{token_hex(4)}", self.project, now, terms.max_running, now),
        )
        self.resumed = begun.rowcount == 0  # the project has a running one already, and never two
        self.run, self.run_id = connection.execute(
            "SELECT id, run_id FROM runs WHERE project = ? AND state = 'running'", (self.project,)
        ).fetchone()
        self._lease.take(connection, self.run, now)
        connection.execute("UPDATE runs SET max_running = ? WHERE id = ?", (terms.max_running, self.run))
        (self.ended,) = connection.execute(
            "SELECT coalesce(max(ended), 0) FROM refreshes WHERE run = ?", (self.run,)
        ).fetchone()
        lessons = connection.execute(
            "SELECT moved_before_end, moved_at_end, never_moved FROM time_meanings"
            " JOIN projects ON projects.id = project WHERE base_url = ? ORDER BY run DESC LIMIT 1",
            (terms.base_url,),
        ).fetchone()
        start, end, never = lessons or (0, 0, 0)
        # Another hand may have written them.
        if type(self.run_id) is not str or {type(one) for one in (self.ended, start, end, never)} != {int}:
            raise TypeError
        self.time_meaning = NOTHING_KNOWN
        if lessons:
            self.time_meaning = TimeMeaning(start=start, end=end, never=never, remembered=True)
        self.renewed_at = now

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """Begin a transaction of the holder, which renews the lease. Raises JournalBusy when another has taken it."""
        if self._on_disk() != self._place:
            raise JournalError(Message("journal-moved", path=str(self._path)))
        connection = self._opened()
        with wrap_errors(self._path), transaction(connection):
            now = self._clock()
            if not self._lease.renew(connection, self.run, now):
                raise self._taken_over(connection, now)
            yield connection
        self.renewed_at = now

    def _taken_over(self, connection: sqlite3.Connection, now: float) -> JournalBusy:
        holder = holder_of(connection, self.project, now)
        return JournalBusy(
            Message(
                "journal-taken-over",
                seconds=self._terms.lease_seconds,
                project_id=self._terms.project_id,
                base_url=self._terms.base_url,
                path=str(self._path),
                holder=Message("journal-holder-ended") if holder is None else holder.what(),
            ),
            holder="" if holder is None else str(holder.process),
            expires_in=0.0 if holder is None else holder.expires_in,
        )

    def _release(self) -> None:
        # Where even this cannot be written, the lease expires by itself.
        with suppress(JournalError), self._changing() as connection:
            self._lease.release(connection, self.run)

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(Message("journal-closed", path=str(self._path)))
        return self._connection

    def _on_disk(self) -> tuple[int, int] | None:
        try:
            found = os.lstat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _rows(self, sql: str, first: int, sought: Sequence[int | str]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(sought), _CHUNK):
            keys = [cell(one) for one in sought[start : start + _CHUNK]]
            with wrap_errors(self._path):
                rows = self._opened().execute(sql % ", ".join("?" * len(keys)), (first, *keys)).fetchall()
            yield from rows

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        return read_entry(row, self._terms.project_id, self._path)


def _execute(connection: sqlite3.Connection, group: Sequence[Write]) -> None:
    # One call for all neighbours of a kind: between calls another thread may take the interpreter.
    for sql, writes in groupby(group, attrgetter("sql")):
        if sql:
            connection.executemany(sql, [write.values for write in writes])

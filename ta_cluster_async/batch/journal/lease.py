"""The lease of a run: who works on it and until when, and how it is taken, renewed and released."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import field, frozen

from ...messages import Message
from .process import Process
from .rows import moment

if TYPE_CHECKING:
    import sqlite3


@frozen(kw_only=True)
class Holder:
    """Who holds a run, and is alive as far as can be told.

    Attributes:
        process: The process.
        run_id: The name of the run.
        since: When it took the run.
        expires_in: Seconds until its lease ends if it gives no sign of life.
    """

    process: Process
    run_id: str
    since: datetime
    expires_in: float

    def what(self) -> Message:
        """Return whom to look for, as in `db1:4711, which holds run 20200110T105114Z-0123abcd since 2020-01-10 10:51:14 UTC`."""
        return Message(
            "journal-holder-here" if self.process == Process.this() else "journal-holder",
            process=str(self.process),
            run_id=self.run_id,
            since=f"{self.since:%Y-%m-%d %H:%M:%S}",
        )


@frozen
class Lease:
    """The right of one opener to work on one run, proved by a secret that only it knows.

    Attributes:
        seconds: How long it lasts without a sign of life.
        owner: The secret.
    """

    seconds: float
    owner: str = field(factory=lambda: secrets.token_hex(16), repr=False)

    def take(self, connection: sqlite3.Connection, run: int, now: float) -> None:
        """Make this process the holder of a run, whoever had it before."""
        here = Process.this()
        connection.execute(
            "UPDATE runs SET owner = ?, lease_seconds = ?, heartbeat_at = ?, held_since = ?,"
            " host = ?, machine = ?, pid = ?, process_start = ? WHERE id = ?",
            (self.owner, self.seconds, now, now, here.host, here.machine, here.pid, here.start, run),
        )

    def renew(self, connection: sqlite3.Connection, run: int, now: float) -> bool:
        """Renew the lease. Returns False when the run belongs to another by now."""
        renewed = connection.execute(
            "UPDATE runs SET heartbeat_at = ? WHERE id = ? AND owner = ?", (now, run, self.owner)
        )
        return renewed.rowcount == 1

    def release(self, connection: sqlite3.Connection, run: int) -> None:
        """Release the run."""
        connection.execute("UPDATE runs SET owner = NULL WHERE id = ? AND owner = ?", (run, self.owner))


def holder_of(connection: sqlite3.Connection, project: int, now: float) -> Holder | None:
    """Return who works on the project now; None when nobody does, the lease has expired, or its process is dead.

    Args:
        connection: To the journal.
        project: The project's number in this file.
        now: The wall clock's seconds since 1970.
    """
    row = connection.execute(
        "SELECT run_id, heartbeat_at + lease_seconds, held_since, host, machine, pid, process_start"
        " FROM runs WHERE project = ? AND state = 'running' AND owner IS NOT NULL",
        (project,),
    ).fetchone()
    if row is None:
        return None
    run_id, expires_at, since, host, machine, pid, start = row
    process = Process(host=host, machine=machine, pid=pid, start=start)
    if expires_at < now or process.is_dead():
        return None
    return Holder(process=process, run_id=run_id, since=moment(since), expires_in=expires_at - now)

"""Taking old runs out of a journal that is used night after night."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from .schema import (
    connect,
    connect_to_read,
    transaction,
    wrap_errors,
)

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

# One transaction deletes so many outcomes, and then lets a run that goes on at the time have its turn.
_AT_ONCE = 2_000

_DELETE_RUNS = """
DELETE FROM runs WHERE state <> 'running'
AND (SELECT count(*) FROM runs AS newer WHERE newer.project = runs.project AND newer.id > runs.id) >= ?
"""


def prune(path: Path, keep: int) -> int:
    """Delete all runs but the newest `keep` of each project and those that are unfinished. Returns how many. Raises JournalError."""
    connect_to_read(path).close()  # which, other than to open it to write, makes no file
    with closing(connect(path)) as connection, wrap_errors(path):
        with transaction(connection):
            count = connection.execute(_DELETE_RUNS, (keep,)).rowcount
        # Those too whose run was deleted by another that was killed before it came to them.
        for (run,) in connection.execute(
            "SELECT DISTINCT run FROM refreshes EXCEPT SELECT id FROM runs"
        ).fetchall():
            while _delete_some(connection, run):
                pass
    return count


def _delete_some(connection: sqlite3.Connection, run: int) -> int:
    found = "SELECT id FROM refreshes WHERE run = ? LIMIT ?"
    return connection.execute(f"DELETE FROM refreshes WHERE id IN ({found})", (run, _AT_ONCE)).rowcount  # noqa: S608 - a constant

"""Read the runs of a journal, for a command line and for reports. Reading needs no lease."""

from __future__ import annotations

from contextlib import closing
from math import inf
from typing import TYPE_CHECKING

from ...errors import JournalError
from ...messages import Message
from .lease import holder_of
from .rows import (
    OUTCOME_NAMES,
    RunInfo,
    from_cell,
    moment,
    read,
    read_outcome,
    readable,
)
from .schema import connect_to_read, moving_mean, wrap_errors

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from ..report import Outcome

_PAGE = 1_000
# The columns of a run, by the names of `RunInfo`.
_RUN = (
    "run_id",
    "base_url",
    "project_id",
    "started_at",
    "ended_at",
    "state",
    "max_running",
    "requests",
    "makespan",
)

# In the mean the run before these would count for less than a thousandth.
_EARLIER_RUNS = 10


def read_runs(path: Path, now: float) -> list[RunInfo]:
    """Return all runs, the newest first. Raises JournalError."""
    with closing(connect_to_read(path)) as connection, wrap_errors(path), readable(path):
        connection.execute("BEGIN")  # so that runs and counts are of one moment
        counts: dict[int, dict[str, int]] = {}
        unfinished: dict[int, int] = {}
        for run, status, count in connection.execute(
            "SELECT run, status, count(*) FROM refreshes GROUP BY run, status"
        ):
            if status is None:
                unfinished[run] = count
            else:
                counts.setdefault(run, {})[status] = count
        infos = []
        for run, project, *columns in connection.execute(
            f"SELECT runs.id, project, {', '.join(_RUN)} FROM runs"  # noqa: S608 - constants
            " JOIN projects ON projects.id = runs.project ORDER BY runs.id DESC"
        ).fetchall():
            values = dict(zip(_RUN, columns, strict=True))
            ended = values["ended_at"]
            holder = holder_of(connection, project, now) if values["state"] == "running" else None
            values |= {
                "started_at": moment(values["started_at"]),
                "ended_at": None if ended is None else moment(ended),
                "holder": None if holder is None else str(holder.process),
                "counts": counts.get(run, {}),
                "unfinished": unfinished.get(run, 0),
            }
            infos.append(read(RunInfo, **values))
        return infos


def read_outcomes(path: Path, run_id: str) -> Iterator[Outcome]:
    """Iterate over the outcomes of a run in the order of their ends, read in pages. Raises JournalError, also for an unknown run."""
    with closing(connect_to_read(path)) as connection:
        with wrap_errors(path):
            found, _ = _find(connection, path, run_id)
            columns = _columns(connection)
        last = 0
        while True:
            # In pages, as an open read keeps the writer from giving back the room of its log.
            with wrap_errors(path):
                rows = connection.execute(
                    f"SELECT ended, {columns} FROM refreshes WHERE run = ? AND ended > ?"  # noqa: S608 - constants
                    " ORDER BY ended LIMIT ?",
                    (found, last, _PAGE),
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            for row in rows:
                yield read_outcome(row[1:], path)


def read_history(path: Path, run_id: str) -> dict[int, float]:
    """Return how many seconds each cluster took in the runs of the project before this one. Raises JournalError, also for an unknown run.

    It is a mean in which the newest run counts for one half, the one before for a quarter, and so on, as it is for the order of a run.
    """
    seconds: dict[int, float] = {}
    with closing(connect_to_read(path)) as connection, wrap_errors(path), readable(path):
        found, project = _find(connection, path, run_id)
        earlier = connection.execute(
            "SELECT id FROM runs WHERE project = ? AND id < ? ORDER BY id DESC LIMIT ?",
            (project, found, _EARLIER_RUNS),
        ).fetchall()
        for one in reversed(earlier):
            for key, took in connection.execute(
                "SELECT cluster_id, run_seconds FROM refreshes WHERE run = ? AND status = 'succeeded'"
                " AND cluster_id IS NOT NULL AND run_seconds IS NOT NULL AND ended > 0 ORDER BY ended",
                one,
            ).fetchall():
                cluster_id: int = from_cell(key)
                if type(cluster_id) is not int or not 0 <= took < inf:
                    raise ValueError
                mean = seconds.setdefault(cluster_id, took)
                seconds[cluster_id] = moving_mean(mean, took)
    return seconds


def _columns(connection: sqlite3.Connection) -> str:
    """Return the columns of an outcome. Reading does not migrate a file of an earlier version, which may have fewer. For use in `wrap_errors`."""
    known = {name for _, name, *_ in connection.execute("PRAGMA table_info(refreshes)")}
    return ", ".join(name if name in known else "NULL" for name in OUTCOME_NAMES)


def _find(connection: sqlite3.Connection, path: Path, run_id: str) -> tuple[int, int]:
    """Return the numbers of a run and of its project in this file. Raises JournalError for an unknown run. For use in `wrap_errors`."""
    found = connection.execute("SELECT id, project FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    if found is None:
        raise JournalError(Message("journal-without-run", path=str(path), run_id=run_id))
    run, project = found
    return run, project

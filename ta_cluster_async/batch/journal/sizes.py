"""How many users clusters had after their latest successes, in a journal."""

from __future__ import annotations

from contextlib import closing
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from .rows import cell, from_cell, readable
from .schema import connect_to_read, wrap_errors

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_LOOKED_BACK = 50
# SQLite's own limit of parameters was 999 once.
_CHUNK = 500
_SIZES = (
    "SELECT key, users_num, refresh_time FROM refreshes WHERE run = ? AND status = 'succeeded'"
    " AND users_num IS NOT NULL AND key IN (%s)"
)


class PastSize(NamedTuple):
    """The size of a cluster after a success, and its refresh time as text."""

    users_num: int
    refresh_time: str | None


def sizes_before(
    connection: sqlite3.Connection, project: int, run: float, cluster_ids: Iterable[int], most: int
) -> dict[int, list[PastSize]]:
    """Return the latest sizes of these clusters in runs before this one, the newest first. For use in `wrap_errors` and `readable`."""
    runs = connection.execute(
        "SELECT id FROM runs WHERE project = ? AND id < ? ORDER BY id DESC LIMIT ?",
        (project, run, _LOOKED_BACK),
    ).fetchall()
    found: dict[int, list[PastSize]] = {one: [] for one in cluster_ids}
    open_ids = list(found)
    for (one,) in runs:
        for start in range(0, len(open_ids), _CHUNK):
            keys = [cell(key) for key in open_ids[start : start + _CHUNK]]
            sql = _SIZES % ", ".join("?" * len(keys))
            for key, users_num, refresh_time in connection.execute(sql, (one, *keys)).fetchall():
                count: int = from_cell(users_num)
                if type(count) is not int or type(refresh_time) not in (str, type(None)):
                    raise ValueError
                found[from_cell(key)].append(PastSize(count, refresh_time))
        open_ids = [key for key in open_ids if len(found[key]) < most]
    return found


def read_sizes(
    path: Path, base_url: str, project_id: int, cluster_ids: Sequence[int], most: int
) -> dict[int, list[PastSize]]:
    """Return the latest sizes of clusters in all runs of a project, the newest first. Raises JournalError. It blocks."""
    with closing(connect_to_read(path)) as connection, wrap_errors(path), readable(path):
        project = connection.execute(
            "SELECT id FROM projects WHERE base_url = ? AND project_id = ?", (base_url, project_id)
        ).fetchone()
        if project is None:
            return {one: [] for one in cluster_ids}
        return sizes_before(connection, project[0], inf, cluster_ids, most)

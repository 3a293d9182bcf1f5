"""What somebody was told last about a job, in a journal, so that each change is told once."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

from .rows import readable
from .schema import connect, transaction, wrap_errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FIND = (
    "SELECT off FROM notices JOIN projects ON projects.id = project"
    " WHERE base_url = ? AND project_id = ? AND job = ?"
)


def read_notice(path: Path, base_url: str, project_id: int, job: str) -> dict[str, str]:
    """Return what was off when somebody was told last; nothing where nobody was. It blocks.

    Raises:
        JournalError: The file cannot be read, or could not be written afterwards.
    """
    with closing(connect(path)) as connection, wrap_errors(path), readable(path):
        row = connection.execute(_FIND, (base_url, project_id, job)).fetchone()
        if row is None:
            return {}
        found: dict[str, str] = json.loads(row[0])
        # Another hand may have written it.
        if type(found) is not dict or set(map(type, found.values())) - {str}:
            raise ValueError
        return found


def write_notice(
    path: Path, base_url: str, project_id: int, job: str, off: Mapping[str, str], *, told_at: float
) -> None:
    """Keep what was off when somebody was told, in seconds since 1970. It blocks. Raises JournalError."""
    with closing(connect(path)) as connection, wrap_errors(path), transaction(connection):
        place = (base_url, project_id)
        connection.execute("INSERT OR IGNORE INTO projects (base_url, project_id) VALUES (?, ?)", place)
        connection.execute(
            "INSERT OR REPLACE INTO notices (project, job, off, told_at)"
            " SELECT id, ?, ?, ? FROM projects WHERE base_url = ? AND project_id = ?",
            (job, json.dumps(off), told_at, *place),
        )

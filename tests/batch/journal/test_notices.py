"""What somebody was told last is kept for each project and job."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.batch.journal.notices import read_notice, write_notice
from ta_cluster_async.errors import JournalError

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://ta2:8992"


def test_the_latest_is_kept_for_each_project_and_job(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    assert read_notice(path, URL, 1, "a") == {}
    write_notice(path, URL, 1, "a", {"970": "failed"}, told_at=5.0)
    write_notice(path, URL, 2, "a", {"分群": "stalled"}, told_at=6.0)
    write_notice(path, URL, 1, "b", {}, told_at=7.0)
    assert read_notice(path, URL, 1, "a") == {"970": "failed"}
    assert read_notice(path, URL, 2, "a") == {"分群": "stalled"}
    assert read_notice(path, URL, 1, "b") == {}
    write_notice(path, URL, 1, "a", {}, told_at=8.0)
    assert read_notice(path, URL, 1, "a") == {}


@pytest.mark.parametrize("text", ["[]", "{", '{"a": 1}', b"\xff"])
def test_what_another_program_has_written_is_damage(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "runs.db"
    write_notice(path, URL, 1, "a", {}, told_at=5.0)
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE notices SET off = ?", (text,))
        file.commit()
    with pytest.raises(JournalError):
        read_notice(path, URL, 1, "a")

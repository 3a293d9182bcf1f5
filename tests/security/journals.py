"""Journals that others have planted: each is refused before it is read, and nothing that it leads to is touched."""

from __future__ import annotations

import os
import sqlite3
import struct
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tests.batch.journal.journals import use

if TYPE_CHECKING:
    from collections.abc import Callable

    Plant = Callable[[Path], None]

_PAGE = 4096
_LEVELS = 8
_CHILDREN = 150


@cache
def _journal() -> bytes:
    """A journal of one run."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "runs.db")
        use(path)
        return path.read_bytes()


def _write_journal(path: Path) -> None:
    path.write_bytes(_journal())


def _changed(*statements: str) -> Plant:
    """A journal in which another program has executed these."""

    def plant(path: Path) -> None:
        _write_journal(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            for statement in statements:
                other.execute(statement)

    return plant


def _edited(old: str, new: str) -> Plant:
    """A journal with another text in the SQL of its tables."""

    def plant(path: Path) -> None:
        _write_journal(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA writable_schema = ON")
            changed = other.execute(
                "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE instr(sql, ?)", (old, new, old)
            )
            assert changed.rowcount

    return plant


def endless(path: Path) -> None:
    """An index of which each page refers 150 times to the next one: a few pages that hold 150 ** 8 rows."""
    _write_journal(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        (root,) = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ends'").fetchone()
    content = bytearray(path.read_bytes())
    count = len(content) // _PAGE
    leaf = content[(root - 1) * _PAGE : root * _PAGE]
    for level in range(1, _LEVELS):
        content += _node(count + level + 1)
    content += leaf
    content[(root - 1) * _PAGE : root * _PAGE] = _node(count + 1)
    content[28:32] = struct.pack(">I", count + _LEVELS)
    path.write_bytes(content)


def _node(child: int) -> bytes:
    """A page of the index `ends` with one child, over and over, as SQLite's file format has it."""
    record = bytes([5, 9, 9, 13 + 2 * len("succeeded"), 9]) + b"succeeded"  # run 1, ended 1, a status, row 1
    cell = struct.pack(">IB", child, len(record)) + record
    first = _PAGE - _CHILDREN * len(cell)
    header = struct.pack(">BHHHBI", 2, 0, _CHILDREN, first, 0, child)
    pointers = b"".join(struct.pack(">H", first + number * len(cell)) for number in range(_CHILDREN))
    return (header + pointers).ljust(first, b"\0") + cell * _CHILDREN


def _victim(path: Path) -> Path:
    """The file of somebody else that stays as it is."""
    return path.with_name("victim")


def _link_to_a_journal(path: Path) -> None:
    _write_journal(_victim(path))
    path.symlink_to(_victim(path))


def _link_to_a_file(path: Path) -> None:
    _victim(path).write_text("export PATH\n")
    path.symlink_to(_victim(path))


def _log_that_is_a_link(path: Path) -> None:
    _write_journal(path)
    _victim(path).write_text("export PATH\n")
    path.with_name(f"{path.name}-wal").symlink_to(_victim(path))


def _empty(path: Path) -> None:
    path.touch()
    path.chmod(0o644)


HOSTILE_JOURNALS: Final[dict[str, Plant]] = {
    "trigger": _changed(
        "CREATE TRIGGER t AFTER INSERT ON refreshes BEGIN UPDATE projects SET base_url = 'http://evil'; END"
    ),
    "trigger that ignores": _changed(
        "CREATE TRIGGER t BEFORE UPDATE ON runs BEGIN SELECT raise(IGNORE); END"
    ),
    "view": _changed("CREATE VIEW v AS SELECT * FROM runs"),
    "view without an end": _changed(
        "ALTER TABLE refreshes RENAME TO hidden",
        "CREATE VIEW refreshes AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x FROM r) SELECT x AS run, x AS status FROM r",
    ),
    "virtual table": _changed("CREATE VIRTUAL TABLE v USING rtree(id, x, y)"),
    "virtual table in its place": _changed(
        "ALTER TABLE refreshes RENAME TO hidden", "CREATE VIRTUAL TABLE refreshes USING rtree(id, x, y)"
    ),
    "another table": _changed("CREATE TABLE more (x)"),
    "statistics": _changed("ANALYZE"),
    "an index": _changed("CREATE INDEX i ON runs (abs(id))"),
    "no index": _changed("DROP INDEX one_running_run"),
    "a column more": _changed("ALTER TABLE runs ADD COLUMN more"),
    "a computed column": _changed("ALTER TABLE runs ADD COLUMN more AS (abs(id))"),
    "no table": _changed("DROP TABLE durations"),
    "a check": _edited("max_running INTEGER NOT NULL", "max_running INTEGER CHECK (id < 0)"),
    "a default": _edited("requests INTEGER NOT NULL DEFAULT 0", "requests INTEGER NOT NULL DEFAULT 1"),
    "a comment that hides": _edited("WHERE state = 'running'", "WHERE state = 'running--\n'"),
    "a version before the first": _changed("PRAGMA user_version = -1"),
    "the version of no tables": _changed("PRAGMA user_version = 0"),
    "an earlier version": _changed("PRAGMA user_version = 4"),
    "pages without an end": endless,
    "a link to a journal": _link_to_a_journal,
    "a link to a file": _link_to_a_file,
    "a link to nothing": lambda path: path.symlink_to(_victim(path)),
    "a log that is a link": _log_that_is_a_link,
    "a pipe": os.mkfifo,
    "an empty file of others": _empty,
}

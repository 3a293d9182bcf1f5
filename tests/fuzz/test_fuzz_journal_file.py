"""Journal files with any content are read or refused with a JournalError, and no file stays open."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ta_cluster_async.batch.journal.history import read_history
from ta_cluster_async.batch.journal.journal import Journal
from ta_cluster_async.batch.journal.process import Process
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import JournalError
from ta_cluster_async.models import RefreshTicket
from tests.fuzz.strategies import FEW_EXAMPLES

URL = "http://ta2:8992"
NOON = datetime(2020, 1, 10, 12, tzinfo=UTC)
HUGE = 10**30
MEMORY = Path("/dev/shm")  # a slow disk would only take time
TABLES = {
    "projects": "id base_url project_id",
    "runs": "id run_id project state started_at ended_at max_running requests makespan heartbeat_at owner lease_seconds held_since"
    " host machine pid process_start",
    "refreshes": "id run key ref state ticket attempts intended_at ended status cluster_id cluster_name message baseline_refresh_time"
    " refresh_time users_num progress queue_seconds run_seconds detect_seconds outcome_attempts settled_at",
    "durations": "project cluster_id seconds",
}
CELLS = [(table, column) for table, columns in TABLES.items() for column in columns.split()]


def ticket(cluster_id: int) -> RefreshTicket:
    return RefreshTicket(project_id=102, cluster_id=cluster_id, submitted_at=NOON)


async def open_journal(path: Path) -> Any:
    return await Journal(path, resume_within=1e9).open(base_url=URL, project_id=102, max_running=16)


async def _write(path: Path) -> None:
    for _ in range(2):
        held = await open_journal(path)
        for cluster_id in range(1, 4):
            await held.intend(ticket(cluster_id), cluster_id)
            held.submitted(cluster_id, ticket(cluster_id))
            held.finished(
                Outcome(
                    ref=cluster_id,
                    status=Status.SUCCEEDED,
                    cluster_id=cluster_id,
                    run_seconds=2.5,
                    ticket=ticket(cluster_id),
                )
            )
        held.finished(Outcome(ref="最近\ud800", status=Status.REJECTED, message="no such cluster"))
        await held.close(complete=True)
    held = await open_journal(path)
    await held.intend(ticket(4), "four")
    await held.intend(ticket(HUGE), HUGE)
    held.submitted(5, ticket(5))
    held.finished(Outcome(ref=6, status=Status.SKIPPED, cluster_id=6))
    await held.close(complete=False)


@cache
def valid_journal() -> bytes:
    """A journal with two complete runs and one that can be resumed."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "runs.db")
        run(_write(path))
        return path.read_bytes()


@contextmanager
def journal_of(content: bytes) -> Iterator[Path]:
    """Yield a file with this content, and check that neither it nor a file beside it stays open."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        path = Path(folder, "runs.db")
        path.write_bytes(content)
        yield path
        assert not open_files(folder)


def open_files(folder: str) -> list[str]:
    """Return the files in this folder that this process has open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own is closed by now
            found.append(str(descriptor.readlink()))
    return [name for name in found if name.startswith(folder)]


def read_all(path: Path) -> None:
    """Use everything that only reads."""
    journal = Journal(path)
    names = ["unknown"]
    with suppress(JournalError):
        for info in journal.runs():
            assert info.started_at.tzinfo is UTC
            names.append(info.run_id)
    for name in names:
        with suppress(JournalError):
            for outcome in journal.outcomes(name):
                # An outcome that was read can be part of a report and has the type of each field.
                assert Outcome.from_dict(json.loads(json.dumps(outcome.to_dict()))) == outcome
        with suppress(JournalError):
            assert all(seconds >= 0 for seconds in read_history(path, name).values())


async def resume(path: Path) -> None:
    """Use everything that a batch uses."""
    try:
        held = await open_journal(path)
    except JournalError:
        return
    ids = [1, 2, 3, 4, 5, 6, 7, HUGE]
    try:
        for query in (
            held.entries(ids),
            held.entries_by_name(["c_7", "nix"]),
            held.durations(ids),
        ):
            with suppress(JournalError):
                await query
        await held.intend(ticket(7), 7)
        held.finished(
            Outcome(ref=7, status=Status.SUCCEEDED, cluster_id=7, run_seconds=1.0, ticket=ticket(7))
        )
        await held.flush()
    except JournalError:
        pass
    finally:
        with suppress(JournalError):
            await held.close(complete=True, requests=3, makespan=1.0)


def use(path: Path) -> None:
    read_all(path)
    run(resume(path))
    read_all(path)


@FEW_EXAMPLES
@given(
    st.binary(max_size=60)
    | st.binary(max_size=200).map(b"SQLite format 3\0\x10\0\x02\x02\0\x40\x20\x20".__add__)
)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with journal_of(content) as path:
        use(path)


@FEW_EXAMPLES
@given(
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True) | st.integers(0, 400), st.binary(min_size=1, max_size=8)),
        min_size=1,
        max_size=6,
    ),
    st.none() | st.floats(0, 1),
)
@example([(0.09375, b"\x80")], None)
def test_a_journal_whose_bytes_were_changed_is_read_or_refused(changes: Any, cut: float | None) -> None:
    raw = bytearray(valid_journal())
    for place, fragment in changes:
        at = place if isinstance(place, int) else int(place * len(raw))
        raw[at : at + len(fragment)] = fragment
    if cut is not None:
        del raw[int(cut * len(raw)) :]
    with journal_of(bytes(raw)) as path:
        use(path)


cells = st.sampled_from(
    [
        None,
        0,
        1,
        -1,
        2**62,
        0.5,
        -1e300,
        1e300,
        float("inf"),
        "",
        "a",
        "1",
        "running",
        "finished",
        "succeeded",
        "2020-01-09 03:00:00",
        "0001-01-01T00:00:00+14:00",
        "24:00",
        "9" * 400,
        b"",
        b"\xff",
        b"[" * 900,
        b"[" * 5_000,
        b"1e400",
        b"NaN",
        b"9" * 5_000,
        b'"a"',
    ]
)


@FEW_EXAMPLES
@given(st.lists(st.tuples(st.sampled_from(CELLS), cells), min_size=1, max_size=3), st.booleans())
@example([(("runs", "started_at"), 1e300)], False)  # noqa: FBT003
@example([(("runs", "started_at"), "a")], False)  # noqa: FBT003
def test_a_journal_changed_by_another_program_is_read_or_refused(changes: Any, held: bool) -> None:  # noqa: FBT001
    here = Process.this()
    with journal_of(valid_journal()) as path:
        with closing(sqlite3.connect(path)) as other, other:
            if held:
                other.execute(
                    "UPDATE runs SET owner = 'x', lease_seconds = 30, held_since = 1, host = ?, machine = ?, pid = ?, process_start = ?",
                    (here.host, here.machine, here.pid, "1"),
                )
            for (table, column), value in changes:
                with suppress(sqlite3.Error):
                    other.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (value,))
        use(path)


@pytest.mark.parametrize(
    "statement",
    [
        *(f"DROP TABLE {table}" for table in TABLES),
        *(f"ALTER TABLE {table} RENAME COLUMN {column} TO other" for table, column in CELLS),
        "DROP INDEX one_running_run",
        "DELETE FROM projects",
        "DELETE FROM runs",
        "UPDATE refreshes SET message = CAST(x'ff' AS TEXT)",
        "UPDATE runs SET base_url = CAST(x'ff' AS TEXT)",
        "UPDATE runs SET run_id = CAST(x'ff' AS TEXT) WHERE id = 1",
        "CREATE TRIGGER t BEFORE UPDATE ON runs BEGIN SELECT raise(IGNORE); END",
        "CREATE TRIGGER t BEFORE INSERT ON refreshes BEGIN SELECT raise(FAIL, 'no'); END",
        "CREATE TRIGGER t BEFORE INSERT ON runs BEGIN SELECT raise(IGNORE); END",
    ],
)
def test_a_journal_with_other_tables_is_read_or_refused(statement: str) -> None:
    with journal_of(valid_journal()) as path:
        with closing(sqlite3.connect(path)) as other, other, suppress(sqlite3.OperationalError):
            other.execute(statement)
        use(path)

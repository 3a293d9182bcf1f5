"""Files that are no journal, are damaged, old, full or closed to us, and what is said about them before anything is sent."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from ta_cluster_async.batch.journal import schema as journal_schema
from ta_cluster_async.batch.journal.journal import Journal
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import JournalError
from tests.batch.journal.journals import URL, opened, refusal, ticket, use

if TYPE_CHECKING:
    from collections.abc import Iterator


NOBODY = 65534


def success(cluster_id: int) -> Outcome:
    return Outcome(ref=cluster_id, status=Status.SUCCEEDED, cluster_id=cluster_id, ticket=ticket(cluster_id))


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that other users can reach, which the folders of pytest are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    """Root may write everything, so that the tests of what may not be written are done as somebody else."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


# No journal


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    text = refusal(tmp_path / "nightly" / "runs.db")
    assert f"there is no folder {str(tmp_path / 'nightly')!r}. Create it" in text


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


def test_a_text_is_no_journal(path: Path) -> None:
    path.write_text("refs\n" * 1000)
    assert "is damaged, or is not a journal" in refusal(path)
    assert path.read_text() == "refs\n" * 1000


@pytest.mark.parametrize("version", [0, 2])
def test_the_database_of_something_else_is_left_alone(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE shop (item)")
        other.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    assert "database of something else" in refusal(path)
    with pytest.raises(JournalError) as caught:
        Journal(path).runs()
    assert f"The file {str(path)!r} is the database of something else" in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mark", ["user_version", "application_id"])
def test_a_database_that_is_only_marked_yet_is_left_alone_too(path: Path, mark: str) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA {mark} = 2")
    assert "database of something else" in refusal(path)


@pytest.mark.parametrize(
    ("mode", "owner", "is_taken"), [(0o600, 0, True), (0o604, 0, False), (0o640, 0, False), (0o600, 1, False)]
)
@pytest.mark.skipif(sys.platform == "win32", reason="there, files have no such mode")
def test_an_empty_file_becomes_a_journal_where_a_killed_process_can_have_left_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, owner: int, *, is_taken: bool
) -> None:
    path.touch()
    path.chmod(mode)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + owner)
    if is_taken:
        use(path)
        assert len(Journal(path).runs()) == 1
    else:
        assert "is empty and was not made by this user for a journal: remove the file" in refusal(path)
        assert path.read_bytes() == b""


def test_a_file_has_no_owner_on_windows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.touch(0o644)
    monkeypatch.setattr(journal_schema, "os", SimpleNamespace(name="nt"))
    assert journal_schema._is_private(path.stat())


# Damage


def test_a_file_that_was_cut_off_is_refused(path: Path) -> None:
    use(path, count=500)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    assert "is damaged" in refusal(path)


def test_a_damaged_page_is_found_before_it_is_needed(path: Path) -> None:
    use(path, count=500)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 4096 * 3)
        file.write(os.urandom(4096))
    assert "is damaged" in refusal(path)


def test_damage_is_told_by_the_readers_too(path: Path) -> None:
    use(path, count=500)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(bytes(4096))
    with pytest.raises(JournalError) as caught:
        Journal(path).runs()
    assert str(caught.value).startswith(f"The journal {str(path)!r} is damaged")


@pytest.mark.parametrize(
    ("code", "name", "said"),
    [
        (sqlite3.SQLITE_SCHEMA, "SQLITE_SCHEMA", "cannot be used (SQLITE_SCHEMA: oh): give another path"),
        (None, None, "cannot be used (OperationalError: oh): give another path"),
        (
            sqlite3.SQLITE_IOERR,
            "SQLITE_IOERR_READ",
            "could not be read or written (SQLITE_IOERR_READ): check",
        ),
        (sqlite3.SQLITE_IOERR | 1 << 8, None, "could not be read or written (OperationalError): check"),
    ],
)
def test_other_errors_are_told_by_the_name_that_sqlite_has_for_them(
    path: Path, code: int | None, name: str | None, said: str
) -> None:
    error = sqlite3.OperationalError("oh")
    if code is not None:
        error.sqlite_errorcode = code
    if name is not None:
        error.sqlite_errorname = name
    with pytest.raises(JournalError) as caught, journal_schema.wrap_errors(path):
        raise error
    assert str(caught.value).startswith(f"The journal {str(path)!r} {said}")


def test_a_message_of_sqlite_that_is_no_text_is_damage(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0")
    with pytest.raises(JournalError, match="is damaged"), journal_schema.wrap_errors(path):
        b"\xff".decode()


def test_found_damage_stands_in_the_traceback() -> None:
    class Damaged:
        def cursor(self) -> Damaged:
            return self

        def execute(self, _: str) -> Damaged:
            return self

        def fetchone(self) -> tuple[str]:
            return ("row 7 missing",)

        def set_progress_handler(self, *_: object) -> None: ...

    with pytest.raises(sqlite3.DatabaseError, match=r"^quick_check found damage$") as caught:
        journal_schema._check(cast("sqlite3.Connection", Damaged()))
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_CORRUPT


@pytest.mark.parametrize(
    ("code", "is_being_written", "is_read"),
    [
        (sqlite3.SQLITE_CANTOPEN, False, True),
        (sqlite3.SQLITE_READONLY, False, True),
        (sqlite3.SQLITE_CANTOPEN, True, False),
        (sqlite3.SQLITE_BUSY, False, False),
        (sqlite3.SQLITE_BUSY, True, False),
    ],
)
def test_a_file_in_a_folder_that_is_closed_to_us_is_read_unless_somebody_writes_to_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int, *, is_being_written: bool, is_read: bool
) -> None:
    use(path)
    tried: list[tuple[Path, bool]] = []
    read = journal_schema._connect_to_read

    def fail_first(path: Path, uri: str) -> sqlite3.Connection:
        tried.append((path, uri.endswith("immutable=1")))
        if len(tried) > 1:
            return read(path, uri)
        error = sqlite3.OperationalError("no")
        error.sqlite_errorcode = code
        raise error

    monkeypatch.setattr(journal_schema, "_connect_to_read", fail_first)
    if is_being_written:
        path.with_name(f"{path.name}-wal").touch()
    if is_read:
        assert len(Journal(path).runs()) == 1
    else:
        with pytest.raises(JournalError):
            Journal(path).runs()
    assert tried == [(path, False), (path, True)][: 1 + is_read]


@pytest.mark.parametrize(
    ("code", "fails", "naps"),
    [
        (sqlite3.SQLITE_BUSY, 0, 0),
        (sqlite3.SQLITE_BUSY, 3, 3),
        (sqlite3.SQLITE_BUSY, 5, 5),
        (sqlite3.SQLITE_BUSY, 6, 5),
        (sqlite3.SQLITE_READONLY, 1, 0),
    ],
)
def test_a_new_file_that_another_one_makes_ready_is_waited_for_and_no_other(
    monkeypatch: pytest.MonkeyPatch, code: int, fails: int, naps: int
) -> None:
    slept: list[float] = []

    class Refusing:
        def execute(self, _: str) -> None:
            if len(slept) < fails:
                error = sqlite3.OperationalError("no")
                error.sqlite_errorcode = code
                raise error

    # Of the two seconds that there are, each nap takes a half.
    clock = SimpleNamespace(monotonic=lambda: 0.5 * len(slept), sleep=slept.append)
    monkeypatch.setattr(journal_schema, "time", clock)
    connection = cast("sqlite3.Connection", Refusing())
    if naps == fails:
        journal_schema._set_wal(connection)
    else:
        with pytest.raises(sqlite3.OperationalError):
            journal_schema._set_wal(connection)
    assert slept == [0.01] * naps


@pytest.mark.parametrize("open_it", [journal_schema.connect, journal_schema.connect_to_read])
def test_connections_wait_for_others_and_begin_nothing_by_themselves(path: Path, open_it: Any) -> None:
    use(path)
    with closing(open_it(path)) as connection:
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (2_000,)
        assert connection.isolation_level is None


# Rights


def test_a_file_that_may_not_be_written_is_refused(shared_folder: Path) -> None:
    path = shared_folder / "runs.db"
    use(path)
    path.chmod(0o444)
    with an_ordinary_user():
        assert "cannot be written" in refusal(path)


def test_a_folder_that_may_not_be_written_gets_no_journal(shared_folder: Path) -> None:
    shared_folder.chmod(0o755)
    with an_ordinary_user():
        assert f"the folder {str(shared_folder)!r} is read-only" in refusal(shared_folder / "runs.db")


def test_a_journal_in_a_folder_that_may_not_be_written_is_refused(shared_folder: Path) -> None:
    path = shared_folder / "runs.db"
    use(path)
    path.chmod(0o666)
    shared_folder.chmod(0o555)
    with an_ordinary_user():
        assert "its folder" in refusal(path)


def test_a_journal_that_may_only_be_read_is_read(shared_folder: Path) -> None:
    path = shared_folder / "runs.db"
    use(path, count=3)
    path.chmod(0o444)
    shared_folder.chmod(0o555)
    with an_ordinary_user():
        (info,) = Journal(path).runs()
        assert len(list(Journal(path).outcomes(info.run_id))) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="there, files have no such mode")
@pytest.mark.parametrize("umask", [0o077, 0o022, 0])
def test_the_file_is_readable_for_its_owner_alone_whatever_the_umask_is(path: Path, umask: int) -> None:
    async def main() -> set[int]:
        held = await opened(path)
        await held.intend(ticket(), 970)
        modes = {one.stat().st_mode & 0o777 for one in path.parent.iterdir()}
        assert len(list(path.parent.iterdir())) == 3
        await held.close(complete=True)
        return modes

    before = os.umask(umask)
    try:
        assert run(main()) == {0o600}
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="there, files have no such mode")
def test_a_file_that_its_owner_has_opened_for_others_stays_so(path: Path) -> None:
    use(path)
    path.chmod(0o640)
    use(path)
    assert path.stat().st_mode & 0o777 == 0o640


# Place


def test_the_folder_holds_one_file_after_a_run(path: Path, tmp_path: Path) -> None:
    use(path)
    Journal(path).runs()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a?mode=memory.db", "50% #1.db", "日志 'x'.db", "-wal"])
def test_any_name_of_a_file_will_do(tmp_path: Path, name: str) -> None:
    use(tmp_path / name)
    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert len(Journal(str(tmp_path / name)).runs()) == 1


def test_a_relative_path_is_one_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    use("runs.db")
    assert (tmp_path / "runs.db").exists()


def test_a_relative_path_stays_the_same_file_when_the_working_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.chdir(tmp_path)
        held = await opened("runs.db")
        monkeypatch.chdir("/")
        await held.intend(ticket(), 970)
        await held.close(complete=False)

    run(main())


def test_to_read_makes_no_file(path: Path) -> None:
    with pytest.raises(JournalError, match="There is no journal at"):
        Journal(path).runs()
    with pytest.raises(JournalError, match="There is no journal at"):
        next(Journal(path).outcomes("monday"))
    assert not path.exists()


def test_a_file_without_a_run_is_called_empty(path: Path) -> None:
    path.touch(0o600)
    with pytest.raises(JournalError, match=r"^The journal '.*runs\.db' is empty: no run"):
        Journal(path).runs()


def test_a_new_file_may_be_opened_by_several_at_once(path: Path) -> None:
    errors: list[BaseException] = []
    together = threading.Barrier(6)

    def runner(project_id: int) -> None:
        async def main() -> None:
            together.wait()
            held = await Journal(path).open(base_url=URL, project_id=project_id, max_running=1)
            await held.intend(ticket(), 970)
            await held.close(complete=True)

        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=runner, args=(project_id,)) for project_id in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [info.state for info in Journal(path).runs()] == ["complete"] * 6


def test_a_locked_file_is_told_when_it_is_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_schema, "BUSY_SECONDS", 0.02)
    for _ in range(
        2
    ):  # after which the tables of this version are known, which takes a connection of its own
        use(path)
    connect, timeouts = sqlite3.connect, []

    def spy(*args: Any, **settings: Any) -> Any:
        timeouts.append(settings["timeout"])
        return connect(*args, **settings)

    with closing(connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(sqlite3, "connect", spy)
        assert "locked by another process" in refusal(path)
    assert set(timeouts) == {0.02}

"""Who may work on a project: one at a time, and the next one as soon as the last is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from ta_cluster_async.batch.journal.journal import Journal
from ta_cluster_async.batch.journal.process import Process
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import JournalBusy, JournalError
from tests.batch.journal.journals import URL, linux, ticket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ta_cluster_async.batch.journal.journal import Entry, RunJournal

START = 1_600_000_000.0


class Clock:
    """A wall clock that stands where it is put."""

    now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def opened(journal: Journal, base_url: str = URL, project_id: int = 102) -> RunJournal:
    return await journal.open(base_url=base_url, project_id=project_id, max_running=16)


async def refused(journal: Journal) -> JournalBusy:
    with pytest.raises(JournalBusy) as caught:
        await opened(journal)
    return caught.value


def test_a_second_runner_is_told_who_holds_the_project(journal: Journal, clock: Clock) -> None:
    async def main() -> tuple[str, JournalBusy]:
        held = await opened(journal)
        clock.now += 10
        error = await refused(journal)
        await held.close(complete=False)
        return held.run_id, error

    run_id, error = run(main())
    me = str(Process.this())
    assert error.holder == me
    assert error.expires_in == 20.0
    assert f"{me} (this process itself), which holds run {run_id} since 2020-09-13 12:26:40 UTC" in str(error)
    assert "project 102 of http://ta2:8992" in str(error)
    assert "expires in 20 seconds" in str(error)
    assert "runs.db" in str(error)


def test_the_one_who_was_refused_leaves_the_holder_alone(journal: Journal) -> None:
    async def main() -> None:
        held = await opened(journal)
        await refused(journal)
        await held.intend(ticket(), 970)
        await held.close(complete=True)

    run(main())
    assert [info.state for info in journal.runs()] == ["complete"]


@pytest.mark.parametrize("place", [{"project_id": 103}, {"base_url": "http://other:8992"}])
def test_other_projects_in_the_same_file_run_at_once(journal: Journal, place: Any) -> None:
    async def main() -> None:
        first, second = await opened(journal), await opened(journal, **place)
        await first.intend(ticket(), 970)
        await second.intend(ticket(), 970)
        await first.close(complete=False)
        await second.close(complete=False)

    run(main())
    assert [info.unfinished for info in journal.runs()] == [1, 1]


@pytest.mark.parametrize("closing", [{"complete": True}, {"complete": False}])
def test_a_closed_run_is_free_at_once(journal: Journal, closing: dict[str, bool]) -> None:
    async def main() -> None:
        for _ in range(2):
            held = await opened(journal)
            await held.close(complete=closing["complete"])

    run(main())


def test_a_silent_runner_may_be_replaced_when_its_lease_is_over(journal: Journal, clock: Clock) -> None:
    async def main() -> None:
        first = await opened(journal)
        clock.now += 30.0
        await refused(journal)
        clock.now += 0.1
        second = await opened(journal)
        assert second.resumed
        await second.close(complete=True)
        with pytest.raises(JournalBusy, match="has ended since"):
            await first.close(complete=True)

    run(main())


def test_the_time_that_the_holder_chose_counts(path: Path, clock: Clock) -> None:
    async def main() -> float:
        first = await opened(Journal(path, clock=clock, lease_seconds=600.0))
        clock.now += 60
        error = await refused(Journal(path, clock=clock, lease_seconds=1.0))
        await first.close(complete=False)
        return error.expires_in

    assert run(main()) == 540.0


def test_one_who_was_replaced_can_write_nothing_any_more(journal: Journal, clock: Clock) -> None:
    async def main() -> tuple[JournalBusy, dict[int, Entry]]:
        first = await opened(journal)
        clock.now += 31
        second = await opened(journal)
        with pytest.raises(JournalBusy, match="taken over by") as caught:
            await first.intend(ticket(970), 970)
        first.finished(Outcome(ref=971, status=Status.SUCCEEDED, cluster_id=971))
        with pytest.raises(JournalBusy):
            await first.flush()
        assert first._store._unwritten == [], "nor is it kept for later"
        with pytest.raises(JournalBusy):
            await first.close(complete=True)
        seen = await second.entries([970, 971])
        await second.intend(ticket(972), 972)
        await second.close(complete=False)
        return caught.value, seen

    error, seen = run(main())
    [info] = journal.runs()
    me = str(Process.this())
    assert (error.holder, error.expires_in) == (me, 30.0)
    assert error.message.endswith(
        f"has been taken over by {me} (this process itself), which holds run {info.run_id} since 2020-09-13 12:27:11 UTC."
    )
    assert seen == {}
    assert [info.state for info in journal.runs()] == ["running"]


def test_one_who_was_replaced_is_told_so_also_when_the_other_has_ended(
    journal: Journal, clock: Clock
) -> None:
    async def main() -> JournalBusy:
        first = await opened(journal)
        clock.now += 31
        await (await opened(journal)).close(complete=True)
        with pytest.raises(JournalBusy) as caught:
            await first.intend(ticket(970), 970)
        with pytest.raises(JournalBusy):
            await first.close(complete=True)
        return caught.value

    error = run(main())
    assert (error.holder, error.expires_in) == ("", 0.0)
    assert error.message.endswith("has been taken over by another runner, which has ended since.")
    assert "no sign of life for more than 30 seconds, and project 102 of http://ta2:8992" in str(error)


def test_one_who_was_silent_and_was_not_replaced_goes_on(journal: Journal, clock: Clock) -> None:
    async def main() -> None:
        held = await opened(journal)
        clock.now += 3600
        await held.intend(ticket(), 970)
        await refused(journal)
        await held.close(complete=False)

    run(main())


def test_the_heartbeat_keeps_the_lease_while_nothing_happens(path: Path) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        journal = Journal(path, clock=lambda: START + loop.time())
        held = await opened(journal)
        for _ in range(20):
            await asyncio.sleep(177.7)
            assert (await refused(journal)).expires_in > 20
        await held.close(complete=False)

    run(main())


def test_the_heartbeat_follows_the_wall_clock_and_writes_nothing_in_virtual_time(path: Path) -> None:
    async def main() -> bool:
        loop = asyncio.get_running_loop()
        held = await opened(Journal(path, clock=lambda: START + loop.time() / 1e6))
        other = sqlite3.connect(path)
        before = other.execute("PRAGMA data_version").fetchone()
        await asyncio.sleep(24 * 3600)
        after = other.execute("PRAGMA data_version").fetchone()
        other.close()
        await held.close(complete=False)
        return bool(before == after)

    assert run(main())


@pytest.mark.parametrize(("ago", "beats"), [(0.0, 0), (4.9, 0), (5.0, 1), (-1.0, 1)])
def test_a_commit_of_late_is_sign_of_life_enough_unless_the_wall_clock_was_set_back(
    journal: Journal, clock: Clock, ago: float, beats: int
) -> None:
    async def main() -> int:
        held = await opened(evolve(journal, lease_seconds=40.0))
        given: list[int] = []
        held._writer.beat = lambda: given.append(1)  # type: ignore[method-assign]
        held._store.renewed_at = clock.now - ago
        held._timer.cancel()
        held._beat()
        await held.close(complete=False)
        return len(given)

    assert run(main()) == beats


def test_a_sign_of_life_is_due_four_times_in_a_lease(path: Path) -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        held = await opened(Journal(path, lease_seconds=40.0, clock=lambda: START + loop.time()))
        given: list[float] = []
        held._writer.beat = lambda: given.append(loop.time())  # type: ignore[method-assign]
        await asyncio.sleep(45.0)
        await held.close(complete=False)
        return given

    assert run(main()) == [10.0, 20.0, 30.0, 40.0]


# Other processes

HOLD = f"""
import asyncio, sys
from ta_cluster_async.batch.journal import process
from ta_cluster_async.batch.journal.journal import Journal

async def main():
    held = await Journal(sys.argv[1]).open(base_url={URL!r}, project_id=102, max_running=1)
    print(held.run_id, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await held.close(complete=False)

asyncio.run(main())
"""


@contextmanager
def another_process(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert child.stdout is not None
        yield child, child.stdout.readline().strip()
    finally:
        child.kill()
        child.communicate()


def open_and_close(journal: Journal) -> tuple[str, bool]:
    async def main() -> tuple[str, bool]:
        held = await opened(journal)
        await held.close(complete=False)
        return held.run_id, held.resumed

    return run(main())


@linux
def test_another_process_holds_the_project_while_it_lives_and_not_when_it_was_killed(path: Path) -> None:
    journal = Journal(path)
    with another_process(path) as (child, run_id):
        error = run(refused(journal))
        assert error.holder.endswith(f":{child.pid}")
        assert f":{child.pid}, which holds run {run_id} since " in str(error)
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        # Nobody has asked for its exit status, so that it is still in the process table.
        assert open_and_close(journal) == (run_id, True)


def test_a_dead_holder_is_named_when_it_cannot_be_told_dead(journal: Journal, path: Path) -> None:
    open_and_close(journal)
    with sqlite3.connect(path) as other:
        other.execute(
            "UPDATE runs SET owner = 'x', host = 'db1', pid = 4711, machine = 'm', heartbeat_at = ?",
            (START - 5,),
        )
    other.close()
    error = run(refused(journal))
    assert (error.holder, error.expires_in) == ("db1:4711", 25.0)
    assert isinstance(error, JournalError)

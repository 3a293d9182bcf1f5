"""A small run of `benchmarks.leaks`: few calls, sessions and clusters leave nothing behind either."""

import asyncio

import pytest

from benchmarks.leaks import Leaks, Resources, calls, leaks_of, leaks_of_batch, sessions
from benchmarks.serving import serving


@pytest.fixture(scope="module")
def server():
    with serving(faults=0.05, stall=0.02, clusters=40) as server:
        yield server


def missed(left):
    return [row.what for row in left.rows("") if not row.held]


def test_calls_of_all_kinds_leave_nothing_behind(server):
    left = leaks_of(lambda: calls(server, 200))
    # What so few calls leave in caches is more than what a small leak would: memory is the benchmark's.
    assert (left.files, left.threads, left.tasks) == (0, 0, 0)
    done = {effect.kind for effect in server.records().applied}
    assert done == {"created", "updated", "deleted", "refreshed", "uploaded"}


def test_sessions_that_come_and_go_leave_nothing_behind(server):
    left = leaks_of(lambda: sessions(server, 40))
    assert (left.files, left.threads, left.tasks) == (0, 0, 0)


@pytest.mark.parametrize("with_journal", [False, True])
def test_a_batch_leaves_nothing_behind(with_journal):
    assert missed(leaks_of_batch(1_000, with_journal=with_journal)) == []


def test_what_is_left_behind_is_found(tmp_path):
    """One of each kind."""
    kept: list[object] = []

    async def leaky():
        before = Resources.now()
        kept.append((tmp_path / "left").open("w"))
        kept.append(bytearray(100_000))
        task = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        kept.append(task)
        return before, Resources.now()

    left = leaks_of(leaky)
    kept[0].close()  # type: ignore[attr-defined]
    assert (left.files, left.tasks, left.memory >= 100_000) == (1, 1, True)
    assert len(missed(left)) == 3


def test_a_thread_that_is_left_behind_is_missed():
    assert missed(Leaks(files=0, threads=1, tasks=0, memory=0)) == [": threads left"]
    assert missed(Leaks(files=0, threads=0, tasks=0, memory=0, each=500.0)) == [
        ": traced memory for each, while it runs"
    ]

"""The small parts of the batch by themselves: rows, the order of pages, parts of a source, and the pool's end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, cast

import pytest

from ta_cluster_async.batch.chunks import Chunks
from ta_cluster_async.batch.listing import read_row, state_of
from ta_cluster_async.batch.lookup import _outward
from ta_cluster_async.batch.workers import work_all
from ta_cluster_async.client.signal import Signal
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import SchemaError
from ta_cluster_async.models import ClusterDetail, json_type
from ta_cluster_async.models.converter import structure

ROW: Any = {"id": 970, "clusterName": "one", "progress": 100, "refreshTime": "2020-01-10 10:51:14"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", None),
        ("id", "970"),
        ("id", True),
        ("clusterName", None),
        ("clusterName", 970),
        ("progress", None),
        ("progress", -2),
        ("progress", 101),
        ("progress", 1.0),
        ("refreshTime", "soon"),
        ("refreshTime", 1578624674),
    ],
)
def test_a_row_that_cannot_be_read_names_its_field(key: str, value: Any) -> None:
    assert read_row(ROW).cluster_id == 970
    with pytest.raises(SchemaError) as caught:
        read_row(ROW | {key: value})
    assert caught.value.path == f"data.userClusters[].{key}"
    assert caught.value.message.startswith(f"data.userClusters[].{key} must be a")
    assert caught.value.message.endswith(f", not {json_type(value)}.")
    assert "soon" not in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("id", 0), ("id", -970), ("progress", 101), ("progress", -2)])
def test_a_detail_that_cannot_be_names_its_field(key: str, value: int) -> None:
    detail: Any = ROW | {
        "clusterType": "cluster_by_static_condition",
        "displayName": "x",
        "projectId": 1,
        "usersNum": 7,
    }
    refreshed = datetime(2020, 1, 10, 10, 51, 14)  # noqa: DTZ001 - server times have no zone
    assert state_of(structure(ClusterDetail, detail)) == (970, "one", 100, refreshed, 7)
    with pytest.raises(SchemaError) as caught:
        state_of(structure(ClusterDetail, detail | {key: value}))
    assert caught.value.path == f"data.{key}"


@pytest.mark.parametrize(
    ("pages", "cursor", "order"),
    [
        (1, 1, [1]),
        (4, 1, [1, 2, 3, 4]),
        (4, 4, [4, 3, 2, 1]),
        (5, 3, [3, 4, 2, 5, 1]),
        (5, 4, [4, 5, 3, 2, 1]),
        (5, 2, [2, 3, 1, 4, 5]),
    ],
)
def test_pages_are_sought_from_the_latest_find_outward(pages: int, cursor: int, order: list[int]) -> None:
    class View:
        def __init__(self) -> None:
            self.pages, self.cursor = pages, cursor

    assert list(_outward(cast("Any", View()))) == order


# Parts of a source


async def numbers(count: int, log: list[int]) -> AsyncIterator[int]:
    for number in range(count):
        log.append(number)
        yield number


def test_an_asynchronous_source_is_read_no_further_ahead_than_one_part() -> None:
    async def main() -> Any:
        log: list[int] = []
        changed = Signal()
        parts = Chunks(numbers(8, log), 3, changed, lambda: False)
        reading = asyncio.create_task(parts.read())
        seen = []
        while part := await parts.next():
            await asyncio.sleep(1)
            seen.append((part, len(log)))
        await reading
        return seen

    assert run(main()) == [([0, 1, 2], 6), ([3, 4, 5], 8), ([6, 7], 8)]


def test_what_was_read_of_a_source_and_not_taken_is_the_rest() -> None:
    async def main() -> Any:
        parts = Chunks(numbers(8, []), 3, Signal(), lambda: False)
        reading = asyncio.create_task(parts.read())
        await asyncio.sleep(1)
        parts.close()
        await reading
        return list(parts.rest()), list(parts.rest())

    assert run(main()) == ([[0, 1, 2]], [])


# The pool's end


async def endless(log: list[Any], *, stubborn: bool = False) -> AsyncIterator[int]:
    """A number at once and no other for a long time; a stubborn one gives another when it is cancelled."""
    yield 0
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        log.append("cancelled")
        if not stubborn:
            raise
        yield 1


def cancellations() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_source_is_waited_for_no_longer_when_there_is_enough(*, stubborn: bool) -> None:
    async def main() -> Any:
        log: list[Any] = []

        async def work(number: int, item: int) -> bool:
            await asyncio.sleep(5)
            log.append((number, item))
            return False

        await work_all(endless(log, stubborn=stubborn), work, 3)
        return log, asyncio.get_running_loop().time(), cancellations()

    assert run(main()) == ([(0, 0), "cancelled"], 5.0, 0)


def test_who_is_cancelled_while_the_pool_waits_for_a_source_is_cancelled() -> None:
    async def main() -> Any:
        log: list[Any] = []

        async def work(number: int, item: int) -> bool:
            log.append((number, item))
            return True

        pool = asyncio.create_task(work_all(endless(log), work, 2))
        await asyncio.sleep(7)
        pool.cancel()
        await asyncio.wait([pool])
        return log, pool.cancelled(), asyncio.get_running_loop().time()

    assert run(main()) == ([(0, 0), "cancelled"], True, 7.0)


def test_several_may_find_at_the_same_time_that_there_is_enough() -> None:
    async def main() -> Any:
        done: list[int] = []

        async def work(number: int, item: int) -> bool:
            await asyncio.sleep(1)
            done.append(item)
            return False

        await work_all(numbers(10, []), work, 3)
        return done

    assert run(main()) == [0, 1, 2]

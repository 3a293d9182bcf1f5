"""References as they come, from every kind of source."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ta_cluster_async.batch import (
    Finished,
    RefreshBatch,
    Status,
    planner,
)
from ta_cluster_async.batch.chunks import Chunks
from ta_cluster_async.client.signal import Signal
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.session import TaSession


async def numbers(count: int, log: list[int]) -> AsyncIterator[int]:
    for number in range(count):
        log.append(number)
        yield number


def test_an_asynchronous_source_is_read_no_further_ahead_than_one_chunk() -> None:
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


def test_a_stream_that_dawdles_holds_up_nothing(kit: Any) -> None:
    server = kit.Deployment()
    server.add(4)

    async def refs() -> Any:
        for ref in range(1, 5):
            yield ref
            await asyncio.sleep(100)

    told = kit.tell(server, refs)
    ends = [event.at for event in told.of(Finished)]
    assert told.report.counts == {Status.SUCCEEDED: 4}
    assert all(100 * n < end < 100 * n + 15 for n, end in enumerate(ends))


@pytest.mark.parametrize("why", ["deadline", "failure", "cancel", "token"])
def test_a_stream_that_never_ends_does_not_outlive_the_batch(kit: Any, why: str) -> None:
    server = kit.Deployment()
    server.add(3, seconds=5.0)
    server.add(1, fails=why == "failure", seconds=5.0)
    if why == "token":
        server.rule = lambda ask: kit.REJECTED if ask.at > 10 else None
    closed = []

    async def refs() -> Any:
        try:
            for ref in range(1, 5):
                yield ref
            if why == "token":
                await asyncio.sleep(20)
                yield 99
            await asyncio.sleep(1e9)
        finally:
            closed.append(True)

    told = kit.tell(
        server,
        refs,
        on_error="stop",
        timeout=40.0 if why == "deadline" else None,
        at={30.0: RefreshBatch.cancel} if why == "cancel" else None,
    )
    assert told.report.stopped
    assert not told.report.ok
    assert told.report.total == (5 if why == "token" else 4)
    assert told.seconds < 45
    assert closed == [True]


def test_a_source_that_breaks_ends_the_batch_with_its_error(kit: Any) -> None:
    server = kit.Deployment()
    server.add(6, seconds=1_000.0)

    async def refs() -> Any:
        for ref in range(1, 6):
            yield ref
        await asyncio.sleep(10)
        raise KeyError("the source is broken")

    told = kit.tell(server, refs, max_running=3)
    assert isinstance(told.error, KeyError)
    assert told.report.stopped
    assert told.report.counts == {Status.CANCELLED: 5}
    assert sum(outcome.ticket is not None for outcome in told.report.outcomes) == 3


def test_an_iterator_that_breaks_at_once_comes_out_as_it_is(kit: Any) -> None:
    broken = (1 // zero for zero in (0,))
    assert isinstance(kit.tell(kit.Deployment(), broken).error, ZeroDivisionError)


def test_a_source_that_was_cancelled_by_itself_is_not_taken_for_the_end(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)

    async def refs() -> Any:
        yield 1
        await asyncio.sleep(30)
        raise asyncio.CancelledError

    async def main() -> RefreshBatch:
        async with TaSession("http://127.0.0.1", "secret-token", transport=server) as ta:
            batch = RefreshBatch(ta.project(1), refs())
            with pytest.raises(asyncio.CancelledError):
                async with batch:
                    pass
        return batch

    assert run(main()).report.stopped


def test_a_lazy_iterator_is_read_only_as_far_as_is_needed(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "_WINDOW", 40)
    server = kit.Deployment()
    server.add(1_000, seconds=50.0)
    read = 0

    def refs() -> Any:
        nonlocal read
        for ref in range(1, 1_001):
            read = ref
            yield ref

    told = kit.tell(server, refs(), max_running=10, at={60.0: RefreshBatch.cancel})
    assert read <= 80
    assert told.report.total == read, "what was read has an outcome"


def test_a_collection_has_outcomes_for_all_its_references_when_the_batch_is_cancelled(
    kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "_WINDOW", 40)
    server = kit.Deployment()
    server.add(300, seconds=50.0)
    for second in (0.0, 0.01, 30.0):
        told = kit.tell(server, [*range(1, 301), "c_7", None], at={second: RefreshBatch.cancel})
        assert told.report.total in (301, 302), "before its name was looked up, nobody knows who c_7 is"
        assert told.report.stopped

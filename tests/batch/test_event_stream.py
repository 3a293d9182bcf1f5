"""Events and their consumers."""

import asyncio
from typing import Any

import pytest

from ta_cluster_async.batch import (
    Finished,
    RefreshBatch,
    RefreshReport,
    Status,
    Submitted,
    refresh_all,
)
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.session import TaSession


def session(server: Any) -> TaSession:
    return TaSession("http://127.0.0.1", "secret-token", transport=server)


def test_the_events_may_be_held_as_an_iterator(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)

    async def main() -> Any:
        async with session(server) as ta, RefreshBatch(ta.project(1), [1, 2]) as batch:
            events = aiter(batch)
            first = await anext(events)
            return [first, *[event async for event in events]], batch

    events, batch = run(main())
    assert len({id(event) for event in events}) == len(events) > 5
    assert batch.report.ok


def test_leaving_the_block_waits_for_the_rest(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, seconds=30.0)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            async with RefreshBatch(ta.project(1), range(1, 11), max_running=2) as batch:
                async for event in batch:
                    if isinstance(event, Finished):
                        break
                assert 0 < batch.report.total < 10, "before the end it tells how things stand"
            return batch.report

    assert run(main()).counts == {Status.SUCCEEDED: 10}


def test_a_consumer_that_hears_nothing_and_leaves_is_not_waited_for(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1_500, seconds=0.2)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            batch = RefreshBatch(ta.project(1), range(1, 1_501), max_running=1_000)
            async with batch:
                await asyncio.sleep(600)
                assert 0 < batch.report.total < 1_500, "it waits for whoever is to hear of it"
            return batch.report

    assert run(main()).counts == {Status.SUCCEEDED: 1_500}


def test_a_slow_consumer_hears_of_everything_that_matters(kit: Any) -> None:
    server = kit.Deployment()
    server.add(700, seconds=5.0)

    async def listen(event: Any) -> None:
        del event
        await asyncio.sleep(0.5)

    told = kit.tell(server, range(1, 701), max_running=300, listen=listen)
    assert told.report.counts == {Status.SUCCEEDED: 700}
    assert len(told.of(Submitted)) == len(told.of(Finished)) == 700


def test_nobody_has_to_listen(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1_500, seconds=1.0)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            return await refresh_all(ta.project(1), range(1, 1_501), max_running=1_000)

    assert run(main()).counts == {Status.SUCCEEDED: 1_500}


@pytest.mark.parametrize("is_async", [False, True])
def test_on_event_hears_each_event_in_order(kit: Any, *, is_async: bool) -> None:
    server = kit.Deployment()
    server.add(5)
    heard: list[Any] = []

    async def later(event: Any) -> None:
        await asyncio.sleep(0.1)
        heard.append(event)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            on_event = later if is_async else heard.append
            return await refresh_all(ta.project(1), range(1, 6), on_event=on_event)

    report = run(main())
    assert [event.outcome for event in heard if isinstance(event, Finished)] == list(report.outcomes)
    assert [event.at for event in heard] == sorted(event.at for event in heard)


@pytest.mark.parametrize("where", ["on_event", "consumer", "block"])
def test_what_a_consumer_raises_comes_out_as_it_is_and_starts_nothing_more(kit: Any, where: str) -> None:
    server = kit.Deployment()
    server.add(20, seconds=10.0)

    def fail(event: Any) -> None:
        if isinstance(event, Finished):
            raise OSError("the consumer is broken")

    async def main() -> None:
        async with session(server) as ta:
            if where == "on_event":
                await refresh_all(ta.project(1), range(1, 21), max_running=2, on_event=fail)
            async with RefreshBatch(ta.project(1), range(1, 21), max_running=2) as batch:
                if where == "block":
                    await asyncio.sleep(15)
                    raise OSError("the consumer is broken")
                async for event in batch:
                    fail(event)

    with pytest.raises(OSError, match="broken") as caught:
        run(main())
    assert type(caught.value) is OSError
    assert len(server.posts) <= 4

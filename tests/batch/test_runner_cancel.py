"""Cancelling a batch at any await."""

import asyncio
import random
from typing import Any

import anyio
import pytest

from ta_cluster_async.batch import (
    Planned,
    RefreshBatch,
    RefreshReport,
    Status,
    Submitted,
    refresh_all,
)
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.models import RefreshTicket
from ta_cluster_async.session import TaSession


def session(server: Any) -> TaSession:
    return TaSession("http://127.0.0.1", "secret-token", transport=server)


async def _cancelled(
    server: Any, refs: Any, how: str, second: float, **options: Any
) -> tuple[RefreshReport, float]:
    """Cancel a batch in one of three ways. Returns its report, and how long it took to end."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    batches: list[RefreshBatch] = []

    async def all_of_it() -> None:
        async with session(server) as ta:
            batches.append(RefreshBatch(ta.project(1), refs, **options))
            if how == "batch":
                loop.call_later(second, batches[0].cancel)
            async with batches[0]:
                async for _ in batches[0]:
                    pass

    if how == "batch":
        await all_of_it()
    elif how == "scope":
        with anyio.CancelScope() as scope:
            loop.call_later(second, scope.cancel)
            await all_of_it()
    else:
        task = asyncio.create_task(all_of_it())
        loop.call_later(second, task.cancel)
        await asyncio.wait([task])
    took = loop.time() - began - second
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert server.reading == 0
    sent = len(server.asks)
    await asyncio.sleep(100)
    assert len(server.asks) == sent
    return batches[0].report, took


def test_a_cancelled_batch_says_what_goes_on(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=100.0)
    told = kit.tell(server, range(1, 21), max_running=4, at={150.0: RefreshBatch.cancel})
    assert told.error is None
    assert told.seconds <= 151
    assert told.report.counts == {Status.SUCCEEDED: 4, Status.CANCELLED: 16}
    assert "cancelled" in told.report.stopped
    assert not told.report.ok
    tickets = [outcome.ticket for outcome in told.report.outcomes if outcome.status is Status.CANCELLED]
    assert [ticket.cluster_id for ticket in tickets if ticket] == [5, 6, 7, 8]
    assert set(server.posts) == set(range(1, 9))


def test_a_batch_that_is_cancelled_before_it_begins_ends_at_once(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            batch = RefreshBatch(ta.project(1), [1, 2, 3])
            batch.cancel()
            async with batch:
                assert [event async for event in batch if isinstance(event, Planned)] == []
            early = RefreshBatch(ta.project(1), [1, 2, 3])
            async with early:
                early.cancel()  # before its task had its first turn
                async for _ in early:
                    pass
            assert early.report.counts == batch.report.counts
            return batch.report

    assert run(main()).counts == {Status.CANCELLED: 3}
    assert server.asks == []


@pytest.mark.parametrize("chunk", range(4))
@pytest.mark.parametrize("how", ["task", "scope", "batch"])
def test_a_cancellation_at_any_await_ends_within_a_second_and_loses_nothing(
    kit: Any, how: str, chunk: int, tmp_path: Any
) -> None:
    """At random instants, some of them in the middle of a POST, with a server that is slow or gone."""
    for seed in range(chunk, 60, 4):
        rng = random.Random(seed)
        latency = rng.choice([0.0, 0.02, 3.0])
        server = kit.Deployment(latency=latency, rate=rng.choice([None, 3]))
        server.add(30, seconds=rng.choice([1.0, 30.0, 1_000.0]))
        if rng.random() < 0.3:
            server.down = [(rng.uniform(0, 20), 1e9)]
        second = rng.choice([0.0, 0.01, rng.uniform(0, 1), rng.uniform(0, 60)])
        journal = tmp_path / f"{seed}.db" if rng.random() < 0.2 else None
        refs = [*range(1, 20), *(f"c_{i}" for i in range(20, 31))]
        order = rng.choice(["given", "longest_first"])
        report, took = run(_cancelled(server, refs, how, second, journal=journal, order=order, max_running=7))
        if not report.stopped:
            continue  # it had ended before
        assert took <= 1.0
        assert report.total == 30, f"seed {seed}"
        by_id = {outcome.cluster_id: outcome for outcome in report.outcomes}
        for cluster_id in server.posts:
            outcome = by_id[cluster_id]
            assert outcome.ok or outcome.ticket, "what may go on has a ticket"
        for outcome in report.outcomes:
            if outcome.attempts and outcome.status is Status.CANCELLED:
                assert outcome.ticket
            if outcome.ticket is None and not outcome.ok:
                assert outcome.cluster_id not in server.posts


def test_refresh_all_that_is_cancelled_names_what_goes_on(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, seconds=100.0)

    async def main() -> list[str]:
        async with session(server) as ta:
            task = asyncio.create_task(refresh_all(ta.project(1), range(1, 11), max_running=3))
            await asyncio.sleep(50)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            assert asyncio.get_running_loop().time() <= 51
            return caught.value.__notes__

    says, *tickets = run(main())
    assert says.startswith("3 refreshes continue on the server")
    assert {RefreshTicket.from_json(ticket).cluster_id for ticket in tickets} == set(server.posts)


def test_refresh_all_that_breaks_names_what_goes_on_too(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, seconds=100.0)

    def on_event(event: Any) -> None:
        if isinstance(event, Submitted) and event.ref == 3:
            raise LookupError("not this one")

    async def main() -> None:
        async with session(server) as ta:
            await refresh_all(ta.project(1), range(1, 11), max_running=3, on_event=on_event)

    with pytest.raises(LookupError, match="not this one") as caught:
        run(main())
    tickets = caught.value.__notes__[1:]
    assert {RefreshTicket.from_json(ticket).cluster_id for ticket in tickets} == set(server.posts) != set()


def test_a_second_cancellation_while_it_ends_changes_nothing(kit: Any) -> None:
    server = kit.Deployment(latency=5.0)
    server.add(10, seconds=100.0)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            batch = RefreshBatch(ta.project(1), range(1, 11))

            async def work() -> None:
                async with batch:
                    await asyncio.sleep(1e6)

            task = asyncio.create_task(work())
            await asyncio.sleep(50)
            for _ in range(3):
                task.cancel()
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(1)
            assert asyncio.all_tasks() == {asyncio.current_task()}
        return batch.report

    assert run(main()).total == 10

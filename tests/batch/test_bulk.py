"""One operation on many items: order, failures, lazy input, and how it ends before its time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ta_cluster_async.batch import ItemOutcome, Status, bulk
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import ConfigurationError, InvalidRequest, TaError
from ta_cluster_async.session import TaSession


async def sleep(seconds: float) -> str:
    """An operation that takes so long, and fails when that is a whole number."""
    await asyncio.sleep(seconds)
    if seconds == int(seconds):
        raise TaError(f"{seconds} is a whole number.")
    return f"slept {seconds}"


def values(outcomes: list[ItemOutcome[Any, Any]]) -> list[Any]:
    return [outcome.item for outcome in outcomes]


def test_outcomes_stand_in_the_order_of_the_input() -> None:
    outcomes = run(bulk(sleep, [3.5, 1.0, 2.5]))
    assert [(outcome.index, outcome.item, outcome.ok) for outcome in outcomes] == [
        (0, 3.5, True),
        (1, 1.0, False),
        (2, 2.5, True),
    ]
    assert [outcome.value for outcome in outcomes] == ["slept 3.5", None, "slept 2.5"]
    assert [str(outcome.error) for outcome in outcomes if outcome.error] == ["1.0 is a whole number."]


def test_outcomes_may_stand_in_the_order_of_completion() -> None:
    assert values(run(bulk(sleep, [3.5, 1.0, 2.5], order="completion"))) == [1.0, 2.5, 3.5]


@pytest.mark.parametrize(
    ("options", "allowed"),
    [({"concurrency": 1}, 1), ({"concurrency": 3}, 3), ({"concurrency": 50}, 20), ({}, 8)],
)
def test_no_more_run_at_a_time_than_may(options: Any, allowed: int) -> None:
    now = most = 0

    async def operation(_: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(1)
        now -= 1

    assert len(run(bulk(operation, range(20), **options))) == 20
    assert most == allowed


def test_a_failure_hides_no_other_result() -> None:
    outcomes = run(bulk(sleep, [1.0, 2.0, 0.5, 3.0, 0.25], concurrency=2))
    assert [outcome.status for outcome in outcomes if outcome.ok] == [Status.SUCCEEDED] * 2
    assert sum(outcome.status is Status.FAILED for outcome in outcomes) == 3


def test_the_first_failure_may_stop_the_rest_and_what_is_under_way_is_finished() -> None:
    outcomes = run(bulk(sleep, [5.5, 1.0, 0.5, 0.25, 0.125], concurrency=2, on_error="stop"))
    assert [(outcome.item, outcome.ok) for outcome in outcomes] == [(5.5, True), (1.0, False)]


def test_stopping_does_not_wait_for_the_next_item_of_a_slow_source() -> None:
    closed: list[bool] = []
    begun: list[float] = []

    async def items() -> AsyncIterator[float]:
        try:
            yield 1.0
            await asyncio.sleep(1e9)
            yield 0.5
        finally:
            closed.append(True)

    async def operation(item: float) -> str:
        begun.append(item)
        return await sleep(item)

    async def main() -> float:
        assert len(await bulk(operation, items(), on_error="stop")) == 1
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return asyncio.get_running_loop().time()

    assert run(main()) == 1.0
    assert (closed, begun) == ([True], [1.0])


def test_an_item_that_comes_although_all_is_stopped_is_not_begun() -> None:
    class Stubborn:
        """Takes no notice of being cancelled."""

        def __init__(self) -> None:
            self.given = 0

        def __aiter__(self) -> "Stubborn":
            return self

        async def __anext__(self) -> float:
            self.given += 1
            if self.given > 1:
                try:
                    await asyncio.sleep(1e9)
                except asyncio.CancelledError:
                    return 0.5
            return 1.0

    async def main() -> list[ItemOutcome[float, str]]:
        outcomes = await bulk(sleep, Stubborn(), on_error="stop")
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(1)
        return outcomes

    assert values(run(main())) == [1.0]


def test_items_are_read_as_places_become_free() -> None:
    read: list[float] = []

    def items() -> Iterator[float]:
        for item in (0.5, 0.6, 0.7, 0.8):
            read.append(item)
            yield item

    async def main() -> None:
        task = asyncio.create_task(bulk(sleep, items(), concurrency=2))
        await asyncio.sleep(0.1)
        assert read == [0.5, 0.6]
        await asyncio.sleep(0.45)
        assert read == [0.5, 0.6, 0.7]
        await task

    run(main())


def test_items_may_come_from_an_async_iterator() -> None:
    async def items() -> AsyncIterator[float]:
        for item in range(1, 6):
            await asyncio.sleep(1)
            yield item + 0.5

    outcomes = run(bulk(sleep, items(), concurrency=3))
    assert values(outcomes) == [1.5, 2.5, 3.5, 4.5, 5.5]
    assert [outcome.index for outcome in outcomes] == [0, 1, 2, 3, 4]


def test_no_items_make_no_outcomes() -> None:
    assert run(bulk(sleep, [])) == []


@pytest.mark.parametrize("is_async", [False, True])
def test_on_event_hears_of_each_outcome_as_it_comes(*, is_async: bool) -> None:
    heard: list[tuple[float, float]] = []

    def hear(outcome: ItemOutcome[float, str]) -> None:
        heard.append((outcome.item, asyncio.get_running_loop().time()))

    async def hear_later(outcome: ItemOutcome[float, str]) -> None:
        await asyncio.sleep(0.125)
        hear(outcome)

    run(bulk(sleep, [2.5, 1.0], on_event=hear_later if is_async else hear))
    later = 0.125 if is_async else 0
    assert heard == [(1.0, 1.0 + later), (2.5, 2.5 + later)]


async def sleep_or_break(item: float) -> None:
    await asyncio.sleep(item)
    if item == 1.0:
        raise KeyError("broken")


def broken_items() -> Iterator[float]:
    yield from (50.0, 60.0)
    raise KeyError("broken")


async def broken_async_items() -> AsyncIterator[float]:
    yield 50.0
    await asyncio.sleep(1)
    raise KeyError("broken")


def broken_hearing(outcome: ItemOutcome[float, str]) -> None:
    raise KeyError("broken", outcome)


@pytest.mark.parametrize(
    ("operation", "items", "hear"),
    [
        (sleep_or_break, [50.0, 1.0], None),
        (sleep, broken_items, None),
        (sleep, broken_async_items, None),
        (sleep, [50.5, 0.5], broken_hearing),
    ],
    ids=["operation", "items", "async items", "on_event"],
)
def test_errors_that_are_not_of_the_library_come_out_as_they_are_and_end_all(
    operation: Any, items: Any, hear: Any
) -> None:
    async def main() -> float:
        with pytest.raises(KeyError, match="broken") as caught:
            await bulk(operation, items() if callable(items) else items, on_event=hear)
        assert type(caught.value) is KeyError
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return asyncio.get_running_loop().time()

    assert run(main()) <= 1.0


def test_a_cancellation_ends_all_at_once() -> None:
    ended: list[float] = []

    async def operation(item: float) -> None:
        try:
            await asyncio.sleep(item)
        finally:
            ended.append(item)

    async def main() -> None:
        task = asyncio.create_task(bulk(operation, [10.0, 20.0, 30.0], concurrency=2))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.get_running_loop().time() == 1.0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())
    assert sorted(ended) == [10.0, 20.0]


def test_an_operation_that_is_cancelled_by_itself_does_not_lose_its_item_in_silence() -> None:
    async def operation(item: int) -> None:
        await asyncio.sleep(item)
        if item == 1:
            raise asyncio.CancelledError("by itself")

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError, match="by itself"):
            await bulk(operation, [1, 5, 6], concurrency=2)
        assert asyncio.get_running_loop().time() == 1.0

    run(main())


def test_a_source_that_is_cancelled_by_itself_is_not_taken_for_one_that_has_ended() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        raise asyncio.CancelledError("by itself")

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError, match="by itself"):
            await bulk(asyncio.sleep, source())

    run(main())


@pytest.mark.parametrize(
    "options",
    [{"concurrency": 0}, {"concurrency": 1.5}, {"concurrency": True}, {"on_error": "raise"}, {"order": "x"}],
)
def test_settings_that_cannot_be_right_are_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError):
        run(bulk(sleep, [0.5], **options))


def test_the_operations_of_a_project_are_operations(kit: Any) -> None:
    server = kit.Deployment()
    server.add(5)

    async def main() -> list[ItemOutcome[int | str, Any]]:
        async with TaSession("http://127.0.0.1", "secret-token", transport=server) as ta:
            return await bulk(ta.project(1).clusters.detail, [3, "c_4", "", 99], concurrency=2)

    outcomes = run(main())
    assert [outcome.value.id for outcome in outcomes if outcome.value is not None] == [3, 4]
    assert isinstance(outcomes[2].error, InvalidRequest)
    assert outcomes[3].status is Status.FAILED


def test_a_million_items_make_no_million_tasks() -> None:
    most = 0

    async def operation(item: int) -> None:
        nonlocal most
        if item % 1_000 == 0:
            await asyncio.sleep(0.001)
            most = max(most, len(asyncio.all_tasks()))

    assert len(run(bulk(operation, range(20_000), concurrency=8))) == 20_000
    assert most <= 9

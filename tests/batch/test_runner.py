"""The batch as its caller sees it."""

import asyncio
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.batch import (
    RefreshBatch,
    Status,
    Submitted,
    refresh_all,
)
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    ConfigurationError,
)
from ta_cluster_async.session import TaSession


def session(server: Any) -> TaSession:
    return TaSession("http://127.0.0.1", "secret-token", transport=server)


def broken() -> Any:
    yield 1
    raise LookupError("the source is broken")


def test_the_error_of_a_block_has_a_note_of_what_had_ended_the_batch_before(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1)

    async def main() -> None:
        async with session(server) as ta, RefreshBatch(ta.project(1), broken()):
            await asyncio.sleep(5)
            raise OSError("the consumer is broken")

    with pytest.raises(OSError, match="consumer") as caught:
        run(main())
    assert caught.value.__notes__ == ["The batch itself had ended with LookupError: the source is broken"]


def test_an_error_before_anything_was_started_has_no_notes(kit: Any) -> None:
    async def main() -> None:
        async with session(kit.Deployment()) as ta:
            await refresh_all(ta.project(1), broken())

    with pytest.raises(LookupError) as caught:
        run(main())
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize("by_the_batch_too", [False, True])
def test_a_batch_whose_task_is_cancelled_by_somebody_else_ends_for_its_consumer(
    kit: Any, *, by_the_batch_too: bool
) -> None:
    server = kit.Deployment()
    server.add(2, seconds=100.0)

    async def main() -> Any:
        async with session(server) as ta:
            batch = RefreshBatch(ta.project(1), [1, 2])
            try:
                async with batch:
                    async for event in batch:
                        if isinstance(event, Submitted):
                            if by_the_batch_too:
                                batch.cancel()
                            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                                task.cancel()
            except asyncio.CancelledError:
                return batch.report, "cancelled"
            return batch.report, "ended"

    report, how = run(main())
    assert report.counts == {Status.CANCELLED: 2}
    assert how == ("ended" if by_the_batch_too else "cancelled")


def test_a_batch_runs_once(kit: Any) -> None:
    async def main() -> None:
        async with session(kit.Deployment()) as ta:
            batch = RefreshBatch(ta.project(1), [])
            with pytest.raises(ConfigurationError, match="has not begun"):
                _ = batch.report
            with pytest.raises(ConfigurationError, match="has not begun"):
                aiter(batch)
            async with batch:
                pass
            with pytest.raises(ConfigurationError, match="runs once"):
                async with batch:
                    pass

    run(main())


def test_a_batch_may_be_made_where_no_loop_runs(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1)
    ta = session(server)
    batch = RefreshBatch(ta.project(1), [1])

    async def main() -> None:
        async with ta, batch:
            pass

    run(main())
    assert batch.report.ok


def test_an_empty_batch_is_ok_and_says_that_it_was_empty(kit: Any, caplog: pytest.LogCaptureFixture) -> None:
    report = kit.tell(kit.Deployment(), []).report
    assert (report.ok, report.empty, report.total) == (True, True, 0)
    assert [(record.name, record.levelname) for record in caplog.records] == [("ta_cluster_async", "WARNING")]


def test_a_batch_that_did_something_or_was_stopped_before_it_could_is_not_empty(
    kit: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server = kit.Deployment()
    server.add(1)
    assert not kit.tell(server, [1]).report.empty
    assert not kit.tell(server, [99]).report.empty
    assert not caplog.records
    nothing = kit.tell(server, []).report
    assert not evolve(nothing, stopped="The batch was cancelled.").empty

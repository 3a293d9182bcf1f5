"""Batches of refreshes, calls and uploads are cancelled at iterations of the loop from the first to the last."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from ta_cluster_async import (
    PollPolicy,
    RefreshBatch,
    RefreshReport,
    Status,
    TaSession,
    Upload,
    refresh_all,
    upload_many,
)
from ta_cluster_async.batch.bulk import bulk
from ta_cluster_async.batch.journal.journal import Journal
from ta_cluster_async.resources import Project
from tests.cancel.server import Server
from tests.cancel.sweep import Cancellation, CancelMethod, cancel_at, sweep

Batch: TypeAlias = Callable[[Project], Awaitable[object]]

REFS: list[int | str] = [*range(970, 978), "c_978", "c_979"]
POLL = PollPolicy(first=0.2, longest=1.0)
UPLOAD_ARGUMENTS: Any = {"display_name": "d", "main_column": "#account_id"}


async def streamed(project: Project) -> None:
    async with RefreshBatch(project, REFS, max_running=4, poll=POLL) as batch:
        async for _ in batch:
            await asyncio.sleep(0)


async def from_a_stream(project: Project) -> None:
    async def refs() -> Any:
        for ref in REFS:
            await asyncio.sleep(0.05)
            yield ref

    await refresh_all(project, refs(), max_running=4, poll=POLL, on_event=_take)


async def _take(_: object) -> None:
    await asyncio.sleep(0)


async def many_calls(project: Project) -> None:
    await bulk(project.clusters.progress, REFS, concurrency=3)


async def many_uploads(project: Project) -> None:
    uploads = [Upload(source=(one for one in "abc"), name="made", **UPLOAD_ARGUMENTS) for _ in range(4)]
    await upload_many(project.clusters, uploads, concurrency=2, on_event=_take)


BATCHES: dict[str, Batch] = {
    "refresh_all": lambda project: refresh_all(project, REFS, max_running=4, poll=POLL),
    "stream of events": streamed,
    "stream of references": from_a_stream,
    "bulk": many_calls,
    "upload_many": many_uploads,
}


# Iterations of the loop until a cancellation reaches all tasks of a batch. A task that runs before may begin one more request.
ITERATIONS = {"task": 1, "scope": 1, "timeout": 2}


def sweep_operation(
    batch: Batch,
    method: str,
    *,
    every: int,
    failure: str | None = None,
    in_upload: bool = False,
    after: Callable[[], object] = int,
) -> int:
    async def once(iteration: int) -> Cancellation:
        server = Server(failure)
        iterations = ITERATIONS[method] + in_upload
        async with TaSession("http://127.0.0.1", "token", transport=server, max_connections=4) as ta:
            project = ta.project(102)
            cancellation = await cancel_at(
                iteration,
                CancelMethod(method),
                lambda: batch(project),
                lambda: len(server.begun),
                iterations=iterations,
            )
            assert server.active == 0
            server.failure = None
            calls = [project.clusters.progress(985, timeout=5.0) for _ in range(4)]
            assert await asyncio.gather(*calls) == [100] * 4, "the cancelled batch keeps no connection"
        after()
        return cancellation

    return sweep(once, every=every)


@pytest.mark.parametrize(
    ("method", "failure"), [("task", None), ("timeout", None), ("scope", None), ("task", "too many")]
)
@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_can_be_cancelled_at_any_iteration(name: str, method: str, failure: str | None) -> None:
    assert (
        sweep_operation(BATCHES[name], method, failure=failure, every=9, in_upload=name == "upload_many") >= 2
    )


@pytest.mark.parametrize("method", ["task", "timeout", "scope"])
def test_a_batch_with_a_journal_can_be_cancelled_at_any_iteration_and_gives_its_lease_back(
    method: str, tmp_path: Path
) -> None:
    path = tmp_path / "runs.db"

    def batch(project: Project) -> Awaitable[object]:
        path.unlink(missing_ok=True)
        return refresh_all(project, REFS, max_running=4, poll=POLL, journal=path, order="longest_first")

    def after() -> None:
        if path.exists():
            assert all(info.holder is None for info in Journal(path).runs())
            assert list(tmp_path.iterdir()) == [path], "no file of SQLite is left beside it"

    assert sweep_operation(batch, method, every=29, after=after) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("method", ["task", "scope"])
def test_a_batch_cancelled_at_any_iteration_is_resumed_and_nothing_is_refreshed_twice(
    method: str, tmp_path: Path
) -> None:
    path = tmp_path / "runs.db"

    async def once(iteration: int) -> Cancellation:
        path.unlink(missing_ok=True)
        server = Server()
        async with TaSession("http://127.0.0.1", "token", transport=server, max_connections=4) as ta:
            project = ta.project(102)

            def batch() -> Awaitable[RefreshReport]:
                return refresh_all(project, REFS, max_running=4, poll=POLL, journal=path)

            cancellation = await cancel_at(
                iteration, CancelMethod(method), batch, lambda: len(server.begun), iterations=1
            )
            # A batch cancelled when everything was written is complete, and the next one starts a new run.
            was_complete = path.exists() and [info.state for info in Journal(path).runs()] == ["complete"]
            report = await batch()
        if cancellation.hit and not was_complete:
            assert report.counts == {Status.SUCCEEDED: len(REFS)}
            assert sorted(cluster_id for cluster_id, _ in server.posted) == list(range(970, 980))
        return cancellation

    assert sweep(once, every=29) >= 3

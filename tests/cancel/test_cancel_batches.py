"""Batches of refreshes, calls and uploads are cancelled at turns of the loop from their first to their last."""

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
from tests.cancel.sweep import Struck, Way, cancel_at, sweep

Batch: TypeAlias = Callable[[Project], Awaitable[object]]

REFS: list[int | str] = [*range(970, 978), "c_978", "c_979"]
POLL = PollPolicy(first=0.2, longest=1.0)
ABOUT: Any = {"display_name": "d", "main_column": "#account_id"}


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
    uploads = [Upload(source=(one for one in "abc"), name="made", **ABOUT) for _ in range(4)]
    await upload_many(project.clusters, uploads, concurrency=2, on_event=_take)


BATCHES: dict[str, Batch] = {
    "refresh_all": lambda project: refresh_all(project, REFS, max_running=4, poll=POLL),
    "stream of events": streamed,
    "stream of references": from_a_stream,
    "bulk": many_calls,
    "upload_many": many_uploads,
}


# Turns of the loop until a cancellation has come to the tasks of a batch. One that has its turn before may begin one more request.
TURNS = {"task": 1, "scope": 1, "timeout": 2}


def swept(
    batch: Batch,
    way: str,
    *,
    every: int,
    trouble: str | None = None,
    in_upload: bool = False,
    after: Callable[[], object] = int,
) -> int:
    async def once(turn: int) -> Struck:
        server = Server(trouble)
        turns = TURNS[way] + in_upload
        async with TaSession("http://127.0.0.1", "token", transport=server, max_connections=4) as ta:
            project = ta.project(102)
            struck = await cancel_at(
                turn, Way(way), lambda: batch(project), lambda: len(server.begun), turns=turns
            )
            assert server.under_way == 0
            server.trouble = None
            calls = [project.clusters.progress(985, timeout=5.0) for _ in range(4)]
            assert await asyncio.gather(*calls) == [100] * 4, "no connection is kept by what was cancelled"
        after()
        return struck

    return sweep(once, every=every)


@pytest.mark.parametrize(
    ("way", "trouble"), [("task", None), ("timeout", None), ("scope", None), ("task", "too many")]
)
@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_can_be_cancelled_at_any_turn(name: str, way: str, trouble: str | None) -> None:
    assert swept(BATCHES[name], way, trouble=trouble, every=9, in_upload=name == "upload_many") >= 2


@pytest.mark.parametrize("way", ["task", "timeout", "scope"])
def test_a_batch_with_a_journal_can_be_cancelled_at_any_turn_and_gives_its_lease_back(
    way: str, tmp_path: Path
) -> None:
    path = tmp_path / "runs.db"

    def batch(project: Project) -> Awaitable[object]:
        path.unlink(missing_ok=True)
        return refresh_all(project, REFS, max_running=4, poll=POLL, journal=path, order="longest_first")

    def after() -> None:
        if path.exists():
            assert all(info.holder is None for info in Journal(path).runs())
            assert list(tmp_path.iterdir()) == [path], "nothing of SQLite's is left beside it"

    assert swept(batch, way, every=29, after=after) >= 3


@pytest.mark.parametrize("way", ["task", "scope"])
def test_what_was_cancelled_at_any_turn_is_gone_on_with_and_nothing_is_refreshed_twice(
    way: str, tmp_path: Path
) -> None:
    path = tmp_path / "runs.db"

    async def once(turn: int) -> Struck:
        path.unlink(missing_ok=True)
        server = Server()
        async with TaSession("http://127.0.0.1", "token", transport=server, max_connections=4) as ta:
            project = ta.project(102)

            def batch() -> Awaitable[RefreshReport]:
                return refresh_all(project, REFS, max_running=4, poll=POLL, journal=path)

            struck = await cancel_at(turn, Way(way), batch, lambda: len(server.begun), turns=1)
            # One that was cancelled when all was written already is complete, and the next one begins anew.
            was_complete = path.exists() and [info.state for info in Journal(path).runs()] == ["complete"]
            report = await batch()
        if struck.hit and not was_complete:
            assert report.counts == {Status.SUCCEEDED: len(REFS)}
            assert sorted(cluster_id for cluster_id, _ in server.posted) == list(range(970, 980))
        return struck

    assert sweep(once, every=29) >= 3

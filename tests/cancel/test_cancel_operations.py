"""Every operation is cancelled at every iteration of the loop, with a server that answers and with one that fails at first."""

import asyncio
import gzip
import io
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import pytest

from ta_cluster_async import PollPolicy, RefreshTicket, TaSession
from ta_cluster_async.resources import Project
from ta_cluster_async.uploads.reader import BlockingReader
from tests.cancel.server import FAILURES, Server
from tests.cancel.sweep import METHODS, METHODS_AS_PARAMETERS, Cancellation, CancelMethod, cancel_at, sweep

Operation: TypeAlias = Callable[[Project], Awaitable[object]]

NEW = {"clusterName": "made", "clusterType": "cluster_by_static_condition", "displayName": "d", "qp": {}}
NEW_TAG = NEW | {"clusterType": "tag_by_static_condition"}
UPLOAD_ARGUMENTS: Any = {"display_name": "d", "main_column": "#account_id"}
POLL = PollPolicy(first=0.5, longest=1.0)
PAIRS = [("a", "1"), ("b", "2")]


async def through_pages(project: Project) -> None:
    async for _ in project.clusters.list(page_size=7).pages():
        await asyncio.sleep(0)


async def through_rows_ahead(project: Project) -> None:
    async for _ in project.tags.list(page_size=7).ahead():
        await asyncio.sleep(0.01)


async def refreshed(project: Project) -> None:
    await (await project.clusters.refresh("c_970"))


async def followed(project: Project) -> None:
    refresh = await project.tags.refresh(971)
    async for _ in refresh.progress():
        await asyncio.sleep(0)


async def attached(project: Project) -> None:
    ticket = (await project.clusters.refresh(970)).ticket
    await project.clusters.attach(RefreshTicket.from_json(ticket.to_json())).wait(timeout=60.0)


OPERATIONS: dict[str, Operation] = {
    "create a cluster": lambda project: project.clusters.create(NEW),
    "create a tag": lambda project: project.tags.create(NEW_TAG),
    "detail": lambda project: project.clusters.detail(970),
    "detail by name": lambda project: project.tags.detail("c_970"),
    "progress": lambda project: project.clusters.progress(970),
    "progress by name": lambda project: project.tags.progress("c_970"),
    "update": lambda project: project.clusters.update(970, NEW),
    "update by name": lambda project: project.tags.update("c_970", NEW_TAG),
    "delete": lambda project: project.clusters.delete(970),
    "delete by name": lambda project: project.tags.delete("c_970"),
    "pages": through_pages,
    "rows ahead": through_rows_ahead,
    "collect": lambda project: project.clusters.list(page_size=7).collect(timeout=60.0),
    "refresh": refreshed,
    "follow": followed,
    "attach": attached,
    "upload": lambda project: project.clusters.upload(["a", "b"], name="made", **UPLOAD_ARGUMENTS),
    "upload without a name": lambda project: project.tags.upload(PAIRS, **UPLOAD_ARGUMENTS),
    "replace": lambda project: project.clusters.replace_upload(970, ["a", "b"]),
    "replace by name": lambda project: project.tags.replace_upload("c_970", PAIRS),
}


def sweep_operation(
    operation: Operation, method: str, *, failure: str | None = None, every: int = 1, token: Any = "token"
) -> int:
    async def once(iteration: int) -> Cancellation:
        server = Server(failure)
        # With one connection, a place that is not given back, or the rest of a pause, is noticed at once.
        async with TaSession("http://127.0.0.1", token, transport=server, max_connections=1, poll=POLL) as ta:
            project = ta.project(102)
            cancellation = await cancel_at(
                iteration,
                CancelMethod(method),
                lambda: operation(project),
                lambda: len(server.begun),
                iterations=0
                if method == "task"
                else 2,  # the others reach the task at the end of an iteration
            )
            assert server.active == 0
            server.failure = None  # if no request met it
            assert await project.clusters.progress(975, timeout=5.0) == 100, "the session works as before"
        return cancellation

    return sweep(once, every=every)


@pytest.mark.parametrize("method", METHODS_AS_PARAMETERS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_can_be_cancelled_at_any_iteration(name: str, method: str) -> None:
    assert sweep_operation(OPERATIONS[name], method, every=METHODS[method]) >= 1


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", [name for name in OPERATIONS if "by name" not in name and "tag" not in name])
def test_a_failing_operation_can_be_cancelled_at_any_iteration(name: str, failure: str) -> None:
    assert sweep_operation(OPERATIONS[name], "task", failure=failure, every=4) >= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_call_that_waits_for_its_token_can_be_cancelled_at_any_iteration(method: str) -> None:
    asked: list[None] = []

    async def provide() -> str:
        asked.append(None)
        await asyncio.sleep(0.5)
        return f"token {len(asked)}"

    operation = OPERATIONS["progress"]
    assert sweep_operation(operation, method, token=provide) >= 3
    assert sweep_operation(operation, method, token=provide, failure="rejected") >= 6


# Sources


class Letters(BlockingReader):
    """Reads at once and knows whether it is closed."""

    closed = False

    def _read(self) -> bytes:
        return b"a\r\n"

    def _close(self) -> None:
        self.closed = True


def test_a_source_is_closed_also_when_closing_it_is_cancelled() -> None:
    async def main() -> None:
        reader = Letters()
        reading = asyncio.ensure_future(reader.read())
        await asyncio.sleep(0)
        time.sleep(0.02)  # noqa: ASYNC251  (the thread has read, which the loop does not know yet)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await reader.aclose()
        assert reader.closed
        await reading

    asyncio.run(main())


def csv_of(folder: Path) -> Path:
    path = folder / "ids.csv"
    path.write_text("id\r\n" + "a\r\n" * 50)
    return path


def zipped(folder: Path) -> Path:
    path = folder / "ids.csv.gz"
    path.write_bytes(gzip.compress(b"a\r\n" * 50))
    return path


def table(_: Path) -> Any:
    return pytest.importorskip("pyarrow").table({"id": ["a", "b", "c"]})


def parquet(folder: Path) -> Path:
    path = folder / "ids.parquet"
    pytest.importorskip("pyarrow.parquet").write_table(table(folder), path)
    return path


async def one_by_one() -> Any:
    for one in "abc":
        await asyncio.sleep(0.01)
        yield one


SOURCES: dict[str, tuple[Callable[[Path], Any], dict[str, Any]]] = {
    "bytes": (lambda _: b"a\r\nb\r\n", {}),
    "path": (csv_of, {"header": True}),
    "path, by column": (csv_of, {"header": True, "column": "id"}),
    "zipped path": (zipped, {}),
    "file": (lambda folder: csv_of(folder).open("rb"), {"on_progress": lambda _: None}),
    "file in memory": (lambda _: io.BytesIO(b"a\r\nb\r\n"), {}),
    "generator": (lambda _: (one for one in "abc"), {"require_match": 0.5}),
    "async generator": (lambda _: one_by_one(), {}),
    "table": (table, {}),
    "parquet": (parquet, {"column": "id"}),
}


@pytest.mark.parametrize("method", ["task", "scope"])
@pytest.mark.parametrize("name", SOURCES)
def test_an_upload_can_be_cancelled_at_any_iteration_whatever_it_reads(
    name: str, method: str, tmp_path: Path
) -> None:
    make, options = SOURCES[name]

    async def upload(project: Project) -> None:
        source = make(tmp_path)
        try:
            await project.clusters.upload(source, **UPLOAD_ARGUMENTS, **options)
        finally:
            if hasattr(source, "read"):
                source.close()

    assert sweep_operation(upload, method, every=1 if method == "task" else 3) >= 2

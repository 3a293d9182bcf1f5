"""Each operation is cancelled at every turn of the loop, with a server that answers and with one that makes trouble at first."""

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
from tests.cancel.server import TROUBLES, Server
from tests.cancel.sweep import WAYS, Struck, Way, cancel_at, sweep

Operation: TypeAlias = Callable[[Project], Awaitable[object]]

NEW = {"clusterName": "made", "clusterType": "cluster_by_static_condition", "displayName": "d", "qp": {}}
NEW_TAG = NEW | {"clusterType": "tag_by_static_condition"}
ABOUT: Any = {"display_name": "d", "main_column": "#account_id"}
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
    "upload": lambda project: project.clusters.upload(["a", "b"], name="made", **ABOUT),
    "upload without a name": lambda project: project.tags.upload(PAIRS, **ABOUT),
    "replace": lambda project: project.clusters.replace_upload(970, ["a", "b"]),
    "replace by name": lambda project: project.tags.replace_upload("c_970", PAIRS),
}


def swept(
    operation: Operation, way: str, *, trouble: str | None = None, every: int = 1, token: Any = "token"
) -> int:
    async def once(turn: int) -> Struck:
        server = Server(trouble)
        # With one connection, a place that is not given back is missed at once; and so is what is left of a pause.
        async with TaSession("http://127.0.0.1", token, transport=server, max_connections=1, poll=POLL) as ta:
            project = ta.project(102)
            struck = await cancel_at(
                turn,
                Way(way),
                lambda: operation(project),
                lambda: len(server.begun),
                turns=0 if way == "task" else 2,  # the others come to the task at the end of a turn
            )
            assert server.under_way == 0
            server.trouble = None  # where it had not come to it
            assert await project.clusters.progress(975, timeout=5.0) == 100, (
                "the session is as good as before"
            )
        return struck

    return sweep(once, every=every)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_can_be_cancelled_at_any_turn(name: str, way: str) -> None:
    assert swept(OPERATIONS[name], way, every=WAYS[way]) >= 1


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("name", [name for name in OPERATIONS if "by name" not in name and "tag" not in name])
def test_an_operation_in_trouble_can_be_cancelled_at_any_turn(name: str, trouble: str) -> None:
    assert swept(OPERATIONS[name], "task", trouble=trouble, every=4) >= 1


@pytest.mark.parametrize("way", WAYS)
def test_a_call_that_waits_for_its_token_can_be_cancelled_at_any_turn(way: str) -> None:
    asked: list[None] = []

    async def provide() -> str:
        asked.append(None)
        await asyncio.sleep(0.5)
        return f"token {len(asked)}"

    operation = OPERATIONS["progress"]
    assert swept(operation, way, token=provide) >= 3
    assert swept(operation, way, token=provide, trouble="rejected") >= 6


# Sources


class Letters(BlockingReader):
    """Reads at once, and notes that it is closed."""

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
        time.sleep(0.02)  # noqa: ASYNC251  (the thread has read, and the loop does not know of it yet)
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


@pytest.mark.parametrize("way", ["task", "scope"])
@pytest.mark.parametrize("name", SOURCES)
def test_an_upload_can_be_cancelled_at_any_turn_whatever_it_reads(
    name: str, way: str, tmp_path: Path
) -> None:
    make, options = SOURCES[name]

    async def upload(project: Project) -> None:
        source = make(tmp_path)
        try:
            await project.clusters.upload(source, **ABOUT, **options)
        finally:
            if hasattr(source, "read"):
                source.close()

    assert swept(upload, way, every=1 if way == "task" else 3) >= 2

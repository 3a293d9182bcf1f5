"""With real sockets: whole sessions, and calls in an open one, are cancelled at every iteration of the loop."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest

from ta_cluster_async import PollPolicy, RetryPolicy, TaSession
from ta_cluster_async.client.transport import AiohttpTransport
from ta_cluster_async.emulator import Emulator, Fault, Settings
from ta_cluster_async.resources import Project
from tests.cancel.sweep import (
    METHODS_AS_PARAMETERS,
    Cancellation,
    CancelMethod,
    OpenResources,
    cancel_at,
    open_files,
    sweep,
)

Work: TypeAlias = Callable[[Project, Path], Awaitable[object]]

UPLOAD_ARGUMENTS: Any = {"display_name": "d", "main_column": "#account_id"}
POLL = PollPolicy(first=0.5, longest=1.0)
# The deadline of a request cancels its task, so that each iteration around it matters.
EVERY = {"no answer": 1, "slow answer": 1, "upload": 5}


class Counted(AiohttpTransport):
    """Counts the requests that begin."""

    begun = 0

    async def send(self, *request: Any) -> Any:
        """See `Transport.send`."""
        self.begun += 1
        return await super().send(*request)


async def read(project: Project, _: Path) -> None:
    await project.clusters.progress(970)
    async for _page in project.clusters.list(page_size=1).ahead().pages():
        pass


async def upload(project: Project, folder: Path) -> None:
    path = folder / "ids.csv"
    path.write_text("a\r\n" * 40_000)
    await project.clusters.upload(path, name="made", **UPLOAD_ARGUMENTS)


async def refresh(project: Project, _: Path) -> None:
    await (await project.clusters.refresh(970))


async def no_answer(project: Project, _: Path) -> None:
    await project.clusters.progress(971, timeout=1.0)


async def slow_answer(project: Project, _: Path) -> None:
    await project.clusters.progress("seeded_2")


WORK: dict[str, Work] = {
    "read": read,
    "upload": upload,
    "refresh": refresh,
    "no answer": no_answer,
    "slow answer": slow_answer,
}


def sweep_operation(once: Callable[[Emulator, int], Awaitable[Cancellation]], every: int) -> int:
    async def in_emulator(iteration: int) -> Cancellation:
        async with Emulator(settings=Settings(evaluate=False), job_seconds=2.0) as em:
            em.seed_clusters(3)
            em.faults.add(
                Fault.stall(seconds=50.0),
                count=None,
                when=lambda record: record.query.get("clusterId") == "971",
            )
            em.faults.add(
                Fault.slow(2.0), count=None, when=lambda record: record.query.get("clusterName") == "seeded_2"
            )
            return await once(em, iteration)

    before = open_files()
    count = sweep(in_emulator, every=every)
    assert open_files() <= before
    return count


@pytest.mark.parametrize("method", METHODS_AS_PARAMETERS)
@pytest.mark.parametrize("name", WORK)
def test_a_session_can_be_cancelled_from_its_beginning_to_its_end(
    name: str, method: str, tmp_path: Path
) -> None:
    async def once(em: Emulator, iteration: int) -> Cancellation:
        transports: list[Counted] = []

        async def session() -> None:
            transports.append(transport := Counted(em.url, ssl=True))
            # Two connections, so that one that is not given back does not delay the end.
            async with TaSession(
                em.url, em.token, transport=transport, poll=POLL, retry=RetryPolicy(attempts=2)
            ) as ta:
                await WORK[name](ta.project(102), tmp_path)

        def begun() -> int:
            return sum(transport.begun for transport in transports)

        return await cancel_at(
            iteration, CancelMethod(method), session, begun, iterations=0 if method == "task" else 2
        )

    assert sweep_operation(once, every=EVERY.get(name, 7)) >= 2


@pytest.mark.parametrize("borrows", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", WORK)
def test_an_open_session_works_as_before_wherever_a_call_was_cancelled(
    name: str,
    borrows: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    async def once(em: Emulator, iteration: int) -> Cancellation:
        before = OpenResources()
        async with aiohttp.ClientSession() as lent:
            transport = Counted(em.url, ssl=True, borrowed=lent if borrows else None)
            async with TaSession(em.url, em.token, max_connections=1, poll=POLL, transport=transport) as ta:
                project = ta.project(102)
                cancellation = await cancel_at(
                    iteration,
                    CancelMethod("task"),
                    lambda: WORK[name](project, tmp_path),
                    lambda: transport.begun,
                    pooled=True,
                )
                assert await project.clusters.progress(972, timeout=5.0) == 100
            assert not lent.closed
        await asyncio.sleep(100.0)  # the server sees that the connections are closed
        await before.check(f"iteration {iteration}")
        return cancellation

    assert sweep_operation(once, every=EVERY.get(name, 7)) >= 2

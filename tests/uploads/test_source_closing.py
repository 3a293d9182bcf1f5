"""Sources are closed however the upload ends, also when it is cancelled."""

import asyncio
import gc
import time
from itertools import repeat

import pytest

from ta_cluster_async import TaSession
from ta_cluster_async.emulator import Fault, Settings
from ta_cluster_async.errors import (
    ApiError,
    HttpStatusError,
    TransportError,
)
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from tests.uploads.sources import (
    BOTH,
    IDS,
    MAKERS,
    UPLOAD,
    Rows,
    is_closed,
    upload,
)
from tests.uploads.unread import Unread


@BOTH
@pytest.mark.parametrize(
    "fault",
    [None, Fault.reset(), Fault.html(504), Fault.return_code(-9, "no")],
    ids=lambda fault: fault and fault.name,
)
def test_generators_are_closed_however_the_upload_ends(served, make, fault):
    async def story(world):
        rows = Rows()
        if fault is not None:
            world.em.faults.add(fault, path=UPLOAD)
        try:
            await upload(world.clusters, source := make(rows))
        except (TransportError, HttpStatusError, ApiError):
            assert fault is not None
        assert (rows.started, rows.closed) == (1, 1)
        del source

    served(story)


# Cancelled


@BOTH
@pytest.mark.parametrize("after", [0.0, 0.05])
def test_cancelled_while_the_source_is_read_before_anything_is_sent(served, make, after):
    async def story(world):
        rows = Rows(wait=0.02 if make is MAKERS["generator"] else 100.0)
        source = make(rows)
        task = asyncio.ensure_future(upload(world.clusters, source))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if after:
            await asyncio.to_thread(time.sleep, after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert world.sent == []
        assert await is_closed(rows)
        assert rows.given < 10, "it was read on for nobody"

    served(story)


@BOTH
def test_cancelled_while_the_body_is_sent(served, make):
    async def story(world):
        async with Unread(None) as server, TaSession(server.url, "token") as ta:
            rows = Rows(repeat(IDS[0]))
            source = make(rows)
            task = asyncio.ensure_future(
                ta.project(102).clusters.upload(source, display_name="d", main_column="c")
            )
            await asyncio.sleep(5)
            assert server.met == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await is_closed(rows)
            assert rows.started == 1
            assert server.met == 1

    served(story)


@BOTH
def test_cancelled_while_the_answer_is_awaited_or_looked_up(served, make):
    async def story(world):
        for fault, path in (
            (Fault.stall(), UPLOAD),
            (Fault.stall(before=False), UPLOAD),
            (Fault.stall(), "user-cluster-detail"),
        ):
            world.em.faults.add(fault, path=path)
            rows = Rows(IDS[:100])
            source = make(rows)
            task = asyncio.ensure_future(upload(world.clusters, source, name="n"))
            await asyncio.sleep(5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (rows.started, rows.closed) == (1, 1)
            sent = len(world.sent)
            await asyncio.sleep(100)
            assert len(world.sent) == sent
            world.em.faults.clear()

    served(story, settings=Settings(evaluate=False))


@pytest.mark.filterwarnings("error")
def test_nothing_warns_when_everything_is_collected(served):
    async def story(world):
        world.em.faults.add(Fault.reset(), path=UPLOAD, count=None)
        for make in MAKERS.values():
            with pytest.raises(OutcomeUnknown):
                await upload(world.clusters, make(Rows()))
        gc.collect()
        await asyncio.sleep(1)

    served(story)
    gc.collect()

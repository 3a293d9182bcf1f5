"""The share of the session that uploads may take, so that other calls are served however long uploads take."""

import asyncio

import pytest

from ta_cluster_async import Upload, upload_many
from ta_cluster_async.emulator import Fault
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import NotSent
from ta_cluster_async.protocol.requests import Response
from ta_cluster_async.session import TaSession
from tests.uploads.sources import IDS, UPLOAD, Rows, upload
from tests.world import refused


class Slow:
    """A transport that takes a minute for an upload, and no time for anything else."""

    def __init__(self):
        self.running = self.most = self.uploads = 0

    async def send(self, request, token, timeout):
        if request.upload is None:
            return Response(200, b'{"return_code": 0, "data": {"progress": 7}}')
        self.running += 1
        self.uploads += 1
        self.most = max(self.most, self.running)
        try:
            async for _ in request.upload.chunks():
                await asyncio.sleep(60)
        finally:
            self.running -= 1
        return Response(200, b'{"return_code": 0, "data": {"clusterId": 1}}')

    async def aclose(self):
        pass


def session(transport, **settings):
    return TaSession("http://ta2:8992", "token", transport=transport, **settings)


async def begin(clusters, count, **options):
    """Begin uploads, and let them come as far as they come at once."""
    tasks = [asyncio.ensure_future(upload(clusters, [str(one)], **options)) for one in range(count)]
    await asyncio.sleep(1)
    return tasks


def test_forty_uploads_leave_places_for_other_calls():
    transport = Slow()

    async def main():
        async with session(transport) as ta:
            clusters, clock = ta.project(102).clusters, asyncio.get_running_loop().time
            uploads = await begin(clusters, 40)
            began = clock()
            assert await asyncio.gather(*(clusters.progress(1) for _ in range(200))) == [7] * 200
            assert clock() == began
            await asyncio.gather(*uploads)

    run(main())
    assert (transport.most, transport.uploads) == (4, 40)


@pytest.mark.parametrize(("connections", "uploads", "most"), [(32, 16, 16), (8, 16, 4), (3, 2, 1), (1, 1, 1)])
def test_uploads_never_take_more_than_half_of_the_connections(connections, uploads, most):
    transport = Slow()

    async def main():
        async with session(transport, max_connections=connections, max_uploads=uploads) as ta:
            await asyncio.gather(*await begin(ta.project(102).clusters, 20))

    run(main())
    assert transport.most == most


def test_slow_uploads_to_the_emulator_leave_places_for_other_calls(served):
    async def story(world):
        made = await upload(world.clusters, ["a"])
        world.em.faults.add(Fault.stall(), path=UPLOAD, count=None)
        uploads = await begin(world.clusters, 40, timeout=600.0)
        for _ in range(3):
            assert await world.clusters.progress(made.cluster_id, timeout=5.0) == 100
        for task in uploads:
            task.cancel()
        await asyncio.wait(uploads)

    served(story)


def test_many_uploads_keep_the_share_too():
    transport = Slow()

    async def main():
        async with session(transport) as ta:
            uploads = [Upload(source=[str(one)], display_name="d", main_column="c") for one in range(12)]
            return await upload_many(ta.project(102).clusters, uploads, concurrency=12)

    assert all(outcome.ok for outcome in run(main()))
    assert transport.most == 4


@pytest.mark.parametrize("closed", [False, True])
def test_an_upload_that_gets_no_place_in_time_is_not_sent_and_its_source_not_begun(closed):
    transport, rows = Slow(), Rows()

    async def main():
        async with session(transport) as ta:
            clusters = ta.project(102).clusters
            uploads = await begin(clusters, 4)
            late = asyncio.ensure_future(upload(clusters, rows.generate(), timeout=20))
            await asyncio.sleep(1)
            if closed:
                await ta.aclose()
            with refused(NotSent, "session-closed" if closed else "no-upload-in-time") as caught:
                await late
            await asyncio.gather(*uploads, return_exceptions=True)
            return caught.value

    error = run(main())
    assert (error.reason, error.sent) == ("closed" if closed else "no-connection", "no")
    assert (rows.started, transport.uploads) == (0, 4)


def test_a_cancelled_or_failed_upload_gives_its_place_away():
    transport = Slow()

    async def main():
        async with session(transport, max_uploads=1) as ta:
            clusters = ta.project(102).clusters
            first, second, third = await begin(clusters, 3)
            second.cancel()
            first.cancel()
            await third
            with pytest.raises(ZeroDivisionError):
                await upload(clusters, (1 // 0 for _ in IDS))
            await upload(clusters, ["a"])

    run(main())
    assert transport.uploads == 3

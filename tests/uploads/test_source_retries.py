"""Uploads that break off: what can be read again is sent again whole, and nothing else is sent twice."""

import asyncio
import io
from itertools import repeat

import pytest

from ta_cluster_async import RetryPolicy, TaSession
from ta_cluster_async.emulator import Fault
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    ApiError,
    HttpStatusError,
    InvalidRequest,
    RateLimited,
    TransportError,
)
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.csv import encode_ids
from ta_cluster_async.uploads.source import SourceFailed, source_of
from tests.uploads.sources import (
    IDS,
    LINES,
    REPLACE,
    Again,
    AsyncAgain,
    Pipe,
    Rows,
    arrived,
    digest,
    is_closed,
    upload,
    uploads,
)
from tests.uploads.unread import Unread, early

REPLACEABLE = {
    "bytes": lambda _: LINES,
    "path": lambda path: path,
    "BytesIO": lambda _: io.BytesIO(LINES),
    "file": lambda path: path.open("rb"),
    "list": lambda _: IDS,
    "again": lambda _: Again(),
    "async again": lambda _: AsyncAgain(),
}


ONE_SHOT = {
    "pipe": lambda: Pipe(LINES),
    "short pipe": lambda: Pipe(LINES[:50]),
    "iterator": lambda: iter(IDS),
    "short iterator": lambda: iter(IDS[:1]),
    "generator": lambda: Rows().generate(),
    "async generator": lambda: Rows().generate_slowly(),
}


FAULTS = {
    "reset": Fault.reset(),
    "gateway": Fault.html(504, before=False),
    "too frequent": Fault.return_code(-1005, "请求频率过快"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("make", REPLACEABLE.values(), ids=REPLACEABLE)
def test_what_can_be_read_again_is_sent_again_whole(served, make, fault, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_bytes(LINES)

    async def story(world):
        await upload(world.clusters, ["a"], name="n")
        world.em.faults.add(fault, path=REPLACE + "-by-name", count=2)
        source = make(path)
        result = await world.clusters.replace_upload("n", source)
        assert result.upload_num == len(IDS)
        assert arrived(world) == digest(LINES)
        assert len(uploads(world)) == 4
        if isinstance(source, Again | AsyncAgain):
            assert source.started == source.closed >= 3
        if isinstance(source, io.IOBase):
            source.close()

    served(story)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("make", ONE_SHOT.values(), ids=ONE_SHOT)
def test_what_can_be_read_only_once_is_never_sent_twice(served, make, fault):
    async def story(world):
        await upload(world.clusters, ["a"], name="n")
        world.em.faults.add(fault, path=REPLACE + "-by-name")
        with pytest.raises((OutcomeUnknown, HttpStatusError, RateLimited)):
            await world.clusters.replace_upload("n", make())
        assert len(uploads(world)) == 2

    served(story)


@pytest.mark.parametrize("make", ONE_SHOT.values(), ids=ONE_SHOT)
def test_what_can_be_read_only_once_is_sent_when_the_first_try_reached_nobody(served, make, unused_port):
    async def story(world):
        # The first try is refused before a byte of the source is asked for.
        async with TaSession(
            f"http://127.0.0.1:{unused_port}", "t", retry=RetryPolicy(attempts=5, base=1.0)
        ) as ta:
            relay = []

            async def start_late():
                await asyncio.sleep(0.05)
                relay.append(
                    await asyncio.start_server(lambda r, w: forward(world, r, w), "127.0.0.1", unused_port)
                )

            starting = asyncio.ensure_future(start_late())
            with pytest.raises(ApiError):  # another token: all that counts is that the whole body was sent
                await ta.project(102).clusters.upload(make(), display_name="d", main_column="#account_id")
            await starting
            relay[0].close()

    served(story)


async def forward(world, reader, writer):
    """Answer as a server that refuses after it has read everything."""
    await forward_body(reader, writer, await reader.readuntil(b"\r\n\r\n"))


async def forward_body(reader, writer, head):
    if b"chunked" in head:
        while (size := int(await reader.readline(), 16)) > 0:
            await reader.readexactly(size + 2)
        await reader.readline()
    body = b'{"return_code": -9, "return_message": "no"}'
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    await writer.drain()
    writer.close()


@pytest.fixture
def unused_port():
    import socket  # noqa: PLC0415

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


OVERLAPPING = {
    "bytes": lambda path: LINES,
    "path": lambda path: path,
    "file": lambda path: io.BytesIO(LINES * 3),
    "list": lambda path: IDS,
    "async again": lambda path: AsyncAgain(),
}


@pytest.mark.parametrize("make", OVERLAPPING.values(), ids=OVERLAPPING)
def test_a_try_that_goes_on_after_the_next_one_has_begun_is_broken_off_and_not_ended_early(make, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_bytes(LINES)

    async def main():
        source = source_of(make(path), encode_ids)
        await source.open()
        first, second = source.chunks(), source.chunks()
        beginning = await anext(first)
        assert await anext(second) == beginning
        with pytest.raises(SourceFailed):
            await anext(first)
        body = b"".join([beginning, *[chunk async for chunk in second]])
        assert body == (LINES * 3 if isinstance(make(path), io.BytesIO) else LINES)
        await source.aclose()

    run(main())


# A server that does not read


@pytest.mark.parametrize("kind", [Again, AsyncAgain])
def test_an_answer_before_the_end_of_the_body_ends_the_reading(served, kind):
    async def story(world):
        async with Unread(early(-3001, b"too large")) as server, TaSession(server.url, "token") as ta:
            rows = kind(repeat(IDS[0]))
            with pytest.raises(ApiError, match="too large"):
                await ta.project(102).clusters.upload(rows, display_name="d", main_column="c")
            assert await is_closed(rows)
            assert rows.started == 1

    served(story)


@pytest.mark.parametrize("kind", [Again, AsyncAgain])
def test_a_try_that_begins_while_the_one_before_still_reads_reads_by_itself(served, kind):
    async def story(world):
        busy = early(-1005, b"too frequent")
        async with Unread(busy, busy, early(-9, b"no")) as server, TaSession(server.url, "token") as ta:
            rows = kind(repeat(IDS[0]))
            with pytest.raises(ApiError, match="no"):
                await ta.project(102).clusters.upload(rows, display_name="d", main_column="c")
            assert await is_closed(rows)
            assert rows.started == server.met == 3

    served(story)


@pytest.mark.parametrize("kind", [Again, AsyncAgain])
def test_a_server_that_never_reads_is_left_when_the_time_is_over(served, kind):
    async def story(world):
        async with Unread(None) as server, TaSession(server.url, "token") as ta:
            rows = kind(repeat(IDS[0]))
            with pytest.raises(TransportError):
                await ta.project(102).clusters.upload(rows, display_name="d", main_column="c", timeout=20.0)
            assert world.now <= 20.1
            assert await is_closed(rows)
            assert rows.started == 1

    served(story)


@pytest.mark.parametrize(("buffer", "is_chunked"), [(0, True), (8, True), (9, False), (2**20, False)])
def test_rows_are_sent_with_their_length_where_they_are_few(buffer, is_chunked):
    heads = []

    async def record(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        await forward_body(reader, writer, heads[-1])

    async def main():
        async with await asyncio.start_server(record, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with TaSession(url, "t", upload_buffer=buffer, retry=RetryPolicy(attempts=1)) as ta:
                with pytest.raises(ApiError):
                    await ta.project(102).clusters.upload(
                        (row for row in "abc"), display_name="d", main_column="#account_id"
                    )

    asyncio.run(main())
    assert (b"Transfer-Encoding: chunked\r\n" in heads[0]) is is_chunked
    assert (b"Content-Length: 9\r\n" in heads[0]) is not is_chunked


def test_rows_that_become_more_between_two_tries_are_refused(served):
    class Growing:
        count = 2

        def __iter__(self):
            self.count += 1
            return iter("abcdef"[: self.count])

    async def story(world):
        await upload(world.clusters, ["a"], name="n")
        world.em.faults.add(Fault.return_code(-1005, "too frequent"), path="import-id-cluster-modify-by-name")
        with pytest.raises(InvalidRequest) as caught:
            await world.clusters.replace_upload("n", Growing())
        assert caught.value.code == "file-changed"
        assert world.done == ["uploaded"]

    served(story)

"""Sources and connections that break off: nothing is sent twice that may not be, and everything is closed afterwards."""

import asyncio
import gc
import hashlib
import io
import os
import threading
import time
import traceback
from itertools import repeat
from pathlib import Path

import pytest

from ta_cluster_async import RetryPolicy, TaSession
from ta_cluster_async.emulator import Fault, Settings
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import ApiError, HttpStatusError, InvalidRequest, RateLimited, TransportError
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.csv import encode_ids
from ta_cluster_async.uploads.source import SourceFailed, source_of
from tests.world import refused

UPLOAD = "import-id-cluster-add"
REPLACE = "import-id-cluster-modify"
LINES = b"".join(b"user_%043d\r\n" % number for number in range(20_000))  # 1 MB, in three parts
IDS = LINES.decode().split()


class Broken(Exception):
    """What a source of the caller raises."""


class Pipe(io.RawIOBase):
    """A binary file that can only be read on."""

    def __init__(self, data):
        super().__init__()
        self._data = io.BytesIO(data)

    def readable(self):
        return True

    def read(self, size=-1):
        return self._data.read(size)


class Rows:
    """Rows that note what is done with them; `breaks` is the row at which they raise."""

    def __init__(self, rows=IDS, breaks=None, wait=0.0):
        self.rows = rows
        self.breaks = breaks
        self.wait = wait
        self.started = 0
        self.closed = 0
        self.given = 0

    def generate(self):
        self.started += 1
        try:
            for number, row in enumerate(self.rows, 1):
                if number == self.breaks:
                    raise Broken(number)
                if self.wait:
                    time.sleep(self.wait)  # blocks its thread, as a database driver does
                self.given += 1
                yield row
        finally:
            self.closed += 1

    async def generate_slowly(self):
        self.started += 1
        try:
            for number, row in enumerate(self.rows, 1):
                if number == self.breaks:
                    raise Broken(number)
                if self.wait:
                    await asyncio.sleep(self.wait)
                yield row
        finally:
            await asyncio.sleep(0)
            self.closed += 1


class Again(Rows):
    """The same, to be read as often as wanted."""

    def __iter__(self):
        return self.generate()


class AsyncAgain(Rows):
    """The same for `async for`."""

    def __aiter__(self):
        return self.generate_slowly()


def upload(world, source, **arguments):
    return world.clusters.upload(source, display_name="ids", main_column="#account_id", **arguments)


def uploads(world):
    return [record for record in world.em.requests if record.name.startswith("import")]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


async def is_closed(rows):
    """Whether all readings are closed, by a thread that was left in the middle of one at the latest."""
    for _ in range(200):
        if rows.closed == rows.started:
            return True
        await asyncio.to_thread(time.sleep, 0.005)
    return False


def open_files():
    """The paths of the files that this process has open."""
    return {
        str(link.readlink())
        for link in Path("/proc/self/fd").iterdir()
        if link.is_symlink()  # the one of the directory itself is gone by now
    }


MAKERS = {
    "generator": lambda rows: rows.generate(),
    "async generator": lambda rows: rows.generate_slowly(),
}
BOTH = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


# The source's own failure


@BOTH
@pytest.mark.parametrize("row", [1, 10, 8193, 20_000])
def test_the_sources_own_error_comes_out_with_its_own_traceback(served, make, row):
    async def story(world):
        rows = Rows(breaks=row)
        with pytest.raises(Broken) as caught:
            await upload(world, make(rows), name="n")
        error = caught.value
        assert error.args == (row,)
        assert error.__cause__ is None
        assert error.__context__ is None
        frames = traceback.extract_tb(error.__traceback__)
        assert frames[-1].name.startswith("generate")
        assert not any("aiohttp" in frame.filename for frame in frames)
        text = "".join(traceback.format_exception(error))
        assert world.em.token not in text
        assert "http://" not in text
        assert world.done == []
        assert len(uploads(world)) <= 1
        if row <= 8192:
            assert world.sent == []
        assert (rows.started, rows.closed) == (1, 1)

    served(story)


@pytest.mark.parametrize("kind", [Again, AsyncAgain])
def test_a_source_that_failed_is_not_read_again_though_it_could_be(served, kind):
    async def story(world):
        await upload(world, ["a"], name="n")
        rows = kind(breaks=20_000)
        began = world.now
        with pytest.raises(Broken):
            await world.clusters.replace_upload("n", rows)
        assert world.now == began, "it waited for another try"
        assert (rows.started, rows.closed) == (1, 1)
        assert len(uploads(world)) == 2
        assert world.done == ["uploaded"]

    served(story)


def test_a_timeout_error_of_the_sources_own_is_not_taken_for_ours(served):
    async def rows():
        yield "a"
        raise TimeoutError("the database is slow")

    async def story(world):
        with pytest.raises(TimeoutError, match="the database is slow"):
            await upload(world, rows())

    served(story)


def test_an_iterable_that_raises_stop_iteration_does_not_hang(served):
    class Rows:
        def __iter__(self):
            return iter([next(iter(()))])

    async def story(world):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await upload(world, Rows())

    served(story)


def test_a_file_that_becomes_shorter_while_it_is_sent_is_told_and_makes_no_cluster(served, tmp_path):
    path = tmp_path / "ids.csv"
    with path.open("wb") as file:
        file.write((b"a" * 62 + b"\r\n") * (1 << 20))

    async def story(world):
        shrunk: list[bool] = []

        def shrink(record):
            if not shrunk and record.name == UPLOAD:
                shrunk.append(True)
                os.truncate(path, 1000)
            return False

        world.em.faults.add(Fault.reset(), when=shrink)
        with refused(InvalidRequest, "file-became-shorter"):
            await upload(world, path, name="n")
        assert world.done == []
        assert len(uploads(world)) == 1

    served(story)


def test_a_file_that_was_changed_between_two_tries_is_not_sent_in_part(served, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_bytes(LINES)

    async def story(world):
        await upload(world, ["a"], name="n")

        def grow(record):
            if record.name.startswith(REPLACE):
                with path.open("ab") as file:
                    file.write(b"more\r\n")
            return record.name.startswith(REPLACE)

        world.em.faults.add(Fault.html(503), when=grow)
        with refused(InvalidRequest, "file-changed"):
            await world.clusters.replace_upload("n", path)
        assert world.done == ["uploaded"]

    served(story)


def test_a_file_that_is_gone_at_the_second_try_is_told_as_such(served, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_bytes(LINES)

    async def story(world):
        await upload(world, ["a"], name="n")

        def remove(record):
            if record.name.startswith(REPLACE):
                path.unlink()
            return record.name.startswith(REPLACE)

        world.em.faults.add(Fault.html(503), when=remove)
        with refused(InvalidRequest, "file-unreadable", reason="No such file or directory"):
            await world.clusters.replace_upload("n", path)

    served(story)


# Sent again, or not

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
AGAIN = {
    "reset": Fault.reset(),
    "gateway": Fault.html(504, before=False),
    "too frequent": Fault.return_code(-1005, "请求频率过快"),
}


@pytest.mark.parametrize("fault", AGAIN.values(), ids=AGAIN)
@pytest.mark.parametrize("make", REPLACEABLE.values(), ids=REPLACEABLE)
def test_what_can_be_read_again_is_sent_again_whole(served, make, fault, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_bytes(LINES)

    async def story(world):
        await upload(world, ["a"], name="n")
        world.em.faults.add(fault, path=REPLACE + "-by-name", count=2)
        source = make(path)
        result = await world.clusters.replace_upload("n", source)
        assert result.upload_num == len(IDS)
        last = uploads(world)[-1]
        assert (last.body_size, last.body_sha256) == (len(LINES), sha256(LINES))
        assert len(uploads(world)) == 4
        if isinstance(source, Again | AsyncAgain):
            assert source.started == source.closed >= 3
        if isinstance(source, io.IOBase):
            source.close()

    served(story)


@pytest.mark.parametrize("fault", AGAIN.values(), ids=AGAIN)
@pytest.mark.parametrize("make", ONE_SHOT.values(), ids=ONE_SHOT)
def test_what_can_be_read_only_once_is_never_sent_twice(served, make, fault):
    async def story(world):
        await upload(world, ["a"], name="n")
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
    head = await reader.readuntil(b"\r\n\r\n")
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


# A server that does not read

ANSWERED_AT_ONCE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


def early(code, message):
    body = b'{"return_code": %d, "return_message": "%b"}' % (code, message)
    return ANSWERED_AT_ONCE % (len(body), body)


class Unread:
    """A server that answers at once and never reads the body."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.met = 0
        self.writers = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.answer, "127.0.0.1", 0, limit=1 << 16)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for writer in self.writers:
            writer.close()
        await asyncio.sleep(0.01)

    async def answer(self, reader, writer):
        self.writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        self.met += 1
        answer = self.answers[min(self.met, len(self.answers)) - 1]
        if answer is not None:
            writer.write(answer)
            await writer.drain()


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


def test_a_file_is_not_rewound_while_a_try_that_was_given_up_still_reads_it(monkeypatch):
    monkeypatch.setattr("ta_cluster_async.uploads.reader._CLOSE_TIMEOUT", 0.01)
    released = threading.Event()

    class Slow(io.BytesIO):
        reads = 0
        is_read = False
        was_moved = False

        def read(self, size=-1):
            self.reads += 1
            self.is_read = True
            if self.reads == 2:
                released.wait()
            self.is_read = False
            return super().read(size)

        def seek(self, *place):
            self.was_moved |= self.is_read
            return super().seek(*place)

    async def main():
        file = Slow(LINES * 3)
        source = source_of(file, encode_ids)
        await source.open()
        first, second = source.chunks(), source.chunks()
        await anext(first)
        given_up = asyncio.ensure_future(anext(first))
        await asyncio.to_thread(time.sleep, 0.01)
        given_up.cancel()
        body = asyncio.ensure_future(collect(second))
        await asyncio.to_thread(time.sleep, 0.04)
        released.set()
        assert await body == LINES * 3
        assert not file.was_moved
        await source.aclose()

    async def collect(chunks):
        return b"".join([chunk async for chunk in chunks])

    run(main())


# Closed afterwards


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
            await upload(world, source := make(rows))
        except (TransportError, HttpStatusError, ApiError):
            assert fault is not None
        assert (rows.started, rows.closed) == (1, 1)
        del source

    served(story)


@pytest.mark.parametrize("fault", [None, Fault.reset(), Fault.html(504), Fault.return_code(-9, "no")])
def test_a_path_is_closed_however_the_upload_ends(served, fault, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_bytes(LINES)

    async def story(world):
        if fault is not None:
            world.em.faults.add(fault, path=UPLOAD)
        try:
            await upload(world, path)
        except (TransportError, HttpStatusError, ApiError):
            assert fault is not None
        assert str(path) not in open_files()

    served(story)


def test_an_empty_or_wrong_file_is_closed(served, tmp_path):
    path = tmp_path / "ids.csv"

    async def story(world):
        for data in (b"", b"\xff\xfea"):
            path.write_bytes(data)
            with pytest.raises(InvalidRequest):
                await upload(world, path)
            assert str(path) not in open_files()

    served(story)


def test_an_iterator_of_the_callers_is_not_closed(served):
    class Cursor:
        """As a database gives it: to be read on, and to be closed by the one who opened it."""

        def __init__(self, rows):
            self.rows = iter(rows)
            self.closed = False

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.rows)

        def close(self):
            self.closed = True

    async def story(world):
        cursor = Cursor(IDS)
        await upload(world, cursor)
        assert not cursor.closed

    served(story)


# Cancelled


@BOTH
@pytest.mark.parametrize("after", [0.0, 0.05])
def test_cancelled_while_the_source_is_read_before_anything_is_sent(served, make, after):
    async def story(world):
        rows = Rows(wait=0.02 if make is MAKERS["generator"] else 100.0)
        source = make(rows)
        task = asyncio.ensure_future(upload(world, source))
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


def test_a_source_that_blocks_its_thread_does_not_hold_up_a_cancellation(served, monkeypatch):
    monkeypatch.setattr("ta_cluster_async.uploads.reader._CLOSE_TIMEOUT", 0.02)
    released, closed = threading.Event(), threading.Event()

    def blocked():
        try:
            released.wait()
            yield "a"
        finally:
            closed.set()

    async def story(world):
        source = blocked()
        task = asyncio.ensure_future(upload(world, source))
        await asyncio.to_thread(time.sleep, 0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not closed.is_set()
        released.set()
        assert await asyncio.to_thread(closed.wait, 5.0)

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


def test_a_path_is_closed_when_the_upload_is_cancelled(served, tmp_path):
    path = tmp_path / "ids.csv"
    with path.open("wb") as file:
        file.write((b"a" * 62 + b"\r\n") * (1 << 20))

    async def story(world):
        async with Unread(None) as server, TaSession(server.url, "token") as ta:
            task = asyncio.ensure_future(
                ta.project(102).clusters.upload(path, display_name="d", main_column="c")
            )
            await asyncio.sleep(5)
            assert str(path) in open_files()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert str(path) not in open_files()

    served(story)


@BOTH
def test_cancelled_while_the_answer_is_awaited_or_looked_for(served, make):
    async def story(world):
        for fault, path in (
            (Fault.stall(), UPLOAD),
            (Fault.stall(before=False), UPLOAD),
            (Fault.stall(), "user-cluster-detail"),
        ):
            world.em.faults.add(fault, path=path)
            rows = Rows(IDS[:100])
            source = make(rows)
            task = asyncio.ensure_future(upload(world, source, name="n"))
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
                await upload(world, make(Rows()))
        gc.collect()
        await asyncio.sleep(1)

    served(story)
    gc.collect()

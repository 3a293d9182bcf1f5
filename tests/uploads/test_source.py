"""What uploads take their rows from: the exact bytes arrive, and what is wrong is refused or told by its row."""

import asyncio
import gzip
import hashlib
import io
import os
import tempfile
import tracemalloc
from itertools import islice, repeat

import pytest

from ta_cluster_async import TaSession
from ta_cluster_async.emulator import Settings
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.protocol.requests import Response
from tests.world import refused

UPLOAD = "import-id-cluster-add"
BOM = b"\xef\xbb\xbf"
LINE = 50
LINES = b"".join(b"user_%043d\r\n" % number for number in range(60_000))  # 3 MB
IDS = LINES.decode().split()


def upload(resource, source, **arguments):
    return resource.upload(source, display_name="ids", main_column="#account_id", **arguments)


def arrived(world):
    """Size and digest of the body of the latest upload."""
    record = [record for record in world.em.requests if record.name.startswith("import")][-1]
    return record.body_size, record.body_sha256


def digest(data):
    return len(data), hashlib.sha256(data).hexdigest()


class Pipe(io.RawIOBase):
    """A binary file that can only be read on, some bytes at a time."""

    def __init__(self, data, most=1 << 16):
        super().__init__()
        self._data = io.BytesIO(data)
        self._most = most

    def readable(self):
        return True

    def read(self, size=-1):
        return self._data.read(min(size, self._most))


class Again:
    """An iterable that begins anew each time, as a class with a generator for `__iter__` does."""

    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        yield from self.rows


class AsyncAgain:
    """The same for `async for`."""

    def __init__(self, rows):
        self.rows = rows

    async def __aiter__(self):
        for row in self.rows:
            yield row


async def one_by_one(rows):
    for row in rows:
        yield row
        if hash(row) % 5000 == 0:
            await asyncio.sleep(0.01)


def file_at(offset, data):
    file = tempfile.TemporaryFile()  # noqa: SIM115  (the test closes it)
    file.write(b"x" * offset + data)
    file.seek(offset)
    return file


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "ids.csv"
    path.write_bytes(LINES)
    return path


SOURCES = {
    "bytes": lambda: LINES,
    "bytearray": lambda: bytearray(LINES),
    "memoryview": lambda: memoryview(LINES),
    "part of a memoryview": lambda: memoryview(b"xx" + LINES + b"xx")[2:-2],
    "BytesIO": lambda: io.BytesIO(LINES),
    "file at an offset": lambda: file_at(100, LINES),
    "buffered reader": lambda: io.BufferedReader(io.BytesIO(LINES)),
    "gzip": lambda: gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(LINES, 1))),
    "pipe": lambda: Pipe(LINES),
    "list": lambda: IDS,
    "tuple": lambda: tuple(IDS),
    "dict": lambda: dict.fromkeys(IDS),
    "iterator": lambda: iter(IDS),
    "generator": lambda: (row for row in IDS),
    "again": lambda: Again(IDS),
    "async generator": lambda: one_by_one(IDS),
    "async again": lambda: AsyncAgain(IDS),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_exact_bytes_arrive(served, source):
    async def story(world):
        given = source()
        result = await upload(world.clusters, given)
        assert result.upload_num == len(IDS)
        assert arrived(world) == digest(LINES)
        assert not getattr(given, "closed", False), "the caller's file is the caller's to close"
        if hasattr(given, "close") and hasattr(given, "read"):
            given.close()

    served(story)


@pytest.mark.parametrize("as_text", [False, True])
def test_the_exact_bytes_of_a_file_arrive_with_their_length(served, path, as_text):
    async def story(world):
        await upload(world.clusters, str(path) if as_text else path)
        assert arrived(world) == digest(LINES)

    served(story)


def test_a_set_and_a_range_are_ids_too(served):
    async def story(world):
        assert (await upload(world.clusters, {"a", "b", "c"})).upload_num == 3
        await upload(world.clusters, range(5))
        assert arrived(world) == digest(b"0\r\n1\r\n2\r\n3\r\n4\r\n")

    served(story)


@pytest.mark.parametrize("rows", [1, 8191, 8192, 8193, 16384, 20_000])
@pytest.mark.parametrize("given", [list, iter, Again, one_by_one])
def test_rows_arrive_whole_and_in_order_wherever_they_are_cut(served, rows, given):
    async def story(world):
        await upload(world.clusters, given(IDS[:rows]))
        assert arrived(world) == digest(LINES[: LINE * rows])

    served(story)


@pytest.mark.parametrize("given", [list, iter, one_by_one, lambda rows: map(list, rows)])
def test_tags_take_pairs(served, given):
    rows = [("a", "gold"), ("b", None), ("c", 3), ("d,e", 'say "hi"'), (7, "")]
    body = b'a,gold\r\nb,\r\nc,3\r\n"d,e","say ""hi"""\r\n7,\r\n'

    async def story(world):
        result = await upload(world.tags, given(rows))
        assert arrived(world) == digest(body)
        assert (result.upload_num, result.tag_value_null_num) == (5, 2)

    served(story)


def test_the_lines_of_a_file_go_out_as_they_are(served):
    data = '甲\r\n"a,b"\r\n\r\nz'.encode()

    async def story(world):
        for source in (data, io.BytesIO(data)):
            await upload(world.clusters, source)
            assert arrived(world) == digest(data)

    served(story)


# The start of a file


def written(tmp_path, data):
    path = tmp_path / "some.csv"
    path.write_bytes(data)
    return path


KINDS = {
    "bytes": lambda data, _: data,
    "path": lambda data, tmp_path: written(tmp_path, data),
    "file": lambda data, _: io.BytesIO(data),
    "pipe": lambda data, _: Pipe(data),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_byte_order_mark_is_left_out(served, kind, tmp_path):
    async def story(world):
        await upload(world.clusters, kind(BOM + LINES[:500], tmp_path))
        assert arrived(world) == digest(LINES[:500])

    served(story)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_before_anything_is_sent(served, kind, tmp_path, encoding):
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")

    async def story(world):
        with pytest.raises(InvalidRequest, match="UTF-16"):
            await upload(world.clusters, kind(mark + "a\r\nb\r\n".encode(encoding), tmp_path), name="n")
        assert world.sent == []

    served(story)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("data", [b"", b"\r\n", b" \t\r\n\r\n", BOM, BOM + b"\r\n", b"\r\n" * 50_000])
def test_a_file_without_rows_is_refused_before_anything_is_sent(served, kind, tmp_path, data):
    async def story(world):
        with refused(InvalidRequest, "upload-empty"):
            await upload(world.clusters, kind(data, tmp_path), name="n")
        with refused(InvalidRequest, "upload-empty"):
            await world.clusters.replace_upload("n", kind(data, tmp_path))
        assert world.sent == []

    served(story)


def test_rows_behind_many_blank_lines_are_rows(served, tmp_path):
    async def story(world):
        for kind in KINDS.values():
            await upload(world.clusters, kind(b"\r\n" * 10_000 + b"a\r\n", tmp_path))
        assert world.done == ["uploaded"] * len(KINDS)

    served(story)


@pytest.mark.parametrize(
    "source",
    [[], (), iter(()), {}, range(0), Again([]), AsyncAgain([]), one_by_one([])],
    ids=lambda source: type(source).__name__,
)
def test_an_iterable_without_rows_is_refused_before_anything_is_sent(served, source):
    async def story(world):
        with refused(InvalidRequest, "upload-empty"):
            await upload(world.clusters, source, name="n")
        assert world.sent == []

    served(story)


@pytest.mark.parametrize("start", [b"", BOM, b"\r\n \r\n"])
def test_a_pipe_may_give_its_start_byte_by_byte(served, start):
    async def story(world):
        await upload(world.clusters, Pipe(start + LINES[:200], most=1))
        assert arrived(world) == digest(start.removeprefix(BOM) + LINES[:200])

    served(story)


# What is no source


@pytest.mark.parametrize("source", [None, 970, 1.5, object(), len, True])
def test_what_cannot_be_a_source_is_refused_before_anything_is_sent(served, source):
    async def story(world):
        with refused(InvalidRequest, "not-a-source", kind=type(source).__name__):
            await upload(world.clusters, source)
        assert world.sent == []

    served(story)


def test_a_file_in_text_mode_is_refused(served):
    async def story(world):
        with refused(InvalidRequest, "file-in-text-mode"):
            await upload(world.clusters, io.StringIO("a\r\n"))
        assert world.sent == []

    served(story)


def test_an_asynchronous_file_is_refused_without_a_warning(served):
    class File:
        async def read(self, size=-1):
            return b"a\r\n"[:size]

    async def story(world):
        with refused(InvalidRequest, "file-asynchronous"):
            await upload(world.clusters, File())
        assert world.sent == []

    served(story)


@pytest.mark.parametrize(("name", "code"), [("nowhere.csv", "file-unreadable"), (".", "file-not-regular")])
def test_a_path_that_cannot_be_read_is_refused(served, tmp_path, name, code):
    async def story(world):
        with refused(InvalidRequest, code) as caught:
            await upload(world.clusters, tmp_path / name)
        assert caught.value.__context__ is None
        assert world.sent == []

    served(story)


def test_a_named_pipe_is_refused_and_not_waited_for(served, tmp_path):
    os.mkfifo(tmp_path / "fifo")

    async def story(world):
        with refused(InvalidRequest, "file-not-regular"):
            await upload(world.clusters, tmp_path / "fifo")
        assert world.sent == []

    served(story)


def test_an_open_pipe_is_a_source(served):
    async def story(world):
        reading, writing = os.pipe()
        os.write(writing, b"a\r\nb\r\n")
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            await upload(world.clusters, pipe)
        assert arrived(world) == digest(b"a\r\nb\r\n")

    served(story)


# Bad rows

BAD_IDS = [None, "", "  ", 1.5, True, b"a", ("a",), "\ud800"]


@pytest.mark.parametrize("row", [1, 5000, 8193])
@pytest.mark.parametrize("given", [list, iter, one_by_one])
def test_a_bad_row_is_named_and_the_server_has_no_cluster(served, given, row):
    async def story(world):
        for bad in BAD_IDS:
            rows = [*IDS[: row - 1], bad, *IDS[:5]]
            with pytest.raises(InvalidRequest, match=rf"row {row}\b"):
                await upload(world.clusters, given(rows), name="n")
        assert world.done == []
        if row <= 8192:
            assert world.sent == []

    served(story)


@pytest.mark.parametrize("bad", [("a",), ("a", "b", "c"), "ab", None, ("", "b"), ("a", 1.5), ("a", "\ud800")])
def test_a_bad_pair_is_named(served, bad):
    async def story(world):
        with pytest.raises(InvalidRequest, match=r"[Rr]ow 2\b"):
            await upload(world.tags, [("a", "b"), bad])
        assert world.sent == []

    served(story)


@pytest.mark.parametrize(
    "wrong",
    [
        {"display_name": "x" * 51},
        {"display_name": ""},
        {"display_name": None},
        {"display_name": "\ud800"},
        {"main_column": ""},
        {"main_column": None},
        {"name": "x" * 25},
        {"name": "a-b"},
        {"name": ""},
        {"name": 7},
        {"remarks": 7},
        {"remarks": "\ud800"},
    ],
)
def test_wrong_arguments_are_refused_before_the_source_is_read(served, wrong):
    async def story(world):
        rows = iter(IDS[:3])
        with pytest.raises(InvalidRequest):
            await world.clusters.upload(
                rows, **{"display_name": "d", "main_column": "#account_id", "name": "n"} | wrong
            )
        if "name" not in wrong and None not in wrong.values():
            with pytest.raises(InvalidRequest):
                await world.clusters.replace_upload("n", rows, **wrong)
        assert world.sent == []
        assert list(rows) == IDS[:3]

    served(story)


# Memory


class Discarding:
    """A transport that takes everything and keeps nothing."""

    size = 0

    async def send(self, request, token, timeout):
        async for chunk in request.upload.chunks():
            self.size += len(chunk)
            await asyncio.sleep(0)
        return Response(200, b'{"return_code": 0, "data": {"clusterId": 1}}')

    async def aclose(self):
        pass


async def repeated(row, count):
    for _ in range(count):
        yield row


ROW = "a" * 38
LARGE = {
    "iterator": lambda size: islice(repeat(ROW), size // 40),
    "async generator": lambda size: repeated(ROW, size // 40),
}


def peak_of_upload(source, size):
    """The most memory in use while a source is uploaded."""
    transport = Discarding()

    async def main():
        async with TaSession("http://ta2:8992", "token", transport=transport) as ta:
            await upload(ta.project(102).clusters, source)

    tracemalloc.start()
    try:
        run(main())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        assert transport.size == size


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
def test_the_memory_of_an_upload_of_rows_does_not_grow_with_its_size(make):
    size = 6 << 20
    assert peak_of_upload(make(size // 40 * 40), size // 40 * 40) < 4 << 20


def test_the_memory_of_an_upload_of_a_file_does_not_grow_with_its_size(tmp_path):
    path = tmp_path / "large.csv"
    size = 32 << 20
    with path.open("wb") as file:
        file.write((b"a" * 62 + b"\r\n") * (size // 64))
    assert peak_of_upload(path, size) < 6 << 20
    with path.open("rb") as file:
        assert peak_of_upload(file, size) < 6 << 20


def test_bytes_are_not_copied():
    data = b"a\r\n" * (10 << 20)
    assert peak_of_upload(data, len(data)) < 5 << 20
    data = BOM + data
    assert peak_of_upload(data, len(data) - 3) < 5 << 20


def test_uploaded_ids_are_evaluated_as_they_were_given(served):
    async def story(world):
        everybody = await world.clusters.create(
            {
                "clusterName": "everybody",
                "displayName": "e",
                "qp": {
                    "filts": [{"tableType": "user", "columnName": "#account_id", "comparator": "notNull"}]
                },
            }
        )
        await asyncio.sleep(10)
        accounts = sorted(world.em.members(everybody))[:20]
        result = await upload(world.clusters, [*accounts, "nobody"], name="some")
        assert (result.user_num, result.unmatched_num, result.upload_num) == (20, 1, 21)
        assert world.em.members("some") == frozenset(accounts)

    served(story, settings=Settings())

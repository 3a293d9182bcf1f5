"""Sources: the exact bytes of every kind arrive, and an error of the source itself comes out as it is."""

import asyncio
import gzip
import io
import tempfile
import traceback

import pyarrow as pa
import pytest

from ta_cluster_async.emulator import Settings
from ta_cluster_async.errors import (
    InvalidRequest,
)
from ta_cluster_async.protocol.csv import encode_ids
from ta_cluster_async.uploads.options import Layout
from ta_cluster_async.uploads.source import source_of
from tests.uploads.sources import (
    BOTH,
    LONG_IDS,
    LONG_LINES,
    Again,
    AsyncAgain,
    Broken,
    Pipe,
    Rows,
    arrived,
    digest,
    one_by_one,
    upload,
    uploads,
)
from tests.uploads.tables import table_of
from tests.world import refused


def file_at(offset, data):
    file = tempfile.TemporaryFile()  # noqa: SIM115  (the test closes it)
    file.write(b"x" * offset + data)
    file.seek(offset)
    return file


SOURCES = {
    "bytes": lambda: LONG_LINES,
    "bytearray": lambda: bytearray(LONG_LINES),
    "memoryview": lambda: memoryview(LONG_LINES),
    "part of a memoryview": lambda: memoryview(b"xx" + LONG_LINES + b"xx")[2:-2],
    "BytesIO": lambda: io.BytesIO(LONG_LINES),
    "file at an offset": lambda: file_at(100, LONG_LINES),
    "buffered reader": lambda: io.BufferedReader(io.BytesIO(LONG_LINES)),
    "gzip": lambda: gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(LONG_LINES, 1))),
    "pipe": lambda: Pipe(LONG_LINES),
    "list": lambda: LONG_IDS,
    "tuple": lambda: tuple(LONG_IDS),
    "dict": lambda: dict.fromkeys(LONG_IDS),
    "iterator": lambda: iter(LONG_IDS),
    "generator": lambda: (row for row in LONG_IDS),
    "again": lambda: Again(LONG_IDS),
    "async generator": lambda: one_by_one(LONG_IDS),
    "async again": lambda: AsyncAgain(LONG_IDS),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_exact_bytes_arrive(served, source):
    async def story(world):
        given = source()
        result = await upload(world.clusters, given)
        assert result.upload_num == len(LONG_IDS)
        assert arrived(world) == digest(LONG_LINES)
        if isinstance(given, io.IOBase):
            assert not given.closed, "the caller's file is the caller's to close"
            given.close()

    served(story)


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


@pytest.mark.parametrize("source", [None, 970, 1.5, object(), len, True])
def test_what_cannot_be_a_source_is_refused_before_anything_is_sent(served, source):
    async def story(world):
        with refused(InvalidRequest, "not-a-source", kind=type(source).__name__):
            await upload(world.clusters, source)
        assert world.sent == []

    served(story)


@pytest.mark.parametrize(
    "rows", [lambda: ["a", None, "", "b"], lambda: iter(["a", None, " ", "b"]), lambda: table_of(["a", "", None, "b"])]
)  # fmt: skip
def test_all_sources_skip_alike(served, rows):
    async def story(world):
        source = rows()
        options = {"column": "id"} if isinstance(source, pa.Table) else {}
        result = await upload(world.clusters, source, on_null="skip", **options)
        assert (result.upload_num, result.skipped_num) == (2, 2)

    served(story)


@pytest.mark.parametrize(
    "source", [[None] * 20_000, pa.table({"id": pa.nulls(9)}), b'""\r\n""\r\n'], ids=["rows", "Arrow", "CSV"]
)
def test_a_source_of_which_all_is_skipped_is_refused(served, source):
    async def story(world):
        with refused(InvalidRequest, "upload-empty"):
            await upload(world.clusters, source, on_null="skip")
        assert world.sent == []

    served(story)


# The source's own error


@BOTH
@pytest.mark.parametrize("row", [1, 10, 8193, 20_000])
def test_the_sources_own_error_comes_out_with_its_own_traceback(served, make, row):
    async def story(world):
        rows = Rows(breaks=row)
        with pytest.raises(Broken) as caught:
            await upload(world.clusters, make(rows), name="n")
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
        await upload(world.clusters, ["a"], name="n")
        rows = kind(range(10**6), breaks=300_000)
        began = world.now
        with pytest.raises(Broken):
            await world.clusters.replace_upload("n", rows)
        assert world.now == began, "it waited for another try"
        assert (rows.started, rows.closed) == (1, 1)
        assert len(uploads(world)) == 2
        assert world.done == ["uploaded"]

    served(story)


def test_a_source_that_has_failed_gives_nothing_more():
    def rows():
        yield "a"
        raise OSError("the disk is gone")

    async def main():
        source = source_of(rows(), encode_ids, Layout(columns=1))
        raised = []
        for chunks in (source.chunks(), source.chunks()):
            try:
                await anext(chunks)
            except Exception as problem:  # noqa: BLE001
                raised.append(type(problem).__name__)
        await source.aclose()
        return raised, source.failure, source.can_start

    raised, failure, can_start = asyncio.run(main())
    assert raised == ["SourceFailed", "SourceFailed"]
    assert isinstance(failure, OSError)
    assert not can_start


def test_a_timeout_error_of_the_sources_own_is_not_taken_for_ours(served):
    async def rows():
        yield "a"
        raise TimeoutError("the database is slow")

    async def story(world):
        with pytest.raises(TimeoutError, match="the database is slow"):
            await upload(world.clusters, rows())

    served(story)

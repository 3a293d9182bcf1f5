"""Corners of the sources: what comes in pieces of a byte, kinds that are rare, and readers that are closed in the middle."""

import asyncio
import hashlib
import io
import threading
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.protocol.csv import encode_ids
from ta_cluster_async.uploads import rows as source_rows
from ta_cluster_async.uploads.options import Layout
from ta_cluster_async.uploads.source import source_of
from tests.world import refused


def upload(world, source, **arguments):
    return world.clusters.upload(source, display_name="ids", main_column="#account_id", **arguments)


def arrived(world):
    return [record for record in world.em.requests if record.name.startswith("import")][-1].body_sha256


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class ByteByByte(io.BytesIO):
    """A file that gives a byte at a time, as a slow pipe does."""

    def read(self, size=-1, /):
        return super().read(min(size, 1) if size > 0 else size)

    def readinto(self, buffer, /):
        data = self.read(1)
        buffer[: len(data)] = data
        return len(data)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_columns_of_a_csv_that_comes_byte_by_byte_are_read_behind_a_byte_order_mark(served, mark):
    async def story(world):
        await upload(world, ByteByByte(mark + b"id,x\r\na,1\r\nb,2\r\n"), column="id", header=True)
        assert arrived(world) == sha256(b"a\r\nb\r\n")

    served(story)


@pytest.mark.parametrize("text", [b"", b"\xef\xbb"])
def test_a_csv_that_ends_before_its_columns_begin_is_refused(served, text):
    async def story(world):
        with pytest.raises(InvalidRequest):
            await upload(world, ByteByByte(text), column="id", header=True)
        assert not world.em.requests

    served(story)


def test_a_quote_that_is_never_closed_is_told_by_its_line(served):
    async def story(world):
        with refused(InvalidRequest, "csv-malformed", line=3):
            await upload(world, b'id,x\r\na,1\r\n"b,2\r\n', column="id", header=True)
        assert not world.em.effects

    served(story)


def test_a_csv_of_more_rows_than_a_batch_arrives_whole(served, monkeypatch):
    monkeypatch.setattr(source_rows, "BATCH", 10)
    rows = [b"%d,x\r\n" % number for number in range(25)]

    async def story(world):
        result = await upload(world, b"id,x\r\n" + b"".join(rows), column="id", header=True)
        assert result.upload_num == 25
        assert arrived(world) == sha256(b"".join(b"%d\r\n" % number for number in range(25)))

    served(story)


class Uuid(pa.ExtensionType):  # type: ignore[misc, unused-ignore]
    """A type of somebody's own that is stored as text."""

    def __init__(self):
        super().__init__(pa.string(), "tests.uuid")

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type, serialized):
        return cls()


@pytest.fixture
def registered():
    pa.register_extension_type(Uuid())
    yield
    pa.unregister_extension_type("tests.uuid")


@pytest.mark.usefixtures("registered")
def test_a_column_of_a_type_of_somebodys_own_arrives_as_it_is_stored(served):
    ids = pa.ExtensionArray.from_storage(Uuid(), pa.array(["a", "b"]))

    async def story(world):
        await upload(world, pa.table({"id": ids}), column="id")
        assert arrived(world) == sha256(b"a\r\nb\r\n")

    served(story)


def test_decimals_that_need_no_exponent_arrive_as_they_are(served):
    ids = pa.array([Decimal("0.5000000000"), Decimal("12.0000000000"), None], pa.decimal128(20, 10))

    async def story(world):
        await upload(world, pa.table({"id": ids}), column="id", on_null="skip")
        assert arrived(world) == sha256(b"0.5000000000\r\n12.0000000000\r\n")

    served(story)


async def numbers(log):
    try:
        for number in range(100):
            yield number
    finally:
        log.append("closed")


class Numbers:
    """An async iterator that is no generator."""

    def __init__(self, log):
        self._left = list(range(100))

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)


@pytest.mark.parametrize(("make", "closed"), [(numbers, ["closed"]), (Numbers, [])])
def test_an_async_source_is_closed_where_that_can_be_done(monkeypatch, make, closed):
    monkeypatch.setattr(source_rows, "BATCH", 10)

    async def main():
        log: list[str] = []
        source = source_of(make(log), encode_ids, Layout(columns=1))
        chunks = source.chunks()
        first = await anext(chunks)
        await source.aclose()
        await source.aclose()
        return bytes(first), log

    assert asyncio.run(main()) == (b"".join(b"%d\r\n" % n for n in range(10)), closed)


def test_a_batch_of_which_all_is_skipped_does_not_end_an_async_source(served, monkeypatch):
    monkeypatch.setattr(source_rows, "BATCH", 3)

    async def rows():
        for row in [None, None, None, "a", " ", "", None, "b"]:
            yield row

    async def story(world):
        result = await upload(world, rows(), on_null="skip")
        assert (result.upload_num, result.skipped_num) == (2, 6)
        assert arrived(world) == sha256(b"a\r\nb\r\n")

    served(story)


def test_a_reader_of_a_table_that_was_never_read_can_be_closed():
    async def main():
        source: Any = source_of(pa.table({"id": ["a"]}), encode_ids, Layout(columns=1))
        reader = source._start()
        await reader.aclose()
        return threading.active_count()

    before = threading.active_count()
    assert asyncio.run(main()) == before


def test_a_source_that_has_failed_gives_nothing_more():
    def rows():
        yield "a"
        raise OSError("the disk is gone")

    async def main():
        source = source_of(rows(), encode_ids, Layout(columns=1))
        told = []
        for chunks in (source.chunks(), source.chunks()):
            try:
                await anext(chunks)
            except Exception as problem:  # noqa: BLE001
                told.append(type(problem).__name__)
        await source.aclose()
        return told, source.failure, source.can_start

    told, failure, can_start = asyncio.run(main())
    assert told == ["SourceFailed", "SourceFailed"]
    assert isinstance(failure, OSError)
    assert not can_start

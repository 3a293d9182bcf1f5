"""Readers: what blocks is read in a thread, and a reader that is closed ends its thread and its source."""

import asyncio
import gzip
import io
import pathlib
import threading
import time
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from ta_cluster_async.protocol.csv import encode_ids
from ta_cluster_async.uploads.options import Layout
from ta_cluster_async.uploads.source import source_of
from tests.uploads.sources import (
    upload,
)


class Places:
    """Takes down in which threads something was read."""

    def __init__(self):
        self.threads = set()

    def here(self):
        self.threads.add(threading.get_ident())

    def rows(self):
        for number in range(3):
            self.here()
            yield str(number)

    def batches(self):
        for row in self.rows():
            yield pa.record_batch({"id": [row]})

    def file(self):
        places = self

        class File(io.BytesIO):
            def read(self, size=-1):
                places.here()
                return super().read(size)

        return File(b"1\n2\n")


def open_file(places, folder, monkeypatch):
    opened = pathlib.Path.open

    def noted(path, *arguments, **options):
        places.here()
        return opened(path, *arguments, **options)

    monkeypatch.setattr(pathlib.Path, "open", noted)
    (folder / "ids.csv").write_bytes(b"1\r\n")
    places.threads.clear()
    return folder / "ids.csv"


def open_gzip(places, folder, monkeypatch):
    (folder / "ids.csv.gz").write_bytes(gzip.compress(b"1\r\n"))
    opened = gzip.open

    def noted(*arguments):
        places.here()
        return opened(*arguments)

    monkeypatch.setattr(gzip, "open", noted)
    return folder / "ids.csv.gz"


def open_parquet(places, folder, monkeypatch):
    parquet.write_table(pa.table({"id": ["1"]}), folder / "ids.parquet")

    opened = parquet.ParquetFile

    def noted(path):
        places.here()
        return opened(path)

    monkeypatch.setattr(parquet, "ParquetFile", noted)
    return folder / "ids.parquet"


KINDS = {
    "generator": lambda places, *_: places.rows(),
    "file": lambda places, *_: places.file(),
    "Arrow": lambda places, *_: pa.RecordBatchReader.from_batches(
        pa.schema({"id": pa.string()}), places.batches()
    ),
    "path": open_file,
    "gzip": open_gzip,
    "Parquet": open_parquet,
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_what_blocks_is_read_in_another_thread_than_the_loops(served, monkeypatch, tmp_path, make):
    places = Places()
    source = make(places, tmp_path, monkeypatch)

    async def story(world):
        await world.clusters.upload(source, display_name="ids", main_column="#account_id")
        assert places.threads
        assert threading.get_ident() not in places.threads

    served(story)


def test_a_reader_of_a_table_that_was_never_read_can_be_closed():
    async def main():
        source: Any = source_of(pa.table({"id": ["a"]}), encode_ids, Layout(columns=1))
        reader = source._start()
        await reader.aclose()
        return threading.active_count()

    before = threading.active_count()
    assert asyncio.run(main()) == before


def test_an_iterable_that_raises_stop_iteration_does_not_hang(served):
    class Rows:
        def __iter__(self):
            return iter([next(iter(()))])

    async def story(world):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await upload(world.clusters, Rows())

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
        task = asyncio.ensure_future(upload(world.clusters, source))
        await asyncio.to_thread(time.sleep, 0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not closed.is_set()
        released.set()
        assert await asyncio.to_thread(closed.wait, 5.0)

    served(story)

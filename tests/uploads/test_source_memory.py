"""Memory: an upload takes no more of it, however large its source is."""

import asyncio
import tracemalloc
from itertools import islice, repeat

import pytest

from ta_cluster_async import TaSession
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.protocol.requests import Response
from tests.uploads.sources import (
    BOM,
    upload,
)


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


@pytest.mark.slow
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

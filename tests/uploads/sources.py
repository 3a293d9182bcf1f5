"""Sources of rows for the tests of uploads, and what of them arrived."""

import asyncio
import gzip
import hashlib
import io
import time
from pathlib import Path
from typing import Any

import pytest

from ta_cluster_async.protocol.requests import Response
from ta_cluster_async.uploads.source import source_of

BOM = b"\xef\xbb\xbf"
UPLOAD = "import-id-cluster-add"
REPLACE = "import-id-cluster-modify"
DETAIL = "user-cluster-detail"

LINE = 50
LONG_LINES = b"".join(b"user_%043d\r\n" % number for number in range(60_000))  # 3 MB
LONG_IDS = LONG_LINES.decode().split()
LINES = LONG_LINES[: 20_000 * LINE]  # 1 MB, in three batches of rows
IDS = LONG_IDS[:20_000]


def upload(resource, source, **arguments):
    return resource.upload(source, display_name="ids", main_column="#account_id", **arguments)


def uploads(world):
    return [record for record in world.em.requests if record.name.startswith("import")]


def arrived(world):
    """Size and digest of the body of the latest upload."""
    record = uploads(world)[-1]
    return record.body_size, record.body_sha256


def digest(data):
    return len(data), hashlib.sha256(data).hexdigest()


def read_whole(source, encode, layout):
    """What is sent of a source, read without an event loop."""
    reader: Any = source_of(source, encode, layout)._start()
    return b"".join(iter(reader._read, b""))


def written(path, data):
    path.write_bytes(data)
    return path


FORMS = {
    "bytes": lambda data, _: data,
    "file": lambda data, _: io.BytesIO(data),
    "path": lambda data, folder: written(folder / "ids.csv", data),
    "text path": lambda data, folder: written(folder / "ids.txt", data),
    "gzip": lambda data, folder: written(folder / "ids.csv.gz", gzip.compress(data)),
}


FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


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


class Broken(Exception):
    """What a source of the caller raises."""


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
    """Rows that can be read as often as wanted."""

    def __iter__(self):
        return self.generate()


class AsyncAgain(Rows):
    """Rows for `async for` that can be read as often as wanted."""

    def __aiter__(self):
        return self.generate_slowly()


async def one_by_one(rows):
    for row in rows:
        yield row
        if hash(row) % 5000 == 0:
            await asyncio.sleep(0.01)


MAKERS = {
    "generator": lambda rows: rows.generate(),
    "async generator": lambda rows: rows.generate_slowly(),
}


BOTH = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


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


class Answering:
    """A transport that reads an upload and gives an answer."""

    def __init__(self, data):
        self._data = data

    async def send(self, request, token, timeout):
        async for _ in request.upload.chunks():
            pass
        return Response(200, b'{"return_code": 0, "data": %b}' % self._data)

    async def aclose(self):
        pass

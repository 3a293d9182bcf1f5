"""Files: their exact bytes arrive, what cannot be read is refused, and changes on the way are noticed."""

import asyncio
import bz2
import gzip
import io
import lzma
import os
import re
import threading
import time
import zipfile

import pyarrow as pa
import pytest
from pyarrow import dataset, parquet

from ta_cluster_async import TaSession
from ta_cluster_async.emulator import Fault
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    ApiError,
    HttpStatusError,
    InvalidRequest,
    SourceChanged,
    TransportError,
)
from ta_cluster_async.messages import Message
from ta_cluster_async.protocol.csv import encode_ids
from ta_cluster_async.uploads.files import FileState, PathInput
from ta_cluster_async.uploads.source import source_of
from tests.uploads.sources import (
    LINES,
    LONG_LINES,
    REPLACE,
    UPLOAD,
    arrived,
    digest,
    open_files,
    upload,
    uploads,
    written,
)
from tests.uploads.unread import Unread
from tests.world import refused


@pytest.fixture
def path(tmp_path):
    return written(tmp_path / "ids.csv", LONG_LINES)


@pytest.mark.parametrize("as_text", [False, True])
def test_the_exact_bytes_of_a_file_arrive_with_their_length(served, path, as_text):
    async def story(world):
        await upload(world.clusters, str(path) if as_text else path)
        assert arrived(world) == digest(LONG_LINES)

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


# What cannot be read


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


@pytest.mark.parametrize(
    ("name", "code"), [("nowhere.csv", "file-unreadable"), (".", "folder-without-parquet")]
)
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


@pytest.mark.parametrize("data", [gzip.compress(b"a\r\n" * 999)[:-9], b"a\r\nb\r\n"], ids=["cut", "none"])
def test_a_broken_gzip_file_is_refused(served, tmp_path, data):
    path = written(tmp_path / "ids.csv.gz", data)

    async def story(world):
        with refused(InvalidRequest, "file-unreadable"):
            await upload(world.clusters, path)
        assert world.done == []

    served(story)


def gzip_of(folder, text):
    return written(folder / "ids.csv.gz", gzip.compress(text))


def parquet_of_null(folder, _):
    parquet.write_table(pa.table({"id": ["1", None]}), folder / "ids.parquet")
    return folder / "ids.parquet"


@pytest.mark.parametrize(
    "make", [lambda folder, text: written(folder / "ids.csv", text), gzip_of, parquet_of_null]
)
def test_a_wrong_row_of_a_file_is_named_with_the_file(served, tmp_path, make):
    path = make(tmp_path, b'1\r\n""\r\n')

    async def story(world):
        with refused(InvalidRequest, "row-in-file") as caught:
            await upload(world.clusters, path, on_null="refuse")
        assert re.match(rf"The file {re.escape(str(path))}(, line 2)?: The id of row 2 ", str(caught.value))

    served(story)


# Changed while it is sent


def test_a_file_that_becomes_shorter_while_it_is_sent_makes_no_cluster(served, tmp_path):
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
            await upload(world.clusters, path, name="n")
        assert world.done == []
        assert len(uploads(world)) == 1

    served(story)


def test_a_file_that_was_changed_between_two_tries_is_not_sent_in_part(served, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_bytes(LINES)

    async def story(world):
        await upload(world.clusters, ["a"], name="n")

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


def test_a_file_that_is_gone_at_the_second_try_is_refused(served, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_bytes(LINES)

    async def story(world):
        await upload(world.clusters, ["a"], name="n")

        def remove(record):
            if record.name.startswith(REPLACE):
                path.unlink()
            return record.name.startswith(REPLACE)

        world.em.faults.add(Fault.html(503), when=remove)
        with refused(InvalidRequest, "file-unreadable", reason="No such file or directory"):
            await world.clusters.replace_upload("n", path)

    served(story)


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


def append(path):
    with path.open("ab") as file:
        file.write(b"more\r\n")


def rewrite(path):
    """Write other bytes of the same length into the file."""
    data = path.read_bytes()
    time.sleep(0.02)  # the clock of a file system has steps
    with path.open("r+b") as file:
        file.write(data[::-1])


def parquet_file(path):
    parquet.write_table(pa.table({"id": ["a", "b"]}), path)
    return path


def zstd_file(path):
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(b"a\r\nb\r\n")
    return path


WRITTEN = {
    "CSV": lambda folder: written(folder / "ids.csv", b"a\r\nb\r\n"),
    "gzip": lambda folder: written(folder / "ids.csv.gz", gzip.compress(b"a\r\nb\r\n")),
    "zstd": lambda folder: zstd_file(folder / "ids.csv.zst"),
    "Parquet": lambda folder: parquet_file(folder / "ids.parquet"),
}


def when_sent(world, action):
    """Do this as soon as the server has the whole upload, before it answers."""
    world.em.faults.add(
        Fault.reset(), when=lambda record: record.name.startswith("import") and action() and False
    )


@pytest.mark.parametrize("change", [append, rewrite])
@pytest.mark.parametrize("make", WRITTEN.values(), ids=WRITTEN)
def test_a_file_that_is_written_to_before_the_answer_is_told_with_the_id(served, tmp_path, make, change):
    path = make(tmp_path)

    async def story(world):
        when_sent(world, lambda: change(path))
        with refused(
            SourceChanged, "upload-of-changed-source", source=Message("file-source", path=str(path))
        ) as caught:
            await upload(world.clusters, path, name="n", require_match=1.0)
        assert caught.value.cluster_id == world.em.cluster("n").id
        assert (caught.value.sent, caught.value.safe_to_retry, caught.value.upload_num) == ("yes", False, 2)
        assert world.done == ["uploaded"]

    served(story)


def test_a_changed_file_is_told_where_its_end_is_still_being_read(served, tmp_path, monkeypatch):
    path = written(tmp_path / "ids.csv", b"a\r\nb\r\n")
    read = PathInput._read

    def read_slowly(self, file):
        if not self._left:  # everything was sent by now
            time.sleep(0.1)
        return read(self, file)

    monkeypatch.setattr(PathInput, "_read", read_slowly)

    async def story(world):
        when_sent(world, lambda: append(path))
        with refused(SourceChanged, "upload-of-changed-source"):
            await upload(world.clusters, path, name="n")

    served(story)


def test_of_a_reader_that_was_closed_nothing_is_told(tmp_path):
    path = written(tmp_path / "ids.csv", b"a\r\n")

    async def main():
        reader = source_of(path, encode_ids)._start()
        await reader.read()
        await reader.aclose()
        append(path)
        return await reader.is_changed()

    assert run(main()) is False


def test_a_changed_file_is_told_where_it_replaces_others_too(served, tmp_path):
    path = written(tmp_path / "ids.csv", b"a\r\n")

    async def story(world):
        made = await upload(world.clusters, ["a"], name="n")
        when_sent(world, lambda: append(path))
        with refused(SourceChanged, "upload-of-changed-source") as caught:
            await world.clusters.replace_upload("n", path)
        assert caught.value.cluster_id == made.cluster_id
        assert world.done == ["uploaded", "replaced"]

    served(story)


def test_a_csv_of_which_columns_are_picked_is_told_as_changed_too(served, tmp_path):
    path = written(tmp_path / "ids.csv", b"id,x\r\na,1\r\n")

    async def story(world):
        when_sent(world, lambda: append(path))
        with refused(SourceChanged, "upload-of-changed-source"):
            await upload(world.clusters, path, header=True, column="id")

    served(story)


def test_an_open_file_that_is_written_to_is_told_as_changed(served, tmp_path):
    path = written(tmp_path / "ids.csv", b"a\r\n")

    async def story(world):
        when_sent(world, lambda: append(path))
        with path.open("rb") as file, refused(SourceChanged, "upload-of-changed-source"):
            await upload(world.clusters, file)

    served(story)


def test_an_open_file_that_is_closed_by_its_owner_is_not_told_as_changed(served, tmp_path):
    path = written(tmp_path / "ids.csv", b"a\r\n")

    async def story(world):
        file = path.open("rb")
        when_sent(world, lambda: [file.close(), append(path)])
        await upload(world.clusters, file)

    served(story)


def test_a_file_in_whose_place_another_is_put_is_not_told_as_changed(served, tmp_path):
    async def story(world):
        for make in WRITTEN.values():
            path = make(tmp_path)
            when_sent(world, lambda path=path: written(tmp_path / "new", b"other").replace(path))
            await upload(world.clusters, path)
            world.em.faults.clear()

    served(story)


def test_a_changed_file_is_told_where_the_answer_was_lost_too(served, tmp_path):
    path = written(tmp_path / "ids.csv", b"a\r\n")

    async def story(world):
        world.em.faults.add(
            Fault.reset(before=False), when=lambda record: record.name == UPLOAD and not append(path)
        )
        with refused(SourceChanged, "upload-of-changed-source") as caught:
            await upload(world.clusters, path, name="n")
        assert caught.value.cluster_id == world.em.cluster("n").id

    served(story)


@pytest.mark.parametrize("form", [*WRITTEN, "open"])
def test_a_file_that_is_written_to_while_it_is_read_makes_no_cluster(served, tmp_path, monkeypatch, form):
    is_open = form == "open"
    path = WRITTEN["CSV" if is_open else form](tmp_path)
    states = []

    class Slow(FileState):
        """Its file is written to right after it was opened."""

        def __init__(self, file):
            super().__init__(file)
            states.append(append(path))

    monkeypatch.setattr("ta_cluster_async.uploads.files.FileState", Slow)
    monkeypatch.setattr("ta_cluster_async.uploads.arrow.FileState", Slow)

    async def story(world):
        with path.open("rb") as file, refused(InvalidRequest, "file-changed"):
            await upload(world.clusters, file if is_open else path)
        assert world.done == []
        assert states

    served(story)


@pytest.mark.parametrize(
    "change", [append, lambda path: path.unlink(), lambda path: parquet_file(path.with_name("c.parquet"))]
)
def test_a_folder_whose_files_change_is_told(served, tmp_path, change):
    for name in ("a", "b"):
        parquet_file(tmp_path / f"{name}.parquet")

    async def story(world):
        when_sent(world, lambda: [change(tmp_path / "b.parquet")])
        with refused(SourceChanged, "upload-of-changed-source"):
            await upload(world.clusters, tmp_path)

    served(story)


def test_a_folder_that_loses_a_file_while_it_is_looked_through_has_changed(served, tmp_path, monkeypatch):
    parquet_file(tmp_path / "a.parquet")

    def stat(path, **_):
        raise FileNotFoundError

    async def story(world):
        when_sent(world, lambda: monkeypatch.setattr(type(tmp_path), "stat", stat))
        with refused(SourceChanged, "upload-of-changed-source"):
            await upload(world.clusters, tmp_path)

    served(story)


def test_a_path_is_closed_when_the_upload_is_cancelled_while_its_state_is_read(served, tmp_path, monkeypatch):
    path = written(tmp_path / "ids.csv", b"a\r\n")
    sent, begun, released = threading.Event(), threading.Event(), threading.Event()

    class Slow(FileState):
        def is_changed(self):
            if sent.is_set():
                begun.set()
                released.wait()
            return False

    monkeypatch.setattr("ta_cluster_async.uploads.files.FileState", Slow)

    async def story(world):
        when_sent(world, sent.set)
        task = asyncio.ensure_future(upload(world.clusters, path))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        released.set()
        while str(path) in open_files():
            await asyncio.to_thread(time.sleep, 0.001)

    served(story)


# Closed afterwards


@pytest.mark.parametrize("fault", [None, Fault.reset(), Fault.html(504), Fault.return_code(-9, "no")])
def test_a_path_is_closed_however_the_upload_ends(served, fault, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_bytes(LINES)

    async def story(world):
        if fault is not None:
            world.em.faults.add(fault, path=UPLOAD)
        try:
            await upload(world.clusters, path)
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
                await upload(world.clusters, path)
            assert str(path) not in open_files()

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


# Kinds of files


def test_a_csv_that_is_compressed_with_zstd_is_read(served, tmp_path):
    with pa.CompressedOutputStream(str(tmp_path / "ids.csv.zst"), "zstd") as file:
        file.write(b"a\nb\n" * 1000)
    whole = (tmp_path / "ids.csv.zst").read_bytes()
    (tmp_path / "cut.csv.zst").write_bytes(b"\x28\xb5\x2f\xfd" + whole[:3])

    async def story(world):
        await upload(world.clusters, tmp_path / "ids.csv.zst")
        assert arrived(world) == digest(b"a\r\nb\r\n" * 1000)
        with refused(InvalidRequest, "zstd-not-csv"):
            await upload(world.clusters, whole)
        with pytest.raises(InvalidRequest, match="its compressed data is damaged"):
            await upload(world.clusters, tmp_path / "cut.csv.zst")

    served(story)


def test_a_folder_of_parquet_is_read_in_its_order(served, tmp_path):
    for day, number in (("2026-01-01", 0), ("2026-01-02", 1)):
        (tmp_path / "players" / f"day={day}").mkdir(parents=True)
        parquet.write_table(
            pa.table({"uid": [f"a{number}", f"b{number}"]}), tmp_path / f"players/day={day}/part.parquet"
        )
    (tmp_path / "players" / "_SUCCESS").touch()
    (tmp_path / "players" / "_temporary").mkdir()
    (tmp_path / "players" / "_temporary" / "part.parquet").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "delta" / "_delta_log").mkdir(parents=True)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "part.parquet").write_bytes(b"no Parquet")

    async def story(world):
        await upload(world.clusters, tmp_path / "players", column="uid")
        assert arrived(world) == digest(b"a0\r\nb0\r\na1\r\nb1\r\n")
        with refused(InvalidRequest, "one-column-needed", names="'uid', 'day'"):
            await upload(world.clusters, tmp_path / "players")
        with refused(InvalidRequest, "folder-without-parquet"):
            await upload(world.clusters, tmp_path / "empty")
        with refused(InvalidRequest, "folder-of-delta"):
            await upload(world.clusters, tmp_path / "delta")
        with pytest.raises(InvalidRequest, match="it is damaged, or not Parquet"):
            await upload(world.clusters, tmp_path / "bad")

    served(story)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"ARROW1\0\0", "Feather"),
        (b"FEA1\0", "Feather"),
        (b"\xd0\xcf\x11\xe0\0", "Excel"),
        (b"PK\x03\x04\0", "Excel workbook"),
        (bz2.compress(b"a\n" * 100), "bzip2: unpack"),
        (lzma.compress(b"a\n"), "xz: unpack"),
        (b"7z\xbc\xaf\x27\x1c\0", "7z: unpack"),
    ],
)
def test_a_file_of_another_kind_is_called_what_it_is(served, head, words):
    async def story(world):
        with pytest.raises(InvalidRequest, match=words):
            await upload(world.clusters, head)

    served(story)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"abc", "it is not compressed with gzip"),
        (gzip.compress(b"a\n" * 1000, mtime=0)[:-12], "it ends before its compressed data does"),
        (gzip.compress(b"a\n" * 1000, mtime=0)[:10] + b"\xff" * 20, "its compressed data is damaged"),
    ],
)
def test_the_reason_why_a_compressed_file_cannot_be_read_is_a_sentence(served, tmp_path, data, words):
    path = written(tmp_path / "ids.csv.gz", data)

    async def story(world):
        with pytest.raises(InvalidRequest, match=words):
            await upload(world.clusters, path)

    served(story)


def test_what_others_have_the_rows_of_is_refused_with_what_to_pass(served, tmp_path):
    np = pytest.importorskip("numpy")
    parquet.write_table(pa.table({"uid": ["a"]}), tmp_path / "ids.parquet")
    with zipfile.ZipFile(tmp_path / "ids.zip", "w") as archive:
        archive.writestr("ids.csv", "a\n")
    folder = dataset.dataset(tmp_path / "ids.parquet")

    async def story(world):
        for source, words in (
            (np.array([["a", "b"]]), r"array\[:, 0\]"),
            (np.array("a"), r"array\[:, 0\]"),
            (parquet.ParquetFile(tmp_path / "ids.parquet"), r"pass its path"),
            (zipfile.ZipFile(tmp_path / "ids.zip"), r"open\(name\)"),
            (folder, r"to_reader\(\)"),
            (folder.scanner(), r"to_reader\(\)"),
        ):
            with pytest.raises(InvalidRequest, match=words):
                await upload(world.clusters, source)
        await upload(world.clusters, folder.scanner().to_reader())
        assert arrived(world) == digest(b"a\r\n")

    served(story)

"""CSV text: its start, its header and columns, and what is not UTF-8 in it."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ta_cluster_async.emulator import Settings
from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.protocol.csv import encode_ids
from ta_cluster_async.uploads import rows as source_rows
from ta_cluster_async.uploads.options import Layout
from tests.uploads.sources import BOM, FORM, FORMS, LINES, Pipe, arrived, digest, read_whole, upload, written
from tests.world import refused


@pytest.fixture
def small_parts(monkeypatch):
    """Files are read in parts of a few hundred lines."""
    monkeypatch.setattr("ta_cluster_async.uploads.files._CHUNK", 4096)


CSV = 'n,"the\r\nid",tier\r\n1,007,gold\r\n2,"a,b",\r\n\r\n3,名,"x""y"\r\n'.encode()


# The start of a file

KINDS = {
    "bytes": lambda data, _: data,
    "path": lambda data, folder: written(folder / "ids.csv", data),
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


@pytest.mark.parametrize("start", [b"", BOM, b"\r\n \r\n"])
def test_a_pipe_may_give_its_start_byte_by_byte(served, start):
    async def story(world):
        await upload(world.clusters, Pipe(start + LINES[:200], most=1))
        assert arrived(world) == digest(start.removeprefix(BOM) + LINES[:200])

    served(story)


def test_the_lines_of_a_file_go_out_as_they_are(served):
    data = '甲\r\n"a,b"\r\n\r\nz'.encode()

    async def story(world):
        for source in (data, io.BytesIO(data)):
            await upload(world.clusters, source)
            assert arrived(world) == digest(data)

    served(story)


# Header and columns


@FORM
def test_columns_of_a_csv_are_picked_by_the_names_in_its_header(served, form, tmp_path):
    async def story(world):
        await upload(world.clusters, form(b"\xef\xbb\xbf" + CSV, tmp_path), header=True, column="the\r\nid")
        assert arrived(world) == digest('007\r\n"a,b"\r\n名\r\n'.encode())
        await upload(world.tags, form(CSV, tmp_path), header=True, column="n", value_column="tier")
        assert arrived(world) == digest(b'1,gold\r\n2,\r\n3,"x""y"\r\n')

    served(story)


@FORM
def test_a_header_is_left_out_and_the_rest_goes_out_as_it_is(served, form, tmp_path):
    rest = b"007\r\n\r\n 8 \r\n9"

    async def story(world):
        for start in (b"id\r\n", b'\xef\xbb\xbf"the\nid"\r\n'):
            result = await upload(world.clusters, form(start + rest, tmp_path), header=True)
            assert arrived(world) == digest(rest)
            assert result.upload_num == 3
        await upload(world.clusters, form(rest, tmp_path))
        assert arrived(world) == digest(rest)

    served(story)


@FORM
@pytest.mark.parametrize("data", [b"id", b"id\r\n", b"\xef\xbb\xbfid\r\n \r\n"])
def test_a_header_alone_is_no_upload(served, form, tmp_path, data):
    async def story(world):
        with refused(InvalidRequest, "upload-empty"):
            await upload(world.clusters, form(data, tmp_path), header=True)
        assert world.sent == []

    served(story)


def test_blank_ids_of_a_csv_are_refused_with_their_row_or_skipped(served):
    data = b'uid,x\r\n1,a\r\n"",b\r\n  ,c\r\n4,d\r\n'

    async def story(world):
        for on_null in (None, "refuse"):
            with pytest.raises(InvalidRequest, match=r"row 2\b"):
                await upload(world.clusters, data, header=True, column="uid", on_null=on_null)
        result = await upload(world.clusters, data, header=True, column="uid", on_null="skip")
        assert (result.upload_num, result.skipped_num) == (2, 2)
        with refused(InvalidRequest, "row-of-other-width", line=3, count=1, needed=2):
            await upload(world.clusters, b"x,uid\r\n1,2\r\n3\r\n", header=True, column="uid")

    served(story)


def test_a_wrong_row_of_a_csv_is_named_with_its_line_and_column(served):
    data = b'uid,"x\r\ny"\r\n1,a\r\n\r\n2,"b\nc"\r\n\r\n"",d\r\n'
    many = b"uid,x\n" + b'1,"a\nb"\n\n' * 10_000 + b"2\t,x\n" + b",x\n"

    async def story(world):
        for source, line in ((data, 8), (many, 30_003)):
            with refused(InvalidRequest, "row-in-file") as caught:
                await upload(world.clusters, source, header=True, column="uid")
            assert str(caught.value).startswith(f"The source, line {line}, column 'uid': The id of row ")
        with pytest.raises(InvalidRequest, match="line 3, column 'v': The tag value of row 2 is blank"):
            await upload(world.tags, b"v,uid\n1,2\n ,3\n", header=True, column="uid", value_column="v")
        with pytest.raises(InvalidRequest, match="line 2: The id of row 2 is blank"):
            await upload(world.clusters, b"1\n \n", on_null="refuse")

    served(story)


def test_a_cell_may_be_long(served):
    async def story(world):
        cell = b"x" * 300_000
        await upload(world.clusters, b"n,uid\n" + cell + b",1\n", header=True, column="uid")
        assert arrived(world) == digest(b"1\r\n")
        with refused(InvalidRequest, "line-too-long", line=2, most=1 << 24):
            await upload(world.clusters, b"n,uid\n" + cell * 60 + b",1\n", header=True, column="uid")

    served(story)


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
        await upload(world.clusters, ByteByByte(mark + b"id,x\r\na,1\r\nb,2\r\n"), column="id", header=True)
        assert arrived(world) == digest(b"a\r\nb\r\n")

    served(story)


@pytest.mark.parametrize("text", [b"", b"\xef\xbb"])
def test_a_csv_that_ends_before_its_columns_begin_is_refused(served, text):
    async def story(world):
        with pytest.raises(InvalidRequest):
            await upload(world.clusters, ByteByByte(text), column="id", header=True)
        assert not world.em.requests

    served(story)


LONG_ROWS = {
    "row": (b"id,x\r\na,1\r\nb," + b"y" * 50 + b"\r\n", {"column": "id"}, 3),
    "row of many lines": (b'id,x\r\na,1\r\nb,"' + b"y\r\n" * 20 + b'"\r\n', {"column": "id"}, 3),
    "header": (b"x" * 50 + b"\r\na\r\n", {}, 1),
    "header without an end": (b"x" * 50, {}, 1),
    "header of picked columns": (b"id," + b"x" * 50 + b"\r\na,1\r\n", {"column": "id"}, 1),
}


@pytest.mark.parametrize(("data", "options", "line"), LONG_ROWS.values(), ids=LONG_ROWS)
def test_rows_and_headers_have_a_longest_length_which_can_be_set(served, data, options, line):
    async def story(world):
        with refused(InvalidRequest, "line-too-long", line=line, most=40) as caught:
            await upload(world.clusters, data, header=True, max_line=40, **options)
        assert "max_line=" in str(caught.value)
        assert world.sent == []
        if data.count(b"\n") > 1:
            await upload(world.clusters, data, header=True, max_line=200, **options)

    served(story)


def test_a_row_without_an_end_is_refused_before_it_is_in_memory(served):
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            self.given += size
            return b"," * size

    async def story(world):
        for options in ({"on_null": "skip"}, {"header": True}, {"header": True, "column": "a"}):
            file = Endless()
            with refused(InvalidRequest, "line-too-long", line=1):
                await upload(world.clusters, file, **options, max_line=1 << 21)
            assert file.given <= 1 << 23

    served(story)


@pytest.mark.parametrize("options", [{}, {"column": "a"}], ids=["whole", "picked"])
def test_a_header_has_a_highest_number_of_columns_which_can_be_set(served, options):
    data = b",".join([b"a", *(b"n%d" % one for one in range(10_000))]) + b"\r\nb" + b"," * 10_000 + b"\r\n"

    async def story(world):
        with refused(InvalidRequest, "too-many-columns", count=10_001, most=10_000):
            await upload(world.clusters, data, header=True, **options)
        if options:
            await upload(world.clusters, data, header=True, max_columns=10_001, **options)
            assert arrived(world) == digest(b"b\r\n")

    served(story)


def test_names_of_columns_are_cut_in_a_message(served):
    async def story(world):
        with refused(InvalidRequest, "one-column-needed") as caught:
            await upload(world.clusters, b"x" * 5000 + b",y\r\na,b\r\n", header=True)
        assert len(str(caught.value)) < 300

    served(story)


def test_a_quote_that_is_never_closed_is_refused_with_its_line(served):
    async def story(world):
        with refused(InvalidRequest, "csv-malformed", line=3):
            await upload(world.clusters, b'id,x\r\na,1\r\n"b,2\r\n', column="id", header=True)
        assert not world.em.effects

    served(story)


def test_a_csv_of_more_rows_than_a_batch_arrives_whole(served, monkeypatch):
    monkeypatch.setattr(source_rows, "BATCH", 10)
    rows = [b"%d,x\r\n" % number for number in range(25)]

    async def story(world):
        result = await upload(world.clusters, b"id,x\r\n" + b"".join(rows), column="id", header=True)
        assert result.upload_num == 25
        assert arrived(world) == digest(b"".join(b"%d\r\n" % number for number in range(25)))

    served(story)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(st.lists(st.tuples(texts, texts), min_size=1).filter(lambda rows: "\0" not in str(rows)))
@settings(max_examples=100, deadline=None)
def test_a_column_of_any_csv_becomes_the_same_text_as_the_same_rows(rows):
    rows = [("".join(a.replace("\0", "").splitlines()), b.replace("\0", "")) for a, b in rows]
    rows = [row for row in rows if row[0].strip()] or [("x", "y")]
    file = io.StringIO(newline="")
    csv.writer(file).writerows([("uid", "other"), *rows])
    layout = Layout(header=True, names=("uid",))
    assert read_whole(file.getvalue().encode(), encode_ids, layout) == encode_ids([row[0] for row in rows], 1)


# What is not UTF-8


@FORM
@pytest.mark.parametrize(
    "wrong",
    [
        ("名".encode("gbk"), "text-not-utf-8"),
        (b"a\0", "text-with-nul"),
        ("名".encode()[:2], "text-not-utf-8"),
    ],
    ids=["GBK", "NUL", "cut"],
)
@pytest.mark.parametrize("line", [1, 2, 900])
@pytest.mark.usefixtures("small_parts")
def test_text_that_is_not_utf_8_is_refused_with_its_line(served, form, tmp_path, wrong, line):
    text, code = wrong
    lines = [b"%012d" % number for number in range(1000)]  # more than one part
    lines[line - 1] = text
    data = b"\n".join(lines)

    async def story(world):
        with refused(InvalidRequest, code, line=line):
            await upload(world.clusters, form(data, tmp_path))
        assert world.done == []
        if line < 3:
            assert world.sent == []

    served(story)


def test_utf_16_without_a_mark_is_refused_with_its_line(served):
    async def story(world):
        with refused(InvalidRequest, "text-with-nul", line=1):
            await upload(world.clusters, "a\r\nb\r\n".encode("utf-16-le"))
        assert world.sent == []

    served(story)


@pytest.mark.usefixtures("small_parts")
def test_letters_that_are_cut_by_the_parts_of_a_file_are_whole(served, tmp_path):
    data = b"a" + ("名" * 20 + "\r\n").encode() * 1000

    async def story(world):
        for form in FORMS.values():
            await upload(world.clusters, form(data, tmp_path))
            assert arrived(world) == digest(data)

    served(story, settings=Settings(evaluate=False))


FILES = {
    "gzip": (b"\x1f\x8b\x08\x00", "gzip-not-csv"),
    "Parquet": (b"PAR1\x15\x04\x15\x00", "parquet-not-csv"),
    "workbook": (b"PK\x03\x04\x14\x00", "zip-not-csv"),
}


@pytest.mark.parametrize(("data", "code"), FILES.values(), ids=FILES)
def test_a_file_of_another_kind_is_called_by_its_name(served, tmp_path, data, code):
    path = tmp_path / "ids.csv"
    path.write_bytes(data)

    async def story(world):
        for source in (path, data, io.BytesIO(data)):
            with refused(InvalidRequest, code):
                await upload(world.clusters, source)
        await upload(world.clusters, b"PAR1\r\n")  # which may be an id
        assert arrived(world) == digest(b"PAR1\r\n")

    served(story)

"""Uploads from Arrow data, Parquet, compressed CSV and CSV with a header: the right columns arrive with the text that they had."""

import csv
import gzip
import hashlib
import io
import sys
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from ta_cluster_async.emulator import Fault, Settings
from ta_cluster_async.errors import ConfigurationError, InvalidRequest
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.csv import encode_ids, encode_pairs
from ta_cluster_async.uploads.arrow import arrow_batches
from ta_cluster_async.uploads.options import Layout
from ta_cluster_async.uploads.source import source_of
from tests.world import refused

# What a CSV has to quote, what it has not, and what must not be changed.
ODD = [
    "007",
    "a,b",
    'say "hi"',
    "two\nlines",
    "two\r\nlines",
    "one\rend",
    " inside ",
    "名字",
    "😀",
    "-1",
    "'",
    "a;b",
    '"',
]
SAID = b"".join(b"%s\r\n" % cell for cell in (
    b"007", b'"a,b"', b'"say ""hi"""', b'"two\nlines"', b'"two\r\nlines"', b'"one\rend"', b" inside ", "名字".encode(),
    "😀".encode(), b"-1", b"'", b"a;b", b'""""',
))  # fmt: skip


def upload(resource, source, **arguments):
    return resource.upload(source, display_name="ids", main_column="#account_id", **arguments)


def arrived(world):
    record = [record for record in world.em.requests if record.name.startswith("import")][-1]
    return record.body_sha256


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Stream:
    """What has the Arrow C stream interface and nothing else, once or as often as wanted."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


class Frame(Stream):
    def __len__(self):
        return len(self._table)


def table_of(ids, kind=None):
    return pa.table({"n": list(range(len(ids))), "id": pa.array(ids, kind)})


def parquet_of(table, folder):
    path = folder / "ids.parquet"
    parquet.write_table(table, path, row_group_size=3)
    return path


TABLES = {
    "table": lambda table, _: table,
    "reader": lambda table, _: table.to_reader(max_chunksize=2),
    "stream": lambda table, _: Stream(table),
    "frame": lambda table, _: Frame(table),
    "record batch": lambda table, _: table.to_batches()[0],
    "Parquet": parquet_of,
    "DuckDB": lambda table, _: duckdb.from_arrow(table),
}
EACH = pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)


@EACH
def test_a_column_arrives_with_the_text_of_its_values(served, make, tmp_path):
    async def story(world):
        result = await upload(world.clusters, make(table_of(ODD), tmp_path), column="id")
        assert (result.upload_num, result.skipped_num) == (len(ODD), 0)
        assert arrived(world) == sha256(SAID)

    served(story)


@EACH
def test_two_columns_arrive_as_ids_and_tag_values(served, make, tmp_path):
    table = pa.table({"tier": ["gold", None, "a,b", ""], "x": [1, 2, 3, 4], "id": ["1", "2", "3", "4"]})

    async def story(world):
        result = await upload(world.tags, make(table, tmp_path), column="id", value_column="tier")
        assert (result.upload_num, result.tag_value_null_num) == (4, 2)
        assert arrived(world) == sha256(b'1,gold\r\n2,\r\n3,"a,b"\r\n4,\r\n')

    served(story)


KINDS = {
    "string": (pa.string(), ["007", "x"], b"007\r\nx\r\n"),
    "large string": (pa.large_string(), ["007", "x"], b"007\r\nx\r\n"),
    "string view": (pa.string_view(), ["007", "x"], b"007\r\nx\r\n"),
    "dictionary of numbers": (pa.dictionary(pa.int8(), pa.int64()), [7, 8, 7], b"7\r\n8\r\n7\r\n"),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["007", "x", "007"], b"007\r\nx\r\n007\r\n"),
    "int64": (pa.int64(), [-(2**63), 2**63 - 1, 0], b"-9223372036854775808\r\n9223372036854775807\r\n0\r\n"),
    "uint64": (pa.uint64(), [2**64 - 1], b"18446744073709551615\r\n"),
    "decimal": (pa.decimal128(38, 2), [Decimal("1.50"), Decimal(10) ** 30], b"1.50\r\n1" + b"0" * 30 + b".00\r\n"),
    "small decimal": (pa.decimal128(20, 10), [Decimal("1e-10"), Decimal(1)], b"0.0000000001\r\n1.0000000000\r\n"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "text"), KINDS.values(), ids=KINDS)
def test_integers_decimals_and_strings_keep_their_text(served, kind, values, text):
    async def story(world):
        await upload(world.clusters, table_of(values, kind), column="id")
        assert arrived(world) == sha256(text)

    served(story)


def test_decimals_in_rows_keep_their_digits(served):
    async def story(world):
        await upload(world.clusters, [Decimal("1.50"), Decimal("1E+3"), Decimal("0E-8"), "00.5"])
        assert arrived(world) == sha256(b"1.50\r\n1000\r\n0.00000000\r\n00.5\r\n")
        with pytest.raises(InvalidRequest, match="row 1"):
            await upload(world.clusters, [Decimal("NaN")])

    served(story)


@pytest.mark.parametrize(
    "kind", [pa.float64(), pa.bool_(), pa.binary(), pa.date32(), pa.list_(pa.string())], ids=str
)
def test_columns_without_a_certain_text_are_refused(served, kind):
    async def story(world):
        with refused(InvalidRequest, "column-of-other-type", name="id"):
            await upload(world.clusters, table_of([None], kind), column="id", on_null="skip")
        assert world.sent == []

    served(story)


def test_an_array_by_itself_is_a_column(served):
    async def story(world):
        for source in (pa.chunked_array([["a"], ["b"]]), pa.array(["a", "b"])):
            await upload(world.clusters, source)
            assert arrived(world) == sha256(b"a\r\nb\r\n")

    served(story)


def test_only_the_wanted_columns_have_to_be_of_a_kind_that_can_be_sent(served):
    async def story(world):
        with refused(InvalidRequest, "one-column-needed", count=2):
            await upload(world.clusters, table_of(["a"]))
        with refused(InvalidRequest, "column-missing", name="uid"):
            await upload(world.clusters, table_of(["a"]), column="uid")
        with refused(InvalidRequest, "column-repeated", name="id", count=2):
            await upload(world.clusters, pa.table([["a"], ["b"]], names=["id", "id"]), column="id")
        with refused(InvalidRequest, "columns-not-names"):
            await upload(world.tags, table_of(["a"]), column="id")
        assert world.sent == []
        await upload(world.clusters, table_of(["a"]).select(["id"]))
        assert arrived(world) == sha256(b"a\r\n")

    served(story)


# Missing ids, NUL and wrong text

WRONG = {"null": None, "empty": "", "blank": " \t", "wide blank": "\u3000", "line end": "\r\n", "NUL": "a\0b"}
ROWS = 2500  # more than one piece, where one has at most a thousand


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("row", [1, 3, 1001, ROWS])
def test_a_wrong_id_in_a_column_is_refused_by_its_row(served, monkeypatch, wrong, row):
    monkeypatch.setattr("ta_cluster_async.uploads.arrow_csv._ROWS", 1000)
    ids = [str(number) for number in range(1, ROWS + 1)]
    ids[row - 1] = wrong

    async def story(world):
        with pytest.raises(InvalidRequest, match=rf"row {row}\b"):
            await upload(world.clusters, table_of(ids), column="id")
        assert world.done == []

    served(story)


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_rows_without_an_id_are_skipped_and_counted(served, make, tmp_path):
    async def story(world):
        ids = ["a", None, "", "  ", "b,c", "\u3000", "\n", "d"]
        result = await upload(world.clusters, make(table_of(ids), tmp_path), column="id", on_null="skip")
        assert (result.upload_num, result.skipped_num) == (3, 5)
        assert arrived(world) == sha256(b'a\r\n"b,c"\r\nd\r\n')

    served(story)


def test_rows_of_tags_without_an_id_are_skipped_with_their_value(served):
    table = pa.table({"id": pa.array([1, None, 3]), "tier": ["x", "y", None]})

    async def story(world):
        result = await upload(world.tags, table, on_null="skip")
        assert (result.upload_num, result.tag_value_null_num, result.skipped_num) == (2, 1, 1)
        assert arrived(world) == sha256(b"1,x\r\n3,\r\n")

    served(story)


@pytest.mark.parametrize("on_null", ["refuse", "skip", None])
def test_nul_is_never_skipped(served, on_null):
    async def story(world):
        for source in (table_of(["a", None, "b\0"]), iter(["a", "", "b\0"])):
            options = {"column": "id"} if isinstance(source, pa.Table) else {}
            with pytest.raises(InvalidRequest, match="row 3" if on_null == "skip" else "row 2"):
                await upload(world.clusters, source, on_null=on_null, **options)
        assert world.sent == []

    served(story)


def test_a_column_that_is_not_utf_8_is_refused_by_its_row(served):
    offsets = pa.array([0, 1, 2, 3], pa.int32()).buffers()[1]
    column = pa.StringArray.from_buffers(3, offsets, pa.py_buffer(b"a\xffc"))

    async def story(world):
        for on_null in (None, "skip"):
            with pytest.raises(InvalidRequest, match="row 2"):
                await upload(world.clusters, pa.table({"id": column}), on_null=on_null)
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


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


def whole(source, encode, columns, on_null=None):
    """What is sent of a source, read without an event loop."""
    reader: Any = source_of(source, encode, Layout(columns=columns, on_null=on_null))._start()
    return b"".join(iter(reader._read, b""))


@given(st.lists(st.none() | texts))
@settings(max_examples=100, deadline=None)
def test_a_column_becomes_the_same_text_as_the_same_rows(ids):
    for on_null in (None, "skip"):
        seen = []
        for source in (pa.table({"id": pa.array(ids, pa.string())}), list(ids)):
            try:
                seen.append(whole(source, encode_ids, 1, on_null))
            except InvalidRequest as problem:
                seen.append(str(problem))
        assert seen[0] == seen[1]


@given(st.lists(st.tuples(texts.filter(str.strip), st.none() | texts)))
@settings(max_examples=100, deadline=None)
def test_two_columns_become_the_same_text_as_the_same_pairs(pairs):
    table = pa.table(
        {
            "id": pa.array([a for a, _ in pairs], pa.string()),
            "value": pa.array([b for _, b in pairs], pa.large_string()),
        }
    )
    seen = []
    for source in (table, pairs):
        try:
            seen.append(whole(source, encode_pairs, 2))
        except InvalidRequest as problem:
            seen.append(str(problem))
    assert seen[0] == seen[1]


# Read again


@pytest.mark.parametrize("make", [TABLES[name] for name in ("table", "frame", "Parquet", "DuckDB")])
def test_a_table_is_sent_again_whole(served, make, tmp_path):
    async def story(world):
        await upload(world.clusters, ["a"], name="n")
        world.em.faults.add(Fault.return_code(-1005, "请求频率过快"), path="import-id-cluster-modify-by-name")
        await world.clusters.replace_upload("n", make(table_of(ODD), tmp_path), column="id")
        assert arrived(world) == sha256(SAID)
        assert world.sent.count("import-id-cluster-modify-by-name") == 2

    served(story)


@pytest.mark.parametrize("make", [TABLES[name] for name in ("reader", "stream")])
def test_a_stream_is_never_sent_again(served, make, tmp_path):
    async def story(world):
        await upload(world.clusters, ["a"], name="n")
        world.em.faults.add(Fault.reset(before=False), path="import-id-cluster-modify-by-name")
        with pytest.raises(OutcomeUnknown):
            await world.clusters.replace_upload("n", make(table_of(ODD), tmp_path), column="id")
        assert world.sent.count("import-id-cluster-modify-by-name") == 1

    served(story)


# What is behind the C stream interface says of its error only the text.
@pytest.mark.parametrize(("wrap", "kind"), [(lambda reader: reader, RuntimeError), (Stream, pa.ArrowInvalid)])
@pytest.mark.parametrize("rows", [0, 1, 400_000])
def test_the_error_of_a_stream_comes_out(served, rows, wrap, kind):
    batch = pa.record_batch({"id": pa.array(range(rows))})

    def batches():
        yield batch
        raise RuntimeError("the warehouse is away")

    async def story(world):
        with pytest.raises(kind, match="the warehouse is away"):
            await upload(world.clusters, wrap(pa.RecordBatchReader.from_batches(batch.schema, batches())))
        assert world.done == []

    served(story)


def test_a_file_that_is_no_parquet_is_refused(served, tmp_path):
    path = tmp_path / "ids.parquet"
    path.write_bytes(b"a\r\nb\r\n")

    async def story(world):
        for wrong in (path, tmp_path / "nowhere.parquet"):
            with refused(InvalidRequest, "parquet-unreadable"):
                await upload(world.clusters, wrong)
        assert world.sent == []

    served(story)


def test_without_pyarrow_the_message_names_the_extra(served, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    async def story(world):
        for source in (tmp_path / "ids.parquet", Stream(None)):
            with pytest.raises(ConfigurationError, match='extra "arrow"'):
                await upload(world.clusters, source)
        await upload(world.clusters, ["a"])

    served(story)


def test_the_memory_of_batches_is_that_of_a_few_pieces():
    # Two hundred thousand rows of 40 letters in one batch are written in pieces of a few megabytes.
    table = pa.table({"id": [f"{number:040d}" for number in range(200_000)]})
    reader: Any = source_of(table, encode_ids)._start()
    sizes = [len(part) for part in iter(reader._read, b"")]
    assert sum(sizes) == 42 * 200_000
    assert max(sizes) < 5 << 20
    assert next(iter(arrow_batches(table, Layout()))).num_rows == 200_000


# CSV with a header, compressed CSV


@pytest.fixture
def small_parts(monkeypatch):
    """Files are read in parts of a few hundred lines."""
    monkeypatch.setattr("ta_cluster_async.uploads.files._CHUNK", 4096)


CSV = 'n,"the\r\nid",tier\r\n1,007,gold\r\n2,"a,b",\r\n\r\n3,名,"x""y"\r\n'.encode()
FORMS = {
    "bytes": lambda data, _: data,
    "file": lambda data, _: io.BytesIO(data),
    "path": lambda data, folder: written(folder / "ids.csv", data),
    "text path": lambda data, folder: written(folder / "ids.txt", data),
    "gzip": lambda data, folder: written(folder / "ids.csv.gz", gzip.compress(data)),
}
FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def written(path, data):
    path.write_bytes(data)
    return path


@FORM
def test_columns_of_a_csv_are_picked_by_the_names_in_its_header(served, form, tmp_path):
    async def story(world):
        await upload(world.clusters, form(b"\xef\xbb\xbf" + CSV, tmp_path), header=True, column="the\r\nid")
        assert arrived(world) == sha256('007\r\n"a,b"\r\n名\r\n'.encode())
        await upload(world.tags, form(CSV, tmp_path), header=True, column="n", value_column="tier")
        assert arrived(world) == sha256(b'1,gold\r\n2,\r\n3,"x""y"\r\n')

    served(story)


@FORM
def test_a_header_is_left_out_and_the_rest_goes_out_as_it_is(served, form, tmp_path):
    rest = b"007\r\n\r\n 8 \r\n9"

    async def story(world):
        for start in (b"id\r\n", b'\xef\xbb\xbf"the\nid"\r\n'):
            result = await upload(world.clusters, form(start + rest, tmp_path), header=True)
            assert arrived(world) == sha256(rest)
            assert result.upload_num == 3
        await upload(world.clusters, form(rest, tmp_path))
        assert arrived(world) == sha256(rest)

    served(story)


@FORM
@pytest.mark.parametrize("data", [b"id", b"id\r\n", b"\xef\xbb\xbfid\r\n \r\n"])
def test_a_header_alone_is_no_upload(served, form, tmp_path, data):
    async def story(world):
        with refused(InvalidRequest, "upload-empty"):
            await upload(world.clusters, form(data, tmp_path), header=True)
        assert world.sent == []

    served(story)


def test_a_header_of_other_columns_is_refused_with_what_to_say(served):
    async def story(world):
        with refused(InvalidRequest, "one-column-needed", count=3):
            await upload(world.clusters, CSV, header=True)
        with refused(InvalidRequest, "column-without-header"):
            await upload(world.clusters, CSV, column="n")
        with refused(InvalidRequest, "column-missing", name="N"):
            await upload(world.clusters, CSV, header=True, column="N")
        for source, option, code in (
            ([1], {"header": True}, "rows-without-columns"),
            ([1], {"column": "x"}, "rows-without-columns"),
            (table_of(["a"]), {"header": True}, "header-of-table"),
        ):
            with refused(InvalidRequest, code):
                await upload(world.clusters, source, **option)
        assert world.sent == []

    served(story)


def test_blank_ids_of_a_csv_are_refused_by_their_row_or_skipped(served):
    data = b'uid,x\r\n1,a\r\n"",b\r\n  ,c\r\n4,d\r\n'

    async def story(world):
        for on_null in (None, "refuse"):
            with pytest.raises(InvalidRequest, match=r"row 2\b"):
                await upload(world.clusters, data, header=True, column="uid", on_null=on_null)
        result = await upload(world.clusters, data, header=True, column="uid", on_null="skip")
        assert (result.upload_num, result.skipped_num) == (2, 2)
        with refused(InvalidRequest, "row-of-other-width", row=2, count=1, needed=2):
            await upload(world.clusters, b"x,uid\r\n1,2\r\n3\r\n", header=True, column="uid")

    served(story)


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
def test_text_that_is_not_utf_8_is_refused_by_its_line(served, form, tmp_path, wrong, line):
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


def test_utf_16_without_a_mark_is_refused_by_its_line(served):
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
            assert arrived(world) == sha256(data)

    served(story, settings=Settings(evaluate=False))


@pytest.mark.parametrize("data", [gzip.compress(b"a\r\n" * 999)[:-9], b"a\r\nb\r\n"], ids=["cut", "none"])
def test_a_broken_gzip_file_is_refused(served, tmp_path, data):
    path = written(tmp_path / "ids.csv.gz", data)

    async def story(world):
        with refused(InvalidRequest, "file-unreadable"):
            await upload(world.clusters, path)
        assert world.done == []

    served(story)


@given(
    st.lists(st.tuples(texts.filter(str.strip), texts), min_size=1).filter(lambda rows: "\0" not in str(rows))
)
@settings(max_examples=100, deadline=None)
def test_a_column_of_any_csv_becomes_the_same_text_as_the_same_rows(rows):
    rows = [(a.replace("\0", ""), b.replace("\0", "")) for a, b in rows]
    rows = [row for row in rows if row[0].strip()] or [("x", "y")]
    file = io.StringIO(newline="")
    csv.writer(file).writerows([("uid", "other"), *rows])
    layout = Layout(header=True, names=("uid",))
    reader: Any = source_of(file.getvalue().encode(), encode_ids, layout)._start()
    assert b"".join(iter(reader._read, b"")) == encode_ids([row[0] for row in rows], 1)

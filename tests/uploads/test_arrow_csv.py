"""Columns as CSV text: each type keeps its text, in parts of any size, and wrong values are named by their row."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.protocol.csv import encode_ids, encode_pairs
from ta_cluster_async.uploads.options import Layout
from ta_cluster_async.uploads.source import source_of
from tests.uploads.sources import arrived, digest, read_whole, upload
from tests.uploads.tables import TABLES, reader_of, table_of
from tests.world import refused

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
        assert arrived(world) == digest(text)

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


def test_decimals_that_need_no_exponent_arrive_as_they_are(served):
    ids = pa.array([Decimal("0.5000000000"), Decimal("12.0000000000"), None], pa.decimal128(20, 10))

    async def story(world):
        await upload(world.clusters, pa.table({"id": ids}), column="id", on_null="skip")
        assert arrived(world) == digest(b"0.5000000000\r\n12.0000000000\r\n")

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
        await upload(world.clusters, pa.table({"id": ids}), column="id")
        assert arrived(world) == digest(b"a\r\nb\r\n")

    served(story)


def test_categories_whose_text_is_of_the_view_kind_arrive(served):
    # So does polars give its categoricals and enumerations.
    words = pa.array(["007", "a,b"], pa.string_view())
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0], pa.uint32()), words)

    async def story(world):
        result = await upload(world.clusters, pa.table({"id": column}), on_null="skip")
        assert arrived(world) == digest(b'007\r\n"a,b"\r\n007\r\n')
        assert result.skipped_num == 1

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
        assert arrived(world) == digest(b'a\r\n"b,c"\r\nd\r\n')

    served(story)


def test_rows_of_tags_without_an_id_are_skipped_with_their_value(served):
    table = pa.table({"id": pa.array([1, None, 3]), "tier": ["x", "y", None]})

    async def story(world):
        result = await upload(world.tags, table, on_null="skip")
        assert (result.upload_num, result.tag_value_null_num, result.skipped_num) == (2, 1, 1)
        assert arrived(world) == digest(b"1,x\r\n3,\r\n")

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


# As rows

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(st.lists(st.none() | texts))
@settings(max_examples=100, deadline=None)
def test_a_column_becomes_the_same_text_as_the_same_rows(ids):
    for on_null in (None, "skip"):
        seen = []
        for source in (pa.table({"id": pa.array(ids, pa.string())}), list(ids)):
            try:
                seen.append(read_whole(source, encode_ids, Layout(on_null=on_null)))
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
            seen.append(read_whole(source, encode_pairs, Layout(columns=2)))
        except InvalidRequest as problem:
            seen.append(str(problem))
    assert seen[0] == seen[1]


# Parts

COLUMNS = "ta_cluster_async.uploads.arrow_csv"


def parts_of(source: object, columns: int = 1) -> Iterator[bytes]:
    reader: Any = source_of(
        source, encode_pairs if columns == 2 else encode_ids, Layout(columns=columns)
    )._start()
    return map(bytes, iter(reader._read, b""))


def test_small_batches_go_out_together():
    batches = [pa.record_batch({"id": [f"a{number}", "b,"]}) for number in range(1000)]
    (part,) = parts_of(reader_of(batches))
    assert part == b"".join(b'a%d\r\n"b,"\r\n' % number for number in range(1000))


def test_a_large_batch_goes_out_in_parts(monkeypatch):
    monkeypatch.setattr(f"{COLUMNS}._ROWS", 10)
    (one, two, three) = parts_of(pa.table({"id": pa.array(range(25))}))
    assert [part.count(b"\r\n") for part in (one, two, three)] == [10, 10, 5]
    assert one + two + three == b"".join(b"%d\r\n" % number for number in range(25))


def test_a_batch_of_long_values_goes_out_in_parts_of_fewer_rows(monkeypatch):
    monkeypatch.setattr(f"{COLUMNS}._BYTES", 1000)
    parts = list(parts_of(pa.table({"id": [f"{number:0100d}" for number in range(100)]})))
    assert max(map(len, parts)) < 1500
    assert b"".join(parts) == b"".join(b"%0100d\r\n" % number for number in range(100))


def test_a_value_longer_than_a_part_is_a_part(monkeypatch):
    monkeypatch.setattr(f"{COLUMNS}._BYTES", 10)
    assert b"".join(parts_of(pa.table({"id": ["a", "b" * 100, "c"]}))) == b"a\r\n" + b"b" * 100 + b"\r\nc\r\n"


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("ids", [["0", "12", "xyz", "ä"], ["0", "12", "xyz", "a"], ["0", "1,2", "x", "a"]])
def test_a_part_of_a_column_is_written_from_its_place(kind, ids):
    for start in range(4):
        for length in range(1, 5 - start):
            batch = pa.record_batch({"id": pa.array(ids, kind)}).slice(start, length)
            text = b"".join(parts_of(reader_of([batch])))
            assert text == encode_ids(ids[start : start + length], 1)


def test_tags_are_written_in_parts_too(monkeypatch):
    monkeypatch.setattr(f"{COLUMNS}._ROWS", 2)
    table = pa.table({"id": [1, 2, 3, 4, 5], "tier": ["x", None, "a,b", "", "y"]})
    assert list(parts_of(table, 2)) == [b"1,x\r\n2,\r\n", b'3,"a,b"\r\n4,\r\n', b"5,y\r\n"]

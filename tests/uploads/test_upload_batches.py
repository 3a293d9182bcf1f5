"""Record batches of any size and kind: few rows are put together, many are divided, and what cannot be read says so."""

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.messages import Message
from ta_cluster_async.protocol.csv import encode_ids, encode_pairs
from ta_cluster_async.uploads.options import Layout
from ta_cluster_async.uploads.source import source_of
from tests.world import refused

COLUMNS = "ta_cluster_async.uploads.arrow_csv"


def upload(world, source, **arguments):
    return world.clusters.upload(source, display_name="ids", main_column="#account_id", **arguments)


def arrived(world):
    return [record for record in world.em.requests if record.name.startswith("import")][-1].body_sha256


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def reader_of(batches):
    return pa.RecordBatchReader.from_batches(batches[0].schema, batches)


def parts_of(source: object, columns: int = 1) -> Iterator[bytes]:
    reader: Any = source_of(
        source, encode_pairs if columns == 2 else encode_ids, Layout(columns=columns)
    )._start()
    return map(bytes, iter(reader._read, b""))


# Sizes


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


def test_batches_without_rows_between_others_are_nothing(served):
    table = pa.table({"id": pa.chunked_array([[], ["a"], [], [], ["b", "c"], []], pa.string())})

    async def story(world):
        await upload(world, table)
        assert arrived(world) == sha256(b"a\r\nb\r\nc\r\n")

    served(story)


@pytest.mark.parametrize(
    "table", [pa.table({"id": pa.array([], pa.string())}), pa.table({"id": pa.chunked_array([], pa.int64())})]
)
def test_a_table_without_rows_is_refused(served, table):
    async def story(world):
        with refused(InvalidRequest, "upload-empty"):
            await upload(world, table)
        assert world.sent == []

    served(story)


def test_tags_are_written_in_parts_too(monkeypatch):
    monkeypatch.setattr(f"{COLUMNS}._ROWS", 2)
    table = pa.table({"id": [1, 2, 3, 4, 5], "tier": ["x", None, "a,b", "", "y"]})
    assert list(parts_of(table, 2)) == [b"1,x\r\n2,\r\n", b'3,"a,b"\r\n4,\r\n', b"5,y\r\n"]


# Kinds


def test_categories_whose_text_is_of_the_view_kind_arrive(served):
    # So does polars give its categoricals and enumerations.
    words = pa.array(["007", "a,b"], pa.string_view())
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0], pa.uint32()), words)

    async def story(world):
        result = await upload(world, pa.table({"id": column}), on_null="skip")
        assert arrived(world) == sha256(b'007\r\n"a,b"\r\n007\r\n')
        assert result.skipped_num == 1

    served(story)


class OneArray:
    """What has the interface of one array only, such as a record batch of some libraries."""

    def __init__(self, array):
        self._array = array

    def __arrow_c_array__(self, requested_schema=None):
        return self._array.__arrow_c_array__(requested_schema)


@pytest.mark.parametrize("array", [pa.array(["a", "b"]), pa.record_batch({"n": [1, 2], "id": ["a", "b"]})])
def test_one_array_is_a_column_and_one_of_structures_is_columns(served, array):
    async def story(world):
        column = None if isinstance(array, pa.Array) else "id"
        await upload(world, OneArray(array), column=column)
        assert arrived(world) == sha256(b"a\r\nb\r\n")

    served(story)


class Unreadable:
    """What cannot be given as Arrow data, such as a frame with integers and text in one column."""

    def __init__(self, problem):
        self._problem = problem

    def __arrow_c_stream__(self, requested_schema=None):
        raise self._problem


@pytest.mark.parametrize(
    "problem",
    [pa.ArrowInvalid("'secret'"), pa.ArrowTypeError("'secret'"), pa.ArrowNotImplementedError("'secret'")],
)
def test_what_cannot_be_read_as_arrow_data_is_refused_without_its_values(served, problem):
    async def story(world):
        with refused(
            InvalidRequest, "arrow-unreadable", source=Message("typed-source", kind="Unreadable")
        ) as caught:
            await upload(world, Unreadable(problem))
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is problem
        assert world.sent == []

    served(story)


def test_a_reader_whose_batches_have_other_columns_is_refused(served):
    reader = pa.RecordBatchReader.from_batches(
        pa.schema({"id": pa.string(), "name": pa.string()}), [pa.record_batch({"name": ["Ann"], "id": ["1"]})]
    )

    async def story(world):
        with refused(InvalidRequest, "batch-of-other-columns"):
            await upload(world, reader, column="id")
        assert world.sent == []

    served(story)


# What is no text


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
                await upload(world, source)
        await upload(world, b"PAR1\r\n")  # which may be an id
        assert arrived(world) == sha256(b"PAR1\r\n")

    served(story)

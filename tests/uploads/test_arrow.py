"""Arrow data and Parquet files: the right columns arrive, and what cannot be read is refused."""

import sys
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ta_cluster_async.emulator import Fault
from ta_cluster_async.errors import ConfigurationError, InvalidRequest
from ta_cluster_async.messages import Message
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.csv import encode_ids
from ta_cluster_async.uploads.arrow import ArrowBatches
from ta_cluster_async.uploads.options import Layout
from ta_cluster_async.uploads.source import source_of
from tests.uploads.sources import arrived, digest, upload
from tests.uploads.tables import EACH, ODD, ODD_TEXT, TABLES, Stream, table_of
from tests.world import refused


@EACH
def test_a_column_arrives_with_the_text_of_its_values(served, make, tmp_path):
    async def story(world):
        result = await upload(world.clusters, make(table_of(ODD), tmp_path), column="id")
        assert (result.upload_num, result.skipped_num) == (len(ODD), 0)
        assert arrived(world) == digest(ODD_TEXT)

    served(story)


@EACH
def test_two_columns_arrive_as_ids_and_tag_values(served, make, tmp_path):
    table = pa.table({"tier": ["gold", None, "a,b", ""], "x": [1, 2, 3, 4], "id": ["1", "2", "3", "4"]})

    async def story(world):
        result = await upload(world.tags, make(table, tmp_path), column="id", value_column="tier")
        assert (result.upload_num, result.tag_value_null_num) == (4, 2)
        assert arrived(world) == digest(b'1,gold\r\n2,\r\n3,"a,b"\r\n4,\r\n')

    served(story)


def test_an_array_by_itself_is_a_column(served):
    async def story(world):
        for source in (pa.chunked_array([["a"], ["b"]]), pa.array(["a", "b"])):
            await upload(world.clusters, source)
            assert arrived(world) == digest(b"a\r\nb\r\n")

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
        await upload(world.clusters, OneArray(array), column=column)
        assert arrived(world) == digest(b"a\r\nb\r\n")

    served(story)


def test_batches_without_rows_between_others_are_nothing(served):
    table = pa.table({"id": pa.chunked_array([[], ["a"], [], [], ["b", "c"], []], pa.string())})

    async def story(world):
        await upload(world.clusters, table)
        assert arrived(world) == digest(b"a\r\nb\r\nc\r\n")

    served(story)


@pytest.mark.parametrize(
    "table", [pa.table({"id": pa.array([], pa.string())}), pa.table({"id": pa.chunked_array([], pa.int64())})]
)
def test_a_table_without_rows_is_refused(served, table):
    async def story(world):
        with refused(InvalidRequest, "upload-empty"):
            await upload(world.clusters, table)
        assert world.sent == []

    served(story)


def test_the_memory_of_batches_is_that_of_a_few_pieces():
    # Two hundred thousand rows of 40 letters in one batch are written in pieces of a few megabytes.
    table = pa.table({"id": [f"{number:040d}" for number in range(200_000)]})
    reader: Any = source_of(table, encode_ids)._start()
    sizes = [len(part) for part in iter(reader._read, b"")]
    assert sum(sizes) == 42 * 200_000
    assert max(sizes) < 5 << 20
    assert next(iter(ArrowBatches(table, Message("unnamed-source"), Layout()).read())).num_rows == 200_000


# Read again


@pytest.mark.parametrize("make", [TABLES[name] for name in ("table", "frame", "Parquet", "DuckDB")])
def test_a_table_is_sent_again_whole(served, make, tmp_path):
    async def story(world):
        await upload(world.clusters, ["a"], name="n")
        world.em.faults.add(Fault.return_code(-1005, "请求频率过快"), path="import-id-cluster-modify-by-name")
        await world.clusters.replace_upload("n", make(table_of(ODD), tmp_path), column="id")
        assert arrived(world) == digest(ODD_TEXT)
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


# What cannot be read


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
            await upload(world.clusters, Unreadable(problem))
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
            await upload(world.clusters, reader, column="id")
        assert world.sent == []

    served(story)


# Frames, where polars and pandas are installed

PEOPLE = ["007", "a,b", 'say "hi"', "-1", "名字", "😀"]
TIERS = ["gold", None, "a,b", "", "x", "😀"]
TEXT = '007\r\n"a,b"\r\n"say ""hi"""\r\n-1\r\n名字\r\n😀\r\n'.encode()
PAIRS = '007,gold\r\n"a,b",\r\n"say ""hi""","a,b"\r\n-1,\r\n名字,x\r\n😀,😀\r\n'.encode()


def test_frames_of_polars_arrive_with_the_text_of_their_values(served):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"n": range(len(PEOPLE)), "id": PEOPLE, "tier": TIERS})

    async def story(world):
        for source in (
            frame,
            pl.concat([frame[:2], frame[2:2], frame[2:]], rechunk=False),
            frame.with_columns(pl.col("id").cast(pl.Categorical)),
            frame.with_columns(pl.col("id").cast(pl.Enum(PEOPLE))),
        ):
            await upload(world.clusters, source, column="id")
            assert arrived(world) == digest(TEXT)
        await upload(world.clusters, frame["id"])
        assert arrived(world) == digest(TEXT)
        await upload(world.tags, frame, column="id", value_column="tier")
        assert arrived(world) == digest(PAIRS)
        numbers = pl.DataFrame({"id": [Decimal("1.50"), None]})
        assert (await upload(world.clusters, numbers, on_null="skip")).skipped_num == 1
        assert arrived(world) == digest(b"1.50\r\n")

    served(story)


def test_frames_of_polars_without_a_certain_text_are_refused(served):
    pl = pytest.importorskip("polars")

    async def story(world):
        for column in (
            pl.Series([1.0, float("nan")]),
            pl.Series([[1]]),
            pl.Series([2**100], dtype=pl.Int128),
        ):
            with pytest.raises(InvalidRequest, match="cast"):
                await upload(world.clusters, pl.DataFrame({"id": column}))
        with pytest.raises(InvalidRequest, match="row 2"):
            await upload(world.clusters, pl.DataFrame({"id": ["a", None]}))
        with pytest.raises(InvalidRequest, match="LazyFrame"):
            await upload(world.clusters, pl.DataFrame({"id": ["a"]}).lazy())
        assert world.sent == []

    served(story)


def test_frames_of_pandas_arrive_with_the_text_of_their_values(served):
    pd = pytest.importorskip("pandas", minversion="3")
    frame = pd.DataFrame({"n": range(len(PEOPLE)), "id": PEOPLE, "tier": TIERS})

    async def story(world):
        for kind in ("str", "object", "category", "string[pyarrow]"):
            await upload(world.clusters, frame.astype({"id": kind}), column="id")
            assert arrived(world) == digest(TEXT)
        await upload(world.clusters, frame["id"])
        assert arrived(world) == digest(TEXT)
        await upload(world.clusters, frame.set_index("id"), column="id")
        assert arrived(world) == digest(TEXT)
        await upload(world.tags, frame, column="id", value_column="tier")
        assert arrived(world) == digest(PAIRS)
        numbers = pd.DataFrame({"id": pd.array([1, None], dtype="Int64")})
        assert (await upload(world.clusters, numbers, on_null="skip")).skipped_num == 1
        assert arrived(world) == digest(b"1\r\n")

    served(story)


def test_frames_of_pandas_without_a_certain_text_are_refused(served):
    pd = pytest.importorskip("pandas", minversion="3")

    async def story(world):
        # Integers of which one is missing have become floats.
        for column in ([1, None], ["a", 1], [1, "a"], pd.to_datetime(["2026-01-01"])):
            with pytest.raises(InvalidRequest, match="cast"):
                await upload(world.clusters, pd.DataFrame({"id": column}))
        assert world.sent == []

    served(story)

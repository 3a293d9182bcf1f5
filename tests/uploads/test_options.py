"""Options of an upload: wrong ones are refused before anything is sent, and columns are picked by name."""

import pyarrow as pa
import pytest
from pyarrow import parquet

from ta_cluster_async.errors import InvalidRequest
from tests.uploads.sources import arrived, digest, upload
from tests.uploads.tables import table_of
from tests.world import refused


@pytest.mark.parametrize("wrong", [1.5, -0.1, True, "0.9", float("nan")])
def test_a_share_that_is_none_is_refused(served, wrong):
    async def story(world):
        with refused(InvalidRequest, "require-match-invalid"):
            await upload(world.clusters, ["a"], require_match=wrong)
        assert world.sent == []

    served(story)


@pytest.mark.parametrize(
    "wrong",
    [
        {"on_null": "drop"},
        {"header": 1},
        {"column": 3},
        {"column": ""},
        {"on_progress": 3},
        {"max_line": 0},
        {"max_columns": True},
    ],
    ids=str,
)
def test_wrong_arguments_of_a_source_are_refused(served, wrong):
    async def story(world):
        with pytest.raises(InvalidRequest, match=next(iter(wrong))):
            await upload(world.clusters, b"a\r\n", **wrong)
        assert world.sent == []

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
        assert arrived(world) == digest(b"a\r\n")

    served(story)


def test_the_message_names_the_columns_that_there_are(served):
    async def story(world):
        with refused(InvalidRequest, "column-missing", names="'n', 'id'"):
            await upload(world.clusters, table_of(["a"]), column="uid")
        wide = b",".join(b"c%d" % number for number in range(30)) + b"\r\n"
        with pytest.raises(InvalidRequest, match=r"'c19', \.\.\.\."):
            await upload(world.clusters, wide, header=True, column="uid")

    served(story)


def test_the_index_of_pandas_without_a_name_is_no_column(served, tmp_path):
    table = pa.table({"uid": ["a"], "__index_level_0__": [7]})
    parquet.write_table(table, tmp_path / "ids.parquet")

    async def story(world):
        for source in (table, tmp_path / "ids.parquet"):
            await upload(world.clusters, source)
            assert arrived(world) == digest(b"a\r\n")
        await upload(world.clusters, table, column="__index_level_0__")
        assert arrived(world) == digest(b"7\r\n")

    served(story)


CSV = 'n,"the\r\nid",tier\r\n1,007,gold\r\n2,"a,b",\r\n\r\n3,名,"x""y"\r\n'.encode()


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

"""Tables of every kind for the tests of uploads."""

import duckdb
import pyarrow as pa
import pytest
from pyarrow import parquet

# What a CSV has to quote, what it has not, and what must not be changed.
ODD = [
    "007",
    "a,b",
    'say "hi"',
    " inside ",
    "名字",
    "😀",
    "-1",
    "'",
    "a;b",
    '"',
]


ODD_TEXT = b"".join(b"%s\r\n" % cell for cell in (
    b"007", b'"a,b"', b'"say ""hi"""', b" inside ", "名字".encode(),
    "😀".encode(), b"-1", b"'", b"a;b", b'""""',
))  # fmt: skip


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


def reader_of(batches):
    return pa.RecordBatchReader.from_batches(batches[0].schema, batches)


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

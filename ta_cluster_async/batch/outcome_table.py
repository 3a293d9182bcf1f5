"""The outcomes of a batch as an Arrow table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from ..messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa


def arrow_table(rows: Iterable[Mapping[str, object]]) -> pa.Table:
    """Return the rows of `RefreshReport.to_rows()` as a table whose schema is always the same; `ref` is text in it.

    Raises:
        ConfigurationError: The extra `arrow` is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - only an extra has it
    except ImportError:
        raise ConfigurationError(Message("table-without-pyarrow")) from None
    local, utc = pa.timestamp("us"), pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        {
            "ref": pa.string(),
            "status": pa.string(),
            "cluster_id": pa.int64(),
            "cluster_name": pa.string(),
            "users_num": pa.int64(),
            "progress": pa.int64(),
            "baseline_refresh_time": local,
            "refresh_time": local,
            "queue_seconds": pa.float64(),
            "run_seconds": pa.float64(),
            "detect_seconds": pa.float64(),
            "attempts": pa.int64(),
            "resumed": pa.bool_(),
            "settled_at": utc,
            "code": pa.string(),
            "message": pa.string(),
            "warnings": pa.string(),
        }
    )
    return pa.Table.from_pylist([{**row, "ref": str(row["ref"])} for row in rows], schema=schema)

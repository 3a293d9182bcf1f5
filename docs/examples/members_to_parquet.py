"""Write the members of a cluster to a Parquet file, all or nothing, in constant memory.

    ta-cluster emulator --clusters 12
    python members_to_parquet.py

Needs the extra `arrow`. `ta-cluster members payers_7_days -o members.parquet` does the same.
"""

import asyncio
from pathlib import Path

import pyarrow.parquet as pq

from ta_cluster_async import TaSession

CLUSTER, FILE = "payers_7_days", Path("members.parquet")


def server() -> TaSession:
    """Return a session with the emulator."""
    return TaSession("http://127.0.0.1:8992", "emulator-token#1+1=2&100%")  # yours: TaSession.from_env()


async def main() -> None:
    """Write a file beside the wanted one, which takes its name when it is whole."""
    part = FILE.with_suffix(".part")
    async with server() as ta:
        members = ta.project(102).clusters.members(CLUSTER)
        writer = None
        try:
            async for batch in members.batches():
                # For files of many GB, write on a thread: `await anyio.to_thread.run_sync(writer.write_batch, batch)`.
                writer = writer or pq.ParquetWriter(part, batch.schema)
                writer.write_batch(batch)
        finally:
            if writer is not None:
                writer.close()
        part.replace(FILE)
        print(f"{members.count} members of {CLUSTER} as of {members.refresh_time} are in {FILE}.")


if __name__ == "__main__":
    asyncio.run(main())

"""Upload a frame of polars as a tag, and say how many of its rows matched a user.

    ta-cluster emulator --clusters 12
    python upload_tag.py

Needs the extra `arrow` and polars. A frame of pandas and a relation of DuckDB are uploaded in the same way.
"""

import asyncio

import polars as pl

from ta_cluster_async import MatchTooLow, TaSession


def server() -> TaSession:
    """Return a session with the emulator."""
    return TaSession("http://127.0.0.1:8992", "emulator-token#1+1=2&100%")  # yours: TaSession.from_env()


async def main() -> None:
    """Upload it, and print what the server says."""
    frame = pl.DataFrame(
        {"uid": ["j77639", "h84497", "nobody", None], "tier": ["gold", "silver", "gold", "gold"]}
    )
    async with server() as ta:
        try:
            tag = await ta.project(102).tags.upload(
                frame,
                column="uid",
                value_column="tier",
                name="medal",
                display_name="Medal",
                main_column="#account_id",
                on_null="skip",
                require_match=0.5,
            )
        except MatchTooLow as problem:
            print(f"Only {problem.match_rate:.0%} matched. The tag {problem.cluster_id} exists all the same.")
            return
        print(
            f"Tag {tag.cluster_id}: {tag.user_num} users, {tag.match_rate:.0%} matched, {tag.skipped_num} without an id."
        )


if __name__ == "__main__":
    asyncio.run(main())

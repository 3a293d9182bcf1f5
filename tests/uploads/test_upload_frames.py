"""Frames of polars and pandas as they are; where these are not installed, test_upload_tables.py has what stands in for them."""

import hashlib
from decimal import Decimal

import pytest

from ta_cluster_async.errors import InvalidRequest

IDS = ["007", "a,b", 'say "hi"', "two\nlines", "名字", "😀"]
TIERS = ["gold", None, "a,b", "", "x", "😀"]
TEXT = '007\r\n"a,b"\r\n"say ""hi"""\r\n"two\nlines"\r\n名字\r\n😀\r\n'.encode()
PAIRS = '007,gold\r\n"a,b",\r\n"say ""hi""","a,b"\r\n"two\nlines",\r\n名字,x\r\n😀,😀\r\n'.encode()


def upload(resource, source, **arguments):
    return resource.upload(source, display_name="ids", main_column="#account_id", **arguments)


def arrived(world):
    return [record for record in world.em.requests if record.name.startswith("import")][-1].body_sha256


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_frames_of_polars_arrive_with_the_text_of_their_values(served):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"n": range(len(IDS)), "id": IDS, "tier": TIERS})

    async def story(world):
        for source in (
            frame,
            pl.concat([frame[:2], frame[2:2], frame[2:]], rechunk=False),
            frame.with_columns(pl.col("id").cast(pl.Categorical)),
            frame.with_columns(pl.col("id").cast(pl.Enum(IDS))),
        ):
            await upload(world.clusters, source, column="id")
            assert arrived(world) == sha256(TEXT)
        await upload(world.clusters, frame["id"])
        assert arrived(world) == sha256(TEXT)
        await upload(world.tags, frame, column="id", value_column="tier")
        assert arrived(world) == sha256(PAIRS)
        numbers = pl.DataFrame({"id": [Decimal("1.50"), None]})
        assert (await upload(world.clusters, numbers, on_null="skip")).skipped_num == 1
        assert arrived(world) == sha256(b"1.50\r\n")

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
    frame = pd.DataFrame({"n": range(len(IDS)), "id": IDS, "tier": TIERS})

    async def story(world):
        for kind in ("str", "object", "category", "string[pyarrow]"):
            await upload(world.clusters, frame.astype({"id": kind}), column="id")
            assert arrived(world) == sha256(TEXT)
        await upload(world.clusters, frame["id"])
        assert arrived(world) == sha256(TEXT)
        await upload(world.clusters, frame.set_index("id"), column="id")
        assert arrived(world) == sha256(TEXT)
        await upload(world.tags, frame, column="id", value_column="tier")
        assert arrived(world) == sha256(PAIRS)
        numbers = pd.DataFrame({"id": pd.array([1, None], dtype="Int64")})
        assert (await upload(world.clusters, numbers, on_null="skip")).skipped_num == 1
        assert arrived(world) == sha256(b"1\r\n")

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

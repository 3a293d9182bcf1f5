"""Rows of iterables: all kinds arrive whole, wrong rows are named, and what the reader has begun is closed."""

import asyncio
from decimal import Decimal

import pytest

from ta_cluster_async.errors import (
    InvalidRequest,
)
from ta_cluster_async.protocol.csv import encode_ids
from ta_cluster_async.uploads import rows as source_rows
from ta_cluster_async.uploads.options import Layout
from ta_cluster_async.uploads.source import source_of
from tests.uploads.sources import (
    IDS,
    LINE,
    LINES,
    Again,
    AsyncAgain,
    arrived,
    digest,
    one_by_one,
    upload,
)
from tests.world import refused


def test_a_set_and_a_range_are_ids_too(served):
    async def story(world):
        assert (await upload(world.clusters, {"a", "b", "c"})).upload_num == 3
        await upload(world.clusters, range(5))
        assert arrived(world) == digest(b"0\r\n1\r\n2\r\n3\r\n4\r\n")

    served(story)


@pytest.mark.parametrize("rows", [1, 8191, 8192, 8193, 16384, 20_000])
@pytest.mark.parametrize("given", [list, iter, Again, one_by_one])
def test_rows_arrive_whole_and_in_order_wherever_they_are_cut(served, rows, given):
    async def story(world):
        await upload(world.clusters, given(IDS[:rows]))
        assert arrived(world) == digest(LINES[: LINE * rows])

    served(story)


@pytest.mark.parametrize("given", [list, iter, one_by_one, lambda rows: map(list, rows)])
def test_tags_take_pairs(served, given):
    rows = [("a", "gold"), ("b", None), ("c", 3), ("d,e", 'say "hi"'), (7, "")]
    body = b'a,gold\r\nb,\r\nc,3\r\n"d,e","say ""hi"""\r\n7,\r\n'

    async def story(world):
        result = await upload(world.tags, given(rows))
        assert arrived(world) == digest(body)
        assert (result.upload_num, result.tag_value_null_num) == (5, 2)

    served(story)


def test_decimals_in_rows_keep_their_digits(served):
    async def story(world):
        await upload(world.clusters, [Decimal("1.50"), Decimal("1E+3"), Decimal("0E-8"), "00.5"])
        assert arrived(world) == digest(b"1.50\r\n1000\r\n0.00000000\r\n00.5\r\n")
        with pytest.raises(InvalidRequest, match="row 1"):
            await upload(world.clusters, [Decimal("NaN")])

    served(story)


@pytest.mark.parametrize(
    "source",
    [[], (), iter(()), {}, range(0), Again([]), AsyncAgain([]), one_by_one([])],
    ids=lambda source: type(source).__name__,
)
def test_an_iterable_without_rows_is_refused_before_anything_is_sent(served, source):
    async def story(world):
        with refused(InvalidRequest, "upload-empty"):
            await upload(world.clusters, source, name="n")
        assert world.sent == []

    served(story)


# Wrong rows


BAD_IDS = [None, "", "  ", 1.5, True, b"a", ("a",), "\ud800"]


@pytest.mark.parametrize("row", [1, 5000, 8193])
@pytest.mark.parametrize("given", [list, iter, one_by_one])
def test_a_bad_row_is_named_and_the_server_has_no_cluster(served, given, row):
    async def story(world):
        for bad in BAD_IDS:
            rows = [*IDS[: row - 1], bad, *IDS[:5]]
            with pytest.raises(InvalidRequest, match=rf"row {row}\b"):
                await upload(world.clusters, given(rows), name="n")
        assert world.done == []
        if row <= 8192:
            assert world.sent == []

    served(story)


@pytest.mark.parametrize("bad", [("a",), ("a", "b", "c"), "ab", None, ("", "b"), ("a", 1.5), ("a", "\ud800")])
def test_a_bad_pair_is_named(served, bad):
    async def story(world):
        with pytest.raises(InvalidRequest, match=r"[Rr]ow 2\b"):
            await upload(world.tags, [("a", "b"), bad])
        assert world.sent == []

    served(story)


def test_a_batch_of_which_all_is_skipped_does_not_end_an_async_source(served, monkeypatch):
    monkeypatch.setattr(source_rows, "BATCH", 3)

    async def rows():
        for row in [None, None, None, "a", " ", "", None, "b"]:
            yield row

    async def story(world):
        result = await upload(world.clusters, rows(), on_null="skip")
        assert (result.upload_num, result.skipped_num) == (2, 6)
        assert arrived(world) == digest(b"a\r\nb\r\n")

    served(story)


# Closed afterwards


async def numbers(log):
    try:
        for number in range(100):
            yield number
    finally:
        log.append("closed")


class Numbers:
    """An async iterator that is no generator."""

    def __init__(self, log):
        self._left = list(range(100))

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)


@pytest.mark.parametrize(("make", "closed"), [(numbers, ["closed"]), (Numbers, [])])
def test_an_async_source_is_closed_where_that_can_be_done(monkeypatch, make, closed):
    monkeypatch.setattr(source_rows, "BATCH", 10)

    async def main():
        log: list[str] = []
        source = source_of(make(log), encode_ids, Layout(columns=1))
        chunks = source.chunks()
        first = await anext(chunks)
        await source.aclose()
        await source.aclose()
        return bytes(first), log

    assert asyncio.run(main()) == (b"".join(b"%d\r\n" % n for n in range(10)), closed)


def test_an_iterator_of_the_callers_is_not_closed(served):
    class Cursor:
        """As a database gives it: to be read on, and to be closed by the one who opened it."""

        def __init__(self, rows):
            self.rows = iter(rows)
            self.closed = False

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.rows)

        def close(self):
            self.closed = True

    async def story(world):
        cursor = Cursor(IDS)
        await upload(world.clusters, cursor)
        assert not cursor.closed

    served(story)

"""Reading the list while it stands still, grows and shrinks, and where it ends."""

import asyncio
import gc
import json
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ta_cluster_async import TaSession
from ta_cluster_async.emulator import Fault, Settings
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import ApiError, InvalidRequest, SchemaError, TokenRejected, TransportError
from ta_cluster_async.models import ClusterType, unstructure
from ta_cluster_async.protocol.requests import Response
from tests.world import refused

ORDERS = pytest.mark.parametrize("order", ["newest_first", "oldest_first"])


def plain(**more):
    return Settings(evaluate=False, **more)


async def ids(pager):
    return [row.id async for row in pager]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_rows_that_the_server_counts_and_does_not_give_are_told(served, caplog, missing):
    async def story(world):
        world.em.seed_clusters(3)
        [page] = [page async for page in world.clusters.list(page_size=3).pages()]
        rows: list[Any] = [unstructure(row) for row in page.rows]
        answers: list[Any] = [rows, []]
        for answered in answers:
            pager = {"pageNum": 1, "pageSize": 3, "totalNum": 3 + missing}
            world.em.faults.add(Fault.data({"pagerResult": pager, "userClusters": answered}))
        listing = world.clusters.list(page_size=3)
        assert len(await listing.collect()) == 3
        assert listing.missing == missing
        texts = [record.getMessage() for record in caplog.records if record.name == "ta_cluster_async"]
        fewer = {0: [], 1: ["1 row fewer"], 2: ["2 rows fewer"]}[missing]
        assert texts == [f"The list has {text} than the server's totalNum says." for text in fewer]

    served(story)


@pytest.mark.parametrize(
    ("kind", "prefix", "catalog", "count"),
    [("clusters", "cluster_", "catalog_cluster", 6), ("tags", "tag_", "catalog_tag", 5)],
)
def test_the_body_names_all_types_of_the_catalog_and_the_page(served, kind, prefix, catalog, count):
    async def story(world):
        await ids(getattr(world, kind).list())
        [record] = world.em.requests
        assert (record.method, record.path, dict(record.query)) == ("POST", "/open/user-cluster-list", {})
        body = json.loads(record.body)
        types = body.pop("clusterTypes")
        assert all(kind.startswith(prefix) for kind in types)
        assert len(set(types)) == len(types) == count
        assert body == {
            "projectId": 102,
            "clusterCatalog": catalog,
            "pagerHeader": {"pageNum": 1, "pageSize": 100},
        }

    served(story)


def test_a_search_sends_the_text_and_the_types(served):
    async def story(world):
        world.em.seed_clusters(3)
        world.em.seed_clusters(2, prefix="other")
        rows = await world.clusters.list(
            name="OTHER", types=[ClusterType.CLUSTER_BY_STATIC_CONDITION, "newer"]
        ).collect()
        assert {row.cluster_name for row in rows} == {"other_1", "other_2"}
        body = json.loads(world.em.requests[0].body)
        assert body["clusterName"] == "OTHER"
        assert body["clusterTypes"] == ["cluster_by_static_condition", "newer"]

    served(story)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 30])
@pytest.mark.parametrize("size", [1, 3, 10])
def test_all_rows_come_once_and_in_order_with_no_page_too_many(served, count, size):
    async def story(world):
        made = world.em.seed_clusters(count)
        assert await ids(world.clusters.list(page_size=size)) == made[::-1]
        assert len(world.sent) == max(1, -(-count // size))

    served(story)


def test_nothing_is_sent_before_the_list_is_iterated_and_each_iteration_reads_it_again(served):
    async def story(world):
        pager = world.clusters.list()
        assert world.sent == []
        assert await ids(pager) == []
        made = world.em.seed_clusters(2)
        assert await ids(pager) == made[::-1]
        assert [row.id for row in await pager.collect()] == made[::-1]

    served(story)


def test_pages_come_with_their_numbers_and_totals(served):
    async def story(world):
        world.em.seed_clusters(5)
        pages = [page async for page in world.clusters.list(page_size=2).pages()]
        assert [(page.page_num, page.page_size, page.total_num, len(page.rows)) for page in pages] == [
            (1, 2, 5, 2),
            (2, 2, 5, 2),
            (3, 2, 5, 1),
        ]

    served(story)


def test_a_server_that_gives_fewer_rows_than_asked_is_read_to_its_end(served):
    async def story(world):
        made = world.em.seed_clusters(25)
        assert await ids(world.clusters.list(page_size=100)) == made[::-1]
        assert len(world.sent) == 4

    served(story, settings=plain(max_page_size=7))


def test_a_server_that_refuses_large_pages_is_asked_for_smaller_ones_and_refuses_once_only(served):
    async def story(world):
        made = world.em.seed_clusters(450)
        assert await ids(world.clusters.list(page_size=1000)) == made[::-1]
        assert len(world.sent) == 2 + 3
        assert await ids(world.clusters.list(page_size=300).ahead()) == made[::-1]
        assert len(world.sent) == 2 + 3 + 3
        assert world.refused_pages == [1000, 500]

    served(story, settings=plain(refuse_page_size=200))


def test_a_list_that_is_refused_whatever_its_size_is_asked_for_smaller_pages_once(served):
    async def story(world):
        for more in (0, 1):
            with pytest.raises(ApiError) as caught:
                await world.clusters.list().collect()
            assert caught.value.return_code == -3001
            assert caught.value.__context__ is None
            assert len(world.sent) == 2 + more

    served(story, settings=plain(refuse_page_size=0))


def test_only_a_refusal_by_the_server_is_a_reason_for_smaller_pages(served):
    async def story(world):
        async with TaSession(world.em.url, "wrong") as ta:
            with pytest.raises(TokenRejected):
                await ta.project(102).clusters.list(page_size=1000).collect()
        assert {json.loads(record.body)["pagerHeader"]["pageSize"] for record in world.em.requests} == {1000}

    served(story)


def test_smaller_pages_are_tried_within_the_time_of_the_call(served):
    async def story(world):
        world.em.seed_clusters(100)
        begun = world.now
        with pytest.raises(TransportError):
            await world.clusters.list(page_size=1000, timeout=5.0).collect()
        assert world.now == begun + 5.0
        assert len(world.sent) == 3

    served(story, settings=plain(refuse_page_size=100, latency=2.0))


@ORDERS
def test_rows_that_move_while_others_are_created_come_once(served, order):
    async def story(world):
        made = world.em.seed_clusters(20)
        seen: list[int] = []
        async for row in world.clusters.list(page_size=5):
            if len(seen) % 4 == 0 and len(seen) < 12:
                world.em.seed_clusters(3, prefix=f"more_{len(seen)}")
            seen.append(row.id)
        assert len(seen) == len(set(seen))
        assert set(made) <= set(seen)

    served(story, settings=plain(list_order=order))


@ORDERS
@pytest.mark.parametrize("at_once", [1, 4, 5, 6, 14])
def test_rows_that_move_up_while_others_are_deleted_are_not_lost(served, order, at_once):
    async def story(world):
        made = world.em.seed_clusters(40)
        order_of_rows = made if order == "oldest_first" else made[::-1]
        doomed = order_of_rows[:at_once]
        seen = []
        async with aclosing(world.clusters.list(page_size=5).pages()) as pages:
            async for page in pages:
                seen += [row.id for row in page.rows]
                if len(seen) == 20:
                    for cluster in doomed:
                        await world.clusters.delete(cluster)
        assert len(seen) == len(set(seen))
        assert set(seen) == set(made)

    served(story, settings=plain(list_order=order))


def test_deleting_the_last_pages_while_they_are_read_ends_the_list(served):
    async def story(world):
        made = world.em.seed_clusters(20)
        seen = []
        async for row in world.clusters.list(page_size=5):
            seen.append(row.id)
            if len(seen) == 10:
                for cluster in made[:10]:
                    await world.clusters.delete(cluster)
        assert seen == made[::-1][:10]

    served(story)


@given(
    count=st.integers(0, 12),
    size=st.integers(1, 5),
    changes=st.lists(
        st.sampled_from(["", "create", "delete first", "delete last", "delete three"]), max_size=12
    ),
    order=st.sampled_from(["newest_first", "oldest_first"]),
)
@settings(max_examples=40, deadline=None)
def test_what_stays_is_seen_once_whatever_is_created_or_deleted(served, count, size, changes, order):
    async def story(world):
        made = world.em.seed_clusters(count)
        gone, seen, steps = set(), [], iter(changes)
        # Rows created at the end of the list can make up for deleted ones, and then nothing tells of either.
        creates = order == "newest_first"
        async for page in world.clusters.list(page_size=size).pages():
            seen += [row.id for row in page.rows]
            left = [cluster for cluster in made if cluster not in gone]
            match next(steps, ""):
                case "create" if creates:
                    world.em.seed_clusters(1, prefix=f"more_{len(world.sent)}")
                case "delete first":
                    gone.update(left[:1])
                case "delete last":
                    gone.update(left[-1:])
                case "delete three":
                    gone.update(left[:3])
            for cluster in gone:
                if any(one.id == cluster for one in world.em.clusters()):
                    await world.clusters.delete(cluster)
        assert len(seen) == len(set(seen))
        assert set(made) - gone <= set(seen)

    served(story, settings=plain(list_order=order))


def test_a_page_that_repeats_a_row_gives_it_once(served):
    async def story(world):
        world.em.seed_clusters(2)
        row: Any = {"id": 1, "clusterName": "one"}
        pager: Any = {"pageNum": 1, "pageSize": 100, "totalNum": 2}
        world.em.faults.add(Fault.data({"pagerResult": pager, "userClusters": [row, row]}))
        assert await ids(world.clusters.list()) == [1]

    served(story)


def test_rows_may_lack_all_but_id_and_name(served):
    async def story(world):
        world.em.faults.add(
            Fault.data(
                {
                    "pagerResult": {"pageNum": 1, "pageSize": 100, "totalNum": 2},
                    "userClusters": [
                        {"id": 1, "clusterName": "one"},
                        {"id": 2, "clusterName": "two", "progress": None},
                    ],
                }
            )
        )
        rows = await world.clusters.list().collect()
        assert [(row.id, row.cluster_name, row.progress, row.catalog) for row in rows] == [
            (1, "one", None, None),
            (2, "two", None, None),
        ]

    served(story)


def test_a_row_of_the_wrong_shape_names_its_place(served):
    async def story(world):
        world.em.faults.add(
            Fault.data(
                {
                    "pagerResult": {"pageNum": 1, "pageSize": 100, "totalNum": 1},
                    "userClusters": [{"id": "1", "clusterName": "one"}],
                }
            )
        )
        with pytest.raises(SchemaError) as caught:
            await world.clusters.list().collect()
        assert caught.value.path == "data.userClusters[0].id"

    served(story)


def test_a_page_that_fails_on_the_way_is_read_again(served):
    async def story(world):
        made = world.em.seed_clusters(6)
        world.em.faults.add(Fault.reset(), nth=2)
        world.em.faults.add(Fault.html(503), nth=3)
        assert await ids(world.clusters.list(page_size=2)) == made[::-1]
        assert len(world.sent) == 5

    served(story)


def test_each_page_has_the_timeout_of_the_list_and_the_whole_that_of_collect(served):
    async def story(world):
        world.em.seed_clusters(10)
        assert len(await world.clusters.list(page_size=1, timeout=3.0).collect()) == 10
        assert world.now == pytest.approx(20.0)
        with pytest.raises(TransportError):
            await world.clusters.list(page_size=1, timeout=3.0).collect(timeout=9.0)
        assert world.now == pytest.approx(29.0)
        with pytest.raises(TransportError):
            await world.clusters.list(page_size=1, timeout=1.0).collect()
        assert world.now == pytest.approx(30.0)

    served(story, settings=plain(latency=2.0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"page_size": 0},
        {"page_size": -1},
        {"page_size": True},
        {"page_size": 10.0},
        {"types": []},
        {"types": "cluster_by_import"},
        {"types": [1]},
        {"types": 7},
        {"name": 970},
    ],
)
def test_wrong_arguments_are_refused_at_once(served, wrong):
    async def story(world):
        with pytest.raises(InvalidRequest):
            world.clusters.list(**wrong)
        assert world.sent == []

    served(story)


@pytest.mark.filterwarnings("error")
def test_stopping_early_leaves_nothing_behind(served):
    async def story(world):
        world.em.seed_clusters(10)
        async for _ in world.clusters.list(page_size=2):
            break
        async for _ in world.clusters.list(page_size=2).pages():
            break
        gc.collect()
        await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) <= 3  # this one, and those of the emulator's connections
        assert len(world.sent) == 2
        await asyncio.sleep(100)
        assert len(world.sent) == 2

    served(story)


def test_collecting_can_be_cancelled(served):
    async def story(world):
        world.em.seed_clusters(10)
        task = asyncio.ensure_future(world.clusters.list(page_size=1).collect())
        await asyncio.sleep(5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        sent = len(world.sent)
        await asyncio.sleep(100)
        assert len(world.sent) == sent == 3

    served(story, settings=plain(latency=2.0))


# The end of the list


class Pages:
    """In place of the network: pages of `size` rows of a list whose rows and number of rows a function gives by the number of the request."""

    def __init__(self, size, total, first_row):
        self.sent = 0
        self._size = size
        self._total = total
        self._first_row = first_row

    async def send(self, request, token, timeout):
        self.sent += 1
        asked = json.loads(request.body)["pagerHeader"]["pageNum"]
        first = self._first_row(self.sent, asked)
        rows = [{"id": first + place, "clusterName": "c"} for place in range(self._size)]
        pager = {"pageNum": asked, "pageSize": self._size, "totalNum": self._total(self.sent)}
        data = {"pagerResult": pager, "userClusters": rows}
        return Response(200, json.dumps({"return_code": 0, "data": data}).encode())

    async def aclose(self):
        """There is nothing to close."""


async def collect(pages, *, ahead=False):
    async with TaSession("http://127.0.0.1", "t", transport=pages) as ta:
        pager = ta.project(102).clusters.list(page_size=10)
        return await (pager.ahead() if ahead else pager).collect()


def by_page(_, asked):
    return 1 + (asked - 1) * 10


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize(
    "total",
    [lambda sent: 100 if sent % 2 else 50, lambda sent: 1_000_000 + sent],
    ids=["to and fro", "growing"],
)
def test_a_number_of_rows_that_keeps_changing_while_no_row_is_new_ends_the_list(total, ahead):
    pages = Pages(10, total, lambda sent, asked: by_page(sent, min(asked, 5)))
    with refused(SchemaError, "total-keeps-changing") as caught:
        run(collect(pages, ahead=ahead))
    assert caught.value.path == "data.pagerResult.totalNum"
    without_new_row: Any = caught.value.params["pages"]
    assert 1_000 <= without_new_row < 1_100
    assert pages.sent < 1_100


def test_going_back_over_everything_once_is_no_reason_to_give_up():
    # 3,000 pages, at whose end all but ten rows were deleted and 30,000 others created.
    pages = Pages(10, lambda sent: 30_000 if sent != 2_999 else 10, by_page)
    assert len(run(collect(pages))) == 30_000
    assert pages.sent == 2_999 + 3_000

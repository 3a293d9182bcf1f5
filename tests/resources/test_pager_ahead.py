"""Going through the list with the next page on its way."""

import asyncio
import gc
import json
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ta_cluster_async import TaSession
from ta_cluster_async.emulator import Fault, Settings
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import SchemaError
from ta_cluster_async.protocol.requests import Response

LATENCY = 2.0
SLOW = Settings(evaluate=False, latency=LATENCY)


async def ids(pager):
    return [row.id async for row in pager]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 30])
def test_all_rows_come_once_and_in_order_with_no_page_too_many(served, count):
    async def story(world):
        made = world.em.seed_clusters(count)
        assert await ids(world.clusters.list(page_size=10).ahead()) == made[::-1]
        assert len(world.sent) == max(1, -(-count // 10))

    served(story)


@pytest.mark.parametrize(
    ("seconds", "whole"), [(0.5, LATENCY * 5 + 0.5), (LATENCY, LATENCY * 6), (5.0, LATENCY + 5.0 * 5)]
)
def test_a_loop_waits_for_the_slower_of_the_server_and_itself(served, seconds, whole):
    async def story(world):
        world.em.seed_clusters(10)
        async with aclosing(world.clusters.list(page_size=2).ahead().pages()) as pages:
            async for _ in pages:
                await asyncio.sleep(seconds)
        assert world.now == pytest.approx(whole, abs=0.1)

    served(story, settings=SLOW)


def test_the_next_page_is_asked_for_before_the_present_one_is_given_and_no_other(served):
    async def story(world):
        world.em.seed_clusters(10)
        async with aclosing(world.clusters.list(page_size=2).ahead().pages()) as pages:
            await anext(pages)
            await asyncio.sleep(0.1)
            assert len(world.sent) == 2
            await asyncio.sleep(100)
            assert len(world.sent) == 2
            await anext(pages)
            await asyncio.sleep(100)
            assert len(world.sent) == 3

    served(story)


def test_the_list_without_it_asks_for_a_page_when_it_is_wanted(served):
    async def story(world):
        world.em.seed_clusters(10)
        pager = world.clusters.list(page_size=2)
        pager.ahead()
        async with aclosing(pager.pages()) as pages:
            await anext(pages)
            await asyncio.sleep(100)
            assert len(world.sent) == 1

    served(story)


@pytest.mark.parametrize("after", [0.0, 1.0, 100.0])
def test_leaving_the_loop_leaves_no_task_behind(served, after):
    async def story(world):
        world.em.seed_clusters(10)
        async for _ in world.clusters.list(page_size=2).ahead().pages():
            await asyncio.sleep(after)
            break
        async for _ in world.clusters.list(page_size=2).ahead():
            await asyncio.sleep(after)
            break
        gc.collect()
        await asyncio.sleep(0.1)
        sent = len(world.sent)
        names = {repr(task.get_coro()) for task in asyncio.all_tasks()}
        assert not any("Pager" in name or "TaSession" in name for name in names), names
        await asyncio.sleep(100)
        assert len(world.sent) == sent <= 4

    served(story, settings=SLOW)


@pytest.mark.parametrize("after", [1.0, 3.0, 7.0, 11.0])
def test_cancelling_the_loop_cancels_the_page_on_its_way(served, after):
    async def story(world):
        world.em.seed_clusters(100)

        async def go_through():
            async with aclosing(world.clusters.list(page_size=2).ahead().pages()) as pages:
                async for _ in pages:
                    await asyncio.sleep(5)

        task = asyncio.create_task(go_through())
        await asyncio.sleep(after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        sent = len(world.sent)
        await asyncio.sleep(100)
        assert len(world.sent) == sent

    served(story, settings=SLOW)


class Pages:
    """A transport with an endless list. The task that asks for its first page is cancelled in the turn in which it arrives."""

    def __init__(self):
        self.sent = 0

    async def send(self, request, token, timeout):
        self.sent += 1
        if self.sent == 1:
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_soon(task.cancel)
        pager = {"pageNum": self.sent, "pageSize": 1, "totalNum": 100}
        rows = [{"id": self.sent, "clusterName": "one"}]
        data = {"pagerResult": pager, "userClusters": rows}
        return Response(200, json.dumps({"return_code": 0, "data": data}).encode())

    async def aclose(self):
        """There is nothing to close."""


def test_a_loop_that_is_cancelled_when_the_next_page_is_about_to_be_asked_for_does_not_ask(turns_had):
    async def go_through(pages):
        async with TaSession("http://127.0.0.1", "t", transport=pages) as ta:
            async for _ in ta.project(102).clusters.list(page_size=1).ahead():
                pass

    async def main():
        pages = Pages()
        task = asyncio.create_task(go_through(pages))
        await asyncio.wait([task])
        return task.cancelled(), pages.sent

    # An eager task has asked before the cancellation is there.
    assert run(main()) == (True, 1 + turns_had)


def test_the_error_of_a_page_is_raised_where_that_page_is_due(served):
    async def story(world):
        made = world.em.seed_clusters(6)
        world.em.faults.add(Fault.data({}), nth=2)
        seen: list[int] = []

        async def go_through():
            async for page in world.clusters.list(page_size=2).ahead().pages():
                seen.extend(row.id for row in page.rows)

        with pytest.raises(SchemaError):
            await go_through()
        assert seen == made[::-1][:2]

    served(story)


def test_an_error_that_nobody_waits_for_is_not_logged(served):
    async def story(world):
        complaints = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        world.em.seed_clusters(6)
        world.em.faults.add(Fault.data({}), nth=2)
        async with aclosing(world.clusters.list(page_size=2).ahead().pages()) as pages:
            await anext(pages)
            await asyncio.sleep(10)
        gc.collect()
        await asyncio.sleep(0)
        assert complaints == []

    served(story)


@given(
    count=st.integers(0, 12),
    size=st.integers(1, 5),
    changes=st.lists(
        st.sampled_from(["", "create", "delete first", "delete last", "delete three"]), max_size=12
    ),
    order_and_seconds=st.tuples(
        st.sampled_from(["newest_first", "oldest_first"]), st.sampled_from([0.0, 1.0, 5.0])
    ),
)
@settings(max_examples=40, deadline=None)
def test_what_stays_is_seen_once_whatever_is_created_or_deleted(
    served, count, size, changes, order_and_seconds
):
    order, seconds = order_and_seconds

    async def story(world):
        made = world.em.seed_clusters(count)
        gone, seen, steps = set(), [], enumerate(changes)
        creates = order == "newest_first"
        async for page in world.clusters.list(page_size=size).ahead().pages():
            await asyncio.sleep(seconds)
            seen += [row.id for row in page.rows]
            left = [cluster for cluster in made if cluster not in gone]
            number, change = next(steps, (0, ""))
            match change:
                case "create" if creates:
                    world.em.seed_clusters(1, prefix=f"more_{number}")
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

    served(story, settings=Settings(evaluate=False, list_order=order, latency=0.5))

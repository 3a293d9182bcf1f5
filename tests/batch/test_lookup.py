"""Looking up clusters and tags by id or name, with close to the fewest requests."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ta_cluster_async.batch import Planned, Status, refresh_all
from ta_cluster_async.batch.lookup import Found, _note, _outward
from ta_cluster_async.emulator import Settings
from ta_cluster_async.errors import (
    ApiError,
    NotSent,
    SchemaError,
)
from ta_cluster_async.models import Catalog
from ta_cluster_async.protocol.refresh import PollPolicy
from tests.world import World, in_virtual_time


@pytest.mark.parametrize(
    ("pages", "cursor", "order"),
    [
        (1, 1, [1]),
        (4, 1, [1, 2, 3, 4]),
        (4, 4, [4, 3, 2, 1]),
        (5, 3, [3, 4, 2, 5, 1]),
        (5, 4, [4, 5, 3, 2, 1]),
        (5, 2, [2, 3, 1, 4, 5]),
    ],
)
def test_pages_are_sought_from_the_latest_find_outward(pages: int, cursor: int, order: list[int]) -> None:
    class View:
        def __init__(self) -> None:
            self.pages, self.cursor = pages, cursor

    assert list(_outward(cast("Any", View()))) == order


def test_a_refusal_to_show_a_cluster_is_no_failure_on_the_way(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)
    server.add(1, listed=False)
    refused = kit.refusal(-3007, "not for you")
    server.rule = lambda ask: refused if ask.name == "detail" and ask.cluster.id == 3 else None
    told = kit.tell(server, [1, 2, 3])
    assert told[3].status is Status.REJECTED
    assert isinstance(told[3].error, ApiError)
    assert told[3].error.return_code == -3007


def test_a_tag_that_is_found_by_its_detail_is_known_as_one(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1)
    server.add(1, catalog=kit.TAG)
    told = kit.tell(server, [1, "t_2"])
    assert [told[ref].ticket.catalog for ref in (1, "t_2")] == [Catalog.CLUSTER, Catalog.TAG]


def test_a_detail_is_waited_for_no_longer_than_the_batch_lasts(kit: Any) -> None:
    server = kit.Deployment(latency=1_000.0)
    server.add(1)
    told = kit.tell(server, [1], timeout=10.0, session={"timeout": 200.0})
    assert told.statuses == {1: "timed_out"}
    assert told.seconds < 11.0


def test_details_that_never_come_are_not_asked_for_one_after_the_other(kit: Any) -> None:
    server = kit.Deployment()
    server.add(30)
    server.rule = lambda ask: kit.refusal(-3007, "no more") if ask.page else kit.REFUSED
    told = kit.tell(server, range(1, 31), poll=PollPolicy(errors=60.0))
    assert set(told.statuses.values()) == {"cancelled"}
    assert len({ask.cluster.id for ask in server.asks if ask.name == "detail"}) == 8, (
        "so many are looked up at a time"
    )


@pytest.mark.parametrize(
    ("error", "gave_up", "gives_up"),
    [
        (NotSent("no connection.", reason="refused"), True, True),
        (NotSent("no connection.", reason="refused"), False, False),
        (ApiError(-3007, "no", endpoint="detail", attempts=1), True, False),
    ],
)
def test_only_a_server_that_is_down_is_given_up(error: Any, *, gave_up: bool, gives_up: bool) -> None:
    found = Found()
    sender = SimpleNamespace(gave_up=gave_up)
    assert _note(cast("Any", SimpleNamespace(sender=sender)), found, error) is gives_up
    assert found.gave_up is (error if gives_up else None)


@pytest.mark.parametrize("page_size", [1, 7, 100])
def test_the_page_size_follows_what_the_server_gives(kit: Any, page_size: int) -> None:
    server = kit.Deployment(page_size=page_size)
    server.add(40)
    told = kit.tell(server, range(1, 41), max_running=40)
    assert told.report.counts == {Status.SUCCEEDED: 40}


@pytest.mark.parametrize(("most", "refused", "pages"), [(1000, 0, 1), (999, 1, 1), (200, 2, 2), (50, 4, 8)])
def test_a_page_that_is_too_large_for_the_server_is_refused_once_only(
    kit: Any, most: int, refused: int, pages: int
) -> None:
    server = kit.Deployment(page_size=1000, refuse_page_size=most)
    server.add(400, seconds=30.0)
    told = kit.tell(server, range(1, 401), max_running=400)
    assert told.report.ok
    begun = told.of(Planned)[0].at
    assert len([ask for ask in server.asks if ask.page and ask.at < begun]) == refused + pages
    assert told.report.requests == len(server.asks), "those that were refused count too"
    assert not server.requests["detail"]


def test_what_one_batch_learns_of_page_sizes_the_next_list_of_the_session_knows() -> None:
    async def story(world: World) -> None:
        ids = world.em.seed_clusters(400)
        assert (await refresh_all(world.project, ids, max_running=400)).ok
        assert world.refused_pages == [1000, 500]
        assert (await refresh_all(world.project, ids, max_running=400)).ok
        assert len(await world.clusters.list(page_size=1000).collect()) == 400
        assert world.refused_pages == [1000, 500]

    in_virtual_time(story, settings=Settings(evaluate=False, refuse_page_size=200))


def test_a_list_that_is_refused_at_every_size_is_asked_for_smaller_pages_once(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10)
    server.rule = lambda ask: kit.refusal(-1008, "no list") if ask.page else None
    told = kit.tell(server, range(1, 11))
    assert told.report.ok
    assert server.requests["list"] == 5


def test_few_references_of_a_long_list_are_asked_for_one_by_one(kit: Any) -> None:
    server = kit.Deployment(page_size=10)
    server.add(1_000, seconds=0.1)
    told = kit.tell(server, range(1, 6))
    assert told.report.ok
    assert server.requests["list"] <= 5, "no more pages than references are read for nothing"


def test_a_list_that_is_refused_leaves_the_details(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10)
    server.rule = lambda ask: kit.refusal(-3007, "not for you") if ask.page else None
    told = kit.tell(server, range(1, 11))
    assert told.report.counts == {Status.SUCCEEDED: 10}


@pytest.mark.parametrize(
    "data", [None, {}, {"userClusters": [1], "pagerResult": {"totalNum": 1}}, {"userClusters": []}]
)
def test_a_list_that_makes_no_sense_leaves_the_details(kit: Any, data: Any) -> None:
    server = kit.Deployment()
    server.add(10)
    server.rule = lambda ask: kit.answer(data) if ask.page else None
    told = kit.tell(server, range(1, 11))
    assert told.report.counts == {Status.SUCCEEDED: 10}
    assert told.seconds < 60


def test_clusters_that_the_list_does_not_show_are_found_by_their_details(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10)
    server.add(10, listed=False)
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 20}


def test_list_rows_that_cannot_be_read_are_read_by_their_details(kit: Any) -> None:
    server = kit.Deployment()
    server.add(6)
    rows = [{"id": i, "clusterName": f"c_{i}", "progress": "100", "refreshTime": 5} for i in range(1, 7)]
    page = kit.answer({"userClusters": rows, "pagerResult": {"totalNum": 6}})
    server.rule = lambda ask: page if ask.page == (kit.CLUSTER, 1) else None
    told = kit.tell(server, range(1, 7))
    assert told.report.counts == {Status.SUCCEEDED: 6}


def test_a_detail_that_cannot_be_read_fails_at_once_and_holds_up_no_other(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10)
    server.add(1, listed=False)
    server.rule = lambda ask: (
        kit.answer({"id": "x"}) if ask.name == "detail" and ask.cluster.id == 11 else None
    )
    told = kit.tell(server, range(1, 12), max_running=20)
    assert isinstance(told[11].error, SchemaError)
    assert told[11].message == str(told[11].error)
    assert told.report.counts == {Status.SUCCEEDED: 10, Status.FAILED: 1}
    assert told.seconds < 60


def test_a_name_of_a_cluster_and_of_a_tag_is_the_one_that_the_server_takes_it_for(kit: Any) -> None:
    server = kit.Deployment()
    server.add(4)
    server.add(1, catalog=kit.TAG, name="c_2")
    told = kit.tell(server, [1, "c_2", 3])
    assert told["c_2"].status is Status.SUCCEEDED
    assert told["c_2"].cluster_id == 2
    assert server.posts == {1: 1, 2: 1, 3: 1}

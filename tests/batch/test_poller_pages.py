"""Polling by list pages: rows that move, pages that fail, and pages that come late."""

from typing import Any

import pytest

from ta_cluster_async.batch import (
    RefreshBatch,
    Status,
)
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.protocol.retry import RetryPolicy

ONCE = {"retry": RetryPolicy(attempts=1)}


def test_a_page_that_fails_late_says_nothing_of_what_another_page_has_shown_the_end_of(kit: Any) -> None:
    def latency(ask: Any) -> float:
        return 2.0 if ask.page == (kit.CLUSTER, 1) and ask.at > 20 else 0.02

    server = kit.Deployment(page_size=2, latency=latency)
    server.add(4, seconds=60.0)

    def rule(ask: Any) -> Any:
        # Each answer is made after its latency: by then it is known whether both pages are of one round.
        round_ = {other.page for other in server.asks if other.at == ask.at}
        if ask.page is None or ask.at <= 20 or not round_ >= {(kit.CLUSTER, 1), (kit.CLUSTER, 2)}:
            return None
        if ask.page[1] == 1:
            return kit.GATEWAY
        rows = []
        for cluster in (server.cluster(4), server.cluster(1)):
            progress = 100 if cluster.id == 4 else server.shown(cluster)[0]
            time = "2026-01-01 00:00:00"
            rows.append(
                {"id": cluster.id, "clusterName": cluster.name, "progress": progress, "refreshTime": time}
            )
        pager = {"pageNum": 2, "pageSize": 2, "totalNum": 4}
        return kit.answer({"pagerResult": pager, "userClusters": rows})

    server.rule = rule
    # The same rounds each time, so that some poll both pages and all that are on them.
    told = kit.tell(
        server, [1, 2, 3, 4], session=ONCE, at={0.01: lambda batch: batch._state.sender.random.seed(7)}
    )
    assert told.report.counts == {Status.SUCCEEDED: 4}
    assert server.posts == {1: 1, 2: 1, 3: 1, 4: 1}


@pytest.mark.parametrize(("page_size", "at_most"), [(100, 8.0), (1000, 4.0)])
def test_list_pages_spare_requests(kit: Any, page_size: int, at_most: float) -> None:
    server = kit.Deployment(page_size=page_size)
    server.add(300, seconds=60.0)
    told = kit.tell(server, range(1, 301), max_running=50)
    assert told.report.counts == {Status.SUCCEEDED: 300}
    assert len(server.asks) / 300 < at_most
    assert told.report.requests == len(server.asks)


def test_one_that_is_alone_is_polled_alone(kit: Any) -> None:
    server = kit.Deployment()
    server.add(500, seconds=60.0)
    told = kit.tell(server, [250])
    assert told.report.ok
    assert server.requests["list"] == 0
    assert len(server.asks) < 25


def test_rows_that_move_to_other_pages_are_followed(kit: Any) -> None:
    server = kit.Deployment(page_size=10)
    ids = server.add(60, seconds=120.0)
    at: dict[float, Any] = {3.0 * n: lambda _: server.add(3) for n in range(1, 30)}
    at |= {
        3.0 * n + 1: lambda _: server.clusters.pop(min(set(server.clusters) - set(ids)), None)
        for n in range(10, 30)
    }
    told = kit.tell(server, ids, max_running=60, at=at)
    assert told.report.counts == {Status.SUCCEEDED: 60}
    assert len(server.asks) < 60 * 10


def test_rows_that_have_all_moved_are_found_where_the_others_went(kit: Any) -> None:
    server = kit.Deployment(page_size=10)
    ids = server.add(60, seconds=300.0)
    told = kit.tell(server, ids, max_running=60, at={100.0: lambda _: server.add(5)})
    assert told.report.counts == {Status.SUCCEEDED: 60}
    assert server.requests["detail"] < 5


def test_rows_that_are_missing_for_a_while_are_unknown_and_not_finished(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=60.0)

    def hide(batch: RefreshBatch) -> None:
        del batch
        for cluster in server.clusters.values():
            cluster.listed = cluster.id % 2 == 0

    told = kit.tell(server, range(1, 21), max_running=20, at={5.0: hide})
    assert told.report.counts == {Status.SUCCEEDED: 20}


def test_a_list_that_becomes_empty_leaves_the_details(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=60.0)
    empty = kit.answer({"userClusters": [], "pagerResult": {"totalNum": 0}})
    server.rule = lambda ask: empty if ask.page and ask.at > 5 else None
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 20}
    assert server.requests["list"] < 60


def test_null_for_the_rows_of_a_page_is_a_page_without_rows(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=60.0)
    empty = kit.answer({"userClusters": None, "pagerResult": {"totalNum": 0}})
    server.rule = lambda ask: empty if ask.page and ask.at > 5 else None
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 20}
    assert server.requests["list"] < 60


@pytest.mark.parametrize("trouble", ["refused", "spoilt", "gateway", "rows"])
def test_a_list_that_fails_for_good_leaves_the_details(kit: Any, trouble: str) -> None:
    server = kit.Deployment()
    server.add(20, seconds=900.0)
    row = {"id": 3, "clusterName": "c_3", "progress": 101}
    answers = {
        "refused": kit.refusal(-3007, "no more"),
        "spoilt": kit.answer([1]),
        "gateway": kit.GATEWAY,
        "rows": kit.answer({"userClusters": [row, {"id": None}, {}], "pagerResult": {"totalNum": 20}}),
    }
    server.rule = lambda ask: answers[trouble] if ask.page and ask.at > 5 else None
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 20}
    assert told.seconds < 1_000


def test_an_old_page_that_comes_late_proves_nothing(kit: Any) -> None:
    # The page was asked for while the refresh of before ran, and comes after that of this batch was started.
    server = kit.Deployment(latency=lambda ask: 8.0 if ask.page else 0.02)
    server.add(40, seconds=30.0)

    def refs() -> Any:
        for cluster in server.clusters.values():
            server.begin(cluster)
            cluster.seconds = 0.01
            cluster.ignores = True
        return range(1, 41)

    told = kit.tell(server, refs, max_running=40, on_running="rerun", poll=PollPolicy(grace=60.0))
    assert told.report.counts == {Status.UNCONFIRMED: 40}


def test_a_page_that_was_made_before_the_refresh_was_started_proves_nothing(kit: Any) -> None:
    # Cluster 3 has just ended, and its row has moved: the second page shows that, and the first one, as of before, comes after its restart.
    def latency(ask: Any) -> float:
        return 8.0 if ask.page == (kit.CLUSTER, 1) and ask.at > 100 else 0.02

    server = kit.Deployment(page_size=2, latency=latency)
    server.add(4, seconds=1_000.0, shows=lambda _: 50, ignores=True)
    server.cluster(3).seconds = 100.0
    late: list[Any] = []

    def page(*progresses: tuple[int, int]) -> Any:
        rows = [{"id": i, "clusterName": f"c_{i}", "progress": progress} for i, progress in progresses]
        rows = [row | {"refreshTime": "2026-01-01 00:00:00"} for row in rows]
        return kit.answer({"userClusters": rows, "pagerResult": {"totalNum": 5}})

    def rule(ask: Any) -> Any:
        restarts = [other.at for other in server.asks if other.is_refresh]
        if ask.at > 100 and ask.page == (kit.CLUSTER, 2) and not restarts:
            return page((3, 100), (2, 50), (1, 50))
        if ask.at > 100 and ask.page == (kit.CLUSTER, 1) and restarts and ask.at < restarts[0]:
            late.append(ask)
            return page((4, 50), (3, 50))
        return None

    server.rule = rule

    def refs() -> Any:
        for cluster in server.clusters.values():
            server.begin(cluster)
        return [1, 2, 3, 4]

    # Rounds that are far apart take both pages together.
    told = kit.tell(server, refs, on_running="rerun", max_running=4, poll=PollPolicy(first=5.0, grace=60.0))
    assert late
    assert told[3].attempts == 1
    assert told[3].status is Status.UNCONFIRMED

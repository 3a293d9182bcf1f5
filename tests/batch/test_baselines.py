"""The state from before a refresh: when it is read anew, from a page or alone, what a page tells of others, and what is joined with it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ta_cluster_async.batch import (
    RefreshBatch,
    Status,
    Submitted,
)
from ta_cluster_async.batch.baselines import BaselineReader
from ta_cluster_async.batch.state import BatchState
from ta_cluster_async.batch.submitter import Submitter
from ta_cluster_async.batch.target import Target
from ta_cluster_async.errors import (
    HttpStatusError,
    NotJson,
    NotSent,
    SchemaError,
    TokenRejected,
    TransportError,
)
from ta_cluster_async.models import Catalog

FRESH = 60.0
NOON = 1_000.0  # by the clock of `in_batch`


def submit(
    kit: Any, server: Any, story: Callable[[Submitter, BatchState], Awaitable[None]], **options: Any
) -> None:
    """Tell a story of a submitter. The list of the server has pages of ten, and is known to have two."""

    async def told(batch: BatchState) -> None:
        for view in batch.views.values():
            view.size, view.total = 10, 20
        await story(Submitter(batch), batch)

    kit.in_batch(told, server, **options)


@pytest.fixture
def server(kit: Any) -> Any:
    """Clusters 20 to 11 on its first page, 10 to 1 on its second."""
    server = kit.Deployment(page_size=10)
    server.add(20)
    return server


def wait(batch: BatchState, *others: Target) -> None:
    for other in others:
        batch.enqueue(other)


def asked(server: Any) -> list[Any]:
    return [ask.page or ask.cluster.id for ask in server.asks]


@pytest.mark.parametrize(
    ("others", "hidden", "expected"),
    [
        ([(8, 12, Catalog.CLUSTER)], False, (str(Catalog.CLUSTER.value), 2)),
        ([(8, 12, Catalog.CLUSTER)], True, 9),
        ([(18, 2, Catalog.CLUSTER)], False, 9),
        ([(8, 12, Catalog.TAG)], False, 9),
        ([(18, 2, Catalog.CLUSTER), (8, 12, Catalog.CLUSTER)], False, 9),
        ([], False, 9),
    ],
    ids=["neighbour", "hidden", "another page", "another list", "a later one", "the last one"],
)
def test_a_page_is_read_where_the_next_one_stands_on_it_too(
    kit: Any, server: Any, others: Any, hidden: Any, expected: Any
) -> None:
    async def story(submitter: Submitter, batch: BatchState) -> None:
        one = kit.target(9, 11, age=2 * FRESH)
        one.hidden = hidden
        batch.starting.add(one)
        wait(batch, *(kit.target(*other) for other in others))
        await BaselineReader(batch).refresh(one)
        assert one.read_at > NOON
        assert one.seen.refresh_time != kit.OLD

    submit(kit, server, story)
    assert asked(server) == [expected]


@pytest.mark.parametrize(("age", "reads"), [(FRESH - 0.1, 0), (FRESH, 0), (FRESH + 0.1, 1)])
def test_a_baseline_that_another_one_has_read_meanwhile_is_not_read_again(
    kit: Any, server: Any, age: float, reads: int
) -> None:
    async def story(submitter: Submitter, batch: BatchState) -> None:
        one = kit.target(9, 11, age=age)
        batch.starting.add(one)
        wait(batch, kit.target(8, 12))
        await BaselineReader(batch).refresh(one)

    submit(kit, server, story)
    assert len(server.asks) == reads


def test_a_page_tells_the_state_and_the_place_of_all_that_are_not_started(kit: Any, server: Any) -> None:
    rows = [
        {"id": i, "clusterName": f"c_{i}", "progress": 100, "refreshTime": "2020-01-10 10:51:14"}
        for i in range(1, 7)
    ]
    rows[0]["id"] = "1"
    rows[2]["progress"] = 101
    rows[3]["refreshTime"] = None
    page = kit.answer({"userClusters": [*rows, {}, rows[4] | {"id": 9}], "pagerResult": {"totalNum": 20}})
    server.rule = lambda ask: page if ask.page else None

    async def story(submitter: Submitter, batch: BatchState) -> None:
        spoilt, undated, waiting, tag, starting, sent = some = (
            kit.target(3, 0), kit.target(4, 0), kit.target(5, 0), kit.target(6, 0, Catalog.TAG), kit.target(9, 0), kit.target(2, 0),
        )  # fmt: skip
        sent.attempts = 1
        batch.starting |= {starting, sent}
        wait(batch, spoilt, undated, waiting, tag)
        await BaselineReader(batch)._read_page(batch.views[Catalog.CLUSTER], 2)
        assert [one.place for one in some] == [0, 13, 14, 0, 17, 0]
        assert [one.read_at > NOON for one in some] == [False, False, True, False, True, False]
        assert [one.seen.refresh_time == kit.OLD for one in some] == [True, True, False, True, False, True]

    submit(kit, server, story)


@pytest.mark.parametrize(
    ("trouble", "raised"),
    [
        ("refused", None),
        ("spoilt", None),
        ("gateway", (HttpStatusError, NotJson)),
        ("token", TokenRejected),
        ("closed", TransportError),
    ],
)
def test_a_page_that_is_refused_or_spoilt_tells_nothing_and_other_trouble_is_told(
    kit: Any, server: Any, trouble: str, raised: Any
) -> None:
    answers = {
        "refused": kit.refusal(-3007, "no more"),
        "spoilt": kit.answer([1]),
        "gateway": kit.GATEWAY,
        "token": kit.REJECTED,
        "closed": NotSent("it is closed.", reason="closed"),
    }
    server.rule = lambda _: answers[trouble]

    async def story(submitter: Submitter, batch: BatchState) -> None:
        reading = BaselineReader(batch)._read_page(batch.views[Catalog.CLUSTER], 1)
        if raised is None:
            await reading
        else:
            with pytest.raises(raised):
                await reading

    submit(kit, server, story)


def test_a_page_is_waited_for_no_longer_than_the_batch_lasts(kit: Any, server: Any) -> None:
    given: list[float] = []
    send = server.send

    async def timed(request: Any, token: Any, timeout: float) -> Any:
        given.append(timeout)
        return await send(request, token, timeout)

    server.send = timed

    async def story(submitter: Submitter, batch: BatchState) -> None:
        await asyncio.sleep(2.0)
        await BaselineReader(batch)._read_page(batch.views[Catalog.CLUSTER], 1)

    submit(kit, server, story, timeout=10.0)
    assert given == [pytest.approx(8.0)]


def test_a_page_that_several_need_for_their_baselines_is_read_once(kit: Any) -> None:
    server = kit.Deployment(page_size=32)
    server.add(64, seconds=90.0)
    told = kit.tell(server, range(1, 65), max_running=16)
    assert told.report.counts == {Status.SUCCEEDED: 64}
    # The second half of the clusters is on the first page, which nobody polls before the third quarter begins.
    third = sorted(event.at for event in told.of(Submitted))[32]
    before = [ask for ask in server.asks if ask.page == (kit.CLUSTER, 1) and third - 5 < ask.at <= third]
    assert len(before) == 1


def test_a_batch_that_stops_while_a_baseline_is_read_anew_starts_nothing_with_it(kit: Any) -> None:
    def latency(ask: Any) -> float:
        return 30.0 if ask.name == "detail" and ask.cluster.id == 3 and ask.at > 60 else 0.02

    server = kit.Deployment(latency=latency)
    server.add(1, seconds=100.0, fails=True)
    server.add(1, seconds=80.0)
    server.add(1, listed=False)
    told = kit.tell(server, [1, 2, 3], max_running=2, on_error="stop", session={"timeout": 60.0})
    assert told.statuses == {1: "failed", 2: "succeeded", 3: "cancelled"}
    assert [ask.cluster.id for ask in server.asks if ask.name == "detail" and ask.at > 60][:1] == [3]
    assert server.posts == {1: 1, 2: 1}
    assert told[3].message == told.report.stopped


def test_rows_that_say_too_little_leave_the_baselines_to_the_details(kit: Any) -> None:
    server = kit.Deployment(page_size=3)
    server.add(6, seconds=100.0)

    def rule(ask: Any) -> Any:
        if ask.page != (kit.CLUSTER, 2) or not 60 < ask.at < 105:
            return None
        row = {"clusterName": "x", "progress": 100}
        rows = [row | {"id": 3}, row | {"id": "2"}, row | {"id": 1, "refreshTime": "soon"}]
        return kit.answer({"pagerResult": {"pageNum": 2, "pageSize": 3, "totalNum": 6}, "userClusters": rows})

    server.rule = rule
    told = kit.tell(server, [4, 5, 6, 3, 2, 1], max_running=3)
    assert told.report.counts == {Status.SUCCEEDED: 6}
    baselines = {ask.cluster.id for ask in server.asks if ask.name == "detail" and 60 < ask.at < 105}
    assert baselines >= {1, 2, 3}
    assert all(outcome.baseline_refresh_time is not None for outcome in told.report.outcomes)


def test_old_baselines_are_read_page_by_page(kit: Any) -> None:
    server = kit.Deployment(page_size=100)
    server.add(200, seconds=90.0)
    told = kit.tell(server, range(1, 201), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 200}
    assert sum(server.requests.values()) < 4 * 200


def test_an_old_baseline_is_not_the_one_that_counts(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2, seconds=500.0)
    server.add(1, seconds=1.0)

    def other(batch: RefreshBatch) -> None:
        del batch
        server.begin(server.cluster(3))
        server.cluster(3).ignores = True

    told = kit.tell(server, [1, 2, 3], max_running=1, at={100.0: other})
    assert told[3].status is Status.UNCONFIRMED, "the time that moved before the request proves nothing"


@pytest.mark.parametrize("page", ["refused", "spoilt"])
def test_a_page_that_tells_no_baseline_leaves_the_details(kit: Any, page: str) -> None:
    server = kit.Deployment()
    server.add(10, seconds=100.0)
    bad = kit.refusal(-3007, "no more") if page == "refused" else kit.answer({"userClusters": 3})
    server.rule = lambda ask: bad if ask.page and ask.at > 30 else None
    told = kit.tell(server, range(1, 11), max_running=3)
    assert told.report.counts == {Status.SUCCEEDED: 10}


def test_the_spoilt_row_of_a_neighbour_spoils_no_baseline(kit: Any) -> None:
    server = kit.Deployment(page_size=5)
    server.add(10, seconds=100.0)

    def spoil(batch: RefreshBatch) -> None:
        del batch
        server.cluster(5).before = 101

    # The page of the first three is read while they are watched, and that of the others is not.
    told = kit.tell(server, [10, 9, 8, 1, 2, 3, 4, 5], max_running=3, at={20.0: spoil})
    assert told.report.counts == {Status.SUCCEEDED: 7, Status.FAILED: 1}
    assert isinstance(told[5].error, SchemaError)

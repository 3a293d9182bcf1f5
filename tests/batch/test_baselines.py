"""The state from before a refresh: when it is read anew, from a page or alone, what a page tells of others, and what is joined with it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import pytest

from ta_cluster_async.batch.attach import attach, resume
from ta_cluster_async.batch.baselines import BaselineReader
from ta_cluster_async.batch.journal.rows import Entry
from ta_cluster_async.batch.state import BatchState
from ta_cluster_async.batch.submitter import Submitter
from ta_cluster_async.batch.target import Target
from ta_cluster_async.errors import (
    HttpStatusError,
    NotJson,
    NotSent,
    TokenRejected,
    TransportError,
)
from ta_cluster_async.models import Catalog, RefreshTicket

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


@pytest.mark.parametrize(("ago", "least", "most"), [(120.0, 120.0, 180.0), (-3_600.0, 0.0, 0.0)])
def test_what_is_gone_on_with_was_submitted_when_the_journal_says_but_never_later_than_now(
    kit: Any, server: Any, ago: float, least: float, most: float
) -> None:
    intended_at = datetime.now(UTC) - timedelta(seconds=ago)
    ticket = RefreshTicket(project_id=1, cluster_id=9, submitted_at=intended_at)
    entry = Entry(
        cluster_id=9,
        ref=9,
        state="submitted",
        ticket=ticket,
        attempts=1,
        intended_at=intended_at,
        outcome=None,
    )

    async def story(_: Submitter, batch: BatchState) -> None:
        one = kit.target(9, 11)
        resume(batch, one, entry)
        assert least <= NOON - one.posted <= most
        assert batch.in_flight == {9: one}

    submit(kit, server, story)


def test_what_is_joined_was_just_looked_at(kit: Any, server: Any) -> None:
    async def story(_: Submitter, batch: BatchState) -> None:
        one = kit.target(9, 11)
        assert attach(batch, one) is None
        assert one.due == NOON + batch.policy.first

    submit(kit, server, story)


@pytest.mark.parametrize("was_hidden", [False, True])
@pytest.mark.parametrize("is_dated", [False, True])
def test_the_end_of_what_was_joined_is_the_baseline_if_it_tells_enough(
    kit: Any, *, is_dated: bool, was_hidden: bool
) -> None:
    one = kit.target(9, 11)
    one.hidden = was_hidden
    one.rerun = one.resend = True
    one.submitted(
        RefreshTicket(project_id=1, cluster_id=9, submitted_at=datetime.now(UTC)), NOON, NOON + 10.0
    )
    end = one.seen._replace(refresh_time=kit.OLD if is_dated else None)
    one.restart(end, NOON + 5.0)
    assert one.seen is end
    assert one.hidden is (was_hidden or not is_dated), "the detail has it"
    assert one.read_at == (NOON + 5.0 if is_dated else -inf)
    assert (one.rerun, one.resend, one.watch, one.ticket) == (False, False, None, None)
    assert (one.deadline, one.last_poll) == (inf, inf)

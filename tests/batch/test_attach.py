"""Refreshes that run already when a batch comes to them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

from ta_cluster_async.batch import (
    Attached,
    Progressed,
    RefreshBatch,
    Status,
    Submitted,
)
from ta_cluster_async.batch.attach import attach
from ta_cluster_async.batch.state import BatchState
from ta_cluster_async.batch.submitter import Submitter
from ta_cluster_async.models import Catalog


def running(server: Any) -> Any:
    """References of which the first runs."""
    server.begin(server.cluster(1))
    return [1, 2, 3]


def test_a_running_refresh_is_attached_to_without_a_request(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=50.0)
    told = kit.tell(server, lambda: running(server))
    assert told.report.ok
    assert server.posts == {1: 1, 2: 1, 3: 1}
    assert [event.ref for event in told.of(Attached)] == [1]
    assert told[1].attempts == 0
    assert told[1].ticket.attached
    assert told[1].run_seconds is None, "nobody knows when it began"


def test_the_ticket_of_an_attached_refresh_has_the_state_in_which_it_was_found(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=100.0, catalog=kit.TAG)

    async def refs() -> AsyncIterator[int]:
        server.begin(server.cluster(1))
        await asyncio.sleep(40.0)
        yield 1

    told = kit.tell(server, refs)
    ticket = told[1].ticket
    assert (ticket.catalog, ticket.cluster_name, ticket.attached) == (Catalog.TAG, "t_1", True)
    assert ticket.baseline_progress == 40
    assert ticket.baseline_refresh_time == datetime(2026, 1, 1)  # noqa: DTZ001 - when it was started


def test_a_running_refresh_is_refreshed_anew_when_it_has_ended(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=50.0)
    told = kit.tell(server, lambda: running(server), on_running="rerun")
    assert told.report.ok
    assert server.posts == {1: 2, 2: 1, 3: 1}
    first, second = server.cluster(1).runs
    assert second[0] >= first[2]
    assert told[1].attempts == 1
    assert not told[1].ticket.attached
    assert told[1].run_seconds == pytest.approx(50, abs=5)
    shown = [event.at for event in told.of(Progressed) if event.ref == 1]
    assert min(shown) > 50, "the progress that is told is that of the new one"


@pytest.mark.parametrize("fails", [False, True])
def test_what_ran_before_decides_nothing_for_a_rerun(kit: Any, *, fails: bool) -> None:
    server = kit.Deployment()
    server.add(3, seconds=50.0, fails=fails)

    def mend(batch: RefreshBatch) -> None:
        del batch
        server.cluster(1).fails = not fails

    told = kit.tell(server, lambda: running(server), on_running="rerun", at={60.0: mend})
    assert told[1].status is (Status.SUCCEEDED if fails else Status.FAILED)


def test_a_rerun_that_waits_for_its_place_when_the_batch_stops_was_not_started(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2, seconds=1_000.0)
    server.add(1, seconds=20.0, fails=True)

    def refs() -> Any:
        server.begin(server.cluster(1))
        return [1, 3]

    told = kit.tell(server, refs, on_running="rerun", on_error="stop")
    assert told[3].status is Status.FAILED
    assert told[1].status is Status.CANCELLED
    assert told[1].ticket is None
    assert told[1].attempts == 0
    assert server.posts == {1: 1, 3: 1}


def test_a_rerun_has_the_next_place(kit: Any) -> None:
    server = kit.Deployment()
    server.add(4, seconds=20.0)

    def refs() -> Any:
        server.begin(server.cluster(3))
        return [1, 2, 3, 4]

    told = kit.tell(server, refs, on_running="rerun", max_running=1)
    assert [event.ref for event in told.of(Submitted)] == [3, 1, 2, 4]


@pytest.mark.parametrize(("mode", "status"), [("skip", Status.SKIPPED), ("fail", Status.FAILED)])
def test_a_running_refresh_may_be_left_alone(kit: Any, mode: str, status: Status) -> None:
    server = kit.Deployment()
    server.add(3, seconds=50.0)
    told = kit.tell(server, lambda: running(server), on_running=mode)
    said = {
        "skip": "It was being refreshed already.",
        "fail": "It was being refreshed already, and on_running is 'fail'.",
    }
    assert (told[1].status, told[1].message) == (status, said[mode])
    assert told.report.ok is (mode == "skip")
    assert server.posts == {1: 1, 2: 1, 3: 1}
    assert not told.of(Attached)


@pytest.mark.parametrize("mode", ["attach", "rerun", "skip", "fail"])
def test_one_that_somebody_else_started_while_it_waited_is_seen_before_the_request(
    kit: Any, mode: str
) -> None:
    server = kit.Deployment()
    server.add(4, seconds=100.0)

    def other(batch: RefreshBatch) -> None:
        del batch
        server.begin(server.cluster(4))

    told = kit.tell(server, [1, 2, 3, 4], max_running=1, on_running=mode, at={250.0: other})
    wanted = {
        "attach": Status.SUCCEEDED,
        "rerun": Status.SUCCEEDED,
        "skip": Status.SKIPPED,
        "fail": Status.FAILED,
    }
    assert told[4].status is wanted[mode]
    assert server.posts[4] == (2 if mode == "rerun" else 1)


def test_what_is_attached_to_is_known_by_its_name_and_since_when(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=50.0)

    def refs() -> Any:
        server.begin(server.cluster(1))
        return [1]

    told = kit.tell(server, refs)
    (event,) = told.of(Attached)
    assert told[1].ticket == event.ticket
    assert event.ticket.cluster_name == "c_1"
    assert 0 <= event.at < 1


@pytest.mark.parametrize("on_running", ["attach", "rerun"])
def test_what_is_attached_to_is_in_the_journal_unless_it_is_only_waited_out(
    kit: Any, tmp_path: Any, on_running: str
) -> None:
    path = tmp_path / "runs.db"
    server = kit.Deployment()
    server.add(1, seconds=50.0)

    def refs() -> Any:
        server.begin(server.cluster(1))
        return [1]

    told = kit.tell(
        server, refs, on_running=on_running, journal=path, at={20.0: lambda batch: batch.cancel()}
    )
    assert told[1].status is Status.CANCELLED
    entries = kit.known(path, ids=[1])
    assert {key: entry.state for key, entry in entries.items()} == (
        {1: "submitted"} if on_running == "attach" else {}
    )


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


def test_what_is_attached_to_was_just_polled(kit: Any, server: Any) -> None:
    async def story(_: Submitter, batch: BatchState) -> None:
        one = kit.target(9, 11)
        assert attach(batch, one) is None
        assert one.due == NOON + batch.policy.first

    submit(kit, server, story)

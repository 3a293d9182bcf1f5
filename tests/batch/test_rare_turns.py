"""Turns of events that are rare: what ends in the middle of something else, and what is told of it."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from ta_cluster_async.batch import (
    RefreshBatch,
    Status,
    Submitted,
    refresh_all,
)
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    ApiError,
    ConfigurationError,
    JournalError,
    TokenRejected,
    TransportError,
)
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.protocol.requests import Response
from ta_cluster_async.protocol.retry import RetryPolicy
from ta_cluster_async.session import TaSession

ONCE = {"retry": RetryPolicy(attempts=1)}


def session(server: Any) -> TaSession:
    return TaSession("http://127.0.0.1", "secret-token", transport=server)


# While a baseline is read anew


def test_a_page_that_several_need_for_their_baselines_is_read_once(kit: Any) -> None:
    server = kit.Deployment(page_size=32)
    server.add(64, seconds=90.0)
    told = kit.tell(server, range(1, 65), max_running=16)
    assert told.report.counts == {Status.SUCCEEDED: 64}
    # The second half of the clusters is on the first page, which nobody looks at before the third quarter begins.
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


# While a request to start one is under way


@pytest.mark.parametrize("trouble", ["gateway", "token"])
def test_the_state_after_a_refusal_may_be_unreadable(kit: Any, trouble: str) -> None:
    server = kit.Deployment()
    server.add(3, seconds=1_000.0)

    def rule(ask: Any) -> Any:
        if ask.cluster is None or ask.cluster.id != 2:
            return None
        if ask.is_refresh:
            return kit.refusal(-3008, "not now")
        return kit.GATEWAY if trouble == "gateway" else kit.REJECTED

    server.rule = rule
    told = kit.tell(server, [1, 2, 3])
    if trouble == "gateway":
        assert told.statuses == {1: "succeeded", 2: "rejected", 3: "succeeded"}
        assert isinstance(told[2].error, ApiError)
        assert told[2].error.return_code == -3008, "that the state could not be read is no better news"
    else:
        assert isinstance(told[2].error, TokenRejected)
        assert told[2].status is Status.CANCELLED
        assert "token" in told.report.stopped


def test_a_batch_that_stops_between_two_tries_to_start_one_does_not_try_again(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=20.0, fails=True)
    server.add(1)
    server.rule = lambda ask: Response(429, b"") if ask.is_refresh and ask.cluster.id == 2 else None
    told = kit.tell(server, [1, 2], on_error="stop", session=ONCE)
    assert told.statuses == {1: "failed", 2: "cancelled"}
    assert told[2].ticket is None
    assert max(ask.at for ask in server.asks if ask.is_refresh) < 40
    assert told.seconds < 60


def test_a_session_that_is_closed_while_more_is_to_be_started_ends_the_batch(kit: Any) -> None:
    server = kit.Deployment(latency=1.0)
    server.add(12, seconds=50.0)

    async def closing_early(ta: TaSession, batch: RefreshBatch) -> None:
        async with batch:
            async for event in batch:
                if isinstance(event, Submitted):
                    await ta.aclose()

    async def main() -> Any:
        # Half of the connections are for requests that start one, so that most have not begun by then.
        async with TaSession("http://127.0.0.1", "t", transport=server, max_connections=4) as ta:
            batch = RefreshBatch(ta.project(1), range(1, 13), poll=PollPolicy(first=10.0))
            with pytest.raises((ConfigurationError, TransportError)):
                await closing_early(ta, batch)
            return batch.report

    report = run(main())
    assert report.counts == {Status.CANCELLED: 12}
    assert len(server.posts) == 4
    assert {outcome.ref for outcome in report.outcomes if outcome.ticket} >= server.posts.keys()


# While pages are looked at


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
            time = "2026-01-02 00:00:00"
            rows.append(
                {"id": cluster.id, "clusterName": cluster.name, "progress": progress, "refreshTime": time}
            )
        pager = {"pageNum": 2, "pageSize": 2, "totalNum": 4}
        return kit.answer({"pagerResult": pager, "userClusters": rows})

    server.rule = rule
    # The same rounds each time, so that some look at both pages and at all that are on them.
    told = kit.tell(server, [1, 2, 3, 4], session=ONCE, at={0.01: lambda batch: batch._run.random.seed(7)})
    assert told.report.counts == {Status.SUCCEEDED: 4}
    assert server.posts == {1: 1, 2: 1, 3: 1, 4: 1}


# A journal that cannot tell


def test_a_journal_whose_durations_are_unreadable_ends_the_batch_with_an_outcome_for_each(
    kit: Any, tmp_path: Any
) -> None:
    path = tmp_path / "runs.db"
    server = kit.Deployment()
    server.add(3)
    assert kit.tell(server, [1, 2, 3], journal=path).report.ok
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE durations SET seconds = x'00'")
        other.commit()
    told = kit.tell(server, [1, 2, 3], journal=path)
    assert isinstance(told.error, JournalError)
    assert told.report.counts == {Status.CANCELLED: 3}
    assert all(
        "not started" in outcome.message or "ended" in outcome.message for outcome in told.report.outcomes
    )
    assert server.posts == {1: 1, 2: 1, 3: 1}


# The end as the caller sees it


def broken() -> Any:
    yield 1
    raise LookupError("the source is broken")


def test_the_error_of_a_block_has_a_note_of_what_had_ended_the_batch_before(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1)

    async def main() -> None:
        async with session(server) as ta, RefreshBatch(ta.project(1), broken()):
            await asyncio.sleep(5)
            raise OSError("the consumer is broken")

    with pytest.raises(OSError, match="consumer") as caught:
        run(main())
    assert caught.value.__notes__ == ["The batch itself had ended with LookupError: the source is broken"]


def test_an_error_before_anything_was_started_has_no_notes(kit: Any) -> None:
    async def main() -> None:
        async with session(kit.Deployment()) as ta:
            await refresh_all(ta.project(1), broken())

    with pytest.raises(LookupError) as caught:
        run(main())
    assert not hasattr(caught.value, "__notes__")


def test_the_events_may_be_held_as_an_iterator(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)

    async def main() -> Any:
        async with session(server) as ta, RefreshBatch(ta.project(1), [1, 2]) as batch:
            events = aiter(batch)
            first = await anext(events)
            return [first, *[event async for event in events]], batch

    events, batch = run(main())
    assert len({id(event) for event in events}) == len(events) > 5
    assert batch.report.ok


@pytest.mark.parametrize("by_the_batch_too", [False, True])
def test_a_batch_whose_task_is_cancelled_by_somebody_else_ends_for_its_consumer(
    kit: Any, *, by_the_batch_too: bool
) -> None:
    server = kit.Deployment()
    server.add(2, seconds=100.0)

    async def main() -> Any:
        async with session(server) as ta:
            batch = RefreshBatch(ta.project(1), [1, 2])
            try:
                async with batch:
                    async for event in batch:
                        if isinstance(event, Submitted):
                            if by_the_batch_too:
                                batch.cancel()
                            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                                task.cancel()
            except asyncio.CancelledError:
                return batch.report, "cancelled"
            return batch.report, "ended"

    report, how = run(main())
    assert report.counts == {Status.CANCELLED: 2}
    assert how == ("ended" if by_the_batch_too else "cancelled")

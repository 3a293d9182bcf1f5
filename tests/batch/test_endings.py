"""How a batch ends before its time: failures, cancellations at any await, consumers that dawdle or break, and what is left behind."""

import asyncio
import random
from typing import Any

import anyio
import pytest

from ta_cluster_async.batch import (
    Finished,
    Journal,
    Planned,
    RefreshBatch,
    RefreshReport,
    Status,
    Submitted,
    refresh_all,
    runner,
)
from ta_cluster_async.batch.journal.journal import RunJournal
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import ConfigurationError, JournalError
from ta_cluster_async.models import RefreshTicket
from ta_cluster_async.session import TaSession


def session(server: Any) -> TaSession:
    return TaSession("http://127.0.0.1", "secret-token", transport=server)


# Failures


def test_a_failure_hides_no_other_result(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20)
    server.add(20, fails=True)
    told = kit.tell(server, range(1, 41), max_running=5)
    assert told.report.counts == {Status.SUCCEEDED: 20, Status.FAILED: 20}
    assert told.report.stopped == ""


@pytest.mark.parametrize(("options", "failures"), [({"on_error": "stop"}, 1), ({"max_failures": 3}, 3)])
def test_enough_failures_stop_the_batch_and_what_is_in_flight_is_watched_to_its_end(
    kit: Any, options: Any, failures: int
) -> None:
    server = kit.Deployment()
    server.add(3, seconds=200.0)
    server.add(5, seconds=10.0, fails=True)
    server.add(20, seconds=10.0)
    told = kit.tell(server, range(1, 29), max_running=4, **options)
    counts = told.report.counts
    assert counts[Status.FAILED] == failures
    assert counts[Status.SUCCEEDED] == 3, "those in flight"
    assert counts[Status.CANCELLED] == 25 - failures
    assert told.report.stopped
    assert len(server.posts) == 3 + failures
    assert all(
        outcome.ticket is None and outcome.message == told.report.stopped
        for outcome in told.report.outcomes
        if outcome.status is Status.CANCELLED
    )


def test_references_that_are_unknown_count_as_failures_before_anything_is_sent(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3)

    def refs() -> Any:
        server.begin(server.cluster(3))
        return ["no_such", 1, 2, 3]

    told = kit.tell(server, refs, on_error="stop")
    assert told.report.counts == {Status.REJECTED: 1, Status.CANCELLED: 3}
    assert server.posts == {3: 1}
    assert told.seconds < 1, "what runs is not watched for its own sake"


def test_successes_may_be_left_out_of_the_report(kit: Any) -> None:
    server = kit.Deployment()
    server.add(8)
    server.add(2, fails=True)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            return await refresh_all(ta.project(1), range(1, 11), keep_successes=False)

    report = run(main())
    assert report.counts == {Status.SUCCEEDED: 8, Status.FAILED: 2}
    assert report.total == 10
    assert {outcome.ref for outcome in report.outcomes} == {9, 10}


def test_skipped_ones_are_no_failures(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=60.0)
    told = kit.tell(
        server, lambda: [server.begin(server.cluster(1)) or 1, 2, 3], on_running="skip", on_error="stop"
    )
    assert told.report.ok
    assert told.report.stopped == ""


# The order


def test_without_a_history_longest_first_is_the_given_order(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, seconds=3.0)
    told = kit.tell(server, [3, 1, 2, 9, 4], order="longest_first", max_running=1)
    assert [event.ref for event in told.of(Submitted)] == [3, 1, 2, 9, 4]


def test_longest_first_goes_by_what_a_journal_knows(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    for seconds in (5.0, 80.0, 20.0, 40.0):
        server.add(1, seconds=seconds)
    journal = tmp_path / "runs.db"
    kit.tell(server, [1, 2, 3, 4], journal=journal)
    server.add(2, seconds=1.0)
    told = kit.tell(server, [1, 2, 5, 3, 4, 6], journal=journal, order="longest_first", max_running=1)
    assert [event.ref for event in told.of(Submitted)] == [2, 5, 4, 6, 3, 1], (
        "the unknown are taken for typical"
    )


def test_what_longest_first_holds_back_has_its_outcome_when_the_batch_ends(kit: Any) -> None:
    server = kit.Deployment()
    server.add(5, seconds=100.0)

    async def refs() -> Any:
        for ref in range(1, 6):
            yield ref
        await asyncio.sleep(1e6)

    for options in ({"at": {50.0: RefreshBatch.cancel}}, {"timeout": 50.0}):
        told = kit.tell(server, refs, order="longest_first", **options)
        assert told.report.total == 5
        assert not server.posts
        assert told.seconds <= 50


# Cancelling


def test_a_cancelled_batch_says_what_goes_on(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=100.0)
    told = kit.tell(server, range(1, 21), max_running=4, at={150.0: RefreshBatch.cancel})
    assert told.error is None
    assert told.seconds <= 151
    assert told.report.counts == {Status.SUCCEEDED: 4, Status.CANCELLED: 16}
    assert "cancelled" in told.report.stopped
    assert not told.report.ok
    tickets = [outcome.ticket for outcome in told.report.outcomes if outcome.status is Status.CANCELLED]
    assert [ticket.cluster_id for ticket in tickets if ticket] == [5, 6, 7, 8]
    assert set(server.posts) == set(range(1, 9))


def test_a_batch_that_is_cancelled_before_it_begins_ends_at_once(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            batch = RefreshBatch(ta.project(1), [1, 2, 3])
            batch.cancel()
            async with batch:
                assert [event async for event in batch if isinstance(event, Planned)] == []
            early = RefreshBatch(ta.project(1), [1, 2, 3])
            async with early:
                early.cancel()  # before its task had its first turn
                async for _ in early:
                    pass
            assert early.report.counts == batch.report.counts
            return batch.report

    assert run(main()).counts == {Status.CANCELLED: 3}
    assert server.asks == []


@pytest.mark.parametrize("chunk", range(4))
@pytest.mark.parametrize("how", ["task", "scope", "batch"])
def test_a_cancellation_at_any_await_ends_within_a_second_and_loses_nothing(
    kit: Any, how: str, chunk: int, tmp_path: Any
) -> None:
    """At random instants, some of them in the middle of a POST, with a server that is slow or gone."""
    for seed in range(chunk, 60, 4):
        rng = random.Random(seed)
        latency = rng.choice([0.0, 0.02, 3.0])
        server = kit.Deployment(latency=latency, rate=rng.choice([None, 3]))
        server.add(30, seconds=rng.choice([1.0, 30.0, 1_000.0]))
        if rng.random() < 0.3:
            server.down = [(rng.uniform(0, 20), 1e9)]
        second = rng.choice([0.0, 0.01, rng.uniform(0, 1), rng.uniform(0, 60)])
        journal = tmp_path / f"{seed}.db" if rng.random() < 0.2 else None
        refs = [*range(1, 20), *(f"c_{i}" for i in range(20, 31))]
        order = rng.choice(["given", "longest_first"])
        report, took = run(_cancelled(server, refs, how, second, journal=journal, order=order, max_running=7))
        if not report.stopped:
            continue  # it had ended before
        assert took <= 1.0
        assert report.total == 30, f"seed {seed}"
        by_id = {outcome.cluster_id: outcome for outcome in report.outcomes}
        for cluster_id in server.posts:
            outcome = by_id[cluster_id]
            assert outcome.ok or outcome.ticket, "what may go on has a ticket"
        for outcome in report.outcomes:
            if outcome.attempts and outcome.status is Status.CANCELLED:
                assert outcome.ticket
            if outcome.ticket is None and not outcome.ok:
                assert outcome.cluster_id not in server.posts


async def _cancelled(
    server: Any, refs: Any, how: str, second: float, **options: Any
) -> tuple[RefreshReport, float]:
    """Cancel a batch in one of three ways. Returns its report, and how long it took to end."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    batches: list[RefreshBatch] = []

    async def all_of_it() -> None:
        async with session(server) as ta:
            batches.append(RefreshBatch(ta.project(1), refs, **options))
            if how == "batch":
                loop.call_later(second, batches[0].cancel)
            async with batches[0]:
                async for _ in batches[0]:
                    pass

    if how == "batch":
        await all_of_it()
    elif how == "scope":
        with anyio.CancelScope() as scope:
            loop.call_later(second, scope.cancel)
            await all_of_it()
    else:
        task = asyncio.create_task(all_of_it())
        loop.call_later(second, task.cancel)
        await asyncio.wait([task])
    took = loop.time() - began - second
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert server.reading == 0
    sent = len(server.asks)
    await asyncio.sleep(100)
    assert len(server.asks) == sent
    return batches[0].report, took


def test_refresh_all_that_is_cancelled_names_what_goes_on(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, seconds=100.0)

    async def main() -> list[str]:
        async with session(server) as ta:
            task = asyncio.create_task(refresh_all(ta.project(1), range(1, 11), max_running=3))
            await asyncio.sleep(50)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            assert asyncio.get_running_loop().time() <= 51
            return caught.value.__notes__

    says, *tickets = run(main())
    assert says.startswith("3 refreshes go on")
    assert {RefreshTicket.from_json(ticket).cluster_id for ticket in tickets} == set(server.posts)


def test_refresh_all_that_breaks_names_what_goes_on_too(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, seconds=100.0)

    def on_event(event: Any) -> None:
        if isinstance(event, Submitted) and event.ref == 3:
            raise LookupError("not this one")

    async def main() -> None:
        async with session(server) as ta:
            await refresh_all(ta.project(1), range(1, 11), max_running=3, on_event=on_event)

    with pytest.raises(LookupError, match="not this one") as caught:
        run(main())
    tickets = caught.value.__notes__[1:]
    assert {RefreshTicket.from_json(ticket).cluster_id for ticket in tickets} == set(server.posts) != set()


def test_a_second_cancellation_while_it_ends_changes_nothing(kit: Any) -> None:
    server = kit.Deployment(latency=5.0)
    server.add(10, seconds=100.0)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            batch = RefreshBatch(ta.project(1), range(1, 11))

            async def work() -> None:
                async with batch:
                    await asyncio.sleep(1e6)

            task = asyncio.create_task(work())
            await asyncio.sleep(50)
            for _ in range(3):
                task.cancel()
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(1)
            assert asyncio.all_tasks() == {asyncio.current_task()}
        return batch.report

    assert run(main()).total == 10


# A journal that is slow to close


@pytest.fixture
def closings(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the journal is closed with; it takes five seconds for that."""
    close, given = RunJournal.close, []

    async def slowly(self: RunJournal, **what: Any) -> None:
        given.append(what)
        await close(self, **what)
        await asyncio.sleep(5.0)

    monkeypatch.setattr(RunJournal, "close", slowly)
    return given


def test_a_batch_that_has_ended_waits_for_its_journal(kit: Any, tmp_path: Any, closings: Any) -> None:
    server = kit.Deployment()
    server.add(2, seconds=30.0)
    told = kit.tell(server, [1, 2], journal=tmp_path / "runs.db")
    [given] = closings
    report = told.report
    assert given == {"complete": True, "requests": report.requests, "makespan": report.makespan}
    assert told.seconds == pytest.approx(report.makespan + 5.0)


@pytest.mark.parametrize("who", ["batch", "driver"])
def test_a_batch_that_is_cancelled_does_not_wait_for_its_journal(
    kit: Any, tmp_path: Any, closings: Any, who: str
) -> None:
    def cancel(batch: RefreshBatch) -> None:
        assert batch._driver is not None
        batch.cancel() if who == "batch" else batch._driver.cancel()

    async def main() -> float:
        async with session(server) as ta:
            batch = RefreshBatch(ta.project(1), [1, 2], journal=tmp_path / "runs.db")
            asyncio.get_running_loop().call_later(10.0, cancel, batch)
            try:
                async with batch:
                    pass
            except asyncio.CancelledError:
                assert who == "driver"
            return asyncio.get_running_loop().time()

    server = kit.Deployment()
    server.add(2, seconds=30.0)
    assert run(main()) == pytest.approx(10.7)
    assert [given["complete"] for given in closings] == [False]


def test_who_is_cancelled_waits_for_nothing_that_takes_a_second(
    kit: Any, tmp_path: Any, closings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_JOURNAL_SECONDS", 100.0)
    server = kit.Deployment()
    server.add(2, seconds=30.0)

    async def main() -> float:
        async with session(server) as ta:
            with anyio.move_on_after(10.0):
                async with RefreshBatch(ta.project(1), [1, 2], journal=tmp_path / "runs.db"):
                    pass
            ended = asyncio.get_running_loop().time()
            await asyncio.sleep(10.0)
            return ended

    assert run(main()) == pytest.approx(10.9)
    assert len(closings) == 1


# Consumers


def test_leaving_the_block_waits_for_the_rest(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, seconds=30.0)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            async with RefreshBatch(ta.project(1), range(1, 11), max_running=2) as batch:
                async for event in batch:
                    if isinstance(event, Finished):
                        break
                assert 0 < batch.report.total < 10, "before the end it tells how things stand"
            return batch.report

    assert run(main()).counts == {Status.SUCCEEDED: 10}


def test_a_consumer_that_hears_nothing_and_leaves_is_not_waited_for(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1_500, seconds=0.2)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            batch = RefreshBatch(ta.project(1), range(1, 1_501), max_running=1_000)
            async with batch:
                await asyncio.sleep(600)
                assert 0 < batch.report.total < 1_500, "it waits for whoever is to hear of it"
            return batch.report

    assert run(main()).counts == {Status.SUCCEEDED: 1_500}


def test_a_slow_consumer_hears_of_everything_that_matters(kit: Any) -> None:
    server = kit.Deployment()
    server.add(700, seconds=5.0)

    async def listen(event: Any) -> None:
        del event
        await asyncio.sleep(0.5)

    told = kit.tell(server, range(1, 701), max_running=300, listen=listen)
    assert told.report.counts == {Status.SUCCEEDED: 700}
    assert len(told.of(Submitted)) == len(told.of(Finished)) == 700


def test_nobody_has_to_listen(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1_500, seconds=1.0)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            return await refresh_all(ta.project(1), range(1, 1_501), max_running=1_000)

    assert run(main()).counts == {Status.SUCCEEDED: 1_500}


@pytest.mark.parametrize("is_async", [False, True])
def test_on_event_hears_each_event_in_order(kit: Any, *, is_async: bool) -> None:
    server = kit.Deployment()
    server.add(5)
    heard: list[Any] = []

    async def later(event: Any) -> None:
        await asyncio.sleep(0.1)
        heard.append(event)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            on_event = later if is_async else heard.append
            return await refresh_all(ta.project(1), range(1, 6), on_event=on_event)

    report = run(main())
    assert [event.outcome for event in heard if isinstance(event, Finished)] == list(report.outcomes)
    assert [event.at for event in heard] == sorted(event.at for event in heard)


@pytest.mark.parametrize("where", ["on_event", "consumer", "block"])
def test_what_a_consumer_raises_comes_out_as_it_is_and_starts_nothing_more(kit: Any, where: str) -> None:
    server = kit.Deployment()
    server.add(20, seconds=10.0)

    def fail(event: Any) -> None:
        if isinstance(event, Finished):
            raise OSError("the consumer is broken")

    async def main() -> None:
        async with session(server) as ta:
            if where == "on_event":
                await refresh_all(ta.project(1), range(1, 21), max_running=2, on_event=fail)
            async with RefreshBatch(ta.project(1), range(1, 21), max_running=2) as batch:
                if where == "block":
                    await asyncio.sleep(15)
                    raise OSError("the consumer is broken")
                async for event in batch:
                    fail(event)

    with pytest.raises(OSError, match="broken") as caught:
        run(main())
    assert type(caught.value) is OSError
    assert len(server.posts) <= 4


def test_a_batch_runs_once(kit: Any) -> None:
    async def main() -> None:
        async with session(kit.Deployment()) as ta:
            batch = RefreshBatch(ta.project(1), [])
            with pytest.raises(ConfigurationError, match="has not begun"):
                _ = batch.report
            with pytest.raises(ConfigurationError, match="has not begun"):
                aiter(batch)
            async with batch:
                pass
            with pytest.raises(ConfigurationError, match="runs once"):
                async with batch:
                    pass

    run(main())


@pytest.mark.parametrize(
    "options",
    [
        {"max_running": 0},
        {"max_running": 2.0},
        {"max_running": True},
        {"submit_ahead": -1},
        {"max_failures": 0},
        {"order": "random"},
        {"on_running": "wait"},
        {"on_error": "raise"},
        {"timeout": 0},
        {"timeout": float("inf")},
        {"timeout": "5"},
        {"cluster_timeout": -1.0},
        {"cluster_timeout": float("nan")},
        {"journal": 5},
    ],
    ids=str,
)
def test_settings_that_cannot_be_right_are_refused(kit: Any, options: Any) -> None:
    with pytest.raises(ConfigurationError):
        kit.tell(kit.Deployment(), [1], **options)


def test_a_batch_may_be_made_where_no_loop_runs(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1)
    ta = session(server)
    batch = RefreshBatch(ta.project(1), [1])

    async def main() -> None:
        async with ta, batch:
            pass

    run(main())
    assert batch.report.ok


# The journal breaks


def test_a_journal_that_cannot_be_opened_comes_out_as_it_is_and_nothing_is_sent(
    kit: Any, tmp_path: Any
) -> None:
    server = kit.Deployment()
    server.add(3)
    told = kit.tell(server, [1, 2, 3], journal=tmp_path / "no" / "such" / "folder.db")
    assert isinstance(told.error, JournalError)
    assert server.asks == []


def test_a_journal_that_is_taken_away_stops_the_batch_before_the_next_post(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(12, seconds=50.0)
    path = tmp_path / "runs.db"

    def take_away(batch: RefreshBatch) -> None:
        del batch
        path.rename(tmp_path / "moved.db")

    told = kit.tell(server, range(1, 13), max_running=4, journal=Journal(path), at={70.0: take_away})
    assert isinstance(told.error, JournalError), "what came of the rest is not in it"
    assert told.report.counts == {Status.SUCCEEDED: 8, Status.CANCELLED: 4}
    assert "journal" in told.report.stopped
    assert len(server.posts) == 8

"""Going on with what an earlier process has begun, meant to begin, or finished, as its journal tells."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ta_cluster_async.batch import (
    Attached,
    Journal,
    Outcome,
    Planned,
    RefreshBatch,
    Status,
    Submitted,
    planner,
)
from ta_cluster_async.batch.attach import resume
from ta_cluster_async.batch.journal.journal import RunJournal
from ta_cluster_async.batch.journal.rows import Entry
from ta_cluster_async.batch.state import BatchState
from ta_cluster_async.batch.submitter import Submitter
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    JournalBusy,
    JournalError,
    TokenRejected,
)
from ta_cluster_async.messages import Message
from ta_cluster_async.models import RefreshTicket

BASE = datetime(2025, 12, 31)  # noqa: DTZ001 - server times have no zone


def ticket(cluster_id: int, *, ago: float = 5.0) -> RefreshTicket:
    """A refresh that an earlier process has started, or was about to."""
    return RefreshTicket(
        project_id=1,
        cluster_id=cluster_id,
        cluster_name=f"c_{cluster_id}",
        baseline_refresh_time=BASE,
        baseline_progress=100,
        submitted_at=datetime.now(UTC) - timedelta(seconds=ago),
    )


def leave(path: Any, **entries: list[Any]) -> Journal:
    """A journal as a process leaves it that was killed.

    Args:
        path: Its file.
        entries: Which clusters were `intended` and `submitted`, and which outcomes were `finished`.
    """
    journal = Journal(path)

    async def main() -> None:
        left = await journal.open(base_url="http://127.0.0.1", project_id=1, max_running=3)
        for cluster_id in entries.get("intended", []):
            await left.intend(ticket(cluster_id), cluster_id)
        for cluster_id in entries.get("submitted", []):
            await left.intend(ticket(cluster_id), cluster_id)
            left.submitted(cluster_id, ticket(cluster_id))
        for outcome in entries.get("finished", []):
            left.finished(outcome)
        await left.close(complete=False)

    run(main())
    return journal


def test_what_was_submitted_is_watched_and_not_sent_again(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=50.0)
    journal = leave(tmp_path / "runs.db", submitted=[1])

    def refs() -> Any:
        server.begin(server.cluster(1))
        return [1, 2, 3]

    told = kit.tell(server, refs, journal=journal)
    assert told.report.ok
    assert server.posts == {1: 1, 2: 1, 3: 1}
    assert [ask for ask in server.asks if ask.is_refresh and ask.cluster.id == 1] == []
    assert [event.ref for event in told.of(Attached)] == [1]
    assert told[1].attempts == 1
    assert told[1].run_seconds == pytest.approx(50, abs=8)


def test_what_has_ended_between_two_processes_has_its_outcome_but_no_duration(
    kit: Any, tmp_path: Any
) -> None:
    server = kit.Deployment()
    server.add(2, seconds=50.0)
    server.cluster(1).runs.append((-60.0, -60.0, -10.0))
    told = kit.tell(server, [1, 2], journal=leave(tmp_path / "runs.db", submitted=[1]))
    assert told.report.ok
    assert [ask.cluster.id for ask in server.asks if ask.is_refresh] == [2]
    assert told[1].run_seconds is None
    assert told[1].ticket.baseline_refresh_time == BASE


def test_what_was_answered_and_came_to_nothing_is_not_sent_again(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(2, seconds=50.0)
    told = kit.tell(server, [1, 2], journal=leave(tmp_path / "runs.db", submitted=[1]))
    assert told.statuses == {1: "unconfirmed", 2: "succeeded"}
    assert [ask.cluster.id for ask in server.asks if ask.is_refresh] == [2]


@pytest.mark.parametrize("ended", [False, True])
def test_what_was_meant_to_be_sent_and_was_is_not_sent_again(kit: Any, tmp_path: Any, *, ended: bool) -> None:
    server = kit.Deployment()
    server.add(2, seconds=50.0)
    journal = leave(tmp_path / "runs.db", intended=[1])

    def refs() -> Any:
        if ended:
            server.cluster(1).runs.append((-60.0, -60.0, -10.0))
        else:
            server.begin(server.cluster(1))
        return [1, 2]

    told = kit.tell(server, refs, journal=journal)
    assert told.report.ok
    assert [ask.cluster.id for ask in server.asks if ask.is_refresh] == [2]
    assert [event.ref for event in told.of(Submitted)].count(1) == 1, "told as soon as it is proved"


def test_what_was_meant_to_be_sent_and_was_not_is_sent_when_that_is_certain(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(2, seconds=50.0)
    told = kit.tell(server, [1, 2], journal=leave(tmp_path / "runs.db", intended=[1]))
    assert told.report.ok
    assert server.posts == {1: 1, 2: 1}
    assert 290 < server.cluster(1).runs[0][0] < 320, "after the grace time, as it might have begun until then"
    assert told[1].attempts == 2
    assert told[1].ticket.submitted_at > datetime.now(UTC) - timedelta(seconds=4), (
        "the ticket is that of its own request"
    )


def test_what_has_an_outcome_keeps_it(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(4)
    ends = [
        Outcome(
            ref=1, status=Status.SUCCEEDED, cluster_id=1, cluster_name="c_1", attempts=1, run_seconds=7.0
        ),
        Outcome(ref=2, status=Status.FAILED, cluster_id=2, cluster_name="c_2", message="no", attempts=1),
        Outcome(ref="gone", status=Status.REJECTED, message="There is none."),
    ]
    told = kit.tell(server, ["c_1", 2, 3, "gone"], journal=leave(tmp_path / "runs.db", finished=ends))
    assert told.report.counts == {Status.SUCCEEDED: 2, Status.FAILED: 1, Status.REJECTED: 1}
    assert server.posts == {3: 1}
    assert told["c_1"].resumed
    assert told["c_1"].run_seconds == 7.0
    assert told[2].resumed
    assert told[2].message == "no"
    assert not told["gone"].resumed, "names are looked up anew"


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.TIMED_OUT])
def test_what_was_only_left_out_is_refreshed(kit: Any, tmp_path: Any, status: Status) -> None:
    server = kit.Deployment()
    server.add(2)
    left_out = Outcome(ref=1, status=status, cluster_id=1, cluster_name="c_1", message="stopped")
    told = kit.tell(server, [1, 2], journal=leave(tmp_path / "runs.db", finished=[left_out]))
    assert told.report.ok
    assert server.posts == {1: 1, 2: 1}


def test_a_batch_that_has_ended_is_not_gone_on_with(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(3)
    server.add(1, fails=True)
    path = tmp_path / "runs.db"
    first = kit.tell(server, [1, 2, 3, 4], journal=path)
    second = kit.tell(server, [1, 2, 3, 4], journal=path, start=first.clock)
    assert first.report.counts == second.report.counts
    assert first.report.run_id != second.report.run_id
    assert server.posts == {1: 2, 2: 2, 3: 2, 4: 2}
    assert [info.state for info in Journal(path).runs()] == ["complete", "complete"]


def test_a_cancelled_batch_is_gone_on_with(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(12, seconds=50.0)
    path = tmp_path / "runs.db"
    first = kit.tell(
        server, range(1, 13), max_running=4, journal=path, at={70.0: RefreshBatch.cancel}, silence=1.0
    )
    second = kit.tell(server, range(1, 13), max_running=4, journal=path, start=first.clock)
    assert first.report.counts == {Status.SUCCEEDED: 4, Status.CANCELLED: 8}
    assert second.report.counts == {Status.SUCCEEDED: 12}
    assert sum(outcome.resumed for outcome in second.report.outcomes) == 4
    assert server.posts == dict.fromkeys(range(1, 13), 1)
    assert second.report.run_id == first.report.run_id
    assert server.most_running <= 4


def test_a_batch_whose_token_was_rejected_is_gone_on_with(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(8, seconds=50.0)
    path = tmp_path / "runs.db"
    server.rule = lambda ask: kit.REJECTED if ask.at > 70 else None
    first = kit.tell(server, range(1, 9), max_running=3, journal=path, silence=1.0)
    assert first.report.counts == {Status.SUCCEEDED: 3, Status.TIMED_OUT: 3, Status.CANCELLED: 2}
    assert all(isinstance(outcome.error, TokenRejected) for outcome in first.report.failures)
    server.rule = lambda _: None
    second = kit.tell(server, range(1, 9), max_running=3, journal=path, start=first.clock)
    assert second.report.counts == {Status.SUCCEEDED: 8}
    assert sum(outcome.resumed for outcome in second.report.outcomes) == 3
    assert server.posts == dict.fromkeys(range(1, 9), 1)


def test_an_attached_refresh_is_gone_on_with_as_an_attached_one(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=50.0)
    path = tmp_path / "runs.db"

    def refs() -> Any:
        if not server.cluster("c_1").runs:
            server.begin(server.cluster("c_1"))
        return ["c_1", 2, 3]

    first = kit.tell(server, refs, journal=path, at={20.0: RefreshBatch.cancel}, silence=1.0)
    assert kit.known(path, names=["c_1"])["c_1"].cluster_id == 1
    second = kit.tell(server, refs, journal=path, start=first.clock)
    assert second.report.ok
    assert server.posts == {1: 1, 2: 1, 3: 1}
    assert second["c_1"].attempts == 0
    assert second["c_1"].ticket.attached


def test_durations_of_attached_refreshes_teach_nothing(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=100.0)
    server.add(1, seconds=30.0)
    path = tmp_path / "runs.db"

    def refs() -> Any:
        server.begin(server.cluster(1))
        server.cluster(1).runs[0] = (0.0, -95.0, 5.0)  # it has almost ended
        return [1, 2]

    kit.tell(server, refs, journal=path)

    async def known() -> dict[int, float]:
        journal = await Journal(path).open(base_url="http://127.0.0.1", project_id=1, max_running=3)
        try:
            return await journal.durations([1, 2])
        finally:
            await journal.close(complete=True)

    assert run(known()) == {2: pytest.approx(30, abs=4)}


def test_a_second_runner_is_told_who_has_the_journal(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(3)
    journal = Journal(tmp_path / "runs.db")

    async def main() -> Any:
        return await journal.open(base_url="http://127.0.0.1", project_id=1, max_running=3)

    async def both() -> Any:
        held = await main()
        try:
            with pytest.raises(JournalBusy) as caught:
                await main()
        finally:
            await held.close(complete=False)
        return caught.value

    assert run(both()).holder
    told = kit.tell(server, [1, 2, 3], journal=journal)
    assert told.report.ok, "one that has given it back is in nobody's way"


def test_what_was_given_up_before_it_began_is_taken_up_when_the_batch_did_not_come_to_its_end(
    kit: Any, tmp_path: Any
) -> None:
    server = kit.Deployment()
    server.add(1, seconds=200.0)
    server.add(1, seconds=10.0, fails=True)
    server.add(5, seconds=10.0)
    journal = Journal(tmp_path / "runs.db")
    first = kit.tell(
        server,
        range(1, 8),
        max_running=2,
        on_error="stop",
        journal=journal,
        at={60.0: RefreshBatch.cancel},
        silence=10.0,
    )
    assert first.report.counts == {Status.FAILED: 1, Status.CANCELLED: 6}
    told = kit.tell(server, range(1, 8), max_running=2, journal=journal, start=300.0)
    assert told.report.counts == {Status.SUCCEEDED: 6, Status.FAILED: 1}
    assert server.posts == dict.fromkeys(range(1, 8), 1)


def test_what_was_given_up_is_in_the_journal_of_a_batch_that_came_to_its_end(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=10.0, fails=True)
    server.add(5, seconds=10.0)
    journal = Journal(tmp_path / "runs.db")
    kit.tell(server, range(1, 7), max_running=1, on_error="stop", journal=journal)
    assert journal.runs()[0].counts == {Status.FAILED: 1, Status.CANCELLED: 5}


# What an earlier process has begun, and this one does not come to before it ends

DONE: Any = {"status": Status.SUCCEEDED, "users_num": 7, "attempts": 1}


def left_by_another(path: Any) -> Journal:
    """1 and 2 are done, 3 and 4 run, and 5 was about to be started; the even ones were given by name."""
    journal = Journal(path)

    async def main() -> None:
        left = await journal.open(base_url="http://127.0.0.1", project_id=1, max_running=3)
        refs: list[int | str] = [1, "c_2", 3, "c_4", 5]
        for cluster_id, ref in enumerate(refs, 1):
            await left.intend(ticket(cluster_id), ref)
            if cluster_id < 5:
                left.submitted(cluster_id, ticket(cluster_id))
            if cluster_id < 3:
                left.finished(Outcome(ref=ref, cluster_id=cluster_id, cluster_name=f"c_{cluster_id}", **DONE))
        left.finished(Outcome(ref="nix", status=Status.REJECTED, message="There is none."))
        await left.close(complete=False)

    run(main())
    return journal


def check_what_was_left(told: Any, status: Status) -> None:
    assert [told[ref].status for ref in (1, "c_2")] == [Status.SUCCEEDED] * 2
    assert all(told[ref].resumed and told[ref].users_num == 7 for ref in (1, "c_2"))
    for ref, code in ((3, "left-running"), ("c_4", "left-running"), (5, "left-on-its-way")):
        outcome = told[ref]
        assert outcome.status is status
        assert (outcome.ticket.baseline_refresh_time, outcome.attempts) == (BASE, 1)
        assert outcome.what() == Message(code, reason=told[6].what())
        assert outcome.message == str(outcome.what())
    assert (told[6].status, told[6].ticket, told[6].cluster_id) == (status, None, 6)
    assert (told["c_4"].cluster_id, told["c_4"].cluster_name, told["c_4"].resumed) == (4, "c_4", False)
    assert (told["nix"].status, told["nix"].ticket) == (status, None)


@pytest.mark.parametrize("slow", ["entries", "durations"])
def test_a_batch_that_is_cancelled_before_it_takes_up_what_runs_tells_of_it(
    kit: Any, tmp_path: Any, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = getattr(RunJournal, slow)
    calls: list[int] = []

    async def slowly(self: RunJournal, cluster_ids: Any) -> Any:
        calls.append(1)
        if slow == "durations" or len(calls) > 1:  # after the first question, which all that is told comes of
            await asyncio.sleep(10)
        return await read(self, cluster_ids)

    monkeypatch.setattr(RunJournal, slow, slowly)
    journal = left_by_another(tmp_path / "runs.db")
    server = kit.Deployment()
    server.add(6)
    refs = [1, "c_2", 3, "c_4", 5, 6, "nix"]
    told = kit.tell(server, refs, journal=journal, at={5.0: lambda batch: batch.cancel()})
    told_of = {outcome.ref: outcome for outcome in told.report.outcomes}
    assert told_of.pop("nix").status in (Status.REJECTED, Status.CANCELLED)
    nix = Outcome(ref="nix", status=Status.CANCELLED)
    check_what_was_left({**told_of, "nix": nix}, Status.CANCELLED)
    assert server.posts == {}
    # Nothing of that is lost to the next one.
    [info] = journal.runs()
    assert (info.state, info.unfinished) == ("running", 3)


def test_a_token_that_is_rejected_at_once_hides_nothing_that_is_known(kit: Any, tmp_path: Any) -> None:
    journal = left_by_another(tmp_path / "runs.db")
    server = kit.Deployment()
    server.add(6)
    server.rule = lambda _: kit.REJECTED
    told = kit.tell(server, [1, "c_2", 3, "c_4", 5, 6, "nix"], journal=journal)
    check_what_was_left(told, Status.CANCELLED)
    assert told.report.stopped == told[6].message == "The token was rejected."
    assert all(isinstance(told[ref].error, TokenRejected) for ref in (3, "c_4", 5, 6))
    [info] = journal.runs()
    assert (info.state, info.unfinished) == ("running", 3)


def test_a_plan_counts_what_is_to_do_and_what_is_not(kit: Any, tmp_path: Any) -> None:
    done = [Outcome(ref=ref, cluster_id=ref, **DONE) for ref in (3, 4)]
    journal = leave(tmp_path / "runs.db", submitted=[1, 2], finished=done)
    server = kit.Deployment()
    server.add(9)

    def refs() -> list[int]:
        for running in (1, 2, 5, 6):
            server.begin(server.cluster(running))
        return [*range(1, 10), 901, 902, 903]

    told = kit.tell(server, refs, journal=journal)
    [*_, planned] = told.of(Planned)
    assert (planned.refs, planned.to_refresh, planned.to_attach, planned.settled) == (12, 3, 4, 5)
    assert server.posts == {1: 1, 2: 1, **dict.fromkeys(range(5, 10), 1)}


def test_what_is_told_is_of_the_cluster_and_not_of_the_name_that_it_had(
    kit: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(_: RunJournal, cluster_ids: Any) -> Any:
        await asyncio.sleep(10)
        raise AssertionError(cluster_ids)

    monkeypatch.setattr(RunJournal, "durations", slowly)
    journal = left_by_another(tmp_path / "runs.db")
    server = kit.Deployment()
    server.add(6)
    server.cluster(2).name = "older"
    [new] = server.add(name="c_2")
    server.cluster(4).name = "renamed"
    refs = ["c_2", "renamed", 5, 6]
    told = kit.tell(server, refs, journal=journal, at={5.0: lambda batch: batch.cancel()})
    assert (told["c_2"].cluster_id, told["c_2"].status, told["c_2"].ticket) == (new, Status.CANCELLED, None)
    assert (told["renamed"].cluster_id, told["renamed"].ticket.cluster_id, told["renamed"].attempts) == (
        4,
        4,
        1,
    )


def test_a_batch_that_is_stopped_before_it_comes_to_them_tells_of_them_too(
    kit: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "_WINDOW", 4)
    journal = left_by_another(tmp_path / "runs.db")
    server = kit.Deployment()
    server.add(20, seconds=2.0)
    server.cluster(10).fails = True
    refs = [*range(10, 21), 1, "c_2", 3, "c_4", 5, 6, "nix", 2, 4]
    told = kit.tell(server, refs, journal=journal, max_running=1, on_error="stop")
    assert told[10].status is Status.FAILED
    assert told.report.total == len(refs) - 2, "2 and 4 are there by their names"
    check_what_was_left(told, Status.CANCELLED)
    [info] = journal.runs()
    assert info.state == "complete"
    kept = {outcome.ref: outcome for outcome in journal.outcomes(info.run_id)}
    assert [kept[ref].status for ref in (1, "c_2")] == [Status.SUCCEEDED] * 2
    assert all(kept[ref].ticket is not None for ref in (3, "c_4", 5))
    assert info.unfinished == 0


def test_one_that_is_given_by_its_id_and_then_by_its_name_is_told_of_once(
    kit: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "_WINDOW", 4)
    server = kit.Deployment()
    server.add(20, seconds=2.0)
    server.cluster(10).fails = True
    refs = [*range(10, 21), 2, "c_2", 4, "c_4"]
    journal = left_by_another(tmp_path / "runs.db")
    told = kit.tell(server, refs, journal=journal, max_running=1, on_error="stop")
    assert (told[2].status, told[4].status) == (Status.SUCCEEDED, Status.CANCELLED)
    assert told.report.total == len(refs) - 2


def test_a_journal_that_stopped_the_batch_is_not_asked_again(
    kit: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "_WINDOW", 4)
    read = RunJournal.entries
    refused: list[str] = []

    async def fail(self: RunJournal, *_: Any) -> Any:
        refused.append("")
        raise JournalError("The disk is full.")

    async def entries(self: RunJournal, cluster_ids: Any) -> Any:
        return await (fail(self) if refused else read(self, cluster_ids))

    journal = left_by_another(tmp_path / "runs.db")
    monkeypatch.setattr(RunJournal, "intend", fail)
    monkeypatch.setattr(RunJournal, "entries", entries)
    server = kit.Deployment()
    server.add(20)
    told = kit.tell(server, range(6, 21), journal=journal, max_running=1)
    assert told.error is None
    assert told.report.total == 15
    assert told.report.stopped == "The journal can no longer be written: The disk is full."
    assert told.report.why_stopped() == Message(
        "batch-journal-lost", cause=JournalError("The disk is full.").what()
    )


def leave_ago(path: Any, age: float, **left: list[int]) -> Journal:
    """A journal as `leave` makes it, whose entries are so many seconds old by the clock of today."""
    journal = leave(path, **left)
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE refreshes SET intended_at = intended_at - ?", (age,))
        other.commit()
    return journal


@pytest.mark.parametrize("age", [0, 400, 100_000, -400])
def test_an_intent_is_waited_for_from_the_first_poll_of_this_process_on(
    kit: Any, tmp_path: Any, age: float
) -> None:
    server = kit.Deployment()
    server.add(1, seconds=5.0)
    told = kit.tell(server, [1], journal=leave_ago(tmp_path / "runs.db", age, intended=[1]))
    assert told[1].ok
    (submitted,) = told.of(Submitted)
    assert 290 <= submitted.at <= 330


@pytest.mark.parametrize("count", [1, 12])
def test_a_clock_that_jumped_makes_no_second_post(kit: Any, tmp_path: Any, count: int) -> None:
    """The process died between its POSTs and their answers, and the clock of the next one is 400 seconds ahead."""
    server = kit.Deployment(stale=120.0)
    ids = server.add(count, seconds=200.0)
    journal = leave_ago(tmp_path / "runs.db", 400.0, intended=ids)

    def refs() -> Any:
        for cluster in server.clusters.values():
            server.begin(cluster)
        return ids

    told = kit.tell(server, refs, journal=journal, max_running=count)
    assert told.report.counts == {Status.SUCCEEDED: count}
    assert server.posts == dict.fromkeys(ids, 1)
    assert not [ask for ask in server.asks if ask.is_refresh]


def test_what_was_submitted_is_not_given_up_early_because_a_clock_jumped(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment(stale=120.0)
    server.add(1, seconds=200.0)
    journal = leave_ago(tmp_path / "runs.db", 400.0, submitted=[1])

    def refs() -> Any:
        server.begin(server.clusters[1])
        return [1]

    told = kit.tell(server, refs, journal=journal)
    assert told[1].ok
    assert server.posts == {1: 1}


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

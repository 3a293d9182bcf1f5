"""What a journal keeps of its runs, and what it gives back."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import pickle
import re
import sqlite3
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ta_cluster_async.batch.journal.history import read_history
from ta_cluster_async.batch.journal.journal import Journal, RunJournal
from ta_cluster_async.batch.journal.process import Process
from ta_cluster_async.batch.journal.rows import cell, from_cell
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    ConfigurationError,
    JournalBusy,
    JournalError,
    TaError,
)
from ta_cluster_async.models import Catalog, RefreshTicket

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ta_cluster_async.batch.journal.journal import Entry, RunInfo

URL = "http://ta2:8992"
NOON = datetime(2020, 1, 10, 12, tzinfo=UTC)
BEFORE = datetime(2020, 1, 9, 3)  # noqa: DTZ001 - the server's times have no zone
T = TypeVar("T")
Story: TypeAlias = Callable[[RunJournal], Awaitable[T]]
AFTER = datetime(2020, 1, 10, 12, 1, 30)  # noqa: DTZ001


class Clock:
    """A wall clock that stands where it is put."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now.timestamp()

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
def journal(path: Path, clock: Clock) -> Journal:
    return Journal(path, clock=clock)


def ticket(cluster_id: int = 970, **more: Any) -> RefreshTicket:
    return RefreshTicket(
        project_id=102, cluster_id=cluster_id, submitted_at=NOON, baseline_refresh_time=BEFORE, **more
    )


def success(cluster_id: int = 970, **more: Any) -> Outcome:
    known: dict[str, Any] = {"ref": cluster_id, "status": Status.SUCCEEDED, "cluster_id": cluster_id}
    return Outcome(**known | more)


async def opened(journal: Journal, project_id: int = 102, base_url: str = URL) -> RunJournal:
    return await journal.open(base_url=base_url, project_id=project_id, max_running=16)


def in_run(journal: Journal, story: Story[T], *, complete: bool = False, **closing: Any) -> T:
    """Tell a story to a run of the journal and give what it returns."""

    async def main() -> T:
        held = await opened(journal)
        try:
            return await story(held)
        finally:
            await held.close(complete=complete, **closing)

    return run(main())


def intend(*cluster_ids: int) -> Story[None]:
    async def story(held: RunJournal) -> None:
        for cluster_id in cluster_ids:
            await held.intend(ticket(cluster_id), cluster_id)

    return story


def finish(*outcomes: Outcome) -> Story[None]:
    async def story(held: RunJournal) -> None:
        for outcome in outcomes:
            held.finished(outcome)

    return story


def entry_of(cluster_id: int) -> Story[Entry | None]:
    async def story(held: RunJournal) -> Entry | None:
        return (await held.entries([cluster_id])).get(cluster_id)

    return story


async def about(held: RunJournal) -> tuple[str, bool]:
    return held.run_id, held.resumed


# Intents and their ends


def test_an_intent_is_on_disk_when_it_returns(journal: Journal, path: Path) -> None:
    async def story(held: RunJournal) -> list[object]:
        await held.intend(ticket(970), "recent")
        with sqlite3.connect(path) as other:
            rows = other.execute("SELECT key, ref, state, attempts FROM refreshes").fetchall()
        other.close()
        return rows

    assert in_run(journal, story) == [(970, "recent", "intended", 1)]


def test_an_intent_comes_back_as_an_entry(journal: Journal) -> None:
    given_ticket = ticket(970, cluster_name="recent", catalog=Catalog.TAG, baseline_progress=-1)

    async def story(held: RunJournal) -> dict[int, Entry]:
        await held.intend(given_ticket, "recent")
        return await held.entries([970])

    entry = in_run(journal, story)[970]
    assert (entry.cluster_id, entry.ref, entry.state, entry.attempts) == (970, "recent", "intended", 1)
    assert entry.ticket == given_ticket
    assert entry.intended_at == NOON
    assert entry.outcome is None


def test_a_second_intent_counts_and_takes_the_place_of_the_first(journal: Journal, clock: Clock) -> None:
    async def story(held: RunJournal) -> Entry:
        await held.intend(ticket(970), 970)
        clock.forward(minutes=5)
        await held.intend(ticket(970, baseline_progress=100), 970)
        return (await held.entries([970]))[970]

    entry = in_run(journal, story)
    assert entry.attempts == 2
    assert entry.ticket.baseline_progress == 100
    assert entry.intended_at == NOON + timedelta(minutes=5)


def test_an_answered_request_is_submitted_and_keeps_its_attempts(journal: Journal) -> None:
    async def story(held: RunJournal) -> Entry:
        await held.intend(ticket(970), "recent")
        held.submitted(970, ticket(970, seen_running=True))
        return (await held.entries([970]))[970]

    entry = in_run(journal, story)
    assert (entry.state, entry.attempts, entry.ref) == ("submitted", 1, "recent")
    assert entry.ticket.seen_running


def test_a_joined_refresh_has_no_attempt(journal: Journal) -> None:
    async def story(held: RunJournal) -> dict[int, Entry]:
        held.submitted(970, ticket(970, attached=True))
        held.submitted(971, ticket(971, attached=True), "by_name")
        return await held.entries([970, 971])

    entries = in_run(journal, story)
    assert (entries[970].state, entries[970].attempts, entries[970].ref) == ("submitted", 0, 970)
    assert entries[970].ticket.attached
    assert entries[971].ref == "by_name"


def test_an_outcome_ends_the_entry(journal: Journal) -> None:
    async def story(held: RunJournal) -> Entry:
        await held.intend(ticket(970), 970)
        held.submitted(970, ticket(970))
        held.finished(success(970, attempts=1))
        return (await held.entries([970]))[970]

    entry = in_run(journal, story)
    assert (entry.state, entry.attempts) == ("finished", 1)
    assert entry.outcome == success(970, attempts=1, resumed=True, ticket=ticket(970))


@pytest.mark.parametrize("state", ["intended", "submitted"])
def test_a_cluster_that_is_begun_again_has_no_outcome_any_more(journal: Journal, state: str) -> None:
    async def story(held: RunJournal) -> Entry:
        await held.intend(ticket(970), 970)
        held.finished(success(970, status=Status.STALLED))
        if state == "intended":
            await held.intend(ticket(970), 970)
        else:
            held.submitted(970, ticket(970))
        return (await held.entries([970]))[970]

    entry = in_run(journal, story)
    assert (entry.state, entry.outcome) == (state, None)
    (info,) = journal.runs()
    assert (info.counts, info.unfinished) == ({}, 1)


def test_an_outcome_without_a_ticket_has_an_entry_with_what_it_knows(journal: Journal) -> None:
    skipped = Outcome(
        ref="recent",
        status=Status.SKIPPED,
        cluster_id=970,
        cluster_name="recent",
        baseline_refresh_time=BEFORE,
    )

    async def story(held: RunJournal) -> Entry:
        held.finished(skipped)
        return (await held.entries([970]))[970]

    entry = in_run(journal, story)
    assert entry.ticket == RefreshTicket(
        project_id=102,
        cluster_id=970,
        cluster_name="recent",
        baseline_refresh_time=BEFORE,
        submitted_at=NOON,
    )
    assert entry.outcome == evolve(skipped, resumed=True)
    assert entry.attempts == 0


def test_an_error_stays_as_its_message(journal: Journal) -> None:
    failed = success(
        970, status=Status.FAILED, error=TaError("computation failed"), message="computation failed"
    )
    in_run(journal, finish(failed))
    (info,) = journal.runs()
    (outcome,) = journal.outcomes(info.run_id)
    assert (outcome.error, outcome.message) == (None, "computation failed")


def test_clusters_that_the_run_has_not_seen_are_left_out(journal: Journal) -> None:
    in_run(journal, intend(970))
    assert in_run(journal, entry_of(971)) is None


def test_many_thousands_of_entries_are_found_at_once(journal: Journal) -> None:
    count = 5_000

    async def story(held: RunJournal) -> dict[int, Entry]:
        for cluster_id in range(1, count + 1):
            held.submitted(cluster_id, ticket(cluster_id))
        return await held.entries(range(1, 2 * count))

    assert sorted(in_run(journal, story)) == list(range(1, count + 1))


numbers = st.none() | st.integers()
times = st.none() | st.datetimes()
seconds = st.none() | st.floats(0, 1e9)
# A reference is what somebody typed.
words = st.text(max_size=20) | st.sampled_from(["\ud800", "a\0b", "970", "最近"])


outcomes = st.builds(
    Outcome,
    ref=st.integers() | words,
    status=st.sampled_from(Status),
    cluster_id=numbers,
    cluster_name=st.none() | words,
    error=st.none(),
    message=words,
    baseline_refresh_time=times,
    refresh_time=times,
    users_num=numbers,
    progress=numbers,
    queue_seconds=seconds,
    run_seconds=seconds,
    detect_seconds=seconds,
    attempts=st.integers(0, 1000),
    ticket=st.none() | st.just(ticket(970)),
    resumed=st.sampled_from([False]),
    settled_at=st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)


@settings(max_examples=20, deadline=None)
@given(
    some=st.lists(
        outcomes,
        min_size=1,
        max_size=30,
        unique_by=lambda one: one.ref if one.cluster_id is None else one.cluster_id,
    )
)
def test_every_outcome_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, some: list[Outcome]
) -> None:
    journal = Journal(tmp_path_factory.mktemp("any") / "runs.db")
    in_run(journal, finish(*some))
    (info,) = journal.runs()
    assert list(journal.outcomes(info.run_id)) == [evolve(one, resumed=True) for one in some]


@pytest.mark.parametrize(
    ("value", "is_number"),
    [
        (0, True),
        (-1000, True),
        (2**63 - 1, True),
        (2**63, False),
        (2**63 + 1, False),
        (2**64, False),
        (-(2**63), True),
        (-(2**63) - 1, False),
        (-(2**64), False),
    ],
)
def test_only_numbers_that_sqlite_cannot_hold_become_text(value: int, *, is_number: bool) -> None:
    assert cell(value) == (value if is_number else str(value).encode())
    assert from_cell(cell(value)) == value


def test_a_number_and_the_same_digits_as_a_name_are_two(journal: Journal) -> None:
    in_run(
        journal,
        finish(Outcome(ref=970, status=Status.REJECTED), Outcome(ref="970", status=Status.REJECTED)),
    )
    (info,) = journal.runs()
    assert [outcome.ref for outcome in journal.outcomes(info.run_id)] == [970, "970"]


def test_a_name_that_was_unknown_and_is_found_when_resumed_has_one_outcome(journal: Journal) -> None:
    in_run(journal, finish(Outcome(ref="recent", status=Status.REJECTED)))
    in_run(journal, finish(success(970, ref="recent")))
    (info,) = journal.runs()
    assert [outcome.status for outcome in journal.outcomes(info.run_id)] == [Status.SUCCEEDED]


def test_a_name_that_was_unknown_and_is_about_to_be_refreshed_has_no_outcome(journal: Journal) -> None:
    async def story(held: RunJournal) -> None:
        await held.intend(ticket(970), "recent")

    in_run(journal, finish(Outcome(ref="recent", status=Status.REJECTED)))
    in_run(journal, story)
    (info,) = journal.runs()
    assert list(journal.outcomes(info.run_id)) == []
    assert info.unfinished == 1


# Durations


def learn(*run_seconds: float, status: Status = Status.SUCCEEDED, cluster_id: int = 970) -> Story[None]:
    return finish(*(success(cluster_id, status=status, run_seconds=one) for one in run_seconds))


def durations(*cluster_ids: int) -> Story[dict[int, float]]:
    async def story(held: RunJournal) -> dict[int, float]:
        return await held.durations(cluster_ids)

    return story


def test_the_newest_duration_counts_for_one_half(journal: Journal) -> None:
    in_run(journal, learn(100.0), complete=True)
    in_run(journal, learn(60.0), complete=True)
    in_run(journal, learn(20.0), complete=True)
    assert in_run(journal, durations(970, 971)) == {970: 50.0}


@pytest.mark.parametrize("outcome", [{"status": Status.FAILED, "run_seconds": 9.0}, {"run_seconds": None}])
def test_only_a_success_that_was_timed_tells_a_duration(journal: Journal, outcome: Any) -> None:
    in_run(journal, finish(success(970, **outcome)))
    assert in_run(journal, durations(970)) == {}


def test_a_resumed_outcome_is_not_taken_in_again(journal: Journal) -> None:
    in_run(journal, learn(100.0))
    in_run(journal, finish(success(970, resumed=True, run_seconds=2.0)))
    assert in_run(journal, durations(970)) == {970: 100.0}
    (info,) = journal.runs()
    assert [outcome.run_seconds for outcome in journal.outcomes(info.run_id)] == [100.0]


@pytest.mark.parametrize("place", [{"project_id": 103}, {"base_url": "http://other:8992"}])
def test_durations_belong_to_one_project_of_one_deployment(journal: Journal, place: Any) -> None:
    in_run(journal, learn(100.0), complete=True)

    async def main() -> tuple[dict[int, float], float | None]:
        held = await opened(journal, **place)
        try:
            return await held.durations([970]), await held.typical_duration()
        finally:
            await held.close(complete=True)

    assert run(main()) == ({}, None)


def test_the_typical_duration_is_the_median(journal: Journal) -> None:
    async def story(held: RunJournal) -> float | None:
        for cluster_id, took in enumerate([5.0, 1.0, 1000.0, 2.0, 3.0], start=1):
            await learn(took, cluster_id=cluster_id)(held)
        await held.flush()
        return await held.typical_duration()

    assert in_run(journal, story) == 3.0


# Runs


def test_an_unfinished_run_goes_on_in_the_next_process(journal: Journal) -> None:
    first, _ = in_run(journal, about)
    in_run(journal, intend(970))
    assert in_run(journal, about) == (first, True)
    entry = in_run(journal, entry_of(970))
    assert entry is not None
    assert entry.state == "intended"


def test_after_a_complete_run_a_new_one_begins(journal: Journal) -> None:
    first, resumed = in_run(journal, about, complete=True)
    assert not resumed
    in_run(journal, intend(970))
    second, _ = in_run(journal, about)
    assert second != first
    assert len(journal.runs()) == 2


def test_a_new_run_knows_nothing_of_the_clusters_of_the_one_before(journal: Journal) -> None:
    in_run(journal, intend(970), complete=True)
    assert in_run(journal, entry_of(970)) is None


def test_a_run_that_was_silent_for_the_time_to_resume_goes_on(journal: Journal, clock: Clock) -> None:
    first, _ = in_run(journal, about)
    clock.forward(hours=6)
    assert in_run(journal, about) == (first, True)


def test_a_run_that_was_silent_for_longer_is_abandoned(journal: Journal, clock: Clock) -> None:
    first, _ = in_run(journal, about)
    clock.forward(hours=6, seconds=1)
    second, resumed = in_run(journal, about)
    assert not resumed
    new, old = journal.runs()
    assert (new.run_id, new.state) == (second, "running")
    assert (old.run_id, old.state, old.ended_at) == (first, "abandoned", NOON)


def test_a_run_tells_its_figures(journal: Journal, clock: Clock) -> None:
    async def story(held: RunJournal) -> None:
        await intend(1, 2, 3)(held)
        held.finished(success(1))
        held.finished(success(2, status=Status.FAILED))
        held.finished(Outcome(ref="unknown", status=Status.REJECTED))
        clock.forward(minutes=1)

    in_run(journal, story, requests=7, makespan=60.0)
    assert [info.ended_at for info in journal.runs()] == [None]
    in_run(journal, finish(success(3)), complete=True, requests=2, makespan=5.5)
    (info,) = journal.runs()
    assert (info.base_url, info.project_id, info.max_running) == (URL, 102, 16)
    assert (info.started_at, info.ended_at) == (NOON, NOON + timedelta(minutes=1))
    assert info.state == "complete"
    assert info.counts == {Status.SUCCEEDED: 2, Status.FAILED: 1, Status.REJECTED: 1}
    assert info.unfinished == 0
    assert (info.requests, info.makespan) == (9, 65.5)
    assert info.holder is None


def test_a_run_tells_who_works_on_it(journal: Journal) -> None:
    async def story(_: RunJournal) -> list[RunInfo]:
        return journal.runs()

    in_run(journal, intend(970), complete=True)
    new, old = in_run(journal, story)
    assert (new.state, old.state) == ("running", "complete")
    assert new.holder == str(Process.this())
    assert old.holder is None
    assert [(info.state, info.holder) for info in journal.runs()] == [("running", None), ("complete", None)]


def test_outcomes_come_in_the_order_of_their_ends(journal: Journal) -> None:
    order = [(n * 7919) % 2_500 + 1 for n in range(2_500)]

    async def story(held: RunJournal) -> None:
        for cluster_id in sorted(order):
            held.submitted(cluster_id, ticket(cluster_id))
        await finish(*map(success, order[:1_200]))(held)

    in_run(journal, story)
    in_run(journal, finish(*map(success, order[1_200:])))
    (info,) = journal.runs()
    assert [outcome.cluster_id for outcome in journal.outcomes(info.run_id)] == order


def test_outcomes_are_numbered_from_one_over_all_processes(journal: Journal, path: Path) -> None:
    for some in ((3, 1), (2,)):
        in_run(journal, finish(*map(success, some)))
    with closing(sqlite3.connect(path)) as other:
        rows = other.execute("SELECT key, ended FROM refreshes ORDER BY ended").fetchall()
    assert rows == [(3, 1), (1, 2), (2, 3)]


def test_a_run_that_is_closed_without_figures_has_none(journal: Journal) -> None:
    in_run(journal, intend(970), complete=True)
    (info,) = journal.runs()
    assert (info.requests, info.makespan) == (0, 0.0)


def test_many_are_looked_up_in_parts(journal: Journal) -> None:
    async def story(held: RunJournal) -> list[int]:
        parts: list[int] = []
        entries = held._store.entries

        def look(sought: Sequence[int]) -> Any:
            parts.append(len(sought))
            return entries(sought)

        held._store.entries = look  # type: ignore[assignment, method-assign]
        assert await held.entries(range(1, 10_001)) == {}
        assert await held.entries([970]) == {}
        return parts

    assert in_run(journal, story) == [4_500, 4_500, 1_000, 1]


def test_an_unknown_run_is_refused(journal: Journal, path: Path) -> None:
    in_run(journal, intend(970))
    for read in (lambda: next(journal.outcomes("monday")), lambda: read_history(path, "monday")):
        with pytest.raises(JournalError) as caught:
            read()
        said = f"The journal {str(path)!r} has no run 'monday': runs() tells which it has."
        assert str(caught.value) == said


def test_the_history_of_a_run_is_what_its_clusters_took_before_it(journal: Journal, path: Path) -> None:
    for took in (100.0, 60.0, 20.0):
        in_run(journal, learn(took), complete=True)
    newest, middle, oldest = (info.run_id for info in journal.runs())
    assert read_history(path, newest) == {970: 80.0}
    assert read_history(path, middle) == {970: 100.0}
    assert read_history(path, oldest) == {}


def test_the_history_knows_refreshes_that_took_no_time(journal: Journal, path: Path) -> None:
    for took in (0.0, 60.0):
        in_run(journal, learn(took), complete=True)
    newest, _ = journal.runs()
    assert read_history(path, newest.run_id) == {970: 0.0}


def test_runs_and_outcomes_can_be_read_while_a_run_is_on(journal: Journal) -> None:
    async def story(held: RunJournal) -> list[int | None]:
        held.finished(success(970))
        await held.flush()
        (info,) = journal.runs()
        return [outcome.cluster_id for outcome in journal.outcomes(info.run_id)]

    assert in_run(journal, story) == [970]


def test_an_entry_of_a_later_version_is_told_as_that(journal: Journal, path: Path) -> None:
    in_run(journal, finish(success(970)))
    with sqlite3.connect(path) as other:
        other.execute("UPDATE refreshes SET status = 'vanished'")
    other.close()
    with pytest.raises(JournalError, match="later version"):
        journal.runs()
    with pytest.raises(JournalError, match="later version"):
        in_run(journal, entry_of(970))


def test_a_ticket_of_a_later_version_is_told_as_that(journal: Journal, path: Path) -> None:
    in_run(journal, intend(970))
    with sqlite3.connect(path) as other:
        other.execute("UPDATE refreshes SET ticket = replace(ticket, '\"version\": 1', '\"version\": 9')")
    other.close()
    with pytest.raises(JournalError, match="later version"):
        in_run(journal, entry_of(970))


def test_nothing_is_kept_in_memory_of_the_clusters_that_ended(journal: Journal) -> None:
    async def story(held: RunJournal) -> int:
        async def some(first: int) -> None:
            for cluster_id in range(first, first + 500):
                held.submitted(cluster_id, ticket(cluster_id))
                held.finished(success(cluster_id, run_seconds=1.0))
            await held.flush()
            await held.typical_duration()  # another job, so that the thread has let go of the last one

        def taken() -> int:
            gc.collect()  # which also gives back the tuples that Python keeps for later
            return tracemalloc.get_traced_memory()[0]

        await some(1)
        before = taken()
        for first in range(501, 3_501, 500):
            await some(first)
        return taken() - before

    tracemalloc.start()
    try:
        assert in_run(journal, story) < 50_000
    finally:
        tracemalloc.stop()


# Use


def test_a_run_says_which_it_is(journal: Journal) -> None:
    async def story(held: RunJournal) -> tuple[str, str]:
        return repr(held), held.run_id

    said, run_id = in_run(journal, story)
    assert run_id in said
    assert "runs.db" in said
    assert re.fullmatch(r"20200110T120000Z-[0-9a-f]{8}", run_id)


def test_a_closed_run_takes_no_more(journal: Journal) -> None:
    async def main() -> None:
        held = await opened(journal)
        await held.close(complete=False)
        with pytest.raises(JournalError, match="closed"):
            await held.intend(ticket(), 970)
        with pytest.raises(JournalError, match="closed"):
            held.finished(success())
        with pytest.raises(JournalError, match="closed"):
            await held.durations([970])

    run(main())


def test_to_close_again_changes_nothing(journal: Journal) -> None:
    async def main() -> None:
        held = await opened(journal)
        await held.close(complete=True, requests=5)
        await held.close(complete=False, requests=5)

    run(main())
    (info,) = journal.runs()
    assert (info.state, info.requests) == ("complete", 5)


def test_it_works_in_a_common_event_loop_too(journal: Journal) -> None:
    async def main() -> None:
        held = await opened(journal)
        await asyncio.gather(*(held.intend(ticket(n), n) for n in range(1, 20)))
        await held.close(complete=False)

    asyncio.run(main())
    (info,) = journal.runs()
    assert info.unfinished == 19


@pytest.mark.parametrize("bad", ["", ":memory:", "a\0b", b"runs.db", 7, None])
def test_what_is_no_path_is_refused(bad: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"runs\.db"):
        Journal(bad)


@pytest.mark.parametrize("name", ["resume_within", "lease_seconds"])
@pytest.mark.parametrize("bad", [0, -1.0, float("inf"), float("nan"), "30", True])
def test_times_that_are_no_seconds_are_refused(path: Path, name: str, bad: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Journal(path, **{name: bad})


@pytest.mark.parametrize("turn", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_the_error_of_a_held_journal_survives_copies(turn: Any) -> None:
    error = turn(JournalBusy("Held.", holder="db1:4711", expires_in=12.5))
    assert (error.holder, error.expires_in) == ("db1:4711", 12.5)
    assert isinstance(error, JournalError)
    assert str(error) == "Held. Let it finish or stop it, or use another journal file."


def test_the_text_of_a_ticket_in_the_file_is_what_other_programs_read(journal: Journal, path: Path) -> None:
    in_run(journal, intend(970))
    with sqlite3.connect(path) as other:
        ((text,),) = other.execute("SELECT ticket FROM refreshes").fetchall()
    other.close()
    assert json.loads(text)["cluster_id"] == 970

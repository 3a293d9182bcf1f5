"""What a journal keeps of its runs, and what it gives back."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import re
import sqlite3
import tracemalloc
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from ta_cluster_async.batch.journal.journal import Journal
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    ConfigurationError,
    JournalBusy,
    JournalError,
    TaError,
)
from ta_cluster_async.models import Catalog, RefreshTicket
from tests.batch.journal.journals import (
    BEFORE,
    NOON,
    entry_of,
    finish,
    in_run,
    intend,
    opened,
    success,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ta_cluster_async.batch.journal.journal import Entry, RunJournal
    from tests.batch.journal.journals import (
        Clock,
    )

AFTER = datetime(2020, 1, 10, 12, 1, 30)  # noqa: DTZ001


def ticket(cluster_id: int = 970, **more: Any) -> RefreshTicket:
    return RefreshTicket(
        project_id=102, cluster_id=cluster_id, submitted_at=NOON, baseline_refresh_time=BEFORE, **more
    )


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


def test_an_attached_refresh_has_no_attempt(journal: Journal) -> None:
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


def test_many_are_looked_up_in_chunks(journal: Journal) -> None:
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


def test_nothing_is_kept_in_memory_of_the_clusters_that_ended(journal: Journal) -> None:
    async def story(held: RunJournal) -> int:
        async def some(first: int) -> None:
            for cluster_id in range(first, first + 500):
                held.submitted(cluster_id, ticket(cluster_id))
                held.finished(success(cluster_id, run_seconds=1.0))
            await held.flush()
            await held.durations([1])  # another job, so that the thread has let go of the last one

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
    assert error.may_pass
    assert (error.holder, error.expires_in) == ("db1:4711", 12.5)
    assert isinstance(error, JournalError)
    assert str(error) == "Held. Let it finish or stop it, or use another journal file."

"""How long refreshes take, as a journal remembers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async.batch.report import Status
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.models import RefreshTicket
from tests.batch.journal.journals import (
    BEFORE,
    NOON,
    finish,
    in_run,
    learn,
    opened,
    success,
)

if TYPE_CHECKING:
    from ta_cluster_async.batch.journal.journal import Journal, RunJournal
    from tests.batch.journal.journals import (
        Story,
    )


def ticket(cluster_id: int = 970, **more: Any) -> RefreshTicket:
    return RefreshTicket(
        project_id=102, cluster_id=cluster_id, submitted_at=NOON, baseline_refresh_time=BEFORE, **more
    )


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

    async def main() -> dict[int, float]:
        held = await opened(journal, **place)
        try:
            return await held.durations([970])
        finally:
            await held.close(complete=True)

    assert run(main()) == {}

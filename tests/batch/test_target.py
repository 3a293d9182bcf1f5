"""One cluster on its way through a batch."""

from __future__ import annotations

from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async import Journal, TaSession, refresh_all
from ta_cluster_async.emulator import Emulator, Settings, run
from ta_cluster_async.models import RefreshTicket

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async import RefreshReport


NOON = 1_000.0  # by the clock of `in_batch`


@pytest.mark.parametrize("was_hidden", [False, True])
@pytest.mark.parametrize("is_dated", [False, True])
def test_the_end_of_what_was_attached_to_is_the_baseline_if_it_tells_enough(
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


def story(path: Path) -> RefreshReport:
    async def main() -> RefreshReport:
        async with (
            Emulator(settings=Settings(evaluate=False), job_seconds=60.0) as server,
            TaSession(server.url, server.token) as ta,
        ):
            refs: list[int | str] = [*server.seed_clusters(3), "nobody"]
            return await refresh_all(ta.project(102), refs, max_running=1, journal=path)

    return run(main())


def test_each_target_says_when_it_was_settled_in_the_order_of_the_outcomes(tmp_path: Path) -> None:
    report = story(tmp_path / "runs.db")
    rejected, *settled = report.outcomes
    assert (rejected.ref, rejected.settled_at) == ("nobody", None)
    times = [outcome.settled_at for outcome in settled if outcome.settled_at is not None]
    assert len(times) == 3
    in_order = [report.started_at, *times, datetime.now(UTC)]
    assert in_order == sorted(in_order)


def test_the_journal_knows_it_too(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    report = story(path)
    kept = Journal(path).outcomes(report.run_id)
    assert [one.settled_at for one in kept] == [one.settled_at for one in report.outcomes]


def test_where_nothing_is_known_of_its_place_the_moves_of_others_tell_nothing(kit: Any) -> None:
    one = kit.target(9, 11)
    one.moved_by(-12)
    assert one.place == 0
    one.lost()
    one.moved_by(3)
    assert one.place is None

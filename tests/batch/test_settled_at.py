"""When each outcome came: in the report, and in the journal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ta_cluster_async import Journal, TaSession, refresh_all
from ta_cluster_async.emulator import Emulator, Settings, run

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async import RefreshReport


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

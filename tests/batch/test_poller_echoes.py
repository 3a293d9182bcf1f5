"""Batches on servers whose answers go back in time, and on servers that do not say what their refresh time means."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async import PollPolicy, Status, TaSession, refresh_all
from ta_cluster_async.emulator import Emulator, Settings
from ta_cluster_async.emulator.loop import run

if TYPE_CHECKING:
    from ta_cluster_async import RefreshReport

MARKS = pytest.mark.parametrize("marks", ["start", "end"])
FEW_AND_MANY = pytest.mark.parametrize("count", [1, 30])


def batch(
    count: int,
    *,
    seconds: Any = 20.0,
    capacity: int = 8,
    max_running: int = 8,
    restart_at: float | None = None,
    **settings: Any,
) -> tuple[RefreshReport, Emulator, float]:
    """The report of a batch in virtual time, the emulator as it is then, and how long it took."""

    async def main() -> tuple[RefreshReport, Emulator, float]:
        emulator = Emulator(
            settings=Settings(evaluate=False, **settings), capacity=capacity, job_seconds=seconds
        )
        async with emulator as em, TaSession(em.url, em.token) as ta:
            ids = em.seed_clusters(count)
            loop = asyncio.get_running_loop()
            if restart_at is not None:
                loop.call_later(restart_at, em.restart)
            began = loop.time()
            report = await refresh_all(ta.project(em.project_id), ids, max_running=max_running)
            return report, em, loop.time() - began

    return run(main())


def truth(em: Emulator) -> dict[int, str]:
    """How the latest computation of each cluster ended on the server."""
    return {job.cluster_id: "succeeded" if job.outcome == "done" else job.outcome for job in em.jobs}


def told(report: RefreshReport) -> dict[int | None, str]:
    return {outcome.cluster_id: outcome.status.value for outcome in report.outcomes}


@pytest.mark.parametrize("left", [100, -1])
@pytest.mark.parametrize("fails", [False, True])
@FEW_AND_MANY
def test_the_old_end_between_two_signs_of_the_new_refresh_is_passed_over(
    kit: Any, left: int, count: int, *, fails: bool
) -> None:
    server = kit.Deployment(marks="end")
    server.add(count, seconds=20.0, fails=fails, before=left)
    shown = server.shown

    def back_in_time(cluster: Any, run: int = -1) -> tuple[int, float | None]:
        since = asyncio.get_running_loop().time() - cluster.runs[-1][0] if cluster.runs else 0.0
        if 2.0 <= since < 5.0:
            return cluster.before, cluster.time
        found: tuple[int, float | None] = shown(cluster, run)
        return found

    server.shown = back_in_time
    report = kit.tell(server, list(range(1, count + 1)), max_running=count).report
    assert report.counts == {Status.FAILED if fails else Status.SUCCEEDED: count}
    assert report.makespan >= 20


@MARKS
@FEW_AND_MANY
def test_a_list_that_is_behind_the_details_ends_nothing_early(marks: str, count: int) -> None:
    report, em, seconds = batch(count, list_lag=8.0, refresh_time=marks)
    assert told(report) == truth(em)
    rounds = -(-count // 8)
    assert rounds * 20 <= seconds <= rounds * (20 + 8 + 10)
    assert not [job for job in em.jobs if job.finished is None]


@MARKS
def test_replicas_that_lag_make_no_outcome_wrong_or_early(marks: str) -> None:
    report, em, _ = batch(
        60,
        seconds=lambda _, rng: rng.uniform(0.2, 40.0),
        failure_rate=0.3,
        replica_lag=4.0,
        lagging_share=0.4,
        refresh_time=marks,
    )
    assert told(report) == truth(em)
    assert set(truth(em).values()) == {"succeeded", "failed"}
    assert Counter(job.cluster_id for job in em.jobs) == dict.fromkeys(truth(em), 1)


@MARKS
def test_a_server_that_restarts_and_forgets_makes_no_success_of_what_it_forgot(marks: str) -> None:
    report, em, _ = batch(24, refresh_time=marks, restart_at=30.0)
    forgotten = {job.cluster_id for job in em.jobs if job.outcome == "cancelled"}
    assert len(forgotten) == 8
    for outcome in report.outcomes:
        if outcome.cluster_id in forgotten:
            assert (outcome.status, outcome.code) == (Status.UNCONFIRMED, "refresh-echoed")
        else:
            assert outcome.status is Status.SUCCEEDED


def test_where_the_time_never_moves_the_ends_count_at_two_more_requests_and_one_settling_time() -> None:
    def varied(_: int, rng: Any) -> float:
        return float(rng.uniform(10.0, 60.0))

    usual, _, usually = batch(60, seconds=varied, refresh_time="end")
    report, em, seconds = batch(60, seconds=varied, refresh_time="never")
    assert report.counts == {Status.SUCCEEDED: 60} == usual.counts
    assert told(report) == truth(em)
    assert report.requests <= 1.1 * usual.requests + 2 * 60
    assert seconds <= usually + PollPolicy().settle + PollPolicy().longest


@MARKS
def test_ends_that_the_time_tells_apart_cost_no_request_more(marks: str) -> None:
    _, em, _ = batch(100, capacity=100, max_running=100, refresh_time=marks)
    names = Counter(record.name for record in em.requests)
    assert names["user-cluster-refresh"] == 100
    assert names["user-cluster-detail"] == 0


@MARKS
def test_short_refreshes_free_their_places_while_their_ends_settle(marks: str) -> None:
    report, _, seconds = batch(320, seconds=0.3, capacity=32, max_running=32, refresh_time=marks)
    assert report.counts == {Status.SUCCEEDED: 320}
    ideal = 320 * 0.3 / 32
    assert seconds <= 2.5 * ideal + PollPolicy().settle
    assert all((outcome.run_seconds or 0) <= 2 * 0.3 for outcome in report.outcomes)
    assert report.lower_bound.seconds <= seconds

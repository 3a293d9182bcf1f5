"""Batches that run a plan: after a kill, beside a living copy, and again for what has failed."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from ta_cluster_async import (
    ConfigurationError,
    InvalidRequest,
    NotSent,
    PollPolicy,
    RefreshBatch,
    RefreshPlan,
    Status,
    TaSession,
    TokenRejected,
    plan_refresh,
    refresh_all,
)
from ta_cluster_async.emulator import Emulator, Fault, Settings
from ta_cluster_async.emulator.loop import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from ta_cluster_async import Project, RefreshReport, RefreshTicket, TaError


def tell(
    story: Any,
    *,
    capacity: int = 4,
    seconds: Any = 10.0,
    poll: PollPolicy | None = None,
    seed: int = 0,
    **settings: Any,
) -> Any:
    """Tell a story of one emulator and one project, in virtual time."""

    async def main() -> Any:
        emulator = Emulator(
            settings=Settings(evaluate=False, **settings), capacity=capacity, job_seconds=seconds, seed=seed
        )
        async with emulator as em, TaSession(em.url, em.token, poll=poll or PollPolicy()) as ta:
            return await story(em, ta.project(em.project_id))

    return run(main())


def posted(em: Emulator) -> Counter[int]:
    """Return how often each was to be started, by the requests that the server has taken: of one that runs it ignores a second one."""
    return Counter(
        int(request.query["clusterId"])
        for request in em.requests
        if request.path == "/open/user-cluster-refresh" and request.return_code == 0
    )


async def killed(project: Project, plan: RefreshPlan, seconds: float, **options: Any) -> RefreshPlan:
    """Run a plan for so long, and leave as a killed process does: nothing more is sent. Returns what a store had by then."""
    batch = RefreshBatch(project, plan=plan, **{"resume_grace": 0.5, **options})
    async with batch:
        await asyncio.sleep(seconds)
        left = batch.plan
        batch.cancel()
    return RefreshPlan.from_bytes(left.to_bytes())


def test_a_plan_reads_baselines_and_starts_nothing() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(40)
        plan = await plan_refresh(project, [*ids, "seeded_1", "nobody", ids[0], 0])
        assert plan.counts == {"planned": 40, "rejected": 2}
        assert [one.ref for one in plan][:41] == [*ids, "nobody"]
        assert not em.effects
        assert len(em.requests) == 2  # one page of the list, and the detail of the unknown name
        for one in plan:
            if one.cluster_id is not None:
                view = em.cluster(one.cluster_id)
                assert (one.baseline_progress, one.baseline_refresh_time) == (
                    view.progress,
                    view.refresh_time,
                )

    tell(story)


def test_a_plan_runs_once_however_often_it_is_given() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(40)
        plan = await plan_refresh(project, ids)
        first = await refresh_all(project, plan=plan, max_running=4)
        assert first.counts == {Status.SUCCEEDED: 40}
        assert posted(em) == Counter(ids)
        again = await refresh_all(project, plan=plan, max_running=4)
        assert again.counts == {Status.SUCCEEDED: 40}
        assert posted(em) == Counter(ids)
        assert [outcome.attempts for outcome in again.outcomes] == [0] * 40

    tell(story)


@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize("at", [3.0, 25.0, 60.0, 70.0])
@pytest.mark.parametrize("shows", ["zero", "previous"])
def test_after_a_kill_nothing_is_started_twice_and_nothing_is_lost(
    at: float, shows: str, *, with_state: bool
) -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(40)
        plan = await plan_refresh(project, ids)
        # The server has fewer places than the batch takes, so that some wait in its queue.
        state = await killed(project, plan, at, max_running=8)
        before = posted(em)
        assert before
        rest = state if with_state else RefreshPlan.from_bytes(plan.to_bytes())
        report = await refresh_all(project, plan=rest, max_running=8, resume_grace=15.0)
        assert report.counts == {Status.SUCCEEDED: 40}
        assert posted(em) == Counter(ids)
        assert before != posted(em)

    tell(story, queued_shows=shows)


def test_after_a_kill_with_stale_answers_nothing_is_started_twice() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(60)
        plan = await plan_refresh(project, ids)
        await killed(project, plan, 31.0, max_running=8)
        report = await refresh_all(project, plan=plan, max_running=8, resume_grace=10.0)
        assert report.counts == {Status.SUCCEEDED: 60}
        assert posted(em) == Counter(ids)

    tell(story, stale_seconds=5.0)


@pytest.mark.parametrize("seed", range(3))
def test_two_copies_two_seconds_apart_start_nothing_twice(seed: int) -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(60)
        plan = await plan_refresh(project, ids)

        async def copy(wait: float) -> RefreshReport:
            await asyncio.sleep(wait)
            return await refresh_all(project, plan=plan, max_running=8)

        one, other = await asyncio.gather(copy(3.0), copy(5.0))
        assert one.counts == other.counts == {Status.SUCCEEDED: 60}
        assert posted(em) == Counter(ids)

    tell(story, capacity=32, seconds=1.0, seed=seed)


def test_two_copies_in_the_same_instant_start_hardly_any_twice() -> None:
    twice = 0

    async def story(em: Emulator, project: Project) -> None:
        nonlocal twice
        ids = em.seed_clusters(60)
        plan = await plan_refresh(project, ids)
        both = [refresh_all(project, plan=plan, max_running=8) for _ in range(2)]
        for report in await asyncio.gather(*both):
            assert report.counts == {Status.SUCCEEDED: 60}
        twice += (posted(em) - Counter(ids)).total()

    for seed in range(5):
        tell(story, capacity=32, seconds=1.0, seed=seed)
    assert twice <= 3  # of 300


def test_the_retry_of_a_plan_starts_only_what_has_failed() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(20)
        plan = await plan_refresh(project, ids)
        async with RefreshBatch(project, plan=plan, max_running=8) as batch:
            pass
        failed = {outcome.cluster_id for outcome in batch.report.failures}
        assert 0 < len(failed) < 20
        assert batch.plan.counts == {"succeeded": 20 - len(failed), "failed": len(failed)}
        before = posted(em)
        again = RefreshPlan.from_bytes(batch.plan.retry_failed().to_bytes())
        report = await refresh_all(project, plan=again, max_running=8)
        assert report.total == 20
        assert set(posted(em) - before) == failed
        assert sum(outcome.resumed for outcome in report.outcomes) == 20 - len(failed)

    tell(story, failure_rate=0.3)


def test_what_was_running_when_the_plan_was_made_is_watched() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(3)
        await project.clusters.refresh(ids[0])
        await asyncio.sleep(2.0)
        plan = await plan_refresh(project, ids)
        await asyncio.sleep(1.0)
        report = await refresh_all(project, plan=plan)
        assert report.counts == {Status.SUCCEEDED: 3}
        assert posted(em) == Counter(ids)

    tell(story)


def test_the_step_before_the_start_has_tickets_that_are_in_the_plan_by_then() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(20)
        calls: list[list[int]] = []

        async def save(tickets: Sequence[RefreshTicket]) -> None:
            ready = [ticket.cluster_id for ticket in tickets]
            assert not set(ready) & set(posted(em))
            kept = RefreshPlan.from_bytes(batch.plan.to_bytes())
            for cluster_id in ready:
                one = kept.get(cluster_id)
                assert one is not None
                assert one.state == "intended"
            await asyncio.sleep(0.1)
            assert not set(ready) & set(posted(em))
            calls.append(ready)

        batch = RefreshBatch(project, ids, max_running=8, before_start=save)
        async with batch:
            pass
        assert batch.report.ok
        assert sorted(chain.from_iterable(calls)) == ids
        assert len(calls) < 20  # those that are ready together go together

    tell(story)


def test_what_the_step_before_the_start_raises_ends_the_batch_before_the_request() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(20)

        def fence(tickets: Sequence[RefreshTicket]) -> None:
            if len(posted(em)) >= 6:
                raise PermissionError("another copy has it")

        batch = RefreshBatch(project, ids, max_running=4, before_start=fence)
        with pytest.raises(PermissionError, match="another copy"):
            async with batch:
                pass
        sent = posted(em)
        assert 6 <= len(sent) < 10
        counts = batch.plan.counts
        assert counts["planned"] == 20 - len(sent)
        await asyncio.sleep(60.0)
        assert posted(em) == sent
        report = await refresh_all(project, plan=batch.plan)
        assert report.counts == {Status.SUCCEEDED: 20}
        assert posted(em) == Counter(ids)

    tell(story)


def test_a_batch_that_the_step_cancels_starts_nothing_that_the_step_allowed() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(6)

        def step(_: Sequence[RefreshTicket]) -> None:
            batch.cancel()

        batch = RefreshBatch(project, ids, max_running=4, before_start=step)
        async with batch:
            pass
        await asyncio.sleep(60.0)
        assert not posted(em)
        assert batch.plan.counts == {"planned": 6}
        assert batch.report.counts == {Status.CANCELLED: 6}
        assert [outcome.ticket for outcome in batch.report.outcomes] == [None] * 6
        assert [outcome.attempts for outcome in batch.report.outcomes] == [0] * 6

    tell(story)


def test_a_batch_that_is_cancelled_during_the_step_starts_nothing() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(6)

        async def step(_: Sequence[RefreshTicket]) -> None:
            await asyncio.sleep(5.0)

        batch = RefreshBatch(project, ids, max_running=4, before_start=step)
        async with batch:
            await asyncio.sleep(2.0)
            batch.cancel()
        await asyncio.sleep(60.0)
        assert not posted(em)
        assert batch.plan.counts == {"planned": 6}
        assert [outcome.ticket for outcome in batch.report.outcomes] == [None] * 6

    tell(story)


@pytest.mark.parametrize("seconds", [19.0, 10_000.0])
def test_what_the_step_allows_when_the_batch_is_out_of_time_is_not_started(seconds: float) -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(6)

        async def step(_: Sequence[RefreshTicket]) -> None:
            await asyncio.sleep(seconds)

        loop = asyncio.get_running_loop()
        began = loop.time()
        batch = RefreshBatch(project, ids, max_running=4, timeout=20.0, before_start=step)
        async with batch:
            pass
        assert loop.time() - began < 21.0
        assert not posted(em)
        assert batch.plan.counts == {"planned": 6}
        assert batch.report.counts == {Status.TIMED_OUT: 6}
        assert [outcome.ticket for outcome in batch.report.outcomes] == [None] * 6

    tell(story)


def test_the_time_of_the_step_is_not_that_of_the_request() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(6)

        async def step(_: Sequence[RefreshTicket]) -> None:
            await asyncio.sleep(2 * project.session.timeout)

        report = await refresh_all(project, ids, max_running=3, before_start=step)
        assert report.counts == {Status.SUCCEEDED: 6}
        assert posted(em) == Counter(ids)

    tell(story)


@pytest.mark.parametrize(
    "problem",
    [
        NotSent("the store cannot be reached"),
        TokenRejected(return_code=-1, return_message="the store does not take its own"),
    ],
)
def test_what_the_step_raises_is_not_taken_for_the_servers_word(problem: TaError) -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(6)

        async def step(_: Sequence[RefreshTicket]) -> None:
            raise problem

        with pytest.raises(type(problem)) as raised:
            await refresh_all(project, ids, before_start=step)
        assert raised.value is problem
        report = problem.__dict__["report"]
        assert report.counts == {Status.CANCELLED: 6}
        assert (report.stop_code, report.stop_params) == ("batch-error", {"error": type(problem).__name__})
        await asyncio.sleep(60.0)
        assert not posted(em)

    tell(story)


def test_the_step_goes_before_each_request_and_not_only_the_first() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(1)
        em.faults.add(Fault.status(429), path="user-cluster-refresh", count=None)
        states: list[str] = []

        def step(_: Sequence[RefreshTicket]) -> None:
            states.extend(one.state for one in batch.plan)
            if len(states) == 3:
                raise PermissionError("another copy has it")

        batch = RefreshBatch(project, ids, before_start=step)
        with pytest.raises(PermissionError):
            async with batch:
                pass
        await asyncio.sleep(60.0)
        assert states == ["intended"] * 3
        assert not posted(em)
        assert batch.plan.counts == {"planned": 1}

    tell(story)


def test_a_fence_holds_a_second_copy_off_where_answers_do_not_show_the_first() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(20)
        plan = await plan_refresh(project, ids)
        owners: list[int] = []

        async def copy(me: int) -> RefreshReport:
            def fence(_: Sequence[RefreshTicket]) -> None:
                owners.append(me)
                if owners[0] != me:
                    raise PermissionError("another copy has it")

            return await refresh_all(project, plan=plan, before_start=fence)

        ended = await asyncio.gather(copy(1), copy(2), return_exceptions=True)
        assert sorted(type(one).__name__ for one in ended) == ["PermissionError", "RefreshReport"]
        assert posted(em) == Counter(ids)

    tell(story, queued_shows="previous", stale_seconds=30.0)


def test_a_start_that_certainly_did_not_happen_is_planned_still() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(2)
        em.faults.add(Fault.status(429), path="user-cluster-refresh", count=None)
        async with RefreshBatch(project, ids) as batch:
            await asyncio.sleep(10.0)
            for _ in range(600):
                if batch.plan.counts == {"planned": 2}:  # between two requests
                    break
                await asyncio.sleep(0.1)
            batch.cancel()
        assert batch.plan.counts == {"planned": 2}
        assert not posted(em)

    tell(story)


def test_a_plan_and_references_together_are_refused() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(1)
        plan = await plan_refresh(project, ids)
        with pytest.raises(InvalidRequest) as refused:
            await refresh_all(project, ids, plan=plan)
        assert refused.value.code == "plan-and-refs"
        with pytest.raises(InvalidRequest) as refused:
            await refresh_all(project)
        assert refused.value.code == "refs-not-iterable"
        with pytest.raises(InvalidRequest) as refused:
            await refresh_all(project, plan=evolve(plan, project_id=7))
        assert (refused.value.code, refused.value.params) == (
            "plan-of-other-project",
            {"planned": 7, "project_id": project.id},
        )
        with pytest.raises(InvalidRequest) as refused:
            await refresh_all(project, plan=plan.to_bytes())  # type: ignore[arg-type]
        assert refused.value.code == "plan-not-a-plan"

    tell(story)


def test_a_batch_of_a_million_keeps_no_plan_unasked() -> None:
    async def story(em: Emulator, project: Project) -> None:
        batch = RefreshBatch(project, em.seed_clusters(1), keep_successes=False)
        with pytest.raises(ConfigurationError) as refused:
            _ = batch.plan
        assert refused.value.code == "batch-not-begun"
        async with batch:
            with pytest.raises(ConfigurationError) as refused:
                _ = batch.plan
        assert refused.value.code == "batch-without-plan"

    tell(story)


def test_what_has_not_moved_waits_for_signs_of_another_copy() -> None:
    async def story(em: Emulator, project: Project) -> None:
        plan = await plan_refresh(project, em.seed_clusters(4))
        loop = asyncio.get_running_loop()
        began = loop.time()
        await refresh_all(project, plan=plan, resume_grace=60.0)
        assert loop.time() - began >= 60  # a copy may have begun it a moment ago, and died

    tell(story)


@pytest.mark.parametrize("capacity", [1, 4])
def test_what_may_be_in_the_queue_of_a_server_is_not_started_again(capacity: int) -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(12)
        plan = await plan_refresh(project, ids)
        # All are sent in the first moment. Each runs longer than the time without a sign.
        await killed(project, plan, 20.0)
        assert posted(em) == Counter(ids)
        report = await refresh_all(project, plan=plan, resume_grace=4.0)
        assert report.counts == {Status.SUCCEEDED: 12}
        assert posted(em) == Counter(ids)

    tell(story, capacity=capacity, seconds=40.0, queued_shows="previous")


def test_one_long_refresh_does_not_hold_the_others_for_ever() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(4)
        plan = await plan_refresh(project, ids)
        await project.clusters.refresh(ids[0])
        batch = asyncio.create_task(refresh_all(project, plan=plan, poll=PollPolicy(grace=120.0)))
        await asyncio.sleep(110.0)
        assert posted(em) == {ids[0]: 1}  # the server may have one place
        await asyncio.sleep(30.0)
        assert posted(em) == Counter(ids)
        assert (await batch).counts == {Status.SUCCEEDED: 4}
        assert posted(em) == Counter(ids)

    tell(story, seconds=1000.0)


def test_a_batch_that_is_stopped_while_it_waits_gives_each_its_outcome() -> None:
    async def story(em: Emulator, project: Project) -> None:
        plan = await plan_refresh(project, em.seed_clusters(4))
        report = await refresh_all(project, plan=plan, resume_grace=600.0, timeout=30.0)
        assert report.counts == {Status.TIMED_OUT: 4}
        async with RefreshBatch(project, plan=plan, resume_grace=600.0) as batch:
            await asyncio.sleep(10.0)
            batch.cancel()
        assert batch.report.counts == {Status.CANCELLED: 4}
        assert batch.plan.counts == {"planned": 4}
        assert not posted(em)

    tell(story)


def test_what_is_deleted_while_a_plan_waits_is_rejected() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(2)
        plan = await plan_refresh(project, ids)
        async with RefreshBatch(project, plan=plan, resume_grace=60.0) as batch:
            await asyncio.sleep(20.0)
            await project.clusters.delete(ids[0])
        assert batch.report.counts == {Status.REJECTED: 1, Status.SUCCEEDED: 1}
        assert posted(em) == {ids[1]: 1}

    tell(story)


def test_a_plan_cannot_be_made_where_the_server_cannot_be_asked() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(3)
        async with TaSession(em.url, "wrong") as ta:
            with pytest.raises(TokenRejected):
                await plan_refresh(ta.project(project.id), ids)
        async with TaSession("http://127.0.0.1:9", "t", poll=PollPolicy(errors=5.0)) as ta:
            with pytest.raises(NotSent):
                await plan_refresh(ta.project(project.id), ids)

        async def never() -> AsyncIterator[int]:
            await asyncio.sleep(3600)
            yield 1

        with pytest.raises(TimeoutError):
            await plan_refresh(project, never(), timeout=2.0)

        def broken() -> Any:
            yield ids[0]
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await plan_refresh(project, broken())

    tell(story)


def test_a_plan_cannot_be_made_of_a_stream_that_breaks() -> None:
    async def story(em: Emulator, project: Project) -> None:
        async def broken() -> AsyncIterator[int]:
            yield em.seed_clusters(1)[0]
            await asyncio.sleep(1.0)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await plan_refresh(project, broken())

    tell(story)


def test_what_a_plan_has_rejected_stays_so_without_a_request() -> None:
    async def story(em: Emulator, project: Project) -> None:
        plan = await plan_refresh(project, ["nobody", *em.seed_clusters(1)])
        em.requests.clear()
        report = await refresh_all(project, plan=plan)
        assert {outcome.ref: outcome.status for outcome in report.outcomes} == {
            "nobody": Status.REJECTED,
            plan.refs[1]: Status.SUCCEEDED,
        }
        assert not [request for request in em.requests if "nobody" in str(request)]

    tell(story)


def test_what_another_process_begins_while_it_waits_for_a_place_is_watched() -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(2)
        plan = await plan_refresh(project, ids)
        batch = asyncio.create_task(refresh_all(project, plan=plan, max_running=1, resume_grace=0.5))
        await asyncio.sleep(5.0)
        assert posted(em) == {ids[0]: 1}
        await project.clusters.refresh(ids[1])
        report = await batch
        assert report.counts == {Status.SUCCEEDED: 2}
        assert posted(em) == Counter(ids)

    tell(story)


def test_a_batch_without_a_plan_attaches_resumes_and_starts_as_one_with_it(tmp_path: Path) -> None:
    async def story(em: Emulator, project: Project) -> None:
        ids = em.seed_clusters(4)
        journal = tmp_path / "runs.db"
        await project.clusters.refresh(ids[0])
        await asyncio.sleep(2.0)  # it is seen to run
        em.faults.add(Fault.status(429), path="user-cluster-refresh", count=None)
        refs: list[int | str] = [*ids, "seeded_2"]
        async with RefreshBatch(project, refs, journal=journal, keep_successes=False) as batch:
            await asyncio.sleep(5.0)
            batch.cancel()
        em.faults.clear()
        report = await refresh_all(project, refs, journal=journal, keep_successes=False)
        assert report.counts == {Status.SUCCEEDED: 4}
        assert posted(em) == Counter(ids)

    tell(story)

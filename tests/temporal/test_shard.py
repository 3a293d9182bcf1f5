"""What an attempt tells the next one: small, and enough to go on from."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer

from ta_cluster_async import PollPolicy, RefreshBatch, RefreshPlan, TaSession, plan_refresh
from ta_cluster_async.batch.plan.refreshes import PlannedRefresh
from ta_cluster_async.emulator import Fault
from ta_cluster_async.temporal import Deployment, RefreshDeployments, run_workers
from ta_cluster_async.temporal.shard import Shard
from ta_cluster_async.temporal.worker import workflow_runner
from tests.temporal.engine import emulator, posted, start, story, until, workers

POLL = PollPolicy(first=0.05, longest=0.3, settle=0.3, grace=10.0, errors=1.0)


def as_sent(heartbeat):
    """What Temporal gives the next attempt: a dataclass comes back as a mapping."""

    async def convert():
        sent = await DataConverter.default.encode(heartbeat)
        return sum(one.ByteSize() for one in sent), await DataConverter.default.decode(sent)

    return asyncio.run(convert())


def test_the_plan_of_ten_thousand_clusters_is_small():
    made_at = datetime(2030, 1, 1, tzinfo=UTC)
    old = datetime(2029, 12, 31)  # noqa: DTZ001  (server times have no zone)
    planned: dict[int | str, PlannedRefresh] = {
        ref: PlannedRefresh(
            ref=ref,
            cluster_id=10_000 + index,
            baseline_progress=100,
            baseline_refresh_time=old + timedelta(seconds=7919 * index % 86_400),
        )
        for index in range(10_000)
        for ref in [f"cluster_of_players_{index:05}"]
    }
    plan = RefreshPlan(project_id=102, made_at=made_at, refreshes=planned)
    assert len(plan.to_bytes()) < 512 * 1024


def test_the_next_attempt_has_only_what_is_left_and_counts_what_has_ended():
    async def first(em, ids):
        async with TaSession(em.url, em.token, poll=POLL) as ta:
            project = ta.project(em.project_id)
            plan = RefreshPlan.from_bytes((await plan_refresh(project, [*ids, 12345])).to_bytes())
            shard = Shard("a", plan, [])
            batch = RefreshBatch(project, plan=shard.given, max_running=4)
            async with batch:
                async for _ in batch:
                    result = shard.result(batch)
                    if result.counts.get("succeeded", 0) >= 6 and result.running:
                        break
                heartbeat = shard.heartbeat(batch)
                batch.cancel()
            return plan, heartbeat

    async def second(em, plan, before):
        shard = Shard("a", plan, before)
        async with TaSession(em.url, em.token, poll=POLL) as ta:
            batch = RefreshBatch(ta.project(em.project_id), plan=shard.given)
            async with batch:
                pass
            return len(shard.given), shard.result(batch)

    with emulator(0.2) as em:
        ids = em.seed_clusters(30)
        plan, heartbeat = asyncio.run(first(em, ids))
        told = heartbeat[0]
        assert told.running
        assert told.left + told.running + sum(told.counts.values()) == 31
        size, sent = as_sent(heartbeat)
        assert size < 3000
        given, result = asyncio.run(second(em, plan, sent))
        assert given == 31 - sum(told.counts.values())
        assert result.counts == {"succeeded": 30, "rejected": 1}
        assert [(one.ref, one.status) for one in result.failures] == [(12345, "rejected")]
        assert (result.left, result.running) == (0, 0)
        assert result.requests > told.requests
        assert posted(em) == Counter(ids)


@pytest.mark.slow
def test_a_shard_goes_on_when_the_server_answers_again_and_its_history_can_be_replayed():
    async def tell(client):
        async with emulator(0.2) as em:
            ids = em.seed_clusters(20)
            sessions = {"a": partial(TaSession, em.url, em.token, poll=POLL)}
            work = asyncio.create_task(run_workers(client, sessions))
            handle = await start(client, Deployment("a", em.project_id, list(ids), max_running=4))
            await until(lambda: len(em.effects) >= 6)
            em.faults.add(Fault.status(503), count=None)
            while await attempts(handle) < 2:  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.2)
            em.faults.clear()
            [result] = await handle.result()
            assert result.counts == {"succeeded": 20}
            assert posted(em) == Counter(ids)
            replayer = Replayer(workflows=[RefreshDeployments], workflow_runner=workflow_runner())
            await replayer.replay_workflow(await handle.fetch_history())
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    story(tell)


async def attempts(handle):
    described = await handle.describe()
    return max((one.attempt for one in described.raw_description.pending_activities), default=0)


@pytest.mark.slow
def test_a_worker_that_is_shut_down_gives_its_shard_away_and_a_shard_out_of_time_tells_what_it_did():
    async def tell(client):
        async with emulator(1.0, capacity=2) as em:
            ids = em.seed_clusters(40)
            given = Deployment(
                "a", em.project_id, list(ids), max_running=2, heartbeat_timeout=2.0, timeout=8.0
            )
            handle = await start(client, given)
            async with workers(client, {"a": em}):
                await until(lambda: len(em.effects) >= 3)
            before = posted(em)
            await asyncio.sleep(1.5)
            assert posted(em) == before
            async with workers(client, {"a": em}):
                with pytest.raises(WorkflowFailureError) as failed:
                    await handle.result()
            assert isinstance(failed.value.cause, ApplicationError)
            [[result]] = failed.value.cause.details
            assert "TimeoutError" in result["errors"][0]
            assert 0 < result["counts"]["succeeded"] <= len(posted(em))
            assert result["left"] > 0
            assert set(posted(em).values()) == {1}

    story(tell)

"""Workflows on a server of Temporal, with workers in this process and emulators of TA."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError

from ta_cluster_async import ConfigurationError
from ta_cluster_async.temporal import Deployment, RefreshDeployments
from ta_cluster_async.temporal.__main__ import serve
from tests.temporal.engine import emulator, kept, posted, start, story, until, workers

if TYPE_CHECKING:
    from temporalio.client import Client


def test_all_deployments_are_refreshed_once_in_shards() -> None:
    async def tell(client: Client) -> None:
        async with AsyncExitStack() as stack:
            ems = {name: await stack.enter_async_context(emulator()) for name in ("a", "b")}
            ids = {name: em.seed_clusters(12) for name, em in ems.items()}
            await stack.enter_async_context(workers(client, ems))
            handle = await start(
                client,
                *(Deployment(n, em.project_id, list(ids[n]), shard_size=5) for n, em in ems.items()),
            )
            results = await handle.result()
            assert [(one.name, one.counts, one.left) for one in results] == [
                ("a", {"succeeded": 12}, 0),
                ("b", {"succeeded": 12}, 0),
            ]
            assert all(posted(em) == Counter(ids[name]) for name, em in ems.items())
            data = await kept(handle)
            assert b"succeeded" in data
            assert all(em.token.encode() not in data for em in ems.values())
            progress = await handle.query(RefreshDeployments.progress)
            assert [(one.waiting, one.running, one.counts) for one in progress] == [
                (0, 0, {"succeeded": 12})
            ] * 2

    story(tell)


def test_references_are_added_while_it_runs_and_wrong_ones_are_refused() -> None:
    async def tell(client: Client) -> None:
        async with emulator(1.0) as em, workers(client, {"a": em}):
            ids = em.seed_clusters(6)
            handle = await start(client, Deployment("a", em.project_id, list(ids[:3])))
            assert await handle.execute_update(RefreshDeployments.add, args=["a", list(ids[3:])]) >= 3
            for arguments in (["b", [1]], ["a", []]):
                with pytest.raises(WorkflowUpdateFailedError):
                    await handle.execute_update(RefreshDeployments.add, args=arguments)
            (result,) = await handle.result()
            assert result.counts == {"succeeded": 6}
            assert posted(em) == Counter(ids)

    story(tell)


@pytest.mark.parametrize("by", ["signal", "cancel"])
def test_nothing_is_started_after_the_end_of_a_workflow_that_is_stopped(by: str) -> None:
    async def tell(client: Client) -> None:
        async with emulator(1.0, capacity=2) as em, workers(client, {"a": em}):
            ids = em.seed_clusters(40)
            handle = await start(
                client, Deployment("a", em.project_id, list(ids), max_running=2, shard_size=30)
            )
            await until(lambda: len(posted(em)) >= 6)
            if by == "signal":
                await handle.signal(RefreshDeployments.stop)
                (result,) = await handle.result()
                assert result.left >= 20
                assert result.left + result.running + sum(result.counts.values()) == 40
                assert result.running + sum(result.counts.values()) == sum(posted(em).values())
            else:
                await handle.cancel()
                with pytest.raises(WorkflowFailureError):
                    await handle.result()
            at_end = posted(em)
            assert len(at_end) < 30
            await asyncio.sleep(3.0)
            assert posted(em) == at_end
            assert set(at_end.values()) == {1}

    story(tell)


def test_a_token_that_is_rejected_is_tried_once_and_told_once() -> None:
    async def tell(client: Client) -> None:
        async with emulator() as em, workers(client, {"a": em}, token="not-the-token"):
            handle = await start(client, Deployment("a", em.project_id, list(em.seed_clusters(3))))
            with pytest.raises(WorkflowFailureError) as failed:
                await handle.result()
            text = str(failed.value.cause)
            assert text.count("TokenRejected") == 1
            assert text.startswith("ShardsFailed: a: TokenRejected: ")
            data = await kept(handle)
            assert b"TokenRejected" in data
            assert b"not-the-token" not in data
            assert not posted(em)

    story(tell)


def test_a_deployment_that_no_worker_serves_fails_in_time_and_hides_no_other() -> None:
    async def tell(client: Client) -> None:
        async with emulator() as em, workers(client, {"a": em}):
            ids = em.seed_clusters(3)
            handle = await start(
                client,
                Deployment("a", em.project_id, list(ids)),
                Deployment("b", em.project_id, list(ids), start_timeout=1.0),
            )
            with pytest.raises(WorkflowFailureError) as failed:
                await handle.result()
            assert "b: " in str(failed.value.cause)
            assert posted(em) == Counter(ids)

    story(tell)


def test_the_command_refuses_a_profile_that_is_not_there() -> None:
    with pytest.raises(ConfigurationError):
        asyncio.run(serve(["--profile", "there-is-none"]))

"""The activities without a server of Temporal: what they refuse, and what a heartbeat's answer does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.client import AsyncActivityCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from ta_cluster_async import ConfigurationError, TaSession
from ta_cluster_async.temporal import Deployment, TaActivities
from tests.temporal.engine import POLL, emulator, posted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from temporalio.client import Client

    from ta_cluster_async.emulator import Emulator


class Heartbeats:
    """Stands for the client of a worker: its heartbeats go to `answer`."""

    def __init__(self, answer: Callable[..., Awaitable[None]]) -> None:
        self.heartbeat = answer

    def get_async_activity_handle(self, *, task_token: bytes) -> Heartbeats:
        assert task_token
        return self


def environment(answer: Callable[..., Awaitable[None]], timeout: float = 60.0) -> ActivityEnvironment:
    env = ActivityEnvironment(cast("Client", Heartbeats(answer)))
    env.info = replace(env.info, heartbeat_timeout=timedelta(seconds=timeout))
    return env


def activities(em: Emulator, token: str | None = None) -> TaActivities:
    return TaActivities({"a": partial(TaSession, em.url, token or em.token, poll=POLL)})


async def accept(*_: object) -> None:
    pass


def refresh(answer: Callable[..., Awaitable[None]], timeout: float = 60.0, token: str | None = None) -> Any:
    """Refresh three clusters; return the result and how often each was started."""

    async def main() -> Any:
        async with emulator() as em:
            shard = Deployment("a", em.project_id, list(em.seed_clusters(3)))
            env = environment(answer, timeout)
            plan = await env.run(activities(em).plan_shard, shard)
            done = await asyncio.gather(
                env.run(activities(em, token).refresh_shard, shard, plan), return_exceptions=True
            )
            return done[0], posted(em)

    return asyncio.run(main())


def test_a_deployment_that_the_worker_does_not_have_is_refused():
    with pytest.raises(ConfigurationError, match="'b'"):
        asyncio.run(environment(accept).run(TaActivities({}).plan_shard, Deployment("b", 1, [970])))


def test_a_token_that_is_rejected_after_the_plan_fails_the_activity():
    done, counts = refresh(accept, token="not-the-token")
    assert isinstance(done, ApplicationError)
    assert (done.type, done.non_retryable) == ("TokenRejected", True)
    assert done.details[0].left == 3
    assert not counts


def test_a_cancelled_workflow_whose_heartbeat_tells_it_first_starts_nothing_and_has_a_result():
    async def refuse(*_: object) -> None:
        raise AsyncActivityCancelledError(ActivityCancellationDetails(cancel_requested=True))

    done, counts = refresh(refuse)
    assert (done.counts, done.left, done.running) == ({}, 3, 0)
    assert not counts


def test_an_activity_that_is_paused_starts_nothing_and_fails_so_that_it_is_run_again():
    async def refuse(*_: object) -> None:
        raise AsyncActivityCancelledError(ActivityCancellationDetails(paused=True))

    done, counts = refresh(refuse)
    assert isinstance(done, AsyncActivityCancelledError)
    assert not counts


def test_an_answer_to_a_heartbeat_that_took_too_long_is_asked_for_again():
    times = []

    async def slow_at_first(*_: object) -> None:
        times.append(1)
        await asyncio.sleep(0.6 if len(times) == 1 else 0)

    done, counts = refresh(slow_at_first, timeout=1.0)
    assert done.counts == {"succeeded": 3}
    assert list(counts.values()) == [1, 1, 1]
    assert len(times) >= 2

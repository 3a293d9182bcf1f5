"""A token that is replaced while a batch runs: making a new one makes the old one invalid, and a vault learns of it later."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ta_cluster_async.batch import Status
from ta_cluster_async.client.secret import Secret
from ta_cluster_async.errors import TokenRejected

REPLACED = 40.0


@pytest.fixture
def server(kit: Any) -> Any:
    """A server with 600 clusters, whose token is another one from the 40th second on."""
    server = kit.Deployment(capacity=50)
    server.add(600, seconds=30.0)
    server.accepts = lambda now, token: token == Secret("old" if now < REPLACED else "new")
    return server


def learns_after(gap: float) -> Callable[[], Awaitable[str]]:
    async def provider() -> str:
        return "old" if asyncio.get_running_loop().time() < REPLACED + gap else "new"

    return provider


@pytest.mark.parametrize("gap", [0.2, 5.0, 60.0, 240.0])
def test_all_succeed_once_the_provider_knows(kit: Any, server: Any, gap: float) -> None:
    told = kit.tell(server, range(1, 601), max_running=50, token=learns_after(gap))
    assert told.report.counts == {Status.SUCCEEDED: 600}
    assert server.posts == dict.fromkeys(range(1, 601), 1)
    assert told.seconds < 12 * 30.0 * 1.15 + 1.3 * gap + 5


def test_a_provider_that_never_knows_ends_the_batch_when_polls_have_failed_for_too_long(
    kit: Any, server: Any
) -> None:
    told = kit.tell(server, range(1, 601), max_running=50, token=learns_after(1e9))
    counts = told.report.counts
    assert counts == {Status.SUCCEEDED: 50, Status.TIMED_OUT: 50, Status.CANCELLED: 500}
    assert all(isinstance(outcome.error, TokenRejected) for outcome in told.report.failures)
    running = [outcome for outcome in told.report.outcomes if outcome.status is Status.TIMED_OUT]
    assert all(outcome.ticket is not None for outcome in running)
    assert REPLACED + 300 < told.seconds < REPLACED + 400
    assert server.posts == dict.fromkeys(range(1, 101), 1)


def test_without_a_provider_it_ends_at_once(kit: Any, server: Any) -> None:
    told = kit.tell(server, range(1, 601), max_running=50, token="old")
    assert told.report.counts == {Status.SUCCEEDED: 50, Status.TIMED_OUT: 50, Status.CANCELLED: 500}
    assert told.seconds < REPLACED + 20


def test_single_references_that_are_looked_up_by_name_wait_too(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=5.0)
    server.accepts = lambda now, token: token == Secret("new")
    told = kit.tell(server, ["c_1", "c_2", 3], token=learns_after(20.0))
    assert told.report.counts == {Status.SUCCEEDED: 3}

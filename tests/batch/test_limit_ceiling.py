"""A server that refuses more refreshes than it runs: they are put back, and what ran then is the ceiling."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ta_cluster_async.batch import Status

PLACES = 4
FULL = {
    "too frequent": (-1005, "请求频率过快"),
    "a code of its own": (-3010, "too many computations"),
    "no reason": (-1, "系统异常,请稍后重试"),
}


def refuses_beyond(kit: Any, places: int, full: str, *, until: float = float("inf"), **options: Any) -> Any:
    """A server that refuses a POST while so many run, up to a time."""
    server = kit.Deployment(**options)

    def rule(ask: Any) -> Any:
        now = asyncio.get_running_loop().time()
        running = sum(now < cluster.runs[-1][2] for cluster in server.clusters.values() if cluster.runs)
        return kit.refusal(*FULL[full]) if ask.is_refresh and running >= places and now < until else None

    server.rule = rule
    return server


@pytest.mark.parametrize("count", [60, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize("full", FULL)
def test_all_succeed_at_one_request_more_for_each_at_most(kit: Any, full: str, count: int) -> None:
    def requests(server: Any, max_running: int) -> int:
        told = kit.tell(server, server.add(count, seconds=3.0), max_running=max_running)
        assert told.report.counts == {Status.SUCCEEDED: count}
        assert max(server.posts.values()) == 1
        assert told.seconds < 1.2 * count / PLACES * 3 + 10
        return len(server.asks)

    wished = requests(kit.Deployment(), PLACES)
    # The session itself sends a "too frequent" up to four times, for each of the first 16.
    assert requests(refuses_beyond(kit, PLACES, full), 16) <= wished + max(count, 80)


@pytest.mark.parametrize("full", FULL)
def test_clusters_that_were_never_computed_are_put_back_too(kit: Any, full: str) -> None:
    server = refuses_beyond(kit, PLACES, full)
    told = kit.tell(server, server.add(40, seconds=3.0, before=0, time=None))
    assert told.report.counts == {Status.SUCCEEDED: 40}
    assert max(server.posts.values()) == 1
    assert told.seconds < 60


def test_a_cluster_that_the_server_refuses_for_a_reason_of_its_own_is_rejected_on_a_full_server_too(
    kit: Any,
) -> None:
    server = refuses_beyond(kit, PLACES, "a code of its own")
    refs = server.add(60, seconds=3.0)
    full = server.rule
    own = kit.refusal(-3008, "not refreshable")
    server.rule = lambda ask: own if ask.is_refresh and ask.cluster.id % 10 == 7 else full(ask)
    told = kit.tell(server, refs)
    assert told.report.counts == {Status.SUCCEEDED: 54, Status.REJECTED: 6}
    assert all("not refreshable" in outcome.message for outcome in told.report.failures)
    assert told.seconds < 70


def test_the_ceiling_goes_away_when_the_server_takes_more(kit: Any) -> None:
    server = refuses_beyond(kit, PLACES, "a code of its own", until=60.0)
    told = kit.tell(server, server.add(200, seconds=5.0))
    assert told.report.counts == {Status.SUCCEEDED: 200}
    assert server.most_running == 16
    assert told.seconds < 60 + 30 + 150 / 16 * 5 + 30


def test_a_batch_that_is_cancelled_gives_what_was_put_back_its_outcome(kit: Any) -> None:
    server = refuses_beyond(kit, PLACES, "a code of its own")
    told = kit.tell(server, server.add(30, seconds=50.0), at={10.0: lambda batch: batch.cancel()})
    assert told.report.counts == {Status.CANCELLED: 30}
    assert sum(outcome.ticket is not None for outcome in told.report.outcomes) == PLACES


def test_a_batch_that_stops_gives_what_was_put_back_its_outcome(kit: Any) -> None:
    server = refuses_beyond(kit, PLACES, "a code of its own")
    refs = [*server.add(1, seconds=20.0, fails=True), *server.add(29, seconds=50.0)]
    told = kit.tell(server, refs, on_error="stop")
    assert told.report.counts == {Status.FAILED: 1, Status.SUCCEEDED: 3, Status.CANCELLED: 26}

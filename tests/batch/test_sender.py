"""Sending the requests of a batch, within its limits."""

from typing import Any, cast

import pytest

from ta_cluster_async.batch import (
    Status,
)
from ta_cluster_async.batch.state import BatchState

NOON = 1_000.0  # by the clock of `in_batch`


def test_a_pause_is_up_to_a_fifth_shorter_or_longer(kit: Any) -> None:
    class Most:
        def uniform(self, least: float, most: float) -> float:
            assert (least, most) == (0.8, 1.2)
            return most

    async def pause(batch: BatchState) -> float:
        batch.sender.random = cast("Any", Most())
        await batch.sender.pause(10.0)
        return batch.loop.time()

    assert kit.in_batch(pause) == NOON + 12.0


def test_polls_go_on_while_submits_flood(kit: Any) -> None:
    server = kit.Deployment(latency=1.0)
    server.add(400, seconds=10.0)
    told = kit.tell(server, range(1, 401), max_running=200, session={"max_connections": 8})
    assert told.report.counts == {Status.SUCCEEDED: 400}
    late = [outcome.detect_seconds for outcome in told.report.outcomes]
    assert max(late) < 12, "an end is seen while others are being submitted"


@pytest.mark.parametrize("rate", [0.5, 2.0, 20.0])
def test_a_rate_limit_of_the_session_slows_down_and_loses_nothing(kit: Any, rate: float) -> None:
    server = kit.Deployment()
    server.add(40, seconds=20.0)
    told = kit.tell(server, range(1, 41), max_running=20, session={"rate_limit": rate})
    assert told.report.counts == {Status.SUCCEEDED: 40}
    spans = [later.at - earlier.at for earlier, later in zip(server.asks, server.asks[1:], strict=False)]
    assert min(spans) > 0.99 / rate
    assert told.report.lower_bound.rate == pytest.approx(40 / rate)
    assert told.seconds < max(60, 10 * 40 / rate)


@pytest.mark.parametrize("rate", [1, 5])
def test_a_server_that_limits_the_rate_is_obeyed_and_loses_nothing(kit: Any, rate: int) -> None:
    server = kit.Deployment(rate=rate)
    server.add(60, seconds=20.0)
    told = kit.tell(server, range(1, 61), max_running=30)
    assert told.report.counts == {Status.SUCCEEDED: 60}
    assert max(server.posts.values()) == 1
    assert told.seconds < 1_500


def test_one_connection_is_enough(kit: Any) -> None:
    server = kit.Deployment()
    server.add(30, seconds=5.0)
    told = kit.tell(server, range(1, 31), max_running=10, session={"max_connections": 1})
    assert told.report.counts == {Status.SUCCEEDED: 30}

"""How many refreshes may be in flight."""

import pytest

from ta_cluster_async.batch.limit import FixedLimit


def test_a_fixed_limit_stays_whatever_happens() -> None:
    limit = FixedLimit(max_running=4, submit_ahead=2)
    assert [limit.number, limit.begun(), limit.refused(), limit.ended()] == [6] * 4


@pytest.mark.parametrize(("in_flight", "queued"), [(0, 0), (3, 0), (4, 0), (5, 1), (6, 2), (7, 2)])
def test_those_beyond_what_may_run_wait_in_the_servers_queue(in_flight: int, queued: int) -> None:
    assert FixedLimit(max_running=4, submit_ahead=2).queued(in_flight) == queued

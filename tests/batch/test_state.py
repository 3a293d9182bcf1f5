"""What stops a batch, and what is counted."""

from typing import Any

import pytest

from ta_cluster_async.batch import (
    RefreshReport,
    Status,
    refresh_all,
)
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.session import TaSession


def test_a_batch_whose_time_is_over_says_so(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=100.0)
    told = kit.tell(server, [1, 2, 3], max_running=1, timeout=50.0)
    assert told.report.stopped == "The time for the batch is over."
    assert told.report.counts == {Status.TIMED_OUT: 3}


def session(server: Any) -> TaSession:
    return TaSession("http://127.0.0.1", "secret-token", transport=server)


def test_a_failure_hides_no_other_result(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20)
    server.add(20, fails=True)
    told = kit.tell(server, range(1, 41), max_running=5)
    assert told.report.counts == {Status.SUCCEEDED: 20, Status.FAILED: 20}
    assert told.report.stopped == ""


@pytest.mark.parametrize(("options", "failures"), [({"on_error": "stop"}, 1), ({"max_failures": 3}, 3)])
def test_enough_failures_stop_the_batch_and_what_is_in_flight_is_watched_to_its_end(
    kit: Any, options: Any, failures: int
) -> None:
    server = kit.Deployment()
    server.add(3, seconds=200.0)
    server.add(5, seconds=10.0, fails=True)
    server.add(20, seconds=10.0)
    told = kit.tell(server, range(1, 29), max_running=4, **options)
    counts = told.report.counts
    assert counts[Status.FAILED] == failures
    assert counts[Status.SUCCEEDED] == 3, "those in flight"
    assert counts[Status.CANCELLED] == 25 - failures
    assert told.report.stopped
    assert len(server.posts) == 3 + failures
    assert all(
        outcome.ticket is None and outcome.message == told.report.stopped
        for outcome in told.report.outcomes
        if outcome.status is Status.CANCELLED
    )


def test_references_that_are_unknown_count_as_failures_before_anything_is_sent(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3)

    def refs() -> Any:
        server.begin(server.cluster(3))
        return ["no_such", 1, 2, 3]

    told = kit.tell(server, refs, on_error="stop")
    assert told.report.counts == {Status.REJECTED: 1, Status.CANCELLED: 3}
    assert server.posts == {3: 1}
    assert told.seconds < 1, "what runs is not watched for its own sake"


def test_successes_may_be_left_out_of_the_report(kit: Any) -> None:
    server = kit.Deployment()
    server.add(8)
    server.add(2, fails=True)

    async def main() -> RefreshReport:
        async with session(server) as ta:
            return await refresh_all(ta.project(1), range(1, 11), keep_successes=False)

    report = run(main())
    assert report.counts == {Status.SUCCEEDED: 8, Status.FAILED: 2}
    assert report.total == 10
    assert {outcome.ref for outcome in report.outcomes} == {9, 10}


def test_skipped_ones_are_no_failures(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=60.0)
    told = kit.tell(
        server, lambda: [server.begin(server.cluster(1)) or 1, 2, 3], on_running="skip", on_error="stop"
    )
    assert told.report.ok
    assert told.report.stopped == ""

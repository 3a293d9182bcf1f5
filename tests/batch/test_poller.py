"""Watching what is in flight: what is believed, what is not, and how long anything is waited for."""

from collections import Counter
from typing import Any

import pytest

from ta_cluster_async.batch import (
    Attached,
    Finished,
    Progressed,
    RefreshBatch,
    Status,
    Submitted,
)
from ta_cluster_async.errors import NotFound, TokenRejected
from ta_cluster_async.messages import Message
from ta_cluster_async.models.ticket_errors import (
    RefreshFailed,
    RefreshStalled,
    RefreshTimeout,
    RefreshUnconfirmed,
)
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.protocol.requests import Response

HOUR = 3600.0


@pytest.mark.parametrize("marks", ["start", "end"])
@pytest.mark.parametrize("before", [100, -1])
@pytest.mark.parametrize("fails", [False, True])
def test_what_is_left_from_before_is_believed_neither_way(
    kit: Any, marks: str, before: int, *, fails: bool
) -> None:
    server = kit.Deployment(marks=marks, stale=3.0)
    server.add(30, before=before, fails=fails, seconds=8.0)
    told = kit.tell(server, range(1, 31), max_running=30)
    assert told.report.counts == {Status.FAILED if fails else Status.SUCCEEDED: 30}
    ends = {cluster.id: cluster.runs[0][2] for cluster in server.clusters.values()}
    began = told.seconds - told.report.makespan
    assert all(
        began + event.at >= ends[event.outcome.cluster_id]
        for event in told.events
        if hasattr(event, "outcome")
    )


@pytest.mark.parametrize("before", [100, -1])
def test_a_request_that_does_nothing_is_neither_success_nor_failure(kit: Any, before: int) -> None:
    server = kit.Deployment()
    server.add(3, before=before, ignores=True)
    told = kit.tell(server, [1, 2, 3], poll=PollPolicy(grace=40.0))
    assert told.report.counts == {Status.UNCONFIRMED: 3}
    assert all(isinstance(outcome.error, RefreshUnconfirmed) for outcome in told.report.outcomes)
    assert 40 < told.seconds < 60


def test_a_refresh_too_short_to_be_seen_is_proved_by_its_time(kit: Any) -> None:
    server = kit.Deployment()
    server.add(30, seconds=0.01)
    told = kit.tell(server, range(1, 31), max_running=30)
    assert told.report.counts == {Status.SUCCEEDED: 30}


def test_a_failure_is_told_with_its_ticket(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2, seconds=30.0)
    server.add(1, seconds=30.0, fails=True)
    told = kit.tell(server, [1, 2, 3])
    assert told.report.counts == {Status.SUCCEEDED: 2, Status.FAILED: 1}
    error = told[3].error
    assert isinstance(error, RefreshFailed)
    assert error.ticket == told[3].ticket
    assert not told.report.ok
    assert told.report.failures == (told[3],)


def test_a_progress_that_stands_still_is_stalled(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2, seconds=30.0)
    server.add(1, seconds=30 * HOUR, shows=lambda share: 40 if share > 0.0001 else 0)
    told = kit.tell(server, [1, 2, 3], poll=PollPolicy(stall=600.0))
    assert told[3].status is Status.STALLED
    assert isinstance(told[3].error, RefreshStalled)
    assert told[3].progress == 40
    assert 600 < told.seconds < 900


def test_a_progress_that_moves_for_ever_is_not_waited_for_for_ever(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=1e6 * HOUR, shows=lambda share: 50 + int(share * 1e8) % 2)
    told = kit.tell(server, [1])
    assert told[1].status is Status.TIMED_OUT
    assert told.seconds == pytest.approx(6 * HOUR, rel=0.01)


def test_progress_that_falls_on_the_server_does_not_fall_here(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=60.0, shows=lambda share: int(99 * share) if share < 0.5 else int(50 * share))
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 20}
    assert len(told.of(Progressed)) > 60


def test_those_in_the_queue_are_not_called_stalled_or_lost(kit: Any) -> None:
    server = kit.Deployment(capacity=1)
    server.add(30, seconds=100.0)
    told = kit.tell(server, range(1, 31), max_running=30, poll=PollPolicy(stall=300.0, grace=150.0))
    assert told.report.counts == {Status.SUCCEEDED: 30}


def test_those_that_wait_in_the_queue_are_looked_at_seldom(kit: Any) -> None:
    server = kit.Deployment(capacity=1, page_size=1)
    server.add(12, seconds=200.0)
    told = kit.tell(server, range(1, 13), max_running=12)
    assert told.report.counts == {Status.SUCCEEDED: 12}
    assert len(server.asks) < 12 * told.seconds / 10


@pytest.mark.parametrize("ahead", [1, 3])
def test_those_that_were_submitted_ahead_are_waited_for_as_long_as_the_server_is_busy(
    kit: Any, ahead: int
) -> None:
    server = kit.Deployment(capacity=2, queued_shows="before")
    server.add(12, seconds=1_000.0)
    told = kit.tell(server, range(1, 13), max_running=2, submit_ahead=ahead)
    assert told.report.counts == {Status.SUCCEEDED: 12}
    assert server.most_running <= 2 + ahead


def test_one_that_was_submitted_in_its_turn_is_not_waited_for_because_others_run(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=1_000.0)
    server.add(1, ignores=True)
    told = kit.tell(server, [1, 2], max_running=2, poll=PollPolicy(grace=40.0))
    assert told.statuses == {1: "succeeded", 2: "unconfirmed"}
    assert told.of(Finished)[0].at < 60


def test_one_that_is_ahead_of_what_runs_is_not_waited_for_because_that_runs(kit: Any) -> None:
    server = kit.Deployment(latency=lambda ask: 5.0 if ask.is_refresh and ask.cluster.id == 2 else 0.02)
    server.add(1, ignores=True)
    server.add(1, seconds=1_000.0)
    told = kit.tell(server, [1, 2], max_running=1, submit_ahead=1, poll=PollPolicy(grace=40.0))
    assert told.statuses == {1: "unconfirmed", 2: "succeeded"}
    assert told.of(Finished)[0].at < 60


def test_those_in_a_queue_that_shows_the_state_before_are_waited_for_while_it_moves(kit: Any) -> None:
    server = kit.Deployment(capacity=1, queued_shows="before")
    server.add(20, seconds=100.0)
    told = kit.tell(server, range(1, 21), max_running=20, poll=PollPolicy(grace=150.0))
    assert told.report.counts == {Status.SUCCEEDED: 20}
    assert len(server.asks) < told.seconds / 2, "no more often than the others"


# Requests


@pytest.mark.parametrize(("page_size", "at_most"), [(100, 8.0), (1000, 4.0)])
def test_list_pages_spare_requests(kit: Any, page_size: int, at_most: float) -> None:
    server = kit.Deployment(page_size=page_size)
    server.add(300, seconds=60.0)
    told = kit.tell(server, range(1, 301), max_running=50)
    assert told.report.counts == {Status.SUCCEEDED: 300}
    assert len(server.asks) / 300 < at_most
    assert told.report.requests == len(server.asks)


def test_one_that_is_alone_is_looked_at_alone(kit: Any) -> None:
    server = kit.Deployment()
    server.add(500, seconds=60.0)
    told = kit.tell(server, [250])
    assert told.report.ok
    assert server.requests["list"] == 0
    assert len(server.asks) < 25


# A list that moves


def test_rows_that_move_to_other_pages_are_followed(kit: Any) -> None:
    server = kit.Deployment(page_size=10)
    ids = server.add(60, seconds=120.0)
    at: dict[float, Any] = {3.0 * n: lambda _: server.add(3) for n in range(1, 30)}
    at |= {
        3.0 * n + 1: lambda _: server.clusters.pop(min(set(server.clusters) - set(ids)), None)
        for n in range(10, 30)
    }
    told = kit.tell(server, ids, max_running=60, at=at)
    assert told.report.counts == {Status.SUCCEEDED: 60}
    assert len(server.asks) < 60 * 10


def test_rows_that_have_all_moved_are_found_where_the_others_went(kit: Any) -> None:
    server = kit.Deployment(page_size=10)
    ids = server.add(60, seconds=300.0)
    told = kit.tell(server, ids, max_running=60, at={100.0: lambda _: server.add(5)})
    assert told.report.counts == {Status.SUCCEEDED: 60}
    assert server.requests["detail"] < 5


def test_rows_that_are_missing_for_a_while_are_unknown_and_not_finished(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=60.0)

    def hide(batch: RefreshBatch) -> None:
        del batch
        for cluster in server.clusters.values():
            cluster.listed = cluster.id % 2 == 0

    told = kit.tell(server, range(1, 21), max_running=20, at={5.0: hide})
    assert told.report.counts == {Status.SUCCEEDED: 20}


def test_a_list_that_becomes_empty_leaves_the_details(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=60.0)
    empty = kit.answer({"userClusters": [], "pagerResult": {"totalNum": 0}})
    server.rule = lambda ask: empty if ask.page and ask.at > 5 else None
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 20}
    assert server.requests["list"] < 60


@pytest.mark.parametrize("trouble", ["refused", "spoilt", "gateway", "rows"])
def test_a_list_that_fails_for_good_leaves_the_details(kit: Any, trouble: str) -> None:
    server = kit.Deployment()
    server.add(20, seconds=900.0)
    row = {"id": 3, "clusterName": "c_3", "progress": 101}
    answers = {
        "refused": kit.refusal(-3007, "no more"),
        "spoilt": kit.answer([1]),
        "gateway": kit.GATEWAY,
        "rows": kit.answer({"userClusters": [row, {"id": None}, {}], "pagerResult": {"totalNum": 20}}),
    }
    server.rule = lambda ask: answers[trouble] if ask.page and ask.at > 5 else None
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 20}
    assert told.seconds < 1_000


def test_a_deleted_cluster_fails_as_gone_after_a_second_look(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=60.0)
    told = kit.tell(server, range(1, 21), max_running=20, at={20.0: lambda _: server.clusters.pop(7)})
    assert told[7].status is Status.FAILED
    assert isinstance(told[7].error, NotFound)
    assert told[7].run_seconds is None, "it did not end"
    assert told.report.counts == {Status.SUCCEEDED: 19, Status.FAILED: 1}


def test_one_not_found_after_long_trouble_is_not_yet_the_end(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=200.0)
    server.down = [(20.0, 120.0)]
    odd: list[Any] = []

    def rule(ask: Any) -> Any:
        if ask.name == "detail" and ask.at > 120 and not odd:
            odd.append(ask)
            return kit.refusal(-3003, "cluster does not exist")
        return None

    server.rule = rule
    told = kit.tell(server, [1])
    assert odd
    assert told.report.ok


def test_a_cluster_that_was_made_anew_under_its_name_is_another_one(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=60.0)

    def replace(batch: RefreshBatch) -> None:
        del batch
        server.add(1, name="c_1")
        server.clusters.pop(1)

    told = kit.tell(server, ["c_1"], at={20.0: replace})
    assert told["c_1"].status is Status.FAILED
    error = told["c_1"].error
    assert isinstance(error, NotFound)
    assert (error.endpoint, error.attempts, error.return_code) == ("detail", 1, 0)
    assert error.what() == Message("cluster-id-changed", name="c_1", found=2, expected=1)


def test_an_old_page_that_comes_late_proves_nothing(kit: Any) -> None:
    # The page was asked for while the refresh of before ran, and comes after that of this batch was started.
    server = kit.Deployment(latency=lambda ask: 8.0 if ask.page else 0.02)
    server.add(40, seconds=30.0)

    def refs() -> Any:
        for cluster in server.clusters.values():
            server.begin(cluster)
            cluster.seconds = 0.01
            cluster.ignores = True
        return range(1, 41)

    told = kit.tell(server, refs, max_running=40, on_running="rerun", poll=PollPolicy(grace=60.0))
    assert told.report.counts == {Status.UNCONFIRMED: 40}


def test_a_page_that_was_made_before_the_refresh_was_started_proves_nothing(kit: Any) -> None:
    # Cluster 3 has just ended, and its row has moved: the second page shows that, and the first one, as of before, comes after its restart.
    def latency(ask: Any) -> float:
        return 8.0 if ask.page == (kit.CLUSTER, 1) and ask.at > 100 else 0.02

    server = kit.Deployment(page_size=2, latency=latency)
    server.add(4, seconds=1_000.0, shows=lambda _: 50, ignores=True)
    server.cluster(3).seconds = 100.0
    late: list[Any] = []

    def page(*progresses: tuple[int, int]) -> Any:
        rows = [{"id": i, "clusterName": f"c_{i}", "progress": progress} for i, progress in progresses]
        rows = [row | {"refreshTime": "2026-01-01 00:00:00"} for row in rows]
        return kit.answer({"userClusters": rows, "pagerResult": {"totalNum": 5}})

    def rule(ask: Any) -> Any:
        restarts = [other.at for other in server.asks if other.is_refresh]
        if ask.at > 100 and ask.page == (kit.CLUSTER, 2) and not restarts:
            return page((3, 100), (2, 50), (1, 50))
        if ask.at > 100 and ask.page == (kit.CLUSTER, 1) and restarts and ask.at < restarts[0]:
            late.append(ask)
            return page((4, 50), (3, 50))
        return None

    server.rule = rule

    def refs() -> Any:
        for cluster in server.clusters.values():
            server.begin(cluster)
        return [1, 2, 3, 4]

    # Rounds that are far apart take both pages together.
    told = kit.tell(server, refs, on_running="rerun", max_running=4, poll=PollPolicy(first=5.0, grace=60.0))
    assert late
    assert told[3].attempts == 1
    assert told[3].status is Status.UNCONFIRMED


# A server that is away


def test_a_server_that_is_down_for_two_minutes_costs_two_minutes_and_nothing_else(kit: Any) -> None:
    server = kit.Deployment()
    server.add(200, seconds=40.0)
    server.down = [(60.0, 180.0)]
    told = kit.tell(server, [*range(1, 101), *(f"c_{i}" for i in range(101, 201))], max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 200}
    assert server.posts == dict.fromkeys(range(1, 201), 1)
    assert told.seconds < 40 * 10 * 1.15 + 150


def test_answers_that_are_lost_for_two_minutes_cost_nothing_twice(kit: Any) -> None:
    server = kit.Deployment()
    server.add(100, seconds=40.0)
    server.after = lambda ask: kit.GATEWAY if 60 < ask.at < 180 else None
    told = kit.tell(server, range(1, 101), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 100}
    assert server.posts == dict.fromkeys(range(1, 101), 1)


def test_a_server_that_stays_away_ends_the_batch_with_outcomes_that_say_so(kit: Any) -> None:
    server = kit.Deployment()
    server.add(100, seconds=40.0)
    server.down = [(60.0, 1e9)]
    told = kit.tell(server, range(1, 101), max_running=20)
    counts = told.report.counts
    assert counts[Status.UNCONFIRMED] == 20, "those in flight"
    assert set(counts) == {Status.SUCCEEDED, Status.UNCONFIRMED, Status.FAILED}
    for outcome in told.report.failures:
        assert outcome.error is not None
        in_flight = outcome.status is Status.UNCONFIRMED
        assert isinstance(outcome.error, RefreshUnconfirmed) is in_flight
        assert (outcome.ticket is not None) is in_flight
        assert outcome.code == "polls-failed" if in_flight else outcome.error.safe_to_retry
    assert told.seconds < 60 + 5 * 400


def test_looks_at_a_server_that_is_down_become_fewer(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=1_000.0, shows=lambda _: 1)
    server.down = [(60.0, 300.0)]
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 20}
    during = Counter(int(ask.at // 60) for ask in server.asks if 120 < ask.at < 300)
    assert 0 < max(during.values()) < 20 * 8


def test_a_token_that_is_rejected_while_refreshes_run_ends_everything_at_once(kit: Any) -> None:
    server = kit.Deployment()
    server.add(50, seconds=100.0)
    server.rule = lambda ask: kit.REJECTED if ask.at > 30 else None
    told = kit.tell(server, range(1, 51), max_running=10)
    assert told.report.counts == {Status.UNCONFIRMED: 10, Status.CANCELLED: 40}
    assert all(isinstance(outcome.error, TokenRejected) for outcome in told.report.outcomes)
    assert all(outcome.ticket for outcome in told.report.outcomes if outcome.status is Status.UNCONFIRMED)
    assert told.seconds < 60
    assert "token" in told.report.stopped


@pytest.mark.parametrize("phase", ["refresh", "detail", "list"])
def test_a_token_that_is_rejected_by_one_kind_of_request_is_enough(kit: Any, phase: str) -> None:
    server = kit.Deployment(page_size=1 if phase == "detail" else 100)
    server.add(20, seconds=HOUR)
    server.add(5, seconds=0.5)
    server.rule = lambda ask: kit.REJECTED if ask.name == phase and ask.at > 2 else None
    told = kit.tell(server, [*range(21, 26), *range(1, 21)], max_running=6)
    assert told.report.total == 25
    assert told.report.stopped
    assert told.seconds < 60, "nobody sleeps until the next look"
    assert not told.report.ok


def test_a_token_that_is_rejected_for_a_post_wakes_the_observer(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=50 * HOUR, shows=lambda share: int(share * 1000))
    server.add(1)
    server.rule = lambda ask: kit.REJECTED if ask.is_refresh and ask.cluster.id == 2 else None

    async def refs() -> Any:
        import asyncio  # noqa: PLC0415 - only here

        yield 1
        await asyncio.sleep(5 * HOUR)
        yield 2

    told = kit.tell(server, refs)
    assert told.statuses == {1: "unconfirmed", 2: "cancelled"}
    assert told.seconds < 5 * HOUR + 10


# Deadlines


def test_the_time_for_each_refresh_counts_from_its_own_request(kit: Any) -> None:
    server = kit.Deployment()
    server.add(6, seconds=40.0)
    server.add(1, seconds=HOUR)
    told = kit.tell(server, [1, 2, 3, 7, 4, 5, 6], max_running=2, cluster_timeout=60.0)
    assert told.report.counts == {Status.SUCCEEDED: 6, Status.TIMED_OUT: 1}
    assert isinstance(told[7].error, RefreshTimeout)
    assert told[7].ticket is not None
    begun = [event.at for event in told.of(Submitted) if event.ref == 7]
    ended = [event.at for event in told.events if getattr(event, "outcome", None) is told[7]]
    assert ended[0] - begun[0] == pytest.approx(60, abs=3)


@pytest.mark.parametrize("seconds", [55.0, 57.9])
def test_an_end_shortly_before_the_deadline_is_seen(kit: Any, seconds: float) -> None:
    server = kit.Deployment()
    server.add(30, seconds=seconds, shows=lambda _: 1)
    told = kit.tell(
        server, range(1, 31), max_running=30, cluster_timeout=60.0, poll=PollPolicy(longest=600.0)
    )
    assert told.report.counts == {Status.SUCCEEDED: 30}


def test_the_time_for_one_ends_a_look_that_nobody_answers(kit: Any) -> None:
    server = kit.Deployment(latency=lambda ask: 1_000.0 if ask.name == "detail" and ask.at > 5 else 0.02)
    server.add(1, seconds=100.0)
    told = kit.tell(server, [1], cluster_timeout=20.0, session={"timeout": 200.0})
    assert told[1].status is Status.TIMED_OUT
    assert told.seconds < 21.0


def test_the_time_for_the_whole_batch_ends_everything(kit: Any) -> None:
    server = kit.Deployment()
    server.add(30, seconds=40.0)
    told = kit.tell(server, range(1, 31), max_running=4, timeout=100.0)
    assert told.report.counts == {Status.SUCCEEDED: 8, Status.TIMED_OUT: 22}
    assert told.seconds == pytest.approx(100, abs=2.1)
    assert sum(outcome.ticket is not None for outcome in told.report.failures) == 4
    assert "time" in told.report.stopped


@pytest.mark.parametrize("trouble", ["down", "stalls"])
@pytest.mark.parametrize("seconds", [25.0, 40.0])
def test_the_deadline_holds_while_the_server_is_away(kit: Any, trouble: str, seconds: float) -> None:
    server = kit.Deployment(latency=lambda ask: 1e9 if trouble == "stalls" and ask.at > 30 else 0.02)
    server.add(30, seconds=seconds)
    server.down = [(30.0, 1e9)] if trouble == "down" else []
    told = kit.tell(server, range(1, 31), max_running=4, timeout=100.0)
    assert told.seconds == pytest.approx(100, abs=2.1)
    assert set(told.report.counts) <= {Status.TIMED_OUT, Status.SUCCEEDED}


def test_a_baseline_that_cannot_be_read_before_the_deadline_is_no_failure_of_its_own(kit: Any) -> None:
    server = kit.Deployment()
    server.add(4, seconds=70.0)
    server.rule = lambda ask: kit.REFUSED if ask.at > 60 and ask.cluster is not server.cluster(1) else None
    told = kit.tell(server, [1, 2, 3, 4], max_running=1, timeout=100.0)
    assert told.statuses == {1: "succeeded"} | dict.fromkeys([2, 3, 4], "timed_out")


def test_a_deadline_is_kept_although_the_queue_lets_looks_wait(kit: Any) -> None:
    server = kit.Deployment(capacity=1)
    server.add(40, seconds=30.0)
    told = kit.tell(server, range(1, 41), max_running=1, submit_ahead=20, timeout=200.0)
    assert told.seconds == pytest.approx(200, abs=2.1)


def test_a_request_that_is_answered_after_the_deadline_still_gets_its_look(kit: Any) -> None:
    server = kit.Deployment(latency=lambda ask: 25.0 if ask.is_refresh else 0.02)
    server.add(3, seconds=1.0)
    told = kit.tell(server, [1, 2, 3], max_running=1, timeout=40.0)
    assert told.seconds == pytest.approx(40, abs=2.1)
    assert told.report.total == 3
    assert max(server.posts.values()) == 1


def test_an_ambiguous_post_is_told_as_submitted_when_it_is_proved(kit: Any) -> None:
    server = kit.Deployment(stale=5.0)
    server.add(4, seconds=20.0)
    server.after = lambda ask: kit.GATEWAY if ask.is_refresh else None
    told = kit.tell(server, [1, 2, 3, 4])
    assert told.report.ok
    assert all(event.at > 5 for event in told.of(Submitted))
    assert len(told.of(Submitted)) == 4
    assert not told.of(Attached)


def test_a_rate_limit_on_looks_alone_is_survived(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, seconds=30.0)
    server.rule = lambda ask: Response(429, b"", "2") if not ask.is_refresh and int(ask.at) % 3 else None
    told = kit.tell(server, range(1, 11))
    assert told.report.counts == {Status.SUCCEEDED: 10}

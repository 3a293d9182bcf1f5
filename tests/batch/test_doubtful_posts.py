"""POSTs of which nobody knows whether they were applied: their place, the second request, and the truth at the end."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from statistics import median
from typing import Any

import pytest

from ta_cluster_async.batch import Status
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.protocol.requests import Response

LOST = OutcomeUnknown("the connection was lost.", reason="lost")
BUSY = Response(503, b"<html></html>")


def night(kit: Any, seed: int, count: int, share: float, **options: Any) -> Any:
    """A night of refreshes of about a second, of whose POSTs a share is answered by a reset or a 503, before or after the effect."""
    random = Random(seed)
    server = kit.Deployment(stale=2.0)
    for _ in range(count):
        server.add(1, seconds=random.lognormvariate(0.0, 0.6))
    fates: dict[int, tuple[Any, bool]] = {}

    def fate(ask: Any) -> tuple[Any, bool]:
        drawn = random.random()
        trouble = LOST if drawn < share / 2 else BUSY if drawn < share else None
        return trouble, random.random() < 0.5

    def before(ask: Any) -> Any:
        if not ask.is_refresh:
            return None
        fates[ask.cluster.id] = fate(ask)
        trouble, is_before = fates[ask.cluster.id]
        return trouble if is_before else None

    def after(ask: Any) -> Any:
        return fates[ask.cluster.id][0] if ask.is_refresh else None

    server.rule, server.after = before, after
    return kit.tell(server, range(1, count + 1), max_running=50, **options)


def check_night(kit: Any, seed: int, count: int) -> None:
    """All end as the server's truth says, and none is started while an earlier request of it still runs."""
    calm = night(kit, seed, count, 0.0)
    told = night(kit, seed, count, 0.02)
    runs = {one.id: one.runs for one in told.server.clusters.values()}
    late = [b for one in runs.values() for a, b in pairwise(one) if b[0] < a[2]]
    assert told.report.counts == {Status.SUCCEEDED: count}
    assert late == []
    assert told.seconds <= 1.6 * calm.seconds
    assert sum(map(len, runs.values())) == count, "what has run is not run again"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_night_of_500_with_lost_posts_ends_with_the_truth_in_little_more_time(kit: Any, seed: int) -> None:
    check_night(kit, seed, 500)


def lost_before(kit: Any, count: int = 5, *, tries: int = 1, **options: Any) -> Any:
    """A server that loses the first POSTs of cluster 3 before the effect."""
    server = kit.Deployment(**options)
    server.add(count)
    lost: list[float] = []

    def rule(ask: Any) -> Any:
        if not ask.is_refresh or ask.cluster.id != 3 or len(lost) >= tries:
            return None
        lost.append(ask.at)
        return LOST

    server.rule = rule
    return server


def test_a_post_that_was_lost_before_the_effect_is_sent_once_more(kit: Any) -> None:
    server = lost_before(kit)
    told = kit.tell(server, range(1, 6))
    assert told.report.counts == {Status.SUCCEEDED: 5}
    assert told[3].attempts == 2
    assert told.seconds < 30


def test_who_would_rather_not_send_it_again_gets_it_unconfirmed(kit: Any) -> None:
    server = lost_before(kit)
    told = kit.tell(server, range(1, 6), poll=PollPolicy(resend=False))
    assert told.statuses[3] == "unconfirmed"
    assert isinstance(told[3].error, OutcomeUnknown)
    assert told[3].ticket is not None
    assert server.requests["refresh"] == 5
    assert told.seconds < 30


def test_where_no_refresh_has_shown_a_sign_the_grace_time_is_waited_for(kit: Any) -> None:
    server = lost_before(kit)
    told = kit.tell(server, [3], poll=PollPolicy(grace=100.0))
    assert told[3].ok
    assert 100 < told.seconds < 130


def test_its_place_is_given_away_when_polls_show_nothing(kit: Any) -> None:
    server = lost_before(kit)
    told = kit.tell(server, [3, 1, 2], max_running=1, poll=PollPolicy(grace=100.0, resend=False))
    assert told.statuses == {1: "succeeded", 2: "succeeded", 3: "unconfirmed"}
    assert told.seconds < 60


@pytest.mark.parametrize("ends", [False, True])
def test_a_request_that_takes_effect_late_is_not_sent_again(kit: Any, *, ends: bool) -> None:
    server = lost_before(kit)
    server.cluster(3).seconds = 0.5 if ends else 30.0
    # The only place is taken when it is to be sent again, and meanwhile the first request takes effect.
    server.cluster(1).seconds = server.cluster(2).seconds = 10.0
    begin = {25.0: lambda _: server.begin(server.cluster(3))}
    told = kit.tell(server, [1, 3, 2], max_running=1, at=begin, poll=PollPolicy(settle=12.0))
    assert told.report.counts == {Status.SUCCEEDED: 3}
    assert server.posts[3] == 1


def test_a_batch_that_ends_before_it_is_sent_again_keeps_its_ticket(kit: Any) -> None:
    server = lost_before(kit)
    server.cluster(2).seconds = 200.0
    told = kit.tell(server, [1, 3, 2], max_running=1, timeout=100.0, poll=PollPolicy(settle=12.0))
    assert told.statuses[3] == "unconfirmed"
    assert told[3].ticket is not None


def test_a_kill_right_after_the_second_request_makes_no_third(kit: Any, tmp_path: Any) -> None:
    path = tmp_path / "runs.db"
    server = lost_before(kit)
    batches: list[Any] = []

    def after(ask: Any) -> Any:
        if not ask.is_refresh or ask.cluster.id != 3:
            return None
        batches[0].cancel()
        return LOST

    server.after = after
    cut = kit.tell(server, range(1, 6), journal=path, at={0.0: batches.append})
    assert cut.statuses[3] == "cancelled"
    assert kit.known(path, [3])[3].state == "intended"
    assert kit.known(path, [3])[3].attempts == 2
    server.after = lambda _: None
    told = kit.tell(server, range(1, 6), journal=path)
    assert told[3].ok
    assert server.posts == dict.fromkeys(range(1, 6), 1)


@pytest.mark.parametrize("order", [[3, 2, 1], [1, 3, 2]], ids=["waited for", "about to be sent again"])
def test_a_kill_between_the_two_requests_loses_neither(kit: Any, tmp_path: Any, order: list[int]) -> None:
    path = tmp_path / "runs.db"
    server = lost_before(kit)
    server.cluster(2).seconds = 200.0
    cut = kit.tell(
        server,
        order,
        max_running=1,
        journal=path,
        at={50.0: lambda batch: batch.cancel()},
        poll=PollPolicy(settle=12.0),
    )
    assert server.posts[3] == 0
    assert cut[3].ticket is not None
    assert kit.known(path, [3])[3].state == "intended"
    told = kit.tell(server, order, journal=path)
    assert told.report.ok
    assert server.posts == {1: 1, 2: 1, 3: 1}


def test_the_plan_keeps_the_first_request_when_the_second_was_refused(kit: Any) -> None:
    server = lost_before(kit)
    server.cluster(1).seconds = 300.0
    first = server.rule
    server.rule = lambda ask: first(ask) or (kit.REFUSED if ask.is_refresh and ask.cluster.id == 3 else None)
    plans: list[Any] = []
    kit.tell(
        server, [1, 3, 2], poll=PollPolicy(errors=60.0), at={25.0: lambda batch: plans.append(batch.plan)}
    )
    one = plans[0].get(3)
    assert (one.state, one.submitted_at is not None) == ("intended", True)


@pytest.mark.parametrize("stale", [0.0, 2.0, 6.0])
def test_run_times_that_old_answers_may_hide_are_unknown_and_the_others_are_right(
    kit: Any, stale: float
) -> None:
    server = kit.Deployment(stale=stale)
    for n in range(80):
        server.add(1, seconds=0.5 * (n + 1))
    told = kit.tell(server, server.clusters, max_running=20)
    times = [
        (outcome.run_seconds, server.clusters[outcome.cluster_id].seconds)
        for outcome in told.report.outcomes
        if outcome.run_seconds is not None
    ]
    assert len(times) > 40
    assert median(abs(told - true) for told, true in times) <= 1.0
    assert all(0.6 * true - 0.5 <= told <= 1.5 * true + 0.5 for told, true in times)


def test_a_rejected_token_leaves_a_request_of_which_nobody_knows_unconfirmed(kit: Any) -> None:
    server = lost_before(kit)
    for cluster in server.clusters.values():
        cluster.seconds = 100.0
    lose = server.rule
    server.rule = lambda ask: kit.REJECTED if ask.at > 3 else lose(ask)
    told = kit.tell(server, range(1, 6))
    others = dict.fromkeys([1, 2, 4, 5], "timed_out")
    assert told.statuses == others | {3: "unconfirmed"}
    assert all(outcome.ticket for outcome in told.report.outcomes)

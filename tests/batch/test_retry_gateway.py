"""Trouble for a few seconds that is no word of the TA server about a cluster, at look-up, at POST and at polls."""

from __future__ import annotations

from typing import Any

import pytest

from ta_cluster_async.batch import Status
from ta_cluster_async.errors import ApiError, HttpStatusError, NotFound
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.protocol.requests import Response

COUNT = 60
PAGE = b"<html><title>Forbidden by WAF</title></html>"
SYSTEM = '{"return_code": -1, "return_message": "系统异常,请稍后重试"}'.encode()
SERVICE = '{"return_code": -1, "return_message": "服务不存在"}'.encode()

REFUSING = {
    "302": Response(302, b""),
    "401": Response(401, PAGE),
    "403": Response(403, PAGE),
    "404": Response(404, PAGE),
    "404-json": Response(404, b'{"error": "no route"}'),
    "403-of-the-server": Response(403, SYSTEM),
    "system": Response(200, SYSTEM),
    "service": Response(200, SERVICE),
}
"""After these, a POST was not applied."""

DOUBTFUL = {
    "foreign-json": Response(200, b'{"status": "UP"}'),
    "null": Response(200, b"null"),
    "html": Response(200, PAGE),
    "empty": Response(200, b""),
    "503": Response(503, PAGE),
}
"""After these, a POST may have been applied."""


def run_with(kit: Any, trouble: Response, *, at_post: bool, count: int = COUNT, **options: Any) -> Any:
    """The batch of a server that answers with trouble for the first three seconds of its look-ups or of its POSTs."""
    server = kit.Deployment()
    refs = server.add(count)
    began: list[float] = []

    def rule(ask: Any) -> Response | None:
        if ask.is_refresh != at_post:
            return None
        began.append(ask.at)
        return trouble if ask.at < began[0] + 3 else None

    server.rule = rule
    return kit.tell(server, refs, max_running=16, **options)


def runs_overlap(told: Any) -> bool:
    return any(
        later[0] < earlier[2]
        for cluster in told.server.clusters.values()
        for earlier, later in zip(cluster.runs, cluster.runs[1:], strict=False)
    )


@pytest.mark.parametrize("count", [1, COUNT])
@pytest.mark.parametrize("trouble", REFUSING | DOUBTFUL)
def test_a_few_seconds_of_trouble_at_look_up_end_nothing(kit: Any, trouble: str, count: int) -> None:
    told = run_with(kit, (REFUSING | DOUBTFUL)[trouble], at_post=False, count=count)
    assert told.report.counts == {Status.SUCCEEDED: count}
    assert max(told.server.posts.values()) == 1
    assert told.seconds < 90


@pytest.mark.parametrize("count", [1, COUNT])
@pytest.mark.parametrize("trouble", REFUSING)
def test_a_few_seconds_of_trouble_at_post_end_nothing(kit: Any, trouble: str, count: int) -> None:
    told = run_with(kit, REFUSING[trouble], at_post=True, count=count)
    assert told.report.counts == {Status.SUCCEEDED: count}
    assert max(told.server.posts.values()) == 1
    assert told.seconds < 90


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("trouble", DOUBTFUL)
def test_a_post_that_may_have_been_applied_is_not_sent_again_while_it_may_run(
    kit: Any, trouble: str, *, applied: bool
) -> None:
    server = kit.Deployment()
    refs = server.add(COUNT)

    def rule(ask: Any) -> Response | None:
        return DOUBTFUL[trouble] if ask.is_refresh and ask.at < 3 else None

    if applied:
        server.after = rule
    else:
        server.rule = rule
    told = kit.tell(server, refs, max_running=16, poll=PollPolicy(grace=30.0))
    assert told.report.counts.keys() <= {Status.SUCCEEDED, Status.UNCONFIRMED}
    assert told.report.counts[Status.SUCCEEDED] >= COUNT - (0 if applied else 16)
    assert not runs_overlap(told)


@pytest.mark.parametrize("trouble", REFUSING)
def test_a_refusal_that_was_applied_all_the_same_is_watched(kit: Any, trouble: str) -> None:
    server = kit.Deployment()
    refs = server.add(COUNT)
    server.after = lambda ask: Response(200, SYSTEM) if ask.is_refresh and ask.at < 3 else None
    told = kit.tell(server, refs, max_running=16)
    assert told.report.counts == {Status.SUCCEEDED: COUNT}
    assert not runs_overlap(told)


@pytest.mark.parametrize("trouble", REFUSING | DOUBTFUL)
def test_trouble_at_polls_ends_nothing(kit: Any, trouble: str) -> None:
    server = kit.Deployment()
    refs = server.add(COUNT, seconds=20.0)
    server.rule = lambda ask: (REFUSING | DOUBTFUL)[trouble] if 5 <= ask.at < 30 else None
    told = kit.tell(server, refs, max_running=COUNT)
    assert told.report.counts == {Status.SUCCEEDED: COUNT}
    assert told.seconds < 90


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("nth", [1, 2, 5, 30, 150])
def test_one_page_of_a_gateway_among_all_answers_cancels_nobody(kit: Any, status: int, nth: int) -> None:
    server = kit.Deployment()
    refs = server.add(200)
    server.rule = lambda _: Response(status, PAGE) if len(server.asks) == nth else None
    told = kit.tell(server, refs, max_running=16)
    assert told.report.counts == {Status.SUCCEEDED: 200}
    assert max(server.posts.values()) == 1


@pytest.mark.parametrize("nth", [1, 2, 5, 30, 150])
def test_one_rejection_of_the_token_among_all_answers_cancels_nobody(kit: Any, nth: int) -> None:
    server = kit.Deployment()
    refs = server.add(200)
    server.rule = lambda _: kit.REJECTED if len(server.asks) == nth else None
    told = kit.tell(server, refs, max_running=16)
    assert told.report.counts == {Status.SUCCEEDED: 200}
    assert max(server.posts.values()) == 1


# What stays


def test_a_gateway_that_stays_at_post_ends_the_batch_with_its_words(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3)
    server.rule = lambda ask: Response(403, PAGE) if ask.is_refresh else None
    told = kit.tell(server, [1, 2, 3], poll=PollPolicy(errors=60.0))
    assert told.report.counts == {Status.CANCELLED: 3}
    assert told.report.stop_code == "batch-refreshes-refused"
    assert isinstance(told[1].error, HttpStatusError)
    assert "Forbidden by WAF" in told[1].message
    assert told.seconds == pytest.approx(60, abs=31)


def test_one_cluster_that_the_server_refuses_without_a_reason_holds_up_no_batch(kit: Any) -> None:
    server = kit.Deployment()
    server.add(COUNT)
    server.add(1, listed=False)
    odd = COUNT + 1
    server.rule = lambda ask: Response(200, SYSTEM) if ask.cluster and ask.cluster.id == odd else None
    told = kit.tell(server, range(1, odd + 1), max_running=COUNT)
    assert told.report.counts == {Status.SUCCEEDED: COUNT, Status.REJECTED: 1}
    assert type(told[odd].error) is ApiError
    assert "系统异常,请稍后重试" in told[odd].message
    assert told.seconds < 40


def test_one_cluster_whose_post_is_refused_without_a_reason_is_rejected_soon(kit: Any) -> None:
    server = kit.Deployment()
    server.add(COUNT)
    server.rule = lambda ask: (
        Response(200, SYSTEM) if ask.is_refresh and ask.cluster and ask.cluster.id == 7 else None
    )
    told = kit.tell(server, range(1, COUNT + 1), max_running=COUNT)
    assert told.report.counts == {Status.SUCCEEDED: COUNT - 1, Status.REJECTED: 1}
    assert "系统异常,请稍后重试" in told[7].message
    assert told.seconds < 40


@pytest.mark.parametrize("at_post", [False, True])
def test_a_server_that_refuses_all_for_good_is_waited_for_once_by_all_together(
    kit: Any, *, at_post: bool
) -> None:
    server = kit.Deployment()
    refs = server.add(500, listed=False)
    server.rule = lambda ask: Response(200, SYSTEM) if ask.is_refresh == at_post else None
    told = kit.tell(server, refs, max_running=16)
    assert told.report.counts == {Status.CANCELLED: 500}
    assert told.report.stop_code == ("batch-refreshes-refused" if at_post else "batch-server-down")
    assert "系统异常,请稍后重试" in told[refs[0]].message
    assert told.seconds < 400
    assert len(server.asks) < 3_000


def test_a_gateway_that_refuses_one_cluster_alone_fails_that_one(kit: Any) -> None:
    server = kit.Deployment()
    server.add(COUNT)
    server.rule = lambda ask: Response(403, PAGE) if ask.is_refresh and ask.cluster.id == 7 else None
    told = kit.tell(server, range(1, COUNT + 1), max_running=16, poll=PollPolicy(errors=60.0))
    assert told.report.counts == {Status.SUCCEEDED: COUNT - 1, Status.FAILED: 1}
    assert "Forbidden by WAF" in told[7].message
    assert not told.report.stopped


@pytest.mark.parametrize("max_running", [1, 16, COUNT])
def test_clusters_that_are_refused_while_others_are_taken_are_rejected(kit: Any, max_running: int) -> None:
    server = kit.Deployment()
    server.add(COUNT)
    odd = {1, 20, 21, 40}
    server.rule = lambda ask: Response(200, SYSTEM) if ask.is_refresh and ask.cluster.id in odd else None
    told = kit.tell(server, range(1, COUNT + 1), max_running=max_running)
    assert told.report.counts == {Status.SUCCEEDED: COUNT - 4, Status.REJECTED: 4}
    assert not told.report.stopped


def test_a_cluster_that_was_never_computed_is_started_again_after_trouble(kit: Any) -> None:
    server = kit.Deployment()
    refs = server.add(COUNT, before=0, time=None)
    server.rule = lambda ask: Response(200, SYSTEM) if ask.is_refresh and ask.at < 3 else None
    told = kit.tell(server, refs, max_running=16)
    assert told.report.counts == {Status.SUCCEEDED: COUNT}
    assert told.seconds < 90


def test_a_batch_whose_time_ends_in_the_pause_after_a_refusal_is_out_of_time(kit: Any) -> None:
    server = kit.Deployment()
    server.add(COUNT)
    server.rule = lambda ask: Response(200, SYSTEM) if ask.is_refresh else None
    told = kit.tell(server, range(1, COUNT + 1), max_running=16, timeout=20.0)
    assert told.report.counts == {Status.TIMED_OUT: COUNT}
    assert told.seconds == pytest.approx(20, abs=2.1)


def test_what_is_not_there_is_rejected_at_once_with_the_words_of_the_server(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1)
    told = kit.tell(server, [1, 970])
    assert told.statuses == {1: "succeeded", 970: "rejected"}
    assert isinstance(told[970].error, NotFound)
    assert told[970].code == "no-such-cluster-answered"
    assert told[970].params == {"ref": 970, "answer": "cluster does not exist"}
    assert told.seconds < 20


def test_a_project_that_is_not_there_is_no_missing_cluster(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1)
    server.rule = lambda _: kit.refusal(-3002, "项目不存在")
    told = kit.tell(server, [1])
    assert told.statuses == {1: "rejected"}
    assert type(told[1].error) is ApiError
    assert "项目不存在" in told[1].message

"""A server that refuses everything alike: the batch waits, tells so, and goes on."""

from pathlib import Path
from typing import Any

import pytest

from ta_cluster_async.batch import Finished, Held, Released, Status
from ta_cluster_async.errors import ApiError, ConfigurationError, NotSent
from ta_cluster_async.protocol.refresh import PollPolicy


def system_error(kit: Any) -> Any:
    return kit.refusal(-1, "系统异常,请稍后重试")


def test_a_server_that_does_not_answer_holds_the_batch_until_it_does(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=100.0)
    server.down = [(40.0, 80.0)]
    told = kit.tell(server, range(1, 21), max_running=20, poll=PollPolicy(errors=200.0))
    assert told.report.ok
    [held] = told.of(Held)
    assert (held.failing, held.limit) == ("requests", 200.0)
    assert isinstance(held.error, NotSent)
    assert 5.0 <= held.seconds < 15.0
    assert held.at - held.seconds == pytest.approx(50.0, abs=10.0), "since the first poll that failed"
    [released] = told.of(Released)
    assert 80.0 <= released.at < 95.0
    assert released.at - released.seconds == pytest.approx(held.at - held.seconds)


def test_a_server_that_refuses_every_refresh_holds_the_batch_until_it_takes_one(kit: Any) -> None:
    server = kit.Deployment()
    server.add(4)
    server.rule = lambda ask: system_error(kit) if ask.is_refresh and ask.at < 60.0 else None
    told = kit.tell(server, [1, 2, 3, 4])
    assert told.report.ok
    [held] = told.of(Held)
    assert (held.failing, held.limit) == ("refreshes", 300.0)
    assert isinstance(held.error, ApiError)
    assert 5.0 <= held.seconds < 15.0
    [released] = told.of(Released)
    assert 60.0 <= released.at < 95.0
    assert released.seconds == pytest.approx(released.at, abs=1.0)


@pytest.mark.parametrize("seconds", [1.0, 4.0])
def test_a_short_trouble_is_not_told(kit: Any, seconds: float) -> None:
    server = kit.Deployment()
    server.add(20)
    server.rule = lambda ask: system_error(kit) if ask.at < seconds else None
    told = kit.tell(server, range(1, 21))
    assert told.report.ok
    assert told.of(Held | Released) == []


def test_one_cluster_that_is_refused_holds_nothing(kit: Any) -> None:
    server = kit.Deployment()
    server.add(60)
    server.rule = lambda ask: (
        system_error(kit) if ask.is_refresh and ask.cluster is not None and ask.cluster.id == 1 else None
    )
    told = kit.tell(server, range(1, 61), max_running=60)
    assert told.report.counts == {Status.SUCCEEDED: 59, Status.REJECTED: 1}
    assert told.of(Held | Released) == []


def test_a_batch_that_is_held_again_tells_so_again(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=300.0)
    server.down = [(40.0, 80.0), (120.0, 200.0)]
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.ok
    assert [type(event) for event in told.of(Held | Released)] == [Held, Released, Held, Released]


def test_a_batch_is_released_when_nothing_is_refused_any_more(kit: Any) -> None:
    error: Any = ConfigurationError("any")

    async def story(state: Any) -> list[Any]:
        outage, now = state.outage, state.loop.time()
        outage.continues("refreshes", error, since=now - 5.0, limit=9.0)
        outage.continues("requests", error, since=now - 7.0, limit=9.0)
        outage.ends("refreshes")
        outage.ends("requests")
        outage.ends("requests")
        state.events.end()
        events = []
        while (event := await state.events.next()) is not None:
            events.append(event)
        return events

    first, second, released = kit.in_batch(story)
    assert first == Held(at=0.0, failing="refreshes", seconds=5.0, limit=9.0, error=error)
    assert second == Held(at=0.0, failing="requests", seconds=7.0, limit=9.0, error=error)
    assert released == Released(at=0.0, seconds=7.0)


# One that stays


def test_after_an_outage_another_run_of_the_journal_goes_on(kit: Any, tmp_path: Path) -> None:
    server = kit.Deployment()
    server.add(100, seconds=40.0)
    server.down = [(60.0, 420.0)]
    path = tmp_path / "runs.db"
    first = kit.tell(server, range(1, 101), max_running=20, journal=path)
    assert first.report.counts == {Status.SUCCEEDED: 20, Status.UNCONFIRMED: 20, Status.CANCELLED: 60}
    assert first.report.stop_code == "batch-server-down"
    second = kit.tell(server, range(1, 101), max_running=20, journal=path, start=first.clock)
    assert second.report.counts == {Status.SUCCEEDED: 100}
    assert sum(outcome.resumed for outcome in second.report.outcomes) == 20
    assert server.posts == dict.fromkeys(range(1, 101), 1)


def test_after_a_server_that_took_no_refreshes_another_run_of_the_journal_goes_on(
    kit: Any, tmp_path: Path
) -> None:
    server = kit.Deployment()
    server.add(100, seconds=40.0)
    server.add(1, seconds=600.0)
    server.rule = lambda ask: system_error(kit) if ask.is_refresh and 60.0 < ask.at < 1_000.0 else None
    path = tmp_path / "runs.db"
    refs = [101, *range(1, 101)]
    first = kit.tell(server, refs, max_running=21, journal=path, order="given")
    assert first.report.counts == {Status.SUCCEEDED: 41, Status.CANCELLED: 60}
    assert first[101].ok, "what runs is watched to its end"
    assert first.report.stop_code == "batch-refreshes-refused"
    second = kit.tell(server, refs, max_running=21, journal=path, start=first.clock)
    assert second.report.counts == {Status.SUCCEEDED: 101}
    assert sum(outcome.resumed for outcome in second.report.outcomes) == 41
    assert server.posts == dict.fromkeys(range(1, 102), 1)


def test_after_an_outage_the_plan_goes_on(kit: Any) -> None:
    server = kit.Deployment()
    server.add(60, seconds=40.0)
    server.down = [(30.0, 420.0)]
    plans: list[Any] = []
    keep: Any = {60.0: plans.append}
    first = kit.tell(server, range(1, 61), max_running=20, at=keep)
    assert first.report.counts == {Status.UNCONFIRMED: 20, Status.CANCELLED: 40}
    second = kit.tell(server, None, max_running=20, plan=plans[0].plan, start=first.clock)
    assert second.report.counts == {Status.SUCCEEDED: 60}
    assert server.posts == dict.fromkeys(range(1, 61), 1)


@pytest.mark.parametrize("max_running", [1, 2, 16])
def test_no_cluster_is_rejected_by_a_server_that_takes_no_refresh_for_some_minutes(
    kit: Any, max_running: int
) -> None:
    server = kit.Deployment()
    server.add(20)
    server.rule = lambda ask: system_error(kit) if ask.is_refresh and ask.at < 200.0 else None
    told = kit.tell(server, range(1, 21), max_running=max_running)
    assert told.report.counts == {Status.SUCCEEDED: 20}
    assert len(told.of(Held)) == len(told.of(Released)) == 1


def test_a_cluster_whose_refusal_is_its_own_is_tried_once_more_after_others(kit: Any) -> None:
    server = kit.Deployment()
    server.add(5)
    server.rule = lambda ask: system_error(kit) if ask.is_refresh and ask.cluster.id == 1 else None
    told = kit.tell(server, range(1, 6), max_running=1)
    assert told.report.counts == {Status.SUCCEEDED: 4, Status.REJECTED: 1}
    assert [event.outcome.ref for event in told.events if isinstance(event, Finished)] == [2, 3, 4, 5, 1]
    assert told.of(Held) == []


def test_an_outage_before_a_request_ends_the_batch_as_one_while_polls_do(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=100.0)
    server.add(5)
    down: list[float] = []

    def listen(event: Any) -> None:
        if isinstance(event, Finished) and not down:
            down.append(event.at)
            server.down = [(event.at, 1e9)]

    told = kit.tell(server, range(1, 7), max_running=1, listen=listen)
    assert told.report.counts == {Status.SUCCEEDED: 1, Status.CANCELLED: 5}
    assert told.report.stop_code == "batch-server-down"
    assert told[2].attempts == 0, "its baseline could not be read again"
    assert isinstance(told[2].error, NotSent)
    assert told.seconds < 100.0 + 340.0

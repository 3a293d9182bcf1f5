"""More calls than the server answers in their time: those that come too late are not sent, and the others have their answer."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field

from ta_cluster_async.client.overload import ResponseTimes
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import NotSent, TaError
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.endpoints import DETAIL, PROGRESS, REFRESH
from ta_cluster_async.protocol.requests import Response
from ta_cluster_async.protocol.retry import RetryPolicy
from ta_cluster_async.session import TaSession

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ta_cluster_async.protocol.requests import Request
    from ta_cluster_async.resources.project import Project


# The estimate


def times(*seconds: float, endpoint: Any = PROGRESS, every: float = 1.0) -> ResponseTimes:
    found = ResponseTimes()
    for number, taken in enumerate(seconds):
        found.add(endpoint, taken, number * every)
    return found


def test_of_few_answers_nothing_is_known() -> None:
    assert times().usual(PROGRESS, 0.0) is None
    assert times(2.0, 2.0, 2.0, 2.0).usual(PROGRESS, 4.0) is None
    assert times(2.0, 2.0, 2.0, 2.0).wait(7, 4, 4.0) == 0


def test_answers_that_all_take_as_long_take_that_long() -> None:
    assert times(*[2.0] * 5).usual(PROGRESS, 5.0) == 2.0


def test_answers_that_take_now_more_and_now_less_need_more_than_their_mean() -> None:
    found = times(*[1.0, 3.0] * 50)
    usual = found.usual(PROGRESS, 100.0)
    assert usual is not None
    assert 4.5 < usual < 5.5  # the mean of 2, and three times the deviation of 1


def test_what_is_not_safe_to_repeat_needs_more_time() -> None:
    read, post = times(*[1.0, 3.0] * 50), times(*[1.0, 3.0] * 50, endpoint=REFRESH)
    sooner, later = read.usual(PROGRESS, 100.0), post.usual(REFRESH, 100.0)
    assert sooner is not None
    assert later is not None
    assert later > sooner + 2.5


def test_an_endpoint_says_nothing_of_another_but_of_the_wait_for_a_place() -> None:
    found = times(*[2.0] * 8)
    assert found.usual(DETAIL, 8.0) is None
    assert found.wait(0, 16, 8.0) == 2 / 16
    assert found.wait(23, 16, 8.0) == 3.0


def test_what_is_long_ago_says_nothing() -> None:
    found = times(*[2.0] * 8)
    assert found.usual(PROGRESS, 37.0) == 2.0
    assert found.usual(PROGRESS, 37.1) is None
    assert found.wait(3, 2, 37.1) == 0
    for now in range(40, 45):
        found.add(PROGRESS, 0.5, now)
    assert found.usual(PROGRESS, 45.0) == 0.5


def test_a_request_that_was_given_up_never_speaks_for_shorter_times() -> None:
    found = times(*[2.0] * 8)
    found.add(PROGRESS, 0.1, 9.0, answered=False)
    assert found.usual(PROGRESS, 9.0) == 2.0
    found.add(PROGRESS, 10.0, 10.0, answered=False)
    assert found.wait(0, 1, 10.0) == 3.0


# The session

DETAIL_BODY = {"id": 9, "clusterName": "w", "displayName": "W", "progress": 100}


@define(eq=False)
class Slow:
    """A server that takes a fixed time for every answer."""

    seconds: Callable[[float], float]
    sent: Counter[str] = field(factory=Counter)
    given_up: int = 0
    most: int = 0
    busy: int = 0

    async def send(self, request: Request, token: Any, timeout: float) -> Response | OutcomeUnknown:
        name = request.endpoint.name
        self.sent[name] += 1
        self.busy += 1
        seconds = self.seconds(asyncio.get_running_loop().time())
        try:
            await asyncio.sleep(min(seconds, timeout))
        finally:
            self.busy -= 1
        if seconds > timeout:
            self.given_up += 1
            return OutcomeUnknown("no answer", reason="timeout")
        data = DETAIL_BODY if name == "detail" else {"progress": 50} if name == "progress" else None
        return Response(200, json.dumps({"return_code": 0, "data": data}).encode())

    async def aclose(self) -> None:
        pass


def load(
    server: Slow,
    call: Callable[[Project], Awaitable[object]],
    *,
    rate: float,
    seconds: float = 30.0,
    places: int = 16,
    timeout: float = 5.0,
) -> tuple[list[tuple[float, TaError | None]], float]:
    """Make so many calls a second. Returns for each its time and error, and how long all took."""
    outcomes: list[tuple[float, TaError | None]] = []

    async def main() -> float:
        retry = RetryPolicy(attempts=1)
        async with TaSession(
            "http://ta2", "t", transport=server, max_connections=places, retry=retry, timeout=timeout
        ) as ta:
            loop = asyncio.get_running_loop()
            project = ta.project(102)

            async def one() -> None:
                began = loop.time()
                error = None
                try:
                    await call(project)
                except TaError as problem:
                    error = problem
                outcomes.append((loop.time() - began, error))

            async with asyncio.TaskGroup() as group:
                for _ in range(int(rate * seconds)):
                    group.create_task(one())
                    await asyncio.sleep(1 / rate)
            return loop.time()

    return outcomes, run(main())


def progress(project: Project) -> Awaitable[object]:
    return project.clusters.progress(970)


def always(seconds: float) -> Callable[[float], float]:
    return lambda _: seconds


def test_under_two_and_a_half_times_what_the_server_can_do_it_does_what_it_can() -> None:
    server = Slow(always(2.0))
    outcomes, seconds = load(server, progress, rate=20.0)
    done = sum(error is None for _, error in outcomes)
    assert done / seconds >= 0.8 * 16 / 2.0
    assert server.given_up == 0
    assert max(taken for taken, _ in outcomes) <= 5.0
    errors = [error for _, error in outcomes if error is not None]
    assert {(type(error), error.code) for error in errors} == {(NotSent, "overloaded")}
    assert all(error.may_pass and error.safe_to_retry and error.attempts == 0 for error in errors)


def test_most_of_what_is_refused_is_refused_at_once() -> None:
    outcomes, _ = load(Slow(always(2.0)), progress, rate=20.0)
    refused = [(taken, error) for taken, error in outcomes if error is not None]
    assert sum(taken == 0 for taken, _ in refused) > 0.8 * len(refused)
    told = {str(error) for taken, error in refused if taken == 0}
    assert any(
        "others wait for one of max_connections= already, and an answer takes 2 s" in one for one in told
    )
    late = next(str(error) for taken, error in refused if taken > 0)
    assert re.search(
        r"the call waited (3\.\d|4) s for one of max_connections=, and an answer takes 2 s", late
    )


@pytest.mark.parametrize("rate", [1.0, 4.0, 7.9])
def test_below_what_the_server_can_do_every_call_is_answered(rate: float) -> None:
    outcomes, _ = load(Slow(always(2.0)), progress, rate=rate)
    assert [error for _, error in outcomes if error is not None] == []


def test_a_burst_that_has_the_time_to_wait_is_answered() -> None:
    outcomes, _ = load(Slow(always(0.05)), progress, rate=1e6, seconds=0.0005, timeout=30.0)
    assert len(outcomes) == 500
    assert all(error is None for _, error in outcomes)


def test_a_call_with_little_time_is_sent_where_it_need_not_wait() -> None:
    server = Slow(lambda now: 1.0 if now < 20 else 0.1)
    outcomes, _ = load(server, progress, rate=2.0, timeout=30.0)
    assert all(error is None for _, error in outcomes)
    server = Slow(always(1.0))
    outcomes, _ = load(server, progress, rate=2.0, timeout=0.5)
    assert server.given_up == len(outcomes)


def test_a_server_that_hangs_and_answers_again_is_called_again() -> None:
    server = Slow(lambda now: 100.0 if 10 < now < 30 else 0.2)
    outcomes, _ = load(server, progress, rate=10.0, seconds=50.0)
    assert all(error is None for _, error in outcomes[:90])
    assert all(error is None for _, error in outcomes[-130:])


def test_refreshes_under_load_are_not_left_with_an_unknown_outcome() -> None:
    server = Slow(always(2.0))
    outcomes, _ = load(server, lambda project: project.clusters.refresh(9), rate=6.0, timeout=10.0)
    unknown = sum(isinstance(error, OutcomeUnknown) for _, error in outcomes)
    assert unknown <= 0.02 * len(outcomes)
    assert server.sent["refresh"] == sum(error is None for _, error in outcomes)
    assert server.sent["refresh"] > 50

"""A state machine: several tasks wait for one refresh, some are cancelled, and the server does anything at any time.

Every wait ends, a reported success is one, and the reported progress never decreases.
"""

import asyncio
from datetime import datetime, timedelta
from json import dumps
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ta_cluster_async import (
    PollPolicy,
    RefreshTicket,
    RetryPolicy,
    TaSession,
)
from ta_cluster_async.client.secret import Secret
from ta_cluster_async.emulator.loop import VirtualTimeLoop, run
from ta_cluster_async.errors import NotSent, SchemaError, TaError, TransportError
from ta_cluster_async.models.ticket_errors import OutcomeUnknown, RefreshFailed, RefreshUnconfirmed
from ta_cluster_async.protocol.requests import Request, Response
from tests.fuzz.strategies import FEW_EXAMPLES

if TYPE_CHECKING:
    from ta_cluster_async.resources import Refresh

T0 = datetime(2020, 1, 9, 10, 51, 14)  # noqa: DTZ001  (server times have no zone)
POLL = PollPolicy(grace=30.0, settle=5.0, stall=60.0, errors=30.0, timeout=300.0)
LONGEST_WAIT = POLL.timeout + 60.0  # with the requests that are active when the time is over

FAILURES: dict[str, Response | TransportError] = {
    "refused": NotSent("no connection.", reason="refused"),
    "lost": OutcomeUnknown("no answer.", reason="lost"),
    "garbage": Response(200, b"{"),
    "gateway": Response(504, b"<html>"),
    "too frequent": Response(200, b'{"return_code":-1005,"return_message":"slow down"}'),
    "not found": Response(200, b'{"return_code":-3003,"return_message":"cluster does not exist"}'),
    "wrong type": Response(200, b'{"return_code":0,"data":{"progress":true}}'),
    "impossible": Response(
        200,
        b'{"return_code":0,"data":{"id":970,"clusterName":"c","clusterType":"cluster_by_import","displayName":"d","projectId":1,'
        b'"usersNum":1,"progress":101,"refreshTime":"2020-01-09 10:51:15"}}',
    ),
}


@define(eq=False)
class Server:
    """A server with one cluster, whose refresh starts, progresses and ends as the test decides.

    Attributes:
        progress: The progress before the refresh.
        time: The refresh time before the refresh.
        marks: Whether the refresh time marks the start or the end.
        stale: Whether the previous state is still shown.
        phase: before, posted, running, succeeded or failed.
        latency: Seconds until each answer.
        failures: How the next requests fail, in reverse order.
    """

    progress: int
    time: datetime | None
    marks: str
    stale: bool
    latency: float = 0.02
    phase: str = "before"
    failures: list[str] = field(factory=list)
    before: tuple[int, datetime | None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.before = self.progress, self.time

    def move(self, phase: str, progress: int) -> None:
        """Start, continue or end the refresh."""
        if self.phase == "posted" or phase in ("succeeded", "failed"):
            marked = self.marks == "start" if phase == "running" else True
            self.time = T0 + timedelta(seconds=1) if marked else self.time
        self.phase, self.progress = phase, progress

    async def send(self, request: Request, token: Secret, timeout: float) -> Response | TransportError:
        """Answer a request."""
        await asyncio.sleep(min(self.latency, timeout))
        if self.latency > timeout:
            return OutcomeUnknown("no answer in time.", reason="timeout")
        name = request.endpoint.name
        if name.startswith("refresh"):
            self.phase = "posted"
            return _answer(None)
        if self.failures:
            return _copy(FAILURES[self.failures.pop()])
        progress, time = self.before if self.stale else (self.progress, self.time)
        if name.startswith("progress"):
            return _answer({"progress": progress})
        detail = {
            "id": 970,
            "clusterName": "c",
            "clusterType": "cluster_by_import",
            "displayName": "d",
            "projectId": 1,
            "usersNum": 1,
        }
        return _answer(
            detail | {"progress": progress, "refreshTime": None if time is None else time.isoformat(" ")}
        )

    async def aclose(self) -> None:
        """Do nothing."""


def _answer(data: Any) -> Response:
    return Response(200, dumps({"return_code": 0, "data": data}).encode())


def _copy(failure: Response | TransportError) -> Response | TransportError:
    # The session writes into the errors that it raises.
    return failure if isinstance(failure, Response) else type(failure)(failure.message, reason=failure.reason)


@define(eq=False)
class Waiter:
    """A task that waits for the refresh or iterates over its progress."""

    task: asyncio.Task[object]
    shown: list[int]
    cancelled: bool = False


class WatchedRefresh(RuleBasedStateMachine):
    """The state machine of the module's docstring."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.waiters: list[Waiter] = []

    @initialize(
        before=st.sampled_from([(100, T0), (-1, T0), (100, None), (0, None)]),
        marks=st.sampled_from(["start", "end"]),
        stale=st.booleans(),
    )
    def begin(self, before: Any, marks: str, stale: bool) -> None:  # noqa: FBT001
        """Submit the refresh."""
        self.server = Server(progress=before[0], time=before[1], marks=marks, stale=stale)
        self.runner.run(self._begin())

    async def _begin(self) -> None:
        self.ta = TaSession(
            "http://127.0.0.1", "token", transport=self.server, retry=RetryPolicy(attempts=1), poll=POLL
        )
        await self.ta.__aenter__()
        self.clusters = self.ta.project(1).clusters
        self.refresh: Refresh = await self.clusters.refresh(970)
        assert self.server.phase == "posted"

    @precondition(lambda self: self.server.stale)
    @rule()
    def end_the_stale_window(self) -> None:
        """Show the current state from now on."""
        self.server.stale = False

    @precondition(lambda self: self.server.phase in ("posted", "running"))
    @rule(progress=st.integers(0, 99))
    def move(self, progress: int) -> None:
        """Start the refresh or change its progress, also backwards."""
        self.server.move("running", progress)

    @precondition(lambda self: self.server.phase in ("posted", "running"))
    @rule(ok=st.booleans())
    def end(self, ok: bool) -> None:  # noqa: FBT001
        """End the refresh."""
        self.server.move("succeeded" if ok else "failed", 100 if ok else -1)

    @rule(kinds=st.lists(st.sampled_from(sorted(FAILURES)), min_size=1, max_size=12))
    def let_requests_fail(self, kinds: list[str]) -> None:
        """Let the next polls fail."""
        self.server.failures = kinds

    @rule(seconds=st.sampled_from([0.0, 0.02, 3.0, 50.0]))
    def set_latency(self, seconds: float) -> None:
        """Delay all answers from now on."""
        self.server.latency = seconds

    @precondition(lambda self: len(self.waiters) < 6)
    @rule(timeout=st.none() | st.sampled_from([0.01, 1.0, 20.0]), follows=st.booleans())
    def watch(self, timeout: float | None, follows: bool) -> None:  # noqa: FBT001
        """Start another task that waits."""
        self.runner.run(self._watch(timeout, follows))

    async def _watch(self, timeout: float | None, follows: bool) -> None:  # noqa: FBT001
        shown: list[int] = []
        refresh = self.refresh

        async def follow() -> object:
            async for percent in refresh.progress(timeout=timeout):
                shown.append(percent)  # noqa: PERF401  (seen at once)
            return None

        waiting = follow() if follows else refresh.wait(timeout=timeout)
        self.waiters.append(Waiter(asyncio.create_task(waiting), shown))

    @precondition(lambda self: self.waiters)
    @rule(data=st.data())
    def cancel_one(self, data: st.DataObject) -> None:
        """Cancel one of the waiting tasks."""
        waiter = data.draw(st.sampled_from(self.waiters))
        waiter.cancelled |= waiter.task.cancel()

    @rule()
    def attach_another_handle(self) -> None:
        """Continue with another handle, attached to the current ticket."""
        ticket = RefreshTicket.from_json(self.refresh.ticket.to_json())
        self.runner.run(self._attach(ticket))

    async def _attach(self, ticket: RefreshTicket) -> None:
        self.refresh = self.clusters.attach(ticket)

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.5, 6.0, 40.0, 100.0]))
    def let_time_pass(self, seconds: float) -> None:
        """Let time pass without another event."""
        self.runner.run(asyncio.sleep(seconds))

    @invariant()
    def finished_waits_are_right(self) -> None:
        """Check every wait that has ended."""
        for waiter in self.waiters:
            assert waiter.shown == sorted(set(waiter.shown)), "the progress increases"
            task = waiter.task
            if not task.done():
                continue
            assert task.cancelled() == waiter.cancelled, "exactly the cancelled tasks raise CancelledError"
            if task.cancelled():
                continue
            problem = task.exception()
            assert problem is None or isinstance(problem, TaError)
            if problem is None:
                assert self.server.phase == "succeeded"
            if isinstance(problem, RefreshFailed):
                assert self.server.phase == "failed"
            assert (100 in waiter.shown) <= (self.server.phase == "succeeded")

    def teardown(self) -> None:
        """Check that all waits end, whatever the state is."""
        try:
            if hasattr(self, "server"):
                self.runner.run(asyncio.sleep(LONGEST_WAIT))
                assert all(waiter.task.done() for waiter in self.waiters), "a task waits for ever"
                self.finished_waits_are_right()
                self.runner.run(self.ta.aclose())
        finally:
            self.runner.close()


@pytest.mark.parametrize("first", ["baseline", "poll"])
def test_a_progress_outside_its_range_is_neither_an_end_nor_a_state_to_compare_with(first: str) -> None:
    server = Server(100, T0, marks="end", stale=False)

    async def main() -> None:
        policies: Any = {"transport": server, "retry": RetryPolicy(attempts=1), "poll": POLL}
        async with TaSession("http://127.0.0.1", "token", **policies) as ta:
            clusters = ta.project(1).clusters
            if first == "baseline":
                server.failures = ["impossible"]
                with pytest.raises(SchemaError, match=r"data\.progress"):
                    await clusters.refresh(970)
                assert server.phase == "before"
            refresh = await clusters.refresh(970)
            server.failures = ["impossible"] * 3
            with pytest.raises(RefreshUnconfirmed):
                await refresh

    run(main())


TestWatchedRefresh = WatchedRefresh.TestCase
TestWatchedRefresh.settings = settings(FEW_EXAMPLES, stateful_step_count=30)

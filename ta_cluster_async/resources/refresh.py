"""The handle of a refresh: await it, follow its progress, or take its ticket to another process."""

from __future__ import annotations

import asyncio
import weakref
from contextlib import nullcontext
from copy import copy
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from ..client.signal import Signal
from ..client.validation import positive
from ..errors import ConfigurationError, NotFound, TaError, TokenRejected, TransportError
from ..messages import Message
from ..models import RefreshTicket
from ..models.ticket_errors import RefreshFailed, RefreshStalled, RefreshTimeout, RefreshUnconfirmed
from ..protocol.refresh import Verdict, Watch, judge
from .state import read_detail, read_progress, read_state

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from ..client.api import ApiClient
    from ..client.observing import RefreshObserver
    from ..errors import ApiError
    from ..models import ClusterDetail
    from ..models.ticket_errors import RefreshError
    from ..protocol.endpoints import Ref
    from ..protocol.refresh import PollPolicy

# The last poll before a deadline comes this many seconds before it, or this share of the time where that is shorter.
_LAST_POLL = 2.0
_LAST_SHARE = 0.1
_SHORTEST_POLL = 0.1


@frozen(kw_only=True)
class RefreshResult:
    """A refresh that succeeded.

    Attributes:
        ticket: What identifies the refresh.
        cluster_id: The cluster or tag.
        refresh_time: Its refresh time now, in the server's local time; None where it could not be read.
        users_num: How many users are in it now; None where it could not be read.
        seconds: How long this process waited for it.
    """

    ticket: RefreshTicket
    cluster_id: int
    refresh_time: datetime | None
    users_num: int | None
    seconds: float


@frozen
class _Limit:
    """How long one task waits, by the loop's clock.

    Attributes:
        deadline: When it gives up.
        last_poll: When it polls for the last time.
    """

    deadline: float
    last_poll: float


class Refresh:
    """A refresh that was submitted, or joined because it was running already. Made by `refresh()` and `attach()`.

    `await refresh` waits for its end and returns a `RefreshResult`; `async for percent in refresh.progress()` follows it. Both may be
    used at once and by several tasks, which share their polls. Nothing polls while nobody waits, and dropping the handle leaves the
    server's refresh running. Once it has ended, well or badly, the handle keeps that outcome; `attach(refresh.ticket)` makes a new one.

    Attributes:
        ref: How the cluster is named in the calls: its id or its name.
    """

    def __init__(
        self,
        session: ApiClient,
        ticket: RefreshTicket,
        ref: Ref,
        policy: PollPolicy,
        *,
        refusal: ApiError | None = None,
        observed: RefreshObserver | None = None,
    ) -> None:
        self.ref = ref
        self._client = session
        self._ticket = ticket
        self._policy = policy
        self._refusal = refusal
        self._random = Random()  # noqa: S311  (jitter)
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._watch = Watch.of(ticket, self._started)
        self._failing_since: float | None = None
        self._outcome: RefreshResult | TaError | None = None
        self._polls = 0
        self._next_poll = self._started + policy.interval(0.0, self._random)
        self._latest_poll = self._started
        self._is_polling = False
        self._polled = Signal()
        self._observed = observed
        if observed is not None:
            # Nobody need wait for it: what is observed of it ends with the handle.
            weakref.finalize(self, observed.ended, "left")

    def __repr__(self) -> str:
        progress = "no progress seen" if self._watch.progress is None else f"{self._watch.progress} %"
        return f"<Refresh of {self.ref!r}, {progress}>"

    @property
    def ticket(self) -> RefreshTicket:
        """What identifies the refresh, with what is known by now; `ticket.to_json()` goes into a database or a queue."""
        if self._watch.last_seen is not None and not self._ticket.seen_running:
            self._ticket = evolve(self._ticket, seen_running=True)
        return self._ticket

    @property
    def attached(self) -> bool:
        """True when a running refresh was joined and no request was sent to start one."""
        return self._ticket.attached

    def __await__(self) -> Generator[object, None, RefreshResult]:
        return self.wait().__await__()

    async def wait(self, *, timeout: float | None = None) -> RefreshResult:
        """Wait for the end, at most `timeout` seconds from now, or the policy's `timeout` from the start when None.

        Raises:
            RefreshFailed: The server says that the computation failed.
            RefreshUnconfirmed: Nothing proves that the refresh ran.
            RefreshStalled: Its progress has not changed for the stall time.
            RefreshTimeout: The time is over, and a poll shortly before showed no end; the server goes on, and waiting again is possible.
            TaError: The token was rejected, the cluster is gone, or polls have failed for too long.
        """
        limit = self._limit(timeout)
        while self._outcome is None:
            await self._wait_for_poll(limit)
        return self._result()

    async def progress(self, *, timeout: float | None = None) -> AsyncGenerator[int, None]:
        """Yield the progress in percent whenever it has risen, up to 100. `timeout` and the errors are those of `wait`."""
        limit = self._limit(timeout)
        shown = -1
        while self._outcome is None:
            seen = self._watch.progress
            if seen is not None and shown < seen < 100:
                shown = seen
                yield seen
            else:
                await self._wait_for_poll(limit)
        self._result()
        yield 100

    def _result(self) -> RefreshResult:
        if isinstance(self._outcome, TaError):
            raise copy(self._outcome)  # each of several waiting tasks gets an error of its own
        assert self._outcome is not None
        return self._outcome

    def _limit(self, timeout: float | None) -> _Limit:
        now = self._loop.time()
        if timeout is None:
            # A task that waits again after the time of the policy is over still gets one poll.
            deadline = max(self._started + self._policy.timeout, now + _LAST_POLL)
        else:
            deadline = now + positive(timeout, "timeout")
        return _Limit(deadline, deadline - min(_LAST_POLL, _LAST_SHARE * (deadline - now)))

    async def _wait_for_poll(self, limit: _Limit) -> None:
        """Wait for the next poll, by this task or another. Raises RefreshTimeout after the last one before the deadline."""
        polls = self._polls
        while self._polls == polls and self._outcome is None:
            now = self._loop.time()
            if self._is_polling and now < limit.deadline:
                await self._polled.wait(limit.deadline)
            elif self._is_polling or self._latest_poll >= limit.last_poll:
                raise self._error(RefreshTimeout, Message("refresh-wait-over"))
            elif now < (at := min(self._next_poll, limit.last_poll)):
                await self._polled.wait(at)
            else:
                await self._poll(max(limit.deadline - now, _SHORTEST_POLL))

    async def _poll(self, seconds: float) -> None:
        self._is_polling = True
        self._latest_poll = self._loop.time()
        try:
            with nullcontext() if self._observed is None else self._observed.current():
                self._outcome = await self._read(self._latest_poll + min(seconds, self._client.timeout))
        except ConfigurationError:
            raise  # the session is closed, or was opened in another loop: that says nothing about the refresh
        except TaError as problem:
            self._outcome = self._final_error(problem, hurried=seconds < self._client.timeout)
        else:
            self._failing_since = None
        finally:
            self._is_polling = False
            self._polled.fire()
        if self._observed is not None and self._outcome is not None:
            self._observed.ended(*_status(self._outcome))
        self._polls += 1
        now = self._loop.time()
        self._next_poll = now + self._policy.interval(now - self._started, self._random)
        if self._watch.standing is not None:
            self._next_poll = min(self._next_poll, self._watch.standing.since + self._policy.settle)

    async def _read(self, until: float) -> RefreshResult | RefreshError | None:
        """Read the state once, within the time. Returns how the refresh ended, None while it goes on."""
        project_id = self._ticket.project_id
        detail: ClusterDetail | None = None
        verdict = Verdict.CHECK
        if self._watch.proven and self._watch.standing is None:
            seconds = until - self._loop.time()
            progress = await read_progress(self._client, project_id, self.ref, timeout=seconds)
            verdict = self._judge(progress, None, is_detail=False)
        if verdict is Verdict.CHECK:
            state = await read_state(self._client, project_id, self.ref, timeout=until - self._loop.time())
            detail = state.detail
            verdict = self._judge(state.progress, state.refresh_time)
        now = self._loop.time()
        match verdict:
            case Verdict.SUCCEEDED:
                return await self._success(detail, until)
            case Verdict.FAILED:
                return self._error(RefreshFailed, Message("refresh-reported-failed"), progress=-1)
            case Verdict.UNCONFIRMED if self._watch.is_echoed:
                return self._unconfirmed(Message("refresh-echoed"))
            case Verdict.UNCONFIRMED:
                return self._unconfirmed(Message("refresh-not-proven", seconds=now - self._started))
            case Verdict.STALLED:
                message = Message("refresh-stood-still", seconds=now - self._watch.moved)
                return self._error(RefreshStalled, message)
            case Verdict.WAIT | Verdict.CHECK:  # pragma: no branch - there is no other
                return None

    def _judge(self, progress: int, refresh_time: datetime | None, *, is_detail: bool = True) -> Verdict:
        client = self._client
        had = self._watch.lesson
        self._watch, verdict = judge(
            self._watch,
            self._policy,
            self._loop.time(),
            progress,
            refresh_time,
            is_detail=is_detail,
            meaning=client.time_meaning,
        )
        if self._watch.lesson != had:
            client.time_meaning = client.time_meaning.learn(self._watch.lesson)
        return verdict

    async def _success(self, detail: ClusterDetail | None, until: float) -> RefreshResult:
        """Return the result, with what a detail tells of it where one can be read."""
        if detail is None:
            seconds = max(until - self._loop.time(), _SHORTEST_POLL)
            try:
                detail = await read_detail(self._client, self._ticket.project_id, self.ref, timeout=seconds)
            except ConfigurationError:
                raise
            except TaError:
                detail = None
        return RefreshResult(
            ticket=self.ticket,
            cluster_id=self._ticket.cluster_id,
            refresh_time=None if detail is None else detail.refresh_time,
            users_num=None if detail is None else detail.users_num,
            seconds=self._loop.time() - self._started,
        )

    def _final_error(self, problem: TaError, *, hurried: bool) -> TaError | None:
        """Return the error of a poll if it ends the wait: the token is rejected, the session closed, or polls have failed for too long."""
        is_closed = isinstance(problem, TransportError) and problem.reason == "closed"
        if isinstance(problem, TransportError) and hurried and not is_closed:
            return None  # the time that one task had left for its last poll says nothing about the server
        now = self._loop.time()
        if self._failing_since is None:
            self._failing_since = now
        allowed = self._policy.settle if isinstance(problem, NotFound) else self._policy.errors
        is_wrong_token = isinstance(problem, TokenRejected) and not problem.may_pass
        if is_closed or is_wrong_token or now >= self._failing_since + allowed:
            return problem.without_history()
        return None

    def _unconfirmed(self, message: Message) -> RefreshError:
        if self._refusal is not None:
            message = Message("refresh-refused-before", problem=message, refusal=self._refusal.what())
        return self._error(RefreshUnconfirmed, message)

    def _error(
        self, kind: type[RefreshError], message: Message, *, progress: int | None = None
    ) -> RefreshError:
        seen = self._watch.progress if progress is None else progress
        return kind(message, ticket=self.ticket, progress=seen, endpoint="refresh")


_STATUSES: dict[type[TaError], str] = {RefreshUnconfirmed: "unconfirmed", RefreshStalled: "stalled"}


def _status(outcome: RefreshResult | TaError) -> tuple[str, str]:
    """Return how a refresh ended, in the words of a batch, and why."""
    if isinstance(outcome, TaError):
        return _STATUSES.get(type(outcome), "failed"), str(outcome)
    return "succeeded", ""

"""Sending the requests of a batch: counted, cancellable, in time, and again where that may help."""

from __future__ import annotations

import asyncio
from math import inf
from random import Random
from typing import TYPE_CHECKING, TypeVar

from anyio.lowlevel import checkpoint_if_cancelled

from ..client.signal import Signal
from ..errors import TaError, TransportError
from .retry import is_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ..client.api import ApiClient
    from .outage import Outage

T = TypeVar("T")

# A request gets at least so many seconds, or the last poll before a deadline could not be had.
_SHORTEST_CALL = 0.1
LONG_AGO = 120.0
"""A failure that is older than so many seconds says nothing of how long the server has been down."""
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


class Sender:
    """Sends requests for all tasks of a batch.

    Attributes:
        requests: How many were sent. The retries of those that succeeded in the end are not counted.
        down_since: Since when every request has failed in a way that may pass; None while they do not.
        gave_up: Whether a request that was repeated for as long as polls may fail was given up, as no other one was answered either.
        random: For jitter.
    """

    def __init__(
        self, session: ApiClient, outage: Outage, *, errors: float, settle: float, deadline: float
    ) -> None:
        self.requests: int = 0
        self.down_since: float | None = None
        self.gave_up: bool = False
        self.random: Random = Random()  # noqa: S311  (jitter)
        self._session = session
        self._outage = outage
        self._errors = errors
        self._settle = settle
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._failed_at = -inf
        # How many reads are being repeated.
        self._repeated = 0
        self._is_stopped = False
        self._stopped = Signal()

    async def send(self, call: Coroutine[object, object, T]) -> T:
        """Await one request and count it, with its retries where it fails."""
        try:
            # A task whose turn has come when the batch is cancelled is cancelled at its next await only, which would be in the request.
            await checkpoint_if_cancelled()
        except BaseException:
            call.close()
            raise
        self.requests += 1
        try:
            answer = await call
        except TaError as problem:
            self.requests += problem.attempts - 1
            now = self._loop.time()
            if not problem.may_pass:
                self._answered()
            elif self.down_since is None or now - self._failed_at > LONG_AGO:
                self.down_since = now
            else:
                self._outage.continues("requests", problem, since=self.down_since, limit=self._errors)
            self._failed_at = now
            raise
        self._answered()
        return answer

    def _answered(self) -> None:
        self.gave_up = False
        if self.down_since is not None:
            self.down_since = None
            self._outage.ends("requests")

    async def read(
        self,
        call: Callable[[], Coroutine[object, object, T]],
        *,
        adapt: Callable[[TaError], bool] = lambda _: False,
    ) -> T:
        """Await a request that changes nothing, again while that may help, as long as polls may fail.

        While nothing at all gets an answer, all tasks have this time together, or they would have it one after the other. What the TA
        server itself refuses without a reason, while it answers other requests, is asked for no longer than an end takes to settle.

        `adapt` gets each error first. It returns True when the next call asks for something else, which is then done at once.
        """
        began = self._loop.time()
        failed_at = inf
        wait = _FIRST_PAUSE
        try:
            while True:
                try:
                    return await self.send(call())
                except TaError as error:
                    if not self._is_stopped and adapt(error):
                        continue
                    if not error.may_pass:
                        raise
                    problem = error
                now = self._loop.time()
                self._repeated += failed_at == inf
                failed_at = min(failed_at, now)
                until = self._errors + (began if self.down_since is None else min(began, self.down_since))
                is_alone = self._repeated == 1
                is_down = self.down_since is not None and self.down_since <= failed_at
                if is_refusal(problem) and (is_alone or not is_down):
                    until, wait = min(until, failed_at + self._settle), _FIRST_PAUSE
                if not self._is_stopped and now + wait < until:
                    await self.pause(wait)
                    wait = min(2 * wait, _LONGEST_PAUSE)
                    if not self._is_stopped:
                        continue
                if is_down and not self._is_stopped and (isinstance(problem, TransportError) or not is_alone):
                    self.gave_up = True
                raise problem
        finally:
            self._repeated -= failed_at < inf

    def waits(self, now: float) -> bool:
        """Whether trouble that all requests have may still be waited for."""
        return self.down_since is None or now < self.down_since + self._errors

    async def pause(self, seconds: float) -> None:
        """Sleep for about so long, at most until `stop`."""
        await self._stopped.wait(self._loop.time() + seconds * self.random.uniform(0.8, 1.2))

    def stop(self) -> None:
        """Try nothing again from now on."""
        self._is_stopped = True
        self._stopped.fire()

    def timeout(self, until: float = inf) -> float | None:
        """Return how long a request may take, so that the batch ends in time; None for as long as the session says."""
        until = min(until, self._deadline)
        if until == inf:
            return None
        return min(self._session.timeout, max(until - self._loop.time(), _SHORTEST_CALL))

    def concurrency(self, most: int) -> int:
        """Return how many requests of one kind, polls or submits, may be under way at a time.

        Either kind leaves half of the connections to the other. Where the rate is limited, no more wait than have their turn in time.
        """
        share = float(self._session.max_connections // 2)
        if self._session.rate_limit is not None:
            share = min(share, self._session.rate_limit * self._session.timeout / 4)
        return max(1, min(most, int(share)))

"""Whether the server refuses everything alike, which is the fault of none of the clusters."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, TypeAlias

from .events import Held, Released

if TYPE_CHECKING:
    from ..errors import TaError
    from .event_stream import EventStream
    from .log import BatchLog

Failing: TypeAlias = Literal["requests", "refreshes"]

# What has failed for a shorter time than so many seconds is not worth telling.
_HELD = 5.0


class Outage:
    """Tells the consumer and the log when a batch is held, and when it goes on."""

    def __init__(self, log: BatchLog, events: EventStream) -> None:
        self._log = log
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        # Since when each kind has been told to fail.
        self._failing: dict[Failing, float] = {}

    def continues(self, failing: Failing, error: TaError, *, since: float, limit: float) -> None:
        """All of this kind has failed since then; the batch waits for `limit` seconds at most."""
        now = self._loop.time()
        if self._failing.keys() & {failing, "requests"} or now < since + _HELD:
            return
        self._failing[failing] = since
        held = Held(at=now - self._began, failing=failing, seconds=now - since, limit=limit, error=error)
        self._log.held(held)
        self._events.emit(held)

    def ends(self, failing: Failing) -> None:
        """One of this kind has succeeded."""
        since = self._failing.pop(failing, None)
        if since is None or self._failing:
            return
        now = self._loop.time()
        released = Released(at=now - self._began, seconds=now - since)
        self._log.released(released)
        self._events.emit(released)

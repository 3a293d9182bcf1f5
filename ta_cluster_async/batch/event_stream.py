"""The events of a batch on their way to the consumer."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..client.signal import Signal
from .events import Progressed

if TYPE_CHECKING:
    from .events import Event
    from .log import BatchLog

# Events that may be on their way to a slow consumer before the batch waits for it.
_MOST = 1024


class EventStream:
    """Hands events to one consumer. Without a consumer they are dropped."""

    def __init__(self, log: BatchLog) -> None:
        self._log = log
        self._has_waited = False
        self._events: deque[Event] = deque()
        self._has_consumer = True
        self._ended = False
        self._added = Signal()
        self._taken = Signal()

    def emit(self, event: Event) -> None:
        """Hand over an event. Progress is left out while the consumer is behind."""
        if not self._has_consumer or (isinstance(event, Progressed) and len(self._events) > _MOST // 2):
            return
        self._events.append(event)
        self._added.fire()

    async def wait_for_consumer(self) -> None:
        """Wait until the consumer has caught up."""
        while self._has_consumer and len(self._events) >= _MOST:
            if not self._has_waited:
                self._has_waited = True
                self._log.waits_for_consumer(len(self._events))
            await self._taken.wait()

    def drop(self) -> None:
        """Take no more events: nobody listens."""
        self._has_consumer = False
        self._taken.fire()

    def end(self) -> None:
        """End the stream behind the events that are on their way."""
        self._ended = True
        self._added.fire()

    async def next(self) -> Event | None:
        """Return the next event; None at the end."""
        while not self._events:
            if self._ended:
                return None
            await self._added.wait()
        event = self._events.popleft()
        self._taken.fire()
        return event

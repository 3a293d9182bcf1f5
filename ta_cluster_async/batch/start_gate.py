"""The caller's own step before refreshes are started: a write-ahead store, or a fence against a second copy."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from attrs import define, field

from ..models import RefreshTicket

BeforeStart: TypeAlias = Callable[[Sequence[RefreshTicket]], Awaitable[None] | None]
"""Called with the tickets of the refreshes that are about to be started; what it raises stops them."""


@define
class _Group:
    """Refreshes that are ready together."""

    tickets: list[RefreshTicket] = field(factory=list)
    called: bool = False
    error: BaseException | None = None


class StartGate:
    """Awaits `before_start` once for all refreshes that are ready together, one call at a time."""

    def __init__(self, before_start: BeforeStart) -> None:
        self._before_start = before_start
        self._turn = asyncio.Lock()
        self._next = _Group()

    async def wait(self, ticket: RefreshTicket) -> None:
        """Return when `before_start` was awaited with this ticket. Raises what it raised."""
        group = self._next
        group.tickets.append(ticket)
        async with self._turn:
            if not group.called:
                # All that are ready in this turn of the loop go together.
                await asyncio.sleep(0)
                self._next = _Group()
                await self._call(group)
        if group.error is not None:
            raise group.error

    async def _call(self, group: _Group) -> None:
        group.called = True
        try:
            answer = self._before_start(tuple(group.tickets))
            if inspect.isawaitable(answer):
                await answer
        except BaseException as problem:
            # Of the others of the group, none may be started either.
            group.error = problem
            raise

"""The caller's own step before refreshes are started: a write-ahead store, or a fence against a second copy."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import TypeAlias

import anyio
from attrs import define, field

from ..models import RefreshTicket

BeforeStart: TypeAlias = Callable[[Sequence[RefreshTicket]], Awaitable[None] | None]
"""Called with the tickets of the refreshes that are about to be started; what it raises stops them."""


@define
class _Group:
    """Refreshes that are ready together."""

    tickets: list[RefreshTicket] = field(factory=list)
    called: bool = False


class StartGate:
    """Awaits `before_start` once for all refreshes that are ready together, one call at a time.

    Attributes:
        error: What it raised, so that nothing more may be started; None before.
    """

    def __init__(self, before_start: BeforeStart, *, deadline: float = inf) -> None:
        self.error: BaseException | None = None
        self._before_start = before_start
        self._deadline = deadline
        self._turn = asyncio.Lock()
        self._next = _Group()

    async def wait(self, ticket: RefreshTicket) -> None:
        """Return when `before_start` was awaited with this ticket, or at the deadline. Raises what it raised."""
        group = self._next
        group.tickets.append(ticket)
        async with self._turn:
            if not group.called and self.error is None:
                # All that are ready in this turn of the loop go together.
                await asyncio.sleep(0)
                self._next = _Group()
                await self._call(group)
        if self.error is not None:
            raise self.error

    async def _call(self, group: _Group) -> None:
        group.called = True
        try:
            # At the deadline the batch was stopped already, and starts nothing that was waiting here.
            with anyio.CancelScope(deadline=self._deadline):
                answer = self._before_start(tuple(group.tickets))
                if inspect.isawaitable(answer):
                    await answer
        except BaseException as problem:
            # Of the others, none may be started either.
            self.error = problem
            raise

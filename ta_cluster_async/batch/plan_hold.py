"""Waiting before a plan is started that another process may be running, or may have begun before it died."""

from __future__ import annotations

from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING

from .attach import begun_elsewhere
from .listing import is_baseline
from .lookup import look_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .state import BatchState
    from .target import Target

# Two processes that begin in the same instant wait for a random time of up to so many seconds, so that one sees what the other does.
_APART = 2.0
# So many looks fall into the time without a sign.
_LOOKS = 2


class PlanHold:
    """Holds the targets whose baseline still stands, until no other process seems to run the same plan.

    The plan alone does not tell whether it is run for the first time. A server may queue what a process that died has started, and show
    the old state meanwhile. So while refreshes move that this process did not start, those that have not moved are waited for: until
    nothing has moved for `resume_grace` seconds. Only a plan that is younger than that, and of which nothing has moved, is begun at once.
    """

    def __init__(self, state: BatchState) -> None:
        self._state = state
        self._targets: dict[int, Target] = {}
        self._moved_at: float | None = None

    def add(self, target: Target) -> None:
        """Hold a target, or note that another process has begun it; `run` gives it back in either case."""
        self._targets[target.cluster_id] = target

    def take(self) -> list[Target]:
        """Return what is still held, and hold it no more."""
        targets = list(self._targets.values())
        self._targets.clear()
        return targets

    async def run(self) -> AsyncIterator[Target]:
        """Yield each target: at once when it has moved, and else when nothing has moved for long enough."""
        state, grace = self._state, self._state.options.resume_grace
        for target in self._moved():
            yield target
        assert state.plan is not None
        now = state.loop.time()
        age = (datetime.now(UTC) - state.plan.made_at).total_seconds()
        until = now + state.sender.random.uniform(0.0, min(_APART, grace))
        if self._moved_at is not None or age > grace:
            until += grace
        while self._targets and not state.stopped:
            left = max(0.0, until - state.loop.time())
            await state.sender.pause(min(left, max(grace / _LOOKS, state.policy.first)))
            is_last = state.loop.time() >= until
            await self._read_again()
            for target in self._moved():
                yield target
            if self._moved_at is not None:
                until = max(until, self._moved_at + grace)
            if is_last and state.loop.time() >= until:
                break
        for target in self.take():
            yield target

    async def _read_again(self) -> None:
        state = self._state
        began = state.loop.time()
        found = await look_up(state, [target.call_ref for target in self._targets.values()])
        for target in self._targets.values():
            known = found.by_id.get(target.cluster_id)
            # What is gone is found out right before its request.
            if known is not None:
                seen, _, place = known
                target.set_baseline(seen, began if is_baseline(seen) or place is None else -inf)

    def _moved(self) -> list[Target]:
        """Take out those that another process has begun."""
        moved = [target for target in self._targets.values() if begun_elsewhere(target) is not None]
        for target in moved:
            del self._targets[target.cluster_id]
        if moved:
            self._moved_at = self._state.loop.time()
        return moved

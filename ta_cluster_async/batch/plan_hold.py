"""Waiting before a plan is started that another process may be running, or may have begun before it died."""

from __future__ import annotations

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
    nothing has moved for `resume_grace` seconds, and fewer run than ran together before. As long as that many run, the server may have
    no place for those in its queue; but where nothing moves for the `grace` of the policy, nothing is in its queue.
    """

    def __init__(self, state: BatchState) -> None:
        self._state = state
        self._targets: dict[int, Target] = {}
        self._moved_at = state.loop.time()
        # The most that ran at once, and when that many last did.
        self._most = 0
        self._full_at = -inf

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
        until = state.loop.time() + grace + state.sender.random.uniform(0.0, min(_APART, grace))
        while self._targets and not state.stopped:
            left = max(0.0, until - state.loop.time())
            await state.sender.pause(min(left, max(grace / _LOOKS, state.policy.first)))
            is_last = state.loop.time() >= until
            await self._read_again()
            for target in self._moved():
                yield target
            self._count_running()
            queued = min(self._full_at + grace, self._moved_at + state.policy.grace)
            until = max(until, self._moved_at + grace, queued)
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

    def _count_running(self) -> None:
        """Note whether the server may have no place for what is in its queue."""
        running = self._state.seen_running
        self._most = max(self._most, running)
        if running and running == self._most:
            self._full_at = self._state.loop.time()

    def _moved(self) -> list[Target]:
        """Take out those that another process has begun."""
        moved = [target for target in self._targets.values() if begun_elsewhere(target) is not None]
        for target in moved:
            del self._targets[target.cluster_id]
        if moved:
            self._moved_at = self._state.loop.time()
        return moved

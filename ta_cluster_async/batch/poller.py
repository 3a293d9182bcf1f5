"""Polling what is in flight: in rounds, by list pages where several are on one page, and else one by one."""

from __future__ import annotations

import asyncio
from collections import Counter
from math import inf
from typing import TYPE_CHECKING

from ..errors import SchemaError, TaError, TokenRejected
from .baselines import read_state
from .listing import is_baseline, read_row
from .poll_results import poll_failed, poll_succeeded
from .retry import ends_the_batch
from .schedule import choose
from .workers import run_all

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ..models import Catalog, JsonValue
    from .listing import ListView, RawPage
    from .state import BatchState
    from .target import Target

_CONCURRENCY = 8
# Rows of a page that are taken in before others have a turn of the event loop.
_IN_ONE_TURN = 100
# What is due within this share of the time between two rounds is polled in the round at hand.
_TOGETHER = 0.5
# Pages that cannot be read for this share of the time for which polls may fail are given up.
_OF_ERRORS = 0.5


class Poller:
    """Polls all that a batch has in flight. A row that is absent from a page is unknown, not finished."""

    def __init__(self, state: BatchState) -> None:
        self._state = state
        self._round_at = state.loop.time()
        # What pages of this round should have shown and have not, and by how many places their other rows have moved.
        self._absent: list[tuple[Target, int]] = []

    async def run(self) -> None:
        """Poll until the batch is over."""
        state = self._state
        while not state.done:
            if not state.in_flight:
                await state.changed.wait()
                continue
            at = self._next_round()
            if state.loop.time() < at:
                await state.tracked.wait(at)  # one that comes into flight may be due earlier
                continue
            await self._round()
            await state.events.wait_for_consumer()

    def _next_round(self) -> float:
        """Return when the next round begins: rounds keep their distance, but not from a last poll."""
        state = self._state
        schedule = state.schedule(state.loop.time())
        due = min(target.due for target in state.in_flight.values())
        last = min(target.last_poll for target in state.in_flight.values())
        return min(
            max(due, self._round_at + schedule.spacing),
            max(last, self._round_at + schedule.shortest),
        )

    async def _round(self) -> None:
        state = self._state
        now = self._round_at = state.loop.time()
        limit = now + _TOGETHER * state.schedule(now).spacing
        due = [target for target in state.in_flight.values() if target.next_poll <= limit]
        crowd = Counter(
            key for target in state.in_flight.values() if (key := self._page_key(target)) is not None
        )
        pages = choose(((target.catalog, self._page(target)) for target in due), crowd)
        sought: set[Target] = set()
        for view in state.views.values():
            lost = [target for target in due if _is_lost(target, view)]
            if len(lost) > view.pages:
                pages |= {(view.catalog.value, number) for number in range(1, view.pages + 1)}
                sought.update(lost)
        alone = [
            target
            for target in due
            if self._page_key(target) not in pages and target not in sought and target.next_poll <= now + 0.1
        ]
        polls: list[Coroutine[object, object, None]] = [
            self._poll_page(state.views[catalog], number, due)  # type: ignore[index]
            for catalog, number in sorted(pages)
        ]
        polls += [self._poll_one(target) for target in alone]
        state.round_cost += 0.2 * (len(polls) - state.round_cost)
        await run_all(polls, state.sender.concurrency(_CONCURRENCY))
        for target in sought:
            if not self._was_polled(target):
                target.hide(state.loop.time())
        self._find_moved(set(due))

    def _find_moved(self, due: set[Target]) -> None:
        """Rows that no page has shown have moved: by as much as the others of their page, or else poll them alone."""
        absent, self._absent = self._absent, []
        for target, shift in absent:
            if self._was_polled(target):
                continue
            if shift:
                target.moved_by(shift)
            elif target in due:
                target.lost()
            if target in due:
                target.poll_at(self._state.loop.time())

    def _page(self, target: Target) -> int | None:
        return None if target.hidden else self._state.views[target.catalog].page_of(target.place)

    def _page_key(self, target: Target) -> tuple[str, int] | None:
        page = self._page(target)
        return None if page is None else (target.catalog, page)

    def _was_polled(self, target: Target) -> bool:
        """Whether this round has polled it, or it is in flight no more."""
        return (
            target.polled_at >= self._round_at or self._state.in_flight.get(target.cluster_id) is not target
        )

    async def _poll_page(self, view: ListView, number: int, due: list[Target]) -> None:
        state = self._state
        wanted = [target for target in due if target.catalog is view.catalog and self._page(target) == number]
        until = min((target.deadline for target in wanted), default=inf)
        sent = state.loop.time()
        try:
            page = await state.sender.send(view.read(number, state.sender.timeout(until)))
        except TaError as problem:
            self._page_failed(view, wanted, problem)
            return
        view.failing_since = None
        shift = await self._take_page(view.catalog, page, sent)
        # Another page of this round may show those that this one should have shown.
        key = (view.catalog.value, number)
        self._absent += [
            (target, shift) for target in state.in_flight.values() if self._page_key(target) == key
        ]

    def _page_failed(self, view: ListView, wanted: list[Target], problem: TaError) -> None:
        """A page could not be read. If that does not pass, its clusters are polled alone."""
        state = self._state
        now = state.loop.time()
        if view.failing_since is None:
            view.failing_since = now
        is_lasting = not problem.may_pass or now - view.failing_since > _OF_ERRORS * state.policy.errors
        for target in wanted:
            if isinstance(problem, TokenRejected) or problem.may_pass or ends_the_batch(problem):
                poll_failed(state, target, problem)
            if is_lasting and not self._was_polled(target):
                target.hide(max(now, target.due) if problem.may_pass else now)

    async def _take_page(self, catalog: Catalog, page: RawPage, sent: float) -> int:
        """Take in all rows that matter, of a page that was asked for then.

        Returns by how many places the latest one of them has moved.
        """
        state = self._state
        now = state.loop.time()
        schedule = state.schedule(now)
        shift = 0
        for place, row in enumerate(page.rows, page.first_place):
            if place % _IN_ONE_TURN == 0:
                await asyncio.sleep(0)
            target = self._target_of(row, catalog)
            if target is None:
                continue
            try:
                seen = read_row(row)
            except SchemaError:
                continue  # its detail is read, as if it were not there
            if target.place is not None:
                shift = place - target.place
            target.found_at(place)
            if target.watch is None:
                if is_baseline(seen) and sent >= target.read_at:
                    target.set_baseline(seen, now)
            elif target.posted > sent:
                continue  # the page may have been made before the refresh was started
            elif target.watch.proven or is_baseline(seen) or seen.progress == 0:
                poll_succeeded(state, target, seen, now, schedule, is_detail=False)
            else:
                target.hide(now)  # an end that only the refresh time can prove, which the list does not show
        return shift

    def _target_of(self, row: dict[str, JsonValue], catalog: Catalog) -> Target | None:
        """Return the target of a row, if that is in flight or waits."""
        cluster_id = row.get("id")
        if type(cluster_id) is not int:
            return None
        target = self._state.in_flight.get(cluster_id) or self._state.waiting_ids.get(cluster_id)
        return None if target is None or target.catalog is not catalog else target

    async def _poll_one(self, target: Target) -> None:
        state = self._state
        if self._was_polled(target):
            return
        try:
            with state.observing(target):
                seen = await state.sender.send(read_state(state, target))
        except TaError as problem:
            poll_failed(state, target, problem)
            return
        if state.in_flight.get(target.cluster_id) is target:
            now = state.loop.time()
            poll_succeeded(state, target, seen, now, state.schedule(now), is_detail=True)


def _is_lost(target: Target, view: ListView) -> bool:
    """Whether it may be anywhere in a list that can be read."""
    return (
        target.catalog is view.catalog
        and target.place is None
        and not target.hidden
        and view.total is not None
        and view.failing_since is None
    )

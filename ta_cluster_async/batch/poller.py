"""Watching what is in flight: rounds of looks, by list pages where several are on one page, and one by one else."""

from __future__ import annotations

import asyncio
from collections import Counter
from math import inf
from typing import TYPE_CHECKING

from ..errors import NotFound, SchemaError, TaError, TokenRejected
from ..messages import Message
from ..models.ticket_errors import (
    OutcomeUnknown,
    RefreshFailed,
    RefreshStalled,
    RefreshTimeout,
    RefreshUnconfirmed,
)
from ..protocol.refresh import Verdict, look
from .events import Progressed
from .listing import is_baseline, read_row
from .report import Status
from .retry import ends_the_batch, may_pass
from .schedule import choose, next_wait, remaining
from .submitter import confirm, read_state
from .workers import run_all

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ..models import Catalog, JsonValue
    from ..models.ticket_errors import RefreshError
    from .listing import ClusterState, ListView, RawPage
    from .schedule import PollSchedule, PollState
    from .state import BatchState
    from .target import Target

_CONCURRENCY = 8
# Rows of a page that are taken in before others have a turn of the event loop.
_IN_ONE_TURN = 100
# What is due within this share of the time between two rounds is looked at in the round at hand.
_TOGETHER = 0.5
# Pages that cannot be read for this share of the time for which polls may fail are given up.
_OF_ERRORS = 0.5


class Poller:
    """One for each batch. A row that is absent from a page is unknown, not finished."""

    def __init__(self, state: BatchState) -> None:
        self._state = state
        self._round_at = state.loop.time()
        # What pages of this round should have shown and have not, and by how many places their other rows have moved.
        self._absent: list[tuple[Target, int]] = []

    async def watch(self) -> None:
        """Look until the batch is over."""
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
            await state.wait_for_consumer()

    def _next_round(self) -> float:
        """When the next round begins: rounds keep their distance, but not from a last look."""
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
        due = [target for target in state.in_flight.values() if min(target.due, target.last_poll) <= limit]
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
            if self._page_key(target) not in pages
            and target not in sought
            and min(target.due, target.last_poll) <= now + 0.1
        ]
        polls: list[Coroutine[object, object, None]] = [
            self._poll_page(state.views[catalog], number, due)  # type: ignore[index]
            for catalog, number in sorted(pages)
        ]
        polls += [self._poll_one(target) for target in alone]
        state.round_cost += 0.2 * (len(polls) - state.round_cost)
        await run_all(polls, state.concurrency(_CONCURRENCY))
        for target in sought:
            if not self._was_polled(target):
                _hide(target, state.loop.time())
        self._find_moved(set(due))

    def _find_moved(self, due: set[Target]) -> None:
        """Rows that no page has shown have moved: by as much as the others of their page, or else they are looked for alone."""
        absent, self._absent = self._absent, []
        for target, shift in absent:
            if self._was_polled(target):
                continue
            if shift and target.place is not None:
                target.place = max(0, target.place + shift)
            elif target in due:
                target.place = None
            if target in due:
                target.due = self._state.loop.time()

    def _page(self, target: Target) -> int | None:
        return None if target.hidden else self._state.views[target.catalog].page_of(target.place)

    def _page_key(self, target: Target) -> tuple[str, int] | None:
        page = self._page(target)
        return None if page is None else (target.catalog, page)

    def _was_polled(self, target: Target) -> bool:
        """Whether this round has looked at it, or it is in flight no more."""
        return (
            target.polled_at >= self._round_at or self._state.in_flight.get(target.cluster_id) is not target
        )

    async def _poll_page(self, view: ListView, number: int, due: list[Target]) -> None:
        state = self._state
        wanted = [target for target in due if target.catalog is view.catalog and self._page(target) == number]
        until = min((target.deadline for target in wanted), default=inf)
        sent = state.loop.time()
        try:
            page = await state.send(view.read(number, state.call_timeout(until)))
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
        """A page could not be read. If that does not pass, its clusters are looked at alone."""
        state = self._state
        now = state.loop.time()
        if view.failing_since is None:
            view.failing_since = now
        is_lasting = not may_pass(problem) or now - view.failing_since > _OF_ERRORS * state.policy.errors
        for target in wanted:
            if isinstance(problem, TokenRejected) or may_pass(problem) or ends_the_batch(problem):
                self._poll_failed(target, problem)
            if is_lasting and not self._was_polled(target):
                _hide(target, max(now, target.due) if may_pass(problem) else now)

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
                continue  # its detail is looked at, as if it were not there
            if target.place is not None:
                shift = place - target.place
            target.place = place
            if target.watch is None:
                if is_baseline(seen) and sent >= target.read_at:
                    target.take(seen, now)
            elif target.posted > sent:
                continue  # the page may have been made before the refresh was started
            elif target.watch.proven or is_baseline(seen) or seen.progress == 0:
                self._take_state(target, seen, now, schedule)
            else:
                _hide(
                    target, now
                )  # an end that only the refresh time can prove, and the list does not tell it
        return shift

    def _target_of(self, row: dict[str, JsonValue], catalog: Catalog) -> Target | None:
        """What a row is of, if that is in flight or waits."""
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
            seen = await state.send(read_state(state, target))
        except TaError as problem:
            self._poll_failed(target, problem)
            return
        if state.in_flight.get(target.cluster_id) is target:
            now = state.loop.time()
            self._take_state(target, seen, now, state.schedule(now))

    def _take_state(self, target: Target, seen: ClusterState, now: float, schedule: PollSchedule) -> None:
        state = self._state
        watch = target.watch
        assert watch is not None
        before, was_proven = watch.progress, watch.proven
        watch, verdict = look(watch, state.policy, now, seen.progress, seen.refresh_time)
        if watch.proven and not was_proven:
            target.hidden = False
            if target.polled_at > target.posted:
                target.began = target.polled_at  # it was not seen to run until after that
                state.queue_front, state.queue_moved = target.posted, now
        if watch.proven and watch.progress == 0:
            target.began = now
        elif watch.proven and target.risen is None and seen.progress < 100:
            target.risen = now, max(0, seen.progress)
        target.watch = watch
        target.failing_since = target.gone_since = None
        if (target.doubt is not None or target.resend) and (
            watch.proven or verdict in (Verdict.SUCCEEDED, Verdict.FAILED)
        ):
            target.doubt = None
            target.resend = False
            confirm(state, target)
        if watch.progress != before:
            state.moved = now
            self._emit_progress(target, watch.progress)
        if self._may_be_queued(target, verdict, now):
            verdict = Verdict.WAIT
        if verdict is Verdict.WAIT and now < target.last_poll:
            target.polled_at = now
            target.not_watched = target.not_watched and watch.standing is not None
            poll_state = target.poll_state
            left = remaining(poll_state, now)
            target.ends = None if left is None else now + left
            target.due = now + self._wait(target, poll_state, now, schedule)
            return
        self._end(target, verdict, seen, now)

    def _emit_progress(self, target: Target, progress: int | None) -> None:
        """Tell that it has risen. Of one that is to be refreshed anew, only the progress of that refresh counts."""
        state = self._state
        assert progress is not None  # a watch knows more with each look, and what it shows never falls
        if progress < 100 and not target.rerun:
            state.emit(
                Progressed(
                    at=state.at(),
                    ref=target.ref,
                    cluster_id=target.cluster_id,
                    cluster_name=target.name,
                    progress=progress,
                )
            )

    def _may_be_queued(self, target: Target, verdict: Verdict, now: float) -> bool:
        """Whether it only seems to be stalled or lost, because the server is still busy with what it took before."""
        state = self._state
        watch = target.watch
        assert watch is not None
        if verdict is Verdict.STALLED:
            return watch.progress == 0 and now - state.moved < state.policy.stall
        if verdict is Verdict.UNCONFIRMED:
            if state.queue_front <= target.posted and now - state.queue_moved < state.policy.grace:
                return True
            return self._is_ahead(target) and now - state.moved < state.policy.stall
        return False

    def _is_ahead(self, target: Target) -> bool:
        """Whether it may have been submitted ahead of its turn: something that was submitted before it runs."""
        state = self._state
        return state.options.submit_ahead > 0 and any(
            other.watch is not None and other.watch.proven and other.posted <= target.posted
            for other in state.in_flight.values()
        )

    def _wait(self, target: Target, poll_state: PollState, now: float, schedule: PollSchedule) -> float:
        """Seconds until the next look."""
        state = self._state
        watch = target.watch
        assert watch is not None
        if watch.standing is not None:
            return max(schedule.shortest, watch.standing[2] + state.policy.settle - now)
        wait = next_wait(poll_state, schedule, now) * state.random.uniform(0.97, 1.03)
        grace = watch.since + state.policy.grace - now
        if not watch.proven and grace > 0:
            wait = min(wait, max(schedule.shortest, grace))
        return wait

    def _end(self, target: Target, verdict: Verdict, seen: ClusterState, now: float) -> None:
        state = self._state
        if target.rerun and verdict in (Verdict.SUCCEEDED, Verdict.FAILED):
            self._start_again(target, seen, now)
            return
        match verdict:
            case Verdict.SUCCEEDED:
                state.finish(target, target.outcome(Status.SUCCEEDED, now, seen=seen))
            case Verdict.FAILED:
                error = self._error(target, RefreshFailed, Message("refresh-reported-failed"))
                state.finish(target, target.outcome(Status.FAILED, now, error, seen=seen))
            case Verdict.STALLED:
                assert target.watch is not None
                what = Message("refresh-stood-still", seconds=now - target.watch.moved)
                error = self._error(target, RefreshStalled, what)
                state.finish(target, target.outcome(Status.STALLED, now, error))
            case Verdict.UNCONFIRMED if target.resend:
                self._start_again(target, seen, now)
            case Verdict.UNCONFIRMED:
                self._unconfirmed(target, Message("refresh-not-proven", seconds=state.policy.grace), now)
            case Verdict.WAIT:  # pragma: no branch - there is no other
                self._time_is_over(target, now)

    def _start_again(self, target: Target, seen: ClusterState, now: float) -> None:
        """What was joined has ended, or what a dead process intended has not begun: now it is refreshed."""
        state = self._state
        del state.in_flight[target.cluster_id]
        target.untrack(seen, now)
        state.enqueue(target, first=True)
        state.drop_waiting()
        state.changed.fire()

    def _poll_failed(self, target: Target, problem: TaError) -> None:
        """A look failed: it is tried again until looks have failed for too long; a rejected token ends everything."""
        state = self._state
        now = state.loop.time()
        if isinstance(problem, TokenRejected):
            state.abort(problem)
            return
        if ends_the_batch(problem):
            raise problem
        if state.in_flight.get(target.cluster_id) is not target:
            return
        if isinstance(problem, NotFound):
            since = target.gone_since = now if target.gone_since is None else target.gone_since
            allowed = state.policy.settle
        else:
            target.gone_since = None
            since = target.failing_since = now if target.failing_since is None else target.failing_since
            allowed = state.policy.errors
        if now >= target.last_poll:
            self._time_is_over(target, now)
        elif now - since < allowed:
            schedule = state.schedule(now)
            target.due = now + min(max(schedule.shortest, 0.5 * (now - since)), schedule.longest)
        elif isinstance(problem, NotFound):
            state.finish(target, target.outcome(Status.FAILED, now, problem))
        else:
            self._unconfirmed(target, Message("polls-failed", seconds=now - since, cause=problem.what()), now)

    def _unconfirmed(self, target: Target, what: Message, now: float) -> None:
        error = target.doubt or self._error(target, RefreshUnconfirmed, what)
        if isinstance(error, OutcomeUnknown):
            error.ticket = target.ticket
        self._state.finish(target, target.outcome(Status.UNCONFIRMED, now, error))

    def _time_is_over(self, target: Target, now: float) -> None:
        error = self._error(target, RefreshTimeout, Message("refresh-out-of-time"))
        self._state.finish(target, target.outcome(Status.TIMED_OUT, now, error))

    def _error(self, target: Target, kind: type[RefreshError], what: Message) -> RefreshError:
        ticket = target.ticket
        watch = target.watch
        assert ticket is not None
        assert watch is not None
        return kind(what, ticket=ticket, progress=watch.progress, endpoint="refresh")


def _is_lost(target: Target, view: ListView) -> bool:
    """Whether it may be anywhere in a list that can be read."""
    return (
        target.catalog is view.catalog
        and target.place is None
        and not target.hidden
        and view.total is not None
        and view.failing_since is None
    )


def _hide(target: Target, due: float) -> None:
    target.hidden = True
    target.due = due

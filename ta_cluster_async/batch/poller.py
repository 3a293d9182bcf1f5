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
    from .listing import ListView, RawPage, Seen
    from .schedule import Sight, Tempo
    from .state import Run
    from .target import Target

_AT_ONCE = 8
# Rows of a page that are taken in before others have a turn of the event loop.
_IN_ONE_TURN = 100
# What is due within this share of the time between two rounds is looked at in the round at hand.
_TOGETHER = 0.5
# Pages that cannot be read for this share of the time for which polls may fail are given up.
_OF_ERRORS = 0.5


class Observer:
    """One for each batch. A row that is absent from a page is unknown, not finished."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._round_at = run.loop.time()
        # What pages of this round should have shown and have not, and by how many places their other rows have moved.
        self._absent: list[tuple[Target, int]] = []

    async def watch(self) -> None:
        """Look until the batch is over."""
        run = self._run
        while not run.done:
            if not run.flights:
                await run.changed.wait()
                continue
            at = self._next_round()
            if run.loop.time() < at:
                await run.flown.wait(at)  # one that comes into flight may be due earlier
                continue
            await self._round()
            await run.room()

    def _next_round(self) -> float:
        """When the next round begins: rounds keep their distance, but not from a last look."""
        run = self._run
        tempo = run.tempo(run.loop.time())
        due = min(target.due for target in run.flights.values())
        last = min(target.last_look for target in run.flights.values())
        return min(
            max(due, self._round_at + tempo.spacing),
            max(last, self._round_at + tempo.shortest),
        )

    async def _round(self) -> None:
        run = self._run
        now = self._round_at = run.loop.time()
        limit = now + _TOGETHER * run.tempo(now).spacing
        due = [target for target in run.flights.values() if min(target.due, target.last_look) <= limit]
        crowd = Counter(key for target in run.flights.values() if (key := self._page_key(target)) is not None)
        pages = choose(((target.catalog, self._page(target)) for target in due), crowd)
        sought: set[Target] = set()
        for view in run.views.values():
            lost = [target for target in due if _is_lost(target, view)]
            if len(lost) > view.pages:
                pages |= {(view.catalog.value, number) for number in range(1, view.pages + 1)}
                sought.update(lost)
        alone = [
            target
            for target in due
            if self._page_key(target) not in pages
            and target not in sought
            and min(target.due, target.last_look) <= now + 0.1
        ]
        looks: list[Coroutine[object, object, None]] = [
            self._look_at_page(run.views[catalog], number, due)  # type: ignore[index]
            for catalog, number in sorted(pages)
        ]
        looks += [self._look_at(target) for target in alone]
        run.round_cost += 0.2 * (len(looks) - run.round_cost)
        await run_all(looks, run.at_once(_AT_ONCE))
        for target in sought:
            if not self._was_seen(target):
                _hide(target, run.loop.time())
        self._seek(set(due))

    def _seek(self, due: set[Target]) -> None:
        """Rows that no page has shown have moved: by as much as the others of their page, or else they are looked for alone."""
        absent, self._absent = self._absent, []
        for target, shift in absent:
            if self._was_seen(target):
                continue
            if shift and target.place is not None:
                target.place = max(0, target.place + shift)
            elif target in due:
                target.place = None
            if target in due:
                target.due = self._run.loop.time()

    def _page(self, target: Target) -> int | None:
        return None if target.hidden else self._run.views[target.catalog].page_of(target.place)

    def _page_key(self, target: Target) -> tuple[str, int] | None:
        page = self._page(target)
        return None if page is None else (target.catalog, page)

    def _was_seen(self, target: Target) -> bool:
        """Whether this round has looked at it, or it is in flight no more."""
        return target.looked >= self._round_at or self._run.flights.get(target.cluster_id) is not target

    async def _look_at_page(self, view: ListView, number: int, due: list[Target]) -> None:
        run = self._run
        wanted = [target for target in due if target.catalog is view.catalog and self._page(target) == number]
        until = min((target.deadline for target in wanted), default=inf)
        sent = run.loop.time()
        try:
            page = await run.send(view.read(number, run.call_seconds(until)))
        except TaError as problem:
            self._no_page(view, wanted, problem)
            return
        view.failing_since = None
        shift = await self._take_page(view.catalog, page, sent)
        # Another page of this round may show those that this one should have shown.
        key = (view.catalog.value, number)
        self._absent += [(target, shift) for target in run.flights.values() if self._page_key(target) == key]

    def _no_page(self, view: ListView, wanted: list[Target], problem: TaError) -> None:
        """A page could not be read. If that does not pass, its clusters are looked at alone."""
        run = self._run
        now = run.loop.time()
        if view.failing_since is None:
            view.failing_since = now
        is_lasting = not may_pass(problem) or now - view.failing_since > _OF_ERRORS * run.policy.errors
        for target in wanted:
            if isinstance(problem, TokenRejected) or may_pass(problem) or ends_the_batch(problem):
                self._trouble(target, problem)
            if is_lasting and not self._was_seen(target):
                _hide(target, max(now, target.due) if may_pass(problem) else now)

    async def _take_page(self, catalog: Catalog, page: RawPage, sent: float) -> int:
        """Take in all rows that matter, of a page that was asked for then.

        Returns by how many places the latest one of them has moved.
        """
        run = self._run
        now = run.loop.time()
        tempo = run.tempo(now)
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
                self._take(target, seen, now, tempo)
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
        target = self._run.flights.get(cluster_id) or self._run.waiting_ids.get(cluster_id)
        return None if target is None or target.catalog is not catalog else target

    async def _look_at(self, target: Target) -> None:
        run = self._run
        if self._was_seen(target):
            return
        try:
            seen = await run.send(read_state(run, target))
        except TaError as problem:
            self._trouble(target, problem)
            return
        if run.flights.get(target.cluster_id) is target:
            now = run.loop.time()
            self._take(target, seen, now, run.tempo(now))

    def _take(self, target: Target, seen: Seen, now: float, tempo: Tempo) -> None:
        run = self._run
        watch = target.watch
        assert watch is not None
        before, was_proven = watch.progress, watch.proven
        watch, verdict = look(watch, run.policy, now, seen.progress, seen.refresh_time)
        if watch.proven and not was_proven:
            target.hidden = False
            if target.looked > target.posted:
                target.began = target.looked  # it was not seen to run until after that
                run.queue_front, run.queue_moved = target.posted, now
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
            confirm(run, target)
        if watch.progress != before:
            run.moved = now
            self._tell(target, watch.progress)
        if self._may_be_queued(target, verdict, now):
            verdict = Verdict.WAIT
        if verdict is Verdict.WAIT and now < target.last_look:
            target.looked = now
            target.unwatched = target.unwatched and watch.standing is not None
            sight = target.sight
            left = remaining(sight, now)
            target.ends = None if left is None else now + left
            target.due = now + self._wait(target, sight, now, tempo)
            return
        self._end(target, verdict, seen, now)

    def _tell(self, target: Target, progress: int | None) -> None:
        """Tell that it has risen. Of one that is to be refreshed anew, only the progress of that refresh counts."""
        run = self._run
        assert progress is not None  # a watch knows more with each look, and what it shows never falls
        if progress < 100 and not target.again:
            run.emit(
                Progressed(
                    at=run.at(),
                    ref=target.ref,
                    cluster_id=target.cluster_id,
                    cluster_name=target.name,
                    progress=progress,
                )
            )

    def _may_be_queued(self, target: Target, verdict: Verdict, now: float) -> bool:
        """Whether it only seems to be stalled or lost, because the server is still busy with what it took before."""
        run = self._run
        watch = target.watch
        assert watch is not None
        if verdict is Verdict.STALLED:
            return watch.progress == 0 and now - run.moved < run.policy.stall
        if verdict is Verdict.UNCONFIRMED:
            if run.queue_front <= target.posted and now - run.queue_moved < run.policy.grace:
                return True
            return self._is_ahead(target) and now - run.moved < run.policy.stall
        return False

    def _is_ahead(self, target: Target) -> bool:
        """Whether it may have been submitted ahead of its turn: something that was submitted before it runs."""
        run = self._run
        return run.options.submit_ahead > 0 and any(
            other.watch is not None and other.watch.proven and other.posted <= target.posted
            for other in run.flights.values()
        )

    def _wait(self, target: Target, sight: Sight, now: float, tempo: Tempo) -> float:
        """Seconds until the next look."""
        run = self._run
        watch = target.watch
        assert watch is not None
        if watch.standing is not None:
            return max(tempo.shortest, watch.standing[2] + run.policy.settle - now)
        wait = next_wait(sight, tempo, now) * run.random.uniform(0.97, 1.03)
        grace = watch.since + run.policy.grace - now
        if not watch.proven and grace > 0:
            wait = min(wait, max(tempo.shortest, grace))
        return wait

    def _end(self, target: Target, verdict: Verdict, seen: Seen, now: float) -> None:
        run = self._run
        if target.again and verdict in (Verdict.SUCCEEDED, Verdict.FAILED):
            self._start_again(target, seen, now)
            return
        match verdict:
            case Verdict.SUCCEEDED:
                run.settle(target, target.outcome(Status.SUCCEEDED, now, seen=seen))
            case Verdict.FAILED:
                error = self._error(target, RefreshFailed, Message("refresh-reported-failed"))
                run.settle(target, target.outcome(Status.FAILED, now, error, seen=seen))
            case Verdict.STALLED:
                assert target.watch is not None
                what = Message("refresh-stood-still", seconds=now - target.watch.moved)
                error = self._error(target, RefreshStalled, what)
                run.settle(target, target.outcome(Status.STALLED, now, error))
            case Verdict.UNCONFIRMED if target.resend:
                self._start_again(target, seen, now)
            case Verdict.UNCONFIRMED:
                self._unconfirmed(target, Message("refresh-not-proven", seconds=run.policy.grace), now)
            case Verdict.WAIT:  # pragma: no branch - there is no other
                self._time_is_over(target, now)

    def _start_again(self, target: Target, seen: Seen, now: float) -> None:
        """What was joined has ended, or what a dead process intended has not begun: now it is refreshed."""
        run = self._run
        del run.flights[target.cluster_id]
        target.land(seen, now)
        run.put(target, first=True)
        run.drop_waiting()
        run.changed.fire()

    def _trouble(self, target: Target, problem: TaError) -> None:
        """A look failed: it is tried again until looks have failed for too long; a rejected token ends everything."""
        run = self._run
        now = run.loop.time()
        if isinstance(problem, TokenRejected):
            run.abort(problem)
            return
        if ends_the_batch(problem):
            raise problem
        if run.flights.get(target.cluster_id) is not target:
            return
        if isinstance(problem, NotFound):
            since = target.gone_since = now if target.gone_since is None else target.gone_since
            allowed = run.policy.settle
        else:
            target.gone_since = None
            since = target.failing_since = now if target.failing_since is None else target.failing_since
            allowed = run.policy.errors
        if now >= target.last_look:
            self._time_is_over(target, now)
        elif now - since < allowed:
            tempo = run.tempo(now)
            target.due = now + min(max(tempo.shortest, 0.5 * (now - since)), tempo.longest)
        elif isinstance(problem, NotFound):
            run.settle(target, target.outcome(Status.FAILED, now, problem))
        else:
            self._unconfirmed(target, Message("polls-failed", seconds=now - since, cause=problem.what()), now)

    def _unconfirmed(self, target: Target, what: Message, now: float) -> None:
        error = target.doubt or self._error(target, RefreshUnconfirmed, what)
        if isinstance(error, OutcomeUnknown):
            error.ticket = target.ticket
        self._run.settle(target, target.outcome(Status.UNCONFIRMED, now, error))

    def _time_is_over(self, target: Target, now: float) -> None:
        error = self._error(target, RefreshTimeout, Message("refresh-out-of-time"))
        self._run.settle(target, target.outcome(Status.TIMED_OUT, now, error))

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

"""Starting refreshes: a bounded number of workers, each with one target at a time."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from anyio.lowlevel import checkpoint_if_cancelled

from ..errors import (
    ApiError,
    JournalError,
    MissingParameter,
    RateLimited,
    TaError,
    TokenRejected,
    TransportError,
)
from ..messages import Message
from ..protocol.endpoints import REFRESHES
from ..protocol.refresh import Effect, Start, effect_of, is_running, next_start
from ..protocol.requests import Request, ref_query
from .attach import attach, begun_elsewhere, new_ticket, resume
from .baselines import BaselineReader
from .events import Submitted
from .report import Status
from .retry import ends_the_batch, is_refusal
from .schedule import first_wait
from .sender import LONG_AGO
from .server_down import end_batch, end_starts

if TYPE_CHECKING:
    from ..models import JsonValue, RefreshTicket
    from .limit import Words
    from .listing import ClusterState
    from .state import BatchState
    from .target import Target

_CONCURRENCY = 16
_LONGEST_PAUSE = 30.0
# When so many clusters are refused in a row, it is about none of them.
_MANY = 5


class Submitter:
    """Sends the one POST of each target, when its intent is safely in the journal."""

    def __init__(self, state: BatchState) -> None:
        self._state = state
        self._baselines = BaselineReader(state)
        # Since when every POST has failed, of which clusters, and when the latest did; when the latest one was taken.
        self._failing_since = inf
        self._failing: set[int] = set()
        self._failed_at = -inf
        self._taken_at = -inf
        self._postponed: set[int] = set()
        # Clusters that were refused since then, and those that were when another was taken, so that it is about them.
        self._refused: set[int] = set()
        self._refused_alone: set[int] = set()

    @property
    def workers(self) -> int:
        """How many targets are started at a time."""
        return self._state.sender.concurrency(min(_CONCURRENCY, self._state.limit.number))

    async def work(self) -> None:
        """Start targets until the batch is over."""
        state = self._state
        while (target := await state.next_target()) is not None:
            # When this is cancelled, the target stays among those that are being started, and so in the report.
            with state.observing(target):
                await self._start(target)
            state.starting.discard(target)
            state.changed.fire()
            await state.events.wait_for_consumer()

    async def _start(self, target: Target) -> None:
        gate = self._state.gate
        try:
            await self._submit(target)
        except TaError as error:
            # What the caller's own step raises is about no cluster, and is not the server's word.
            if ends_the_batch(error) or (gate is not None and error is gate.error):
                raise
            self._not_taken(target, error)

    def _not_taken(self, target: Target, error: TaError) -> None:
        """Give a target that an error has kept from being started its outcome, and stop the batch where that is about all."""
        state = self._state
        if isinstance(error, TokenRejected):
            state.abort(error)
            state.finish(target, state.unstarted(target, error))
        elif isinstance(error, JournalError):
            state.interrupted = True
            state.stop(Message("batch-journal-lost", cause=error.what()), error=error)
            state.finish(target, state.unstarted(target, error))
        else:
            if state.sender.gave_up and error.may_pass:
                end_batch(state, error)
            if state.stopped and error.may_pass:
                state.finish(target, state.unstarted(target))
                return
            status = Status.REJECTED if is_refusal(error) else Status.FAILED
            state.finish(target, target.outcome(status, state.loop.time(), error))

    async def _submit(self, target: Target) -> None:
        """Bring it into flight, give it its outcome, or put it back. Raises what speaks against its refresh."""
        if target.unanswered is None:
            await self._baselines.refresh(target)
        else:
            await self._baselines.read(target)
        other = begun_elsewhere(target)
        if other is None:
            await self._begin(target)
        else:
            resume(self._state, target, other)

    async def _begin(self, target: Target) -> None:
        """Have it refreshed, from the state that was just read."""
        state = self._state
        refused: list[ClusterState] = []
        refused_at = inf
        while True:
            before = target.seen
            if self._needs_no_post(target, refused):
                return
            refusal = await self._post(target)
            if refusal is None:
                return
            refused.append(before)
            refused_at = min(refused_at, state.loop.time())
            await self._read_after(refusal, target)
            seen, step = target.seen, next_start(target.seen, refused)
            if step is Start.POST or is_running(seen.progress, seen.refresh_time):
                continue
            if await self._put_back(target, refusal):
                return
            if refusal.may_pass and not await self._is_given_up(target, refusal, refused_at):
                refused.clear()
                await self._read_after(refusal, target)  # it may run by now all the same
            elif step is Start.GIVE_UP:
                if self._postpone(target, refusal, refused_at):
                    return
                raise refusal

    def _needs_no_post(self, target: Target, refused: list[ClusterState]) -> bool:
        """Deal with a target that needs no request: the batch was stopped, or a refresh runs. Returns whether it is one."""
        state = self._state
        now = state.loop.time()
        outcome = None
        if state.stopped:
            outcome = state.unstarted(target)
        elif target.take_up_unanswered(now, state.deadline_of(now)):
            state.track(target)
        elif next_start(target.seen, refused) is Start.ATTACH:
            outcome = attach(state, target)
        else:
            return False
        if outcome is not None:
            state.finish(target, outcome)
        return True

    async def _is_given_up(self, target: Target, refusal: ApiError, refused_at: float) -> bool:
        """Pause before a POST that was refused without a reason is tried again. Returns True when it is refused for good.

        As long as the server takes no POST at all, all targets have the time for which polls may fail together, and then no more are
        started. Where it takes others, or there are no others, the refusal must stand as long as an end takes to settle.
        """
        state = self._state
        now = state.loop.time()
        self._failed(target)
        until, wait = refused_at + state.policy.settle, 1.0
        if self._is_alike(refusal, refused_at):
            until = self._failing_since + state.policy.errors
            wait = min(max(1.0, 0.5 * (now - self._failing_since)), _LONGEST_PAUSE)
            self._hold(refusal, gives_up=now + wait >= until)
        if state.stopped or now + wait >= until:
            return True
        await state.sender.pause(wait)
        return bool(state.stopped)

    def _postpone(self, target: Target, refusal: ApiError, refused_at: float) -> bool:
        """Let others go first, once, where no POST was taken since: theirs show whether the server refuses all. Returns whether they do."""
        state = self._state
        is_told = state.stopped or not refusal.may_pass or self._taken_at >= refused_at
        if is_told or not self._has_untried() or target.cluster_id in self._postponed:
            return False
        self._postponed.add(target.cluster_id)
        state.enqueue(target)
        return True

    def _failed(self, target: Target) -> None:
        """Note that a POST has failed in a way that may pass, and not for lack of a place."""
        now = self._state.loop.time()
        if now - self._failed_at > LONG_AGO:
            self._failing_since = now
            self._failing.clear()
        self._failing.add(target.cluster_id)
        self._failed_at = now

    def _taken(self, target: Target) -> None:
        """Note that a POST was taken."""
        self._refused_alone |= self._refused
        self._refused_alone.discard(target.cluster_id)
        self._refused.clear()
        self._failing.clear()
        self._failed_at, self._taken_at = -inf, self._state.loop.time()
        self._state.outage.ends("refreshes")

    def _is_alike(self, error: TaError, since: float) -> bool:
        """Whether every POST fails since then, of many clusters or of all that there are, unless there is only one."""
        if self._taken_at >= since or isinstance(error, TransportError):
            return self._taken_at < since
        return len(self._failing - self._refused_alone) >= (_MANY if self._has_untried() else 2)

    def _has_untried(self) -> bool:
        """Whether a cluster waits that was not refused since the latest POST was taken."""
        return any(target.cluster_id not in self._refused for target in self._state.waiting)

    def _hold(self, error: TaError, *, gives_up: bool) -> None:
        """Tell that every POST fails, or start no more."""
        state, since = self._state, self._failing_since
        if gives_up:
            end_starts(state, error, state.loop.time() - since)
        else:
            state.outage.continues("refreshes", error, since=since, limit=state.policy.errors)

    async def _read_after(self, refusal: ApiError, target: Target) -> None:
        """Read the state after the server has refused the POST. Raises the refusal where it cannot be read, as it says more."""
        try:
            await self._baselines.read(target)
        except TokenRejected:
            raise
        except TaError:
            pass
        else:
            return
        raise refusal

    async def _put_back(self, target: Target, refusal: ApiError) -> bool:
        """Put it back if the server may have refused it because of the others that run. Returns False if the refusal stands."""
        state = self._state
        # The answers of those whose request is under way may tell that they run.
        while not state.running and state.posting:
            await state.changed.wait()
        if state.stopped or not state.running or isinstance(refusal, MissingParameter):
            return False
        words, ceiling = _words(refusal, target), state.limit.ceiling
        if not state.limit.refused(target.cluster_id, words, state.running, state.loop.time()):
            return False
        if state.limit.ceiling < ceiling:
            state.log.lowered(state.limit.places)
        state.defer(target)
        return True

    async def _post(self, target: Target) -> ApiError | None:
        """Send the POST and track what comes of it, or put it back. Returns the server's refusal, where it may mean that a refresh runs.

        One that certainly was not applied is sent again, as long as polls may fail. What becomes of one that may have been, polls show.
        """
        state = self._state
        endpoint = REFRESHES[target.call_ref]
        request = Request(endpoint, ref_query(endpoint, state.project.id, target.call_ref))
        ticket = await self._intend(target)
        began, wait = inf, 1.0
        while await self._may_send(target, ticket):
            began = min(began, state.loop.time())
            target.sending(ticket)
            error = await self._send(request)
            if error is None:
                self._taken(target)
                self._track(target, ticket, None)
                return None
            effect = effect_of(error)
            target.send_failed(error, may_have_begun=effect is Effect.UNKNOWN)
            if effect is Effect.UNKNOWN:
                self._track(target, ticket, error)
                return None
            self._not_begun(target)
            if error.may_pass:
                self._refused.add(target.cluster_id)
            if effect is Effect.REFUSED and isinstance(error, ApiError):
                return error
            if isinstance(error, RateLimited) and await self._put_back(target, error):
                return None
            if not error.may_pass:
                raise error
            self._failed(target)
            is_alike = self._is_alike(error, began)
            since = self._failing_since if is_alike else began
            gives_up = state.loop.time() + wait >= since + state.policy.errors
            if is_alike:
                self._hold(error, gives_up=gives_up)
            if gives_up:
                raise error
            await state.sender.pause(wait)
            wait = min(2 * wait, _LONGEST_PAUSE)
        self._not_begun(target)
        state.finish(target, state.unstarted(target))
        return None

    async def _intend(self, target: Target) -> RefreshTicket:
        """Keep the intent for the process after this one."""
        ticket = new_ticket(self._state, target)
        if self._state.journal is not None:
            await self._state.journal.intend(ticket, target.ref)
        return ticket

    async def _may_send(self, target: Target, ticket: RefreshTicket) -> bool:
        """Keep the intent in the plan and let the caller's own step go first. Returns False when the batch was stopped."""
        state = self._state
        if state.plan is not None:
            state.plan.begun(target.ref, ticket, "intended", target.attempts + 1)
        try:
            if state.gate is not None and not state.stopped:
                await state.gate.wait(ticket)
            # The step itself may have cancelled the batch, which no await has shown yet.
            await checkpoint_if_cancelled()
        except BaseException:
            self._not_begun(target)
            raise
        return not state.stopped

    def _not_begun(self, target: Target) -> None:
        """Nothing was applied, so that the process after this one need not look for it, but for an earlier request without an answer."""
        plan, earlier = self._state.plan, target.unanswered
        if plan is None:
            return
        if earlier is None:
            plan.not_begun(target.ref)
        else:
            plan.begun(target.ref, earlier.ticket, "intended", target.attempts)

    async def _send(self, request: Request) -> TaError | None:
        """Send the POST once, or as often as the session does. Returns its error."""
        state = self._state
        state.posting += 1
        try:
            call = state.session.call(request, _nothing, timeout=state.sender.timeout())
            await state.sender.send(call)
        except TaError as error:
            return error
        finally:
            state.posting -= 1
            if not state.posting:
                state.changed.fire()
        return None

    def _track(self, target: Target, ticket: RefreshTicket, doubt: TaError | None) -> None:
        state = self._state
        now = state.loop.time()
        target.submitted(ticket, now, state.deadline_of(now), doubt=doubt)
        target.poll_at(now + first_wait(target.expected, state.schedule(now)))
        state.starting.discard(target)
        if doubt is None:
            state.limit.begun(target.cluster_id, state.running)
        state.track(target)
        if doubt is None:
            confirm(state, target)


def confirm(state: BatchState, target: Target) -> None:
    """Note that the server has taken the refresh: it answered, or it was seen to run."""
    ticket = target.ticket
    assert ticket is not None
    if state.journal is not None:
        state.journal.submitted(target.cluster_id, ticket)
    if state.plan is not None:
        state.plan.begun(target.ref, ticket, "submitted", target.attempts)
    state.events.emit(Submitted(**state.of(target), ticket=ticket))


def _words(refusal: ApiError, target: Target) -> Words:
    """Return what a refusal says, apart from which cluster it is about."""
    text = refusal.return_message.replace(str(target.cluster_id), "").replace(target.name, "")
    return refusal.return_code, text


def _nothing(_: JsonValue) -> None:
    return None

"""Starting refreshes: a bounded number of workers, each with one target at a time."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from ..errors import ApiError, JournalError, TaError, TokenRejected
from ..messages import Message
from ..protocol.endpoints import REFRESHES
from ..protocol.refresh import Effect, Start, effect_of, is_running, next_start
from ..protocol.requests import Request, ref_query
from .attach import attach, new_ticket
from .baselines import BaselineReader
from .events import Submitted
from .report import Status
from .retry import ends_the_batch, is_refusal
from .schedule import first_wait

if TYPE_CHECKING:
    from ..models import JsonValue, RefreshTicket
    from .listing import ClusterState
    from .state import BatchState
    from .target import Target

_CONCURRENCY = 16
_LONGEST_PAUSE = 30.0


class Submitter:
    """Sends the one POST of each target, when its intent is safely in the journal."""

    def __init__(self, state: BatchState) -> None:
        self._state = state
        self._baselines = BaselineReader(state)
        # Since when every POST has been refused, and when the latest one was taken.
        self._refused_since = inf
        self._taken_at = -inf

    @property
    def workers(self) -> int:
        """How many targets are started at a time."""
        return self._state.sender.concurrency(min(_CONCURRENCY, self._state.limit.number))

    async def work(self) -> None:
        """Start targets until the batch is over."""
        state = self._state
        while (target := await state.next_target()) is not None:
            # When this is cancelled, the target stays among those that are being started, and so in the report.
            await self._start(target)
            state.starting.discard(target)
            state.changed.fire()
            await state.events.wait_for_consumer()

    async def _start(self, target: Target) -> None:
        state = self._state
        try:
            await self._submit(target)
        except TokenRejected as error:
            state.abort(error)
            state.finish(target, state.unstarted(target, error))
        except JournalError as error:
            state.interrupted = True
            state.stop(Message("batch-journal-lost", cause=error.what()), error=error)
            state.finish(target, state.unstarted(target, error))
        except TaError as error:
            if ends_the_batch(error):
                raise
            if state.stopped and error.may_pass:
                state.finish(target, state.unstarted(target))
                return
            status = Status.REJECTED if is_refusal(error) else Status.FAILED
            state.finish(target, target.outcome(status, state.loop.time(), error))

    async def _submit(self, target: Target) -> None:
        """Bring it into flight, or give it its outcome. Raises what speaks against its refresh."""
        state = self._state
        refused: list[ClusterState] = []
        refusal: ApiError | None = None
        refused_at = inf
        while True:
            await self._baselines.refresh(target)
            before = target.seen
            step = next_start(before, refused)
            runs = is_running(before.progress, before.refresh_time)
            if (
                refusal is not None
                and refusal.may_pass
                and not (step is Start.POST or runs or await self._is_given_up(refused_at))
            ):
                refused.clear()
                await self._read_after(refusal, target)  # it may run by now all the same
                continue
            if step is Start.GIVE_UP:
                assert refusal is not None
                raise refusal
            if state.stopped:
                state.finish(target, state.unstarted(target))
                return
            if step is Start.ATTACH:
                outcome = attach(state, target)
                if outcome is not None:
                    state.finish(target, outcome)
                return
            refusal = await self._post(target)
            if refusal is None:
                return
            state.refused()
            refused.append(before)
            refused_at = min(refused_at, state.loop.time())
            self._refused_since = min(self._refused_since, state.loop.time())
            await self._read_after(refusal, target)

    async def _is_given_up(self, refused_at: float) -> bool:
        """Pause before a POST that was refused without a reason is tried again. Returns True when it is refused for good.

        As long as the server takes no POST at all, all targets have the time for which polls may fail together. Where it takes others, or
        there are no others, the refusal must stand as long as an end takes to settle.
        """
        state = self._state
        now = state.loop.time()
        until, wait = refused_at + state.policy.settle, 1.0
        if self._taken_at < refused_at and len(state.starting) > 1:
            until = self._refused_since + state.policy.errors
            wait = min(max(1.0, 0.5 * (now - self._refused_since)), _LONGEST_PAUSE)
        if state.stopped or now + wait >= until:
            return True
        await state.sender.pause(wait)
        return bool(state.stopped)

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

    async def _post(self, target: Target) -> ApiError | None:
        """Send the POST and track what comes of it. Returns the server's refusal, where it may mean that a refresh runs.

        A POST that may have been applied is never sent again. One that certainly was not is, as long as polls may fail.
        """
        state = self._state
        endpoint = REFRESHES[target.call_ref]
        request = Request(endpoint, ref_query(endpoint, state.project.id, target.call_ref))
        ticket = new_ticket(state, target)
        if state.journal is not None:
            await state.journal.intend(ticket, target.ref)
        until = state.loop.time() + state.policy.errors
        wait = 1.0
        while not state.stopped:
            target.sending(ticket)
            try:
                call = state.session.call(request, _nothing, timeout=state.sender.timeout())
                await state.sender.send(call)
            except TaError as error:
                effect = effect_of(error)
                target.send_failed(error, may_have_begun=effect is Effect.UNKNOWN)
                if effect is Effect.UNKNOWN:
                    self._track(target, ticket, error)
                    return None
                if effect is Effect.REFUSED and isinstance(error, ApiError):
                    return error
                if not error.may_pass or state.loop.time() + wait >= until:
                    raise
            else:
                self._refused_since, self._taken_at = inf, state.loop.time()
                self._track(target, ticket, None)
                return None
            await state.sender.pause(wait)
            wait = min(2 * wait, _LONGEST_PAUSE)
        state.finish(target, state.unstarted(target))
        return None

    def _track(self, target: Target, ticket: RefreshTicket, doubt: TaError | None) -> None:
        state = self._state
        now = state.loop.time()
        target.submitted(ticket, now, state.deadline_of(now), doubt=doubt)
        target.poll_at(now + first_wait(target.expected, state.schedule(now)))
        state.starting.discard(target)
        state.track(target)
        if doubt is None:
            confirm(state, target)


def confirm(state: BatchState, target: Target) -> None:
    """Note that the server has taken the refresh: it answered, or it was seen to run."""
    ticket = target.ticket
    assert ticket is not None
    if state.journal is not None:
        state.journal.submitted(target.cluster_id, ticket)
    state.events.emit(Submitted(**state.of(target), ticket=ticket))


def _nothing(_: JsonValue) -> None:
    return None

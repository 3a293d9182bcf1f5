"""Starting refreshes: a bounded pool of workers, each with one target at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeGuard

from ..errors import (
    JournalError,
    NotFound,
    SchemaError,
    TaError,
    TokenRejected,
)
from ..messages import Message
from ..models import RefreshTicket
from ..protocol.endpoints import DETAIL, REFRESHES
from ..protocol.refresh import is_running
from ..protocol.requests import Request, ref_query
from ..protocol.retry import may_have_applied
from ..resources.state import read_detail
from .attach import attach
from .events import Submitted
from .listing import is_baseline, read_row, state_of
from .report import Status
from .retry import ends_the_batch, is_refusal, may_pass
from .schedule import first_wait

if TYPE_CHECKING:
    from ..errors import ApiError
    from ..models import JsonValue
    from .listing import ClusterState, ListView, RawPage
    from .state import BatchState
    from .target import Target

# A baseline that is older than so many seconds is read again before the POST.
_FRESH = 60.0
_CONCURRENCY = 16


class Submitter:
    """Sends the one POST of each target, when its intent is safely in the journal."""

    def __init__(self, state: BatchState) -> None:
        self._state = state

    @property
    def workers(self) -> int:
        """How many targets are started at a time."""
        state = self._state
        return state.concurrency(min(_CONCURRENCY, state.options.max_running + state.options.submit_ahead))

    async def work(self) -> None:
        """Start targets until the batch is over."""
        state = self._state
        while (target := await state.next_target()) is not None:
            # When this is cancelled, the target stays among those that are being started, and so in the report.
            await self._start(target)
            state.starting.discard(target)
            state.changed.fire()
            await state.wait_for_consumer()

    async def _start(self, target: Target) -> None:
        state = self._state
        try:
            await self._submit(target)
        except TokenRejected as error:
            state.abort(error)
            self._stopped(target, error)
        except JournalError as error:
            state.interrupted = True
            state.stop(Message("batch-journal-lost", cause=error.what()), error=error)
            self._stopped(target, error)
        except TaError as error:
            if ends_the_batch(error):
                raise
            if state.stopped and may_pass(error):
                self._stopped(target)
                return
            self._finish(target, Status.REJECTED if is_refusal(error) else Status.FAILED, error)

    def _finish(self, target: Target, status: Status, error: TaError) -> None:
        state = self._state
        state.finish(target, target.outcome(status, state.loop.time(), error))

    def _stopped(self, target: Target, error: TaError | None = None) -> None:
        """It was not started, because the batch was stopped, or because of this error."""
        state = self._state
        assert state.stopped is not None
        status, what, behind = state.stopped
        state.finish(target, target.outcome(status, state.loop.time(), error or what, error=behind))

    async def _submit(self, target: Target) -> None:
        """Bring it into flight, or give it its outcome. Raises what speaks against its refresh."""
        state = self._state
        refused = False
        while True:
            if state.loop.time() - target.read_at > _FRESH:
                await self._read_again(target)
            if state.stopped:
                self._stopped(target)
                return
            before = target.seen
            if is_running(before.progress, before.refresh_time) or (refused and _was_never_computed(before)):
                outcome = attach(state, target)
                if outcome is not None:
                    state.finish(target, outcome)
                return
            refusal = await self._post(target)
            if refusal is None:
                return
            # It may mean that a computation runs: the first one, or that of somebody who was quicker. If it has just ended, a second
            # request is in order, since the first one was certainly not applied.
            now = await self._state_after(target, refusal)
            if refused or not (_was_never_computed(now) or _differs(now, before)):
                raise refusal
            refused = True

    # The baseline

    async def _read_again(self, target: Target) -> None:
        """Read the baseline anew: with the whole page where the next targets stand on it too, or else alone."""
        state = self._state
        view = state.views[target.catalog]
        page = None if target.hidden else view.page_of(target.place)
        if page is not None and self._has_neighbour(target, page):
            async with view.reading:
                if state.loop.time() - target.read_at > _FRESH:
                    await self._read_page(view, page)
            if state.loop.time() - target.read_at <= _FRESH:
                return
        await self._read_alone(target)

    def _has_neighbour(self, target: Target, page: int) -> bool:
        state = self._state
        if not state.waiting:
            return False
        other = state.waiting[0]
        return other.catalog is target.catalog and state.views[other.catalog].page_of(other.place) == page

    async def _read_page(self, view: ListView, number: int) -> None:
        """Take the baselines of all that are not started yet from a page. A page that is refused or spoilt tells none."""
        state = self._state
        try:
            page: RawPage = await state.read_with_retries(lambda: view.read(number, state.call_timeout()))
        except TaError as error:
            if may_pass(error) or isinstance(error, TokenRejected) or ends_the_batch(error):
                raise
            return
        now = state.loop.time()
        # Those that are about to be started wait for their turn to read the same page.
        starting = {target.cluster_id: target for target in state.starting if target.attempts == 0}
        for place, row in enumerate(page.rows, page.first_place):
            cluster_id = row.get("id")
            if type(cluster_id) is not int:
                continue
            found = starting.get(cluster_id) or state.waiting_ids.get(cluster_id)
            if found is None or found.catalog is not view.catalog:
                continue
            try:
                seen = read_row(row)
            except SchemaError:
                continue
            found.place = place
            if is_baseline(seen):
                found.take(seen, now)

    async def _read_alone(self, target: Target) -> None:
        state = self._state
        target.take(await state.read_with_retries(lambda: read_state(state, target)), state.loop.time())

    async def _state_after(self, target: Target, refusal: ApiError) -> ClusterState:
        """The state after the server has refused the POST. Raises the refusal where it cannot be read."""
        try:
            await self._read_alone(target)
        except TokenRejected:
            raise
        except TaError:
            pass  # the refusal is the better news
        else:
            return target.seen
        raise refusal

    # The request

    async def _post(self, target: Target) -> ApiError | None:
        """Send the POST and watch what comes of it. Returns the server's refusal, where it may be one for the time being.

        A POST that may have been applied is never sent again. One that certainly was not is, as long as polls may fail.
        """
        state = self._state
        endpoint = REFRESHES[target.call_ref]
        request = Request(endpoint, ref_query(endpoint, state.project.id, target.call_ref))
        ticket = RefreshTicket(
            project_id=state.project.id,
            cluster_id=target.cluster_id,
            cluster_name=target.name,
            catalog=target.catalog,
            baseline_refresh_time=target.seen.refresh_time,
            baseline_progress=target.seen.progress,
            submitted_at=datetime.now(UTC),
        )
        if state.journal is not None:
            await state.journal.intend(ticket, target.ref)
        until = state.loop.time() + state.policy.errors
        wait = 1.0
        while not state.stopped:
            sent = target.attempts
            target.attempts += 1
            target.ticket = ticket  # from here on, it may have begun
            try:
                await state.send(state.session.call(request, _nothing, timeout=state.call_timeout()))
            except TaError as error:
                target.attempts = sent + (0 if error.sent == "no" else max(1, error.attempts))
                if may_have_applied(error):
                    self._fly(target, ticket, error)
                    return None
                target.ticket = None
                if _may_be_for_now(error):
                    return error
                if not may_pass(error) or state.loop.time() + wait >= until:
                    raise
            else:
                self._fly(target, ticket, None)
                return None
            await state.pause(wait)
            wait = min(2 * wait, 30.0)
        self._stopped(target)
        return None

    def _fly(self, target: Target, ticket: RefreshTicket, doubt: TaError | None) -> None:
        state = self._state
        now = state.loop.time()
        target.doubt = doubt
        target.track(ticket, now, timeout=state.options.cluster_timeout, batch_deadline=state.deadline)
        target.due = now + first_wait(target.expected, state.schedule(now))
        state.starting.discard(target)
        state.track(target)
        if doubt is None:
            confirm(state, target)


def confirm(state: BatchState, target: Target) -> None:
    """The server has taken the refresh: it answered, or it was seen to run."""
    ticket = target.ticket
    assert ticket is not None
    if state.journal is not None:
        state.journal.submitted(target.cluster_id, ticket)
    state.emit(
        Submitted(
            at=state.at(),
            ref=target.ref,
            cluster_id=target.cluster_id,
            cluster_name=target.name,
            ticket=ticket,
        )
    )


async def read_state(state: BatchState, target: Target) -> ClusterState:
    """The state of a target by its detail. Raises NotFound also when its name belongs to another by now."""
    detail = await read_detail(
        state.session, state.project.id, target.call_ref, timeout=state.call_timeout(target.deadline)
    )
    if detail.id != target.cluster_id:
        message = f"{target.call_ref!r} has the id {detail.id} now, and not {target.cluster_id} any more"
        raise NotFound(0, message, endpoint=DETAIL.name, attempts=1)
    return state_of(detail)


def _may_be_for_now(error: TaError) -> TypeGuard[ApiError]:
    """Whether a refusal may only mean that a computation runs."""
    return not isinstance(error, NotFound) and is_refusal(error)


def _was_never_computed(seen: ClusterState) -> bool:
    return seen.progress == 0 and seen.refresh_time is None


def _differs(now: ClusterState, before: ClusterState) -> bool:
    return (now.progress, now.refresh_time) != (before.progress, before.refresh_time)


def _nothing(_: JsonValue) -> None:
    return None

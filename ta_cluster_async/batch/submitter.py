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
from .attach import join
from .events import Submitted
from .listing import is_baseline, read_row, seen_of
from .report import Status
from .retry import ends_the_batch, is_refusal, may_pass
from .schedule import first_wait

if TYPE_CHECKING:
    from ..errors import ApiError
    from ..models import JsonValue
    from .listing import ListView, RawPage, Seen
    from .state import Run
    from .target import Target

# A baseline that is older than so many seconds is read again before the POST.
_FRESH = 60.0
_AT_ONCE = 16


class Submitter:
    """Sends the one POST of each target, when its intent is safely in the journal."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def workers(self) -> int:
        """How many targets are started at a time."""
        run = self._run
        return run.at_once(min(_AT_ONCE, run.options.max_running + run.options.submit_ahead))

    async def work(self) -> None:
        """Start targets until the batch is over."""
        run = self._run
        while (target := await run.next_target()) is not None:
            # When this is cancelled, the target stays among those that are being started, and so in the report.
            await self._start(target)
            run.starting.discard(target)
            run.changed.fire()
            await run.room()

    async def _start(self, target: Target) -> None:
        run = self._run
        try:
            await self._submit(target)
        except TokenRejected as error:
            run.abort(error)
            self._stopped(target, error)
        except JournalError as error:
            run.interrupted = True
            run.stop(Message("batch-journal-lost", cause=error.what()), error=error)
            self._stopped(target, error)
        except TaError as error:
            if ends_the_batch(error):
                raise
            if run.stopped and may_pass(error):
                self._stopped(target)
                return
            self._settle(target, Status.REJECTED if is_refusal(error) else Status.FAILED, error)

    def _settle(self, target: Target, status: Status, error: TaError) -> None:
        run = self._run
        run.settle(target, target.outcome(status, run.loop.time(), error))

    def _stopped(self, target: Target, error: TaError | None = None) -> None:
        """It was not started, because the batch was stopped, or because of this error."""
        run = self._run
        assert run.stopped is not None
        status, what, behind = run.stopped
        run.settle(target, target.outcome(status, run.loop.time(), error or what, error=behind))

    async def _submit(self, target: Target) -> None:
        """Bring it into flight, or give it its outcome. Raises what speaks against its refresh."""
        run = self._run
        refused = False
        while True:
            if run.loop.time() - target.read_at > _FRESH:
                await self._read_again(target)
            if run.stopped:
                self._stopped(target)
                return
            before = target.seen
            if is_running(before.progress, before.refresh_time) or (refused and _was_never_computed(before)):
                outcome = join(run, target)
                if outcome is not None:
                    run.settle(target, outcome)
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
        run = self._run
        view = run.views[target.catalog]
        page = None if target.hidden else view.page_of(target.place)
        if page is not None and self._has_neighbour(target, page):
            async with view.reading:
                if run.loop.time() - target.read_at > _FRESH:
                    await self._read_page(view, page)
            if run.loop.time() - target.read_at <= _FRESH:
                return
        await self._read_alone(target)

    def _has_neighbour(self, target: Target, page: int) -> bool:
        run = self._run
        if not run.waiting:
            return False
        other = run.waiting[0]
        return other.catalog is target.catalog and run.views[other.catalog].page_of(other.place) == page

    async def _read_page(self, view: ListView, number: int) -> None:
        """Take the baselines of all that are not started yet from a page. A page that is refused or spoilt tells none."""
        run = self._run
        try:
            page: RawPage = await run.patiently(lambda: view.read(number, run.call_seconds()))
        except TaError as error:
            if may_pass(error) or isinstance(error, TokenRejected) or ends_the_batch(error):
                raise
            return
        now = run.loop.time()
        # Those that are about to be started wait for their turn to read the same page.
        starting = {target.cluster_id: target for target in run.starting if target.attempts == 0}
        for place, row in enumerate(page.rows, page.first_place):
            cluster_id = row.get("id")
            if type(cluster_id) is not int:
                continue
            found = starting.get(cluster_id) or run.waiting_ids.get(cluster_id)
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
        run = self._run
        target.take(await run.patiently(lambda: read_state(run, target)), run.loop.time())

    async def _state_after(self, target: Target, refusal: ApiError) -> Seen:
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
        run = self._run
        endpoint = REFRESHES[target.call_ref]
        request = Request(endpoint, ref_query(endpoint, run.project.id, target.call_ref))
        ticket = RefreshTicket(
            project_id=run.project.id,
            cluster_id=target.cluster_id,
            cluster_name=target.name,
            catalog=target.catalog,
            baseline_refresh_time=target.seen.refresh_time,
            baseline_progress=target.seen.progress,
            submitted_at=datetime.now(UTC),
        )
        if run.journal is not None:
            await run.journal.intend(ticket, target.ref)
        until = run.loop.time() + run.policy.errors
        wait = 1.0
        while not run.stopped:
            sent = target.attempts
            target.attempts += 1
            target.ticket = ticket  # from here on, it may have begun
            try:
                await run.send(run.session.call(request, _nothing, timeout=run.call_seconds()))
            except TaError as error:
                target.attempts = sent + (0 if error.sent == "no" else max(1, error.attempts))
                if may_have_applied(error):
                    self._fly(target, ticket, error)
                    return None
                target.ticket = None
                if _may_be_for_now(error):
                    return error
                if not may_pass(error) or run.loop.time() + wait >= until:
                    raise
            else:
                self._fly(target, ticket, None)
                return None
            await run.pause(wait)
            wait = min(2 * wait, 30.0)
        self._stopped(target)
        return None

    def _fly(self, target: Target, ticket: RefreshTicket, doubt: TaError | None) -> None:
        run = self._run
        now = run.loop.time()
        target.doubt = doubt
        target.fly(ticket, now, timeout=run.options.cluster_timeout, batch_deadline=run.deadline)
        target.due = now + first_wait(target.expected, run.tempo(now))
        run.starting.discard(target)
        run.fly(target)
        if doubt is None:
            confirm(run, target)


def confirm(run: Run, target: Target) -> None:
    """The server has taken the refresh: it answered, or it was seen to run."""
    ticket = target.ticket
    assert ticket is not None
    if run.journal is not None:
        run.journal.submitted(target.cluster_id, ticket)
    run.emit(
        Submitted(
            at=run.at(),
            ref=target.ref,
            cluster_id=target.cluster_id,
            cluster_name=target.name,
            ticket=ticket,
        )
    )


async def read_state(run: Run, target: Target) -> Seen:
    """The state of a target by its detail. Raises NotFound also when its name belongs to another by now."""
    detail = await read_detail(
        run.session, run.project.id, target.call_ref, timeout=run.call_seconds(target.deadline)
    )
    if detail.id != target.cluster_id:
        message = f"{target.call_ref!r} has the id {detail.id} now, and not {target.cluster_id} any more"
        raise NotFound(0, message, endpoint=DETAIL.name, attempts=1)
    return seen_of(detail)


def _may_be_for_now(error: TaError) -> TypeGuard[ApiError]:
    """Whether a refusal may only mean that a computation runs."""
    return not isinstance(error, NotFound) and is_refusal(error)


def _was_never_computed(seen: Seen) -> bool:
    return seen.progress == 0 and seen.refresh_time is None


def _differs(now: Seen, before: Seen) -> bool:
    return (now.progress, now.refresh_time) != (before.progress, before.refresh_time)


def _nothing(_: JsonValue) -> None:
    return None

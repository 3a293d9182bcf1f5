"""From references to targets: look up names and ids, read baselines, and find what runs already."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from attrs import evolve

from ..errors import InvalidRequest, NotFound, TokenRejected
from ..messages import Message
from ..models import ClusterRow
from ..models.scalars import plain_scalar
from ..protocol.refresh import is_running
from ..protocol.validation import check_ref
from .attach import attach, begun_elsewhere, left_running, resume
from .chunks import Chunks
from .events import Planned
from .listing import is_baseline
from .lookup import look_up
from .plan_hold import PlanHold
from .report import Outcome, Status, explain
from .retry import is_refusal
from .target import Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Iterator, Sequence

    from ..errors import TaError
    from ..protocol.endpoints import Ref
    from .dependencies import Dependencies
    from .journal.journal import Entry, RunJournal
    from .lookup import Found
    from .state import BatchState

# This many references are looked up together, or twice what the batch needs next, where that is more.
_WINDOW = 5000


class Planner:
    """Reads references in chunks and enqueues their targets, never many more than the batch needs next.

    Whenever it is interrupted, `abandon` gives an outcome to each reference that was read and has none.

    Args:
        state: The batch.
        refs: The references.
        starts: False to read the baselines into the batch's plan and leave it there.
        dependencies: What holds the targets until it is known what they need; None without such an order.
    """

    def __init__(
        self,
        state: BatchState,
        refs: Iterable[object] | AsyncIterable[object],
        *,
        starts: bool = True,
        dependencies: Dependencies | None = None,
    ) -> None:
        self._state = state
        self._starts = starts
        self._dependencies = dependencies
        self._hold = PlanHold(state) if state.plan is not None and state.plan.is_given else None
        self._needed = state.limit.number
        self._window = max(_WINDOW, 2 * self._needed)
        self._chunks = Chunks(refs, self._window, state.changed, lambda: bool(state.stopped))
        # "given", or how long targets are held until they are put in order: until their chunk is planned, or until all are.
        self._order = state.options.order
        # All references so far, and the ids of those that were given by name.
        self._seen: set[Ref] = set()
        self._open: list[Ref] = []
        self._targets: list[Target] = []
        # What the journal knows of the references that are being looked up, where this batch goes on with an earlier one.
        self._known: dict[Ref, Entry] = {}
        self._held: list[Target] = []
        self._to_attach = 0
        self._to_refresh = 0
        self._settled = 0

    async def read(self) -> None:
        """Read references ahead, where their source may make the batch wait."""
        await self._chunks.read()

    async def plan(self) -> None:
        """Go through all references."""
        state = self._state
        while chunk := await self._chunks.next():
            try:
                await self._plan_chunk(chunk)
            except TokenRejected as error:
                state.abort(error)
            self._emit_planned(complete=False)
            while not (self._order == "longest_first" or state.stopped) and len(state.waiting) > self._enough:
                await state.changed.wait()
        if state.stopped:
            self._chunks.close()
            for _ in self._abandoning():
                await self._read_journal()
                self._record_open()
                await state.events.wait_for_consumer()
        await self._place_held()
        if self._dependencies is not None:
            await self._resolve(self._dependencies)
        state.planned = True
        state.drop_waiting()
        self._emit_planned(complete=True)

    def abandon(self) -> None:
        """Give an outcome to each reference that has none, as the batch is over."""
        self._chunks.close()
        for _ in self._abandoning():
            self._record_open()

    async def _place_held(self) -> None:
        if self._hold is not None:
            async for target in self._hold.run():
                self._place(target)
                self._emit_planned(complete=False)
        self._enqueue_held()

    async def _resolve(self, dependencies: Dependencies) -> None:
        """Read what is needed, look up what is to be refreshed too, and let those start that need nothing. Raises InvalidRequest."""
        try:
            while more := await dependencies.read():
                await self._plan_chunk(more)
                await self._place_held()
        except TokenRejected as error:
            self._state.abort(error)
        dependencies.resolve()

    @property
    def _enough(self) -> int:
        """How many may wait before more references are read."""
        return max(self._needed, self._window // 2)

    def _emit_planned(self, *, complete: bool) -> None:
        state = self._state
        planned = Planned(
            at=state.at(),
            refs=self._to_refresh + self._to_attach + self._settled,
            complete=complete,
            to_refresh=self._to_refresh,
            to_attach=self._to_attach,
            settled=self._settled,
        )
        state.events.emit(planned)
        if complete:
            state.log.planned(planned)
        state.changed.fire()

    async def _plan_chunk(self, chunk: Sequence[object]) -> None:
        state = self._state
        self._check_refs(chunk)
        await self._read_journal()
        began = state.loop.time()
        found = await look_up(state, self._open)
        await state.events.wait_for_consumer()
        self._make_targets(found, began)
        await self._dispatch()
        if self._order == "auto":
            self._enqueue_held()

    def _check_refs(self, chunk: Sequence[object]) -> None:
        """Open the references that are neither invalid nor known already."""
        state = self._state
        for given in chunk:
            try:
                ref = check_ref(
                    given.id if isinstance(given, ClusterRow) else given, strict=state.session.strict_names
                )
            except InvalidRequest as error:
                self._reject(given, error)
                continue
            if ref in self._seen:
                continue
            self._seen.add(ref)
            if self._is_in_plan(ref):
                continue
            self._open.append(ref)
            if self._state.plan is not None:
                self._state.plan.opened(ref)
            if isinstance(given, ClusterRow) and given.catalog is not None:
                state.views[given.catalog].hits += 1

    def _is_in_plan(self, ref: Ref) -> bool:
        """Record how a reference ended, where the given plan knows it: then nothing needs to be read."""
        plan = self._state.plan
        outcome = None if plan is None else plan.outcome(ref)
        if outcome is None:
            return False
        if outcome.cluster_id is not None:
            self._seen.add(outcome.cluster_id)
        self._record(outcome)
        return True

    async def _read_journal(self) -> None:
        """Ask the journal for what an earlier process did about the references that are open."""
        journal = self._state.journal
        if journal is None or not journal.resumed or self._state.interrupted:
            return
        by_id = await journal.entries([ref for ref in self._open if isinstance(ref, int)])
        by_name = await journal.entries_by_name([ref for ref in self._open if isinstance(ref, str)])
        self._known = dict(by_name.items())
        self._known.update((entry.cluster_id, entry) for entry in (*by_name.values(), *by_id.values()))

    def _reject(self, given: object, error: InvalidRequest) -> None:
        """Reject what cannot be a reference. Such a value may be of any type, and not all can be told apart."""
        ref: Ref = type(given).__name__
        plain = plain_scalar(given)
        if isinstance(plain, str | int) and not isinstance(plain, bool):
            ref = plain
            if ref in self._seen:
                return
            self._seen.add(ref)
        name = given if isinstance(given, str) else None
        self._record(Outcome(ref=ref, status=Status.REJECTED, cluster_name=name, **explain(error)))

    def _make_targets(self, found: Found, began: float) -> None:
        """Make targets of those that were found, and give the others their outcome. They were looked for from `began` on."""
        state = self._state
        refs, self._open = self._open, []
        for ref in refs:
            cluster_id = found.id_by_name.get(ref) if isinstance(ref, str) else ref
            known = None if cluster_id is None else found.by_id.get(cluster_id)
            if known is None:
                error = found.errors.get(ref)
                if state.stopped and (error is None or not is_refusal(error)):
                    self._record_unstarted(ref)
                else:
                    self._record(self._not_found(ref, error))
                continue
            seen, catalog, place = known
            if ref != seen.cluster_id:
                if seen.cluster_id in self._seen:
                    # It is among the references by its id, or by another spelling of its name.
                    if state.plan is not None:
                        state.plan.dropped(ref)
                    continue
                self._seen.add(seen.cluster_id)
            is_enough = is_baseline(seen) or place is None
            self._targets.append(
                Target(
                    ref=ref,
                    cluster_id=seen.cluster_id,
                    name=seen.name,
                    catalog=catalog,
                    place=place,
                    hidden=not is_enough,
                    seen=seen,
                    read_at=began if is_enough else -inf,
                )
            )

    def _not_found(self, ref: Ref, error: TaError | None) -> Outcome:
        if error is None or isinstance(error, NotFound):
            what = Message("no-such-cluster", ref=ref)
            if error is not None and error.return_code:
                what = Message("no-such-cluster-answered", ref=ref, answer=error.return_message.rstrip(".。"))
            return _unknown(ref, Status.REJECTED, what, error)
        return _unknown(ref, Status.REJECTED if is_refusal(error) else Status.FAILED, error)

    async def _dispatch(self) -> None:
        """Attach to, finish or enqueue each target, with what the journal knows of it."""
        state = self._state
        if state.journal is not None:
            if state.journal.resumed:  # by their ids the others are known already
                named = [target.cluster_id for target in self._targets if isinstance(target.ref, str)]
                self._known.update((await state.journal.entries(named)).items())
            await self._read_past(state.journal)
        targets, self._targets = self._targets, []
        for target in targets:
            self._read_plan(target)
            entry = self._known.get(target.cluster_id)
            if entry is not None and _is_begun(entry):
                self._resume(target, entry)
            elif state.stopped:
                self._record(self._stopped(target))
            elif not self._starts:
                continue
            elif self._hold is not None and target.planned is not None and not _runs(target):
                self._hold.add(target)
            else:
                self._place(target)

    async def _read_past(self, journal: RunJournal) -> None:
        """Let the targets know what earlier runs tell: how long they take and, for a guard, how many users they had."""
        ids = [target.cluster_id for target in self._targets]
        durations = await journal.durations(ids)
        guard = self._state.options.guard
        sizes = {} if guard is None or guard.max_change is None else await journal.sizes(ids, guard.runs)
        for target in self._targets:
            target.expect(durations.get(target.cluster_id))
            target.had_sizes(sizes.get(target.cluster_id, ()))

    def _read_plan(self, target: Target) -> None:
        """Take what the given plan knows of a target, and keep its baseline in the plan."""
        plan = self._state.plan
        if plan is None:
            return
        plan.planned(target.ref, target.catalog, target.seen)
        if (entry := plan.entry(target.cluster_id)) is not None:
            self._known.setdefault(target.cluster_id, entry)
            return
        target.plan(plan.baseline(target.cluster_id))

    def _place(self, target: Target) -> None:
        """Attach to a target, or enqueue it."""
        other = begun_elsewhere(target)
        if other is not None:
            self._resume(target, other)
        elif self._state.stopped:
            self._record(self._stopped(target))
        elif _runs(target):
            self._attach(target)
        else:
            self._enqueue(target)

    def _attach(self, target: Target) -> None:
        outcome = attach(self._state, target)
        if outcome is None:
            self._to_attach += 1
        else:
            self._record(outcome)

    def _enqueue(self, target: Target) -> None:
        self._to_refresh += 1
        if self._order == "given":
            self._state.enqueue(target)
        else:
            self._held.append(target)

    def _enqueue_held(self) -> None:
        held, self._held = self._held, []
        if held:
            self._state.enqueue_longest_first(held)

    def _resume(self, target: Target, entry: Entry) -> None:
        if entry.outcome is not None:
            self._record(evolve(entry.outcome, ref=target.ref))
            return
        self._to_attach += 1
        resume(self._state, target, entry)

    def _record(self, outcome: Outcome) -> None:
        self._settled += 1
        self._state.record(outcome)

    def _stopped(self, target: Target) -> Outcome:
        return self._remembered(target.ref, self._known.get(target.cluster_id)) or self._state.unstarted(
            target
        )

    def _remembered(self, ref: Ref, entry: Entry | None) -> Outcome | None:
        """Return the outcome of a reference that an earlier process has begun, and that this one did not come to before it was stopped."""
        if entry is None or not _is_begun(entry):
            return None
        if entry.outcome is not None:
            return evolve(entry.outcome, ref=ref)
        assert self._state.stopped is not None
        status, what, error = self._state.stopped
        return Outcome(
            ref=ref,
            status=status,
            cluster_id=entry.cluster_id,
            cluster_name=entry.ticket.cluster_name,
            **explain(left_running(what, is_on_its_way=entry.state == "intended"), error),
            ticket=entry.ticket,
            attempts=entry.attempts,
        )

    def _abandoning(self) -> Iterator[None]:
        """Give all that was looked up its outcome, and open all that was not, chunk by chunk."""
        held, self._held = self._held, []
        for target in held:
            self._state.record(self._stopped(target))
        for target in () if self._hold is None else self._hold.take():
            self._record(self._stopped(target))
        targets, self._targets = self._targets, []
        for target in targets:
            self._record(self._stopped(target))
        yield
        for chunk in self._chunks.rest():
            self._check_refs(chunk)
            yield

    def _record_open(self) -> None:
        refs, self._open = self._open, []
        for ref in refs:
            self._record_unstarted(ref)

    def _record_unstarted(self, ref: Ref) -> None:
        """Give an outcome to a reference that was not looked up before the batch was stopped."""
        outcome = self._remembered(ref, self._known.get(ref))
        if outcome is None:
            assert self._state.stopped is not None
            status, what, error = self._state.stopped
            outcome = _unknown(ref, status, what, error)
        elif isinstance(ref, str) and outcome.cluster_id is not None:
            if outcome.cluster_id in self._seen:
                return  # it is among the references by its id
            self._seen.add(outcome.cluster_id)
        self._record(outcome)


def _unknown(ref: Ref, status: Status, what: Message | TaError, error: TaError | None = None) -> Outcome:
    """Return the outcome of a reference of which only what was given is known: the id or the name."""
    return Outcome(
        ref=ref,
        status=status,
        cluster_id=ref if isinstance(ref, int) else None,
        cluster_name=ref if isinstance(ref, str) else None,
        **explain(what, error),
    )


def _runs(target: Target) -> bool:
    return is_running(target.seen.progress, target.seen.refresh_time)


def _is_begun(entry: Entry) -> bool:
    """Return whether an earlier process has begun it, and not only left it out because the batch was stopped."""
    outcome = entry.outcome
    return outcome is None or not (
        outcome.ticket is None and outcome.status in (Status.CANCELLED, Status.TIMED_OUT)
    )

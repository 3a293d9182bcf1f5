"""The order of a batch by what its clusters and tags are computed from: nothing starts before what it needs has succeeded."""

from __future__ import annotations

from bisect import insort
from collections import deque
from graphlib import CycleError, TopologicalSorter
from math import inf
from typing import TYPE_CHECKING

from ..errors import InvalidRequest, NotFound, TaError, TokenRejected
from ..messages import Message
from ..models.dependencies import dependencies
from ..resources.state import read_detail
from .report import Status
from .retry import ends_the_batch, is_refusal
from .server_down import end_batch
from .start_order import StartOrder
from .workers import run_all

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from ..models import ClusterDetail
    from ..protocol.endpoints import Ref
    from .dependency_rules import DependencyRules
    from .report import Outcome
    from .state import BatchState
    from .target import Target

_CONCURRENCY = 8
# So many names of a circle are shown.
_SHOWN = 20
# What was uploaded, or drilled down to by hand, has nothing to refresh.
_NOT_REFRESHED = ("_by_import", "_by_result")


class Dependencies(StartOrder):
    """Holds all targets until it is known what they need, and each until that has succeeded.

    `read` and `resolve` are called once all references are looked up. Nodes are cluster ids, or the reference of what has none.
    """

    def __init__(self, state: BatchState, rules: DependencyRules) -> None:
        self._state = state
        self._rules = rules
        self._held: dict[int, Target] = {}
        self._needs: dict[int, tuple[Ref, ...]] = {}
        self._unreadable: dict[int, TaError] = {}
        # Of what is not in the batch: why it is not good enough; None where it is.
        self._outside: dict[Ref, Message | None] = {}
        self._nodes: dict[Ref, Ref] = {}
        self._names: dict[Ref, str] = {}
        self._ok: dict[Ref, bool] = {}
        # Of what failed: its status; of what was not started for another's failure: that other's name.
        self._because: dict[Ref, tuple[str, str | None]] = {}
        self._is_resolved = False
        self._pending: dict[int, set[Ref]] = {}
        self._dependents: dict[Ref, list[int]] = {}
        self._hopeless: dict[int, Message] = {}
        self._ranks: dict[int, tuple[float, int]] = {}
        self._ended: deque[Ref] = deque()
        self._is_telling = False

    # What the batch asks

    def holds(self, target: Target) -> bool:
        """Take a target that is to be started, if it may not start yet, or never. Returns whether it was taken."""
        state, key = self._state, target.cluster_id
        if state.stopped or (self._is_resolved and not self._pending.get(key) and key not in self._hopeless):
            return False
        self._held[key] = target
        state.waiting_ids[key] = target
        if key in self._hopeless:
            self._give_up(key)
        return True

    def take(self) -> list[Target]:
        """Return what is held, and hold it no more."""
        targets = list(self._held.values())
        self._held.clear()
        return targets

    def ended(self, outcome: Outcome) -> None:
        """A reference has its outcome: those that needed it may start, or never will."""
        key: Ref = outcome.ref if outcome.cluster_id is None else outcome.cluster_id
        self._know(key, outcome.ref, outcome.cluster_name)
        self._ok[key] = outcome.ok
        if not outcome.ok and key not in self._because:
            self._because[key] = (outcome.status.value, None)
        if not self._is_resolved or self._state.stopped or self._state.interrupted:
            return
        self._ended.append(key)
        if self._is_telling:
            return  # not by recursion: a chain may be longer than Python calls
        self._is_telling = True
        try:
            while self._ended:
                self._tell(self._ended.popleft())
        finally:
            self._is_telling = False

    # Before anything starts

    async def read(self) -> list[Ref]:
        """Read what the targets need, where it is not known yet. Returns what is to be refreshed too."""
        state = self._state
        targets = [*self._held.values(), *state.in_flight.values()]
        for target in targets:
            self._know(target.cluster_id, target.ref, target.name)
        new = [target for target in targets if target.cluster_id not in self._needs]
        if self._rules.needs is None:
            await self._run([self._read_definition(target) for target in new])
        else:
            for target in new:
                keys = dict.fromkeys((target.ref, target.cluster_id, target.name))
                given = (one for key in keys for one in self._rules.needs.get(key, ()))
                self._needs[target.cluster_id] = tuple(dict.fromkeys(given))
        if self._rules.fresh_since is None and not self._rules.includes:
            return []
        outside = {one: None for needed in self._needs.values() for one in needed if one not in self._nodes}
        missing: list[Ref] = []
        await self._run([self._judge(one, missing) for one in outside if one not in self._outside])
        return [] if state.stopped else missing

    def resolve(self) -> None:
        """Let those start that need nothing, and hold the others.

        Raises:
            InvalidRequest: Some need each other.
        """
        if self._state.stopped:
            return
        needed = {
            key: {self._nodes[one] for one in needs if one in self._nodes}
            for key, needs in self._needs.items()
        }
        self._rank(needed)
        for key, target in (self._held | self._state.in_flight).items():
            target.needs(tuple(dict.fromkeys(self._nodes.get(one, one) for one in self._needs.get(key, ()))))
        for key, keys in needed.items():
            for one in keys:
                self._dependents.setdefault(one, []).append(key)
            self._pending[key] = {one for one in keys if one not in self._ok}
            self._hopeless |= self._unmet(key, keys)
        self._is_resolved = True
        for key, target in list(self._held.items()):
            if key not in self._held or self._state.stopped:
                continue  # what it needs was given up meanwhile, or the batch
            if key in self._unreadable:
                self._fail(target, self._unreadable[key])
            elif key in self._hopeless:
                self._give_up(key)
            elif not self._pending[key]:
                self._release(key)

    async def _read_definition(self, target: Target) -> None:
        detail, error = await self._detail(target.call_ref)
        self._needs[target.cluster_id] = ()
        if detail is not None:
            project = self._state.project.id
            self._needs[target.cluster_id] = tuple(
                one.name
                for one in dependencies(detail)
                # One that reads what it was before waits for nobody.
                if one.project_id in (None, project) and one.name != target.name
            )
        elif error is not None and not self._state.stopped:
            self._unreadable[target.cluster_id] = error

    async def _judge(self, ref: Ref, missing: list[Ref]) -> None:
        """See whether what is not in the batch is good enough, or is to be refreshed too."""
        detail, error = await self._detail(ref)
        if detail is not None:
            if self._is_good(detail):
                self._outside[ref] = None
            elif self._rules.includes:
                self._outside[ref] = None
                missing.append(ref)
            else:
                time = detail.refresh_time
                self._outside[ref] = Message(
                    "needs-stale", needed=ref, refreshed="-" if time is None else str(time)
                )
        elif isinstance(error, NotFound):
            self._outside[ref] = Message("needs-missing", needed=ref)
        else:
            assert error is not None
            self._outside[ref] = Message("needs-unreadable", needed=ref, problem=error.what())

    def _is_good(self, detail: ClusterDetail) -> bool:
        if str(detail.cluster_type or "").endswith(_NOT_REFRESHED):
            return True
        since, time = self._rules.fresh_since, detail.refresh_time
        return since is not None and detail.progress == 100 and time is not None and time >= since

    async def _detail(self, ref: Ref) -> tuple[ClusterDetail | None, TaError | None]:
        """Return a detail, or why it cannot be read. Raises what ends the batch; it is stopped where the server answers nothing any more."""
        state = self._state
        try:
            detail = await state.sender.read(
                lambda: read_detail(state.session, state.project.id, ref, timeout=state.sender.timeout())
            )
        except TaError as error:
            if isinstance(error, TokenRejected) or ends_the_batch(error):
                raise
            if error.may_pass and state.sender.gave_up:
                end_batch(state, error)
            return None, error
        return detail, None

    async def _run(self, calls: Sequence[Coroutine[object, object, None]]) -> None:
        await run_all(calls, self._state.sender.concurrency(_CONCURRENCY))

    # The graph

    def _know(self, key: Ref, *names: Ref | None) -> None:
        self._nodes[key] = key
        for name in names:
            if name is not None:
                self._nodes.setdefault(name, key)
                self._names[key] = str(name)

    def _rank(self, needed: Mapping[int, set[Ref]]) -> None:
        """Find how long all takes that can only start after each. Raises InvalidRequest for a circle."""
        sorter: TopologicalSorter[Ref] = TopologicalSorter(needed)
        order: list[Ref] = []
        circle: list[Ref] = []
        try:
            order = list(sorter.static_order())
        except CycleError as problem:
            circle = problem.args[1]
        if circle:
            # The sorter has what is needed first.
            names = [self._names[one] for one in reversed(circle)]
            if len(names) > _SHOWN:
                names[_SHOWN // 2 : -(_SHOWN // 2)] = ["…"]
            raise InvalidRequest(Message("dependencies-circle", circle=" → ".join(names)))
        targets = self._held | self._state.in_flight
        after: dict[Ref, tuple[float, int]] = {}
        for key in reversed(order):
            seconds, height = after.get(key, (0.0, 0))
            target = targets.get(key) if isinstance(key, int) else None
            expected = inf if target is None or target.expected is None else target.expected
            rank = (seconds + expected, height + 1)
            if isinstance(key, int):
                self._ranks[key] = rank
            for one in needed.get(key, ()) if isinstance(key, int) else ():
                after[one] = max(after.get(one, (0.0, 0)), rank)

    def _unmet(self, key: int, needed: set[Ref]) -> dict[int, Message]:
        """Return why it can never start, if that is so."""
        for one in needed:
            if self._ok.get(one) is False:
                return {key: self._failed(one)}
        for ref in self._needs[key]:
            if ref not in self._nodes and (what := self._outside.get(ref)) is not None:
                return {key: what}
        return {}

    def _failed(self, key: Ref) -> Message:
        status, failed = self._because[key]
        if failed is None:
            return Message("needs-failed", needed=self._names[key], status=status)
        return Message("needs-skipped", needed=self._names[key], failed=failed)

    # What comes of it

    def _tell(self, key: Ref) -> None:
        """Tell those that need it that it has ended."""
        is_ok = self._ok[key]
        for dependent in self._dependents.pop(key, ()):
            self._pending[dependent].discard(key)
            if not is_ok:
                self._hopeless.setdefault(dependent, self._failed(key))
            if dependent not in self._held:
                continue  # it is still in flight and asks when it is to be started, or has its outcome
            if not is_ok:
                self._give_up(dependent)
            elif not self._pending[dependent]:
                self._release(dependent)

    def _release(self, key: int) -> None:
        state, target = self._state, self._held.pop(key)
        if state.options.order == "given":
            state.waiting.append(target)
        else:
            insort(state.waiting, target, key=self._place)
        state.changed.fire()

    def _place(self, target: Target) -> tuple[float, int]:
        """Return where it stands among those that wait: the longest way to the end goes first."""
        seconds, height = self._ranks.get(target.cluster_id, (inf, 0))
        return -seconds, -height

    def _give_up(self, key: int) -> None:
        """Leave out one whose needs cannot be met any more."""
        state, what = self._state, self._hopeless[key]
        target = self._held.pop(key)
        del state.waiting_ids[key]
        params = what.params
        self._because[key] = (Status.SKIPPED.value, str(params.get("failed", params["needed"])))
        state.record(target.outcome(Status.SKIPPED, state.loop.time(), what))

    def _fail(self, target: Target, error: TaError) -> None:
        """End one whose definition cannot be read, so that nobody knows what it needs."""
        state = self._state
        del self._held[target.cluster_id]
        del state.waiting_ids[target.cluster_id]
        status = Status.REJECTED if is_refusal(error) else Status.FAILED
        state.record(target.outcome(status, state.loop.time(), error))

"""Reading the state of a target again right before its refresh is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import NotFound, SchemaError, TaError, TokenRejected
from ..messages import Message
from ..protocol.endpoints import DETAIL
from ..resources.state import read_detail
from .listing import is_baseline, read_row, state_of
from .retry import ends_the_batch

if TYPE_CHECKING:
    from .listing import ClusterState, ListView, RawPage
    from .state import BatchState
    from .target import Target

# A baseline that is older than so many seconds is read again before the POST.
_FRESH = 60.0
# With a plan, another process may be running it at the same time.
_FRESH_IN_PLAN = 1.0


class BaselineReader:
    """Reads baselines again: with a whole page where the next targets stand on it too, and else alone."""

    def __init__(self, state: BatchState) -> None:
        self._state = state

    async def refresh(self, target: Target) -> None:
        """Read the baseline again, if it is old."""
        if self._is_fresh(target):
            return
        view = self._state.views[target.catalog]
        page = None if target.hidden else view.page_of(target.place)
        if page is not None and self._has_neighbour(target, page):
            async with view.reading:
                if not self._is_fresh(target):
                    await self._read_page(view, page)
            if self._is_fresh(target):
                return
        await self.read(target)

    async def read(self, target: Target) -> None:
        """Read the baseline of one target."""
        state = self._state
        target.set_baseline(await state.sender.read(lambda: read_state(state, target)), state.loop.time())

    def _is_fresh(self, target: Target) -> bool:
        fresh = _FRESH if target.planned is None else _FRESH_IN_PLAN
        return self._state.loop.time() - target.read_at <= fresh

    def _has_neighbour(self, target: Target, page: int) -> bool:
        state = self._state
        if not state.waiting:
            return False
        other = state.waiting[0]
        return other.catalog is target.catalog and state.views[other.catalog].page_of(other.place) == page

    async def _read_page(self, view: ListView, number: int) -> None:
        """Take the baselines of all that are not started yet from a page. A page that is refused or spoilt has none."""
        state = self._state
        try:
            page: RawPage = await state.sender.read(lambda: view.read(number, state.sender.timeout()))
        except TaError as error:
            if error.may_pass or isinstance(error, TokenRejected) or ends_the_batch(error):
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
            found.found_at(place)
            if is_baseline(seen):
                found.set_baseline(seen, now)


async def read_state(state: BatchState, target: Target) -> ClusterState:
    """Return the state of a target by its detail. Raises NotFound also when its name belongs to another by now."""
    detail = await read_detail(
        state.session, state.project.id, target.call_ref, timeout=state.sender.timeout(target.deadline)
    )
    if detail.id != target.cluster_id:
        message = Message(
            "cluster-id-changed", name=target.call_ref, found=detail.id, expected=target.cluster_id
        )
        changed = NotFound(0, str(message), endpoint=DETAIL.name, attempts=1)
        changed.set_message(message)
        raise changed
    return state_of(detail)

"""Find clusters and tags by id or name with close to the fewest requests: list pages where they show many, else details."""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING

from attrs import define, field

from ..errors import SchemaError, TaError, TokenRejected
from ..models import Catalog
from ..protocol.endpoints import Ref
from ..resources.state import read_detail
from .listing import ClusterState, read_row, state_of
from .retry import ends_the_batch
from .server_down import end_batch
from .workers import run_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .listing import ListView, RawPage
    from .state import BatchState

# So many list pages or details are read at a time.
_CONCURRENCY = 8
# Of so few, each is asked for by itself.
_FEW = 2


@define(eq=False)
class Found:
    """What a look-up found.

    Attributes:
        by_id: The state, the catalog and the place in the list, by id; the place is None where the list was not read.
        id_by_name: The id by name.
        errors: Why a reference was not found.
        gave_up: Why no more are looked for: the server has answered nothing for as long as polls may fail.
    """

    by_id: dict[int, tuple[ClusterState, Catalog, int | None]] = field(factory=dict)
    id_by_name: dict[str, int] = field(factory=dict)
    errors: dict[Ref, TaError] = field(factory=dict)
    gave_up: TaError | None = None

    def add(self, seen: ClusterState, catalog: Catalog, place: int | None) -> None:
        """Keep one that was found."""
        self.by_id[seen.cluster_id] = seen, catalog, place
        self.id_by_name.setdefault(seen.name, seen.cluster_id)


async def look_up(state: BatchState, refs: Sequence[Ref]) -> Found:
    """Find them and read their states. Those that are not there, or cannot be read, are in `errors` in the end.

    When the batch is stopped meanwhile, or ends since the server answers nothing, some are neither found nor in `errors`.
    """
    found = Found()
    left = set(refs)
    # Where the latest ones were found, the next ones probably are.
    for view in sorted(state.views.values(), key=lambda view: -view.hits):
        before = len(left)
        if before <= _FEW:
            break
        is_whole = await _sweep(state, view, left, found)
        view.hits = before - len(left)
        if not is_whole:
            break
    await run_all(
        [_ask(state, ref, found) for ref in refs if ref in left], state.sender.concurrency(_CONCURRENCY)
    )
    if found.gave_up is not None:
        end_batch(state, found.gave_up)
    return found


async def _sweep(state: BatchState, view: ListView, left: set[Ref], found: Found) -> bool:
    """Read list pages from the cursor outward until all are found, the list ends, or details would be cheaper.

    Takes what it finds out of `left`. True when the whole list was read.
    """
    read = 0
    numbers = _outward(view)
    at_most = state.sender.concurrency(_CONCURRENCY)
    while left and not state.stopped:
        # Where the list has more pages than there are clusters to find, so many pages are read for nothing at most: together with the
        # details that follow, that is no more than twice the best.
        allowance = len(left) - read if view.total is None or view.pages > len(left) else view.pages
        if allowance <= 0:
            return read >= view.pages
        at_once = min(at_most, allowance) if read else 1
        some = list(islice(numbers, at_once))
        if not some:
            return True
        read += len(some)
        pages: dict[int, RawPage] = {}
        try:
            await run_all([_read(state, view, number, pages) for number in some], at_once)
        except TaError as error:
            if isinstance(error, TokenRejected) or ends_the_batch(error):
                raise
            _note(state, found, error)
            return False
        for number in some:
            if _pick(view, pages[number], left, found):
                view.cursor = number
    return True


def _outward(view: ListView) -> Iterator[int]:
    """Yield page numbers from the cursor outward."""
    start = view.cursor
    yield start
    for step in count(1):  # pragma: no branch - it counts without end
        ahead, back = start + step, start - step
        if ahead > view.pages and back < 1:
            return
        if ahead <= view.pages:
            yield ahead
        if back >= 1:
            yield back


async def _read(state: BatchState, view: ListView, number: int, pages: dict[int, RawPage]) -> None:
    pages[number] = await state.sender.read(
        lambda: view.read(number, state.sender.timeout()), adapt=view.shrinks
    )


def _pick(view: ListView, page: RawPage, left: set[Ref], found: Found) -> bool:
    """Take what is wanted from a page. A row that cannot be read, or that may be running, is left for its detail."""
    any_found = False
    for place, row in enumerate(page.rows, page.first_place):
        names = {key for key in (row.get("id"), row.get("clusterName")) if isinstance(key, int | str)} & left
        if not names:
            continue
        try:
            seen = read_row(row)
        except SchemaError:
            continue
        if seen.progress == 0 and seen.refresh_time is None:
            continue
        found.add(seen, view.catalog, place)
        left -= names
        any_found = True
    return any_found


async def _ask(state: BatchState, ref: Ref, found: Found) -> None:
    if state.stopped or found.gave_up is not None:
        return
    try:
        detail = await state.sender.read(
            lambda: read_detail(state.session, state.project.id, ref, timeout=state.sender.timeout())
        )
        seen = state_of(detail)
    except TaError as error:
        if isinstance(error, TokenRejected) or ends_the_batch(error):
            raise
        if not _note(state, found, error):
            found.errors[ref] = error
        return
    found.add(seen, detail.catalog or Catalog.CLUSTER, None)
    if isinstance(ref, str):
        found.id_by_name[ref] = detail.id


def _note(state: BatchState, found: Found, error: TaError) -> bool:
    """Note that the server answers nothing. Returns whether it is so."""
    if not (error.may_pass and state.sender.gave_up):
        return False
    found.gave_up = error
    return True

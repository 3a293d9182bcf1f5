"""Finding clusters and tags by id or name with close to the fewest requests: list pages where they tell many, details else."""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING

from attrs import define, field

from ..errors import SchemaError, TaError, TokenRejected
from ..models import Catalog, catalog_of
from ..protocol.endpoints import Ref
from ..resources.state import read_detail
from .listing import Seen, read_row, seen_of
from .retry import ends_the_batch, may_pass
from .workers import run_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .listing import ListView, RawPage
    from .state import Run

# So many list pages or details are read at a time.
_AT_ONCE = 8
# Of so few, each is asked for by itself.
_FEW = 2


@define(eq=False)
class Found:
    """What a look-up found.

    Attributes:
        by_id: The state, the catalog and the place in the list, by id; the place is None where the list was not read.
        id_by_name: The id by name.
        errors: Why a reference was not found.
        gave_up: Why no more are looked for: the server could not be reached for as long as polls may fail.
    """

    by_id: dict[int, tuple[Seen, Catalog, int | None]] = field(factory=dict)
    id_by_name: dict[str, int] = field(factory=dict)
    errors: dict[Ref, TaError] = field(factory=dict)
    gave_up: TaError | None = None

    def add(self, seen: Seen, catalog: Catalog, place: int | None) -> None:
        """Keep one that was found."""
        self.by_id[seen.cluster_id] = seen, catalog, place
        self.id_by_name.setdefault(seen.name, seen.cluster_id)


async def look_up(run: Run, refs: Sequence[Ref]) -> Found:
    """Find them and read their states. Those that are not there, or cannot be read, are in `errors` in the end.

    When the batch is stopped meanwhile, some are neither found nor in `errors`.
    """
    found = Found()
    left = set(refs)
    # Where the latest ones were found, the next ones probably are.
    for view in sorted(run.views.values(), key=lambda view: -view.hits):
        before = len(left)
        if before <= _FEW:
            break
        is_whole = await _sweep(run, view, left, found)
        view.hits = before - len(left)
        if not is_whole:
            break
    await run_all([_ask(run, ref, found) for ref in refs if ref in left], run.at_once(_AT_ONCE))
    return found


async def _sweep(run: Run, view: ListView, left: set[Ref], found: Found) -> bool:
    """Read list pages from the cursor outward until all are found, the list ends, or details would be cheaper.

    Takes what it finds out of `left`. True when the whole list was read.
    """
    read = 0
    numbers = _outward(view)
    at_most = run.at_once(_AT_ONCE)
    while left and not run.stopped:
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
            await run_all([_read(run, view, number, pages) for number in some], at_once)
        except TaError as error:
            if isinstance(error, TokenRejected) or ends_the_batch(error):
                raise
            _note(run, found, error)
            return False
        for number in some:
            if _pick(view, pages[number], left, found):
                view.cursor = number
    return True


def _outward(view: ListView) -> Iterator[int]:
    """Page numbers from where the cursor is now outward."""
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


async def _read(run: Run, view: ListView, number: int, pages: dict[int, RawPage]) -> None:
    pages[number] = await run.patiently(lambda: view.read(number, run.call_seconds()))


def _pick(view: ListView, page: RawPage, left: set[Ref], found: Found) -> bool:
    """Take what is wanted from a page; a row that cannot be read, or that may be running, is left for its detail."""
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


async def _ask(run: Run, ref: Ref, found: Found) -> None:
    if found.gave_up is not None:
        found.errors[ref] = found.gave_up
        return
    if run.stopped:
        return
    try:
        detail = await run.patiently(
            lambda: read_detail(run.session, run.project.id, ref, timeout=run.call_seconds())
        )
        seen = seen_of(detail)
    except TaError as error:
        if isinstance(error, TokenRejected) or ends_the_batch(error):
            raise
        _note(run, found, error)
        found.errors[ref] = error
        return
    found.add(seen, catalog_of(detail.cluster_type) or Catalog.CLUSTER, None)
    if isinstance(ref, str):
        found.id_by_name[ref] = detail.id


def _note(run: Run, found: Found, error: TaError) -> None:
    if may_pass(error) and run.down_since is not None:
        found.gave_up = error

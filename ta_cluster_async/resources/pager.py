"""Going through the list, page by page (spec: 分群和标签列表查询)."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

from ..client.deadline import Deadline
from ..errors import SchemaError
from ..models import Page, structure
from ..models.fast_page import read_page
from ..protocol.endpoints import LIST
from ..protocol.requests import build

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from ..client.api import ApiClient
    from ..models import ClusterRow, JsonValue


_PATIENCE = 1_000
"""So many pages in a row without a new row, beyond those that going back and forth over all seen rows takes, and the list has no end."""


class Pager:
    """The rows of a list: `async for row in pager`, `async for page in pager.pages()`, or `await pager.collect()`.

    Each of them reads the list anew. No id comes twice, also when rows move to later pages while the list is read because others are
    created; and when `totalNum` falls because others are deleted, the pages to which unread rows may have moved up are read once more.
    """

    def __init__(
        self,
        client: ApiClient,
        filters: Mapping[str, object],
        page_size: int,
        timeout: float | None,
        *,
        ahead: bool = False,
    ) -> None:
        self._client = client
        self._filters = filters
        self._page_size = page_size
        self._timeout = timeout
        self._ahead = ahead

    def ahead(self) -> Pager:
        """The same list with the next page on its way while the present one is consumed.

        A loop that takes a while for each page then waits only for the slower of the two. What it sees is older by the time that it takes
        for a page, so it may still meet a row that it has deleted meanwhile. A loop that is left early has sent one request too many.
        """
        return Pager(self._client, self._filters, self._page_size, self._timeout, ahead=True)

    async def __aiter__(self) -> AsyncGenerator[ClusterRow, None]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for row in page.rows:
                    yield row

    def pages(self) -> AsyncGenerator[Page, None]:
        """The pages in order, each without the rows that an earlier one had, so that one may be empty."""
        return self._walk(None, ahead=self._ahead)

    async def collect(self, *, timeout: float | None = None) -> list[ClusterRow]:
        """All rows as a list, within `timeout` seconds for the whole list where it is given.

        Raises:
            TransportError: The time ended before the list did.
            SchemaError: The list has no end, since the server's `totalNum` keeps changing and no page brings a new row.
            TaError: As `list` says.
        """
        rows: list[ClusterRow] = []
        deadline = None if timeout is None else Deadline(timeout, timeout)
        async with aclosing(self._walk(deadline)) as pages:
            async for page in pages:
                rows += page.rows
        return rows

    async def _walk(self, deadline: Deadline | None, *, ahead: bool = False) -> AsyncGenerator[Page, None]:
        seen: set[int] = set()
        fruitless = 0
        place: _Place | None = _Place(1, self._page_size, 0)
        fetched: asyncio.Task[Page] | None = None
        try:
            while place is not None:
                page = await (self._page(place, deadline) if fetched is None else fetched)
                fetched = None
                place = _after(place, page)
                page.rows = _new_rows(page, seen)
                fruitless = 0 if page.rows else fruitless + 1
                if place is not None and fruitless > _PATIENCE + 2 * len(seen) // place.size:
                    message = (
                        f"totalNum does not let the list end: {fruitless} pages in a row brought no new row."
                    )
                    raise SchemaError(message, path="data.pagerResult.totalNum")
                if ahead and place is not None:
                    # One at a time and never before the last one's answer: pages read out of order could lose what moves between them.
                    fetched = asyncio.create_task(self._page_ahead(place, deadline, _cancellations()))
                    await asyncio.sleep(
                        0
                    )  # so that the request is out also when the consumer does not wait for anything
                yield page
        finally:
            if fetched is not None:
                await _give_up(fetched)

    async def _page_ahead(
        self, place: _Place, deadline: Deadline | None, cancellations: Callable[[], int]
    ) -> Page:
        """Read a page, unless whoever asks for it was cancelled before the request could begin."""
        if cancellations():
            raise asyncio.CancelledError
        return await self._page(place, deadline)

    async def _page(self, place: _Place, deadline: Deadline | None) -> Page:
        body = {**self._filters, "pagerHeader": {"pageNum": place.number, "pageSize": place.size}}
        timeout = self._timeout
        if deadline is not None:
            timeout = min(deadline.left(), self._client.timeout if timeout is None else timeout)
        return await self._client.call(build(LIST, {}, body), _to_page, timeout=timeout, quick=read_page)


class _Place(NamedTuple):
    """Where the list is to be read on: the page, its size, and how many rows there were in all when it was last looked at."""

    number: int
    size: int
    total: int


def _after(place: _Place, page: Page) -> _Place | None:
    """The place after a page that was read at one; None at the end of the list."""
    number, size, given, total = place.number, place.size, len(page.rows), page.total_num
    fallen = place.total - total
    if fallen > 0 and number > 1:
        # So many rows are gone from before this page at the worst, and as many have moved up in their place.
        return _Place(max(1, number - -(-fallen // size)), size, total)
    is_capped = number == 1 and 0 < given < min(size, total)
    if is_capped:
        size = given  # the server gives fewer rows than asked: ask for so many, that both count pages alike
    elif given == 0 or number * size >= total:
        return None
    return _Place(number + 1, size, total)


def _cancellations() -> Callable[[], int]:
    """Tells how often the running task has been cancelled since now."""
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    return lambda: task.cancelling() - before


async def _give_up(fetched: asyncio.Task[Page]) -> None:
    fetched.cancel()
    await asyncio.wait([fetched])
    if not fetched.cancelled():
        fetched.exception()  # nobody will ask for it, and asyncio is not to complain of that


def _new_rows(page: Page, seen: set[int]) -> list[ClusterRow]:
    """The rows of the page that were not seen before. A page may also repeat a row of its own."""
    rows = []
    for row in page.rows:
        if row.id not in seen:
            seen.add(row.id)
            rows.append(row)
    return rows


def _to_page(data: JsonValue) -> Page:
    return structure(Page, data)

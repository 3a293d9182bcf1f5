"""Reading the list page by page (spec: 分群和标签列表查询)."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

from ..client.api import logger
from ..client.deadline import Deadline
from ..errors import ApiError, SchemaError
from ..messages import Message
from ..models import Page, structure
from ..models.fast_page import read_page
from ..protocol.endpoints import LIST
from ..protocol.requests import build
from ..protocol.retry import is_refusal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from ..client.api import ApiClient
    from ..models import ClusterRow, JsonValue


_MOST_PAGES_WITHOUT_NEW_ROW = 1_000
"""Pages in a row without a new row after which the list has no end, beyond those that going back and forth over all seen rows takes."""


class Pager:
    """The rows of a list: `async for row in pager`, `async for page in pager.pages()`, or `await pager.collect()`.

    Each of them reads the list from its start. No id comes twice, also when rows move to later pages while the list is read because others
    are created; and when `totalNum` falls because others are deleted, the pages to which unread rows may have moved up are read once more.

    Attributes:
        missing: How many rows the server's `totalNum` counted all the time beyond those that came, after a list that was read to its end;
            a log message tells of them too. It is 0 where the list is whole.
    """

    def __init__(
        self,
        session: ApiClient,
        filters: Mapping[str, object],
        page_size: int,
        timeout: float | None,
        *,
        ahead: bool = False,
    ) -> None:
        self._client = session
        self._filters = filters
        self._page_size = page_size
        self._timeout = timeout
        self._ahead = ahead
        self.missing: int = 0

    def __repr__(self) -> str:
        filters = ", ".join(f"{name}={value!r}" for name, value in self._filters.items())
        return f"<Pager of {filters}, page_size={self._page_size}>"

    def ahead(self) -> Pager:
        """Return the same list, which requests the next page while the present one is consumed.

        A loop that takes a while for each page then waits only for the slower of the two. What it sees is older by the time that it takes
        for a page, so it may still meet a row that it has deleted meanwhile. A loop that ends early has sent one request too many.
        """
        return Pager(self._client, self._filters, self._page_size, self._timeout, ahead=True)

    async def __aiter__(self) -> AsyncGenerator[ClusterRow, None]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for row in page.rows:
                    yield row

    def pages(self) -> AsyncGenerator[Page, None]:
        """Yield the pages in order, each without the rows that an earlier one had, so that one may be empty."""
        return self._read_all(None, ahead=self._ahead)

    async def collect(self, *, timeout: float | None = None) -> list[ClusterRow]:
        """Return all rows, within `timeout` seconds for the whole list where it is given.

        Raises:
            TransportError: The time ended before the list did.
            SchemaError: The list has no end, since the server's `totalNum` keeps changing and no page brings a new row.
            TaError: As `list` says.
        """
        rows: list[ClusterRow] = []
        deadline = None if timeout is None else Deadline(timeout, timeout)
        async with aclosing(self._read_all(deadline)) as pages:
            async for page in pages:
                rows += page.rows
        return rows

    async def _read_all(
        self, deadline: Deadline | None, *, ahead: bool = False
    ) -> AsyncGenerator[Page, None]:
        seen: set[int] = set()
        without_new_row = 0
        self.missing = 0
        position, page = await self._read_first(deadline)
        # A list that grows or shrinks meanwhile may end with fewer rows than its last totalNum.
        least = page.total_num
        fetched: asyncio.Task[Page] | None = None
        try:
            while True:
                least = min(least, page.total_num)
                following = _next_position(position, page)
                page.rows = _new_rows(page, seen)
                without_new_row = 0 if page.rows else without_new_row + 1
                if following is not None:
                    going_over_all = 2 * len(seen) // following.size
                    if without_new_row > _MOST_PAGES_WITHOUT_NEW_ROW + going_over_all:
                        message = Message("total-keeps-changing", pages=without_new_row)
                        raise SchemaError(message, path="data.pagerResult.totalNum")
                    if ahead:
                        # One at a time and never before the last one's answer: pages read out of order could lose rows that move.
                        fetched = asyncio.create_task(self._fetch(following, deadline, _cancellation_check()))
                        # Lets the request go out, also when the consumer does not wait for anything.
                        await asyncio.sleep(0)
                else:
                    self._tell_missing(least - len(seen))
                yield page
                if following is None:
                    return
                position = following
                page = await (self._read(position, deadline) if fetched is None else fetched)
                fetched = None
        finally:
            if fetched is not None:
                await _discard(fetched)

    def _tell_missing(self, number: int) -> None:
        self.missing = max(0, number)
        if self.missing:
            logger.warning("%s", Message("rows-missing", missing=self.missing))

    async def _fetch(
        self, position: _Position, deadline: Deadline | None, is_cancelled: Callable[[], bool]
    ) -> Page:
        """Read a page, unless its consumer was cancelled before the request could begin."""
        if is_cancelled():
            raise asyncio.CancelledError
        return await self._read(position, deadline)

    async def _read_first(self, deadline: Deadline | None) -> tuple[_Position, Page]:
        """Read the first page; a smaller one where the server may have refused its size, as often as that may be the reason."""
        sizes = self._client.page_sizes
        wanted = size = sizes.fit(self._page_size)
        if deadline is None:
            deadline = Deadline(self._timeout, self._client.timeout)
        while True:
            position = _Position(1, size, 0)
            try:
                page = await self._read(position, deadline)
            except ApiError as refusal:
                smaller = sizes.refused(size) if is_refusal(refusal) else None
                if smaller is None:
                    raise
                size = smaller
            else:
                sizes.taken(size, wanted)
                return position, page

    async def _read(self, position: _Position, deadline: Deadline | None) -> Page:
        body = {**self._filters, "pagerHeader": {"pageNum": position.number, "pageSize": position.size}}
        timeout = self._timeout
        if deadline is not None:
            timeout = min(deadline.left(), self._client.timeout if timeout is None else timeout)
        return await self._client.call(build(LIST, {}, body), _to_page, timeout=timeout, quick=read_page)


class _Position(NamedTuple):
    """Which page comes next, its size, and the total number of rows in the answer before."""

    number: int
    size: int
    total: int


def _next_position(position: _Position, page: Page) -> _Position | None:
    """Return the position after a page, None at the end of the list."""
    number, size, given, total = position.number, position.size, len(page.rows), page.total_num
    fallen = position.total - total
    if fallen > 0 and number > 1:
        # At worst all of them were deleted from before this page, and as many rows have moved up in their place.
        return _Position(max(1, number - -(-fallen // size)), size, total)
    is_capped = number == 1 and 0 < given < min(size, total)
    if is_capped:
        size = given  # the server's own limit: with it as the page size, both count pages alike
    elif given == 0 or number * size >= total:
        return None
    return _Position(number + 1, size, total)


def _cancellation_check() -> Callable[[], bool]:
    """Return a function that tells whether the running task has been cancelled since now."""
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    return lambda: task.cancelling() > before


async def _discard(fetched: asyncio.Task[Page]) -> None:
    fetched.cancel()
    await asyncio.wait([fetched])
    if not fetched.cancelled():
        fetched.exception()  # marks it as retrieved, which asyncio would log otherwise


def _new_rows(page: Page, seen: set[int]) -> list[ClusterRow]:
    """Return the rows of the page that were not seen before. A page may also repeat a row of its own."""
    rows = []
    for row in page.rows:
        if row.id not in seen:
            seen.add(row.id)
            rows.append(row)
    return rows


def _to_page(data: JsonValue) -> Page:
    return structure(Page, data)

"""Going through the list, page by page (spec: 分群和标签列表查询)."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from ..models import Page, structure
from ..protocol.endpoints import LIST
from ..protocol.requests import build
from .deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from ..models import ClusterRow, JsonValue
    from ..session import TaSession


class Pager:
    """The rows of a list: `async for row in pager`, `async for page in pager.pages()`, or `await pager.collect()`.

    Each of them reads the list anew. No id comes twice, also when rows move to later pages while the list is read because others are
    created; and when `totalNum` falls because others are deleted, the pages to which unread rows may have moved up are read once more.
    """

    def __init__(
        self, session: TaSession, filters: Mapping[str, object], page_size: int, timeout: float | None
    ) -> None:
        self._session = session
        self._filters = filters
        self._page_size = page_size
        self._timeout = timeout

    async def __aiter__(self) -> AsyncGenerator[ClusterRow, None]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for row in page.rows:
                    yield row

    def pages(self) -> AsyncGenerator[Page, None]:
        """The pages in order, each without the rows that an earlier one had, so that one may be empty."""
        return self._walk(None)

    async def collect(self, *, timeout: float | None = None) -> list[ClusterRow]:
        """All rows as a list, within `timeout` seconds for the whole list where it is given.

        Raises:
            TransportError: The time ended before the list did.
            TaError: As `list` says.
        """
        rows: list[ClusterRow] = []
        async with aclosing(self._walk(None if timeout is None else Deadline(timeout, timeout))) as pages:
            async for page in pages:
                rows += page.rows
        return rows

    async def _walk(self, deadline: Deadline | None) -> AsyncGenerator[Page, None]:
        seen: set[int] = set()
        size = self._page_size
        number = 1
        total = 0
        while True:
            page = await self._page(number, size, deadline)
            given = len(page.rows)
            page.rows = _new_rows(page, seen)
            fallen, total = total - page.total_num, page.total_num
            yield page
            if fallen > 0 and number > 1:
                # So many rows are gone from before this page at the worst, and as many have moved up in their place.
                number = max(1, number - -(-fallen // size))
                continue
            is_capped = number == 1 and 0 < given < min(size, total)
            if is_capped:
                size = given  # the server gives fewer rows than asked: ask for so many, that both count pages alike
            elif given == 0 or number * size >= total:
                return
            number += 1

    async def _page(self, number: int, size: int, deadline: Deadline | None) -> Page:
        body = {**self._filters, "pagerHeader": {"pageNum": number, "pageSize": size}}
        timeout = self._timeout
        if deadline is not None:
            timeout = min(deadline.left(), self._session.timeout if timeout is None else timeout)
        return await self._session.call(build(LIST, {}, body), _to_page, timeout=timeout)


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

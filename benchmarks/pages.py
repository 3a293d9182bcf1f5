"""A whole list with the next page requested while the current one is consumed, against one page after another.

    python -m benchmarks.pages [--quick]

A transport answers with real pages of 1,000 rows after 20 ms of real time. For each page the consumer waits 20 ms, as if it wrote to a
database, or only reads the rows. Both ways are the library's own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from benchmarks.rounds import alternate, compare
from benchmarks.scripted import ScriptedServer
from benchmarks.table import show
from ta_cluster_async.client.secret import Secret
from ta_cluster_async.protocol.endpoints import LIST
from ta_cluster_async.protocol.requests import Response, build
from ta_cluster_async.session import TaSession

if TYPE_CHECKING:
    from benchmarks.table import Row
    from ta_cluster_async.protocol.requests import Request

LATENCY = 0.02
PAGE = 1000


class PagesOnly:
    """A transport with all pages made beforehand, so that making them is not measured."""

    def __init__(self, pages: list[Response]) -> None:
        self._pages = pages

    async def send(self, request: Request, token: Secret, timeout: float) -> Response:
        """Answer with the requested page."""
        del token, timeout
        assert request.body is not None
        await asyncio.sleep(LATENCY)
        number: int = json.loads(request.body)["pagerHeader"]["pageNum"]
        return self._pages[number - 1]

    async def aclose(self) -> None:
        """Do nothing."""


async def _pages(count: int) -> list[Response]:
    server = ScriptedServer(count, lambda _: 1.0, page_size=PAGE)
    pages = []
    for number in range(1, -(-count // PAGE) + 1):
        header = {"pageNum": number, "pageSize": PAGE}
        request = build(LIST, {}, {"clusterCatalog": "catalog_cluster", "pagerHeader": header})
        page = await server.send(request, Secret("benchmark"), 1.0)
        assert isinstance(page, Response)
        pages.append(page)
    return pages


async def _read_list(transport: PagesOnly, count: int, seconds: float, *, ahead: bool) -> float:
    """Return the seconds for the whole list with `seconds` of waiting per page."""
    began = time.perf_counter()
    rows = 0
    async with TaSession("http://127.0.0.1", "benchmark", transport=transport) as ta:
        pager = ta.project(1).clusters.list(page_size=PAGE)
        async with aclosing((pager.ahead() if ahead else pager).pages()) as pages:
            async for page in pages:
                rows += len(page.rows)
                if seconds:
                    await asyncio.sleep(seconds)
                else:
                    sum(row.users_num or 0 for row in page.rows)
    assert rows == count
    return time.perf_counter() - began


def rows(*, quick: bool = False) -> list[Row]:
    """Measure the whole list both ways."""
    count, rounds = (20_000, 3) if quick else (100_000, 5)
    transport = PagesOnly(asyncio.run(_pages(count)))
    found = []
    for what, seconds, bar in (("20 ms of work a page", 0.02, 0.7), ("a look at the rows", 0.0, None)):
        figures: dict[str, list[float]] = {"ours": [], "one by one": []}
        for name in alternate(figures, rounds):
            figures[name].append(asyncio.run(_read_list(transport, count, seconds, ahead=name == "ours")))
        found.append(
            compare(f"list of {count:,}, {what}: ahead / one by one", figures, "one by one", bar, "s")
        )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a shorter list")
    show(rows(quick=parser.parse_args().quick))

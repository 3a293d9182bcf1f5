"""A list comes to its end, whatever the server says of the number of its rows."""

import json

import pytest

from ta_cluster_async import TaSession
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import SchemaError
from ta_cluster_async.protocol.requests import Response


class Pages:
    """In place of the network: pages of `size` rows of a list whose rows and number of rows a function gives by the number of the request."""

    def __init__(self, size, total, first_row):
        self.sent = 0
        self._size = size
        self._total = total
        self._first_row = first_row

    async def send(self, request, token, timeout):
        self.sent += 1
        asked = json.loads(request.body)["pagerHeader"]["pageNum"]
        first = self._first_row(self.sent, asked)
        rows = [{"id": first + place, "clusterName": "c"} for place in range(self._size)]
        pager = {"pageNum": asked, "pageSize": self._size, "totalNum": self._total(self.sent)}
        data = {"pagerResult": pager, "userClusters": rows}
        return Response(200, json.dumps({"return_code": 0, "data": data}).encode())

    async def aclose(self):
        """There is nothing to close."""


async def collect(pages, *, ahead=False):
    async with TaSession("http://127.0.0.1", "t", transport=pages) as ta:
        pager = ta.project(102).clusters.list(page_size=10)
        return await (pager.ahead() if ahead else pager).collect()


def by_page(_, asked):
    return 1 + (asked - 1) * 10


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize(
    "total",
    [lambda sent: 100 if sent % 2 else 50, lambda sent: 1_000_000 + sent],
    ids=["to and fro", "growing"],
)
def test_a_number_of_rows_that_keeps_changing_while_no_row_is_new_ends_the_list(total, ahead):
    pages = Pages(10, total, lambda sent, asked: by_page(sent, min(asked, 5)))
    with pytest.raises(SchemaError, match=r"does not let the list end: 10\d\d pages in a row") as caught:
        run(collect(pages, ahead=ahead))
    assert caught.value.path == "data.pagerResult.totalNum"
    assert pages.sent < 1_100


def test_going_back_over_everything_once_is_no_reason_to_give_up():
    # 3,000 pages, at whose end all but ten rows were deleted and 30,000 others created.
    pages = Pages(10, lambda sent: 30_000 if sent != 2_999 else 10, by_page)
    assert len(run(collect(pages))) == 30_000
    assert pages.sent == 2_999 + 3_000

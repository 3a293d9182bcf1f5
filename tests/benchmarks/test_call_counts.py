"""How many calls of functions the cheap paths take: what the benchmarks measure in time, in figures that a busy machine does not change."""

import asyncio
import json
import sys
import threading
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest

from ta_cluster_async import TaSession
from ta_cluster_async.models import fast_page as page_reader
from ta_cluster_async.protocol import json as json_text
from ta_cluster_async.protocol.requests import Response

BODY = b'{"data":{"progress":80},"return_code":0,"return_message":"success"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
ROWS = 200


class Canned(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(ANSWER * data.count(b"\r\n\r\n"))


@contextmanager
def canned_server():
    """A server in a thread of its own: a profile function sees only the thread in which it is set."""
    ready = threading.Event()
    told: dict[str, Any] = {}

    async def serve():
        server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0)
        told.update(
            port=server.sockets[0].getsockname()[1], loop=asyncio.get_running_loop(), stop=asyncio.Event()
        )
        ready.set()
        await told["stop"].wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    try:
        yield f"http://127.0.0.1:{told['port']}"
    finally:
        told["loop"].call_soon_threadsafe(told["stop"].set)
        thread.join()


async def calls_of(call):
    """The fewest calls of Python and C functions that one of several calls took, with the event loop's own."""
    counts = []
    for _ in range(7):
        count = 0

        def add(_frame, event, _arg):
            nonlocal count
            count += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(add)
        try:
            await call()
        finally:
            sys.setprofile(before)
        counts.append(count)
    return min(counts)


def test_a_typed_progress_takes_no_more_calls_than_plain_aiohttp():
    async def main(url):
        async with TaSession(url, "token") as ta, aiohttp.ClientSession() as session:
            clusters = ta.project(102).clusters

            async def plain():
                path = f"/open/user-cluster-refresh-progress?token=token&projectId={102}&clusterId={970}"
                async with session.get(url + path) as response:
                    return json.loads(await response.read())["data"]["progress"]

            for warm_up in (plain, lambda: clusters.progress(970)):
                assert [await warm_up() for _ in range(3)] == [80] * 3
            return await calls_of(lambda: clusters.progress(970)), await calls_of(plain)

    with canned_server() as url:
        ours, plain = asyncio.run(main(url))
    assert ours <= plain


class CannedTransport:
    def __init__(self, body):
        self.body = body

    async def send(self, request, token, timeout):
        return Response(200, self.body)

    async def aclose(self):
        pass


def page_of(count):
    rows = [
        {
            "id": number,
            "clusterName": f"cluster_{number}",
            "clusterCatalog": "catalog_cluster",
            "clusterType": "cluster_by_import",
            "displayName": "每晚刷新",
            "progress": 100,
            "projectId": 102,
            "refreshTime": "2026-01-02 03:04:05",
            "remarks": None,
            "usersNum": 37,
        }
        for number in range(1, count + 1)
    ]
    data = {"pagerResult": {"pageNum": 1, "pageSize": count, "totalNum": count}, "userClusters": rows}
    return json.dumps({"data": data, "return_code": 0, "return_message": "success"}).encode()


def calls_per_row():
    async def main():
        async with TaSession("http://127.0.0.1", "token", transport=CannedTransport(page_of(ROWS))) as ta:
            clusters = ta.project(102).clusters

            async def collect():
                assert len(await clusters.list(page_size=ROWS).collect()) == ROWS

            await collect()
            return await calls_of(collect)

    return asyncio.run(main()) / ROWS


@pytest.fixture
def without_msgspec(monkeypatch):
    monkeypatch.setattr(json_text, "_msgspec_decode", lambda: None)
    monkeypatch.setattr(page_reader, "_reader", lambda: None)


def test_a_row_of_a_list_takes_few_calls():
    assert calls_per_row() <= 9


@pytest.mark.usefixtures("without_msgspec")
def test_a_row_of_a_list_takes_few_calls_without_msgspec():
    assert calls_per_row() <= 9

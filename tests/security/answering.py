"""A call whose answer is meant to harm: what became of it, and for how long the event loop was blocked.

A new surface is a line in `SURFACES`.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ta_cluster_async import AnswerLimits, RetryPolicy, TaError, TaSession

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from ta_cluster_async import AnswerKind, Project
    from tests.security.bombs import Bomb

REAL = AnswerLimits()
SMALL = AnswerLimits(detail=256 * 2**10, rows=2**20)
# What aiohttp holds for a connection, whatever the limit: its buffers, what it decompresses at a time, and heads that it has not looked at.
CONNECTION = 6 * 2**20
TIMEOUT = 20.0


async def _members(project: Project) -> None:
    async for _ in project.clusters.members(970, timeout=2.0):
        pass


_DETAIL = (
    b'{"return_code":0,"data":{"id":970,"clusterName":"whales","displayName":"whales","projectId":102,"usersNum":1,'
    b'"progress":100,"refreshTime":"2020-01-10 10:51:14","clusterType":"cluster_by_static_condition"}}'
)


class Surface(NamedTuple):
    """A call that reads an answer, the kind of the answer, and the answers that come before it."""

    call: Callable[[Project], Awaitable[object]]
    kind: AnswerKind
    before: tuple[bytes, ...] = ()


SURFACES = {
    "progress": Surface(lambda project: project.clusters.progress(970), "number"),
    "progress by name": Surface(lambda project: project.tags.progress("vip"), "number"),
    "delete": Surface(lambda project: project.clusters.delete(970), "number"),
    "detail": Surface(lambda project: project.clusters.detail(970), "detail"),
    "list": Surface(lambda project: project.clusters.list().collect(), "rows"),
}

MEMBERS = Surface(_members, "rows", (_DETAIL,))
"""Its rows are read one block at a time, whatever their number."""


class Result(NamedTuple):
    """What became of a call."""

    error: TaError | None
    seconds: float
    gap: float


def _read_request(connection: socket.socket) -> bool:
    """Read a whole request, and return whether there was one."""
    read = b""
    while b"\r\n\r\n" not in read:
        data = connection.recv(65536)
        if not data:
            return False
        read += data
    head, _, body = read.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    missing = (int(length[1]) if length else 0) - len(body)
    while missing > 0:
        missing -= len(connection.recv(65536))
    return True


@contextmanager
def serving(pieces: Iterable[bytes], pause: float = 0.0, before: Iterable[bytes] = ()) -> Iterator[str]:
    """Answer one request by these pieces, on a thread of its own, and requests before it by the bodies given; the next one by nothing."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    ended = threading.Event()

    def serve() -> None:
        try:
            connection, _ = listening.accept()
            listening.close()  # a second request is refused at once
            with connection:
                connection.settimeout(TIMEOUT)
                for answer in before:
                    _read_request(connection)
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer
                    )
                _read_request(connection)
                for piece in pieces:
                    connection.sendall(piece)
                    if ended.wait(pause):
                        return
                _read_request(connection)
        except OSError:
            pass  # the client went away

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield url
    finally:
        ended.set()
        thread.join()
        listening.close()


async def _longest_gap(ended: asyncio.Event) -> float:
    longest, before = 0.0, time.thread_time()
    while not ended.is_set():
        await asyncio.sleep(0.001)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
    return longest


def call(
    surface: Surface, bomb: Bomb, limits: AnswerLimits, *, pause: float = 0.0, timeout: float = TIMEOUT
) -> Result:
    """Make a call that is answered by a bomb."""

    async def main(url: str) -> Result:
        error = None
        retry = RetryPolicy(attempts=1)
        async with TaSession(url, "t", retry=retry, timeout=timeout, answer_limits=limits) as ta:
            ended = asyncio.Event()
            watch = asyncio.create_task(_longest_gap(ended))
            await asyncio.sleep(0)
            began = time.monotonic()
            try:
                await surface.call(ta.project(102))
            except TaError as problem:
                error = problem
            seconds = time.monotonic() - began
            ended.set()
            return Result(error, seconds, await watch)

    with serving(bomb(limits.size(surface.kind)), pause, surface.before) as url:
        return asyncio.run(main(url))

"""Every answer that is meant to harm, at everything that reads one: it is an error, or read, in bounded memory and time.

A new surface is a line in `SURFACES`.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from ta_cluster_async import AnswerLimits, NotSent, RetryPolicy, TaError, TaSession
from tests.security.bombs import BOMBS, ENDLESS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from ta_cluster_async import AnswerKind, Project
    from tests.security.bombs import Bomb

REAL = AnswerLimits()
SMALL = AnswerLimits(detail=256 * 2**10, rows=2**20)
# The event loop may be blocked for so long, in seconds of CPU of its thread. On a quiet machine the worst is 0.08 s, and 0.23 s with
# coverage. What is not bounded blocks it for many seconds more than this.
GAP = 3.0
# What aiohttp holds for a connection, whatever the limit: its buffers, what it decompresses at a time, and heads that it has not looked at.
CONNECTION = 6 * 2**20
TIMEOUT = 20.0
# Other processes of a busy machine.
SLACK = 2.0


class Surface(NamedTuple):
    """A call that reads an answer, and the kind of the answer."""

    call: Callable[[Project], Awaitable[object]]
    kind: AnswerKind


SURFACES = {
    "progress": Surface(lambda project: project.clusters.progress(970), "number"),
    "progress by name": Surface(lambda project: project.tags.progress("vip"), "number"),
    "delete": Surface(lambda project: project.clusters.delete(970), "number"),
    "detail": Surface(lambda project: project.clusters.detail(970), "detail"),
    "list": Surface(lambda project: project.clusters.list().collect(), "rows"),
}


class Result(NamedTuple):
    """What became of a call."""

    error: TaError | None
    seconds: float
    gap: float


@contextmanager
def serving(pieces: Iterable[bytes], pause: float = 0.0) -> Iterator[str]:
    """Answer one request by these pieces, on a thread of its own."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    ended = threading.Event()

    def serve() -> None:
        try:
            connection, _ = listening.accept()
            listening.close()  # a second request is refused at once
            with connection:
                connection.settimeout(TIMEOUT)
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)
                    if ended.wait(pause):
                        return
                ended.wait(TIMEOUT)
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

    with serving(bomb(limits.size(surface.kind)), pause) as url:
        return asyncio.run(main(url))


def check_memory(surface: Surface, bomb: Bomb, limits: AnswerLimits) -> None:
    limit = limits.size(surface.kind)
    pieces = bomb(limit)
    tracemalloc.start()
    try:
        call(surface, lambda _: pieces, limits)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 4 * limit + CONNECTION


def check_time(surface: Surface, bomb: Bomb, limits: AnswerLimits) -> None:
    result = call(surface, bomb, limits)
    assert result.gap <= GAP
    assert result.error is None or type(result.error) is NotSent or result.error.sent != "no"
    assert len(str(result.error)) < 100_000


each_bomb = pytest.mark.parametrize("bomb", BOMBS)
each_surface = pytest.mark.parametrize("surface", SURFACES)


@each_bomb
@each_surface
def test_an_answer_that_is_meant_to_harm_takes_bounded_time_and_memory(surface: str, bomb: str) -> None:
    check_time(SURFACES[surface], BOMBS[bomb], SMALL)
    check_memory(SURFACES[surface], BOMBS[bomb], SMALL)


@pytest.mark.slow
@each_bomb
@pytest.mark.parametrize("surface", ["detail", "list"])
def test_so_it_does_with_the_limits_that_a_session_has_by_itself(surface: str, bomb: str) -> None:
    check_time(SURFACES[surface], BOMBS[bomb], REAL)
    check_memory(SURFACES[surface], BOMBS[bomb], REAL)


@pytest.mark.parametrize("bomb", ENDLESS)
@each_surface
def test_an_answer_that_does_not_end_ends_with_the_time_of_the_call(surface: str, bomb: str) -> None:
    result = call(SURFACES[surface], ENDLESS[bomb], SMALL, pause=0.002, timeout=0.1)
    assert result.error is not None
    assert (result.error.code, result.gap <= GAP) == ("answer-out-of-time", True)
    assert result.seconds < 0.1 + 2 * GAP + SLACK

"""A bounded number of workers that pull their work, never a task for each item."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from itertools import count
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

from ..client.timeouts import is_cancelled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence

T = TypeVar("T")


class _NoMore: ...


_NO_MORE = _NoMore()


async def work_all(
    items: Iterable[T] | AsyncIterable[T], work: Callable[[int, T], Awaitable[bool]], at_once: int
) -> None:
    """Do the work of each item and its number from 0, at most `at_once` at a time, until there are no more or `work` says False.

    Items are pulled one at a time as workers become free. The first error ends the others and is raised as it is.
    """
    pull = _pull_from(items)

    async def worker() -> None:
        while not isinstance(pulled := await pull.next(), _NoMore):
            if not await work(*pulled):
                pull.end()

    group = anyio.create_task_group()
    first = FirstFailure(group.cancel_scope)
    async with group:
        for _ in range(at_once):
            group.start_soon(first.guard, worker)
    if first.failure is not None:
        raise first.failure


class FirstFailure:
    """Keeps the first error of several tasks, and cancels the others with it, so that it can be raised without a group around it.

    Attributes:
        failure: That error; None before any.
    """

    def __init__(self, scope: anyio.CancelScope) -> None:
        self.failure: BaseException | None = None
        self._scope = scope

    async def guard(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work of one task."""
        try:
            await work()
        except asyncio.CancelledError as problem:
            if not is_cancelled():  # the work raised it by itself: else it would be lost without a word
                self._keep(problem)
            raise
        except Exception as problem:  # noqa: BLE001  (raised by the owner of the tasks)
            self._keep(problem)

    def _keep(self, problem: BaseException) -> None:
        self.failure = self.failure or problem
        self._scope.cancel()


async def run_all(calls: Sequence[Coroutine[object, object, None]], at_once: int) -> None:
    """Await all of them, at most `at_once` at a time. The first error ends the others and is raised as it is."""

    async def run(_: int, call: Coroutine[object, object, None]) -> bool:
        await call
        return True

    try:
        if len(calls) == 1:
            await calls[0]
        elif calls:
            await work_all(calls, run, min(at_once, len(calls)))
    finally:
        for call in calls:
            call.close()  # does nothing to one that has ended


class _Pull(Generic[T]):
    """Numbers the items of an iterable and hands them out."""

    def __init__(self, items: Iterable[T]) -> None:
        self._numbered = enumerate(items)
        self._ended = False

    async def next(self) -> tuple[int, T] | _NoMore:
        return _NO_MORE if self._ended else next(self._numbered, _NO_MORE)

    def end(self) -> None:
        self._ended = True


class _AsyncPull(Generic[T]):
    """Numbers the items of an asynchronous iterable and hands them out. One worker at a time waits for the next."""

    def __init__(self, items: AsyncIterable[T]) -> None:
        self._items = aiter(items)
        self._numbers = count()
        self._pulling = asyncio.Lock()
        self._puller: asyncio.Task[object] | None = None
        self._ended = False

    async def next(self) -> tuple[int, T] | _NoMore:
        async with self._pulling:
            if self._has_ended():
                return _NO_MORE
            self._puller = puller = asyncio.current_task()
            assert puller is not None
            try:
                item = await anext(self._items, _NO_MORE)
            except asyncio.CancelledError:
                if self._has_ended() and puller.uncancel() == 0:
                    return _NO_MORE
                raise
            finally:
                self._puller = None
            if isinstance(item, _NoMore):
                return item
            # The iterator took no notice of being cancelled. (On Python 3.11 the tracer loses sight of where an error was thrown into.)
            if self._has_ended():  # pragma: no cover - tested
                puller.uncancel()
                return _NO_MORE
            return next(self._numbers), item

    def _has_ended(self) -> bool:
        return self._ended

    def end(self) -> None:
        """Hand out no more, and wait for no more either."""
        if not self._ended:
            self._ended = True
            if self._puller is not None:
                self._puller.cancel()


def _pull_from(items: Iterable[T] | AsyncIterable[T]) -> _Pull[T] | _AsyncPull[T]:
    return _AsyncPull(items) if isinstance(items, AsyncIterable) else _Pull(items)

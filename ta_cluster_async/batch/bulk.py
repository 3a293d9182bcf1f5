"""One operation on many items, with a bounded number at a time."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from attrs import define

from ..errors import ConfigurationError, TaError
from .report import Status
from .workers import work_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable

I = TypeVar("I")  # noqa: E741  (an item)
R = TypeVar("R")


@define(kw_only=True)
class ItemOutcome(Generic[I, R]):
    """What became of one item.

    Attributes:
        index: The item's place in the input, from 0.
        item: The item.
        status: `succeeded` or `failed`.
        value: What the operation returned; None when it failed.
        error: Why it failed; None when it succeeded.
    """

    index: int
    item: I
    status: Status
    value: R | None = None
    error: TaError | None = None

    @property
    def ok(self) -> bool:
        """True for a success."""
        return self.status is Status.SUCCEEDED


async def bulk(
    operation: Callable[[I], Awaitable[R]],
    items: Iterable[I] | AsyncIterable[I],
    *,
    concurrency: int = 8,
    on_error: Literal["continue", "stop"] = "continue",
    on_event: Callable[[ItemOutcome[I, R]], Awaitable[None] | None] | None = None,
    order: Literal["input", "completion"] = "input",
) -> list[ItemOutcome[I, R]]:
    """Run an operation for each item, at most `concurrency` at a time, and return an outcome for each.

        outcomes = await bulk(project.clusters.create, definitions, concurrency=8)

    Args:
        operation: A coroutine function of one item, such as `project.clusters.delete`.
        items: Any iterable or async iterable, read as places become free.
        concurrency: The most operations at a time.
        on_error: With `stop`, the first failure lets nothing more begin, and nothing more is read; what is under way is finished, and
            items that were not begun have no outcome.
        on_event: Called with each outcome as it comes; a coroutine function is awaited.
        order: Whether the list is in the order of the items or of their ends.

    Raises:
        Exception: What the operation raises beside `TaError`, and what `items` or `on_event` raises, ends everything.
    """
    if type(concurrency) is not int or concurrency < 1:
        raise ConfigurationError("concurrency has to be an int of at least 1.")
    if on_error not in ("continue", "stop") or order not in ("input", "completion"):
        raise ConfigurationError(
            "on_error has to be 'continue' or 'stop', and order 'input' or 'completion'."
        )
    outcomes: list[ItemOutcome[I, R]] = []
    stopped = False

    async def run(index: int, item: I) -> bool:
        nonlocal stopped
        try:
            value = await operation(item)
        except TaError as error:
            outcome = ItemOutcome[I, R](index=index, item=item, status=Status.FAILED, error=error)
            stopped = stopped or on_error == "stop"
        else:
            outcome = ItemOutcome[I, R](index=index, item=item, status=Status.SUCCEEDED, value=value)
        outcomes.append(outcome)
        if on_event is not None:
            answer = on_event(outcome)
            if inspect.isawaitable(answer):
                await answer
        return not stopped

    await work_all(items, run, concurrency)
    if order == "input":
        outcomes.sort(key=lambda outcome: outcome.index)
    return outcomes

"""One operation on many items, with a bounded number at a time."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from attrs import define

from ..client.validation import at_least_one
from ..errors import ConfigurationError, TaError
from ..messages import Message
from .report import Status
from .workers import work_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable

I = TypeVar("I")  # noqa: E741  (an item)
R = TypeVar("R")


@define(kw_only=True)
class ItemOutcome(Generic[I, R]):
    """The outcome of one item.

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
        on_error: With `stop`, no more items are read or begun after the first failure; those under way are finished, and the others have
            no outcome.
        on_event: Called with each outcome as it comes; a coroutine function is awaited.
        order: Whether the list is in the order of the items or of their completion.

    Raises:
        Exception: Any other error of the operation than a `TaError`, and any of `items` or `on_event`, ends everything.
    """
    at_least_one(concurrency, "concurrency")
    _check_one_of(on_error, "on_error", ("continue", "stop"))
    _check_one_of(order, "order", ("input", "completion"))
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


def _check_one_of(value: object, name: str, values: tuple[str, ...]) -> None:
    if value not in values:
        raise ConfigurationError(Message("must-be-one-of", name=name, values=", ".join(map(repr, values))))

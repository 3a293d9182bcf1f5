"""Evaluation of definitions and matching of uploaded ids, on one thread beside the event loop.

One thread owns the DuckDB connection: that serialises access without a lock and keeps the loop free.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from attrs import define, evolve, field, frozen

from ...models.json import JsonValue
from .bounds import time_limit
from .errors import EvaluationError, TooComplex
from .stored import Members, Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from .data import Database, DataSource

_P = ParamSpec("_P")
_T = TypeVar("_T")

_CACHE_SIZE = 256


class Worker:
    """Runs calls on one thread, in order."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ta-emulator")

    async def run(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run a call on the thread and await its result."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: call(*args, **kwargs))

    def run_blocking(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run a call on the thread and block until it returns, for tests that inspect the server."""
        return self._pool.submit(call, *args, **kwargs).result()

    async def close(self, last: Callable[[], None]) -> None:
        """Run `last` after all pending calls, then end the thread."""
        await self.run(last)
        self._pool.shutdown()


@frozen(kw_only=True)
class Computation:
    """A definition to evaluate as of one server time.

    Attributes:
        tag_kind: `subConditionTabType` of a tag; None for a cluster.
        definition: `qp` of a cluster or `tagQp` of a tag.
        at: Server time that "today" and relative windows refer to.
        seed: Decides the count when nothing is evaluated.
        needs: The clusters and tags that its filters name, by name, as they were at that time. What did not exist is left out.
        cluster_comparators: The comparators of filters on clusters.
    """

    tag_kind: str | None
    definition: Mapping[str, JsonValue]
    at: datetime
    seed: str
    needs: Mapping[str, Needed] = field(factory=dict)
    cluster_comparators: tuple[str, str] = ("", "")

    def key(self) -> tuple[str | None, str, date]:
        """Return a key that computations with the same result share: every window counts in whole days."""
        return self.tag_kind, json.dumps(self.definition, sort_keys=True), self.at.date()


@frozen(kw_only=True)
class Needed:
    """A cluster or tag that a definition names, as it was when the computation began."""

    result: Result
    is_tag: bool
    tag_kind: str | None
    definition: Mapping[str, JsonValue] | None


@define(eq=False)
class Result:
    """Users of a cluster or tag after a computation, which is evaluated on first use, or after an upload."""

    computation: Computation | None = None
    members: Members | None = None
    count: int | None = None
    failure: TooComplex | None = None

    @classmethod
    def of(cls, members: Members) -> Result:
        """Make the result of an upload."""
        return cls(members=members, count=len(members))

    def complete(self, evaluate: Callable[[], Members]) -> None:
        """Set the members. What was needed for them is not kept.

        Raises:
            TooComplex: The evaluation takes too long, now or the first time.
        """
        assert self.computation is not None
        if self.failure is not None:
            raise TooComplex(self.failure.key, self.failure.reason)
        try:
            self.members = evaluate()
        except TooComplex as error:
            self.failure = error
            raise
        except EvaluationError:
            # The definition was accepted unchecked while `evaluate` was off, or what it names was deleted since.
            self.members = frozenset()
        if self.count is None:
            self.count = len(self.members)
        self.computation = evolve(self.computation, needs={})

    def draw_count(self) -> None:
        """Set a seeded random count instead of evaluating."""
        assert self.computation is not None
        self.count = random.Random(self.computation.seed).randrange(10_000)  # noqa: S311 - no secret


class Evaluator:
    """Evaluates definitions and matches ids. Every method that touches the data must run on the worker's thread."""

    def __init__(
        self,
        events: DataSource,
        users: DataSource,
        *,
        now: datetime,
        seed: int,
    ) -> None:
        self._events = events
        self._users = users
        self._now = now
        self._seed = seed
        self._warehouse: Database | None = None
        self._cache: dict[tuple[str | None, str, date], Members | TooComplex] = {}

    @property
    def has_given_data(self) -> bool:
        """Whether a source was given, which may be wrong and is therefore opened at the start."""
        return self._events is not None or self._users is not None

    def open(self) -> Database:
        """Return the tables, which are loaded or generated on first use."""
        from .data import Database  # noqa: PLC0415 - only evaluation needs DuckDB

        if self._warehouse is None:
            self._warehouse = Database(self._events, self._users, now=self._now, seed=self._seed)
        return self._warehouse

    def last_event(self) -> datetime | None:
        """Return the time of the latest event in the given events; None if none are given."""
        return None if self._events is None else self.open().last_event()

    def close(self) -> None:
        """Close DuckDB."""
        if self._warehouse is not None:
            self._warehouse.close()
            self._warehouse = None

    def members(self, computation: Computation, seconds: float | None) -> Members:
        """Evaluate a definition, and what it needs, within `seconds`, or return the cached result of the same evaluation.

        Raises:
            TooComplex: It takes longer. The next call says so at once.
            EvaluationError: A part of the definition has no known meaning.
        """
        key = computation.key()
        found = self._cache.get(key)
        if found is None:
            found = self._try(computation, seconds)
            # What is needed may have other members the next time.
            if isinstance(found, TooComplex) or not computation.needs:
                if len(self._cache) >= _CACHE_SIZE:
                    del self._cache[next(iter(self._cache))]
                self._cache[key] = found
        if isinstance(found, TooComplex):
            raise TooComplex(found.key, found.reason)
        return found

    def evaluate(self, results: Sequence[Result], seconds: float | None) -> None:
        """Complete results that have not been used yet, each within `seconds`.

        Raises:
            TooComplex: One of them takes longer.
        """
        for result in results:
            assert result.computation is not None
            result.complete(partial(self.members, result.computation, seconds))

    def _try(self, computation: Computation, seconds: float | None) -> Members | TooComplex:
        try:
            with time_limit(seconds, self.open().interrupt):
                self._complete([needed.result for needed in computation.needs.values()])
                return self._evaluate(computation)
        except TooComplex as error:
            return error

    def _complete(self, results: Sequence[Result]) -> None:
        """Evaluate what has not been used yet, and before it what that needs. Not by recursion: a line of needs may be long."""
        open_results = list(results)
        while open_results:
            result = open_results[-1]
            computation = result.computation
            if result.members is not None or computation is None:
                open_results.pop()
                continue
            below = [
                needed.result
                for needed in computation.needs.values()
                if needed.result.members is None and needed.result.computation is not None
            ]
            if below:
                open_results += below
            else:
                result.complete(partial(self._evaluate, computation))

    def match(self, column: str, values: Sequence[str]) -> list[str | None]:
        """Return the account of each uploaded value, or None.

        Raises:
            EvaluationError: The users table has no such column.
        """
        return self.open().match(column, values)

    def _evaluate(self, computation: Computation) -> Members:
        from .evaluate import evaluate, value_type  # noqa: PLC0415 - only evaluation needs DuckDB

        database, at = self.open(), computation.at
        return evaluate(
            database,
            computation.tag_kind,
            computation.definition,
            now=at,
            stored={
                name: Stored(
                    one.result.members or frozenset(),
                    value_type(database, one.tag_kind, one.definition or {}, now=at) if one.is_tag else None,
                )
                for name, one in computation.needs.items()
            },
            cluster_comparators=computation.cluster_comparators,
        )

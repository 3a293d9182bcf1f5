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
from typing import TYPE_CHECKING, ParamSpec, TypeAlias, TypeVar

from attrs import define, frozen

from ..answers import JsonValue
from .errors import CannotEvaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from .data import DataSource, Warehouse

_P = ParamSpec("_P")
_T = TypeVar("_T")

Members: TypeAlias = "frozenset[str] | Mapping[str, str]"
"""Account ids of a cluster, or tag value by account id of a tag."""

_REMEMBERED = 256


class Worker:
    """One thread, in order of the calls."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ta-emulator")

    async def run(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run it on the thread and await its result."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: call(*args, **kwargs))

    def run_now(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run it on the thread and block until its result is there; for a test that looks inside."""
        return self._pool.submit(call, *args, **kwargs).result()

    async def close(self, last: Callable[[], None]) -> None:
        """Run `last` after everything that is under way, then end the thread."""
        await self.run(last)
        self._pool.shutdown()


@frozen(kw_only=True)
class Computation:
    """A definition to evaluate as it stood at one time.

    Attributes:
        tag_kind: `subConditionTabType` of a tag; None for a cluster.
        definition: `qp` of a cluster or `tagQp` of a tag.
        at: Server time that "today" and relative windows refer to.
        seed: What decides the count when nothing is evaluated.
    """

    tag_kind: str | None
    definition: Mapping[str, JsonValue]
    at: datetime
    seed: str

    def key(self) -> tuple[str | None, str, date]:
        """Equal for computations that have the same result: every window counts in whole days."""
        return self.tag_kind, json.dumps(self.definition, sort_keys=True), self.at.date()


@define(eq=False)
class Result:
    """Users of a cluster or tag after a computation (made when somebody looks) or an upload (known at once)."""

    computation: Computation | None = None
    members: Members | None = None
    count: int | None = None

    @classmethod
    def of(cls, members: Members) -> Result:
        """The result of an upload."""
        return cls(members=members, count=len(members))


class Evaluator:
    """All work on the data. Every method that evaluates runs on the worker's thread."""

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
        self._warehouse: Warehouse | None = None
        self._remembered: dict[tuple[str | None, str, date], Members] = {}

    @property
    def has_given_data(self) -> bool:
        """Whether there is a source that can be wrong and is better opened at the start."""
        return self._events is not None or self._users is not None

    def open(self) -> Warehouse:
        """The tables; loaded, or made by the seed, on first use."""
        from .data import Warehouse  # noqa: PLC0415 - without evaluation nobody needs DuckDB

        if self._warehouse is None:
            self._warehouse = Warehouse(self._events, self._users, now=self._now, seed=self._seed)
        return self._warehouse

    def last_event(self) -> datetime | None:
        """The time of the latest event in the given events; None where none are given."""
        return None if self._events is None else self.open().last_event()

    def close(self) -> None:
        """Close DuckDB."""
        if self._warehouse is not None:
            self._warehouse.close()
            self._warehouse = None

    def members(self, computation: Computation) -> Members:
        """Evaluate, or remember the same evaluation.

        Raises:
            CannotEvaluate: The definition has something that the emulator does not know.
        """
        key = computation.key()
        if key not in self._remembered:
            if len(self._remembered) >= _REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[key] = self._evaluate(computation)
        return self._remembered[key]

    def fill(self, results: Sequence[Result], *, evaluate: bool) -> None:
        """Complete the results that nobody has looked at yet."""
        for result in results:
            if result.count is not None or result.computation is None:
                continue
            if not evaluate:
                result.count = random.Random(result.computation.seed).randrange(10_000)  # noqa: S311 - no secret
                continue
            try:
                result.members = self.members(result.computation)
            except CannotEvaluate:
                # It was taken unread while `evaluate` was off.
                result.members = frozenset()
            result.count = len(result.members)

    def match(self, column: str, values: Sequence[str]) -> list[str | None]:
        """The account of each uploaded value, or None.

        Raises:
            CannotEvaluate: The users table has no such column.
        """
        return self.open().match(column, values)

    def _evaluate(self, computation: Computation) -> Members:
        from .evaluate import cluster_members, tag_values  # noqa: PLC0415 - without evaluation nobody needs DuckDB

        warehouse = self.open()
        if computation.tag_kind is None:
            return cluster_members(warehouse, computation.definition, now=computation.at)
        return tag_values(warehouse, computation.tag_kind, computation.definition, now=computation.at)

"""A session on an emulator in virtual time, for the tests of resources and uploads, and checks of errors by their code."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest
from attrs import frozen

from ta_cluster_async import TaSession
from ta_cluster_async.emulator import Emulator, Settings
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import TaError
from ta_cluster_async.resources import Clusters, Project, Tags

T = TypeVar("T")
E = TypeVar("E", bound=TaError)


@frozen
class World:
    """An emulator and a session on it.

    Attributes:
        em: The emulator.
        ta: The session.
        project: The emulator's project.
    """

    em: Emulator
    ta: TaSession
    project: Project

    @property
    def clusters(self) -> Clusters:
        return self.project.clusters

    @property
    def tags(self) -> Tags:
        return self.project.tags

    @property
    def now(self) -> float:
        """Seconds since the test began."""
        return asyncio.get_running_loop().time()

    @property
    def sent(self) -> list[str]:
        """The last parts of the paths that were asked for, in order."""
        return [record.name for record in self.em.requests]

    @property
    def refused_pages(self) -> list[int]:
        """The page sizes that the emulator has refused, in order."""
        most = self.em.settings.refuse_page_size
        assert most is not None
        asked = [
            json.loads(record.body or "")["pagerHeader"]["pageSize"]
            for record in self.em.requests
            if record.name == "user-cluster-list"
        ]
        return [size for size in asked if size > most]

    @property
    def done(self) -> list[str]:
        """The kinds of what was applied, in order."""
        return [effect.kind for effect in self.em.effects]

    def another(self, **settings: Any) -> TaSession:
        """Another session on the same emulator, not open yet: as a process of its own would make it."""
        return TaSession(self.em.url, self.em.token, **settings)


def in_virtual_time(
    story: Callable[[World], Awaitable[T]], *, session: dict[str, Any] | None = None, **emulator: Any
) -> T:
    """Run a story against an emulator, which evaluates nothing by default. Fails when a task is left."""
    emulator.setdefault("settings", Settings(evaluate=False))

    async def main() -> T:
        async with AsyncExitStack() as stack:
            em = await stack.enter_async_context(Emulator(**emulator))
            ta = await stack.enter_async_context(TaSession(em.url, em.token, **(session or {})))
            result = await story(World(em, ta, ta.project(em.project_id)))
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        return result

    return run(main())


def create_body(name: str = "made", **fields: Any) -> dict[str, Any]:
    """Return a create body in the API's own names, of a cluster of everybody."""
    everybody = {"tableType": "user", "columnName": "#account_id", "comparator": "notNull", "ftv": []}
    return {
        "clusterName": name,
        "clusterType": "cluster_by_static_condition",
        "displayName": "made by a test",
        "qp": {"events": [], "filts": [everybody], "relation": "and"},
        **fields,
    }


def refused(kind: type[E], code: str, /, **params: object) -> pytest.RaisesExc[E]:
    """As `pytest.raises`, for an error with this code, and with these parameters among its own."""

    def check(error: E) -> bool:
        return error.code == code and params.items() <= error.params.items()

    return pytest.RaisesExc(kind, check=check)

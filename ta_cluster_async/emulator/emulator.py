"""The emulator: a TA server on a loopback port."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar

from . import views
from .admission import Reception
from .clock import LoopClock
from .context import Desk
from .faults import FaultScript
from .http import HttpServer
from .query.compute import Evaluator, Result, Worker
from .settings import Settings
from .state import (
    CLUSTER_CATALOG,
    TAG_CATALOG,
    Cluster,
    State,
    varied_seconds,
)
from .thread import LoopThread

if TYPE_CHECKING:
    import random
    import ssl as ssl_module
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from .answers import JsonValue
    from .clock import Clock
    from .jobs import Job, JobPlan
    from .query.compute import Members
    from .query.data import DataSource
    from .records import Effect, RequestRecord
    from .views import ClusterView

_P = ParamSpec("_P")
_T = TypeVar("_T")

SAMPLE_NOW = datetime(2020, 1, 10, 10, 51, 14)  # noqa: DTZ001 - the server's clock has no zone
"""The server's clock at the start where nothing else decides it: the refresh time in the specification's detail sample."""

TOKEN = "emulator-token#1+1=2&100%"  # noqa: S105 - no secret
"""The token where none is given: one that arrives only when it was encoded."""

_EVERYBODY: Mapping[str, JsonValue] = {
    "events": [],
    "filts": [{"tableType": "user", "columnName": "#account_id", "comparator": "notNull", "ftv": []}],
    "relation": "and",
}


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Emulator:
    """A TA server with one project: real HTTP, clusters and tags that are evaluated, and faults on request.

    `async with Emulator() as em:` runs it in the present event loop. `with Emulator() as em:` runs it on a thread of its own, for
    tests without an event loop or with several; attributes and methods may be used from any thread. It is started once.

    Where `now` is None, the clock starts at the latest event of the given `events`, and at 2020-01-10 10:51:14 without
    them, so that counts are the same on every run.

    Args:
        events: A path that ends in .parquet or .csv, or an Arrow table, with `#account_id`, `#event_name`, `#event_time` and any
            properties. With neither `events` nor `users` there is a sample game of `seed` with about 2,000 users.
        users: The same with `#account_id` and any properties, one row for each user.
        now: The server's clock at the start, without a time zone.
        seed: Decides the sample game, the seconds of computations and which of them fail.
        token: The token that opens the project.
        project_id: The project.
        capacity: Most computations that run at once.
        settings: What the specification leaves open.
        clock: Drives the server's time; follows the event loop by default.
        job_seconds: Server seconds of a computation, or a function of the cluster's id and a seeded random generator.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        ssl: A server's context, for https.

    Attributes:
        token: The token.
        project_id: The project.
        requests: What arrived, in order.
        effects: What was applied, in order.
        faults: The faults to come.

    Raises:
        ImportError: DuckDB is not installed and `settings.evaluate` is True.
        ValueError: `token` is empty, `capacity` is below 1, or `now` has a time zone.
    """

    def __init__(  # noqa: PLR0917 - the world comes first: its tables, its clock, its door
        self,
        events: DataSource = None,
        users: DataSource = None,
        now: datetime | None = None,
        seed: int = 1,
        token: str = TOKEN,
        project_id: int = 102,
        capacity: int = 4,
        *,
        settings: Settings | None = None,
        clock: Clock | None = None,
        job_seconds: float | Callable[[int, random.Random], float] = varied_seconds,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: ssl_module.SSLContext | None = None,
    ) -> None:
        if not token:
            raise ValueError("token has to have at least one character")
        if now is not None and now.tzinfo is not None:
            raise ValueError("now has to be a naive time: the server's clock has no zone")
        settings = Settings() if settings is None else settings
        if settings.evaluate:
            from .query import data  # noqa: F401, PLC0415 - says at once what is missing where DuckDB is
        self.token = token
        self.project_id = project_id
        self.faults = FaultScript()
        self._clock = LoopClock() if clock is None else clock
        self._start_at_last_event = now is None
        start = SAMPLE_NOW if now is None else now
        self._evaluator = Evaluator(events, users, now=start, seed=seed)
        self._state = State(
            start=start,
            clock=self._clock,
            settings=settings,
            capacity=capacity,
            job_seconds=job_seconds,
            seed=seed,
        )
        self._worker = Worker()
        self._desk = Desk(self._state, self._evaluator, self._worker, project_id)
        self._server = HttpServer(Reception(self._desk, token), self.faults)
        self._host = host
        self._port = port
        self._ssl = ssl
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: LoopThread | None = None
        self._closed = False

    def __repr__(self) -> str:
        if self._server.address is None:
            return "<Emulator, not started>"
        return f"<Emulator {self.url}{', closed' if self._closed else ''}>"

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise RuntimeError("An emulator is started once: make a new one.")
        self._loop = asyncio.get_running_loop()
        try:
            if self._evaluator.has_given_data and self.settings.evaluate:
                last = await self._worker.run(self._evaluator.last_event)
                if last is not None and self._start_at_last_event:
                    self._state.start = last
            await self._server.start(self._host, self._port, self._ssl)
            self._clock.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._close()

    def __enter__(self) -> Self:
        if self._loop is not None:
            raise RuntimeError("An emulator is started once: make a new one.")
        self._thread = LoopThread()
        try:
            return self._thread.run(self.__aenter__())
        except BaseException:
            self._thread.close()
            raise

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._thread is not None
        try:
            self._thread.run(self._close())
        finally:
            self._thread.close()

    @property
    def url(self) -> str:
        """The base URL for clients, path prefix included."""
        if self._server.address is None:
            raise RuntimeError("The emulator has no address before `async with` or `with` starts it.")
        host, port = self._server.address
        scheme = "http" if self._ssl is None else "https"
        name = f"[{host}]" if ":" in host else host
        return f"{scheme}://{name}:{port}{self.settings.path_prefix.rstrip('/')}"

    @property
    def requests(self) -> list[RequestRecord]:
        """What arrived, in order."""
        return self._server.requests

    @property
    def effects(self) -> list[Effect]:
        """What was applied, in order."""
        return self._desk.effects

    @property
    def settings(self) -> Settings:
        """The settings; assigning others changes the server while it runs."""
        return self._state.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._state.settings = settings

    @property
    def now(self) -> datetime:
        """Server time."""
        return self._state.now()

    @property
    def jobs(self) -> list[Job]:
        """All computations up to now, in the order of their submission."""
        return self._there(self._jobs)

    @property
    def most_running(self) -> int:
        """Most computations that have run at once."""
        self._there(self._state.settle)
        return self._state.queue.most_running

    def plan(self, ref: int | str, plan: JobPlan) -> None:
        """Decide the next computation of a cluster by id or name that is not planned yet; it need not exist yet."""
        self._there(self._state.plan, ref, plan)

    def cluster(self, ref: int | str) -> ClusterView:
        """A cluster or tag as it stands, by id or by name.

        Raises:
            KeyError: There is none.
        """
        return self._there(self._views, lambda: [self._find(ref)])[0]

    def clusters(self) -> list[ClusterView]:
        """All clusters and tags as they stand, in the order of creation."""
        return self._there(self._views, lambda: list(self._state.clusters.values()))

    def members(self, ref: int | str) -> Members:
        """The account ids of a cluster, or the tag value of each account id of a tag, as of the result that is shown.

        Raises:
            KeyError: There is none.
            ValueError: `settings.evaluate` is False, so nobody knows.
        """
        return self._there(self._members, ref)

    def seed_clusters(
        self, count: int, *, prefix: str = "seeded", definition: Mapping[str, JsonValue] = _EVERYBODY
    ) -> list[int]:
        """Make condition clusters without requests and effects, refreshed a day ago; gives their ids.

        Args:
            count: How many.
            prefix: Their names are this with "_1", "_2" and so on.
            definition: The `qp` of all of them; everybody by default.
        """
        return self._there(self._seed, count, prefix, CLUSTER_CATALOG, definition)

    def seed_tags(self, count: int, *, prefix: str = "seeded_tag") -> list[int]:
        """Make condition tags in the same way, which give everybody the value "1"."""
        definition: dict[str, JsonValue] = {
            "userTagValueDefs": [{"tagValue": "1", "tagRemark": "", "userClusterDef": dict(_EVERYBODY)}]
        }
        return self._there(self._seed, count, prefix, TAG_CATALOG, definition)

    def _jobs(self) -> list[Job]:
        self._state.settle()
        return self._state.queue.jobs

    def _find(self, ref: int | str) -> Cluster:
        cluster = self._state.find(ref)
        if cluster is None:
            raise KeyError(ref)
        return cluster

    def _views(self, chosen: Callable[[], list[Cluster]]) -> list[ClusterView]:
        now = self._state.settle()
        clusters = chosen()
        shown = [self._state.shown(cluster, now) for cluster in clusters]
        self._complete([one.result for one in shown])
        return [views.view(cluster, one) for cluster, one in zip(clusters, shown, strict=True)]

    def _members(self, ref: int | str) -> Members:
        now = self._state.settle()
        cluster = self._find(ref)
        result = self._state.shown(cluster, now).result
        self._complete([result])
        if result.members is not None:
            return result.members
        if result.computation is not None:
            raise ValueError("settings.evaluate is False, so nobody knows the users")
        return {} if cluster.catalog == TAG_CATALOG else frozenset()

    def _complete(self, results: list[Result]) -> None:
        evaluate = self.settings.evaluate
        if not evaluate:
            self._evaluator.fill(results, evaluate=False)
        elif any(result.count is None for result in results):
            if self._closed:
                raise RuntimeError("The emulator is closed: look at its clusters while it runs.")
            self._worker.run_now(self._evaluator.fill, results, evaluate=True)

    def _seed(self, count: int, prefix: str, catalog: str, definition: Mapping[str, JsonValue]) -> list[int]:
        self._state.settle()
        at = self._state.now().replace(microsecond=0) - timedelta(days=1)
        is_tag = catalog == TAG_CATALOG
        tag_kind = "tag_condition_default" if is_tag else None
        ids: list[int] = []
        for number in range(1, count + 1):
            name = f"{prefix}_{number}"
            if self._state.find(name) is not None:
                raise ValueError(f"a cluster has the name {name!r} already: choose another prefix")
            cluster = Cluster(
                id=self._state.new_id(),
                name=name,
                catalog=catalog,
                cluster_type="tag_by_static_condition" if is_tag else "cluster_by_static_condition",
                display_name=name,
                tag_kind=tag_kind,
                definition=definition,
                progress=100,
                refresh_time=at,
                computed_at=at,
                runs=1,
            )
            cluster.result = Result(self._state.computation(cluster, at))
            self._state.add(cluster)
            ids.append(cluster.id)
        return ids

    def _there(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call it where the requests are served, so that no two threads change the state at once."""
        loop = self._loop
        if loop is None or not loop.is_running() or _running_loop() is loop:
            return call(*args, **kwargs)
        future: Future[_T] = Future()

        def run() -> None:
            try:
                future.set_result(call(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it is raised in the thread that asked
                future.set_exception(error)

        loop.call_soon_threadsafe(run)
        return future.result()

    async def _close(self) -> None:
        self._closed = True
        try:
            await self._server.close()
        finally:
            await self._worker.close(self._evaluator.close)

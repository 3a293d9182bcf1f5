"""The emulator: a TA server on a loopback port."""

from __future__ import annotations

import asyncio
import ipaddress
from datetime import datetime
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar

from ..messages import Message
from . import views
from .admission import Admission
from .clock import LoopClock
from .faults import FaultScript
from .handlers.context import RequestContext
from .http import HttpServer
from .query.compute import Evaluator, Worker
from .query.errors import TooComplex
from .settings import Settings
from .state import CLUSTER_CATALOG, TAG_CATALOG, State, varied_seconds
from .thread import LoopThread, call_on_loop

if TYPE_CHECKING:
    import random
    import ssl as ssl_module
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from ..models.json import JsonValue
    from .clock import Clock
    from .jobs import Job, JobPlan
    from .query.data import DataSource
    from .query.stored import Members
    from .records import Effect, RequestRecord
    from .state import Cluster, Snapshot
    from .views import ClusterView

_P = ParamSpec("_P")
_T = TypeVar("_T")

SAMPLE_NOW = datetime(2020, 1, 10, 10, 51, 14)  # noqa: DTZ001 - the server's clock has no zone
"""The server's clock at the start by default: the refresh time in the specification's detail sample."""

TOKEN = "emulator-token#1+1=2&100%"  # noqa: S105 - no secret
"""The default token, which arrives intact only if the client encodes it."""

_ALL_USERS: Mapping[str, JsonValue] = {
    "events": [],
    "filts": [{"tableType": "user", "columnName": "#account_id", "comparator": "notNull", "ftv": []}],
    "relation": "and",
}


class Emulator:
    """A TA server with one project: real HTTP, evaluated clusters and tags, and scripted faults.

    `async with Emulator() as em:` runs it in the current event loop. `with Emulator() as em:` runs it on a thread of its own, for
    tests without an event loop or with several. Attributes and methods may be used from any thread. It can be started once.

    If `now` is None, the clock starts at the latest event of the given `events`, or at 2020-01-10 10:51:14 without
    them, so that counts are the same on every run.

    Args:
        events: A path that ends in .parquet or .csv, or an Arrow table, with `#account_id`, `#event_name`, `#event_time` and any
            properties. With neither `events` nor `users` there is a sample game of `seed` with about 2,000 users.
        users: The same with `#account_id` and any properties, one row per user.
        now: The server's clock at the start, without a time zone.
        seed: Decides the sample game, and the seconds and failures of computations.
        token: The token that opens the project.
        project_id: The project.
        capacity: How many computations run at once at most.
        settings: Behaviour that the specification leaves open.
        clock: Drives the server's time; follows the event loop by default.
        job_seconds: Server seconds of a computation, or a function of the cluster's id and a seeded random generator.
        host: Address to listen on. Beyond loopback all that it serves is open to whoever has the token, which must then be one's own.
        port: Port to listen on; 0 takes a free one.
        ssl: A server's context, for https.
        keep_requests: How many of the latest requests `requests` keeps, and of the latest changes `effects`, None for all. The
            numbers of requests count all.

    Attributes:
        token: The token.
        project_id: The project.
        requests: The latest requests that arrived, in order.
        effects: The latest changes that were made, in order.
        faults: The script of faults.

    Raises:
        ImportError: DuckDB is not installed and `settings.evaluate` is True.
        ValueError: `token` is empty, or the default one beyond loopback; `capacity` or `keep_requests` is below 1; or `now` has a
            time zone.
    """

    def __init__(  # noqa: PLR0917 - a public signature
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
        keep_requests: int | None = 10_000,
    ) -> None:
        if not token:
            raise ValueError(Message("emulator-token"))
        if token == TOKEN and not is_loopback(host):
            raise ValueError(Message("emulator-exposed", host=host))
        if keep_requests is not None and keep_requests < 1:
            raise ValueError(Message("emulator-keep-requests", keep_requests=keep_requests))
        if now is not None and now.tzinfo is not None:
            raise ValueError(Message("emulator-now"))
        settings = Settings() if settings is None else settings
        if settings.evaluate:
            from .query import data  # noqa: F401, PLC0415 - raises at once if DuckDB is missing
        self.token = token
        self.project_id = project_id
        self.faults: FaultScript = FaultScript()
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
        self._context = RequestContext(
            self._state, self._evaluator, self._worker, project_id, keep_effects=keep_requests
        )
        self._server = HttpServer(Admission(self._context, token), self.faults, keep_requests=keep_requests)
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
            raise RuntimeError(Message("emulator-started"))
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
            raise RuntimeError(Message("emulator-started"))
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
            raise RuntimeError(Message("emulator-not-started"))
        host, port = self._server.address
        scheme = "http" if self._ssl is None else "https"
        name = f"[{host}]" if ":" in host else host
        return f"{scheme}://{name}:{port}{self.settings.path_prefix.rstrip('/')}"

    @property
    def requests(self) -> list[RequestRecord]:
        """The latest requests that arrived, in order: `keep_requests` at most."""
        return self._server.requests

    @property
    def effects(self) -> list[Effect]:
        """The latest changes that were made, in order: `keep_requests` at most."""
        return self._context.effects

    @property
    def settings(self) -> Settings:
        """The settings. Assigning new ones changes the running server."""
        return self._state.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._state.settings = settings

    @property
    def now(self) -> datetime:
        """The current server time."""
        return self._state.now()

    @property
    def jobs(self) -> list[Job]:
        """All computations so far, in the order of their submission."""
        self._on_loop(self._state.advance)
        return self._state.queue.jobs

    @property
    def most_running(self) -> int:
        """How many computations have run at once at most."""
        self._on_loop(self._state.advance)
        return self._state.queue.most_running

    def plan(self, ref: int | str, plan: JobPlan) -> None:
        """Plan the next computation without a plan of a cluster, by id or name. The cluster need not exist yet."""
        self._on_loop(self._state.plan, ref, plan)

    def restart(self) -> None:
        """Forget all computations that wait or run, as a server that restarts: clusters show again what they showed before."""
        self._on_loop(lambda: self._state.forget_jobs(self._state.advance()))

    def cluster(self, ref: int | str) -> ClusterView:
        """Return the current state of a cluster or tag, by id or by name.

        Raises:
            KeyError: There is no such cluster or tag.
        """
        return self._on_loop(self._views, lambda: [self._find(ref)])[0]

    def clusters(self) -> list[ClusterView]:
        """Return the current state of all clusters and tags, in the order of creation."""
        return self._on_loop(self._views, lambda: list(self._state.clusters.values()))

    def members(self, ref: int | str) -> Members:
        """Return the account ids of a cluster, or the tag value by account id of a tag, of the result that is shown.

        Raises:
            KeyError: There is no such cluster or tag.
            ValueError: The users are unknown because `settings.evaluate` is False, or because their evaluation takes longer than
                `settings.evaluation_seconds`.
        """
        return self._on_loop(self._members, ref)

    def seed_clusters(
        self, count: int, *, prefix: str = "seeded", definition: Mapping[str, JsonValue] = _ALL_USERS
    ) -> list[int]:
        """Make condition clusters without requests and effects, refreshed a day ago, and return their ids.

        Args:
            count: How many to make.
            prefix: Their names are `prefix` followed by "_1", "_2" and so on.
            definition: The `qp` of all of them; all users by default.

        Raises:
            ValueError: A cluster or tag already has one of the names.
        """
        return self._on_loop(self._state.seed, count, prefix, CLUSTER_CATALOG, definition)

    def seed_tags(self, count: int, *, prefix: str = "seeded_tag") -> list[int]:
        """Make condition tags in the same way, which give all users the value "1"."""
        definition: dict[str, JsonValue] = {
            "userTagValueDefs": [{"tagValue": "1", "tagRemark": "", "userClusterDef": dict(_ALL_USERS)}]
        }
        return self._on_loop(self._state.seed, count, prefix, TAG_CATALOG, definition)

    def _find(self, ref: int | str) -> Cluster:
        cluster = self._state.find(ref)
        if cluster is None:
            raise KeyError(ref)
        return cluster

    def _views(self, select: Callable[[], list[Cluster]]) -> list[ClusterView]:
        now = self._state.advance()
        clusters = select()
        snapshots = [self._state.snapshot(cluster, now) for cluster in clusters]
        self._evaluate(snapshots)
        return [views.view(cluster, snapshot) for cluster, snapshot in zip(clusters, snapshots, strict=True)]

    def _members(self, ref: int | str) -> Members:
        now = self._state.advance()
        cluster = self._find(ref)
        snapshot = self._state.snapshot(cluster, now)
        self._evaluate([snapshot])
        if snapshot.result.members is not None:
            return snapshot.result.members
        if snapshot.result.computation is not None:
            raise ValueError(Message("emulator-not-evaluated"))
        return {} if cluster.catalog == TAG_CATALOG else frozenset()

    def _evaluate(self, snapshots: list[Snapshot]) -> None:
        if results := self._context.not_evaluated(snapshots):
            if self._closed:
                raise RuntimeError(Message("emulator-closed"))
            seconds = self.settings.evaluation_seconds
            try:
                self._worker.run_blocking(self._evaluator.evaluate, results, seconds)
            except TooComplex:
                raise ValueError(Message("emulator-evaluation-too-long", seconds=seconds)) from None

    def _on_loop(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call a function where requests are served, so that no two threads change the state at once."""
        return call_on_loop(self._loop, call, *args, **kwargs)

    async def _close(self) -> None:
        self._closed = True
        try:
            await self._server.close()
        finally:
            await self._worker.close(self._free)

    def _free(self) -> None:
        self._context.sql.close()
        self._evaluator.close()


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches what listens on `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # another name, or "" for all addresses
        return False

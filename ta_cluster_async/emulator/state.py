"""The state of the server: clusters and tags, their computations, and what they show at a given second."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from attrs import define, field, frozen

from ..messages import Message
from ..models.json import JsonValue
from .jobs import Job, JobPlan, JobQueue
from .query.compute import Computation, Needed, Result
from .query.stored import named_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .clock import Clock
    from .query.stored import Members
    from .settings import Settings

TAG_CATALOG = "catalog_tag"
CLUSTER_CATALOG = "catalog_cluster"
_LISTING_CACHE_SIZE = 64
# Computations of a cluster that replicas which lag can still show.
_HISTORY = 8


@frozen
class Snapshot:
    """What a cluster shows at one moment: progress, `refreshTime` and users."""

    progress: int
    refresh_time: datetime | None
    result: Result


@frozen
class Run:
    """A computation of a cluster, with what the cluster showed when it was submitted."""

    submitted: float
    before: Snapshot
    job: Job


@define(kw_only=True, eq=False)
class Cluster:
    """One cluster or tag as the server stores it."""

    id: int
    name: str
    catalog: str
    cluster_type: str
    display_name: str
    remarks: str = ""
    tag_kind: str | None = None
    definition: Mapping[str, JsonValue] | None = None
    main_column: str = ""
    progress: int = 0
    refresh_time: datetime | None = None
    computed_at: datetime | None = None
    result: Result = field(factory=lambda: Result(count=0))
    job: Job | None = None
    reruns: int = 0
    runs: int = 0
    stale: tuple[float, Snapshot] | None = None
    history: deque[Run] = field(factory=lambda: deque(maxlen=_HISTORY))

    @property
    def is_import(self) -> bool:
        """Whether the users were uploaded."""
        return self.cluster_type.endswith("_by_import")


def varied_seconds(_cluster_id: int, rng: random.Random) -> float:
    """Draw the seconds of a computation, about 1 and sometimes 3: the default of `job_seconds`."""
    return rng.lognormvariate(0.0, 0.45)


class State:
    """Clusters by id and name, and the queue of their computations."""

    def __init__(
        self,
        *,
        start: datetime,
        clock: Clock,
        settings: Settings,
        capacity: int,
        job_seconds: float | Callable[[int, random.Random], float],
        seed: int,
    ) -> None:
        self.settings = settings
        self.queue: JobQueue = JobQueue(capacity)
        self.clusters: dict[int, Cluster] = {}
        self._by_name: dict[str, int] = {}
        self.start = start
        self._clock = clock
        self._job_seconds = job_seconds
        self._seed = seed
        self._replicas = random.Random(f"{seed}:replicas")  # noqa: S311 - repeatable, not secret
        self._next_id = settings.first_id
        self._plans: dict[int | str, deque[JobPlan]] = {}
        self._listings: dict[tuple[str, frozenset[str], str, str], list[Cluster]] = {}

    def time(self, seconds: float) -> datetime:
        """Return the server time at a second since the start."""
        return self.start + timedelta(seconds=seconds)

    def now(self) -> datetime:
        """Return the current server time."""
        return self.time(self._clock.elapsed())

    def advance(self) -> float:
        """End all computations that are due and return the current second."""
        now = self._clock.elapsed()
        for job in self.queue.advance(now):
            self._finish(job)
        return now

    def find(self, ref: int | str) -> Cluster | None:
        """Find a cluster or tag by id or by exact name."""
        cluster_id = self._by_name.get(ref) if isinstance(ref, str) else ref
        return None if cluster_id is None else self.clusters.get(cluster_id)

    def answer(self, clusters: Iterable[Cluster], now: float, *, is_list: bool = False) -> list[Snapshot]:
        """Return what one answer at second `now` shows of clusters: by one replica, and for a list as old as its cache."""
        settings = self.settings
        behind = settings.list_lag if is_list else 0.0
        if settings.lagging_share > 0 and self._replicas.random() < settings.lagging_share:
            behind = max(behind, settings.replica_lag)
        if behind > 0:
            return [self._earlier(cluster, now - behind) for cluster in clusters]
        return [self.snapshot(cluster, now) for cluster in clusters]

    def snapshot(self, cluster: Cluster, now: float) -> Snapshot:
        """Return what a cluster shows at second `now`, which `advance()` returned."""
        if cluster.stale is not None and now < cluster.stale[0]:
            return cluster.stale[1]
        before = Snapshot(cluster.progress, cluster.refresh_time, cluster.result)
        return (
            before
            if cluster.job is None
            else self._during(cluster.job, before, now, is_first=cluster.runs == 1)
        )

    def _during(self, job: Job, before: Snapshot, now: float, *, is_first: bool) -> Snapshot:
        """Return what is shown of a cluster while a computation waits or runs."""
        if job.started is None or now < job.started:
            waiting = before.progress if self.settings.queued_shows == "previous" and not is_first else 0
            return Snapshot(waiting, before.refresh_time, before.result)
        starts = self.settings.refresh_time == "start"
        refresh_time = self._whole_second(job.started) if starts else before.refresh_time
        return Snapshot(job.progress(now), refresh_time, before.result)

    def _earlier(self, cluster: Cluster, at: float) -> Snapshot:
        """Return what a cluster showed at an earlier second."""
        shown = Snapshot(cluster.progress, cluster.refresh_time, cluster.result)
        for run in reversed(cluster.history):
            if at >= run.submitted:
                has_ended = run.job.finished is not None and at >= run.job.finished
                return (
                    shown if has_ended else self._during(run.job, run.before, at, is_first=cluster.runs == 1)
                )
            shown = run.before
        return shown

    def forget_jobs(self, now: float) -> None:
        """Drop everything that waits or runs, as a server that restarts: all show again what they showed before."""
        for cluster in self.clusters.values():
            if cluster.job is not None:
                self.drop_job(cluster, now)
                cluster.stale = None
                cluster.history.clear()

    def add(self, cluster: Cluster) -> None:
        """Store a cluster that has an id of `new_id()`."""
        self.clusters[cluster.id] = cluster
        self._by_name[cluster.name] = cluster.id
        self._listings.clear()

    def seed(self, count: int, prefix: str, catalog: str, definition: Mapping[str, JsonValue]) -> list[int]:
        """Store condition clusters or tags that were refreshed a day ago, and return their ids.

        Raises:
            ValueError: A cluster or tag already has one of the names.
        """
        began = self.advance()
        at = self.now().replace(microsecond=0) - timedelta(days=1)
        is_tag = catalog == TAG_CATALOG
        ids: list[int] = []
        for number in range(1, count + 1):
            name = f"{prefix}_{number}"
            if name in self._by_name:
                raise ValueError(Message("emulator-name-taken", name=name))
            cluster = Cluster(
                id=self.new_id(),
                name=name,
                catalog=catalog,
                cluster_type="tag_by_static_condition" if is_tag else "cluster_by_static_condition",
                display_name=name,
                tag_kind="tag_condition_default" if is_tag else None,
                definition=definition,
                progress=100,
                refresh_time=at,
                computed_at=at,
                runs=1,
            )
            cluster.result = Result(self._computation(cluster, at, began))
            self.add(cluster)
            ids.append(cluster.id)
        return ids

    def new_id(self) -> int:
        """Return the next id. Ids are never used twice."""
        self._next_id += 1
        return self._next_id - 1

    def remove(self, cluster: Cluster, now: float) -> None:
        """Delete a cluster and its computation."""
        self.drop_job(cluster, now)
        del self.clusters[cluster.id]
        del self._by_name[cluster.name]
        self._listings.clear()

    def listed(self, catalog: str, types: frozenset[str], search: str) -> list[Cluster]:
        """Return the clusters of the given types with `search` in name or display name, in list order.

        The result is cached until a cluster is added, removed or relabelled, so that reading many pages filters once.
        """
        key = catalog, types, search.casefold(), self.settings.list_order
        found = self._listings.get(key)
        if found is None:
            # Ids only increase, so that the order of creation is the order by id.
            found = [
                cluster
                for cluster in self.clusters.values()
                if cluster.catalog == catalog
                and cluster.cluster_type in types
                and (key[2] in cluster.name.casefold() or key[2] in cluster.display_name.casefold())
            ]
            if self.settings.list_order == "newest_first":
                found.reverse()
            if len(self._listings) >= _LISTING_CACHE_SIZE:
                self._listings.clear()
            self._listings[key] = found
        return found

    def relabel(self, cluster: Cluster, *, display_name: str, cluster_type: str) -> None:
        """Change the fields that lists search."""
        cluster.display_name = display_name
        cluster.cluster_type = cluster_type
        self._listings.clear()

    def free_name(self, catalog: str, now: float) -> str:
        """Return an unused name in the server's style: cohort_YYYYMMDD_HHMMSS or tag_YYYYMMDD_N."""
        moment = self.time(now)
        for number in range(1, len(self.clusters) + 2):  # pragma: no branch - one of them is unused
            if catalog == TAG_CATALOG:
                name = f"tag_{moment:%Y%m%d}_{number}"
            else:
                # Another second keeps the name within 24 characters; a suffix would not.
                name = f"cohort_{moment + timedelta(seconds=number - 1):%Y%m%d_%H%M%S}"
            if name not in self._by_name:
                return name
        raise AssertionError("more names than clusters are used")  # pragma: no cover - impossible

    def refresh(
        self, cluster: Cluster, now: float, *, stale_seconds: float | None = None
    ) -> Literal["submitted", "queued", "ignored", "rejected", "full"]:
        """Submit a refresh. What happens while one waits or runs is a setting."""
        if cluster.job is not None:
            if self.settings.while_running == "queue":
                cluster.reruns += 1
                return "queued"
            return "ignored" if self.settings.while_running == "ignore" else "rejected"
        if self.settings.max_jobs is not None and self.queue.unfinished >= self.settings.max_jobs:
            return "full"
        before = self.snapshot(cluster, now)
        stale = self.settings.stale_seconds if stale_seconds is None else stale_seconds
        if stale > 0:
            cluster.stale = (now + stale, before)
        self.compute(cluster, now)
        return "submitted"

    def compute(self, cluster: Cluster, at: float) -> None:
        """Submit a computation, which replaces one that waits or runs."""
        self.drop_job(cluster, at)
        cluster.runs += 1
        rng = random.Random(f"{self._seed}:{cluster.id}:{cluster.runs}")  # noqa: S311 - repeatable, not secret
        plan = self._plan_for(cluster)
        seconds = plan.seconds
        if seconds is None:
            given = self._job_seconds
            seconds = given(cluster.id, rng) if callable(given) else given
        if rng.random() < self.settings.failure_rate:
            plan = JobPlan(fails=True, stops_at=plan.stops_at)
        before = Snapshot(cluster.progress, cluster.refresh_time, cluster.result)
        cluster.job = self.queue.submit(cluster.id, at, seconds, plan)
        cluster.history.append(Run(at, before, cluster.job))

    def drop_job(self, cluster: Cluster, now: float) -> None:
        """Cancel the cluster's computation and those queued behind it."""
        cluster.reruns = 0
        if cluster.job is not None:
            self.queue.cancel(cluster.job, now)
            cluster.job = None

    def set_uploaded(self, cluster: Cluster, members: Members, now: float) -> None:
        """Set the users of an id cluster, which takes effect at once."""
        cluster.stale = None
        cluster.result = Result.of(members)
        cluster.progress = 100
        cluster.computed_at = self.time(now)
        cluster.refresh_time = self._whole_second(now)

    def plan(self, ref: int | str, plan: JobPlan) -> None:
        """Plan the next computation of a cluster that has no plan yet."""
        self._plans.setdefault(ref, deque()).append(plan)

    def _plan_for(self, cluster: Cluster) -> JobPlan:
        for ref in (cluster.id, cluster.name):
            plans = self._plans.get(ref)
            if plans:
                return plans.popleft()
        return JobPlan()

    def _finish(self, job: Job) -> None:
        cluster = self.clusters[job.cluster_id]
        assert job.started is not None
        assert job.finished is not None
        cluster.job = None
        cluster.progress = -1 if job.fails else 100
        marks = self.settings.refresh_time
        if marks != "never" or cluster.refresh_time is None:
            cluster.refresh_time = self._whole_second(job.finished if marks == "end" else job.started)
        if not job.fails:
            cluster.computed_at = self.time(job.started)
            if cluster.definition is not None:
                cluster.result = Result(self._computation(cluster, cluster.computed_at, job.started))
        if cluster.reruns:
            reruns = cluster.reruns - 1
            self.compute(cluster, job.finished)
            cluster.reruns = reruns

    def needs(self, definition: Mapping[str, JsonValue], at: float) -> dict[str, Needed]:
        """Return the clusters and tags that the filters of a definition name, with their members at second `at`."""
        named = {name: self.find(name) for name in named_in(definition)}
        return {
            name: Needed(
                result=self._earlier(one, at).result,
                is_tag=one.catalog == TAG_CATALOG,
                tag_kind=one.tag_kind,
                definition=one.definition,
            )
            for name, one in named.items()
            if one is not None
        }

    def _computation(self, cluster: Cluster, at: datetime, began: float) -> Computation:
        """Return the computation of a cluster's definition as of a server time, from the members of others at the second `began`."""
        assert cluster.definition is not None
        return Computation(
            tag_kind=cluster.tag_kind,
            definition=cluster.definition,
            at=at,
            seed=f"{self._seed}:{cluster.id}:{cluster.runs}",
            needs=self.needs(cluster.definition, began),
            cluster_comparators=self.settings.cluster_comparators,
        )

    def _whole_second(self, seconds: float) -> datetime:
        return self.time(seconds).replace(microsecond=0)

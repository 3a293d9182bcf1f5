"""A deployment without sockets whose every behaviour can be set, and what must hold of every batch that runs against it."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar
from urllib.parse import parse_qs

import pytest
from attrs import define, field, frozen

from ta_cluster_async.batch import (
    Attached,
    Event,
    Finished,
    Journal,
    Outcome,
    Planned,
    Progressed,
    RefreshBatch,
    RefreshReport,
    Status,
    Submitted,
)
from ta_cluster_async.batch.journal.rows import Entry
from ta_cluster_async.batch.listing import ClusterState
from ta_cluster_async.batch.options import Options
from ta_cluster_async.batch.state import BatchState
from ta_cluster_async.batch.target import Target
from ta_cluster_async.client.secret import Secret
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import NotSent, TransportError
from ta_cluster_async.models import Catalog
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.protocol.requests import Request, Response
from ta_cluster_async.protocol.retry import RetryPolicy
from ta_cluster_async.session import TaSession

CLUSTER, TAG = "catalog_cluster", "catalog_tag"
_MOST = 50_000
_START = datetime(2026, 1, 1)  # noqa: DTZ001 - server times have no zone

T = TypeVar("T")
Answer: TypeAlias = "Response | TransportError | None"


@define(eq=False)
class Cluster:
    """A cluster or tag.

    Attributes:
        id: Its id.
        name: Its name.
        catalog: Cluster or tag.
        seconds: How long a refresh computes.
        fails: Whether it fails.
        before: The progress before any refresh.
        time: The refresh time before any refresh, in seconds of the loop's clock; None when there is none.
        listed: Whether the list shows it.
        dated: Whether its row in the list has the refresh time.
        users: How many users are in it; None where the server does not say.
        ignores: Whether a request to refresh it is answered with success and nothing happens.
        runs: When each refresh was posted, when it started and when it ended.
        needs: The names in its definition.
        kind: Its type; that of a condition when None.
        shows: Makes the progress of a running refresh from the share of its time that is over.
    """

    id: int
    name: str
    catalog: str = CLUSTER
    seconds: float = 10.0
    fails: bool = False
    before: int = 100
    time: float | None = -86400.0
    listed: bool = True
    dated: bool = True
    ignores: bool = False
    users: int | None = 7
    needs: tuple[str, ...] = ()
    kind: str | None = None
    runs: list[tuple[float, float, float]] = field(factory=list)
    shows: Callable[[float], int] = lambda share: min(99, int(100 * share))


@frozen
class Ask:
    """One request as the server saw it.

    Attributes:
        at: When it came.
        name: The endpoint's name.
        cluster: Which cluster or tag it names; None for a list and for one that is unknown.
        page: The number of the list page, and the catalog; None for anything else.
    """

    at: float
    name: str
    cluster: Cluster | None
    page: tuple[str, int] | None

    @property
    def is_refresh(self) -> bool:
        return self.name.startswith("refresh")


def answer(data: Any) -> Response:
    """A success."""
    return Response(200, json.dumps({"return_code": 0, "return_message": "success", "data": data}).encode())


def refusal(code: int, message: str, status: int = 200) -> Response:
    """An answer with another return code than 0."""
    return Response(status, json.dumps({"return_code": code, "return_message": message}).encode())


REJECTED = refusal(-1001, "token is wrong")
GATEWAY = Response(504, b"<html><title>Gateway Time-out</title></html>")
REFUSED = NotSent("no connection.", reason="refused")


class Deployment:
    """A TA server in the place of the network.

    Args:
        capacity: How many refreshes compute at once; more wait and show a progress of 0. None for no limit.
        page_size: The most rows of a list page.
        refuse_page_size: A larger page is refused. None for no such limit.
        latency: Seconds until each answer, or a function of the request.
        stale: For so long after a POST the state of before is shown.
        marks: Whether the refresh time is that of the "start" or "end", or "never" moves.
        queued_shows: What a refresh that waits for its turn shows: "zero" or the state "before".
        while_running: What a request to refresh does while one runs: "ignore" or "reject".
        rate: Requests a second above which the answer is 429; None for no limit.

    Attributes:
        rule: Given each request, an answer in place of the server's before the effect, or None.
        after: The same after the effect.
        down: From when to when nobody can connect.
        accepts: Whether a token is accepted at this second.
        asks: What came.
        most_running: The most refreshes that were posted and had not ended.
    """

    def __init__(
        self,
        *,
        capacity: int | None = None,
        page_size: int = 100,
        refuse_page_size: int | None = None,
        latency: float | Callable[[Ask], float] = 0.02,
        stale: float = 0.0,
        marks: str = "start",
        queued_shows: str = "zero",
        while_running: str = "ignore",
        rate: float | None = None,
    ) -> None:
        self.clusters: dict[int, Cluster] = {}
        self.rule: Callable[[Ask], Answer] = lambda _: None
        self.after: Callable[[Ask], Answer] = lambda _: None
        self.down: list[tuple[float, float]] = []
        self.accepts: Callable[[float, Secret], bool] = lambda _, __: True
        self.asks: list[Ask] = []
        self.most_running = 0
        self.reading = 0
        self._capacity = capacity
        self._page_size = page_size
        self._refuse_page_size = refuse_page_size
        self._latency = latency
        self.stale = stale
        self._marks = marks
        self._queued_shows = queued_shows
        self._while_running = while_running
        self._rate = rate
        self._recent: list[float] = []

    def add(self, count: int = 1, **what: Any) -> list[int]:
        """Add clusters with the next ids, named c_<id> or t_<id>."""
        ids = []
        for _ in range(count):
            cluster_id = max(self.clusters, default=0) + 1
            letter = "t" if what.get("catalog") == TAG else "c"
            self.clusters[cluster_id] = Cluster(cluster_id, **{"name": f"{letter}_{cluster_id}"} | what)
            ids.append(cluster_id)
        return ids

    @property
    def hides_its_queue(self) -> bool:
        """Whether a refresh that waits for its turn cannot be told from one that nobody has started."""
        return self._capacity is not None and self._queued_shows == "before"

    @property
    def posts(self) -> Counter[int]:
        """How many refreshes were started, by cluster id."""
        return Counter({cluster.id: len(cluster.runs) for cluster in self.clusters.values() if cluster.runs})

    @property
    def requests(self) -> Counter[str]:
        """How many requests there were, by endpoint."""
        return Counter(ask.name for ask in self.asks)

    def cluster(self, ref: int | str) -> Cluster:
        """One of them."""
        found = self._find(ref)
        assert found is not None
        return found

    # Transport

    async def send(self, request: Request, token: Secret, timeout: float) -> Response | TransportError:
        """Answer one request, or say after `timeout` seconds that there was no answer."""
        now = asyncio.get_running_loop().time()
        ask = self._ask(request, now)
        self.asks.append(ask)
        assert len(self.asks) < _MOST, "it asks for ever"
        if any(start <= now < end for start, end in self.down):
            return copy(REFUSED)
        pause = self._latency(ask) if callable(self._latency) else self._latency
        self.reading += 1
        try:
            await asyncio.sleep(min(pause, timeout))
        finally:
            self.reading -= 1
        if pause > timeout:
            return OutcomeUnknown("no answer in time.", reason="timeout")
        if self._is_too_much(now):
            return Response(429, b"", "1")
        if not self.accepts(now, token):
            return copy(REJECTED)
        # A copy, since the session writes into the errors that it raises.
        return copy(self.rule(ask) or self._act(ask) or self.after(ask) or self._say(ask, request))

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def _ask(self, request: Request, now: float) -> Ask:
        name = request.endpoint.name
        if request.body is not None:
            body = json.loads(request.body)
            assert body["projectId"] == 1
            return Ask(now, name, None, (body["clusterCatalog"], body["pagerHeader"]["pageNum"]))
        query = {key: values[0] for key, values in parse_qs(request.query).items()}
        assert query["projectId"] == "1"
        ref = int(query["clusterId"]) if "clusterId" in query else query["clusterName"]
        return Ask(now, name, self._find(ref), None)

    def _is_too_much(self, now: float) -> bool:
        if self._rate is None:
            return False
        self._recent = [at for at in self._recent if at > now - 1.0]
        if len(self._recent) >= self._rate:
            return True
        self._recent.append(now)
        return False

    # The server

    def _find(self, ref: int | str) -> Cluster | None:
        if isinstance(ref, int):
            return self.clusters.get(ref)
        # Of several with one name, the first one that is a cluster.
        named = [cluster for cluster in self.clusters.values() if cluster.name == ref]
        return min(named, key=lambda cluster: cluster.catalog, default=None)

    def _act(self, ask: Ask) -> Answer:
        cluster = ask.cluster
        if not ask.is_refresh or cluster is None:
            return None
        now = asyncio.get_running_loop().time()
        if cluster.runs and now < cluster.runs[-1][2]:
            return refusal(-3008, "it runs already") if self._while_running == "reject" else None
        if not cluster.ignores:
            self.begin(cluster)
        return None

    def begin(self, cluster: Cluster) -> None:
        """Start a refresh, as somebody else may do."""
        now = asyncio.get_running_loop().time()
        ends = sorted(end for other in self.clusters.values() for _, _, end in other.runs[-1:] if end > now)
        start = now if self._capacity is None or len(ends) < self._capacity else ends[-self._capacity]
        cluster.runs.append((now, start, start + cluster.seconds))
        self.most_running = max(self.most_running, len(ends) + 1)

    def shown(self, cluster: Cluster, run: int = -1) -> tuple[int, float | None]:
        """The progress and the refresh time that are shown now, of the latest refresh or one before."""
        if len(cluster.runs) < -run:
            return cluster.before, cluster.time
        now = asyncio.get_running_loop().time()
        posted, start, end = cluster.runs[run]
        if now < posted + self.stale:
            return self.shown(cluster, run - 1)
        progress, before = self.shown(cluster, run - 1)
        if now < start:
            return 0 if self._queued_shows == "zero" else progress, before
        time = {"start": start, "end": end, "never": before}[self._marks]
        if now < end:
            return cluster.shows((now - start) / (end - start)), time if self._marks == "start" else before
        return -1 if cluster.fails else 100, time

    def _say(self, ask: Ask, request: Request) -> Response:
        if ask.page is not None:
            assert request.body is not None
            return self._list(*ask.page, json.loads(request.body)["pagerHeader"]["pageSize"])
        cluster = ask.cluster
        if cluster is None:
            return refusal(-3003, "cluster does not exist")
        if ask.is_refresh:
            return answer(None)
        progress, time = self.shown(cluster)
        if ask.name.startswith("progress"):
            return answer({"progress": progress})
        kind = "tag_by_static_condition" if cluster.catalog == TAG else "cluster_by_static_condition"
        kind = cluster.kind or kind
        row = {"id": cluster.id, "clusterName": cluster.name, "clusterType": kind, "displayName": "x"}
        row |= {"progress": progress, "projectId": 1, "usersNum": cluster.users, "refreshTime": _text(time)}
        if cluster.needs:
            filters = [{"tableType": "user_cluster", "columnName": name} for name in cluster.needs]
            row["userClusterDef"] = {"filts": filters}
        return answer(row)

    def _list(self, catalog: str, number: int, size: int) -> Response:
        if self._refuse_page_size is not None and size > self._refuse_page_size:
            return refusal(-3001, "pageSize")
        size = min(size, self._page_size)
        listed = [one for one in self.clusters.values() if one.catalog == catalog and one.listed]
        listed.sort(key=lambda one: -one.id)
        rows: list[dict[str, Any]] = []
        for cluster in listed[(number - 1) * size : number * size]:
            progress, time = self.shown(cluster)
            row = {"id": cluster.id, "clusterName": cluster.name, "clusterCatalog": catalog}
            row |= {"progress": progress, "usersNum": cluster.users}
            rows.append(row | {"refreshTime": _text(time)} if cluster.dated else row)
        pager = {"pageNum": number, "pageSize": size, "totalNum": len(listed)}
        return answer({"pagerResult": pager, "userClusters": rows})


def _text(seconds: float | None) -> str | None:
    return None if seconds is None else (_START + timedelta(seconds=int(seconds))).isoformat(" ")


@frozen
class Told:
    """A batch that is over.

    Attributes:
        report: Its report.
        events: What it told.
        server: What it ran against.
        seconds: How long it took by the loop's clock.
        error: What came out of the block; None when nothing did.
        clock: What the loop's clock showed at last.
    """

    report: RefreshReport
    events: list[Event]
    server: Deployment
    seconds: float
    error: BaseException | None
    clock: float

    def __getitem__(self, ref: int | str) -> Outcome:
        """The one outcome of a reference."""
        found = [outcome for outcome in self.report.outcomes if outcome.ref == ref]
        assert len(found) == 1, found
        return found[0]

    @property
    def statuses(self) -> dict[int | str, str]:
        return {outcome.ref: outcome.status.value for outcome in self.report.outcomes}

    def of(self, kind: Any) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


def tell(
    server: Deployment,
    refs: Any,
    *,
    token: Any = "secret-token",
    session: dict[str, Any] | None = None,
    at: dict[float, Callable[[RefreshBatch], object]] | None = None,
    start: float = 0.0,
    silence: float = 600.0,
    listen: Callable[[Event], Any] | None = None,
    **options: Any,
) -> Told:
    """Run a batch in virtual time, and check what must hold of every one.

    Args:
        server: Runs in the place of the network.
        refs: The references, or a function that makes them when the loop runs.
        token: The token, or what provides it.
        session: Settings of the session.
        at: What happens at which second; each gets the batch.
        start: What the loop's clock shows at first.
        silence: For so long afterwards no request may come.
        listen: Called with each event; what it returns is awaited if it can be.
        options: Settings of the batch.
    """

    async def main() -> Told:
        loop = asyncio.get_running_loop()
        events: list[Event] = []
        error: BaseException | None = None
        async with TaSession("http://127.0.0.1", token, transport=server, **(session or {})) as ta:
            batch = RefreshBatch(ta.project(1), refs() if callable(refs) else refs, **options)
            began = loop.time()
            for second, happens in (at or {}).items():
                loop.call_later(second, happens, batch)
            failed: list[dict[str, Any]] = []  # what happened then and went wrong, which the loop only logs
            loop.set_exception_handler(lambda _, context: failed.append(context))
            try:
                # One that nobody wakes would wait for ever.
                async with asyncio.timeout(1e8), batch:
                    async for event in batch:
                        events.append(event)
                        if listen is not None and asyncio.iscoroutine(answer := listen(event)):
                            await answer
            except Exception as problem:  # noqa: BLE001 - whatever comes out of it
                error = problem
            seconds = loop.time() - began
            assert seconds < 1e8, "somebody was not woken"
            assert server.reading == 0, "no request is left behind"
            assert asyncio.all_tasks() == {asyncio.current_task()}, "no task is left behind"
            sent = len(server.asks)
            await asyncio.sleep(silence)
            assert len(server.asks) == sent, "no request starts afterwards"
            assert failed == []
        told = Told(batch.report, events, server, seconds, error, loop.time())
        check_events(told)
        check_outcomes(told)
        return told

    return run(main(), start=start)


def check_events(told: Told) -> None:
    """Submitted or Attached, then a progress that never falls, then Finished, once and at last."""
    begun: set[int] = set()
    ended: set[int] = set()
    shown: dict[int, int] = {}
    for event in told.of(Submitted | Attached | Progressed):
        assert told.report.project_id == 1
        cluster = told.server.clusters.get(event.cluster_id)
        assert cluster is None or event.cluster_name == cluster.name
    for event in told.events:
        if isinstance(event, Submitted | Attached):
            assert event.cluster_id not in ended
            begun.add(event.cluster_id)
        if isinstance(event, Progressed):
            assert event.cluster_id in begun
            assert event.cluster_id not in ended
            assert shown.get(event.cluster_id, -1) < event.progress < 100
            shown[event.cluster_id] = event.progress
        if isinstance(event, Finished) and event.outcome.cluster_id is not None:
            assert event.outcome.cluster_id not in ended
            ended.add(event.outcome.cluster_id)
            if event.outcome.status in (Status.SUCCEEDED, Status.STALLED) and not event.outcome.resumed:
                assert event.outcome.cluster_id in begun
    planned = told.of(Planned)
    assert [event.refs for event in planned] == sorted(event.refs for event in planned)
    if told.error is None and not told.report.stopped:
        assert [event.complete for event in planned[-1:]] == [True]
        assert [event.outcome for event in told.of(Finished)] == list(told.report.outcomes)


def check_outcomes(told: Told) -> None:
    """One for each reference and each cluster; a success is one, and what may go on has a ticket."""
    report, server = told.report, told.server
    assert report.total == len(report.outcomes)
    ids = [outcome.cluster_id for outcome in report.outcomes if outcome.cluster_id is not None]
    assert len(set(ids)) == len(ids), "one outcome for each cluster"
    refs = [outcome.ref for outcome in report.outcomes if outcome.status is not Status.REJECTED]
    assert len(set(refs)) == len(refs)
    for outcome in report.outcomes:
        assert outcome.ok is (outcome.message == ""), outcome
        if outcome.status is Status.SUCCEEDED:
            assert outcome.cluster_id is not None
            cluster = server.clusters[outcome.cluster_id]
            assert cluster.runs or outcome.resumed
            assert not cluster.fails, "a failure is no success"
        if outcome.attempts == 0 and outcome.ticket is not None:
            assert outcome.ticket.attached or outcome.resumed
    assert RefreshReport.from_json(report.to_json()) == report


def known(path: Any, ids: Sequence[int] = (), names: Sequence[str] = ()) -> dict[Any, Entry]:
    """What the journal of an unfinished run knows."""

    async def main() -> dict[Any, Entry]:
        held = await Journal(path).open(base_url="http://127.0.0.1", project_id=1, max_running=16)
        entries: dict[Any, Entry] = {}
        entries.update(await held.entries(ids))
        entries.update(await held.entries_by_name(names))
        await held.close(complete=False)
        return entries

    return run(main())


# The parts of a batch by themselves

NOON = 1_000.0
OLD = datetime(2019, 1, 1)  # noqa: DTZ001


def target(
    cluster_id: int, place: int = 0, catalog: Catalog = Catalog.CLUSTER, *, age: float = 0.0
) -> Target:
    """One to refresh, with a baseline that was read so many seconds before noon."""
    seen = ClusterState(cluster_id, f"c_{cluster_id}", 100, OLD, 7)
    what: dict[str, Any] = {"ref": cluster_id, "cluster_id": cluster_id, "name": seen.name, "seen": seen}
    return Target(**what, catalog=catalog, place=place, read_at=NOON - age)


def in_batch(
    story: Callable[[BatchState], Awaitable[T]], server: Deployment | None = None, **options: Any
) -> T:
    """Tell a story to the shared state of a batch without its parts. The clock shows `NOON` at first.

    Args:
        story: Is given the state.
        server: Runs in the place of the network. No request is tried again.
        options: Settings of the batch, where they are other than usual.
    """
    usual: dict[str, Any] = {"max_running": 8, "submit_ahead": 0, "order": "given", "on_running": "attach"}
    usual |= {"max_failures": None, "cluster_timeout": 2_000.0, "timeout": None, "keep_successes": True}
    usual |= {"poll": PollPolicy(errors=1.0)}

    async def main() -> T:
        transport, once = server or Deployment(), RetryPolicy(attempts=1)
        async with TaSession("http://127.0.0.1", "secret-token", transport=transport, retry=once) as ta:
            return await story(BatchState(ta.project(1), Options(**usual | options)))

    return run(main(), start=NOON)


class Kit:
    """What the tests of this folder are made with."""

    OLD = OLD
    known = staticmethod(known)
    target = staticmethod(target)
    in_batch = staticmethod(in_batch)

    Deployment = Deployment
    Cluster = Cluster
    CLUSTER, TAG = CLUSTER, TAG
    REJECTED, GATEWAY, REFUSED = REJECTED, GATEWAY, REFUSED
    tell = staticmethod(tell)
    answer = staticmethod(answer)
    refusal = staticmethod(refusal)


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    return Kit

"""A TA server without sockets, for simulations in virtual time: a `Transport` whose answers are computed from the loop's clock.

It holds a million clusters in a few dozen megabytes, costs microseconds per answer, and counts its requests.
"""

from __future__ import annotations

import asyncio
import heapq
import json
from array import array
from collections import Counter
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from ta_cluster_async.protocol.requests import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ta_cluster_async.client.secret import Secret
    from ta_cluster_async.errors import TransportError
    from ta_cluster_async.protocol.requests import Request

_START = datetime(2026, 1, 1)  # noqa: DTZ001  (server times have no zone)
_NEVER = -1.0


class ScriptedServer:
    """A server with the clusters 1 to `count`, all refreshed once before.

    Args:
        count: How many clusters there are.
        seconds: The seconds of a refresh, by the cluster's id.
        capacity: How many refreshes run at once; others wait in a queue. None for no limit.
        page_size: The maximum rows of a list page.
        latency: Seconds until each answer.
        stale: Seconds after a POST during which the previous state is shown.
        refresh_time: Whether `refreshTime` marks the "start" or the "end" of a computation, or "never" moves.
        refuses: How many refreshes run at most, and the return code of a request for one more. None for no such limit.
        fails: Whether the refresh of a cluster fails, by its id.
        failure: Returns for each request and its number another answer or an error before the effect, or None.

    Attributes:
        requests: How many requests there were, by endpoint name.
        most_running: How many refreshes were in flight at once at most: posted and not ended.
    """

    def __init__(
        self,
        count: int,
        seconds: Callable[[int], float],
        *,
        capacity: int | None = None,
        page_size: int = 100,
        latency: float = 0.0,
        stale: float = 0.0,
        refresh_time: str = "start",
        refuses: tuple[int, int] | None = None,
        fails: Callable[[int], bool] | None = None,
        failure: Callable[[Request, int], Response | TransportError | None] | None = None,
    ) -> None:
        self.count = count
        self.requests: Counter[str] = Counter()
        self.most_running = 0
        self._seconds = seconds
        self._capacity = capacity
        self._page_size = page_size
        self._latency = latency
        self._stale = stale
        self._marks = refresh_time
        self._refuses = refuses
        self._fails = fails
        self._failure = failure
        # A cache of its own, which is freed with the server.
        self._text = lru_cache(maxsize=4096)(_second_text)
        # Of the latest refresh: when it was posted, started and ended, and the state shown before it.
        self._posted = array("d", [_NEVER]) * (count + 1)
        self._started = array("d", [_NEVER]) * (count + 1)
        self._ended = array("d", [_NEVER]) * (count + 1)
        self.before: dict[int, tuple[int, float]] = {}
        self._free: list[float] = [] if capacity is None else [0.0] * capacity
        self._running: list[float] = []

    # Transport

    async def send(self, request: Request, token: Secret, timeout: float) -> Response | TransportError:
        """Answer one request."""
        del token, timeout
        name = request.endpoint.name
        self.requests[name] += 1
        number = self.requests.total()
        await asyncio.sleep(self._latency)
        if self._failure is not None and (failed := self._failure(request, number)) is not None:
            return failed
        return self._answer(request)

    async def aclose(self) -> None:
        """Do nothing."""

    # The server

    def _answer(self, request: Request) -> Response:
        if request.body is not None:
            return self._list(json.loads(request.body))
        query = {key: values[0] for key, values in parse_qs(request.query).items()}
        cluster_id = int(query["clusterId"]) if "clusterId" in query else _id_of(query["clusterName"])
        if not 1 <= cluster_id <= self.count:
            return _refuse(-3003, "clusterId does not exist")
        name = request.endpoint.name
        if name.startswith("refresh"):
            return self._refresh(cluster_id)
        progress, time = self.shown(cluster_id)
        if name.startswith("progress"):
            return _succeed(f'{{"progress":{progress}}}')
        return _succeed(
            f'{{"id":{cluster_id},"clusterName":"c_{cluster_id}","clusterType":"cluster_by_static_condition",'
            f'"displayName":"c","progress":{progress},"projectId":1,"usersNum":7,"refreshTime":"{self._text(int(time))}"}}'
        )

    def shown(self, cluster_id: int) -> tuple[int, float]:
        """Return the progress and the refresh time that are shown now."""
        now = asyncio.get_running_loop().time()
        posted = self._posted[cluster_id]
        before = self.before.get(cluster_id, (100, -86400.0)) if self.before else (100, -86400.0)
        if posted == _NEVER or now < posted + self._stale:
            return before
        started, ended = self._started[cluster_id], self._ended[cluster_id]
        if now < started:
            return 0, before[1]
        if now < ended:
            share = int(100 * (now - started) / (ended - started))
            return min(99, share), started if self._marks == "start" else before[1]
        failed = self._fails is not None and self._fails(cluster_id)
        return -1 if failed else 100, {"start": started, "end": ended}.get(self._marks, before[1])

    def ended(self, cluster_id: int) -> float:
        """Return when the latest refresh of a cluster ended or will end; -1 if there was none."""
        return self._ended[cluster_id]

    def _refresh(self, cluster_id: int) -> Response:
        now = asyncio.get_running_loop().time()
        if self._posted[cluster_id] != _NEVER and now < self._ended[cluster_id]:
            return _succeed("null")  # one is running: ignored
        while self._running and self._running[0] <= now:
            heapq.heappop(self._running)
        if self._refuses is not None and len(self._running) >= self._refuses[0]:
            return _refuse(self._refuses[1], "too many")
        if self._posted[cluster_id] != _NEVER or self.before:
            self.before[cluster_id] = self.shown(cluster_id)
        seconds = self._seconds(cluster_id)
        start = now
        if self._capacity is not None:
            start = max(now, heapq.heappop(self._free))
            heapq.heappush(self._free, start + seconds)
        self._posted[cluster_id] = now
        self._started[cluster_id] = start
        self._ended[cluster_id] = start + seconds
        heapq.heappush(self._running, start + seconds)
        self.most_running = max(self.most_running, len(self._running))
        return _succeed("null")

    def _list(self, body: Mapping[str, object]) -> Response:
        pager = body["pagerHeader"]
        assert isinstance(pager, dict)
        size = min(pager["pageSize"], self._page_size)
        number = pager["pageNum"]
        count = self.count if body["clusterCatalog"] == "catalog_cluster" else 0
        last = count - (number - 1) * size
        ids = range(last, max(last - size, 0), -1)
        rows = []
        for cluster_id in ids:
            progress, time = self.shown(cluster_id)
            rows.append(
                f'{{"clusterCatalog":"catalog_cluster","clusterName":"c_{cluster_id}","id":{cluster_id},'
                f'"progress":{progress},"refreshTime":"{self._text(int(time))}","usersNum":7}}'
            )
        return _succeed(
            f'{{"pagerResult":{{"pageNum":{number},"pageSize":{size},"totalNum":{count}}},'
            f'"userClusters":[{",".join(rows)}]}}'
        )


def _id_of(name: str) -> int:
    digits = name.removeprefix("c_")
    return int(digits) if digits.isdigit() else 0


def _second_text(seconds: int) -> str:
    return (_START + timedelta(seconds=seconds)).isoformat(" ")


def _succeed(data: str) -> Response:
    return Response(200, f'{{"data":{data},"return_code":0,"return_message":"success"}}'.encode())


def _refuse(code: int, message: str) -> Response:
    return Response(200, json.dumps({"return_code": code, "return_message": message}).encode())

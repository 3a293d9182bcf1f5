"""A TA server in place of the network, which knows of each request when it began and whether it is still active."""

import asyncio
import json
from copy import copy
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from attrs import define, field

from ta_cluster_async.client.secret import Secret
from ta_cluster_async.errors import NotSent, TransportError
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.requests import Request, Response

BEFORE = datetime(2020, 1, 9, 10, 51, 14)  # noqa: DTZ001  (server times have no zone)
ALL = range(970, 990)

FAILURES: dict[str, Response | TransportError] = {
    "lost": OutcomeUnknown("no answer.", reason="lost"),
    "refused": NotSent("no connection.", reason="refused"),
    "too many": Response(429, b"", "2"),
    "gateway": Response(504, b"<html>"),
    "rejected": Response(200, b'{"return_code":-1001,"return_message":"token is wrong"}'),
}


@define(eq=False)
class Server:
    """A server with twenty clusters, of which each refresh takes some seconds.

    Attributes:
        failure: How the first request other than a detail fails, if at all.
        latency: Seconds until each answer.
        seconds: Seconds of a refresh.
        begun: The names of the requests that have begun.
        active: How many requests have no answer yet.
        posted: The cluster and the time of each refresh, from the arrival of its request.
    """

    failure: str | None = None
    latency: float = 0.02
    seconds: float = 3.0
    begun: list[str] = field(factory=list)
    active: int = 0
    posted: list[tuple[int, float]] = field(factory=list)

    async def send(self, request: Request, token: Secret, timeout: float) -> Response | TransportError:
        """Answer a request."""
        self.begun.append(request.endpoint.name)
        self.active += 1
        failure = None
        if self.failure is not None and request.endpoint.name != "detail":
            failure, self.failure = FAILURES[self.failure], None
        try:
            if request.upload is not None:
                async for _ in request.upload.chunks():
                    await asyncio.sleep(0)
            if request.endpoint.name.startswith("refresh") and failure is None:
                self.posted.append((_cluster_of(request), asyncio.get_running_loop().time()))
            await asyncio.sleep(self.latency)
        finally:
            self.active -= 1
        # A copy, since the session writes into the errors that it raises.
        return self._answer_to(request) if failure is None else copy(failure)

    async def aclose(self) -> None:
        """Take a moment, as closing connections does."""
        await asyncio.sleep(0)

    def _answer_to(self, request: Request) -> Response:
        name = request.endpoint.name
        if name == "list":
            assert request.body is not None
            number, size = json.loads(request.body)["pagerHeader"].values()
            rows = [self._row(cluster_id) for cluster_id in ALL[(number - 1) * size : number * size]]
            return _answer(
                {
                    "pagerResult": {"pageNum": number, "pageSize": size, "totalNum": len(ALL)},
                    "userClusters": rows,
                }
            )
        if name == "create":
            return _answer(990)
        if "upload" in name:
            return _answer(
                {"clusterId": 990, "uploadNum": 2, "userNum": 2, "unmatchedNum": 0, "tagValueNullNum": 0}
            )
        cluster_id = _cluster_of(request)
        if cluster_id not in ALL:
            return Response(200, b'{"return_code":-3003,"return_message":"cluster does not exist"}')
        if name.startswith("refresh"):
            return _answer(None)
        row = self._row(cluster_id)
        if name.startswith("progress"):
            return _answer({"progress": row["progress"]})
        return _answer(row | {"clusterType": "cluster_by_import", "displayName": "d", "projectId": 102})

    def _row(self, cluster_id: int) -> dict[str, Any]:
        posted = dict(self.posted).get(cluster_id)
        share = 1.0 if posted is None else (asyncio.get_running_loop().time() - posted) / self.seconds
        time = BEFORE if posted is None else BEFORE + timedelta(hours=1)
        row = {
            "id": cluster_id,
            "clusterName": f"c_{cluster_id}",
            "clusterCatalog": "catalog_cluster",
            "usersNum": 7,
        }
        return row | {"progress": min(100, int(100 * share)), "refreshTime": time.isoformat(" ")}


def _cluster_of(request: Request) -> int:
    """The cluster that a request names; 0 if it does not exist."""
    query = {key: values[0] for key, values in parse_qs(request.query).items()}
    return int(query.get("clusterId") or query["clusterName"].removeprefix("c_").replace("made", "0"))


def _answer(data: Any) -> Response:
    return Response(200, json.dumps({"return_code": 0, "return_message": "success", "data": data}).encode())

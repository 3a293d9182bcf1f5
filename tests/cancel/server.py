"""A TA server in the place of the network, that says of each request when it begins and whether it is under way still."""

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

TROUBLES: dict[str, Response | TransportError] = {
    "lost": OutcomeUnknown("no answer.", reason="lost"),
    "refused": NotSent("no connection.", reason="refused"),
    "too many": Response(429, b"", "2"),
    "gateway": Response(504, b"<html>"),
    "rejected": Response(200, b'{"return_code":-1001,"return_message":"token is wrong"}'),
}


@define(eq=False)
class Server:
    """Twenty clusters of which each refresh takes some seconds.

    Attributes:
        trouble: What the first request that changes or asks something meets, if anything.
        latency: Seconds until each answer.
        seconds: What a refresh takes.
        begun: The names of the requests that have begun.
        under_way: How many have no answer yet.
        posted: Which refreshes have begun, and when: as soon as the request comes, before there is an answer.
    """

    trouble: str | None = None
    latency: float = 0.02
    seconds: float = 3.0
    begun: list[str] = field(factory=list)
    under_way: int = 0
    posted: list[tuple[int, float]] = field(factory=list)

    async def send(self, request: Request, token: Secret, timeout: float) -> Response | TransportError:
        """Answer a request."""
        self.begun.append(request.endpoint.name)
        self.under_way += 1
        trouble = None
        if self.trouble is not None and request.endpoint.name != "detail":
            trouble, self.trouble = TROUBLES[self.trouble], None
        try:
            if request.upload is not None:
                async for _ in request.upload.chunks():
                    await asyncio.sleep(0)
            if request.endpoint.name.startswith("refresh") and trouble is None:
                self.posted.append((_cluster_of(request), asyncio.get_running_loop().time()))
            await asyncio.sleep(self.latency)
        finally:
            self.under_way -= 1
        # A copy, since the session writes into the errors that it raises.
        return self._say(request) if trouble is None else copy(trouble)

    async def aclose(self) -> None:
        """Takes a moment, as it does to close connections."""
        await asyncio.sleep(0)

    def _say(self, request: Request) -> Response:
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
    """The cluster that a request names, 0 for one that does not exist."""
    query = {key: values[0] for key, values in parse_qs(request.query).items()}
    return int(query.get("clusterId") or query["clusterName"].removeprefix("c_").replace("made", "0"))


def _answer(data: Any) -> Response:
    return Response(200, json.dumps({"return_code": 0, "return_message": "success", "data": data}).encode())

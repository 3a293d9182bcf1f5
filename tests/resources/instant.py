"""A server that answers without any wait, in place of the network."""

import asyncio
import json
from datetime import UTC, datetime

from ta_cluster_async import RefreshTicket
from ta_cluster_async.protocol.requests import Response

DETAIL_DATA = {
    "id": 970,
    "clusterName": "one",
    "clusterType": "cluster_by_static_condition",
    "displayName": "x",
    "projectId": 102,
    "progress": 100,
    "usersNum": 7,
}


def ticket():
    return RefreshTicket(project_id=102, cluster_id=970, submitted_at=datetime.now(UTC), seen_running=True)


class InstantServer:
    """A transport that answers without any wait, and notes what was asked for and when."""

    def __init__(self, *progress, detail=DETAIL_DATA):
        self.progress = list(progress)
        self.sent = []
        self.detail = detail
        self.before = None

    async def send(self, request, token, timeout):
        self.sent.append((request.endpoint.name, asyncio.get_running_loop().time()))
        if self.before is not None:
            await self.before()
        is_progress = request.endpoint.name == "progress"
        data = {"progress": self.progress.pop(0)} if is_progress else self.detail
        return Response(200, json.dumps({"return_code": 0, "data": data}).encode())

    async def aclose(self):
        """There is nothing to close."""

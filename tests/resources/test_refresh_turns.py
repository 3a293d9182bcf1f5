"""Turns of events that are rare while a refresh is waited for: a session that is closed just then, and two who wake in one turn."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from ta_cluster_async import ConfigurationError, RefreshTicket, TaSession
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import SchemaError
from ta_cluster_async.protocol.requests import Response

DETAIL = {
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


class AtOnce:
    """In place of the network: answers without any wait, and notes what was asked for and when."""

    def __init__(self, *progress, detail=DETAIL):
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


def test_a_session_that_is_closed_between_the_end_and_its_detail_is_told():
    async def main():
        server = AtOnce(100)
        async with TaSession("http://127.0.0.1", "t", transport=server) as ta:
            server.before = ta.aclose
            with pytest.raises(ConfigurationError, match="closed"):
                await ta.project(102).clusters.attach(ticket())
        return [name for name, _ in server.sent]

    assert run(main()) == ["progress"]


def test_two_who_wait_for_one_refresh_and_wake_in_one_turn_look_once():
    async def main():
        server = AtOnce(40, 60, 80, 100)
        async with TaSession("http://127.0.0.1", "t", transport=server) as ta:
            refresh = ta.project(102).clusters.attach(ticket())

            async def wait():
                return await refresh

            first, second = await asyncio.gather(wait(), wait())
        return first is second, server.sent

    same, sent = run(main())
    assert same
    assert [name for name, _ in sent] == ["progress"] * 4 + ["detail"]
    assert len({at for _, at in sent}) == 4


@pytest.mark.parametrize("wrong", [0, -970])
def test_an_id_that_is_none_ends_no_refresh(wrong):
    async def main():
        server = AtOnce(detail={**DETAIL, "id": wrong})
        async with TaSession("http://127.0.0.1", "t", transport=server) as ta:
            with pytest.raises(SchemaError, match=r"data\.id"):
                await ta.project(102).clusters.refresh(970)
        return [name for name, _ in server.sent]

    assert run(main()) == ["detail"]

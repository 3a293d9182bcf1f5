"""Handles on servers whose answers go back in time: no end is believed that could be an echo of the refresh before."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import frozen

from ta_cluster_async import (
    RefreshError,
    RefreshFailed,
    RefreshTicket,
    RefreshUnconfirmed,
    TaSession,
)
from ta_cluster_async.emulator import JobPlan, Settings
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.protocol.requests import Response
from tests.world import in_virtual_time

OLD, NEW = "2020-01-09 10:51:14", "2020-01-10 10:51:14"
MARKS = pytest.mark.parametrize("marks", ["start", "end"])


@frozen
class Answers:
    """A server that shows one state after another: from each second on, this progress and this refresh time."""

    states: tuple[tuple[float, int, str], ...]

    async def send(self, request: Any, token: Any, timeout: float) -> Response:
        now = asyncio.get_running_loop().time()
        _, progress, time = max(state for state in self.states if state[0] <= now)
        data: dict[str, Any] = {"progress": progress}
        if request.endpoint.name == "detail":
            kind = {"clusterName": "whales", "clusterType": "cluster_by_static_condition", "displayName": "w"}
            data |= {"id": 970, "projectId": 102, "refreshTime": time, "usersNum": 7, "userId": 1, **kind}
        return Response(200, json.dumps({"return_code": 0, "data": data}).encode())

    async def aclose(self) -> None:
        """There is nothing to close."""


def ended_as(left: int, *states: tuple[float, int, str]) -> tuple[str, float]:
    """How a refresh ends from whose POST on these states are shown, and when."""

    async def main() -> tuple[str, float]:
        ticket = RefreshTicket(
            project_id=102,
            cluster_id=970,
            baseline_progress=left,
            baseline_refresh_time=datetime.fromisoformat(OLD),
            submitted_at=datetime(2020, 1, 10, tzinfo=UTC),
        )
        async with TaSession("http://127.0.0.1", "t", transport=Answers(states)) as ta:
            try:
                await ta.project(102).clusters.attach(ticket)
            except RefreshError as error:
                return error.code, asyncio.get_running_loop().time()
            return "succeeded", asyncio.get_running_loop().time()

    return run(main())


@pytest.mark.parametrize("left", [100, -1])
@pytest.mark.parametrize(("end", "expected"), [(100, "succeeded"), (-1, "refresh-reported-failed")])
@pytest.mark.parametrize("running", [OLD, NEW])
def test_the_old_end_between_two_signs_of_the_new_refresh_is_passed_over(
    left: int, end: int, expected: str, running: str
) -> None:
    code, at = ended_as(left, (0, 0, OLD), (1, left, OLD), (2.5, 40, running), (20, end, NEW))
    assert code == expected
    assert 20 <= at <= 24


@pytest.mark.parametrize("left", [100, -1])
def test_the_old_end_that_stands_after_a_sign_of_the_new_refresh_is_unconfirmed(left: int) -> None:
    code, at = ended_as(left, (0, 40, OLD), (10, left, OLD))
    assert code == "refresh-echoed"
    assert 15 <= at <= 20


@MARKS
@pytest.mark.parametrize("left", [100, -1])
@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("seconds", [0.3, 6.0, 60.0])
def test_replicas_that_lag_never_end_a_refresh_before_its_end_or_otherwise(
    marks: Any, left: int, seconds: float, *, fails: bool
) -> None:
    settings = Settings(evaluate=False, refresh_time=marks, replica_lag=4.0, lagging_share=0.5)

    async def story(world: Any) -> None:
        for cluster in world.em.seed_clusters(6):
            if left == -1:
                world.em.plan(cluster, JobPlan(seconds=1.0, fails=True))
                with pytest.raises(RefreshFailed):
                    await (await world.clusters.refresh(cluster))
            await asyncio.sleep(10)
            world.em.plan(cluster, JobPlan(seconds=seconds, fails=fails))
            refresh = await world.clusters.refresh(cluster)
            began = world.now
            if fails:
                with pytest.raises(RefreshFailed):
                    await refresh
            else:
                await refresh
            assert world.now - began >= seconds
            assert world.em.jobs[-1].outcome == ("failed" if fails else "done")

    in_virtual_time(story, settings=settings)


@MARKS
def test_a_server_that_restarts_and_forgets_makes_no_success(marks: Any) -> None:
    async def story(world: Any) -> None:
        [cluster] = world.em.seed_clusters(1)
        refresh = await world.clusters.refresh(cluster)
        async for percent in refresh.progress():
            if percent > 30:
                world.em.restart()
                break
        with pytest.raises(RefreshUnconfirmed) as caught:
            await refresh
        assert caught.value.code == "refresh-echoed"
        assert caught.value.progress is not None
        assert "refreshed" in world.done
        assert len(world.done) == 1

    in_virtual_time(story, job_seconds=60.0, settings=Settings(evaluate=False, refresh_time=marks))


def test_where_the_time_never_moves_the_settled_end_counts_once_that_is_known() -> None:
    async def story(world: Any) -> tuple[list[str], int]:
        ended = []
        for cluster in world.em.seed_clusters(6):
            sent = len(world.sent)
            try:
                await (await world.clusters.refresh(cluster))
            except RefreshUnconfirmed as error:
                ended.append(error.code)
            else:
                ended.append("succeeded")
        return ended, len(world.sent) - sent

    ended, requests = in_virtual_time(
        story, job_seconds=60.0, settings=Settings(evaluate=False, refresh_time="never")
    )
    assert ended == ["refresh-echoed"] * 3 + ["succeeded"] * 3

    async def moves(world: Any) -> int:
        [cluster] = world.em.seed_clusters(1)
        await (await world.clusters.refresh(cluster))
        return len(world.sent)

    assert requests <= in_virtual_time(moves, job_seconds=60.0) + 2

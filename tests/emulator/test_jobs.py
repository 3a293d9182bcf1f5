"""The queue of computations: capacity, plans, order and cancellation."""

from collections.abc import Callable
from random import Random
from statistics import median
from typing import Any

import pytest

from ta_cluster_async.emulator import JobPlan
from ta_cluster_async.emulator.jobs import JobQueue
from ta_cluster_async.emulator.state import varied_seconds

Start = Callable[..., Any]


def test_a_plan_decides_only_the_next_computation(server: Any) -> None:
    server.em.plan("planned", JobPlan(seconds=100))
    server.em.plan("planned", JobPlan(fails=True))

    server.add("planned")
    server.clock.advance(50)
    during_first = server.progress(970)
    server.clock.advance(50)
    after_first = server.progress(970)
    server.refresh(970)
    server.clock.advance(10)
    after_second = server.progress(970)
    server.refresh(970)
    server.clock.advance(10)

    assert (during_first, after_first, after_second, server.progress(970)) == (50, 100, -1, 100)


def test_a_computation_may_hang_for_ever_and_occupies_its_place(start: Start) -> None:
    server = start(capacity=1)
    server.em.seed_clusters(2)
    server.em.plan(970, JobPlan(stops_at=42))

    server.refresh(970)
    server.refresh(971)
    server.clock.advance(86_400)

    assert server.progress(970) == 42
    assert server.progress(971) == 0
    server.post("user-cluster-delete", clusterId=970)
    server.clock.advance(10)
    assert server.progress(971) == 100


@pytest.mark.parametrize("capacity", [1, 3, 8])
def test_no_more_than_the_capacity_run_at_once_in_the_order_of_submission(
    start: Start, capacity: int
) -> None:
    server = start(capacity=capacity)
    for cluster_id in server.em.seed_clusters(8):
        server.refresh(cluster_id)
    server.clock.advance(1)

    running = [job for job in server.em.jobs if job.outcome == "running"]
    assert [job.cluster_id for job in running] == list(range(970, 970 + capacity))

    server.clock.advance(1000)
    starts = [job.started for job in server.em.jobs]
    assert starts == [10.0 * (number // capacity) for number in range(8)]
    assert server.em.most_running == capacity


def test_a_jump_of_the_clock_ends_every_computation_at_its_own_time(start: Start) -> None:
    server = start(capacity=2, job_seconds=lambda cluster_id, _rng: 10.0 * (cluster_id - 969))
    for cluster_id in server.em.seed_clusters(4):
        server.refresh(cluster_id)

    server.clock.advance(86_400)

    assert [(job.started, job.finished) for job in server.em.jobs] == [(0, 10), (0, 20), (10, 40), (20, 60)]


def test_the_seconds_of_computations_repeat_with_the_seed(start: Start) -> None:
    def varied(_cluster_id: int, rng: Random) -> float:
        return rng.uniform(1, 100)

    def seconds(seed: int) -> list[float]:
        server = start(job_seconds=varied, seed=seed)
        for cluster_id in server.em.seed_clusters(3):
            server.refresh(cluster_id)
        return [job.seconds for job in server.em.jobs]

    assert seconds(1) == seconds(1) != seconds(2)


def test_a_share_of_the_computations_fails_by_the_seed(start: Start) -> None:
    server = start(capacity=300, failure_rate=0.25)
    for cluster_id in server.em.seed_clusters(200):
        server.refresh(cluster_id)
    server.clock.advance(10)

    failed = [view.id for view in server.em.clusters() if view.progress == -1]

    assert 25 < len(failed) < 75


def test_an_update_replaces_a_running_computation(server: Any) -> None:
    server.add()
    server.clock.advance(5)

    body = {"projectId": 102, "displayName": "x", "qp": {"events": []}}
    server.post("user-cluster-update", body, clusterId=970)

    assert server.progress(970) == 0
    assert [job.outcome for job in server.em.jobs] == ["cancelled", "running"]


def test_a_deleted_cluster_gives_its_place_to_the_next(start: Start) -> None:
    server = start(capacity=1)
    server.em.seed_clusters(2)
    server.refresh(970)
    server.refresh(971)
    server.clock.advance(5)

    server.post("user-cluster-delete", clusterId=970)
    server.clock.advance(5)

    assert server.progress(971) == 50


def test_a_deleted_cluster_that_waits_leaves_the_queue(start: Start) -> None:
    server = start(capacity=1)
    for cluster_id in server.em.seed_clusters(3):
        server.refresh(cluster_id)

    server.post("user-cluster-delete", clusterId=971)
    server.clock.advance(15)

    assert server.progress(972) == 50
    assert [job.outcome for job in server.em.jobs] == ["done", "cancelled", "running"]


def test_a_waiting_job_has_made_no_progress() -> None:
    queue = JobQueue(capacity=1)
    running, waiting = (queue.submit(id_, 0.0, 10.0, JobPlan()) for id_ in (970, 971))
    assert [running.progress(5.0), waiting.progress(5.0)] == [50, 0]


def test_computations_take_about_a_second_by_default() -> None:
    random = Random(1)
    seconds = [varied_seconds(970, random) for _ in range(1000)]
    assert 0.95 < median(seconds) < 1.05
    assert 2 < max(seconds) < 6

"""A whole batch over HTTP against the emulator, whose records of what it applied are compared with the report."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from attrs import frozen

from ta_cluster_async.batch import (
    Attached,
    Finished,
    Progressed,
    RefreshReport,
    Status,
    Submitted,
    refresh_all,
)
from ta_cluster_async.emulator import (
    Emulator,
    Fault,
    JobPlan,
    Settings,
)
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.models.ticket_errors import RefreshFailed
from ta_cluster_async.session import TaSession

if TYPE_CHECKING:
    from ta_cluster_async.batch import Event

CAPACITY = 4


@frozen
class Story:
    """What happened: when the batch began by the loop's clock, what it was for, and what it told."""

    began: float
    ids: set[int]
    report: RefreshReport
    events: list["Event"]


async def tell(em: Emulator) -> Story:
    clusters, tags = em.seed_clusters(45), em.seed_tags(15)
    for cluster_id in (clusters[3], clusters[20], tags[5]):
        em.plan(cluster_id, JobPlan(seconds=30.0, fails=True))
    em.plan(clusters[7], JobPlan(seconds=0.05))
    # The answer to one request is lost after the effect, another one before it, and a third is cut off.
    em.faults.add(Fault.reset(before=False), path="user-cluster-refresh", nth=5)
    em.faults.add(Fault.html(504, before=False), path="user-cluster-refresh", nth=11)
    em.faults.add(Fault.truncated(), path="user-cluster-list", nth=6)
    em.faults.add(Fault.status(429, retry_after="2"), path="user-cluster-refresh", nth=20)
    events: list[Event] = []
    began = asyncio.get_running_loop().time()
    refs: list[int | str] = [
        *clusters[:30],
        *(em.cluster(ref).name for ref in clusters[30:]),
        *tags,
        "no_such",
    ]
    async with TaSession(em.url, em.token) as ta:
        report = await refresh_all(
            ta.project(em.project_id), refs, max_running=CAPACITY, submit_ahead=2, on_event=events.append
        )
    return Story(began, {*clusters, *tags}, report, events)


def test_a_report_tells_what_the_server_did() -> None:
    async def main() -> None:
        settings = Settings(stale_seconds=3.0, max_page_size=25, latency=0.01)
        async with Emulator(
            capacity=CAPACITY, settings=settings, job_seconds=lambda _, rng: rng.uniform(5, 60)
        ) as em:
            async with asyncio.timeout(36_000):  # one that nobody wakes would wait for ever
                story = await tell(em)
            check(em, story)

    run(main())


def check(em: Emulator, story: Story) -> None:
    began, ids, report, events = story.began, story.ids, story.report, story.events
    failing = {job.cluster_id for job in em.jobs if job.fails}
    assert report.counts == {Status.SUCCEEDED: 57, Status.FAILED: 3, Status.REJECTED: 1}
    assert len(failing) == 3
    assert Counter(job.cluster_id for job in em.jobs) == dict.fromkeys(ids, 1), "one computation each"
    assert Counter(effect.kind for effect in em.effects) == {"refreshed": 60}
    assert em.most_running <= CAPACITY
    assert len(em.requests) - 4 <= report.requests <= len(em.requests), (
        "four faults, and some were retried in their call"
    )
    jobs = {job.cluster_id: job for job in em.jobs}
    ends = {event.outcome.cluster_id: event.at for event in events if isinstance(event, Finished)}
    unknown = 0
    for outcome in report.outcomes:
        if outcome.cluster_id is None:
            assert outcome.ref == "no_such"
            continue
        job, view = jobs[outcome.cluster_id], em.cluster(outcome.cluster_id)
        assert outcome.cluster_name == view.name
        assert outcome.ok is not job.fails
        assert outcome.ticket is not None
        assert outcome.ticket.cluster_id == job.cluster_id
        assert outcome.baseline_refresh_time != outcome.refresh_time == view.refresh_time
        if outcome.ok:
            assert outcome.users_num == view.users_num == len(em.members(view.id)) > 0
        else:
            assert isinstance(outcome.error, RefreshFailed)
        assert outcome.detect_seconds is not None
        unknown += outcome.run_seconds is None  # fewer than two polls have seen it run
        assert abs((outcome.run_seconds or job.seconds) - job.seconds) <= outcome.detect_seconds + 20, (
            "polls of the queue are rare"
        )
        assert job.finished is not None
        assert 0 <= began + ends[job.cluster_id] - job.finished < 25, "not before its end"
    assert unknown <= 20
    assert {event.cluster_id for event in events if isinstance(event, Submitted)} == ids
    assert not [event for event in events if isinstance(event, Attached)]
    assert len([event for event in events if isinstance(event, Progressed)]) > 60
    work = sum(job.seconds for job in em.jobs)
    assert 0.7 * work / CAPACITY <= report.lower_bound.work <= 1.05 * work / CAPACITY
    assert report.lower_bound.seconds < report.makespan < 1.1 * work / CAPACITY + 30

"""Why the order matters: A ← B ← C over purchases, counted by the emulator and by a plain count over the same rows."""

import asyncio
import csv
import random
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from attrs import frozen

from ta_cluster_async import (
    ConditionCluster,
    Project,
    PropertyFilter,
    TaSession,
    UserClusterDef,
    event,
    refresh_all,
)
from ta_cluster_async.emulator import Emulator, JobPlan
from ta_cluster_async.emulator.loop import run

NOW = datetime(2020, 1, 10, 3)  # noqa: DTZ001 - server times have no zone
LATER = timedelta(days=9)


@frozen
class Purchase:
    account: str
    at: datetime
    amount: int


@pytest.fixture(scope="module")
def purchases() -> list[Purchase]:
    """Two months of a shop: most buy once, some often, and few spend much."""
    draw = random.Random(7)
    found = []
    for number in range(600):
        often = min(40, int(draw.paretovariate(1.1)))
        found += [
            Purchase(
                f"u{number}",
                NOW + timedelta(days=12 - draw.uniform(0, 60)),
                max(1, int(draw.lognormvariate(3.2, 0.9))),
            )
            for _ in range(often)
        ]
    return sorted(found, key=lambda one: one.at)


@pytest.fixture
def events(purchases: list[Purchase], tmp_path: Path) -> Path:
    path = tmp_path / "purchases.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["#account_id", "#event_name", "#event_time", "amount"])
        rows.writerows([one.account, "purchase", one.at, one.amount] for one in purchases)
    return path


def within(purchases: list[Purchase], days: int, now: datetime) -> dict[str, int]:
    """What each has spent in the days before today."""
    midnight = now.replace(hour=0)
    spent: dict[str, int] = defaultdict(int)
    for one in purchases:
        if midnight - timedelta(days=days) <= one.at < midnight:
            spent[one.account] += one.amount
    return spent


def recent(purchases: list[Purchase], now: datetime) -> set[str]:
    return set(within(purchases, 7, now))


def big(purchases: list[Purchase], now: datetime) -> set[str]:
    return {account for account, spent in within(purchases, 30, now).items() if spent > 60}


def bought(purchases: list[Purchase], now: datetime) -> set[str]:
    return set(within(purchases, 30, now))


def definitions() -> list[ConditionCluster]:
    """A: bought lately. B: of these, who spent much. C: bought this month and is not in B."""
    in_a = PropertyFilter("a", "belongToCluster", table_type="cluster")
    not_in_b = PropertyFilter("b", "notBelongToCluster", table_type="user_cluster")
    much = event("purchase").sum("amount").greater(60).recent_days(1, 30)
    month = event("purchase").times().greater(0).recent_days(1, 30)
    return [
        ConditionCluster(
            "a", "a", UserClusterDef(events=[event("purchase").times().greater(0).recent_days(1, 7)])
        ),
        ConditionCluster("b", "b", UserClusterDef(events=[much], filters=[in_a])),
        ConditionCluster("c", "c", UserClusterDef(events=[month], filters=[not_in_b])),
    ]


async def nine_days_later(em: Emulator, ta: TaSession) -> Project:
    """The project, in which A, B and C were computed in order, nine days ago."""
    project = ta.project(em.project_id)
    for definition in definitions():
        await project.clusters.create(definition)
        await asyncio.sleep(30)
    await asyncio.sleep(LATER.total_seconds())
    return project


@pytest.mark.parametrize("depends_on", ["definitions", {"b": ["a"], "c": ["b"]}, None])
def test_only_the_right_order_gives_the_right_count(events, purchases, depends_on):
    old, now = NOW, NOW + LATER
    in_b_then = recent(purchases, old) & big(purchases, old)
    in_b = recent(purchases, now) & big(purchases, now)
    right, stale = len(bought(purchases, now) - in_b), len(bought(purchases, now) - in_b_then)
    assert right != stale

    async def night():
        async with (
            Emulator(events=events, now=NOW, job_seconds=10.0) as em,
            TaSession(em.url, em.token) as ta,
        ):
            project = await nine_days_later(em, ta)
            assert set(em.members("b")) == in_b_then
            report = await refresh_all(project, ["c", "b", "a"], depends_on=depends_on)
            assert report.ok
            if depends_on:
                assert set(em.members("b")) == in_b
                assert set(em.members("c")) == bought(purchases, now) - in_b
            return {one.cluster_name: one.users_num for one in report.outcomes}

    counts = run(night())
    assert counts["a"] == len(recent(purchases, now))
    assert counts["c"] == (right if depends_on else stale)


def test_nothing_is_asked_for_that_needs_a_failure(events):
    async def night():
        async with (
            Emulator(events=events, now=NOW, job_seconds=10.0) as em,
            TaSession(em.url, em.token) as ta,
        ):
            project = await nine_days_later(em, ta)
            before = len(em.requests)
            em.plan("a", JobPlan(fails=True))
            report = await refresh_all(project, ["c", "b", "a"], depends_on="definitions")
            posts = [
                one.query["clusterName"]
                for one in em.requests[before:]
                if one.name.startswith("user-cluster-refresh-by")
            ]
            return report, posts

    report, posts = run(night())
    assert posts == ["a"]
    told = {one.cluster_name: (one.status, one.code, one.params.get("needed")) for one in report.outcomes}
    assert told == {
        "a": ("failed", "refresh-reported-failed", None),
        "b": ("skipped", "needs-failed", "a"),
        "c": ("skipped", "needs-skipped", "b"),
    }

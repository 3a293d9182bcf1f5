"""A very large user in virtual time: a million clusters over 200 deployments of different speeds, limits and failure rates.

    python -m benchmarks.large [--clusters 1000000] [--deployments 200] [--quick]

All deployments are refreshed at once by one process, each by a session and a batch of its own. Every deployment has a number of places to compute,
a limit of requests per second, a latency, and clusters whose computation fails. Its makespan is compared with two bounds: the formula, which
is the maximum of its work divided by its places, its longest computation, and its clusters divided by its rate of requests; and the makespan
of an observer without any delay in the same order. Then a tenth of it runs twice more, the second time with one deployment that refuses
every connection for an hour: the others must not be affected, and each of its clusters must get an outcome.

The memory is that of 200 batches at once. Each holds up to 7,500 waiting clusters of half a kilobyte, which is nearly all of the million.
The bar on memory is that of one batch over a million, in `benchmarks.growth`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from typing import TYPE_CHECKING

from attrs import frozen

from benchmarks.batch import without_delay
from benchmarks.process import peak_growth, resident
from benchmarks.scripted import ScriptedServer
from benchmarks.table import Row, show
from ta_cluster_async.batch import Status, refresh_all
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import NotSent
from ta_cluster_async.session import TaSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ta_cluster_async.protocol.requests import Request

HOUR = 3600.0
DOWN_FROM = 600.0
# Run times by cluster, drawn once: a million random generators would distort the measurement.
_SPREAD = 4096


@frozen
class Deployment:
    """The properties of one server.

    Attributes:
        count: How many clusters it has.
        places: How many computations run at once.
        seconds: The median of their run times.
        rate: The most requests a second.
        latency: Seconds until each answer.
        failing: The share of its clusters whose computation fails.
    """

    count: int
    places: int
    seconds: float
    rate: float
    latency: float
    failing: float


@frozen
class DeploymentResult:
    """The result of one deployment."""

    makespan: float
    bound: float
    no_delay: float
    requests: int
    wrong: int
    succeeded: int


def fleet(clusters: int, deployments: int, seed: int = 7) -> list[Deployment]:
    """Make deployments of very different sizes with `clusters` clusters altogether."""
    rng = random.Random(seed)
    shares = [rng.lognormvariate(0, 1) for _ in range(deployments)]
    counts = [max(1, int(clusters * share / sum(shares))) for share in shares]
    counts[0] += clusters - sum(counts)
    return [
        Deployment(
            count=count,
            places=rng.choice([8, 16, 32, 64]),
            seconds=rng.choice([5.0, 15.0, 30.0, 60.0]),
            rate=rng.choice([20.0, 50.0, 100.0]),
            latency=rng.uniform(0.01, 0.2),
            failing=rng.choice([0.0, 0.01, 0.05]),
        )
        for count in counts
    ]


async def refresh_one(place: int, deployment: Deployment, *, is_down: bool) -> DeploymentResult:
    """Refresh all clusters of one deployment."""
    rng = random.Random(place)
    spread = [rng.lognormvariate(0, 0.8) * deployment.seconds for _ in range(_SPREAD)]
    threshold = deployment.failing * _SPREAD
    loop = asyncio.get_running_loop()

    def mixed(cluster_id: int) -> int:
        return cluster_id * 2654435761 % 2**32 >> 20

    def seconds(cluster_id: int) -> float:
        return spread[mixed(cluster_id)]

    def fails(cluster_id: int) -> bool:
        return mixed(cluster_id + 1) < threshold

    def refused(_request: Request, _number: int) -> NotSent | None:
        if DOWN_FROM <= loop.time() < DOWN_FROM + HOUR:
            return NotSent("no connection: refused.", reason="refused")
        return None

    server = ScriptedServer(
        deployment.count,
        seconds,
        latency=deployment.latency,
        page_size=100,
        fails=fails,
        failure=refused if is_down else None,
    )
    ids = range(1, deployment.count + 1)
    async with TaSession("http://127.0.0.1", "benchmark", transport=server, rate_limit=deployment.rate) as ta:
        report = await refresh_all(
            ta.project(1), iter(ids), max_running=deployment.places, keep_successes=False
        )
    assert sum(report.counts.values()) == deployment.count, report.counts
    failed = sum(map(fails, ids))
    succeeded = report.counts.get(Status.SUCCEEDED, 0)
    work = [seconds(cluster_id) for cluster_id in ids]
    by_rate = deployment.count / deployment.rate
    return DeploymentResult(
        makespan=report.makespan,
        bound=max(sum(work) / deployment.places, *work, by_rate),
        no_delay=max(without_delay(work, deployment.places), by_rate),
        requests=server.requests.total(),
        wrong=abs(deployment.count - failed - succeeded),
        succeeded=succeeded,
    )


async def refresh_fleet(deployments: list[Deployment], down: int | None) -> list[DeploymentResult]:
    """Refresh all deployments at once."""
    return list(
        await asyncio.gather(
            *(
                refresh_one(place, deployment, is_down=place == down)
                for place, deployment in enumerate(deployments)
            )
        )
    )


def simulate(clusters: int, deployments: int) -> Iterator[Row]:
    """Measure both runs."""
    all_of_them = fleet(clusters, deployments)
    before = resident()
    began = time.process_time()
    results = run(refresh_fleet(all_of_them, None))
    cpu = time.process_time() - began
    memory = peak_growth(before)
    tenth = fleet(clusters // 10, deployments)
    healthy = run(refresh_fleet(tenth, None))
    down = max(range(deployments), key=lambda place: healthy[place].makespan)
    impaired = run(refresh_fleet(tenth, down))
    what = f"{clusters:,} clusters on {deployments}"
    over = [one.makespan / one.bound for one in results]
    delayed = [one.makespan / one.no_delay for one in results]
    slower = [
        impaired[place].makespan / healthy[place].makespan for place in range(deployments) if place != down
    ]
    wrong = sum(one.wrong for one in results)
    missed = tenth[down].count - impaired[down].succeeded
    yield Row(f"{what}: makespan / no delay, median", statistics.median(delayed), None, 1.05, unit="x")
    yield Row(f"{what}: makespan / no delay, worst", max(delayed), None, None, unit="x")
    yield Row(f"{what}: makespan / formula bound, median", statistics.median(over), None, None, unit="x")
    yield Row(f"{what}: makespan / formula bound, worst", max(over), None, None, unit="x")
    yield Row(f"{what}: requests per cluster", sum(one.requests for one in results) / clusters, None, 8.0)
    yield Row(f"{what}: wrong outcomes", float(wrong), None, 0.0)
    yield Row(f"{what}: CPU per cluster, server included", cpu / clusters * 1e6, None, None, unit="us")
    yield Row(f"{what}: growth of memory", memory / 1e6, None, None, unit="MB")
    yield Row("one down for an hour: makespan of the others, worst", max(slower), None, 1.05, unit="x")
    yield Row("one down for an hour: its clusters without success", float(missed), None, None)


def rows(*, quick: bool = False) -> list[Row]:
    """Measure a million clusters; a fortieth if quick."""
    return list(simulate(25_000, 50) if quick else simulate(1_000_000, 200))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusters", type=int, default=1_000_000)
    parser.add_argument("--deployments", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="25,000 clusters on 50 deployments")
    given = parser.parse_args()
    show(rows(quick=True) if given.quick else simulate(given.clusters, given.deployments))

"""The cost per cluster from 100 to 1,000,000 clusters, in virtual time: CPU and memory, each count in a process of its own.

    python -m benchmarks.growth [--quick]

The work is `batch.refresh_many`: a batch over an async iterator, at most 500 in flight. The cost is flat if a cluster among a million costs
as much as one among ten thousand. Small counts, in which the start of a batch weighs more, are measured by many batches in a row.
"""

from __future__ import annotations

import argparse
import statistics
from typing import TYPE_CHECKING

from attrs import frozen

from benchmarks.batch import refresh_many
from benchmarks.process import run_in_new_process
from benchmarks.rounds import alternate
from benchmarks.table import Row, show
from ta_cluster_async.emulator.loop import run

if TYPE_CHECKING:
    from collections.abc import Iterable

COUNTS = (100, 1_000, 10_000, 100_000, 1_000_000)
_AT_LEAST = 2_000
_ONCE = 1_000_000


@frozen
class Cost:
    """The cost of a batch.

    Attributes:
        count: How many clusters.
        micros: Microseconds of CPU per cluster.
        memory: Bytes by which the process grew.
        requests: Requests per cluster.
    """

    count: int
    micros: float
    memory: float
    requests: float


def measure(count: int) -> Cost:
    """Measure one count, in a process of its own."""
    run(refresh_many(100))  # imports and caches are not measured
    found = [run(refresh_many(count)) for _ in range(max(1, _AT_LEAST // count))]
    return Cost(
        count,
        statistics.median(cpu for cpu, _, _ in found) * 1e6,
        max(memory for _, memory, _ in found),
        found[-1][2].requests / count,
    )


def costs(counts: Iterable[int], rounds: int) -> list[Cost]:
    """Return the median round of each count. From a million on there is only one round, which takes a quarter of an hour."""
    found: dict[str, list[Cost]] = {str(count): [] for count in counts}
    for name in alternate(found, rounds):
        if int(name) < _ONCE or not found[name]:
            found[name].append(run_in_new_process(measure, int(name)))
    return [sorted(several, key=lambda cost: cost.micros)[len(several) // 2] for several in found.values()]


def as_rows(found: list[Cost]) -> list[Row]:
    """Make the rows, with the bar on the largest count against 10,000."""
    rows = []
    for cost in found:
        rows.append(Row(f"{cost.count:,} clusters: CPU per cluster", cost.micros, None, None, unit="us"))
        rows.append(
            Row(f"{cost.count:,} clusters: growth of memory", cost.memory / 1e6, None, 200.0, unit="MB")
        )
    base = next(cost for cost in found if cost.count == 10_000)
    last = found[-1]
    rows.append(
        Row(
            f"CPU per cluster, {last.count:,} against {base.count:,}",
            last.micros,
            base.micros,
            1.2,
            "us",
            ratio=last.micros / base.micros,
        )
    )
    return rows


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all counts; up to 100,000 if quick."""
    return as_rows(costs(COUNTS[:-1] if quick else COUNTS, 1 if quick else 3))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no million")
    show(rows(quick=parser.parse_args().quick))

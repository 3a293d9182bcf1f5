"""Alternating rounds of several sides, and their ratios."""

from __future__ import annotations

import random
import statistics
from typing import TYPE_CHECKING

from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


def alternate(sides: Iterable[str], rounds: int, seed: int = 1) -> Iterator[str]:
    """Yield each side once per round, in a new order each time, so that a slow phase of the machine affects all sides."""
    rng = random.Random(seed)
    order = list(sides)
    for _ in range(rounds):
        rng.shuffle(order)
        yield from order


def ratios(ours: Sequence[float], peer: Sequence[float]) -> tuple[float, float]:
    """Return the median of the rounds' ratios, and the width of their middle half as a share of it."""
    found = sorted(mine / theirs for mine, theirs in zip(ours, peer, strict=True))
    middle = statistics.median(found)
    if len(found) < 4:
        return middle, (found[-1] - found[0]) / middle
    low, _, high = statistics.quantiles(found, n=4)
    return middle, (high - low) / middle


def compare(
    what: str,
    figures: Mapping[str, Sequence[float]],
    peer: str,
    bar: float | None,
    unit: str,
    *,
    ours: str = "ours",
    least: bool = False,
) -> Row:
    """Make a row of the medians of two sides, with the bar on their ratio."""
    ratio, spread = ratios(figures[ours], figures[peer])
    return Row(
        what,
        statistics.median(figures[ours]),
        statistics.median(figures[peer]),
        bar,
        unit,
        ratio=ratio,
        spread=spread,
        least=least,
    )

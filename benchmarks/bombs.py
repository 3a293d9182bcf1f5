"""Answers that are meant to harm: for how long the event loop is blocked, and how much memory they take.

python -m benchmarks.bombs [--quick]

The gap is the CPU time of the loop's thread between two turns of the loop, so that other processes do not count. Memory is what tracemalloc
counts at most, in limits of the endpoint; a connection's own buffers are taken away from it.
"""

from __future__ import annotations

import argparse
import tracemalloc
from typing import TYPE_CHECKING

from benchmarks.table import Row, show
from tests.security.answering import CONNECTION, MEMBERS, REAL, SURFACES, call
from tests.security.bombs import BOMBS, ROWS

if TYPE_CHECKING:
    from tests.security.answering import Surface
    from tests.security.bombs import Bomb

GAP = 0.2
MEMORY = 4.0


def measure(name: str, surface: Surface, bombs: dict[str, Bomb]) -> list[Row]:
    """Return the worst gap and the worst memory of all of them at this call."""
    gaps: dict[str, float] = {}
    peaks: dict[str, float] = {}
    limit = REAL.size(surface.kind)
    for title, bomb in bombs.items():
        pieces = bomb(limit)
        gaps[title] = call(surface, lambda _: pieces, REAL).gap  # noqa: B023
        tracemalloc.start()
        try:
            call(surface, lambda _: pieces, REAL)  # noqa: B023
            peaks[title] = max(tracemalloc.get_traced_memory()[1] - CONNECTION, 0) / limit
        finally:
            tracemalloc.stop()
    slowest, largest = max(gaps, key=gaps.__getitem__), max(peaks, key=peaks.__getitem__)
    return [
        Row(f"{name}, {len(gaps)} bombs: loop gap ({slowest})", gaps[slowest], None, GAP, unit="s"),
        Row(f"{name}: memory / limit ({largest})", peaks[largest], None, MEMORY, unit="x"),
    ]


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all of them, or every sixth."""

    def some(bombs: dict[str, Bomb]) -> dict[str, Bomb]:
        return dict(list(bombs.items())[:: 6 if quick else 1])

    # The first call loads what it needs.
    call(SURFACES["progress"], BOMBS["blanks"], REAL)
    found = [row for name, surface in SURFACES.items() for row in measure(name, surface, some(BOMBS))]
    return found + measure("members", MEMBERS, some(ROWS))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every sixth bomb")
    show(rows(quick=parser.parse_args().quick))

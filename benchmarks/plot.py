"""The plot of the cost of a cluster over the number of clusters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.table import Row

_WHAT = re.compile(r"([\d,]+) clusters: (CPU per cluster|growth of memory)")


def draw(rows: Sequence[Row], path: str) -> None:
    """Draw the rows of `growth` into a file, whose suffix decides the format.

    Raises:
        SystemExit: There are no such rows.
    """
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if match := _WHAT.fullmatch(row.what):
            found.setdefault(match[2], []).append((int(match[1].replace(",", "")), row.ours))
    if not found:
        message = "There is nothing to plot: the plot shows the benchmark `growth`."
        raise SystemExit(message)
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    titles = {
        "CPU per cluster": ("microseconds of CPU per cluster", "CPU"),
        "growth of memory": ("megabytes above the start", "memory"),
    }
    for panel, (name, points) in zip(panels, found.items(), strict=True):
        label, title = titles[name]
        panel.plot(*zip(*points, strict=True), marker="o")
        panel.set(xscale="log", ylim=(0, None), xlabel="clusters in one batch", ylabel=label, title=title)
        panel.grid(alpha=0.3)
    figure.savefig(path)

"""The figures of the report page, as values."""

from __future__ import annotations

from itertools import pairwise
from math import exp, log
from statistics import median
from typing import TYPE_CHECKING, TypeAlias

from ..i18n.translate import tr
from .plot import WIDE, Figure, Key, Mark, Plot, Table, moment_text
from .timeline import ends_by_bin, occupancy
from .words import duration, tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...batch import RefreshReport
    from .timeline import Timeline

# So many means over time are drawn, so many can be pointed at, and so many are rows of the table.
_BINS, _STRIPS, _ROWS = 300, 100, 20
_POINTS = 600
_PERIODS = 60
_NICE = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_TICKS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 36000, 108000)
_SHORTEST = 0.01
# Room above what is highest.
_ROOM = 1.05

Phase: TypeAlias = tuple[str, str, list[tuple[float, float]]]
"""The name of a phase, the name of its color, and when each refresh was in it."""


def figure_of_in_flight(timeline: Timeline, report: RefreshReport) -> Figure:
    """Return how many refreshes were queued, running, and ended but not yet seen, over time."""
    seconds = timeline.seconds or 1.0
    width = seconds / _BINS
    shown = [
        (name, tone, heights)
        for name, tone, phases in _phases(timeline)
        if any(heights := [round(value, 3) for value in occupancy(phases, width, _BINS)])
    ]
    stacked: list[list[float]] = []
    for _, _, heights in shown:
        below = stacked[-1] if stacked else [0.0] * _BINS
        stacked.append([low + height for low, height in zip(below, heights, strict=True)])
    highest = max(max(stacked[-1], default=0.0) if stacked else 0.0, report.max_running)
    # Its time axis lies above that of the bars.
    plot = Plot(height=240, x=(0.0, seconds), most=highest * _ROOM, left=WIDE)
    edges = [width * index for index in range(_BINS + 1)]
    # The highest first: each hides what is below its own part.
    areas = [
        Mark(path=plot.steps(edges, tops), tone=tone, style="area")
        for (_, tone, _), tops in reversed([*zip(shown, stacked, strict=True)])
    ]
    limit = Mark(
        path=plot.line((0.0, report.max_running), (seconds, report.max_running)), tone="bound", style="dashed"
    )

    def means(count: int) -> list[tuple[str, list[str]]]:
        """Return the time and the mean of each phase in each of so many periods."""
        size = _BINS // count
        return [
            (
                moment_text(timeline.began, edges[first], seconds / count),
                [f"{sum(heights[first : first + size]) / size:.1f}" for _, _, heights in shown],
            )
            for first in range(0, _BINS, size)
        ]

    strips = tuple(
        plot.strip(
            seconds * index / _STRIPS,
            seconds * (index + 1) / _STRIPS,
            "\n".join(
                [time, *(f"{name}: {value}" for (name, _, _), value in zip(shown, values, strict=True))]
            ),
        )
        for index, (time, values) in enumerate(means(_STRIPS))
    )
    return Figure(
        name="in-flight",
        label=tr("in flight"),
        width=plot.width,
        height=plot.height,
        left=plot.left,
        right=plot.right,
        bottom=plot.bottom,
        x_ticks=plot.time_ticks(timeline.began, seconds),
        y_ticks=plot.count_ticks(),
        x_title=tr("time (UTC)"),
        y_title=tr("in flight"),
        marks=(*areas, limit),
        strips=strips,
        keys=(
            *(Key(tone=tone, style="area", text=name) for name, tone, _ in shown),
            Key(tone="bound", style="dashed", text=tr("at most {count} at a time", count=report.max_running)),
        ),
        table=Table(
            head=(tr("time (UTC)"), *(name for name, _, _ in shown)),
            rows=tuple((time, *values) for time, values in means(_ROWS)),
        ),
    )


def figure_of_durations(ran: Sequence[float], expected: Sequence[float]) -> Figure:
    """Return the distributions of the run times and of the earlier run times of the same clusters."""
    edges = _edges(ran, expected)
    series = [
        (name.format(count=f"{len(seconds):,}"), tone, seconds, _histogram(seconds, edges))
        for name, tone, seconds in (
            (tr("this run ({count})"), "running", ran),
            (tr("earlier runs ({count})"), "earlier", expected),
        )
        if seconds
    ]
    plot = Plot(
        width=640,
        height=300,
        x=(edges[0], edges[-1]),
        most=max(max(heights) for *_, heights in series) * _ROOM,
        is_log=True,
    )
    marks: list[Mark] = []
    for _, tone, seconds, heights in series:
        path = plot.steps(edges, heights)
        if tone == "running":
            marks.append(Mark(path=path, tone="running-faint", style="area"))
        marks.append(Mark(path=path, tone=tone, style="line"))
        middle = min(max(median(seconds), edges[0]), edges[-1])
        marks.append(
            Mark(path=plot.line((middle, 0.0), (middle, max(heights) * _ROOM)), tone=tone, style="dotted")
        )
    rows = [
        (f"{duration(low)} – {duration(high)}", *(f"{heights[index]:,}" for *_, heights in series))
        for index, (low, high) in enumerate(pairwise(edges))
    ]
    return Figure(
        name="durations",
        label=tr("Run times"),
        width=plot.width,
        height=plot.height,
        right=plot.right,
        bottom=plot.bottom,
        x_ticks=tuple(plot.tick(seconds, tick(seconds)) for seconds in _log_ticks(edges[0], edges[-1])),
        y_ticks=plot.count_ticks(),
        x_title=tr("run time"),
        y_title=tr("clusters"),
        marks=tuple(marks),
        strips=tuple(
            plot.strip(
                low,
                high,
                "\n".join(
                    [row[0], *(f"{name}: {value}" for (name, *_), value in zip(series, row[1:], strict=True))]
                ),
            )
            for (low, high), row in zip(pairwise(edges), rows, strict=True)
        ),
        keys=tuple(Key(tone=tone, style="line", text=name) for name, tone, *_ in series),
        table=Table(head=(tr("run time"), *(name for name, *_ in series)), rows=tuple(rows)),
    )


def figures_of_throughput(timeline: Timeline, bound: float) -> tuple[Figure, Figure]:
    """Return how many refreshes were seen to have ended: in all, and in each of about sixty periods."""
    ended = [span for span in timeline.spans if span.outcome.ok or not span.open]
    times = sorted(span.seen for span in ended)
    width = next(
        (width for width in _NICE if timeline.seconds / width <= _PERIODS), timeline.seconds / _PERIODS
    )
    bins = int(timeline.seconds / width) + 1
    well, badly = (
        ends_by_bin((span.seen for span in ended if span.outcome.ok is ok), width, bins)
        for ok in (True, False)
    )
    both = [one + other for one, other in zip(well, badly, strict=True)]
    in_all = [sum(both[: index + 1]) for index in range(bins)]
    longest = (max(timeline.seconds, bound) or 1.0) * 1.01
    pace = len(ended) * width / bound if bound > 0 else 0.0
    total = Plot(height=220, x=(0.0, longest), most=len(ended) * _ROOM)
    each = Plot(height=200, x=(0.0, longest), most=max(*both, pace) * _ROOM)
    edges = [min(width * index, longest) for index in range(bins + 1)]
    names = (tr("succeeded"), tr("not succeeded"), tr("ended in all"))
    rows = [
        (
            moment_text(timeline.began, width * index, width),
            f"{well[index]:,}",
            f"{badly[index]:,}",
            f"{in_all[index]:,}",
        )
        for index in range(bins)
    ]
    texts = [
        "\n".join([row[0], *(f"{name}: {value}" for name, value in zip(names, row[1:], strict=True))])
        for row in rows
    ]
    step = max(1, len(times) // _POINTS)
    counts = [*range(step, len(times), step), len(times)] if times else []
    rises = total.steps(
        [0.0, *(times[count - 1] for count in counts), longest], [0, *counts], is_closed=False
    )
    marks_total = [Mark(path=rises, tone="running", style="line")]
    # The higher first: the other hides what is below its own part.
    marks_each = [
        Mark(path=each.steps(edges, heights), tone=tone, style="area")
        for tone, heights, shown in (("bad", both, badly), ("running", well, well))
        if any(shown)
    ]
    keys_total = [Key(tone="running", style="line", text=names[2])]
    keys_each = [
        Key(tone=tone, style="area", text=name)
        for tone, name, heights in (("running", names[0], well), ("bad", names[1], badly))
        if any(heights)
    ]
    if bound > 0 and ended:
        at_bound = Key(tone="bound", style="dashed", text=tr("at the lower bound"))
        keys_total.append(at_bound)
        keys_each.append(at_bound)
        marks_total.append(
            Mark(path=total.line((0.0, 0.0), (bound, len(ended))), tone="bound", style="dashed")
        )
        marks_each.append(Mark(path=each.line((0.0, pace), (bound, pace)), tone="bound", style="dashed"))
    per = tr("ended per {time}", time=tick(width))
    table = Table(head=(tr("time (UTC)"), *names), rows=tuple(rows))

    def drawn(name: str, label: str, plot: Plot, marks: list[Mark], keys: list[Key]) -> Figure:
        return Figure(
            name=name,
            label=label,
            width=plot.width,
            height=plot.height,
            right=plot.right,
            bottom=plot.bottom,
            x_ticks=plot.time_ticks(timeline.began, longest),
            y_ticks=plot.count_ticks(),
            x_title=tr("time (UTC)"),
            y_title=label,
            marks=tuple(marks),
            strips=tuple(
                plot.strip(low, high, text) for (low, high), text in zip(pairwise(edges), texts, strict=True)
            ),
            keys=tuple(keys),
            table=table,
        )

    return (
        drawn("throughput", names[2], total, marks_total, keys_total),
        drawn("throughput-each", per, each, marks_each, keys_each),
    )


def _phases(timeline: Timeline) -> list[Phase]:
    """Return each phase and when each refresh was in it, from the bottom up: what waits lies on top."""
    well = [span for span in timeline.spans if span.outcome.ok]
    badly = [span for span in timeline.spans if not span.outcome.ok]
    return [
        (tr("computing"), "running", [(span.running, span.ended) for span in well]),
        (tr("ran and failed"), "bad", [(span.running, span.ended) for span in badly if not span.open]),
        (tr("end not seen"), "lost", [(span.running, span.ended) for span in badly if span.open]),
        (tr("ended, not yet seen"), "unseen", [(span.ended, span.seen) for span in timeline.spans]),
        (tr("queued"), "queued", [(span.submitted, span.running) for span in timeline.spans]),
    ]


def _log_ticks(low: float, high: float) -> list[float]:
    """Return round times between two, at least three of them."""
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    if len(ticks) < 3:
        # With two significant digits, and none outside.
        exact = [low * (high / low) ** (step / 4) for step in range(5)]
        ticks = [min(max(float(f"{seconds:.2g}"), low), high) for seconds in exact]
    return ticks


def _edges(*series: Sequence[float]) -> list[float]:
    """Return the edges of bins that are equally wide on a logarithmic axis and contain all values."""
    values = [max(value, _SHORTEST) for values in series for value in values]
    low, high = min(values), max(values)
    if high < low * 1.2:
        low, high = low / 1.1, high * 1.1
    count = max(10, round(2 * max(map(len, series)) ** (1 / 3)))
    ratio = log(high / low) / count
    return [*(low * exp(ratio * index) for index in range(count)), high]


def _histogram(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    count = len(edges) - 1
    low, size = log(edges[0]), log(edges[-1] / edges[0]) / count
    # Rounding may put a value at either end into a bin that does not exist.
    places = (int((log(max(value, _SHORTEST)) - low) / size) for value in values)
    bins = [0] * count
    for place in places:
        bins[max(0, min(count - 1, place))] += 1
    return bins

"""The figures of the report page, made with Plotly. Needs the extra `report`."""

from __future__ import annotations

from itertools import pairwise
from math import exp, log
from statistics import median
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..i18n.translate import tr
from .timeline import ends_by_bin, occupancy
from .words import duration, tick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...batch import RefreshReport
    from .timeline import Timeline

# Each is distinct from the others and from the page, in light and dark mode. The page's script sets all other colours.
QUEUED = "#93a1b0"
RUNNING = "#3f87d0"
UNSEEN = "#e3a32d"
BAD = "#d9493f"
LOST = "#e59a94"
EARLIER = "#a274c9"
BOUND = "#1fa384"

_BINS = 300
_POINTS = 600
_NICE = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_TICKS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 10800, 36000, 108000)
_SHORTEST = 0.01

_TIME: Mapping[str, Any] = {
    "type": "date",
    "hoverformat": "%H:%M:%S",
    # The same in all languages; the second line stands only where it changes.
    "tickformatstops": [
        {"dtickrange": [None, 999], "value": "%H:%M:%S.%L\n%Y-%m-%d"},
        {"dtickrange": [1_000, 59_999], "value": "%H:%M:%S\n%Y-%m-%d"},
        {"dtickrange": [60_000, 86_399_999], "value": "%H:%M\n%Y-%m-%d"},
        {"dtickrange": [86_400_000, None], "value": "%m-%d\n%Y"},
    ],
}


def figure_of_in_flight(timeline: Timeline, report: RefreshReport) -> go.Figure:
    """Return how many refreshes were queued, running, and ended but not yet seen, over time."""
    width = (timeline.seconds or 1.0) / _BINS
    times = [_moment(timeline, width * index) for index in range(_BINS + 1)]
    figure = go.Figure()
    for name, color, phases in _phases(timeline):
        heights = [round(value, 3) for value in occupancy(phases, width, _BINS)]
        if any(heights):
            figure.add_scatter(
                x=times,
                y=[*heights, 0],
                name=name,
                stackgroup="in flight",
                line={"shape": "hv", "width": 0},
                fillcolor=color,
                hovertemplate="%{y:.1f}",
            )
    limit = tr("at most {count} at a time", count=report.max_running)
    figure.add_scatter(
        x=[times[0], times[-1]],
        y=[report.max_running] * 2,
        name=limit,
        mode="lines",
        line={"color": BOUND, "width": 1.5, "dash": "dash"},
        hoverinfo="skip",
    )
    figure.update_layout(_layout(height=230), hovermode="x unified")
    figure.update_xaxes(**_TIME, range=[times[0], times[-1]], title_text=tr("time (UTC)"))
    figure.update_yaxes(title_text=tr("in flight"), **_counting(report.max_running))
    return figure


def figure_of_bars(timeline: Timeline) -> go.Figure:
    """Return a figure for one bar per cluster. The page's script fills in the bars of the period that is shown."""
    figure = go.Figure()
    for color in (QUEUED, RUNNING, BAD, LOST, UNSEEN):
        figure.add_bar(
            x=[],
            y=[],
            base=[],
            orientation="h",
            width=0.75,
            marker={"line": {"width": 0}, "color": color},
            hovertemplate="%{customdata}<extra></extra>",
        )
    figure.update_layout(_layout(height=200), barmode="overlay", showlegend=False)
    shown = [_moment(timeline, 0), _moment(timeline, timeline.seconds or 1.0)]
    figure.update_xaxes(**_TIME, side="top", range=shown)
    figure.update_yaxes(fixedrange=True, showgrid=False, ticks="")
    return figure


def figure_of_durations(ran: Sequence[float], expected: Sequence[float]) -> go.Figure:
    """Return the distributions of the run times and of the earlier run times of the same clusters."""
    figure = go.Figure()
    edges = _edges(ran, expected)
    most = 0
    for filled, seconds in ((True, ran), (False, expected)):
        if not seconds:
            continue
        heights = _histogram(seconds, edges)
        most = max(most, *heights)
        texts = [f"{duration(low)} – {duration(high)}" for low, high in pairwise(edges)]
        count = f"{len(seconds):,}"
        figure.add_scatter(
            x=[edges[0], *edges],
            y=[0, *heights, 0],
            customdata=["", *texts, ""],
            name=tr("this run ({count})", count=count)
            if filled
            else tr("earlier runs ({count})", count=count),
            mode="lines",
            line={"shape": "hv", "width": 1.5 if filled else 2.5, "color": RUNNING if filled else EARLIER},
            fill="tozeroy" if filled else "none",
            fillcolor=_faint(RUNNING),
            hovertemplate="%{customdata}: %{y}",
        )
        figure.add_vline(
            x=median(seconds), line={"color": RUNNING if filled else EARLIER, "width": 1.5, "dash": "dot"}
        )
    low, high = edges[0], edges[-1]
    ticks = [tick for tick in _TICKS if low * 0.9 <= tick <= high * 1.1]
    if len(ticks) < 3:
        ticks = [_round(low * (high / low) ** (step / 4)) for step in range(5)]
    figure.update_layout(_layout(height=320))
    figure.update_xaxes(
        type="log",
        tickvals=ticks,
        ticktext=[tick(seconds) for seconds in ticks],
        title_text=tr("run time"),
    )
    figure.update_yaxes(title_text=tr("clusters"), **_counting(most))
    return figure


def figure_of_throughput(timeline: Timeline, bound: float) -> go.Figure:
    """Return how many refreshes were seen to have ended: in all, and in each of about sixty periods."""
    ended = [span for span in timeline.spans if span.outcome.ok or not span.open]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.07, row_heights=[0.55, 0.45])
    times = sorted(span.seen for span in ended)
    step = max(1, len(times) // _POINTS)
    counts = [*range(step, len(times), step), len(times)]
    figure.add_scatter(
        x=[_moment(timeline, 0), *(_moment(timeline, times[count - 1]) for count in counts)],
        y=[0, *counts],
        name=tr("ended in all"),
        mode="lines",
        line={"color": RUNNING, "width": 2, "shape": "hv"},
        row=1,
        col=1,
    )
    width = next((width for width in _NICE if timeline.seconds / width <= 60), timeline.seconds / 60)
    bins = int(timeline.seconds / width) + 1
    for name, color, ok in ((tr("succeeded"), RUNNING, True), (tr("not succeeded"), BAD, False)):
        heights = ends_by_bin((span.seen for span in ended if span.outcome.ok is ok), width, bins)
        if any(heights):
            figure.add_bar(
                x=[_moment(timeline, width * (index + 0.5)) for index in range(bins)],
                y=heights,
                width=1000 * width,
                name=name,
                marker={"color": color, "line": {"width": 0}},
                row=2,
                col=1,
            )
    if bound > 0 and ended:
        pace = len(ended) * width / bound
        for row, rises, shown in ((1, [0.0, len(ended)], True), (2, [pace, pace], False)):
            figure.add_scatter(
                x=[_moment(timeline, 0), _moment(timeline, bound)],
                y=rises,
                name=tr("at the lower bound"),
                mode="lines",
                showlegend=shown,
                line={"color": BOUND, "width": 2, "dash": "dash"},
                hovertemplate="%{y:.4~g}",
                row=row,
                col=1,
            )
    figure.update_layout(_layout(height=400), barmode="stack", bargap=0, hovermode="x unified")
    longest = max(timeline.seconds, bound) or 1.0
    figure.update_xaxes(**_TIME, range=[_moment(timeline, 0), _moment(timeline, longest * 1.01)])
    figure.update_xaxes(title_text=tr("time (UTC)"), row=2, col=1)
    figure.update_yaxes(title_text=tr("ended in all"), **_counting(len(ended)), row=1, col=1)
    per = tr("ended per {time}", time=tick(width))
    most = max(ends_by_bin(times, width, bins))
    figure.update_yaxes(title_text=per, **_counting(most), row=2, col=1)
    return figure


def _layout(*, height: int) -> Mapping[str, Any]:
    return {
        "template": "none",
        "height": height,
        "margin": {"l": 64, "r": 16, "t": 34, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "x": 0, "y": 1.01, "xanchor": "left", "yanchor": "bottom"},
        "dragmode": "zoom",
    }


def _counting(most: int) -> Mapping[str, Any]:
    """Return an axis of whole numbers up to `most`."""
    return {"rangemode": "tozero", "fixedrange": True, "dtick": 1 if most <= 5 else None}


def _phases(timeline: Timeline) -> list[tuple[str, str, list[tuple[float, float]]]]:
    """Return the name and color of each phase and when each refresh was in it, from the bottom up: what waits lies on top."""
    well = [span for span in timeline.spans if span.outcome.ok]
    badly = [span for span in timeline.spans if not span.outcome.ok]
    return [
        (tr("computing"), RUNNING, [(span.running, span.ended) for span in well]),
        (tr("ran and failed"), BAD, [(span.running, span.ended) for span in badly if not span.open]),
        (tr("end not seen"), LOST, [(span.running, span.ended) for span in badly if span.open]),
        (tr("ended, not yet seen"), UNSEEN, [(span.ended, span.seen) for span in timeline.spans]),
        (tr("queued"), QUEUED, [(span.submitted, span.running) for span in timeline.spans]),
    ]


def _moment(timeline: Timeline, seconds: float) -> int:
    """Return a time for Plotly's date axes: milliseconds since 1970."""
    return round(1000 * (timeline.began.timestamp() + seconds))


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


def _round(seconds: float) -> float:
    """Round to two significant digits."""
    return float(f"{seconds:.2g}")


def _faint(color: str) -> str:
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.35)"

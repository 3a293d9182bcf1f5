"""One bar for each refresh of the report page, as values, and the times of all refreshes as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from ..i18n.translate import tr
from ..output.progress import status_name
from .plot import TOP, WIDE, Key, Plot, Tick, moment_text, number
from .text import fitting, name_of
from .words import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .timeline import Span, Timeline

MOST_BARS = 100
"""So many bars are drawn: those of the refreshes that took longest."""

_ROW, _THICK = 14, 11
_NAME_CELLS = 30
# What took a moment is seen as well.
_THINNEST = 1.0


@frozen(kw_only=True)
class Part:
    """A part of a bar: its path, and the name of its color."""

    path: str
    tone: str


@frozen(kw_only=True)
class Bar:
    """The bar of a refresh.

    Attributes:
        y: Where its name stands.
        name: Its name, cut to what fits.
        text: What is read where a pointer is: name, status and times.
        parts: What is drawn.
        top: Its upper edge.
    """

    y: float
    name: str
    text: str
    parts: tuple[Part, ...]
    top: float


@frozen(kw_only=True)
class Bars:
    """The drawing of the bars.

    Attributes:
        width: Its width in its own units.
        height: Its height.
        left: Where the bars may begin.
        right: Where they end at the latest.
        ticks: The marks of the time axis.
        row: The height of a row.
        bars: The bars, by the time of submission.
        keys: The legend.
        note: How many of all are drawn.
    """

    width: float
    height: float
    left: float
    right: float
    ticks: tuple[Tick, ...]
    row: float
    bars: tuple[Bar, ...]
    keys: tuple[Key, ...]
    note: str


@frozen(kw_only=True)
class Times:
    """The times of a refresh as text.

    Attributes:
        id: Its cluster's id, or nothing.
        name: Its cluster's name.
        status: How it ended.
        submitted: When it was submitted or attached to.
        phases: How long it was queued, computed, and had ended unseen; empty where that is not known.
        whole: Instead of the phases: how long it took at most, and why no more is known.
    """

    id: str
    name: str
    status: str
    submitted: str
    phases: tuple[str, ...]
    whole: str


def bars_of(timeline: Timeline) -> Bars:
    """Return the bars of the refreshes that took longest, in the order in which they were submitted."""
    spans = _longest(timeline.spans)
    seconds = timeline.seconds or 1.0
    # The axis is above the bars: a long list is read from there.
    top = TOP + 34
    height = top + _ROW * len(spans) + 8
    plot = Plot(height=height, x=(0.0, seconds), most=1.0, left=WIDE)
    bars = [_bar(span, plot, top + _ROW * row) for row, span in enumerate(spans)]
    tones = {part.tone for bar in bars for part in bar.parts}
    names = {
        "queued": tr("queued"),
        "running": tr("computing"),
        "bad": tr("ran and failed"),
        "lost": tr("end not seen"),
        "unseen": tr("ended, not yet seen"),
    }
    count = len(timeline.spans)
    note = tr("Clusters, by the time of submission: {all}.", all=f"{count:,}")
    if len(spans) < count:
        note = tr(
            "Drawn are the {shown} that took longest, of {all}; the table below has all of them.",
            shown=f"{len(spans):,}",
            all=f"{count:,}",
        )
    return Bars(
        width=plot.width,
        height=height,
        left=plot.left,
        right=plot.right,
        ticks=plot.time_ticks(timeline.began, seconds),
        row=_ROW,
        bars=tuple(bars),
        keys=tuple(Key(tone=tone, style="area", text=text) for tone, text in names.items() if tone in tones),
        note=note,
    )


def times_of(timeline: Timeline) -> list[Times]:
    """Return the times of all refreshes that were submitted or attached to, by that time."""
    return [
        Times(
            id="" if span.outcome.cluster_id is None else str(span.outcome.cluster_id),
            name=name_of(span.outcome),
            status=status_name(span.outcome.status),
            submitted=moment_text(timeline.began, span.submitted, 1.0),
            phases=() if span.open else tuple(duration(seconds) for _, seconds in _phases(span)),
            whole=_whole(span) if span.open else "",
        )
        for span in timeline.spans
    ]


def _longest(spans: Sequence[Span]) -> list[Span]:
    places = sorted(range(len(spans)), key=lambda place: spans[place].submitted - spans[place].seen)
    return [spans[place] for place in sorted(places[:MOST_BARS])]


def _bar(span: Span, plot: Plot, top: float) -> Bar:
    running = "running" if span.outcome.ok else "lost" if span.open else "bad"
    ends = (
        ("queued", span.submitted, span.running),
        (running, span.running, span.ended),
        ("unseen", span.ended, span.seen),
    )
    parts = []
    for tone, begin, end in ends:
        if end > begin:
            low = min(plot.x(begin), plot.right - _THINNEST)
            high = max(plot.x(end), low + _THINNEST)
            path = f"M{number(low)} {number(top)}H{number(high)}v{_THICK}H{number(low)}Z"
            parts.append(Part(path=path, tone=tone))
    return Bar(
        y=top + _THICK - 2,
        name=fitting(name_of(span.outcome), _NAME_CELLS),
        text=_text(span),
        parts=tuple(parts),
        top=top,
    )


def _text(span: Span) -> str:
    outcome = span.outcome
    known = "" if outcome.cluster_id is None else f" ({outcome.cluster_id})"
    lines = [f"{fitting(name_of(outcome), 80)}{known}", status_name(outcome.status)]
    lines += [_whole(span)] if span.open else [f"{name}: {duration(took)}" for name, took in _phases(span)]
    return "\n".join(lines)


def _phases(span: Span) -> tuple[tuple[str, float], ...]:
    return (
        (tr("queued"), span.running - span.submitted),
        (tr("computing"), span.ended - span.running),
        (tr("ended, not yet seen"), span.seen - span.ended),
    )


def _whole(span: Span) -> str:
    why = tr("attached while it ran") if span.outcome.ok else tr("end not seen")
    return f"{why}: ≤ {duration(span.seen - span.submitted)}"

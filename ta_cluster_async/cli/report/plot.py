"""Drawings on two axes as values: the template of the page writes them as SVG, and as a table for those who read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import ceil, floor, log, log10
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

from .words import clock_text

if TYPE_CHECKING:
    from collections.abc import Sequence

LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 10.0, 50.0
"""The margins around what is drawn, in units of the drawing."""
WIDE = 210.0
"""The margin that has room for the names of clusters."""

_MOST_TIMES = 8
_MOST_COUNTS = 5
_DAY = 86_400
_STEPS = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, _DAY,
)  # fmt: skip

Style: TypeAlias = Literal["area", "line", "dashed", "dotted"]


@frozen(kw_only=True)
class Tick:
    """A mark on an axis, with up to two lines of text."""

    at: float
    text: str
    below: str = ""


@frozen(kw_only=True)
class Mark:
    """A line or an area: its path, and the name of its color."""

    path: str
    tone: str
    style: Style


@frozen(kw_only=True)
class Strip:
    """A part of the drawing from top to bottom, and what is to be read there."""

    x: float
    width: float
    text: str


@frozen(kw_only=True)
class Key:
    """A line of the legend."""

    tone: str
    style: Style
    text: str


@frozen(kw_only=True)
class Table:
    """What a drawing shows, as text."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@frozen(kw_only=True)
class Figure:
    """A drawing, its legend and its table.

    Attributes:
        name: Its id in the page.
        label: What it shows, in a few words.
        width: Its width in its own units.
        height: Its height.
        left: Where the vertical axis lies.
        right: Where the horizontal axis ends.
        top: Where the vertical axis ends.
        bottom: Where the horizontal axis lies.
        x_ticks: The marks of the horizontal axis.
        y_ticks: The marks of the vertical axis.
        x_title: What the horizontal axis shows.
        y_title: What the vertical axis shows.
        marks: What is drawn, the first below the others.
        strips: What is read where a pointer is.
        keys: The legend.
        table: The same as text.
    """

    name: str
    label: str
    width: float
    height: float
    left: float = LEFT
    right: float
    top: float = TOP
    bottom: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_title: str
    y_title: str
    marks: tuple[Mark, ...]
    strips: tuple[Strip, ...]
    keys: tuple[Key, ...]
    table: Table


class Plot:
    """The scales of a drawing: from values to places, with the zero of the vertical axis at the bottom."""

    def __init__(
        self,
        *,
        height: float,
        x: tuple[float, float],
        most: float,
        width: float = 1000.0,
        left: float = LEFT,
        is_log: bool = False,
    ) -> None:
        self.width: float = width
        self.height: float = height
        self.left: float = left
        self.right: float = width - RIGHT
        self.bottom: float = height - BOTTOM
        self._is_log = is_log
        self._low, self._high = map(log, x) if is_log else x
        self._most = most or 1.0

    def x(self, value: float) -> float:
        """Return where a value of the horizontal axis is."""
        share = ((log(value) if self._is_log else value) - self._low) / (self._high - self._low)
        return self.left + share * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return where a value of the vertical axis is."""
        return self.bottom - value / self._most * (self.bottom - TOP)

    def steps(self, edges: Sequence[float], heights: Sequence[float], *, is_closed: bool = True) -> str:
        """Return a path that is as high as each value from its edge to the next; one that is closed ends at zero."""
        parts = [f"M{number(self.x(edges[0]))} {number(self.bottom)}"]
        before = 0.0
        for edge, height in zip(edges[:-1], heights, strict=True):
            # What does not rise or fall needs no point.
            if height != before:
                parts.append(f"H{number(self.x(edge))}V{number(self.y(height))}")
            before = height
        parts.append(f"H{number(self.x(edges[-1]))}")
        if is_closed:
            parts.append(f"V{number(self.bottom)}Z")
        return "".join(parts)

    def line(self, *points: tuple[float, float]) -> str:
        """Return a path from point to point."""
        return "M" + "L".join(f"{number(self.x(x))} {number(self.y(y))}" for x, y in points)

    def strip(self, low: float, high: float, text: str) -> Strip:
        """Return the part of the drawing between two values."""
        return Strip(x=round(self.x(low), 1), width=round(self.x(high) - self.x(low), 1), text=text)

    def tick(self, value: float, text: str) -> Tick:
        """Return a mark of the horizontal axis."""
        return Tick(at=round(self.x(value), 1), text=text)

    def count_ticks(self) -> tuple[Tick, ...]:
        """Return the marks of a vertical axis that counts."""
        step = _count_step(self._most)
        counts = range(0, floor(self._most) + 1, step)
        return tuple(Tick(at=round(self.y(count), 1), text=f"{count:,}") for count in counts)

    def time_ticks(self, began: datetime, seconds: float) -> tuple[Tick, ...]:
        """Return the marks of a horizontal axis of times of the day; a second line has the date where it changes."""
        step = next((step for step in _STEPS if seconds / step <= _MOST_TIMES), 0.0)
        step = step or _DAY * ceil(seconds / _DAY / _MOST_TIMES)
        zero = began.timestamp()
        first, last = ceil(zero / step), floor((zero + seconds) / step)
        ticks: list[Tick] = []
        date = ""
        for number_of_step in range(first, last + 1):
            moment = moment_at(began, number_of_step * step - zero)
            today = f"{moment:%Y}" if step >= _DAY else f"{moment:%Y-%m-%d}"
            ticks.append(
                Tick(
                    at=round(self.x(number_of_step * step - zero), 1),
                    text=clock_text(moment, step),
                    below="" if today == date else today,
                )
            )
            date = today
        return tuple(ticks)


def moment_at(began: datetime, seconds: float) -> datetime:
    """Return a time of the horizontal axis in UTC, or the last that there is."""
    began = began.astimezone(UTC)
    room = (datetime.max.replace(tzinfo=UTC) - began).total_seconds() - _DAY
    # Floats are a little off, which would show where a time is cut off at the second.
    return began + timedelta(seconds=min(seconds, room), microseconds=500)


def moment_text(began: datetime, seconds: float, step: float) -> str:
    """Return a time of the horizontal axis as exact as `step`, with the date if it is another than at the beginning."""
    moment = moment_at(began, seconds)
    text = clock_text(moment, min(step, 1.0))
    return text if moment.date() == began.astimezone(UTC).date() else f"{moment:%Y-%m-%d} {text}"


def number(value: float) -> str:
    """Return a place with one digit after the point, if it needs one."""
    return f"{value:.1f}".removesuffix(".0")


def _count_step(most: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20 ... that makes few marks."""
    size: int = 10 ** max(0, floor(log10(max(most, 1.0) / _MOST_COUNTS)))
    return next(size * digit for digit in (1, 2, 5, 10) if most / (size * digit) <= _MOST_COUNTS)

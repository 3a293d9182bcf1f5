"""The table of figures that the benchmarks print."""

from __future__ import annotations

from math import isnan, nan
from typing import TYPE_CHECKING

import attrs
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable


@frozen
class Row:
    """One figure.

    Attributes:
        what: What was measured.
        ours: The figure of this library.
        peer: The figure of the peer in the same run; None if there is none.
        bar: The maximum (with `least` the minimum) of the ratio if there is one, otherwise of `ours`; None for no bar.
        unit: The unit of the figures.
        least: Whether the bar is a minimum.
        ratio: The median of ours / peer over the rounds, if the bar is on it.
        spread: The width of the middle half of the rounds' ratios, as a share of their median; None for one round.
        skipped: Why it was not measured.
    """

    what: str
    ours: float
    peer: float | None
    bar: float | None
    unit: str = ""
    least: bool = attrs.field(default=False, kw_only=True)
    ratio: float | None = attrs.field(default=None, kw_only=True)
    spread: float | None = attrs.field(default=None, kw_only=True)
    skipped: str = attrs.field(default="", kw_only=True)

    @property
    def held(self) -> bool | None:
        """Whether the bar held; None without a bar or a figure."""
        figure = self.ours if self.ratio is None else self.ratio
        if self.bar is None or isnan(figure):
            return None
        return figure >= self.bar if self.least else figure <= self.bar


def skip(what: str, reason: str) -> Row:
    """Make the row of a figure that could not be measured."""
    return Row(what, nan, None, None, skipped=reason)


def show(rows: Iterable[Row]) -> None:
    """Print the rows as a table."""
    print(f"{'what':62} {'ours':>10} {'peer':>10} {'ratio':>14} {'bar':>9}  held")
    for row in rows:
        if row.skipped:
            print(f"{row.what:62} skipped: {row.skipped}")
            continue
        bar = "" if row.bar is None else f"{'>=' if row.least else '<='} {row.bar:g}"
        peer = "" if row.peer is None else f"{row.peer:.3f}"
        spread = "" if row.spread is None else f" ±{row.spread / 2:.0%}"
        ratio = "" if row.ratio is None else f"{row.ratio:.3f}{spread}"
        held = {True: "yes", False: "NO", None: ""}[row.held]
        print(f"{row.what:62} {row.ours:10.3f} {peer:>10} {ratio:>14} {bar:>9}  {held:4} {row.unit}".rstrip())


def as_json(rows: Iterable[Row]) -> list[dict[str, object]]:
    """Return the rows as JSON objects; missing figures are null."""
    return [
        {
            **{name: _plain(value) for name, value in attrs.asdict(row).items()},
            "held": row.held,
        }
        for row in rows
    ]


def _plain(value: object) -> object:
    return None if isinstance(value, float) and isnan(value) else value

"""How the benchmarks say what they measured."""

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
        peer: That of the peer in the same run; None where there is none.
        bar: The most that is allowed (the least, with `least`), of the ratio where there is one and of ours otherwise; None for no bar.
        unit: What the figures are counted in.
        least: The bar is a lower one.
        ratio: The median of ours / peer over the rounds, where the bar is on it.
        spread: How far the middle half of the rounds' ratios reaches, as a share of their median; None where there was one round.
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
        """Whether the bar held; None without one, or when it was not measured."""
        figure = self.ours if self.ratio is None else self.ratio
        if self.bar is None or isnan(figure):
            return None
        return figure >= self.bar if self.least else figure <= self.bar


def skip(what: str, reason: str) -> Row:
    """The row of a figure that could not be measured here."""
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
    """The rows as JSON objects; what was not measured is null."""
    return [
        {
            **{name: _plain(value) for name, value in attrs.asdict(row).items()},
            "held": row.held,
        }
        for row in rows
    ]


def _plain(value: object) -> object:
    return None if isinstance(value, float) and isnan(value) else value

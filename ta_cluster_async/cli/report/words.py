"""Times as the report page writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..i18n.translate import tr

if TYPE_CHECKING:
    from datetime import datetime

_DAY = 86_400


def duration(seconds: float) -> str:
    """Return seconds as `0.4 s`, `12 s`, `3 min 20 s` or `2 h 05 min`."""
    if seconds < 10:
        return tr("{0} s").format(f"{seconds:.1f}".removesuffix(".0"))
    whole = round(seconds)
    if whole < 60:
        return tr("{0} s").format(whole)
    minutes, second = divmod(whole, 60)
    if minutes < 60:
        return tr("{0} min {1} s").format(minutes, f"{second:02}")
    hours, minute = divmod(round(seconds / 60), 60)
    return tr("{0} h {1} min").format(hours, f"{minute:02}")


def tick(seconds: float) -> str:
    """Return a round time on an axis, such as `30 s`, `10 min` or `2 h`."""
    if seconds >= 3600 and seconds % 3600 == 0:
        return tr("{0} h").format(f"{seconds / 3600:g}")
    if seconds >= 60 and seconds % 60 == 0:
        return tr("{0} min").format(f"{seconds / 60:g}")
    return tr("{0} s").format(f"{seconds:g}")


def clock_text(moment: datetime, step: float) -> str:
    """Return a time of the day as exact as times that are `step` seconds apart need it; whole days as dates."""
    if step >= _DAY:
        return f"{moment:%m-%d}"
    if step >= 60:
        return f"{moment:%H:%M}"
    return f"{moment:%H:%M:%S}" if step >= 1 else f"{moment:%H:%M:%S.%f}"[:-4]

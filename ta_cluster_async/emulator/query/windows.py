"""The time window of an event condition: `recentDay`, or `startTime` and `endTime`."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

import attrs

from .values import as_time

if TYPE_CHECKING:
    from datetime import date

    from .node import Node

_RECENT_DAY = re.compile(r"([0-9]{1,6})-([0-9]{1,6})")


@attrs.frozen
class Window:
    """Instants from `first` to `last`, both included, in microseconds; None leaves a side open."""

    first: datetime | None
    last: datetime | None


def window_of(event: Node, today: date) -> Window:
    """Return the window of an event; days are those of the server's clock (spec: 添加条件分群或标签).

    `recentDay` takes precedence. "0-N" is the N days that end today, today included, so "0-1" is today and
    "0-7" is seven days. "1-N" is the N days that end yesterday, and "a-b" runs from b days ago to a days ago, both
    included. An `endTime` at the start of a day includes that day, and any other `endTime` its own second; so
    "1-7" on 2020-01-10 is the same as 2020-01-03 00:00:00 to 2020-01-09 00:00:00. With neither, every event counts.

    Raises EvaluationError naming `recentDay`, `startTime` or `endTime`.
    """
    if event.has("recentDay"):
        try:
            first_day, last_day = recent_days(event.text("recentDay"), today)
        except ValueError as error:
            raise event.error("recentDay", str(error)) from None
        return Window(datetime.combine(first_day, time.min), datetime.combine(last_day, time.max))
    first = as_time(event.fields["startTime"], event.key("startTime")) if event.has("startTime") else None
    if not event.has("endTime"):
        return Window(first, None)
    end = as_time(event.fields["endTime"], event.key("endTime"))
    return Window(first, end_of_day(end) if end.time() == time.min else end.replace(microsecond=999_999))


def end_of_day(instant: datetime) -> datetime:
    """Return the last microsecond of the day of `instant`."""
    return datetime.combine(instant, time.max)


def recent_days(text: str, today: date) -> tuple[date, date]:
    """Return the first and the last day of a `recentDay`.

    Raises:
        ValueError: It is not a `recentDay`; the text says why.
    """
    parts = _RECENT_DAY.fullmatch(text)
    if parts is None:
        raise ValueError(f"必须是两个天数，例如 '1-7'，不能是 {text[:40]!r}")
    nearest, furthest = int(parts[1]), int(parts[2])
    if furthest < max(nearest, 1):
        raise ValueError(f"{text!r} 不包含任何一天")
    # "0-N" counts N days including today; every other form counts days back from today.
    days_back = furthest - 1 if nearest == 0 else furthest
    try:
        return today - timedelta(days=days_back), today - timedelta(days=nearest)
    except OverflowError:
        raise ValueError(f"{text!r} 早于公元 1 年") from None

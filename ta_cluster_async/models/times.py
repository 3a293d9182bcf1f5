"""Server times and relative days as the API writes them."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

from ..errors import InvalidRequest
from ..messages import Message
from .scalars import plain_scalar

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_time(text: str) -> datetime | None:
    """Read exactly `YYYY-MM-DD HH:MM:SS`; None for any other text.

    The separators are looked at first because `fromisoformat` also takes weeks, offsets and other shapes of the same length.
    """
    if len(text) != 19 or text[4:17:3] != "-- ::":
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def read_time(text: str) -> datetime | None:
    """Read a time of an answer: as `parse_time`, also with a fraction of only zeros, as Java writes its timestamps."""
    seconds, _, fraction = text.partition(".")
    return parse_time(text if fraction.strip("0") or text.endswith(".") else seconds)


def parse_times(texts: Sequence[str]) -> list[datetime] | None:
    """Read many texts as `parse_time` does, in a third of the time. Returns None when one of them is not a time."""
    if set(map(len, texts)) != {19}:
        return None
    # All have one length, so every 19th character of them together is the same separator.
    together = "".join(texts)
    marks = ((4, "-"), (7, "-"), (10, " "), (13, ":"), (16, ":"))
    if any(together[at::19] != mark * len(texts) for at, mark in marks):
        return None
    try:
        return list(map(datetime.fromisoformat, texts))
    except ValueError:
        return None


def time_text(time: datetime) -> str:
    """Write a server time as `YYYY-MM-DD HH:MM:SS`."""
    return time.isoformat(" ", "seconds")


def server_time(value: date | str | None) -> datetime | str | None:
    """Return a naive time of whole seconds for a datetime, a date and text in the server's format; other text stays as it is.

    A date is its first second. Raises InvalidRequest for other types, and for a datetime with a zone: the server's times have none, and
    which zone it means is its own setting.
    """
    plain = plain_scalar(value)
    # By the exact types, since NaT of pandas is a datetime by its class.
    kind = type(plain)
    if kind is datetime:
        time = cast("datetime", plain)
        if time.tzinfo is not None:
            raise InvalidRequest(Message("time-with-zone"))
        return time.replace(microsecond=0)
    if kind is date:
        day = cast("date", plain)
        return datetime(day.year, day.month, day.day)  # noqa: DTZ001  (the server's times have no zone)
    if isinstance(plain, str):
        read = parse_time(plain)
        # What would be written differently, such as an hour of 24, must stay text to go back unchanged.
        return read if read is not None and time_text(read) == plain else plain
    if plain is None:
        return None
    raise InvalidRequest(Message("time-of-other-type", kind=type(value).__name__))


_RECENT_DAY = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")


def is_recent_day(text: str) -> bool:
    """Return whether text means days of `recentDay`: two numbers in order, as `recent_days` writes them."""
    days = _RECENT_DAY.fullmatch(text)
    return days is not None and int(days[1]) <= int(days[2]) and int(days[2]) >= 1


def recent_days(first: int, last: int) -> str:
    """Return the text of `recentDay`: whole days, counted back from today by the server when it computes.

    `recent_days(0, 7)` is `"0-7"`, the last seven days with today: with today as the first day, `last` is the number of days.
    `recent_days(1, 7)` is `"1-7"`, the seven days that end yesterday. Both are seven days; `"0-7"` is not eight.
    From 1 on, `first` and `last` are how many days ago the period ends and begins, both days included.

    Raises InvalidRequest unless 0 <= first <= last and last >= 1.
    """
    if type(first) is not int or type(last) is not int or not 0 <= first <= last or last < 1:
        raise InvalidRequest(Message("recent-days-out-of-order"))
    return f"{first}-{last}"

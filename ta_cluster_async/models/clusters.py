"""Who belongs to a cluster: conditions on events and on properties (spec: 添加条件分群或标签, UserClusterDef)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from attrs import evolve, field, frozen

from ..errors import InvalidRequest
from ..messages import Message
from .base import Definition, parts
from .enums import (
    Analysis,
    Comparator,
    Relation,
    TableType,
)
from .json import JsonValue
from .scalars import AsRead
from .texts import number_or_none, recent_day_or_none, value_text
from .times import recent_days, server_time

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from .texts import Value


def _values(values: Iterable[Value] | None) -> tuple[JsonValue, ...] | None:
    if isinstance(values, str | bytes):
        raise InvalidRequest(Message("filter-values-not-a-list"))
    return values if values is None or isinstance(values, AsRead) else tuple(map(value_text, values))


@frozen(repr=False)
class PropertyFilter(Definition):
    """A condition on one property. `user("user_level").equal("3")` writes the same more shortly.

    Attributes:
        column_name: The property, such as `user_level` or `#os`.
        comparator: How it is compared.
        values: What it is compared with, made the strings that the API takes; several with `equal` mean any of them. Empty for
            comparators that need none. What a server answered stays as it came.
        table_type: Whether it is a property of the user or of the event.
    """

    wire_names: ClassVar[Mapping[str, str]] = {
        "column_name": "columnName",
        "comparator": "comparator",
        "values": "ftv",
        "table_type": "tableType",
    }

    column_name: str | None
    comparator: Comparator | str | None
    values: tuple[JsonValue, ...] | None = field(default=(), converter=_values)
    table_type: TableType | str | None = TableType.USER


def to_filters(filters: Iterable[PropertyFilter] | None) -> tuple[PropertyFilter, ...] | None:
    """Return the filters as a tuple; None stays None. Raises InvalidRequest for anything else among them."""
    return parts(PropertyFilter, filters)


@frozen(repr=False)
class EventQuota(Definition):
    """What is measured of a user's events.

    Attributes:
        analysis: The measure; `TIMES` counts the events.
        quota: The property that is measured, for measures that need one.
        analysis_params: The measure's own setting, such as the percentile, 1 to 100.
    """

    wire_names: ClassVar[Mapping[str, str]] = {
        "analysis": "analysis",
        "quota": "quota",
        "analysis_params": "analysisParams",
    }

    analysis: Analysis | str | None = Analysis.TIMES
    quota: str | None = None
    analysis_params: str | int | float | None = field(default=None, converter=number_or_none)


TIMES = EventQuota()
"""How often the user did the event: what a new condition measures when nothing else is said."""


@frozen(repr=False)
class InPeriod(Definition):
    """What is about events of certain days, with the fields `recent_day`, `start_time` and `end_time`."""

    def recent_days(self, first: int, last: int) -> Self:
        """Return a copy for days counted back from today, in place of a fixed period.

        `recent_days(0, 7)` is the last seven days with today, `recent_days(1, 7)` the seven days that end yesterday: with 0 as the
        first, `last` is the number of days; from 1 on, both are days ago and both days are included.
        Raises InvalidRequest unless 0 <= first <= last and last >= 1.
        """
        rest = _without(self.extra, "start_time", "end_time")
        changed: Self = evolve(
            cast("Any", self), recent_day=recent_days(first, last), start_time=None, end_time=None, extra=rest
        )
        return changed

    def between_times(self, start: date | str, end: date | str) -> Self:
        """Return a copy for a fixed period in the server's local time, in place of relative days.

        Both days are included; the server writes each as the start of its day (2020-01-03 00:00:00 to 2020-01-09 00:00:00 are seven).
        A date is the start of its day. Raises InvalidRequest for a datetime with a zone and for a period that ends before it begins.
        """
        rest = _without(self.extra, "recent_day")
        changed = evolve(cast("Any", self), start_time=start, end_time=end, recent_day=None, extra=rest)
        first, last = changed.start_time, changed.end_time
        if isinstance(first, datetime) and isinstance(last, datetime) and last < first:
            raise InvalidRequest(Message("start-after-end"))
        period: Self = changed
        return period


@frozen(repr=False)
class EventCondition(InPeriod):
    """A condition on what the user did. `event("consume_item").times().greater(4).recent_days(1, 7)` writes it shortly.

    Attributes:
        event_name: The event.
        comparator: How the measure is compared with `num`.
        num: The number to compare with, made the string that the API takes. What a server answered stays as it came.
        recent_day: Relative days, such as `"1-7"`; see `recent_days()`. It takes precedence over `start_time` and `end_time`.
        start_time: The first day of a fixed period, in the server's local time; text of another format stays text.
        end_time: The start of the last day of a fixed period.
        quota: What is measured.
        filters: Conditions on the event's properties, joined by `relation`.
        relation: How `filters` are joined.
        comparator_key: The key under which the comparator was read; older definitions have `uceCalcuSymbol`.
    """

    wire_names: ClassVar[Mapping[str, str]] = {
        "event_name": "eventName",
        "comparator": "comparator",
        "num": "num",
        "recent_day": "recentDay",
        "start_time": "startTime",
        "end_time": "endTime",
        "quota": "taPropQuota",
        "filters": "filts",
        "relation": "relation",
    }

    event_name: str | None
    comparator: Comparator | str | None
    num: str | int | float | None = field(default=None, converter=number_or_none)
    recent_day: str | None = field(default=None, converter=recent_day_or_none)
    start_time: datetime | str | None = field(default=None, converter=server_time)
    end_time: datetime | str | None = field(default=None, converter=server_time)
    quota: EventQuota | None = TIMES
    filters: tuple[PropertyFilter, ...] | None = field(default=None, converter=to_filters)
    relation: Relation | str | None = None
    comparator_key: str = field(default="comparator", kw_only=True, repr=False, eq=False)

    def where(self, *filters: PropertyFilter, relation: Relation | str | None = None) -> EventCondition:
        """Return a copy that counts only events that these conditions on their properties let pass, beside those it has.

        `relation` joins all of them, the earlier ones too: `and`, unless said otherwise. Without any filter and relation it is the same.
        Raises InvalidRequest when several earlier ones are joined in another way and `relation` is left out.
        """
        if not filters and relation is None:
            return self
        before = self.filters or ()
        if relation is None and len(before) > 1 and self.relation not in (None, Relation.AND):
            raise InvalidRequest(Message("event-relation-set", relation=str(self.relation)))
        return evolve(self, filters=(*before, *filters), relation=relation or Relation.AND)


def _without(extra: Mapping[str, JsonValue], *names: str) -> dict[str, JsonValue]:
    """Return what is kept without these fields' keys: a value of an unknown type would go back, and a recentDay takes precedence."""
    keys = {EventCondition.wire_names[name] for name in names}
    return {key: value for key, value in extra.items() if key not in keys}


def _events(events: Iterable[EventCondition] | None) -> tuple[EventCondition, ...] | None:
    return parts(EventCondition, events)


@frozen(repr=False)
class UserClusterDef(Definition):
    """The conditions that make a user belong (`qp` in requests, `userClusterDef` in answers).

    Attributes:
        events: Conditions on what the user did, joined by `event_relation`.
        filters: Conditions on the user's properties, joined by `relation`.
        event_user_relation: How the two groups are joined.
    """

    wire_names: ClassVar[Mapping[str, str]] = {
        "events": "events",
        "event_relation": "event_relation",
        "filters": "filts",
        "relation": "relation",
        "event_user_relation": "event_user_relation",
    }

    events: tuple[EventCondition, ...] | None = field(default=(), converter=_events)
    filters: tuple[PropertyFilter, ...] | None = field(default=(), converter=to_filters)
    event_relation: Relation | str | None = Relation.AND
    relation: Relation | str | None = Relation.AND
    event_user_relation: Relation | str | None = Relation.AND

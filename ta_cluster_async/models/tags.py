"""How a tag's value is found: ordered conditions, a first or last event, or an aggregate (spec: 添加条件标签, tagQp)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen

from ..errors import InvalidRequest
from ..messages import Message
from .base import Definition, parts
from .clusters import InPeriod, PropertyFilter, UserClusterDef, to_filters
from .enums import (
    Analysis,
    Relation,
    TableType,
    TagKind,
)
from .texts import number_or_none, recent_day_or_none, text_of
from .times import server_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .texts import Value


def _tag_value(value: Value | None) -> str | None:
    text = text_of(value)
    if text is None and value is not None:
        raise InvalidRequest(Message("tag-value-of-other-type", kind=type(value).__name__))
    return text


@frozen(repr=False)
class TagValue(Definition):
    """One value of a condition tag and who gets it.

    Attributes:
        tag_value: The value; numbers, dates and times are made text.
        definition: Which users match.
        tag_remark: A note; the API's samples send an empty one.
    """

    wire_names: ClassVar[Mapping[str, str]] = {
        "tag_remark": "tagRemark",
        "tag_value": "tagValue",
        "definition": "userClusterDef",
    }

    tag_value: str | None = field(converter=_tag_value)
    definition: UserClusterDef | None
    tag_remark: str | None = ""


@frozen(repr=False)
class PropertyRef(Definition):
    """A property by its name and the table it is in."""

    wire_names: ClassVar[Mapping[str, str]] = {"column_name": "columnName", "table_type": "tableType"}

    column_name: str | None
    table_type: TableType | str | None = TableType.EVENT


@frozen(repr=False)
class CalcProperty(Definition):
    """The property that a first or last event gives to the tag (`calcPropVo`).

    Attributes:
        property: The property.
        is_calc: False in the API's samples; what a server wants with true is not documented.
    """

    wire_names: ClassVar[Mapping[str, str]] = {"is_calc": "isCalc", "property": "property"}

    property: PropertyRef | None
    is_calc: bool | None = False


def _calc_property(value: CalcProperty | str | None) -> CalcProperty | None:
    return CalcProperty(PropertyRef(value)) if isinstance(value, str) else value


@frozen(repr=False)
class FirstLastEvent(InPeriod):
    """A tag's value is a property of the user's first or last occurrence of an event.

    Attributes:
        event_name: The event.
        property: The property whose value becomes the tag's; a str is the name of an event property.
        is_first_event: True for the first occurrence, False for the last.
        recent_day: Relative days, such as `"0-1"`; see `recent_days()`.
        filters: Conditions on the event's properties, joined by `relation`.
        relation: How `filters` are joined.
        start_time: The first day of a fixed period, in the server's local time; see `between_times()`.
        end_time: The start of the last day of a fixed period.
    """

    wire_names: ClassVar[Mapping[str, str]] = {
        "property": "calcPropVo",
        "event_name": "eventName",
        "is_first_event": "isFirstEvent",
        "recent_day": "recentDay",
        "start_time": "startTime",
        "end_time": "endTime",
        "filters": "filts",
        "relation": "relation",
    }

    event_name: str | None
    property: CalcProperty | None = field(converter=_calc_property)
    is_first_event: bool | None = True
    recent_day: str | None = field(default=None, converter=recent_day_or_none)
    filters: tuple[PropertyFilter, ...] | None = field(default=(), converter=to_filters)
    relation: Relation | str | None = Relation.AND
    start_time: datetime | str | None = field(default=None, converter=server_time)
    end_time: datetime | str | None = field(default=None, converter=server_time)


@frozen(repr=False)
class QuotaEvent(InPeriod):
    """A tag's value is an aggregate over the user's events.

    Attributes:
        event_name: The event.
        analysis: The aggregate.
        quota: The property that is aggregated, for aggregates that need one.
        recent_day: Relative days, such as `"0-1"`; see `recent_days()`.
        filters: Conditions on the event's properties, joined by `relation`.
        relation: How `filters` are joined.
        type: `normal` in the API's samples.
        analysis_params: The aggregate's own setting, such as the percentile, 1 to 100.
        start_time: The first day of a fixed period, in the server's local time; see `between_times()`.
        end_time: The start of the last day of a fixed period.
    """

    wire_names: ClassVar[Mapping[str, str]] = {
        "type": "type",
        "quota": "quota",
        "analysis": "analysis",
        "analysis_params": "analysisParams",
        "event_name": "eventName",
        "recent_day": "recentDay",
        "start_time": "startTime",
        "end_time": "endTime",
        "filters": "filts",
        "relation": "relation",
    }

    event_name: str | None
    analysis: Analysis | str | None
    quota: str | None = None
    recent_day: str | None = field(default=None, converter=recent_day_or_none)
    filters: tuple[PropertyFilter, ...] | None = field(default=(), converter=to_filters)
    relation: Relation | str | None = Relation.AND
    type: str | None = "normal"
    analysis_params: str | int | float | None = field(default=None, converter=number_or_none)
    start_time: datetime | str | None = field(default=None, converter=server_time)
    end_time: datetime | str | None = field(default=None, converter=server_time)


@frozen(repr=False)
class FirstLastDef(Definition):
    """The object around a `FirstLastEvent` (`userTagConFirstLastEventDef`)."""

    wire_names: ClassVar[Mapping[str, str]] = {"event": "userTagConFirstLastEvent"}

    event: FirstLastEvent | None


@frozen(repr=False)
class QuotaDef(Definition):
    """The object around a `QuotaEvent` (`userTagConQuotaDef`)."""

    wire_names: ClassVar[Mapping[str, str]] = {"event": "userTagConQuotaEvent"}

    event: QuotaEvent | None


def _values(values: Iterable[TagValue] | None) -> tuple[TagValue, ...] | None:
    return parts(TagValue, values)


@frozen(repr=False)
class UserTagDef(Definition):
    """How a tag's value is found (`tagQp` in requests, `userTagDef` in answers). One of the three fields is set, as a rule.

    Attributes:
        values: Ordered values with a condition each; the first that matches wins.
        first_last: A property of the first or last occurrence of an event.
        quota: An aggregate over the user's events.
    """

    wire_names: ClassVar[Mapping[str, str]] = {
        "values": "userTagValueDefs",
        "first_last": "userTagConFirstLastEventDef",
        "quota": "userTagConQuotaDef",
    }

    values: tuple[TagValue, ...] | None = field(default=None, converter=_values)
    first_last: FirstLastDef | None = None
    quota: QuotaDef | None = None

    @property
    def kind(self) -> TagKind | None:
        """The kind of tag that this defines; None when none of the three is set, or more than one."""
        kinds = {
            TagKind.VALUES: self.values,
            TagKind.FIRST_LAST_EVENT: self.first_last,
            TagKind.QUOTA: self.quota,
        }
        found = [kind for kind, part in kinds.items() if part is not None]
        return found[0] if len(found) == 1 else None

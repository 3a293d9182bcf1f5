"""A short, readable way to write conditions.

`event("consume_item").times().greater(4).recent_days(1, 7)` is an `EventCondition`, and `user("user_level").equal("3")` is a
`PropertyFilter`; `UserClusterDef(events=[...], filters=[...])`, `all_of(...)` or `any_of(...)` puts them together. Numbers become the
strings that the API's samples send.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from ..errors import InvalidRequest
from ..messages import Message
from .clusters import (
    EventCondition,
    EventQuota,
    PropertyFilter,
    UserClusterDef,
)
from .enums import (
    COMPARE_NUMBERS,
    NEED_VALUES,
    Analysis,
    Comparator,
    Relation,
    TableType,
    likely_meant,
)
from .scalars import plain_scalar
from .texts import is_number, number_or_none, value_text

if TYPE_CHECKING:
    from .texts import Number, Value


def _hint(comparator: str) -> None:
    if (meant := likely_meant(comparator)) is not None:
        message = Message("comparator-misspelled", comparator=comparator, meant=meant.value)
        warnings.warn(str(message), UserWarning, stacklevel=3)


class EventBuilder:
    """An event whose measure is still to be chosen. Made by `event(name)`.

    Which measures beside `times()` a server takes in a cluster's definition depends on its version.
    """

    def __init__(self, event_name: str) -> None:
        self.event_name = event_name

    def times(self) -> MeasureBuilder:
        """Measure how often the user did it. A user who never did it has 0."""
        return self.measure(Analysis.TIMES)

    def sum(self, property_name: str) -> MeasureBuilder:
        """Measure the sum of a property."""
        return self.measure(Analysis.SUM, property_name)

    def avg(self, property_name: str) -> MeasureBuilder:
        """Measure the mean of a property."""
        return self.measure(Analysis.AVG, property_name)

    def max(self, property_name: str) -> MeasureBuilder:
        """Measure the largest value of a property."""
        return self.measure(Analysis.MAX, property_name)

    def min(self, property_name: str) -> MeasureBuilder:
        """Measure the smallest value of a property."""
        return self.measure(Analysis.MIN, property_name)

    def median(self, property_name: str) -> MeasureBuilder:
        """Measure the median of a property."""
        return self.measure(Analysis.MEDIAN, property_name)

    def percentile(self, property_name: str, percent: float) -> MeasureBuilder:
        """Measure a percentile of a property. Raises InvalidRequest unless 1 <= percent <= 100."""
        if not 1 <= percent <= 100:
            raise InvalidRequest(Message("percent-out-of-range"))
        return self.measure(Analysis.PERCENTILE, property_name, percent)

    def distinct(self, property_name: str) -> MeasureBuilder:
        """Measure how many different values a property has."""
        return self.measure(Analysis.DISTINCT, property_name)

    def measure(
        self, analysis: Analysis | str, property_name: str | None = None, params: Number | None = None
    ) -> MeasureBuilder:
        """Measure anything else: see `Analysis`, or give the server's own word."""
        return MeasureBuilder(self.event_name, EventQuota(analysis, property_name, params))


class MeasureBuilder:
    """A measure of an event, before it is compared with a number.

    There is no `between` here: how two bounds stand in `num` is not documented. Two conditions, one `greater` and one `less`, say it.
    """

    def __init__(self, event_name: str, quota: EventQuota) -> None:
        self.event_name = event_name
        self.quota = quota

    def greater(self, number: Number) -> EventCondition:
        """More than `number`. For "at least 5 times" compare with 4."""
        return self.compare(Comparator.GREATER, number)

    def less(self, number: Number) -> EventCondition:
        """Less than `number`."""
        return self.compare(Comparator.LESS, number)

    def equal(self, number: Number) -> EventCondition:
        """Exactly `number`."""
        return self.compare(Comparator.EQUAL, number)

    def not_equal(self, number: Number) -> EventCondition:
        """Anything but `number`."""
        return self.compare(Comparator.NOT_EQUAL, number)

    def compare(self, comparator: Comparator | str, number: Number) -> EventCondition:
        """Compare with `number` by any comparator, also the server's own word. Warns of one that looks like a slip, and sends it.

        Raises InvalidRequest for text that is no number, where the comparator compares with one.
        """
        _hint(comparator)
        text = number_or_none(number)
        if text is None or (comparator in COMPARE_NUMBERS and not is_number(text)):
            raise InvalidRequest(Message("measure-compared-with-text"))
        return EventCondition(self.event_name, comparator, text, quota=self.quota)


class PropertyBuilder:
    """A property, before it is compared. Made by `user(name)` and `event_property(name)`.

    Times are compared in the server's local time.
    """

    def __init__(self, column_name: str, table_type: TableType | str) -> None:
        self.column_name = column_name
        self.table_type = table_type

    def compare(self, comparator: Comparator | str, *values: Value) -> PropertyFilter:
        """Compare by any comparator, also the server's own word, with the values that it needs.

        Warns of a comparator that looks like a slip, such as `isNotNull` for `notNull`, and sends it as it is.
        Raises InvalidRequest where the comparator needs a value and there is none.
        """
        _hint(comparator)
        if not values and comparator in NEED_VALUES:
            raise InvalidRequest(
                Message("filter-without-values", comparator=plain_scalar(comparator), column=self.column_name)
            )
        return PropertyFilter(self.column_name, comparator, [value_text(v) for v in values], self.table_type)

    def equal(self, value: Value, *more: Value) -> PropertyFilter:
        """One of the given values."""
        return self.compare(Comparator.EQUAL, value, *more)

    def not_equal(self, value: Value, *more: Value) -> PropertyFilter:
        """None of the given values."""
        return self.compare(Comparator.NOT_EQUAL, value, *more)

    def is_true(self) -> PropertyFilter:
        """True."""
        return self.compare(Comparator.IS_TRUE)

    def is_false(self) -> PropertyFilter:
        """False."""
        return self.compare(Comparator.IS_FALSE)

    def is_null(self) -> PropertyFilter:
        """Without a value."""
        return self.compare(Comparator.IS_NULL)

    def not_null(self) -> PropertyFilter:
        """With any value."""
        return self.compare(Comparator.NOT_NULL)

    def includes(self, text: str) -> PropertyFilter:
        """Text that has `text` in it."""
        return self.compare(Comparator.INCLUDE, text)

    def not_includes(self, text: str) -> PropertyFilter:
        """Text that does not have `text` in it."""
        return self.compare(Comparator.NOT_INCLUDE, text)

    def less(self, value: Value) -> PropertyFilter:
        """Less than `value`."""
        return self.compare(Comparator.LESS, value)

    def greater(self, value: Value) -> PropertyFilter:
        """Greater than `value`."""
        return self.compare(Comparator.GREATER, value)

    def between(self, low: Value, high: Value) -> PropertyFilter:
        """In a range (`range`). Whether the server counts the bounds in is not documented."""
        return self.compare(Comparator.RANGE, low, high)

    def matches(self, pattern: str) -> PropertyFilter:
        """Text that a regular expression of the server's dialect matches."""
        return self.compare(Comparator.REGEX_MATCH, pattern)

    def not_matches(self, pattern: str) -> PropertyFilter:
        """Text that a regular expression of the server's dialect does not match."""
        return self.compare(Comparator.NOT_REGEX_MATCH, pattern)

    def relative_current_between(self, first: int, last: int) -> PropertyFilter:
        """A time between two days counted from today; days before today are negative. The values' shape is not documented."""
        return self.compare(Comparator.RELATIVE_CURRENT_BETWEEN, first, last)

    def relative_current_before(self, day: int) -> PropertyFilter:
        """A time before a day counted from today; days before today are negative. The value's shape is not documented."""
        return self.compare(Comparator.RELATIVE_CURRENT_BEFORE, day)

    def relative_event_before(self, *values: Value, time_unit: str | None = None) -> PropertyFilter:
        """A time before the event's. The values' shape is not documented; `time_unit` is `minute`, `hour` or `day`."""
        return self._relative_event(Comparator.RELATIVE_EVENT_BEFORE, values, time_unit)

    def relative_event_after(self, *values: Value, time_unit: str | None = None) -> PropertyFilter:
        """A time after the event's. The values' shape is not documented; `time_unit` is `minute`, `hour` or `day`."""
        return self._relative_event(Comparator.RELATIVE_EVENT_AFTER, values, time_unit)

    def relative_event_absolute(self, *values: Value, time_unit: str | None = None) -> PropertyFilter:
        """A time around the event's. The values' shape is not documented; `time_unit` is `minute`, `hour` or `day`."""
        return self._relative_event(Comparator.RELATIVE_EVENT_ABSOLUTE, values, time_unit)

    def array_includes(self, item: Value) -> PropertyFilter:
        """A list with this item."""
        return self.compare(Comparator.ARRAY_INCLUDE_ITEM, item)

    def array_not_includes(self, item: Value) -> PropertyFilter:
        """A list without this item."""
        return self.compare(Comparator.ARRAY_NOT_INCLUDE_ITEM, item)

    def array_item_at(self, position: int, item: Value) -> PropertyFilter:
        """A list with this item at a position. The values' shape and where counting starts are not documented."""
        return self.compare(Comparator.ARRAY_ITEM_POS, position, item)

    def array_is_null(self) -> PropertyFilter:
        """A list without a value."""
        return self.compare(Comparator.ARRAY_IS_NULL)

    def array_not_null(self) -> PropertyFilter:
        """A list with any value."""
        return self.compare(Comparator.ARRAY_NOT_NULL)

    def _relative_event(
        self, comparator: Comparator, values: tuple[Value, ...], time_unit: str | None
    ) -> PropertyFilter:
        texts = [value_text(value) for value in values]
        extra = {} if time_unit is None else {"timeUnit": time_unit}
        return PropertyFilter(self.column_name, comparator, texts, self.table_type, extra=extra)


def event(name: str) -> EventBuilder:
    """Begin a condition on what the user did."""
    return EventBuilder(name)


def user(property_name: str) -> PropertyBuilder:
    """Begin a condition on a property of the user."""
    return PropertyBuilder(property_name, TableType.USER)


def event_property(property_name: str) -> PropertyBuilder:
    """Begin a condition on a property of an event, for `EventCondition.where()` and for tags."""
    return PropertyBuilder(property_name, TableType.EVENT)


def all_of(*conditions: EventCondition | PropertyFilter | UserClusterDef) -> UserClusterDef:
    """Return the definition of the users for whom every condition holds; without any, of all users.

    The conditions on events, and those on properties, may be one group of their own: `all_of(any_of(a, b), c)` is
    "(a or b) and c" where a and b are both about events and c is about a property, or the other way round.
    Raises InvalidRequest for anything that is not a condition, such as a measure without a comparison, and for groups that the API
    cannot say.
    """
    return _joined(conditions, Relation.AND)


def any_of(*conditions: EventCondition | PropertyFilter | UserClusterDef) -> UserClusterDef:
    """Return the definition of the users for whom at least one condition holds: `any_of(all_of(a, b), c)` as `all_of` says.

    Raises InvalidRequest for anything that is not a condition, for groups that the API cannot say, and without any condition: that
    would be nobody, and a definition without conditions means all users.
    """
    if not conditions:
        raise InvalidRequest(Message("any-of-nothing"))
    return _joined(conditions, Relation.OR)


def _joined(
    conditions: tuple[EventCondition | PropertyFilter | UserClusterDef, ...], relation: Relation
) -> UserClusterDef:
    groups = [part for part in conditions if isinstance(part, UserClusterDef)]
    single = [part for part in conditions if not isinstance(part, UserClusterDef)]
    # What is neither stands among the events, where it is refused.
    events = [part for part in single if not isinstance(part, PropertyFilter)]
    filters = [part for part in single if isinstance(part, PropertyFilter)]
    event_relation: Relation | str | None = relation
    filter_relation: Relation | str | None = relation
    for group in groups:
        # The API has one group of events and one of properties, so a nested one must be all that there is of its side.
        if group.events and not (group.filters or group.extra or events):
            events, event_relation = [*group.events], group.event_relation
        elif group.filters and not (group.events or group.extra or filters):
            filters, filter_relation = [*group.filters], group.relation
        else:
            raise InvalidRequest(Message("group-cannot-be-nested"))
    return UserClusterDef(
        events=events,
        filters=filters,
        event_relation=event_relation,
        relation=filter_relation,
        event_user_relation=relation,
    )

"""Aggregates over the events of one user: `analysis`, `quota`, `analysisParams`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from .filters import filter_condition, unknown_comparator
from .numbers import number_comparison
from .sql import EVENTS_WITH_USERS, Kind
from .values import as_number
from .windows import window_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from .node import Node
    from .sql import Query

_COUNTS: Final = ("TIMES", "TOTAL_TIMES")
_NUMERIC: Final[Mapping[str, str]] = {"SUM": "fsum", "AVG": "favg", "MAX": "max", "MIN": "min"}
_BOUNDS: Final[Mapping[str, int | None]] = {
    "equal": None,
    "notEqual": None,
    "less": 1,
    "greater": 1,
    "range": 2,
}


@attrs.frozen
class Measure:
    """An SQL aggregate over the events `e` of one user, and its DuckDB type. Where it `counts`, no event gives 0."""

    sql: str
    type: str
    counts: bool = False


def measure_of(query: Query, node: Node) -> Measure:
    """Return the measure of an object with `analysis` (spec: 添加条件分群或标签, taPropQuota and userTagConQuotaEvent).

    `TIMES` and `TOTAL_TIMES` count events, and so does an absent `analysis`, which the specification leaves optional.
    `DISTINCT` counts the distinct values of the property `quota`. `SUM AVG MAX MIN MEDIAN PERCENTILE` need a
    property that holds numbers and ignore events without a value; a percentile, with `analysisParams` from 1 to
    100, interpolates linearly between the two nearest values, and the median is percentile 50. Sums of whole numbers and
    of decimals are exact. Sums of doubles, means and percentiles are rounded to 14 significant digits, so that 0.1 and 0.2
    make 0.3 in whatever order they are added.

    Raises EvaluationError naming `analysis`, `quota` or `analysisParams`.
    """
    analysis = node.text("analysis") if node.has("analysis") else "TIMES"
    if analysis in _COUNTS:
        return Measure("count(*)", "BIGINT", counts=True)
    if analysis not in {*_NUMERIC, "DISTINCT", "MEDIAN", "PERCENTILE"}:
        raise node.error("analysis", f"无法按用户计算 {analysis!r}")
    quota = query.column("events", node.text("quota"), node.key("quota"))
    if analysis == "DISTINCT":
        if quota.kind is Kind.LIST:
            raise node.error("quota", "DISTINCT 不适用于列表类型的属性")
        return Measure(f"count(DISTINCT {quota.sql})", "BIGINT", counts=True)
    if quota.kind is not Kind.NUMBER:
        raise node.error("quota", f"{analysis} 不适用于{quota.kind.value}类型的属性")
    if analysis in {"MAX", "MIN"}:
        return Measure(f"{analysis.lower()}({quota.sql})", quota.type)
    if analysis == "SUM" and quota.type != "DOUBLE":
        total = re.sub(r"\(\d+", "(38", quota.type) if quota.type.startswith("DECIMAL") else "HUGEINT"
        return Measure(f"CAST(sum({quota.sql}) AS {total})", total)
    if analysis in {"MEDIAN", "PERCENTILE"}:
        percent = 50 if analysis == "MEDIAN" else _percent(node)
        return Measure(_rounded(f"quantile_cont(CAST({quota.sql} AS DOUBLE), {percent / 100})"), "DOUBLE")
    return Measure(_rounded(f"{_NUMERIC[analysis]}(CAST({quota.sql} AS DOUBLE))"), "DOUBLE")


def occurrences(query: Query, node: Node) -> str:
    """Return the SQL condition of the events that `node` selects by `eventName`, window and `filts`.

    An event name that no event has is not an error: nobody did it. Filters may name event and user properties.
    """
    conditions = [f'e."#event_name" = {query.bind(node.text("eventName"))}']
    window = window_of(node, query.today)
    if window.first is not None:
        conditions.append(f'e."#event_time" >= {query.bind(window.first)}')
    if window.last is not None:
        conditions.append(f'e."#event_time" <= {query.bind(window.last)}')
    conditions.append(filter_condition(query, node, ("events", "users")))
    return " AND ".join(conditions)


def measure_query(measure: Measure, where: str) -> str:
    """Return the SQL query for the measure of each account with such events: columns `account` and `value`."""
    return (
        f'SELECT e."#account_id" AS account, {measure.sql} AS value '  # noqa: S608 - built of quoted names and placeholders
        f"FROM {EVENTS_WITH_USERS} WHERE {where} GROUP BY 1"
    )


def event_condition(query: Query, event: Node) -> str:
    """Return an event condition as an SQL condition on an account (spec: 添加条件分群或标签, events).

    For a user without a matching event the counts (TIMES, TOTAL_TIMES, DISTINCT) are 0, so `less 1` and `equal 0` find
    those who did not do it. The other measures have no value then, nor where no matching event has the property, and
    a user without a value is never found, not even by `notEqual`.

    `comparator`, or `uceCalcuSymbol` where that is absent, is one of equal, notEqual, less, greater and range. `num` is
    one number as text; without it, as the specification allows, the condition is never true. For `range`, whose spelling
    the specification leaves open, it is "min,max" or a list of the two, and both bounds are included; for equal and
    notEqual a list means any and none of its numbers.
    """
    measure = measure_of(query, event.child("taPropQuota"))
    alias = query.join(measure_query(measure, occurrences(query, event)))
    name = "comparator" if event.has("comparator") else "uceCalcuSymbol"
    comparator = event.text(name) if event.has(name) else event.text("comparator")
    if comparator not in _BOUNDS:
        raise unknown_comparator(event, name, comparator, "事件指标的操作符")
    if not event.has("num"):
        return "false"
    value = f"coalesce({alias}.value, 0)" if measure.counts else f"{alias}.value"
    return number_comparison(query, value, measure.type, comparator, _bounds(event, comparator))


def _bounds(event: Node, comparator: str) -> list[Fraction]:
    value, key = event.fields["num"], event.key("num")
    if isinstance(value, list | tuple):
        items = event.items("num")
    elif isinstance(value, str) and comparator == "range":
        items = [(part.strip(), key) for part in value.split(",")]
    else:
        items = [(value, key)]
    count = _BOUNDS[comparator]
    if not items or (count is not None and len(items) != count):
        wanted = "两个数值，写作 'min,max' 或列表" if count == 2 else "一个数值"
        raise event.error("num", f"{comparator!r} 需要{wanted}")
    return [as_number(*item) for item in items]


def _percent(node: Node) -> int:
    value = node.fields.get("analysisParams")
    key = node.key("analysisParams")
    if isinstance(value, list | tuple) and len(value) == 1:
        value, key = value[0], f"{key}[0]"
    percent = as_number(value, key)
    if percent.denominator > 1 or not 1 <= percent <= 100:
        raise node.error("analysisParams", f"必须是 1 到 100 的整数，不能是 {str(value)[:40]}")
    return int(percent)


def _rounded(sql: str) -> str:
    return f"CAST(format('{{:.14g}}', {sql}) AS DOUBLE)"

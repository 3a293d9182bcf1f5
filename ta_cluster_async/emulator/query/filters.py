"""Property filters: `columnName`, `tableType`, `comparator` and the values `ftv` (spec: 添加条件分群或标签, filts)."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING, Final

import duckdb

from .data import ACCOUNT
from .numbers import number_comparison
from .sql import Kind, join_conditions
from .stored import TABLES
from .values import (
    as_days,
    as_number,
    as_text,
    as_time,
    is_date,
)
from .windows import end_of_day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .data import Table
    from .errors import EvaluationError
    from .node import Node
    from .sql import Column, Query

RELATIONS: Final = ("and", "or")

_ANY_KIND: Final = frozenset(Kind)
_ORDERED: Final = frozenset({Kind.NUMBER, Kind.TIME})
_EQUATED: Final = frozenset({Kind.NUMBER, Kind.TEXT})
_TEXT: Final = frozenset({Kind.TEXT})
_TIME: Final = frozenset({Kind.TIME})
_LIST: Final = frozenset({Kind.LIST})
_BOOLEAN: Final = frozenset({Kind.BOOLEAN})

# For each comparator the kinds of property that it takes and how many values; None is one or more.
_COMPARATORS: Final[Mapping[str, tuple[frozenset[Kind], int | None]]] = {
    "equal": (_EQUATED, None),
    "notEqual": (_EQUATED, None),
    "isTrue": (_BOOLEAN, 0),
    "isFalse": (_BOOLEAN, 0),
    "isNull": (_ANY_KIND, 0),
    "notNull": (_ANY_KIND, 0),
    "include": (_TEXT, 1),
    "notInclude": (_TEXT, 1),
    "regexMatch": (_TEXT, 1),
    "notRegexMatch": (_TEXT, 1),
    "less": (_ORDERED, 1),
    "greater": (_ORDERED, 1),
    "range": (_ORDERED, 2),
    "relativeCurrentBetween": (_TIME, 2),
    "relativeCurrentBefore": (_TIME, 1),
    "arrayIncludeItem": (_LIST, 1),
    "arrayNotIncludeItem": (_LIST, 1),
    "arrayIsNull": (_LIST, 0),
    "arrayNotNull": (_LIST, 0),
}
_TESTS: Final[Mapping[str, str]] = {
    "isTrue": "{0}",
    "isFalse": "NOT {0}",
    "isNull": "{0} IS NULL",
    "notNull": "{0} IS NOT NULL",
    "include": "contains({0}, {1})",
    "notInclude": "NOT contains({0}, {1})",
    "regexMatch": "regexp_matches({0}, {1})",
    "notRegexMatch": "NOT regexp_matches({0}, {1})",
    "less": "{0} < {1}",
    "greater": "{0} > {1}",
    "range": "{0} BETWEEN {1} AND {2}",
    "arrayIncludeItem": "list_contains({0}, {1})",
    "arrayNotIncludeItem": "NOT list_contains({0}, {1})",
    "arrayIsNull": "{0} IS NULL",
    "arrayNotNull": "{0} IS NOT NULL",
}
_MEMBERSHIP: Final[Mapping[str, str]] = {"equal": "IN", "notEqual": "NOT IN"}
# The comparators of relative days, and what they mean for the days from today.
_RELATIVE: Final[Mapping[str, str]] = {"relativeCurrentBetween": "range", "relativeCurrentBefore": "less"}
_UNDOCUMENTED: Final = frozenset(
    {"arrayItemPos", "relativeEventBefore", "relativeEventAfter", "relativeEventAbsolute"}
)
_LIKELY_MEANT: Final[Mapping[str, str]] = {
    "isNotNull": "notNull",
    "absoluteBetween": "range",
    "between": "range",
}


def filter_conditions(query: Query, owner: Node, tables: tuple[Table, ...]) -> list[str]:
    """Return the SQL conditions of the `filts` of `owner`, which may name properties of `tables` only."""
    return [property_filter(query, node, tables) for node in owner.children("filts")]


def filter_condition(query: Query, owner: Node, tables: tuple[Table, ...]) -> str:
    """Return the `filts` of `owner` joined by its `relation` (`and` by default); no filter is true."""
    return join_conditions(
        filter_conditions(query, owner, tables), owner.choice("relation", RELATIONS, "and")
    )


def property_filter(query: Query, node: Node, tables: tuple[Table, ...]) -> str:
    """Return one filter as an SQL condition, which is never true for a property without a value except in null tests.

    `equal` and `notEqual` take one or more values (in, not in). The negative comparators, `notEqual`, `notInclude`,
    `notRegexMatch` and `arrayNotIncludeItem`, need the property to have a value. `less` and `greater` are strict;
    `range` includes both bounds, and an upper bound that is a date alone includes that whole day. Texts are compared
    exactly, with case; `regexMatch` finds its pattern (RE2) anywhere in the text. An empty string and an empty array are
    values. A `tableType` `cluster` or `user_cluster` has the name of a cluster or tag for a `columnName`: a cluster is filtered by the
    comparators of the settings, a tag by its value as by a property. `relativeCurrentBetween` takes two day offsets from today in either order, negative before today, and
    includes both whole days; `relativeCurrentBefore` takes one and is true before that day begins. Without `ftv`, as the
    specification allows, a comparator that takes values is never true.

    Raises EvaluationError for an unknown property or comparator, a comparator that does not fit the property, a wrong
    number of values, and the comparators whose meaning or value shape is documented nowhere.
    """
    if node.has("filterType") and node.text("filterType") != "SIMPLE":
        raise node.error("filterType", "只能计算 SIMPLE 类型的筛选")
    table_type = node.text("tableType")
    if table_type in TABLES:
        return _stored_filter(query, node, "e" if "events" in tables else "a")
    table = query.table(table_type, node.key("tableType"))
    if table not in tables:
        raise node.error("tableType", "事件属性只能写在事件自己的 filts 中")
    return _condition(query, node, query.column(table, node.text("columnName"), node.key("columnName")))


def _stored_filter(query: Query, node: Node, owner: str) -> str:
    """Return a filter on another cluster or tag as an SQL condition on the account of `owner`."""
    name, comparator = node.text("columnName"), node.text("comparator")
    stored = query.stored.get(name)
    if stored is None:
        raise node.error("columnName", f"分群或标签 {name!r} 不存在")
    if node.has("clusterDatePolicy") and node.text("clusterDatePolicy") == "SPECIFIED":
        raise node.error("clusterDatePolicy", "只能计算最新的分群和标签")
    account = f'{owner}."{ACCOUNT}"'
    if stored.of_type is None:
        is_in, is_not_in = query.cluster_comparators
        if comparator not in (is_in, is_not_in):
            raise unknown_comparator(node, "comparator", comparator, f"分群的操作符 {is_in} 或 {is_not_in}")
        return f"{account} {'IN' if comparator == is_in else 'NOT IN'} (SELECT account FROM {query.members(name)})"  # noqa: S608
    if comparator == "isNull":
        return f"{account} NOT IN (SELECT account FROM {query.members(name)})"  # noqa: S608
    condition = _condition(query, node, query.text_as(stored.of_type))
    return f"{account} IN (SELECT account FROM {query.members(name)} WHERE {condition})"  # noqa: S608


def _condition(query: Query, node: Node, column: Column) -> str:
    """Return the comparison of a filter as an SQL condition on a column."""
    comparator = node.text("comparator")
    values = _values(node, comparator, column)
    if values is None:
        return "false"
    if not values:
        return comparison(query, column.sql, comparator, [])
    if comparator in _RELATIVE:
        today = query.bind(datetime.combine(query.today, time.min))
        offsets = sorted(as_days(*value) for value in values)
        return comparison(query, f"date_diff('day', {today}, {column.sql})", _RELATIVE[comparator], offsets)
    if column.kind is Kind.TIME:
        return comparison(query, column.sql, comparator, _times(comparator, values))
    if column.kind is Kind.NUMBER:
        numbers = [as_number(*value) for value in values]
        return number_comparison(query, column.sql, column.type, comparator, numbers)
    texts = [as_text(*value) for value in values]
    if comparator in {"regexMatch", "notRegexMatch"}:
        _check_pattern(query, texts[0], node)
    return comparison(query, column.sql, comparator, texts)


def comparison(query: Query, sql: str, comparator: str, values: Sequence[str | float | datetime]) -> str:
    """Return the SQL condition that compares `sql` with values. The caller has checked the comparator and their count."""
    placeholders = [query.bind(value) for value in values]
    if comparator in _MEMBERSHIP:
        return f"{sql} {_MEMBERSHIP[comparator]} ({', '.join(placeholders)})"
    return _TESTS[comparator].format(sql, *placeholders)


def unknown_comparator(node: Node, name: str, comparator: str, known: str) -> EvaluationError:
    """Return the error for an unknown comparator; `known` says in the message what it should be."""
    if comparator in _LIKELY_MEANT:
        return node.error(name, f"{comparator!r} 不是操作符，可能应为 {_LIKELY_MEANT[comparator]!r}")
    return node.error(name, f"{comparator!r} 不是{known}")


def _values(node: Node, comparator: str, column: Column) -> list[tuple[object, str]] | None:
    """Return the values of a comparator, each with its path; None if it takes values and `ftv` is absent."""
    if comparator in _UNDOCUMENTED:
        raise node.error("comparator", f"{comparator!r} 的取值和含义没有公开的说明")
    if comparator not in _COMPARATORS:
        raise unknown_comparator(node, "comparator", comparator, "已知的操作符")
    kinds, count = _COMPARATORS[comparator]
    if column.kind not in kinds:
        raise node.error("comparator", f"{comparator!r} 不适用于{column.kind.value}类型的属性")
    if count == 0:
        return []
    if not node.has("ftv"):
        return None
    values = node.items("ftv")
    if count is None and not values:
        raise node.error("ftv", f"{comparator!r} 需要至少 1 个值")
    if count is not None and len(values) != count:
        raise node.error("ftv", f"{comparator!r} 需要 {count} 个值，给出了 {len(values)} 个")
    return values


def _times(comparator: str, values: list[tuple[object, str]]) -> list[datetime]:
    times = [as_time(*value) for value in values]
    if comparator == "range" and is_date(values[1][0]):
        times[1] = end_of_day(times[1])
    return times


def _check_pattern(query: Query, pattern: str, node: Node) -> None:
    cursor = query.database.connection.cursor()
    try:
        cursor.execute("SELECT regexp_matches('', $1)", [pattern])
    except duckdb.Error:
        raise node.error("ftv[0]", f"{pattern!r} 不是正则表达式") from None
    finally:
        cursor.close()

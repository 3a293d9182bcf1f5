"""Members of clusters and values of tags, computed from the raw JSON of their definitions.

Users are the accounts of the users table and of the events table together; an account that has only events has no user
properties. Windows are whole days of `now`. Nothing is guessed: whatever has no known meaning raises `EvaluationError`,
which names its JSON path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from .data import ACCOUNT
from .errors import EvaluationError
from .filters import RELATIONS, filter_conditions
from .measures import (
    event_condition,
    measure_of,
    measure_query,
    occurrences,
)
from .node import Node
from .sql import (
    EVENTS_WITH_USERS,
    Kind,
    Query,
    join_conditions,
)
from .values import as_text, value_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .data import Database
    from .sql import Column
    from .stored import Members, Stored


def evaluate(
    database: Database,
    tag_kind: str | None,
    definition: Mapping[str, object],
    *,
    now: datetime,
    stored: Mapping[str, Stored],
    cluster_comparators: tuple[str, str],
) -> Members:
    """Return the members of a cluster, or of a tag of this kind, whose filters may name what is stored.

    Raises EvaluationError as `cluster_members` and `tag_values` do.
    """
    query, node = Query(database, now.date(), stored, cluster_comparators), Node(definition)
    return _members(query, node) if tag_kind is None else _values(query, tag_kind, node)


def cluster_members(database: Database, definition: Mapping[str, object], *, now: datetime) -> frozenset[str]:
    """Return the account ids that match a `qp` (spec: 添加条件分群或标签, 1).

    `event_relation` joins `events`, `relation` joins `filts`, and `event_user_relation` joins the two groups; each is
    `and` by default. An empty group does not constrain the other, whatever the relation between them.

    Raises EvaluationError for anything of unknown meaning and for a definition without any condition (key `events`).
    """
    return _members(Query(database, now.date()), Node(definition))


def tag_values(
    database: Database, sub_condition_tab_type: str, tag_qp: Mapping[str, object], *, now: datetime
) -> dict[str, str]:
    """Return the tag value, as text, of each account id that has one (spec: 添加条件分群或标签, 2 to 4).

    A condition tag gives the value of the first of its ordered definitions that the user matches. A first/last tag
    gives the property at the user's first or last matching event; of events at the same instant the row that comes
    first in the events table is the earlier one; null or an empty string there gives no tag, even if another event
    has a value. A quota tag gives the measure of the user's matching events, and "0" to a user without any; a measure
    without a value, because no matching event has the property, gives no tag.

    Numbers are written without an exponent, whole ones without a fraction ("3", not "3.0"); booleans as "true" and
    "false"; times as "YYYY-MM-DD HH:MM:SS".

    Raises EvaluationError for anything of unknown meaning; its key counts from `tag_qp`, or is `subConditionTabType`.
    """
    return _values(Query(database, now.date()), sub_condition_tab_type, Node(tag_qp))


def _values(query: Query, sub_condition_tab_type: str, node: Node) -> dict[str, str]:
    match sub_condition_tab_type:
        case "tag_condition_default":
            return _condition_tag(query, node)
        case "tag_condition_by_firstlast_event":
            return _first_last_tag(query, node.child("userTagConFirstLastEventDef"))
        case "tag_condition_by_quotation":
            return _quota_tag(query, node.child("userTagConQuotaDef"))
        case _:
            raise EvaluationError(
                "subConditionTabType",
                f"无法计算 {sub_condition_tab_type!r} 类型的标签",
            )


def _members(query: Query, node: Node) -> frozenset[str]:
    events = [event_condition(query, event) for event in node.children("events")]
    filters = filter_conditions(query, node, ("users",))
    relations = {
        name: node.choice(name, RELATIONS, "and")
        for name in ("event_relation", "relation", "event_user_relation")
    }
    groups = [
        join_conditions(conditions, relations[name])
        for conditions, name in ((events, "event_relation"), (filters, "relation"))
        if conditions
    ]
    if not groups:
        raise node.error("events", "定义中没有条件：events 和 filts 都为空")
    rows = query.run(
        f'SELECT a."{ACCOUNT}" FROM accounts a LEFT JOIN users u ON u."{ACCOUNT}" = a."{ACCOUNT}" '  # noqa: S608
        f"{' '.join(query.joins)} WHERE {join_conditions(groups, relations['event_user_relation'])}"
    )
    return frozenset(str(account) for (account,) in rows)


def _condition_tag(query: Query, node: Node) -> dict[str, str]:
    definitions = node.children("userTagValueDefs")
    if not definitions:
        raise node.missing("userTagValueDefs")
    values: dict[str, str] = {}
    for definition in definitions:
        if not definition.has("tagValue"):
            raise definition.missing("tagValue")
        value = as_text(definition.fields["tagValue"], definition.key("tagValue"))
        for account in _members(evolve(query), definition.child("userClusterDef")):
            values.setdefault(account, value)
    return values


def _first_last_tag(query: Query, node: Node) -> dict[str, str]:
    event = node.child("userTagConFirstLastEvent")
    calculated = event.child("calcPropVo")
    if calculated.flag("isCalc", default=False):
        raise calculated.error("isCalc", "计算属性没有公开的说明")
    chosen = calculated.child("property")
    column = _property(query, chosen)
    if column.kind is Kind.LIST:
        raise chosen.error("columnName", "列表类型的属性没有单个值")
    order = "ASC" if event.flag("isFirstEvent") else "DESC"
    rows = query.run(
        f'SELECT e."{ACCOUNT}", {column.sql} FROM {EVENTS_WITH_USERS} WHERE {occurrences(query, event)} '  # noqa: S608
        f'QUALIFY row_number() OVER (PARTITION BY e."{ACCOUNT}" ORDER BY e."#event_time" {order}, e.rowid {order}) = 1'
    )
    return {str(account): value_text(value) for account, value in rows if value not in (None, "")}


def _quota_tag(query: Query, node: Node) -> dict[str, str]:
    event = node.child("userTagConQuotaEvent")
    if event.has("type") and event.text("type") != "normal":
        raise event.error("type", "只能计算 normal 类型的指标值标签，公式没有公开的说明")
    alias = query.join(measure_query(measure_of(query, event), occurrences(query, event)))
    rows = query.run(
        f'SELECT a."{ACCOUNT}", CASE WHEN {alias}.account IS NULL THEN 0 ELSE {alias}.value END '  # noqa: S608
        f"FROM accounts a {' '.join(query.joins)}"
    )
    return {str(account): value_text(value) for account, value in rows if value is not None}


def _property(query: Query, chosen: Node) -> Column:
    table = query.table(chosen.text("tableType"), chosen.key("tableType"))
    return query.column(table, chosen.text("columnName"), chosen.key("columnName"))


def value_type(
    database: Database, tag_kind: str | None, definition: Mapping[str, object], *, now: datetime
) -> str:
    """Return the DuckDB type of the values of a tag: that of its measure or property, and else text."""
    query, node = Query(database, now.date()), Node(definition)
    try:
        if tag_kind == "tag_condition_by_quotation":
            return measure_of(query, node.child("userTagConQuotaDef").child("userTagConQuotaEvent")).type
        if tag_kind == "tag_condition_by_firstlast_event":
            event = node.child("userTagConFirstLastEventDef").child("userTagConFirstLastEvent")
            return _property(query, event.child("calcPropVo").child("property")).type
    except EvaluationError:
        return "VARCHAR"  # it was accepted unchecked, and has no values
    return "VARCHAR"

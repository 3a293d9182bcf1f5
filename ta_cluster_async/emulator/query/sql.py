"""One SQL statement under construction: its parameters, its joins, and the columns that it may name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Final

import attrs

from .data import ACCOUNT, Database, quoted
from .errors import EvaluationError
from .stored import Stored

if TYPE_CHECKING:
    from .data import Table

# The events `e`, each with the row of its user `u` for filters on user properties.
EVENTS_WITH_USERS: Final = f'events e LEFT JOIN users u ON u."{ACCOUNT}" = e."{ACCOUNT}"'


class Kind(Enum):
    """What a property holds; the value is its name in messages."""

    NUMBER = "数值"
    TEXT = "字符串"
    BOOLEAN = "布尔值"
    TIME = "时间"
    LIST = "列表"


_KINDS: Final[Mapping[str, Kind]] = {
    "BIGINT": Kind.NUMBER,
    "HUGEINT": Kind.NUMBER,
    "DECIMAL": Kind.NUMBER,
    "DOUBLE": Kind.NUMBER,
    "VARCHAR": Kind.TEXT,
    "BOOLEAN": Kind.BOOLEAN,
    "TIMESTAMP": Kind.TIME,
    "VARCHAR[]": Kind.LIST,
}
_TABLES: Final[Mapping[str, Table]] = {"event": "events", "user": "users"}
_TABLE_NAMES: Final[Mapping[Table, str]] = {"events": "事件表", "users": "用户表"}


@attrs.frozen
class Column:
    """A property of a table as SQL, with what it holds and its DuckDB type."""

    sql: str
    kind: Kind
    type: str


@attrs.define
class Query:
    """Collects the parameters of one statement, so that no value of a definition is ever part of its SQL text."""

    database: Database
    today: date
    stored: Mapping[str, Stored] = attrs.field(factory=dict)
    cluster_comparators: tuple[str, str] = ("", "")
    parameters: list[str | int | float | datetime | list[str]] = attrs.field(factory=list, init=False)
    joins: list[str] = attrs.field(factory=list, init=False)
    _bound: dict[str, str] = attrs.field(factory=dict, init=False)

    def bind(self, value: str | float | datetime | list[str]) -> str:
        """Add a value to the parameters and return its placeholder."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def members(self, name: str) -> str:
        """Return who is in a stored cluster or tag as a table with `account` and, of a tag, `text`. Each is sent once."""
        if name not in self._bound:
            accounts, values = self.stored[name].columns()
            columns = f"unnest(CAST({self.bind(accounts)} AS VARCHAR[])) AS account"
            if values:
                columns += f", unnest(CAST({self.bind(values)} AS VARCHAR[])) AS text"
            else:
                columns += ", CAST(NULL AS VARCHAR) AS text"
            self._bound[name] = f"(SELECT {columns})"
        return self._bound[name]

    def join(self, subquery: str) -> str:
        """Join a subquery with columns `account` and `value` to the accounts `a` and return its alias."""
        alias = f"m{len(self.joins)}"
        self.joins.append(f'LEFT JOIN ({subquery}) {alias} ON {alias}.account = a."{ACCOUNT}"')
        return alias

    def column(self, table: Table, name: str, key: str) -> Column:
        """Return a property of a table. Raises EvaluationError naming `key` if the table has no such column."""
        found = self.database.columns(table).get(name)
        if found is None:
            raise EvaluationError(key, f"{_TABLE_NAMES[table]}没有字段 {name!r}")
        return Column(f"{table[0]}.{quoted(name)}", _KINDS[found.partition("(")[0]], found)

    @staticmethod
    def text_as(of_type: str) -> Column:
        """Return the value of a stored tag as what it is of."""
        return Column(f"TRY_CAST(text AS {of_type})", _KINDS[of_type.partition("(")[0]], of_type)

    def table(self, name: str, key: str) -> Table:
        """Return the table of a `tableType`. Raises EvaluationError naming `key` for any other."""
        if name not in _TABLES:
            raise EvaluationError(key, f"必须是 event 或 user，不能是 {name!r}")
        return _TABLES[name]

    def run(self, sql: str) -> list[tuple[object, ...]]:
        """Return all rows of the finished statement. Raises what `Database.run` raises."""
        return self.database.run(sql, self.parameters)


def join_conditions(conditions: list[str], relation: str) -> str:
    """Join SQL conditions by `and` or `or`; no condition at all is true."""
    return f"({f' {relation} '.join(conditions)})" if conditions else "true"

"""One SQL question under construction: its parameters, its joins, and the columns that it may name."""

from __future__ import annotations

from datetime import date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Final

import attrs

from .data import ACCOUNT, Warehouse, quoted
from .errors import CannotEvaluate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .data import Table

# The events `e` of whoever did them, with the users `u` beside them for filters on user properties.
EVENTS_WITH_USERS: Final = f'events e LEFT JOIN users u ON u."{ACCOUNT}" = e."{ACCOUNT}"'


class Kind(Enum):
    """What a property holds; the value is the word for it in messages."""

    NUMBER = "a number"
    TEXT = "a text"
    BOOLEAN = "a boolean"
    TIME = "a time"
    LIST = "a list"


_KINDS: Final[Mapping[str, Kind]] = {
    "BIGINT": Kind.NUMBER,
    "HUGEINT": Kind.NUMBER,
    "DOUBLE": Kind.NUMBER,
    "VARCHAR": Kind.TEXT,
    "BOOLEAN": Kind.BOOLEAN,
    "TIMESTAMP": Kind.TIME,
    "VARCHAR[]": Kind.LIST,
}
_TABLES: Final[Mapping[str, Table]] = {"event": "events", "user": "users"}


@attrs.frozen
class Column:
    """A property of a table as SQL, with what it holds and whether it is made of whole numbers."""

    sql: str
    kind: Kind
    whole: bool


@attrs.define
class Query:
    """Collects the parameters of one statement, so that no value of a definition is ever part of its SQL text."""

    warehouse: Warehouse
    today: date
    parameters: list[str | int | float | datetime] = attrs.field(factory=list, init=False)
    joins: list[str] = attrs.field(factory=list, init=False)

    def bind(self, value: str | float | datetime) -> str:
        """The placeholder of a value."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def join(self, subquery: str) -> str:
        """The alias of a subquery with columns `account` and `value`, joined to the accounts `a`."""
        alias = f"m{len(self.joins)}"
        self.joins.append(f'LEFT JOIN ({subquery}) {alias} ON {alias}.account = a."{ACCOUNT}"')
        return alias

    def column(self, table: Table, name: str, key: str) -> Column:
        """A property that the table has. Raises CannotEvaluate that names `key`."""
        found = self.warehouse.columns(table).get(name)
        if found is None:
            raise CannotEvaluate(key, f"the {table} table has no column {name!r}.")
        return Column(f"{table[0]}.{quoted(name)}", _KINDS[found], whole=found in ("BIGINT", "HUGEINT"))

    def table(self, name: str, key: str) -> Table:
        """The table of a `tableType`. Raises CannotEvaluate that names `key`."""
        if name not in _TABLES:
            raise CannotEvaluate(key, f"has to be event or user, not {name!r}.")
        return _TABLES[name]

    def run(self, sql: str) -> list[tuple[object, ...]]:
        """All rows of the finished statement, on a cursor of its own, so that threads may ask at the same time."""
        cursor = self.warehouse.connection.cursor()
        try:
            return cursor.execute(sql, self.parameters).fetchall()
        finally:
            cursor.close()


def joined(conditions: list[str], relation: str) -> str:
    """SQL conditions under `and` or `or`; no condition at all constrains nothing."""
    return f"({f' {relation} '.join(conditions)})" if conditions else "true"

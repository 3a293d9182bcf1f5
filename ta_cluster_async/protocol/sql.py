"""The SQL statements that the library writes, and the one place where a name or a text becomes a part of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from ..errors import InvalidRequest
from ..messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..models.members import MemberQuery


_LITERAL: Final = "'"
_IDENTIFIER: Final = '"'


def quoted(text: str, mark: Literal["'", '"']) -> str:
    """Return a text as an SQL literal (`'`) or identifier (`"`), whatever it contains. Raises InvalidRequest for a NUL."""
    if "\0" in text:
        raise InvalidRequest(Message("sql-text-with-nul"))
    return mark + text.replace(mark, mark + mark) + mark


def members_statement(
    query: MemberQuery, project_id: int, name: str, *, columns: Sequence[str] | None, with_value: bool
) -> str:
    """Return the statement that reads the members of a cluster or tag, one row a member.

    The rows have the id, or the columns of the users where they are given (null for a member whom the view of users does not have), and
    then the columns of the value.
    """
    key = _name(query.id_column)
    source = f"{_table(query, query.result_table, project_id)} r"
    if columns is None:
        chosen = [f"r.{key}"]
    else:
        chosen = [f"u.{_name(column)}" for column in columns]
        source += f" LEFT JOIN {_table(query, query.user_table, project_id)} u ON r.{key} = u.{key}"
    if with_value:
        chosen += [f"r.{_name(column)}" for column in query.value_columns]
    where = f"r.{_name(query.name_column)} = {quoted(name, _LITERAL)}"
    return f"SELECT {', '.join(chosen)} FROM {source} WHERE {where}"  # noqa: S608 - all parts are quoted


def _name(text: str) -> str:
    return quoted(text, _IDENTIFIER)


def _table(query: MemberQuery, template: str, project_id: int) -> str:
    return query.table_prefix + _name(template.replace("{project}", str(project_id)))

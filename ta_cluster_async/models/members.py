"""How the members of a cluster or tag are read: where a server keeps them, and which of its SQL endpoints gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import field, frozen

from ..errors import ConfigurationError
from ..messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable

MemberValue: TypeAlias = str | int | float | bool | None
"""The value of a tag: a number or a text; a time is the server's text for it."""

MemberRow: TypeAlias = tuple[MemberValue, ...]
"""One member: the columns that were asked for, and for a tag its value at the end."""


@frozen
class MembersPosition:
    """Where reading by the route `task` broke off: `members(..., resume=position)` goes on there, as long as the server keeps the result.

    Attributes:
        task_id: The server's name for the result.
        page: The page to be read next.
        count: How many members the pages before it had.
    """

    task_id: str
    page: int
    count: int


def _texts(values: str | Iterable[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)  # what they are is checked below


@frozen(kw_only=True)
class MemberQuery:
    """What is not the same on all servers when members are read by SQL, each with the likeliest default.

    The specification has no endpoint for members. TA's data query page documents `/querySql`; the endpoints of the route `task`, and the
    tables, are known from statements and programs of TA's users.

    Attributes:
        route: `stream` reads the one answer of `/querySql`. `task` submits the statement, waits for its end and reads the result page by
            page; a page that fails is read again.
        sql_in: Where `/querySql` takes the statement: in the `query` string (3.5 and later), or in a `form` (3.4).
        sql_parameter: The name of the parameter with the statement.
        timeout_parameter: The name of the parameter with the seconds after which the server ends a query by itself; "" sends none. TA's
            page calls it `timeoutSeconds` in its table and `timeoutSecond` in its sample.
        result_method: The HTTP method of `sql-result-page`.
        first_page: The number of the first page.
        page_size: Rows of a page, at least 1,000.
        table_prefix: What stands before the names of tables, such as `ta.`.
        result_table: The table of memberships, with `{project}` for the project's id.
        user_table: The view of the users, which `columns=` are read from.
        id_column: The column by which both are joined, and the id of a member.
        name_column: The column with the name of the cluster or tag.
        value_columns: The columns with a tag's value. The first that is not null counts.
        count_rows: Compare the rows with the server's `usersNum`. An answer has no mark at its end, so that without it one that was cut
            between two rows is not noticed.

    Raises:
        ConfigurationError: A field cannot be right; the message names it.
    """

    route: Literal["stream", "task"] = "stream"
    sql_in: Literal["query", "form"] = "query"
    sql_parameter: str = "sql"
    timeout_parameter: str = "timeoutSeconds"
    result_method: Literal["GET", "POST"] = "GET"
    first_page: int = 0
    page_size: int = 10_000
    table_prefix: str = ""
    result_table: str = "user_result_cluster_{project}"
    user_table: str = "v_user_{project}"
    id_column: str = "#user_id"
    name_column: str = "cluster_name"
    value_columns: tuple[str, ...] = field(
        default=("tag_value_num", "tag_value_tm", "tag_value"), converter=_texts
    )
    count_rows: bool = True

    def __attrs_post_init__(self) -> None:
        choices = {"route": ("stream", "task"), "sql_in": ("query", "form"), "result_method": ("GET", "POST")}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise _wrong(name, " | ".join(allowed))
        for name in ("sql_parameter", "result_table", "user_table", "id_column", "name_column"):
            value: object = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise _wrong(name, "str")
        for name in ("timeout_parameter", "table_prefix"):
            if not isinstance(getattr(self, name), str):
                raise _wrong(name, "str")
        columns: tuple[object, ...] = self.value_columns
        if not columns or not all(isinstance(one, str) and one for one in columns):
            raise _wrong("value_columns", "str, ...")
        if type(self.first_page) is not int or self.first_page < 0:
            raise _wrong("first_page", ">= 0")
        if type(self.page_size) is not int or self.page_size < 1000:
            raise _wrong("page_size", ">= 1000")


def _wrong(name: str, expected: str) -> ConfigurationError:
    return ConfigurationError(Message("member-query-invalid", name=name, expected=expected))

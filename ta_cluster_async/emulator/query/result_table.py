"""The tables of members that statements are run over: who is in which cluster, and the view of the users."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import duckdb
from attrs import frozen

from .data import ACCOUNT
from .errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .data import Database
    from .stored import Members

_USER_ID = "#user_id"
_ROWS_AT_ONCE = 20
"""Rows of one statement, which takes hardly longer than for one."""


@frozen
class ResultRows:
    """What a statement gives: the names of its columns and its rows, each as JSON text."""

    headers: list[str]
    rows: list[bytes]


class ResultTables:
    """`user_result_cluster_<project>` and `v_user_<project>` in a database of their own, which can reach nothing outside of it."""

    def __init__(self, database: Database, project_id: int, user_ids: Literal["number", "text"]) -> None:
        self._connection = duckdb.connect(":memory:")
        self._results = f'"user_result_cluster_{project_id}"'
        self._filled: dict[str, object] = {}
        kind = "BIGINT" if user_ids == "number" else "VARCHAR"
        run = self._connection.execute
        # The ids are as stable as the accounts. Their digits are no account's.
        users = database.connection.cursor().execute(
            f'SELECT row_number() OVER (ORDER BY a."{ACCOUNT}") + 100000 AS "{_USER_ID}", a."{ACCOUNT}" AS account, u.* '  # noqa: S608
            f'FROM accounts a LEFT JOIN users u ON u."{ACCOUNT}" = a."{ACCOUNT}"'
        )
        names = [column[0] for column in users.description or ()]
        rows = users.fetchall()
        self._id_of: dict[str, int] = {row[1]: row[0] for row in rows}
        types = {ACCOUNT: "VARCHAR", **database.columns("users")}
        columns = [f'"{_USER_ID}" {kind}', f'"{ACCOUNT}" VARCHAR']
        kept = [index for index, name in enumerate(names) if index > 1 and name not in (ACCOUNT, _USER_ID)]
        columns += [f"{_quoted(names[index])} {types[names[index]]}" for index in kept]
        run(f'CREATE TABLE "v_user_{project_id}" ({", ".join(columns)})')
        self._insert(
            f'"v_user_{project_id}"', [(row[0], row[1], *(row[index] for index in kept)) for row in rows]
        )
        run(
            f'CREATE TABLE {self._results} ("{_USER_ID}" {kind}, cluster_name VARCHAR, tag_value VARCHAR, '
            "tag_value_num DOUBLE, tag_value_tm TIMESTAMP)"
        )
        run("CREATE SCHEMA ta")
        for table in (self._results, f'"v_user_{project_id}"'):
            run(f"CREATE VIEW ta.{table} AS SELECT * FROM main.{table}")  # noqa: S608 - our own names
        for setting in (
            "enable_external_access = false",
            "python_enable_replacements = false",
            "lock_configuration = true",
        ):
            run(f"SET {setting}")

    def close(self) -> None:
        """Free the tables."""
        self._connection.close()

    def fill(self, name: str, members: Members, *, is_number: bool) -> None:
        """Put in the members of one cluster or tag, unless they are in already."""
        if self._filled.get(name) is members:
            return
        self.remove([name])
        values = members if isinstance(members, Mapping) else dict.fromkeys(members)
        self._insert(
            self._results,
            [
                (
                    self._id_of[account],
                    name,
                    value,
                    float(value) if is_number and value is not None else None,
                    None,
                )
                for account, value in values.items()
                if account in self._id_of
            ],
        )
        self._filled[name] = members

    def names(self) -> set[str]:
        """Return the names of the clusters and tags whose members are in."""
        return set(self._filled)

    def remove(self, names: Iterable[str]) -> None:
        """Take out clusters and tags that are no more."""
        for name in names:
            if self._filled.pop(name, None) is not None:
                self._connection.execute(f"DELETE FROM {self._results} WHERE cluster_name = $1", [name])  # noqa: S608

    def run(self, sql: str, seconds: float) -> ResultRows:
        """Run one SELECT for at most that many seconds.

        Raises:
            EvaluationError: It is no single SELECT, is wrong, or takes too long.
        """
        try:
            statements = duckdb.extract_statements(sql)
        except duckdb.Error as problem:
            raise EvaluationError("sql", str(problem).partition("\n")[0]) from None
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise EvaluationError("sql", "只能是一条 SELECT 语句")
        timer = threading.Timer(seconds, self._connection.interrupt)
        timer.start()
        try:
            cursor = self._connection.execute(statements[0])
            headers = [column[0] for column in cursor.description or ()]
            return ResultRows(headers, [_json(row) for row in cursor.fetchall()])
        except duckdb.InterruptException:
            raise EvaluationError("sql", f"查询超过 {seconds:g} 秒，已取消") from None
        except duckdb.Error as problem:
            raise EvaluationError("sql", str(problem).partition("\n")[0]) from None
        finally:
            timer.cancel()

    def _insert(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        if not rows:
            return
        place = f"({', '.join('?' * len(rows[0]))})"
        self._connection.begin()
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start : start + _ROWS_AT_ONCE]
            values = [value for row in some for value in row]
            self._connection.execute(
                f"INSERT INTO {table} VALUES {', '.join([place] * len(some))}",  # noqa: S608
                values,
            )
        self._connection.commit()


def _json(row: tuple[object, ...]) -> bytes:
    return json.dumps([_plain(value) for value in row], ensure_ascii=False, separators=(",", ":")).encode()


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | str | float):
        return value
    return str(value)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

"""An events table and a users table in an in-memory DuckDB database."""

from __future__ import annotations

import glob
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from ...messages import Message
from .errors import EvaluationError, TooComplex
from .sample import EVENT_COLUMNS, USER_COLUMNS, sample_game
from .values import value_text

try:
    import duckdb
except ImportError as _error:  # pragma: no cover - a test sees it in a process of its own
    raise ImportError(Message("emulator-needs-duckdb"), name="duckdb") from _error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime


class ArrowStream(Protocol):
    """Anything with the Arrow C stream interface, such as a pyarrow.Table or a polars.DataFrame."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


DataSource: TypeAlias = str | os.PathLike[str] | ArrowStream | None
"""A path that ends in .parquet or .csv, an Arrow stream, or None."""

Table: TypeAlias = Literal["events", "users"]

ACCOUNT: Final = "#account_id"
_REQUIRED: Final[Mapping[Table, tuple[str, ...]]] = {
    "events": (ACCOUNT, "#event_name", "#event_time"),
    "users": (ACCOUNT,),
}
_SIGNED: Final = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
_WIDE: Final = frozenset({"UBIGINT", "HUGEINT"})
_FRACTIONS: Final = frozenset({"FLOAT", "DOUBLE", "UHUGEINT", "VARINT", "BIGNUM"})


class Database:
    """Tables `events` and `users`, read-only once they are loaded.

    `events` has a row for each event with `#account_id`, `#event_name`, `#event_time` and any property columns;
    `users` has a row for each user with `#account_id` and any property columns. Rows without a value in one of the
    named columns are left out. Types are narrowed on loading to those of TA properties: BIGINT, HUGEINT, DECIMAL and
    DOUBLE (numbers; NaN and infinities become null), VARCHAR, BOOLEAN, TIMESTAMP (zoned times become UTC) and VARCHAR[]
    (arrays); everything else becomes text. CSV has a header, commas and UTF-8, and its empty
    cells are null. A third table, `accounts`, holds every account of both: the users that definitions select from.
    """

    def __init__(
        self, events: DataSource = None, users: DataSource = None, *, now: datetime, seed: int = 1
    ) -> None:
        """Load the tables, or the sample game of `seed` that ends at `now` if both are None.

        With only one of the two given, users are the accounts of the events, or the events are empty.

        Raises:
            FileNotFoundError: A path is not a file.
            ValueError: A required column is missing or has the wrong type, a user has two rows, a file cannot be
                read or its suffix is unknown. The message names the file and the column.
        """
        self.connection: duckdb.DuckDBPyConnection = duckdb.connect(":memory:")
        self._running: duckdb.DuckDBPyConnection | None = None
        try:
            self.connection.execute("SET TimeZone = 'UTC'")
            if events is None and users is None:
                self._load_sample(now, seed)
            else:
                self._load_sources(events, users)
            self.connection.execute(
                'CREATE TABLE accounts AS SELECT "#account_id" FROM users UNION SELECT "#account_id" FROM events'
            )
        except BaseException:
            self.connection.close()
            raise
        self._columns = {table: MappingProxyType(self._describe(table)) for table in _REQUIRED}
        self._indexes: dict[str, dict[str, str]] = {}

    def close(self) -> None:
        """Free the tables. Closing twice is fine."""
        self.connection.close()

    def last_event(self) -> datetime | None:
        """Return the time of the latest event; None if there is no event."""
        row = self.connection.cursor().execute('SELECT max("#event_time") FROM events').fetchone()
        return None if row is None else row[0]

    def run(self, sql: str, parameters: Sequence[object]) -> list[tuple[object, ...]]:
        """Return all rows of a statement.

        Raises:
            TooComplex: It was interrupted, since the evaluation took longer than its `time_limit`.
            EvaluationError: A sum is larger than its type.
        """
        cursor = self._running = self.connection.cursor()
        try:
            return cursor.execute(sql, parameters).fetchall()
        except duckdb.InterruptException:
            raise TooComplex("", "计算超过了时限") from None
        except duckdb.OutOfRangeException:
            raise EvaluationError("", "计算结果超出数值的范围") from None
        finally:
            self._running = None
            cursor.close()

    def interrupt(self) -> None:
        """Interrupt the statement that runs, from any thread."""
        cursor = self._running
        if cursor is not None:
            with suppress(duckdb.ConnectionException):  # it has just ended
                cursor.interrupt()

    def columns(self, table: Table) -> Mapping[str, str]:
        """Return the column names of a table, in order, with their DuckDB types."""
        return self._columns[table]

    def match(self, column: str, values: Sequence[str]) -> list[str | None]:
        """Return the account that each value of an id upload belongs to, in order; None if no user has the value.

        Values are compared exactly with the text of the user property `column`. If several users share a value, the
        account that sorts first is matched. The first call for a column reads the whole column.

        Raises EvaluationError naming `mainColumnName` (spec: 创建上传ID分群或标签).
        """
        index = self._indexes.get(column)
        if index is None:
            index = self._indexes[column] = self._index(column)
        return [index.get(value) for value in values]

    def _index(self, column: str) -> dict[str, str]:
        found = self._columns["users"].get(column)
        if found is None:
            raise EvaluationError("mainColumnName", f"用户表没有字段 {column!r}")
        if found == "VARCHAR[]":
            raise EvaluationError("mainColumnName", f"字段 {column!r} 是列表，不能用来匹配 ID")
        name = quoted(column)
        rows = self.connection.cursor().execute(
            f'SELECT {name}, "{ACCOUNT}" FROM users WHERE {name} IS NOT NULL ORDER BY 2 DESC'  # noqa: S608 - quoted
        )
        return {value_text(value): account for value, account in rows.fetchall()}

    def _load_sources(self, events: DataSource, users: DataSource) -> None:
        if events is None:
            self.connection.execute(
                'CREATE TABLE events ("#account_id" VARCHAR, "#event_name" VARCHAR, "#event_time" TIMESTAMP)'
            )
        else:
            self._load("events", events)
        if users is None:
            self.connection.execute(
                'CREATE TABLE users AS SELECT DISTINCT "#account_id" FROM events ORDER BY "#account_id"'
            )
        else:
            self._load("users", users)

    def _load_sample(self, now: datetime, seed: int) -> None:
        game = sample_game(now, seed)
        with tempfile.TemporaryDirectory(prefix="ta_cluster_sample_") as folder:
            for table, columns, text in (
                ("events", EVENT_COLUMNS, game.events_csv),
                ("users", USER_COLUMNS, game.users_csv),
            ):
                path = Path(folder, f"{table}.csv")
                path.write_text(text, encoding="utf-8", newline="")
                types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
                self.connection.execute(
                    f"CREATE TABLE {table} AS SELECT * FROM read_csv($1, header = true, delim = ',', columns = {{{types}}})",  # noqa: S608 - constants
                    [str(path)],
                )

    def _load(self, table: Table, source: str | os.PathLike[str] | ArrowStream) -> None:
        origin = Message("emulator-source", table=table)
        if isinstance(source, str | os.PathLike):
            path = os.fspath(source)
            origin = Message("emulator-source-file", table=table, path=path)
            if not Path(path).is_file():
                raise FileNotFoundError(Message("emulator-source-not-a-file", source=origin))
            with _wrap_errors(origin):
                self._read_file(table, path, origin)
        elif hasattr(source, "__arrow_c_stream__"):
            with _wrap_errors(origin):
                self.connection.register("incoming", source)
                self.connection.execute("CREATE TABLE raw AS SELECT * FROM incoming")
                self.connection.unregister("incoming")
        else:
            raise ValueError(Message("emulator-source-type", source=origin, type=type(source).__name__))
        with _wrap_errors(origin):
            self._narrow(table, origin)

    def _read_file(self, table: Table, path: str, origin: Message) -> None:
        # DuckDB reads a path as a pattern, so the special characters of patterns are escaped.
        pattern = glob.escape(path)
        suffix = Path(path).suffix.lower()
        if suffix == ".parquet":
            self.connection.execute("CREATE TABLE raw AS SELECT * FROM read_parquet($1)", [pattern])
            return
        if suffix != ".csv":
            raise ValueError(Message("emulator-source-suffix", source=origin))
        dialect = "header = true, delim = ',', quote = '\"', sample_size = -1"
        found = self.connection.execute(
            f"DESCRIBE SELECT * FROM read_csv($1, {dialect})",  # noqa: S608 - constants
            [pattern],
        ).fetchall()
        # Ids such as 007 are strings; by default the reader would make numbers of them.
        texts = [name for name, *_ in found if name in _REQUIRED[table] and name != "#event_time"]
        types = ", ".join(f"'{name}': 'VARCHAR'" for name in texts)
        option = f", types = {{{types}}}" if types else ""
        self.connection.execute(
            f"CREATE TABLE raw AS SELECT * FROM read_csv($1, {dialect}{option})",  # noqa: S608 - constants
            [pattern],
        )

    def _narrow(self, table: Table, origin: Message) -> None:
        found = self._describe("raw")
        for name in _REQUIRED[table]:
            if name not in found:
                raise ValueError(
                    Message("emulator-source-column", source=origin, column=name, columns=", ".join(found))
                )
        if found[ACCOUNT] in _FRACTIONS:
            raise ValueError(
                Message("emulator-source-id-type", source=origin, column=ACCOUNT, type=found[ACCOUNT])
            )
        columns = ", ".join(
            f"{_narrowed(name, kind, required=name in _REQUIRED[table])} AS {quoted(name)}"
            for name, kind in found.items()
        )
        present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in _REQUIRED[table])
        self.connection.execute(f"CREATE TABLE {table} AS SELECT {columns} FROM raw WHERE {present}")  # noqa: S608 - quoted
        self.connection.execute("DROP TABLE raw")
        if table == "users":
            self._check_one_row_per_user(origin)

    def _check_one_row_per_user(self, origin: Message) -> None:
        duplicate = self.connection.execute(
            'SELECT "#account_id" FROM users GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1'
        ).fetchone()
        if duplicate is not None:
            raise ValueError(
                Message("emulator-source-user-twice", source=origin, column=ACCOUNT, account=duplicate[0])
            )

    def _describe(self, table: str) -> dict[str, str]:
        rows = self.connection.execute(f"DESCRIBE {table}").fetchall()
        return {name: kind for name, kind, *_ in rows}


def quoted(name: str) -> str:
    """Return a column name as an SQL identifier, whatever it contains."""
    return '"' + name.replace('"', '""') + '"'


def _narrowed(name: str, kind: str, *, required: bool) -> str:
    column = quoted(name)
    if required:
        return f"CAST({column} AS {'TIMESTAMP' if name == '#event_time' else 'VARCHAR'})"
    if kind in _SIGNED:
        return f"CAST({column} AS BIGINT)"
    if kind in _WIDE:
        return f"CAST({column} AS HUGEINT)"
    if kind.endswith("]"):
        return f"CAST({column} AS VARCHAR[])"
    if kind.startswith("DECIMAL"):
        return column
    if kind in _FRACTIONS:
        number = f"CAST({column} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    if kind == "BOOLEAN":
        return column
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return f"CAST({column} AS TIMESTAMP)"
    return f"CAST({column} AS VARCHAR)"


@contextmanager
def _wrap_errors(origin: Message) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise ValueError(Message("emulator-source-unreadable", source=origin, reason=str(error))) from error

"""The emulator's data: an events table and a users table in an in-memory DuckDB database."""

from __future__ import annotations

import glob
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

try:
    import duckdb
except ImportError as error:  # pragma: no cover - the tests see it in a process of its own
    raise ImportError(
        'The emulator evaluates definitions with DuckDB: python -m pip install "ta-cluster-async[emulator]". '
        "Without it, Emulator(settings=Settings(evaluate=False)) works.",
        name="duckdb",
    ) from error

from .errors import CannotEvaluate
from .sample import EVENT_COLUMNS, USER_COLUMNS, sample_game
from .values import value_text

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
_NEEDED: Final[Mapping[Table, tuple[str, ...]]] = {
    "events": (ACCOUNT, "#event_name", "#event_time"),
    "users": (ACCOUNT,),
}
_SIGNED: Final = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
_WIDE: Final = frozenset({"UBIGINT", "HUGEINT"})
_FRACTIONS: Final = frozenset({"FLOAT", "DOUBLE", "UHUGEINT", "VARINT", "BIGNUM"})


class Warehouse:
    """Tables `events` and `users`, fixed once they are loaded.

    `events` has a row for each event with `#account_id`, `#event_name`, `#event_time` and any property columns;
    `users` has a row for each user with `#account_id` and any property columns. Rows without one of the named
    columns' values are left out. Types are narrowed on loading to those that the TA properties have: BIGINT,
    HUGEINT and DOUBLE (numbers; NaN and infinities become null), VARCHAR, BOOLEAN, TIMESTAMP (zoned times become
    UTC) and VARCHAR[] (lists); everything else becomes text. CSV has a header, commas and UTF-8, and its empty
    cells are null. A third table, `accounts`, holds every account of both, and is who a definition is asked about.
    """

    def __init__(
        self, events: DataSource = None, users: DataSource = None, *, now: datetime, seed: int = 1
    ) -> None:
        """Load the tables, or the sample game of `seed` that ends at `now` where both are None.

        With only one of the two given, users are the accounts of the events, or the events are empty.

        Raises:
            FileNotFoundError: A path leads to no file.
            ValueError: A needed column is missing or has the wrong type, a user has two rows, a file is unreadable
                or its ending is unknown, or `now` has a time zone. The message names the file and the column.
        """
        if now.tzinfo is not None:
            raise ValueError("`now` has to be a naive time: the server's clock has no zone.")
        self.connection = duckdb.connect(":memory:")
        try:
            self.connection.execute("SET TimeZone = 'UTC'")
            if events is None and users is None:
                self._load_sample(now, seed)
            else:
                self._load_sources(events, users)
            self._finish()
        except BaseException:
            self.connection.close()
            raise
        self._columns = {table: MappingProxyType(self._describe(table)) for table in _NEEDED}
        self._indexes: dict[str, dict[str, str]] = {}

    def close(self) -> None:
        """Free the tables. Closing twice is fine."""
        self.connection.close()

    def last_event(self) -> datetime | None:
        """The time of the latest event; None where there is no event."""
        row = self.connection.cursor().execute('SELECT max("#event_time") FROM events').fetchone()
        return None if row is None else row[0]

    def columns(self, table: Table) -> Mapping[str, str]:
        """The column names of a table, in order, with their DuckDB types."""
        return self._columns[table]

    def match(self, column: str, values: Sequence[str]) -> list[str | None]:
        """The account that each value of an id upload belongs to, in order; None where no user has the value.

        Values are compared with the text of the user property `column`, exactly. Where several users share a
        value, the account that sorts first is the one matched. The first call for a column reads the whole column.

        Raises CannotEvaluate that names `mainColumnName` (spec: 创建上传ID分群或标签).
        """
        index = self._indexes.get(column)
        if index is None:
            index = self._indexes[column] = self._index(column)
        return [index.get(value) for value in values]

    def _index(self, column: str) -> dict[str, str]:
        found = self._columns["users"].get(column)
        if found is None:
            raise CannotEvaluate("mainColumnName", f"the users table has no column {column!r}.")
        if found == "VARCHAR[]":
            raise CannotEvaluate(
                "mainColumnName", f"the column {column!r} holds lists, which ids cannot match."
            )
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
        origin = f"The {table} source"
        if isinstance(source, str | os.PathLike):
            path = os.fspath(source)
            if not Path(path).is_file():
                raise FileNotFoundError(f"{origin} {path!r} is no file.")
            origin = f"{origin} {path!r}"
            with _named_errors(origin):
                self._read_file(table, path, origin)
        elif hasattr(source, "__arrow_c_stream__"):
            with _named_errors(origin):
                self.connection.register("incoming", source)
                self.connection.execute("CREATE TABLE raw AS SELECT * FROM incoming")
                self.connection.unregister("incoming")
        else:
            raise ValueError(f"{origin} has to be a path or an Arrow stream, not {type(source).__name__}.")
        with _named_errors(origin):
            self._narrow(table, origin)

    def _read_file(self, table: Table, path: str, origin: str) -> None:
        # DuckDB takes a path for a pattern, so the characters of patterns are escaped.
        pattern = glob.escape(path)
        ending = Path(path).suffix.lower()
        if ending == ".parquet":
            self.connection.execute("CREATE TABLE raw AS SELECT * FROM read_parquet($1)", [pattern])
            return
        if ending != ".csv":
            raise ValueError(f"{origin} has to end in .parquet or .csv.")
        dialect = "header = true, delim = ',', quote = '\"', sample_size = -1"
        found = self.connection.execute(
            f"DESCRIBE SELECT * FROM read_csv($1, {dialect})",  # noqa: S608 - constants
            [pattern],
        ).fetchall()
        # Ids such as 007 are text; left to itself the reader would make numbers of them.
        texts = [name for name, *_ in found if name in _NEEDED[table] and name != "#event_time"]
        types = ", ".join(f"'{name}': 'VARCHAR'" for name in texts)
        option = f", types = {{{types}}}" if types else ""
        self.connection.execute(
            f"CREATE TABLE raw AS SELECT * FROM read_csv($1, {dialect}{option})",  # noqa: S608 - constants
            [pattern],
        )

    def _narrow(self, table: Table, origin: str) -> None:
        found = self._describe("raw")
        for name in _NEEDED[table]:
            if name not in found:
                raise ValueError(f"{origin} has no column {name!r}; it has {', '.join(found) or 'none'}.")
        if found[ACCOUNT] in _FRACTIONS:
            raise ValueError(
                f"{origin} has the type {found[ACCOUNT]} in {ACCOUNT!r}; ids are texts or whole numbers."
            )
        columns = ", ".join(
            f"{_narrowed(name, kind, needed=name in _NEEDED[table])} AS {quoted(name)}"
            for name, kind in found.items()
        )
        present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in _NEEDED[table])
        self.connection.execute(f"CREATE TABLE {table} AS SELECT {columns} FROM raw WHERE {present}")  # noqa: S608 - quoted
        self.connection.execute("DROP TABLE raw")
        if table == "users":
            self._check_one_row_each(origin)

    def _check_one_row_each(self, origin: str) -> None:
        twice = self.connection.execute(
            'SELECT "#account_id" FROM users GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1'
        ).fetchone()
        if twice is not None:
            raise ValueError(
                f"{origin} has more than one row with the {ACCOUNT!r} {twice[0]!r}; each user has one."
            )

    def _finish(self) -> None:
        self.connection.execute(
            'CREATE TABLE accounts AS SELECT "#account_id" FROM users UNION SELECT "#account_id" FROM events'
        )

    def _describe(self, table: str) -> dict[str, str]:
        rows = self.connection.execute(f"DESCRIBE {table}").fetchall()
        return {name: kind for name, kind, *_ in rows}


def quoted(name: str) -> str:
    """A column name as an SQL identifier, whatever it contains."""
    return '"' + name.replace('"', '""') + '"'


def _narrowed(name: str, kind: str, *, needed: bool) -> str:
    column = quoted(name)
    if needed:
        return f"CAST({column} AS {'TIMESTAMP' if name == '#event_time' else 'VARCHAR'})"
    if kind in _SIGNED:
        return f"CAST({column} AS BIGINT)"
    if kind in _WIDE:
        return f"CAST({column} AS HUGEINT)"
    if kind in _FRACTIONS or kind.startswith("DECIMAL"):
        number = f"CAST({column} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    if kind == "BOOLEAN":
        return column
    if kind.endswith("]"):
        return f"CAST({column} AS VARCHAR[])"
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return f"CAST({column} AS TIMESTAMP)"
    return f"CAST({column} AS VARCHAR)"


@contextmanager
def _named_errors(origin: str) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise ValueError(f"{origin} cannot be loaded: {error}") from error

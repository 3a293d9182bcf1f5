"""What a definition is computed from besides events and users: the clusters and tags that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import attrs
from attrs import frozen

from .base import Wire
from .clusters import PropertyFilter
from .enums import Catalog, TableType, catalog_of
from .requests import Creatable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .requests import ToCreate

_TABLES = (TableType.CLUSTER.value, TableType.USER_CLUSTER.value)

# A comment, text or quoted name that does not end goes to the end of the statement, so that each letter is read once.
_TOKEN = re.compile(
    r"--[^\n]*"
    r"|/\*(?:[^*]|\*(?!/))*+(?:\*/)?"
    r"|'(?P<text>(?:[^']|'')*+)'?"
    r'|"(?P<quoted>(?:[^"]|"")*+)"?'
    r"|(?P<word>\w[\w$]*+)"
    r"|(?P<sign>\S)"
)
_RESULT_TABLE = re.compile(r"user_result_cluster_([0-9]{1,18})")


@frozen
class Dependency:
    """A cluster or tag that a definition names.

    Attributes:
        name: Its name.
        catalog: Cluster or tag; None where the definition does not tell.
        cluster_type: Its type, where the definition tells it.
        project_id: The project of the result table that an SQL text reads it from; None for filters, and where several are read.
    """

    name: str
    catalog: Catalog | None = None
    cluster_type: str | None = None
    project_id: int | None = None


def dependencies(definition: ToCreate | Wire) -> tuple[Dependency, ...]:
    """Return the clusters and tags that a definition names, each once, in the order in which they stand there.

    They stand in filters with the `tableType` `cluster` or `user_cluster`, at any depth, and in SQL texts that compare `cluster_name` of a
    table `user_result_cluster_<project>` with texts. SQL texts are looked for under keys with `sql` in their name: the specification has
    no body for SQL definitions. What has another shape names nothing here, and nothing is raised.
    """
    found: dict[tuple[str, int | None], Dependency] = {}
    for one in _named(definition):
        before = found.get((one.name, one.project_id))
        if before is None or (before.catalog is None and one.catalog is not None):
            found[one.name, one.project_id] = one
    return tuple(found.values())


def _named(definition: object) -> Iterator[Dependency]:
    # Not by recursion, as a mapping may be nested deeper than Python calls.
    stack: list[tuple[object, bool]] = [(definition, False)]
    seen: set[int] = set()
    while stack:
        value, is_sql = stack.pop()
        if isinstance(value, str):
            if is_sql:
                yield from _in_sql(value)
        elif id(value) not in seen and (inside := list(_inside(value, is_sql=is_sql))):
            seen.add(id(value))
            if isinstance(value, Mapping):
                yield from _in_filter(
                    value.get("tableType"), value.get("columnName"), value.get("subTableType")
                )
            elif isinstance(value, PropertyFilter):
                yield from _in_filter(value.table_type, value.column_name, value.extra.get("subTableType"))
            stack += reversed(inside)


def _inside(value: object, *, is_sql: bool) -> Iterator[tuple[object, bool]]:
    """Yield the parts of a value, and whether each is SQL."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield item, is_sql or _is_sql(key)
    elif isinstance(value, Creatable):
        for name in ("definition", "extra"):
            yield getattr(value, name), False
    elif isinstance(value, Wire):
        for field in attrs.fields(type(value)):
            yield getattr(value, field.name), False
    elif isinstance(value, list | tuple):
        for item in value:
            yield item, is_sql


def _is_sql(key: object) -> bool:
    return isinstance(key, str) and "sql" in key.lower()


def _in_filter(table: object, name: object, cluster_type: object) -> Iterator[Dependency]:
    if table in _TABLES and isinstance(name, str) and name:
        kind = str(cluster_type) if isinstance(cluster_type, str) and cluster_type else None
        yield Dependency(str(name), None if kind is None else catalog_of(kind), kind)


class _Token(NamedTuple):
    """A part of a statement: `text`, `name` (small letters unless it is quoted) or `sign`."""

    kind: str
    value: str


def _in_sql(sql: str) -> Iterator[Dependency]:
    if "user_result_cluster_" not in sql.lower():
        return
    tokens = list(_tokens(sql))
    tables = (_RESULT_TABLE.fullmatch(token.value.lower()) for token in tokens if token.kind == "name")
    projects = {int(table[1]) for table in tables if table is not None}
    if not projects:
        return
    project = projects.pop() if len(projects) == 1 else None
    for place, token in enumerate(tokens):
        if token.kind == "name" and token.value.lower() == "cluster_name":
            for name in _compared(tokens, place):
                yield Dependency(name, project_id=project)


def _tokens(sql: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(sql):
        if (text := found["text"]) is not None:
            yield _Token("text", text.replace("''", "'"))
        elif (quoted := found["quoted"]) is not None:
            yield _Token("name", quoted.replace('""', '"'))
        elif (word := found["word"]) is not None:
            yield _Token("name", word.lower())
        elif (sign := found["sign"]) is not None:
            yield _Token("sign", sign)


def _compared(tokens: list[_Token], place: int) -> Iterator[str]:
    """Yield the texts that the column in this place is compared with: `= 'a'`, `in ('a', 'b')` and `'a' =`."""
    equal, comma = _Token("sign", "="), _Token("sign", ",")
    after = tokens[place + 1 : place + 4]
    if after[:1] == [equal]:
        if after[1:2] and after[1].kind == "text" and after[2:] != [_Token("sign", "|")]:
            yield after[1].value
        return
    if after[:2] == [_Token("name", "in"), _Token("sign", "(")]:
        for token in tokens[place + 3 :]:
            if token.kind == "text":
                yield token.value
            elif token != comma:
                return
        return
    first = place
    while first >= 2 and tokens[first - 1] == _Token("sign", "."):
        first -= 2  # the alias or the schema before it
    if first >= 2 and tokens[first - 1] == equal and tokens[first - 2].kind == "text":
        yield tokens[first - 2].value

"""What the caller says of a source: where the ids stand in it, and what to do with those that are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

from ..errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from ..protocol.csv import Dropped

    class Encode(Protocol):
        """How rows become CSV, such as `protocol.csv.encode_ids`."""

        def __call__(self, rows: Iterable[object], first_row: int, dropped: Dropped | None = None) -> bytes:
            """The rows, which count from `first_row`; with `dropped`, without those that have no id."""
            ...


OnNull: TypeAlias = Literal["refuse", "skip"]


@frozen(kw_only=True)
class Layout:
    """Where the ids stand in a source.

    Attributes:
        columns: 1 for the ids of clusters, 2 for the ids and values of tags.
        header: CSV text begins with a line of column names.
        names: The columns to take, in their order; None for all that there are.
        on_null: `skip` drops rows without an id. With None they are refused too, and CSV text is not looked into for them.
        count: The rows of CSV text have to be counted, which takes as long as reading it from a file.
    """

    columns: int = 1
    header: bool = False
    names: tuple[str, ...] | None = None
    on_null: OnNull | None = None
    count: bool = False

    @property
    def is_parsed(self) -> bool:
        """Whether CSV text has to be read row by row, and does not go out as it is."""
        return self.names is not None or self.on_null is not None

    def check_rows(self, what: str) -> None:
        """Raise InvalidRequest where something was said that means nothing to rows."""
        if self.header or self.names is not None:
            msg = f"header=, column= and value_column= are not for {what}: only CSV text has a header, and only CSV with one, Parquet and Arrow have columns."
            raise InvalidRequest(msg)

    def check_text(self) -> None:
        """Raise InvalidRequest where columns of a CSV without names are to be picked by name."""
        if self.names is not None and not self.header:
            msg = "column= picks a column of a CSV by the name in its header line: pass header=True as well."
            raise InvalidRequest(msg)

    def check_table(self) -> None:
        """Raise InvalidRequest for a header of what has names anyway."""
        if self.header:
            msg = "header= is for CSV text; Parquet and Arrow data have names for their columns."
            raise InvalidRequest(msg)

    def pick(self, found: list[str]) -> list[int]:
        """The places of the wanted columns among those of a header or schema. Raises InvalidRequest where they are not there."""
        if self.names is None:
            if len(found) != self.columns:
                said = "column=" if self.columns == 1 else "column= and value_column="
                msg = f"There are {len(found)} columns where {self.columns} is wanted: say which with {said}."
                raise InvalidRequest(msg)
            return list(range(self.columns))
        for name in self.names:
            if found.count(name) != 1:
                number = found.count(name)
                msg = (
                    f"There are {number} columns with the name {name!r}."
                    if number
                    else f"There is no column with the name {name!r}."
                )
                raise InvalidRequest(msg)
        return [found.index(name) for name in self.names]


def layout_of(
    columns: int, header: object, column: object, value_column: object, on_null: object, *, count: bool
) -> Layout:
    """Check what the caller said. Raises InvalidRequest."""
    if on_null not in (None, "refuse", "skip"):
        msg = "on_null has to be 'refuse', 'skip' or None."
        raise InvalidRequest(msg)
    if type(header) is not bool:
        msg = "header has to be a bool."
        raise InvalidRequest(msg)
    given = (column,) if columns == 1 else (column, value_column)
    names = tuple(name for name in given if isinstance(name, str) and name)
    if names and len(names) == len(given):
        return Layout(columns=columns, header=header, names=names, on_null=_said(on_null), count=count)
    if any(name is not None for name in given):
        wanted = "column has" if columns == 1 else "column and value_column both have"
        msg = f"{wanted} to be the name of a column, or left out."
        raise InvalidRequest(msg)
    return Layout(columns=columns, header=header, on_null=_said(on_null), count=count)


def _said(on_null: object) -> OnNull | None:
    if on_null == "skip":
        return "skip"
    return None if on_null is None else "refuse"

"""How the rows of an upload are read: where the ids stand, and what happens to rows without one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

from attrs import frozen

from ..errors import InvalidRequest
from ..messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    from ..protocol.csv import Dropped
    from .progress import OnProgress

    class Encode(Protocol):
        """Writes rows as CSV, such as `protocol.csv.encode_ids`."""

        def __call__(self, rows: Iterable[object], first_row: int, dropped: Dropped | None = None) -> bytes:
            """Return the rows, which count from `first_row`; with `dropped`, without those that have no id."""
            ...


MAX_LINE = 1 << 24
MAX_COLUMNS = 10_000
_NAMES_IN_MESSAGE = 20
_NAME_IN_MESSAGE = 60
_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")

OnNull: TypeAlias = Literal["refuse", "skip"]


class UploadOptions(TypedDict, total=False):
    """The arguments of every upload that say how its rows are read and judged. `layout_of` checks them."""

    column: str | None
    value_column: str | None
    header: bool
    on_null: OnNull | None
    require_match: float | None
    on_progress: OnProgress | None
    max_line: int
    max_columns: int


@frozen(kw_only=True)
class Layout:
    """Where the ids stand in a source.

    Attributes:
        columns: 1 for the ids of clusters, 2 for the ids and values of tags.
        header: CSV text begins with a line of column names.
        names: The columns to take, in their order; None for all.
        on_null: `skip` drops rows without an id. With None they are refused too, and CSV text goes out without a check for them.
        count: Count the rows of CSV text, which takes as long as reading it from a file.
        max_line: Characters of the longest row of CSV text that is read row by row, and of the longest header.
        max_columns: The most columns of a header.
    """

    columns: int = 1
    header: bool = False
    names: tuple[str, ...] | None = None
    on_null: OnNull | None = None
    count: bool = False
    max_line: int = MAX_LINE
    max_columns: int = MAX_COLUMNS

    @property
    def is_parsed(self) -> bool:
        """Whether CSV text is read row by row, and does not go out as it is."""
        return self.names is not None or self.on_null is not None

    def check_rows(self) -> None:
        """Raise InvalidRequest for options that mean nothing for an iterable of rows."""
        if self.header or self.names is not None:
            raise InvalidRequest(Message("rows-without-columns"))

    def check_text(self) -> None:
        """Raise InvalidRequest where columns of CSV text without a header are named."""
        if self.names is not None and not self.header:
            raise InvalidRequest(Message("column-without-header"))

    def check_table(self) -> None:
        """Raise InvalidRequest for a header of data whose columns have names anyway."""
        if self.header:
            raise InvalidRequest(Message("header-of-table"))

    def pick_header(self, found: list[str], source: Message) -> list[int]:
        """Return what `pick` does, for the header of CSV text. Raises InvalidRequest where it has too many columns, too."""
        if len(found) > self.max_columns:
            message = Message("too-many-columns", source=source, count=len(found), most=self.max_columns)
            raise InvalidRequest(message)
        return self.pick(found, source)

    def pick(self, found: list[str], source: Message) -> list[int]:
        """Return the places of the wanted columns among those found. Raises InvalidRequest that names the source.

        The index of a pandas frame that has no name is no column, unless it is picked by the name that pandas gives it.
        """
        columns = [place for place, name in enumerate(found) if not _UNNAMED_INDEX.fullmatch(name)]
        names = ", ".join(repr(_shortened(found[place])) for place in columns[:_NAMES_IN_MESSAGE])
        if len(columns) > _NAMES_IN_MESSAGE:
            names += ", ..."
        names = names or "-"
        if self.names is None:
            if len(columns) != self.columns:
                code = "one-column-needed" if self.columns == 1 else "two-columns-needed"
                raise InvalidRequest(Message(code, source=source, count=len(columns), names=names))
            return columns
        for name in self.names:
            if (count := found.count(name)) != 1:
                code = "column-repeated" if count else "column-missing"
                raise InvalidRequest(Message(code, source=source, name=name, count=count, names=names))
        return [found.index(name) for name in self.names]


def layout_of(options: UploadOptions, columns: int) -> Layout:
    """Return the layout that the options describe. Raises InvalidRequest for an option that is wrong, whichever it is."""
    _check_values(options)
    given = [options.get("column"), options.get("value_column")][:columns]
    names = tuple(name for name in given if isinstance(name, str) and name)
    if len(names) < columns and any(name is not None for name in given):
        raise InvalidRequest(Message("column-not-a-name" if columns == 1 else "columns-not-names"))
    return Layout(
        columns=columns,
        header=options.get("header", False),
        names=names or None,
        on_null=options.get("on_null"),
        count=options.get("require_match") is not None or options.get("on_progress") is not None,
        max_line=options.get("max_line", MAX_LINE),
        max_columns=options.get("max_columns", MAX_COLUMNS),
    )


def _check_values(options: Mapping[str, object]) -> None:
    if options.get("on_null") not in (None, "refuse", "skip"):
        raise InvalidRequest(Message("must-be-one-of", name="on_null", values="'refuse', 'skip', None"))
    if type(options.get("header", False)) is not bool:
        raise InvalidRequest(Message("must-be-bool", name="header"))
    for name in ("max_line", "max_columns"):
        value = options.get(name, 1)
        if type(value) is not int or value < 1:
            raise InvalidRequest(Message("must-be-at-least-one", name=name))
    required = options.get("require_match")
    if required is not None and not _is_share(required):
        raise InvalidRequest(Message("require-match-invalid"))
    on_progress = options.get("on_progress")
    if on_progress is not None and not callable(on_progress):
        raise InvalidRequest(Message("on-progress-not-callable"))


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_IN_MESSAGE else f"{name[:_NAME_IN_MESSAGE]}..."


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1

"""What statements leave on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..query.result_table import ResultRows, ResultTables


class SqlResults:
    """The tables once they are used, and the results of submitted statements.

    Attributes:
        tables: The tables; None before the first statement.
        by_task: The rows and the page size of each submitted statement.
    """

    def __init__(self) -> None:
        self.tables: ResultTables | None = None
        self.by_task: dict[str, tuple[ResultRows, int]] = {}

    def close(self) -> None:
        """Free the tables."""
        if self.tables is not None:
            self.tables.close()

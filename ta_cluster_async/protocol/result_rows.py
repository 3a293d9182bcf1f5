"""Rows of an SQL result, one JSON array a line, from the bytes as they come. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from ..errors import SchemaError
from ..messages import Message
from . import json

if TYPE_CHECKING:
    from ..models import JsonValue

# A line may be as long as this before its end must come. A row of members has some hundred bytes, and a line that is all empty arrays
# blocks the event loop for a quarter of a second for each MiB.
LONGEST_LINE: Final = 2**18


class ErrorLine(Exception):
    """A line that is an object: the envelope of an error.

    Attributes:
        body: The line.
    """

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body


class RowReader:
    """Collects the bytes of an answer to rows of the same width. A row of width 1 is returned as its value, all others as lists.

    Attributes:
        width: How many values each row has.
        count: The rows until now.
    """

    def __init__(self, width: int) -> None:
        self.width: int = width
        self.count: int = 0
        self._tail = b""

    def feed(self, data: bytes) -> list[JsonValue]:
        """Return the rows that are whole with these bytes.

        Raises:
            ErrorLine: A line is an object.
            SchemaError: A line is no array of `width` values, or does not end. The values are not shown.
        """
        head, newline, tail = data.rpartition(b"\n")
        if not newline:
            self._tail += tail
            if len(self._tail) > LONGEST_LINE:
                raise self._broken(Message("member-line-too-long", limit=LONGEST_LINE))
            return []
        block, self._tail = self._tail + head, tail
        return self._rows(block)

    def end(self) -> list[JsonValue]:
        """Return the row at the end without a line break, if there is one. Raises as `feed` does."""
        block, self._tail = self._tail, b""
        return self._rows(block) if block.strip() else []

    def _rows(self, block: bytes) -> list[JsonValue]:
        found = self._values(block) if self.width == 1 else self._lists(block)
        if found is None:
            rows = self._line_by_line(block)  # which says what is wrong, where
            found = [row[0] for row in rows] if self.width == 1 else cast("list[JsonValue]", rows)
        self.count += len(found)
        return found

    def _values(self, block: bytes) -> list[JsonValue] | None:
        """Return the values of rows of one value each; None where some are not.

        They are read as one array of as many values as there are lines: a list for each would take most of the time. No row can have
        less than one, as two commas would meet. The line breaks stay, since inside a text they are an error.
        """
        found = _loads(block.replace(b"\r\n", b"\n").replace(b"]\n[", b",\n"))
        if type(found) is not list or len(found) != block.count(b"\n") + 1:
            return None
        return found

    def _lists(self, block: bytes) -> list[JsonValue] | None:
        """Return rows as lists; None where some are not."""
        # One parse for all lines, which is twice as fast as one for each. JSON has no line break inside a value.
        found = _loads(b"[" + block.replace(b"\n", b",") + b"]")
        width = self.width
        for row in found if type(found) is list else ():
            if type(row) is not list or len(row) != width:
                return None
        return cast("list[JsonValue] | None", found)

    def _line_by_line(self, block: bytes) -> list[list[JsonValue]]:
        """Return the rows of lines among which one is blank, or raise what is wrong with one of them."""
        rows: list[list[JsonValue]] = []
        for line in block.split(b"\n"):
            if not line.strip():
                continue
            if line.lstrip().startswith(b"{"):
                raise ErrorLine(line)
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if type(row) is not list or len(row) != self.width:
                self.count += len(rows)
                raise self._broken(Message("member-line-broken", row=self.count + 1, width=self.width))
            rows.append(row)
        return rows

    def _broken(self, message: Message) -> SchemaError:
        return SchemaError(message, path=f"rows[{self.count}]")


def _loads(text: bytes) -> JsonValue:
    try:
        return json.loads(text)
    except ValueError:
        return None

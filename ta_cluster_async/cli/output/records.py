"""Results as JSON, CSV, or a table of chosen fields."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from attrs import frozen

from ...errors import InvalidRequest
from ..i18n.translate import tr
from .console import json_text, print_json, print_result, print_text, visible
from .format import OutputFormat
from .tables import plain_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_FORMULA = tuple("=+-@\t\r＝＋－＠")
"""What makes a spreadsheet calculate a cell, in the wide forms of Chinese input too."""


@frozen(kw_only=True)
class Form:
    """How a result is written.

    Attributes:
        format: Table, JSON or CSV.
        fields: The fields that are wanted, by their names in JSON; empty for all.
    """

    format: OutputFormat
    fields: tuple[str, ...] = ()

    @property
    def is_usual_table(self) -> bool:
        """Whether the command's own table is wanted, which fits its columns to the terminal."""
        return self.format is OutputFormat.TABLE and not self.fields

    @property
    def is_json(self) -> bool:
        """Whether JSON is wanted."""
        return self.format is OutputFormat.JSON

    def chosen(
        self, records: Sequence[Mapping[str, object]], columns: Sequence[str]
    ) -> list[dict[str, object]]:
        """Return the wanted fields of each record, None for one that it does not have.

        Raises:
            InvalidRequest: A field is none of the columns, and no record has it.
        """
        if not self.fields:
            return [dict(record) for record in records]
        known = dict.fromkeys([*columns, *(name for record in records for name in record)])
        for name in self.fields:
            if records and name not in known:
                raise InvalidRequest(
                    tr(
                        "No result has the field {name!r}. It has: {known}.",
                        name=name,
                        known=", ".join(known),
                    )
                )
        return [{name: record.get(name) for name in self.fields} for record in records]


def form_of(output: OutputFormat | None, fields: str | None, *, as_json: bool) -> Form:
    """Return how a result is written, by the options --output, --fields and --json.

    Raises:
        InvalidRequest: Two of them say different things, or there is no field.
    """
    if as_json and output not in (None, OutputFormat.JSON):
        raise InvalidRequest(tr("Use either --json or --output."))
    names = () if fields is None else tuple(name.strip() for name in fields.split(",") if name.strip())
    if fields is not None and not names:
        raise InvalidRequest(tr("--fields needs names, such as those that --json writes."))
    if output is None:
        output = OutputFormat.JSON if as_json else OutputFormat.TABLE
    return Form(format=output, fields=names)


def print_records(
    records: Sequence[Mapping[str, object]], form: Form, columns: Sequence[str], *, indent: int | None = None
) -> None:
    """Write records in a form that is not the command's own table.

    Args:
        records: JSON values by the names of their fields.
        form: What is wanted.
        columns: The fields of CSV where none are chosen: always the same, whatever the records have.
        indent: Of JSON.

    Raises:
        InvalidRequest: No record has a field that is wanted.
    """
    found = form.chosen(records, columns)
    if form.is_json:
        for record in found:
            print_json(record, indent=indent)
        return
    names = form.fields or tuple(columns)
    if form.format is OutputFormat.CSV:
        print_text(csv_text(names, ([record.get(name) for name in names] for record in found)))
    elif found:
        rows = [[visible(_text(record.get(name))) for name in names] for record in found]
        print_result(plain_table([visible(name) for name in names], rows))


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return CSV without a line end after the last row.

    A text that a spreadsheet would take for a formula begins with an apostrophe, since names come from other people. Numbers stay
    as they are. What a terminal obeys is escaped, line ends too, so that each row is one line.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    for row in (header, *rows):
        writer.writerow([_cell(value) for value in row])
    return file.getvalue().removesuffix("\n")


def _cell(value: object) -> str:
    text = _text(value)
    is_number = isinstance(value, int | float)
    return visible(f"'{text}" if text.startswith(_FORMULA) and not is_number else text)


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(value)

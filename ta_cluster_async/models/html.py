"""Values as HTML for notebooks. Everything is escaped: names and messages come from the server."""

from __future__ import annotations

from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING

from ..messages import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LONGEST = 300
"""Characters of a cell."""


def html_table(title: str, header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table of rows under a header and a title."""
    head = "".join(f"<th>{_cell(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows)
    return f"<div>{_title(title)}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def html_fields(title: str, fields: Mapping[str, object]) -> str:
    """Return a table of names and values, without those that are None or empty."""
    rows = "".join(
        f"<tr><th>{_cell(name)}</th><td>{_cell(value)}</td></tr>"
        for name, value in fields.items()
        if value is not None and value not in ("", {}, ())
    )
    return f"<div>{_title(title)}<table><tbody>{rows}</tbody></table></div>"


def _title(text: str) -> str:
    return f"<b>{_cell(text)}</b>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = escaped(value.value if isinstance(value, StrEnum) else str(value))
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")

"""Results as tables that fit the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from ...batch.report import Status
from ...models import unstructure
from ..i18n.translate import tr
from .console import results, visible
from .status_names import status_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import Console, OverflowMethod

    from ...batch.report import Outcome
    from ...models import ClusterDetail, ClusterRow

_NARROW = 72
_STYLES = {Status.SUCCEEDED: "green", Status.SKIPPED: "dim", Status.CANCELLED: "yellow"}


def outcome_table(outcomes: Iterable[Outcome], kinds: Mapping[str, str] | None = None) -> Table:
    """A row for each outcome, with the kind where `kinds` knows it by the name."""
    console = results()
    wide = console.width >= _NARROW
    table = _table()
    table.add_column(tr("id"), justify="right", no_wrap=True)
    _add_name_column(table, tr("name"), console)
    if wide and kinds is not None:
        table.add_column(tr("kind"), no_wrap=True)
    table.add_column(tr("status"), no_wrap=True)
    table.add_column(tr("users"), justify="right", no_wrap=True)
    if wide:
        table.add_column(tr("seconds"), justify="right", no_wrap=True)
    for outcome in outcomes:
        name = outcome.cluster_name or (outcome.ref if isinstance(outcome.ref, str) else "")
        status = Text(status_word(outcome.status), style=_STYLES.get(outcome.status, "red"))
        cells: list[str | Text] = [_number(outcome.cluster_id), visible(name)]
        if wide and kinds is not None:
            cells.append(kinds.get(name, ""))
        cells += [status, _number(outcome.users_num)]
        if wide:
            cells.append("" if outcome.run_seconds is None else f"{outcome.run_seconds:.1f}")
        table.add_row(*cells)
    return table


def row_table(rows: Iterable[ClusterRow]) -> Table:
    """A row for each cluster or tag of a list."""
    console = results()
    wide = console.width >= _NARROW
    table = _table()
    table.add_column(tr("id"), justify="right", no_wrap=True)
    _add_name_column(table, tr("name"), console)
    if wide:
        _add_name_column(table, tr("display name"), console)
    table.add_column(tr("progress"), justify="right", no_wrap=True)
    table.add_column(tr("users"), justify="right", no_wrap=True)
    if wide:
        table.add_column(tr("refreshed"), no_wrap=True)
    for row in rows:
        cells = [str(row.id), visible(row.cluster_name)]
        if wide:
            cells.append(visible(row.display_name or ""))
        cells += [_progress(row.progress), _number(row.users_num)]
        if wide:
            cells.append("" if row.refresh_time is None else str(row.refresh_time))
        table.add_row(*cells)
    return table


def detail_table(detail: ClusterDetail) -> Table:
    """A cluster or tag with its definition, one line for each field."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    lines = {
        tr("id"): str(detail.id),
        tr("name"): detail.cluster_name,
        tr("display name"): detail.display_name,
        tr("type"): str(detail.cluster_type),
        tr("progress"): _progress(detail.progress),
        tr("users"): str(detail.users_num),
        tr("refreshed"): "" if detail.refresh_time is None else str(detail.refresh_time),
    }
    for name, value in lines.items():
        table.add_row(name, visible(value))
    definition = detail.user_cluster_def or detail.user_tag_def
    if definition is not None:
        text = json.dumps(unstructure(definition), ensure_ascii=False, indent=2)
        table.add_row(tr("definition"), Text(visible(text)))
    return table


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))


def _add_name_column(table: Table, header: str, console: Console) -> None:
    """A column that may be wrapped and cut, which is why it gives way where the terminal is narrow, and no other does."""
    overflow: OverflowMethod = "ellipsis" if console.encoding.startswith("utf") else "crop"
    table.add_column(header, overflow=overflow)


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _progress(value: int | None) -> str:
    if value is None:
        return ""
    return tr("failed") if value == -1 else f"{value}%"

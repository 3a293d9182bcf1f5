"""Results as tables that fit the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from ...batch.report import Status
from ...models import unstructure
from ..i18n.translate import tr
from .console import json_text, stdout, visible
from .errors import outcome_text, stop_text, warning_text
from .json_lines import without_credentials
from .progress import clock, status_count, status_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import OverflowMethod

    from ...batch import Outcome, RefreshReport
    from ...batch.journal.journal import RunInfo
    from ...models import ClusterDetail, ClusterRow

_NARROW = 72
_WIDE = 110
_WIDEST = 140
_STYLES = {Status.SUCCEEDED: "green", Status.SKIPPED: "dim", Status.CANCELLED: "yellow"}


def outcome_table(outcomes: Iterable[Outcome], kinds: Mapping[str, str] | None = None) -> Table:
    """Return a row for each outcome, with its kind where `kinds` has one for the name."""
    wide = stdout().width >= _NARROW
    table = _table()
    table.add_column(tr("id"), justify="right", no_wrap=True)
    _add_name_column(table, tr("name"))
    if wide and kinds is not None:
        table.add_column(tr("kind"), no_wrap=True)
    table.add_column(tr("status"), no_wrap=True)
    table.add_column(tr("users"), justify="right", no_wrap=True)
    if wide:
        table.add_column(tr("seconds"), justify="right", no_wrap=True)
    for outcome in outcomes:
        cells: list[str | Text] = [_number(outcome.cluster_id), visible(_name(outcome))]
        if wide and kinds is not None:
            cells.append(kinds.get(_name(outcome), ""))
        cells += [_status(outcome.status), _number(outcome.users_num)]
        if wide:
            cells.append(_seconds(outcome))
        table.add_row(*cells)
    return table


def run_table(outcomes: Iterable[Outcome]) -> Table:
    """Return a row for each outcome of a run in a journal, with the reason where there is one."""
    wide = stdout().width >= _NARROW
    table = _table()
    table.add_column(tr("id"), justify="right", no_wrap=True)
    _add_name_column(table, tr("name"))
    table.add_column(tr("status"), no_wrap=True)
    if wide:
        table.add_column(tr("seconds"), justify="right", no_wrap=True)
        table.add_column(tr("message"), overflow="fold")
    for outcome in outcomes:
        cells: list[str | Text] = [
            _number(outcome.cluster_id),
            visible(_name(outcome)),
            _status(outcome.status),
        ]
        if wide:
            cells += [_seconds(outcome), visible(outcome_text(outcome) or warning_text(outcome))]
        table.add_row(*cells)
    return table


def check_table(rows: Iterable[tuple[str, ClusterRow | None, str]]) -> Table:
    """Return a row for each name with its row in the list, if it has one, and what is off."""
    wide = stdout().width >= _NARROW
    table = _table()
    table.add_column(tr("id"), justify="right", no_wrap=True)
    _add_name_column(table, tr("name"))
    table.add_column(tr("users"), justify="right", no_wrap=True)
    if wide:
        table.add_column(tr("refreshed"), no_wrap=True)
    table.add_column(tr("message"), overflow="fold")
    for name, row, problem in rows:
        cells = ["" if row is None else str(row.id), visible(name)]
        cells.append("" if row is None else _number(row.users_num))
        if wide:
            cells.append("" if row is None or row.refresh_time is None else str(row.refresh_time))
        table.add_row(*cells, visible(problem))
    return table


def row_table(rows: Iterable[ClusterRow]) -> Table:
    """Return a row for each cluster or tag of a list."""
    wide = stdout().width >= _NARROW
    widest = stdout().width >= _WIDEST
    table = _table()
    table.add_column(tr("id"), justify="right", no_wrap=True)
    _add_name_column(table, tr("name"))
    if wide:
        _add_name_column(table, tr("display name"))
    table.add_column(tr("progress"), justify="right", no_wrap=True)
    table.add_column(tr("users"), justify="right", no_wrap=True)
    if wide:
        table.add_column(tr("refreshed"), no_wrap=True)
    if widest:
        _add_name_column(table, tr("type"))
        _add_name_column(table, tr("owner"))
        _add_name_column(table, tr("remarks"))
    for row in rows:
        cells = [str(row.id), visible(row.cluster_name)]
        if wide:
            cells.append(visible(row.display_name or ""))
        cells += [_progress(row.progress), _number(row.users_num)]
        if wide:
            cells.append("" if row.refresh_time is None else str(row.refresh_time))
        if widest:
            texts = (row.cluster_type, row.user_name or row.user_id, row.remarks)
            cells += [visible("" if text is None else str(text)) for text in texts]
        table.add_row(*cells)
    return table


def detail_table(detail: ClusterDetail) -> Table:
    """Return a cluster or tag with its definition, one line for each field."""
    table = _field_table(
        {
            tr("id"): str(detail.id),
            tr("name"): visible(detail.cluster_name),
            tr("display name"): visible(detail.display_name or ""),
            tr("type"): visible(str(detail.cluster_type or "")),
            tr("progress"): _progress(detail.progress),
            tr("users"): "" if detail.users_num is None else str(detail.users_num),
            tr("refreshed"): "" if detail.refresh_time is None else str(detail.refresh_time),
        }
    )
    definition = detail.user_cluster_def or detail.user_tag_def
    if definition is not None:
        table.add_row(tr("definition"), Text(json_text(unstructure(definition), indent=2)))
    return table


def runs_table(runs: Iterable[RunInfo]) -> Table:
    """Return a row for each run of a journal."""
    width = stdout().width
    table = _table()
    table.add_column(tr("run"), no_wrap=True)
    table.add_column(tr("project"), justify="right", no_wrap=True)
    if width >= _WIDE:
        _add_name_column(table, tr("server"))
    if width >= _NARROW:
        table.add_column(tr("state"), no_wrap=True)
        table.add_column(tr("took"), justify="right", no_wrap=True)
    table.add_column(tr("outcomes"))
    for info in runs:
        cells: list[str | Text] = [visible(info.run_id), str(info.project_id)]
        if width >= _WIDE:
            cells.append(visible(without_credentials(info.base_url)))
        if width >= _NARROW:
            cells += [_state(info), clock(info.makespan) if info.makespan else ""]
        cells.append(_counts(info.counts, info.unfinished))
        table.add_row(*cells)
    return table


def report_table(report: RefreshReport, *, is_over: bool, unfinished: int) -> Table:
    """Return the facts of a run, one line for each."""
    bound = report.lower_bound.seconds
    at_best = tr(" (at best {time})", time=clock(bound)) if bound else ""
    fields: dict[str, str | Text] = {
        tr("run"): visible(report.run_id),
        tr("project"): str(report.project_id),
        tr("began"): f"{report.started_at:%Y-%m-%d %H:%M:%S} UTC",
        tr("took"): f"{clock(report.makespan)}{at_best}",
        tr("at a time"): str(report.max_running),
        tr("requests"): str(report.requests),
        tr("outcomes"): _counts(report.counts, unfinished),
    }
    if report.stopped:
        fields[tr("stopped early")] = visible(stop_text(report))
    if not is_over:
        fields[tr("state")] = tr("not complete")
    return _field_table(fields)


def plain_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    """Return rows of texts, which are escaped already, under a header."""
    table = _table()
    for name in header:
        _add_name_column(table, name)
    for row in rows:
        table.add_row(*row)
    return table


def _state(info: RunInfo) -> Text:
    if info.state == "complete":
        return Text(tr("complete"))
    if info.state == "abandoned":
        return Text(tr("given up"), style="yellow")
    return Text(tr("running"), style="cyan") if info.holder else Text(tr("interrupted"), style="yellow")


def _counts(counts: Mapping[Status, int], unfinished: int) -> Text:
    parts = [
        _in_colour(status, status_count(status, counts[status])) for status in Status if status in counts
    ]
    if unfinished:
        parts.append(Text(tr("{count} without an outcome yet", count=unfinished), style="yellow"))
    return Text(tr(", ")).join(parts)


def _status(status: Status) -> Text:
    return _in_colour(status, status_name(status))


def _in_colour(status: Status, text: str) -> Text:
    return Text(text, style=_STYLES.get(status, "red"))


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))


def _field_table(fields: Mapping[str, str | Text]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, value in fields.items():
        table.add_row(name, value)
    return table


def _add_name_column(table: Table, header: str) -> None:
    """Add a column that may be wrapped and cut, so that it gives way where the terminal is narrow, and no other does."""
    overflow: OverflowMethod = "ellipsis" if stdout().encoding.startswith("utf") else "crop"
    table.add_column(header, overflow=overflow)


def _name(outcome: Outcome) -> str:
    return outcome.cluster_name or (outcome.ref if isinstance(outcome.ref, str) else "")


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _seconds(outcome: Outcome) -> str:
    return "" if outcome.run_seconds is None else f"{outcome.run_seconds:.1f}"


def _progress(value: int | None) -> str:
    if value is None:
        return ""
    return tr("failed") if value == -1 else f"{value}%"

"""Runs and their outcomes as tables that fit the terminal, and as lines of JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs
from rich.table import Table
from rich.text import Text

from ...batch.report import Status
from ..i18n.translate import tr
from .console import results, visible
from .progress import clock
from .status_names import status_word, stopped, why

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import OverflowMethod

    from ...batch import Outcome
    from ...batch.journal.journal import RunInfo
    from ..report.source import Record

_NARROW = 72
_WIDE = 110
_STYLES = {Status.SUCCEEDED: "green", Status.SKIPPED: "dim", Status.CANCELLED: "yellow"}


def runs_table(runs: Iterable[RunInfo]) -> Table:
    """A row for each run of a journal."""
    width = results().width
    table = _table()
    table.add_column(tr("run"), no_wrap=True)
    table.add_column(tr("project"), justify="right", no_wrap=True)
    if width >= _WIDE:
        table.add_column(tr("server"), overflow=_overflow())
    if width >= _NARROW:
        table.add_column(tr("state"), no_wrap=True)
        table.add_column(tr("took"), justify="right", no_wrap=True)
    table.add_column(tr("outcomes"))
    for info in runs:
        cells: list[str | Text] = [visible(info.run_id), str(info.project_id)]
        if width >= _WIDE:
            cells.append(visible(_without_credentials(info.base_url)))
        if width >= _NARROW:
            cells += [_state(info), clock(info.makespan) if info.makespan else ""]
        cells.append(_counts(info.counts, info.unfinished))
        table.add_row(*cells)
    return table


def facts_table(record: Record) -> Table:
    """A run in some lines."""
    report = record.report
    bound = report.lower_bound.seconds
    at_best = tr(" (at best {time})", time=clock(bound)) if bound else ""
    lines: dict[str, str | Text] = {
        tr("run"): visible(report.run_id),
        tr("project"): str(report.project_id),
        tr("began"): f"{report.started_at:%Y-%m-%d %H:%M:%S} UTC",
        tr("took"): f"{clock(report.makespan)}{at_best}",
        tr("at a time"): str(report.max_running),
        tr("requests"): str(report.requests),
        tr("outcomes"): _counts(report.counts, record.unfinished),
    }
    if report.stopped:
        lines[tr("stopped early")] = visible(stopped(report.stopped))
    if not record.over:
        lines[tr("state")] = tr("not complete")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, value in lines.items():
        table.add_row(name, value)
    return table


def run_table(outcomes: Iterable[Outcome]) -> Table:
    """A row for each outcome, with the reason where there is one."""
    wide = results().width >= _NARROW
    table = _table()
    table.add_column(tr("id"), justify="right", no_wrap=True)
    table.add_column(tr("name"), overflow=_overflow())
    table.add_column(tr("status"), no_wrap=True)
    if wide:
        table.add_column(tr("seconds"), justify="right", no_wrap=True)
        table.add_column(tr("message"), overflow="fold")
    for outcome in outcomes:
        name = outcome.cluster_name or (outcome.ref if isinstance(outcome.ref, str) else "")
        cells: list[str | Text] = [
            "" if outcome.cluster_id is None else str(outcome.cluster_id),
            visible(name),
            _status(outcome.status, status_word(outcome.status)),
        ]
        if wide:
            cells.append("" if outcome.run_seconds is None else f"{outcome.run_seconds:.1f}")
            cells.append(visible(why(outcome)))
        table.add_row(*cells)
    return table


def run_json(info: RunInfo) -> str:
    """A run as one line."""
    said = attrs.asdict(info, recurse=False)
    said["base_url"] = _without_credentials(info.base_url)
    for name in ("started_at", "ended_at"):
        said[name] = None if said[name] is None else said[name].isoformat()
    said["counts"] = {status.value: count for status, count in info.counts.items()}
    return json.dumps(said)


def _state(info: RunInfo) -> Text:
    if info.state == "complete":
        return Text(tr("complete"))
    if info.state == "abandoned":
        return Text(tr("given up"), style="yellow")
    return Text(tr("running"), style="cyan") if info.holder else Text(tr("interrupted"), style="yellow")


def _counts(counts: Mapping[Status, int], unfinished: int) -> Text:
    parts = [
        _status(status, f"{counts[status]} {status_word(status)}") for status in Status if status in counts
    ]
    if unfinished:
        parts.append(Text(tr("{count} without an outcome yet", count=unfinished), style="yellow"))
    return Text(tr(", ")).join(parts)


def _status(status: Status, text: str) -> Text:
    return Text(text, style=_STYLES.get(status, "red"))


def _without_credentials(url: str) -> str:
    """The address of a deployment. Nobody should have put more into it, but a journal keeps it as it was."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))


def _overflow() -> OverflowMethod:
    return "ellipsis" if results().encoding.startswith("utf") else "crop"

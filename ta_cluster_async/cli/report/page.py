"""The report as one page that loads nothing: a Jinja template that draws in SVG. Needs the extra `report`."""

from __future__ import annotations

import base64
import hashlib
from importlib.metadata import version
from importlib.resources import files
from statistics import median
from typing import TYPE_CHECKING, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ...batch.report import Status
from ..i18n.language import is_chinese
from ..i18n.translate import tr
from ..output.errors import outcome_text, stop_text, warning_text
from ..output.progress import status_name
from .bars import bars_of, times_of
from .comparison import compare
from .figures import figure_of_durations, figure_of_in_flight, figures_of_throughput
from .graph import dependencies_of, tone_of
from .text import name_of, shortened, well_formed
from .timeline import lay_out
from .words import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

    from ...batch import Outcome, RefreshReport
    from .comparison import Comparison
    from .source import Record
    from .timeline import Timeline

_LONGEST_MESSAGE = 1_000

Row: TypeAlias = dict[str, str]


def render_page(record: Record) -> str:
    """Return the page of a run, in the language of the command."""
    report = record.report
    timeline, comparison = lay_out(report), compare(record)
    drawn = bool(timeline.spans)
    script = _script(_read("report.js"))
    return _template().render(
        lang="zh-CN" if is_chinese() else "en",
        title=tr("Refreshes of project {project}", project=report.project_id),
        run_id=well_formed(report.run_id),
        began=f"{report.started_at:%Y-%m-%d %H:%M:%S}",
        notes=_notes(record),
        counts=_counts(report),
        measures=_measures(report),
        failures=[_failure(outcome) for outcome in report.failures],
        failures_count=f"{len(report.failures):,}",
        flagged=[_flagged(outcome) for outcome in report.flagged],
        no_failures=_no_failures(record) if report.total else "",
        cut=_cut(report.failures),
        dependencies=dependencies_of(report),
        drawn=drawn,
        timeline_notes=_timeline_notes(report, timeline),
        durations=_durations(comparison) if drawn else None,
        in_flight=figure_of_in_flight(timeline, report) if drawn else None,
        bars=bars_of(timeline) if drawn else None,
        times=times_of(timeline),
        throughput=figures_of_throughput(timeline, report.lower_bound.seconds) if drawn else (),
        made_by=tr(
            "Made by ta-cluster {version}. This page loads nothing from the network.",
            version=version("ta-cluster-async"),
        ),
        style=Markup(_read("report.css")),  # noqa: S704 - these are our own files
        script=Markup(script),  # noqa: S704
        script_hash=Markup(f"'{_hash(script)}'"),  # noqa: S704
    )


def _notes(record: Record) -> list[str]:
    notes = (
        [] if record.over else [tr("This run is not complete: the page shows what the journal knows so far.")]
    )
    if record.report.stopped:
        notes.append(tr("Stopped early: {why}", why=well_formed(stop_text(record.report))))
    if record.unfinished:
        notes.append(tr("Started, without an outcome yet: {count}.", count=f"{record.unfinished:,}"))
    return notes


def _no_failures(record: Record) -> str:
    return tr("All of them succeeded or were skipped.") if record.over else tr("None so far.")


def _counts(report: RefreshReport) -> list[Row]:
    tiles = [_tile(tr("Clusters"), f"{report.total:,}")]
    tiles += [
        _tile(status_name(status), f"{count:,}", tone=tone_of(status))
        for status in Status
        if (count := report.counts.get(status))
    ]
    return tiles


def _measures(report: RefreshReport) -> list[Row]:
    bound = report.lower_bound
    against = ""
    if 0 < bound.seconds <= report.makespan:
        against = tr("{ratio} × the lower bound", ratio=f"{report.makespan / bound.seconds:.2f}")
    tiles = [_tile(tr("Makespan"), duration(report.makespan), against)]
    if bound.seconds:
        notes = {
            bound.rate: tr("the requests at the rate limit"),
            bound.longest: tr("the longest run time"),
            bound.work: tr("all run times over {count} at a time", count=report.max_running),
        }
        tiles.append(_tile(tr("Lower bound"), duration(bound.seconds), notes[bound.seconds]))
    tiles.append(_tile(tr("At a time, at most"), f"{report.max_running:,}"))
    each = (
        tr("{count} for each cluster", count=f"{report.requests / report.total:.1f}") if report.total else ""
    )
    tiles.append(_tile(tr("Requests"), f"{report.requests:,}", each))
    return tiles


def _tile(label: str, value: str, note: str = "", *, tone: str = "") -> Row:
    return {"label": label, "value": value, "note": note, "tone": tone}


def _failure(outcome: Outcome) -> Row:
    return {
        "id": "" if outcome.cluster_id is None else str(outcome.cluster_id),
        "name": name_of(outcome),
        "status": status_name(outcome.status),
        "progress": "" if outcome.progress is None else f"{outcome.progress} %",
        "attempts": str(outcome.attempts),
        "message": shortened(well_formed(outcome_text(outcome)), _LONGEST_MESSAGE),
    }


def _flagged(outcome: Outcome) -> Row:
    return {
        "id": "" if outcome.cluster_id is None else str(outcome.cluster_id),
        "name": name_of(outcome),
        "users": "" if outcome.users_num is None else f"{outcome.users_num:,}",
        "message": shortened(well_formed(warning_text(outcome)), _LONGEST_MESSAGE),
    }


def _cut(failures: Sequence[Outcome]) -> str:
    if any(len(outcome.message) > _LONGEST_MESSAGE for outcome in failures):
        return tr(
            "Messages longer than {most} characters are cut; the JSON report has them in full.",
            most=f"{_LONGEST_MESSAGE:,}",
        )
    return ""


def _timeline_notes(report: RefreshReport, timeline: Timeline) -> list[str]:
    notes = []
    if never := len(report.outcomes) - len(timeline.spans):
        notes.append(tr("Never submitted, and so without a bar: {count}.", count=f"{never:,}"))
    if left_out := report.total - len(report.outcomes):
        notes.append(
            tr(
                "Successes that are only counted, because the report was made without them: {count}.",
                count=f"{left_out:,}",
            )
        )
    return notes


def _durations(comparison: Comparison) -> dict[str, object] | None:
    ran = comparison.ran
    if not ran:
        return None
    known = bool(comparison.expected)
    middle, longest = duration(median(ran)), duration(max(ran))
    return {
        "note": tr(
            "How long the computations took, compared with earlier runs of the same clusters in the journal. The dotted lines are the medians."
        )
        if known
        else tr("The journal has no earlier runs of these clusters to compare with."),
        "median": tr("The median is {time}, the longest {time_longest}.", time=middle, time_longest=longest),
        "known": known,
        "figure": figure_of_durations(ran, comparison.expected),
        "slower": [
            {
                "id": str(one.outcome.cluster_id),
                "name": name_of(one.outcome),
                "took": duration(one.took),
                "expected": duration(one.expected),
                "ratio": f"{one.ratio:.1f}",
            }
            for one in comparison.slower
        ],
    }


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("ta_cluster_async.cli.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["tr"] = tr
    return environment.get_template("report.html.j2")


def _read(name: str) -> str:
    return files("ta_cluster_async.cli.report").joinpath("templates", name).read_text("utf-8")


def _script(text: str) -> str:
    """Return a script as the browser sees it, so that its hash is the one that the browser computes."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _hash(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"

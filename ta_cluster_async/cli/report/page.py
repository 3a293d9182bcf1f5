"""The report as one page that loads nothing: a Jinja template around Plotly figures. Needs the extra `report`."""

from __future__ import annotations

import base64
import hashlib
from importlib.metadata import version
from importlib.resources import files
from statistics import median
from typing import TYPE_CHECKING, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from ...batch.report import FAILURES, Status
from .comparison import compare
from .figures import (
    figure_of_bars,
    figure_of_durations,
    figure_of_flights,
    figure_of_throughput,
)
from .text import shortened, well_formed
from .timeline import lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

    from ...batch import Outcome, RefreshReport
    from .comparison import Comparison
    from .source import Record
    from .timeline import Timeline
    from .words import Words

_LONGEST_NAME = 200
_LONGEST_MESSAGE = 1_000

Row: TypeAlias = dict[str, str]


def render_page(record: Record, words: Words) -> str:
    """The page of a run, in the language of `words`."""
    report = record.report
    timeline, comparison = lay_out(report), compare(record)
    drawn = bool(timeline.spans)
    page_js, plotly_js = _script(_read("report.js")), _script(get_plotlyjs())
    scripts = [page_js, plotly_js] if drawn else [page_js]
    return _template().render(
        words=words.texts,
        title=words.fill("title", project=report.project_id),
        run_id=well_formed(report.run_id),
        began=f"{report.started_at:%Y-%m-%d %H:%M:%S}",
        notes=_notes(record, words),
        counts=_counts(report, words),
        measures=_measures(report, words),
        failures=[_failure(outcome, words) for outcome in report.failures],
        failures_count=f"{len(report.failures):,}",
        no_failures=words["no_failures" if record.over else "none_so_far"] if report.total else "",
        cut=_cut(report.failures, words),
        drawn=drawn,
        timeline_notes=_timeline_notes(report, timeline, words),
        durations=_durations(comparison, words) if drawn else None,
        data=_data(report, timeline, comparison, words) if drawn else None,
        made_by=words.fill("made_by", version=version("ta-cluster-async")),
        style=Markup(_read("report.css")),  # noqa: S704 - these three are our own files and Plotly's
        page_js=Markup(page_js),  # noqa: S704
        plotly_js=Markup(plotly_js),  # noqa: S704
        script_hashes=Markup(" ".join(f"'{_hash(script)}'" for script in scripts)),  # noqa: S704
    )


def _notes(record: Record, words: Words) -> list[str]:
    notes = [] if record.over else [words["going"]]
    if record.report.stopped:
        notes.append(f"{words['stopped']}: {well_formed(words.reason(record.report.stopped))}")
    if record.unfinished:
        notes.append(f"{words['unfinished']}: {record.unfinished:,}")
    return notes


def _counts(report: RefreshReport, words: Words) -> list[Row]:
    tiles = [_tile(words["clusters"], f"{report.total:,}")]
    for status in Status:
        if count := report.counts.get(status):
            tone = "good" if status is Status.SUCCEEDED else "bad" if status in FAILURES else "warn"
            tiles.append(_tile(words.status(status), f"{count:,}", tone=tone))
    return tiles


def _measures(report: RefreshReport, words: Words) -> list[Row]:
    bound = report.lower_bound
    against = ""
    if 0 < bound.seconds <= report.makespan:
        against = words.fill("times_bound", ratio=f"{report.makespan / bound.seconds:.2f}")
    tiles = [_tile(words["makespan"], words.duration(report.makespan), against)]
    if bound.seconds:
        name = max(("bound_work", "bound_longest", "bound_rate"), key=lambda name: getattr(bound, name[6:]))
        note = words.fill(name, running=report.max_running)
        tiles.append(_tile(words["bound"], words.duration(bound.seconds), note))
    tiles.append(_tile(words["at_a_time"], f"{report.max_running:,}"))
    each = words.fill("each", count=f"{report.requests / report.total:.1f}") if report.total else ""
    tiles.append(_tile(words["requests"], f"{report.requests:,}", each))
    return tiles


def _tile(label: str, value: str, note: str = "", *, tone: str = "") -> Row:
    return {"label": label, "value": value, "note": note, "tone": tone}


def _failure(outcome: Outcome, words: Words) -> Row:
    return {
        "id": "" if outcome.cluster_id is None else str(outcome.cluster_id),
        "name": _name(outcome),
        "status": words.status(outcome.status),
        "progress": "" if outcome.progress is None else f"{outcome.progress} %",
        "attempts": str(outcome.attempts),
        "message": shortened(well_formed(words.reason(outcome.message)), _LONGEST_MESSAGE),
    }


def _cut(failures: Sequence[Outcome], words: Words) -> str:
    if any(len(outcome.message) > _LONGEST_MESSAGE for outcome in failures):
        return words.fill("cut", most=f"{_LONGEST_MESSAGE:,}")
    return ""


def _timeline_notes(report: RefreshReport, timeline: Timeline, words: Words) -> list[str]:
    notes = []
    if never := len(report.outcomes) - len(timeline.spans):
        notes.append(words.fill("not_drawn", count=f"{never:,}"))
    if left_out := report.total - len(report.outcomes):
        notes.append(words.fill("left_out", count=f"{left_out:,}"))
    return notes


def _durations(comparison: Comparison, words: Words) -> dict[str, object] | None:
    ran = comparison.ran
    if not ran:
        return None
    known = bool(comparison.expected)
    middle, longest = words.duration(median(ran)), words.duration(max(ran))
    return {
        "note": words["durations_note" if known else "no_history"],
        "median": words.fill("median", time=middle, time_longest=longest),
        "known": known,
        "slower": [
            {
                "id": str(one.outcome.cluster_id),
                "name": _name(one.outcome),
                "took": words.duration(one.took),
                "expected": words.duration(one.expected),
                "ratio": f"{one.ratio:.1f}",
            }
            for one in comparison.slower
        ],
    }


def _data(
    report: RefreshReport, timeline: Timeline, comparison: Comparison, words: Words
) -> dict[str, object]:
    """What the page's script draws. Times are milliseconds, those of the clusters since `began`."""
    figures = {
        "flights": figure_of_flights(timeline, report, words),
        "bars": figure_of_bars(timeline),
        "throughput": figure_of_throughput(timeline, report.lower_bound.seconds, words),
    }
    if comparison.ran:
        figures["durations"] = figure_of_durations(comparison.ran, comparison.expected, words)
    statuses = list(Status)
    spans = timeline.spans
    clusters: dict[str, object] = {
        "id": [span.outcome.cluster_id or "" for span in spans],
        "name": [_name(span.outcome) for span in spans],
        "status": [statuses.index(span.outcome.status) for span in spans],
        "ok": [int(span.outcome.ok) for span in spans],
        "open": [int(span.open) for span in spans],
        "statuses": [words.status(status) for status in statuses],
    }
    for name in ("submitted", "running", "ended", "seen"):
        clusters[name] = [round(1000 * getattr(span, name)) for span in spans]
    return {
        "words": dict(words.texts),
        "figures": {name: figure.to_plotly_json() for name, figure in figures.items()},
        "clusters": clusters,
        "began": round(1000 * timeline.began.timestamp()),
    }


def _name(outcome: Outcome) -> str:
    return shortened(well_formed(outcome.cluster_name or str(outcome.ref)), _LONGEST_NAME)


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("ta_cluster_async.cli.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


def _read(name: str) -> str:
    return files("ta_cluster_async.cli.report").joinpath("templates", name).read_text("utf-8")


def _script(text: str) -> str:
    """A script as the browser sees it, so that its hash is the one that the browser computes."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _hash(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"

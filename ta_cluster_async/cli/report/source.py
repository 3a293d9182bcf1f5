"""The runs that reports are made of: from a journal, or from the file of a report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from ...batch import LowerBound, RefreshReport
from ...batch.journal.history import read_history
from ..i18n.translate import tr
from .timeline import lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ...batch import Journal
    from ...batch.journal.journal import RunInfo

LAST = "last"
"""Names the newest run of a journal."""


class NoSuchRun(Exception):
    """A journal has no such run, or the name matches several. The message is in the user's language."""


@frozen(kw_only=True)
class Record:
    """What is known about a run.

    Attributes:
        report: Its report so far.
        history: Seconds that clusters took in earlier runs, by id, where known.
        over: False while the run is not complete: it is running, waits to be resumed, or was abandoned.
        unfinished: How many refreshes were started and have no outcome.
    """

    report: RefreshReport
    history: Mapping[int, float] = field(factory=dict, repr=False)
    over: bool = True
    unfinished: int = 0


def is_file(run: str) -> bool:
    """Return whether `run` is the path of a report rather than a run of a journal."""
    return run.lower().endswith(".json") or Path(run).is_file()


def find_run(runs: Sequence[RunInfo], run: str, journal: Path) -> RunInfo:
    """Return the run with that name, or the one whose name begins with it; `last` is the newest.

    Raises:
        NoSuchRun: There is none, or there are several.
    """
    if not runs:
        raise NoSuchRun(tr("The journal {path} has no runs yet.", path=journal))
    if run == LAST:
        return runs[0]
    found = [info for info in runs if run and info.run_id.startswith(run)]
    exact = [info for info in found if info.run_id == run]
    if len(found) > 1 and not exact:
        raise NoSuchRun(
            tr(
                "The journal {path} has several runs that begin with {run!r}: write more of the name.",
                path=journal,
                run=run,
            )
        )
    if not found:
        raise NoSuchRun(
            tr(
                "The journal {path} has no run {run!r}: `ta-cluster runs list` shows which it has.",
                path=journal,
                run=run,
            )
        )
    return (exact or found)[0]


def record_of_run(journal: Journal, info: RunInfo) -> Record:
    """Return what a journal knows about a run. Raises JournalError."""
    outcomes = tuple(journal.outcomes(info.run_id))
    seconds = [outcome.run_seconds for outcome in outcomes if outcome.run_seconds is not None]
    report = RefreshReport(
        run_id=info.run_id,
        project_id=info.project_id,
        started_at=info.started_at,
        makespan=info.makespan,
        requests=info.requests,
        max_running=info.max_running,
        counts=info.counts,
        lower_bound=LowerBound(
            work=sum(seconds) / max(1, info.max_running), longest=max(seconds, default=0.0)
        ),
        outcomes=outcomes,
    )
    return Record(
        report=report if report.makespan else _with_makespan(report, info.ended_at),
        history=read_history(journal.path, info.run_id),
        over=info.state == "complete",
        unfinished=info.unfinished,
    )


def record_of_file(path: Path) -> Record:
    """Return what a file with the text of `RefreshReport.to_json` contains.

    Raises:
        InvalidRequest: It is not a report.
        OSError: It cannot be read.
    """
    return Record(report=RefreshReport.from_json(path.read_bytes()))


def _with_makespan(report: RefreshReport, ended_at: datetime | None) -> RefreshReport:
    """Give a run that no process has closed a makespan: until the last thing that is known about it."""
    if ended_at is None:
        return evolve(report, makespan=lay_out(report).seconds)
    return evolve(report, makespan=max(0.0, (ended_at - report.started_at).total_seconds()))

"""What a refresh would do, without doing it: `refresh --dry-run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import asdict, define

from ...errors import NotFound
from ...protocol.refresh import is_running
from ...resources.state import state_of
from ..i18n.translate import ntr, tr
from ..output.progress import clock
from .run_history import makespan

if TYPE_CHECKING:
    from datetime import datetime

    from ...models import ClusterRow
    from ...resources import Project
    from .run_history import RunHistory
    from .selection import Selection

OnRunning: TypeAlias = Literal["attach", "rerun", "skip", "fail"]
_PAGE = 1000


@define(kw_only=True)
class Forecast:
    """What a refresh would do.

    Attributes:
        refresh: How many it would send a request for.
        attach: How many run already and would only be watched.
        skip: How many run already and would be left out.
        fail: How many run already and would be counted as failed.
        unknown: How many do not exist.
        ended: How many have ended already in the run that it would resume.
        known: Of how many it is known how long they take.
        requests: How many requests it would send, retries not counted.
        requests_at_least: True when the number of polls is unknown from earlier runs, and `requests` is without them.
        seconds: How long it would take; None when the history tells nothing.
        max_running: The most at a time.
        run_id: The run that it would resume.
    """

    refresh: int = 0
    attach: int = 0
    skip: int = 0
    fail: int = 0
    unknown: int = 0
    ended: int = 0
    known: int = 0
    requests: int = 0
    requests_at_least: bool = True
    seconds: float | None = None
    max_running: int
    run_id: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the forecast as JSON values."""
        return asdict(self)

    def sentences(self) -> list[str]:
        """Return the forecast as a person reads it."""
        lines = [
            tr(
                "Would refresh {refresh}, attach to {attach} already running, and skip {skip}.",
                refresh=self.refresh,
                attach=self.attach,
                skip=self.skip,
            )
        ]
        if self.fail:
            lines.append(
                ntr(
                    "{count} is already running and would count as failed.",
                    "{count} are already running and would count as failed.",
                    self.fail,
                )
            )
        if self.unknown:
            lines.append(ntr("{count} does not exist.", "{count} do not exist.", self.unknown))
        if self.run_id is not None:
            lines.append(
                ntr(
                    "{count} has ended in the run {run_id}, which was interrupted and would be resumed.",
                    "{count} have ended in the run {run_id}, which was interrupted and would be resumed.",
                    self.ended,
                    run_id=self.run_id,
                )
            )
        count = (
            ntr("at least {count} request", "at least {count} requests", self.requests)
            if self.requests_at_least
            else ntr("about {count} request", "about {count} requests", self.requests)
        )
        if self.seconds is None:
            lines.append(
                tr(
                    "Predicted: {requests}. How long it takes is unknown without a --journal of earlier runs.",
                    requests=count,
                )
            )
        elif not self.known:
            lines.append(
                tr(
                    "Predicted: {requests} and about {time}, at most {max_running} at a time, from the durations of others in the project.",
                    requests=count,
                    time=clock(self.seconds),
                    max_running=self.max_running,
                )
            )
        else:
            lines.append(
                tr(
                    "Predicted: {requests} and about {time}, at most {max_running} at a time, from the history of {known} of them.",
                    requests=count,
                    time=clock(self.seconds),
                    max_running=self.max_running,
                    known=self.known,
                )
            )
        lines.append(tr("Dry run: no refresh was sent."))
        return lines


async def forecast(
    project: Project,
    selection: Selection,
    history: RunHistory,
    *,
    on_running: OnRunning,
    max_running: int,
    longest_first: bool,
) -> Forecast:
    """Read the state of each, and return what would be done."""
    found = Forecast(max_running=max_running)
    if history.interrupted is not None:
        found.run_id = history.interrupted.run_id
    seconds: list[float | None] = []
    rows = dict(selection.rows) or await _few_or_all(project, selection.refs)
    names = {row.cluster_name: row for row in rows.values()}
    for ref in selection.refs:
        row = names.get(ref) if isinstance(ref, str) else rows.get(ref)
        state = await _state(project, ref) if row is None else (row.id, row.progress, row.refresh_time)
        if state is None:
            found.unknown += 1
            continue
        cluster_id, progress, refresh_time = state
        if cluster_id in history.ended:
            found.ended += 1
            continue
        if progress is None or not is_running(progress, refresh_time) or on_running == "rerun":
            found.refresh += 1
        elif on_running == "attach":
            found.attach += 1
        elif on_running == "skip":
            found.skip += 1
            continue
        else:
            found.fail += 1
            continue
        seconds.append(history.seconds.get(cluster_id))
    found.known = sum(one is not None for one in seconds)
    found.seconds = makespan(
        seconds, max_running, longest_first=longest_first, others=history.seconds.values()
    )
    to_watch = found.refresh + found.attach
    pages = -(-max(1, len(rows)) // _PAGE)
    found.requests_at_least = history.requests is None
    least = found.refresh + pages
    found.requests = least if history.requests is None else max(least, round(to_watch * history.requests))
    return found


async def _few_or_all(project: Project, refs: list[int | str]) -> dict[int, ClusterRow]:
    """Return the rows of the whole list, or none where so few are wanted that each is read by itself."""
    if len(refs) <= 2:
        return {}
    rows: dict[int, ClusterRow] = {}
    for resource in (project.clusters, project.tags):
        rows |= {row.id: row for row in await resource.list(page_size=_PAGE).collect()}
    return rows


async def _state(project: Project, ref: int | str) -> tuple[int, int, datetime | None] | None:
    try:
        state = state_of(await project.clusters.detail(ref))
    except NotFound:
        return None
    return state.detail.id, state.progress, state.refresh_time

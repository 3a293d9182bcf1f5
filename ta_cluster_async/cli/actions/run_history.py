"""What earlier runs in a journal say about the next one: durations, requests, and the run that was interrupted."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Mapping
from math import inf
from statistics import median
from typing import TYPE_CHECKING

from attrs import field, frozen

from ...batch import Outcome
from ...batch.journal.history import read_history
from ...batch.journal.journal import RunInfo
from ...batch.journal.schema import moving_mean
from ...errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ...batch import Journal
    from ...resources import Project

_RUNS_FOR_REQUESTS = 5


@frozen(kw_only=True)
class RunHistory:
    """What is known of a project from its earlier runs.

    Attributes:
        seconds: How many seconds clusters took, by id; the newer runs count more.
        ids: The ids of names, as of the newest run.
        requests: Requests for each refresh in the newest complete runs; None when there is none.
        interrupted: The run that can be resumed; None when there is none.
        ended: Its outcomes by id.
    """

    seconds: Mapping[int, float] = field(factory=dict, repr=False)
    ids: Mapping[str, int] = field(factory=dict, repr=False)
    requests: float | None = None
    interrupted: RunInfo | None = None
    ended: Mapping[int, Outcome] = field(factory=dict, repr=False)

    def of(self, ref: int | str) -> float | None:
        """Return how many seconds a ref took; None where it is not known."""
        cluster_id = self.ids.get(ref) if isinstance(ref, str) else ref
        return None if cluster_id is None else self.seconds.get(cluster_id)

    def expected(self, refs: Sequence[int | str]) -> dict[int | str, float]:
        """Return how many seconds refs took, for those where it is known."""
        known = ((ref, self.of(ref)) for ref in refs)
        return {ref: seconds for ref, seconds in known if seconds is not None}


async def read_journal(project: Project, journal: Journal | None) -> RunHistory:
    """Return what a journal says; nothing where there is none yet. An unreadable one is left to the run, which reports it."""
    if journal is None or not journal.path.exists():
        return RunHistory()
    try:
        return await asyncio.to_thread(_read, project.session.base_url, project.id, journal)
    except JournalError:
        return RunHistory()


def _read(base_url: str, project_id: int, journal: Journal) -> RunHistory:
    runs = [info for info in journal.runs() if (info.base_url, info.project_id) == (base_url, project_id)]
    if not runs:
        return RunHistory()
    newest = runs[0]
    seconds = read_history(journal.path, newest.run_id)
    ids: dict[str, int] = {}
    ended: dict[int, Outcome] = {}
    for outcome in journal.outcomes(newest.run_id):
        if outcome.cluster_id is None:
            continue
        ended[outcome.cluster_id] = outcome
        if outcome.cluster_name is not None:
            ids[outcome.cluster_name] = outcome.cluster_id
        if outcome.ok and outcome.run_seconds is not None:
            took = outcome.run_seconds
            seconds[outcome.cluster_id] = moving_mean(seconds.get(outcome.cluster_id, took), took)
    complete = [
        info for info in runs if info.state == "complete" and info.requests and sum(info.counts.values())
    ]
    some = complete[:_RUNS_FOR_REQUESTS]
    return RunHistory(
        seconds=seconds,
        ids=ids,
        requests=sum(info.requests for info in some) / sum(sum(info.counts.values()) for info in some)
        if some
        else None,
        interrupted=newest if newest.state == "running" else None,
        ended=ended if newest.state == "running" else {},
    )


def makespan(
    known: Sequence[float | None], at_once: int, *, longest_first: bool, others: Iterable[float] = ()
) -> float | None:
    """Return the seconds until all of them have run, `at_once` at a time, each as soon as a place is free.

    With `longest_first`, what is not known begins before all others, as in a batch. It takes as long as the middle one of those that are, or of the `others` where none is. None when there are none either.
    """
    durations = [seconds for seconds in known if seconds is not None] or list(others)
    if not durations or not known:
        return None
    typical = median(durations)
    in_order = (
        sorted(known, key=lambda one: inf if one is None else one, reverse=True) if longest_first else known
    )
    seconds = [typical if one is None else one for one in in_order]
    places = [0.0] * min(at_once, len(seconds))
    for one in seconds:
        heapq.heappush(places, heapq.heappop(places) + one)
    return max(places)

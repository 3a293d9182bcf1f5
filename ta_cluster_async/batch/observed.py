"""What telemetry is told of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..client import observing

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ..client.observing import Observer, RefreshObserver
    from ..resources import Project
    from .report import Outcome, RefreshReport
    from .target import Target


class ObservedBatch:
    """Tells an observer of one batch and its refreshes."""

    def __init__(self, observer: Observer, project: Project, run_id: str) -> None:
        self._observer = observer
        self._base_url, self._project_id = project.session.base_url, project.id
        self._batch = observer.batch(self._base_url, self._project_id, run_id)
        self._refreshes: dict[int, RefreshObserver] = {}

    def current(self) -> AbstractContextManager[None]:
        """Make what is done inside belong to the batch."""
        return self._batch.current()

    def refreshing(self, target: Target) -> AbstractContextManager[None]:
        """Make what is done inside belong to the refresh of a target, which begins now unless it has begun."""
        return self._of(target).current()

    def began(self, target: Target, traceparent: str | None) -> None:
        """A target came into flight that another process had begun, in the span of its ticket."""
        self._of(target, traceparent)

    def traceparent(self, target: Target) -> str | None:
        """Return what the ticket of a target keeps."""
        return self._of(target).traceparent(target.cluster_id)

    def _of(self, target: Target, traceparent: str | None = None) -> RefreshObserver:
        found = self._refreshes.get(target.cluster_id)
        if found is None:
            found = self._refreshes[target.cluster_id] = self._observer.refresh(
                self._base_url, self._project_id, cluster_id=target.cluster_id, traceparent=traceparent
            )
        return found

    def finished(self, outcome: Outcome) -> None:
        """A reference has its outcome."""
        found = None if outcome.cluster_id is None else self._refreshes.pop(outcome.cluster_id, None)
        if found is not None:
            found.ended(outcome.status.value, outcome.message)
        elif not outcome.resumed:
            self._observer.unstarted(outcome.status.value)

    def ended(self, report: RefreshReport, failure: BaseException | None) -> None:
        """The batch has ended."""
        counts = {status.value: count for status, count in report.counts.items()}
        self._batch.ended(counts, report.requests, failure)


def observe(project: Project, run_id: str) -> ObservedBatch | None:
    """Return who is told of a batch; None while telemetry is off."""
    return None if observing.observer is None else ObservedBatch(observing.observer, project, run_id)

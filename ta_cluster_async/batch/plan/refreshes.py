"""One refresh of a plan: its baseline, and how far it has come."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from attrs import evolve, field, frozen

from ...models import Catalog, RefreshTicket
from ...models.strict_json import json_key
from ..report import Outcome, Status

PlanState: TypeAlias = Literal["planned", "intended", "submitted", "finished"]
"""How far one refresh of a plan has come: nothing was sent, its POST was about to be sent, it runs, or it has an outcome."""


@frozen(kw_only=True)
class PlannedRefresh:
    """One cluster or tag of a plan.

    Attributes:
        ref: As it was given: an id or a name.
        cluster_id: Its id; None where it is not known.
        catalog: Whether it is a cluster or a tag, where known.
        baseline_progress: The progress before its refresh in percent, -1 for failed; None when unknown.
        baseline_refresh_time: The refresh time before its refresh, in the server's local time; None when there was none.
        state: How far it has come.
        submitted_at: When its POST was about to be sent, or when it was joined, in UTC; None before.
        attached: It was running already and was joined.
        seen_running: It was seen to run.
        attempts: How many requests to start it there were.
        outcome: What became of it; None before its end.
    """

    ref: int | str
    cluster_id: int | None = field(default=None, metadata=json_key(least=1))
    catalog: Catalog | None = None
    baseline_progress: int | None = None
    baseline_refresh_time: datetime | None = None
    state: PlanState = "planned"
    submitted_at: datetime | None = field(default=None, metadata=json_key(utc=True))
    attached: bool = False
    seen_running: bool = False
    attempts: int = field(default=0, metadata=json_key(least=0))
    outcome: Outcome | None = None

    @property
    def has_baseline(self) -> bool:
        """Whether it is known what it showed before its refresh."""
        return self.baseline_progress is not None

    def ticket(self, project_id: int, made_at: datetime) -> RefreshTicket | None:
        """Return what identifies its refresh; that of the time when the plan was made, where none was begun. None without an id."""
        if self.cluster_id is None:
            return None
        return RefreshTicket(
            project_id=project_id,
            cluster_id=self.cluster_id,
            cluster_name=self.ref if isinstance(self.ref, str) else None,
            catalog=self.catalog,
            baseline_refresh_time=self.baseline_refresh_time,
            baseline_progress=self.baseline_progress,
            submitted_at=self.submitted_at or made_at,
            attached=self.attached,
            seen_running=self.seen_running,
        )

    def again(self) -> PlannedRefresh:
        """Return it for the next attempt: as it is where it succeeded or was left out, and else to be started again.

        Of one whose end was not seen, the baseline stays: should its refresh have ended since, it is not started again.
        """
        outcome = self.outcome
        if outcome is None or not outcome.is_failure:
            return self
        if outcome.status in (Status.FAILED, Status.REJECTED, Status.SKIPPED):
            # What it shows then is the baseline of its next refresh.
            return PlannedRefresh(ref=self.ref)
        return evolve(
            self, state="planned", outcome=None, submitted_at=None, attached=False, seen_running=False
        )

"""The plan of a running batch: what it was given, and what has happened since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from ..journal.rows import Entry
from .plan import RefreshPlan
from .refreshes import PlannedRefresh

if TYPE_CHECKING:
    from datetime import datetime

    from ...models import Catalog, RefreshTicket
    from ...protocol.endpoints import Ref
    from ..listing import ClusterState
    from ..report import Outcome
    from .refreshes import PlanState


class PlanRecord:
    """Keeps the plan of one batch up to date. Taking the plan out costs no more than what has changed in this batch.

    Attributes:
        is_given: The batch was given a plan, so that an earlier process may have begun it.
    """

    def __init__(self, project_id: int, made_at: datetime, given: RefreshPlan | None) -> None:
        self.is_given: bool = given is not None
        self._given = given or RefreshPlan(project_id=project_id, made_at=made_at, refreshes={})
        self._changes: dict[Ref, PlannedRefresh] = {}
        self._ref_by_id: dict[int, Ref] = {
            one.cluster_id: one.ref for one in self._given if one.cluster_id is not None
        }

    @property
    def plan(self) -> RefreshPlan:
        """The plan with all that has happened so far."""
        return self._given.with_changes(self._changes)

    def entry(self, cluster_id: int) -> Entry | None:
        """Return what the given plan knows of a refresh that was begun or has ended; None where neither is so."""
        one = self._given_one(cluster_id)
        ticket = None if one is None else one.ticket(self._given.project_id, self._given.made_at)
        if one is None or ticket is None or one.state == "planned":
            return None
        outcome = None if one.outcome is None else evolve(one.outcome, resumed=True)
        return Entry(
            cluster_id=cluster_id,
            ref=one.ref,
            state=one.state,
            ticket=ticket,
            attempts=one.attempts,
            intended_at=ticket.submitted_at,
            outcome=outcome,
        )

    def outcome(self, ref: Ref) -> Outcome | None:
        """Return how a reference ended, where the given plan knows it."""
        one = self._given.get(ref)
        return None if one is None or one.outcome is None else evolve(one.outcome, resumed=True)

    def baseline(self, cluster_id: int) -> RefreshTicket | None:
        """Return the baseline of a refresh of which the given plan does not know that it was begun."""
        one = self._given_one(cluster_id)
        if one is None or one.state != "planned" or not one.has_baseline:
            return None
        return one.ticket(self._given.project_id, self._given.made_at)

    def opened(self, ref: Ref) -> None:
        """A reference was read, and nothing is known of it yet."""
        if self._given.get(ref) is None:
            self._changes[ref] = PlannedRefresh(ref=ref)

    def dropped(self, ref: Ref) -> None:
        """The same cluster is among the references in another spelling."""
        self._changes.pop(ref, None)

    def planned(self, ref: Ref, catalog: Catalog, seen: ClusterState) -> None:
        """Keep a baseline, unless the given plan has an older one."""
        one = self._given_one(seen.cluster_id)
        if one is not None and (one.has_baseline or one.state != "planned"):
            return
        self._set(
            PlannedRefresh(
                ref=ref,
                cluster_id=seen.cluster_id,
                catalog=catalog,
                baseline_progress=seen.progress,
                baseline_refresh_time=seen.refresh_time,
            )
        )

    def begun(self, ref: Ref, ticket: RefreshTicket, state: PlanState, attempts: int) -> None:
        """A refresh is about to be started, or runs."""
        self._set(_with_ticket(PlannedRefresh(ref=ref, state=state, attempts=attempts), ticket))

    def not_begun(self, ref: Ref) -> None:
        """A refresh that was about to be started certainly was not."""
        self._set(evolve(self._changes[ref], state="planned", submitted_at=None, attempts=0))

    def finished(self, outcome: Outcome) -> None:
        """A reference has its outcome."""
        ticket = outcome.ticket
        before = self._changes.get(outcome.ref) or self._given.get(outcome.ref)
        one = before or PlannedRefresh(ref=outcome.ref, cluster_id=outcome.cluster_id)
        if ticket is not None:
            one = _with_ticket(one, ticket)
        self._set(evolve(one, state="finished", outcome=outcome, attempts=outcome.attempts))

    def _set(self, one: PlannedRefresh) -> None:
        self._changes[one.ref] = one
        if one.cluster_id is not None:
            self._ref_by_id[one.cluster_id] = one.ref

    def _given_one(self, cluster_id: int) -> PlannedRefresh | None:
        ref = self._ref_by_id.get(cluster_id)
        return None if ref is None else self._given.get(ref)


def _with_ticket(one: PlannedRefresh, ticket: RefreshTicket) -> PlannedRefresh:
    return evolve(
        one,
        cluster_id=ticket.cluster_id,
        catalog=ticket.catalog,
        baseline_progress=ticket.baseline_progress,
        baseline_refresh_time=ticket.baseline_refresh_time,
        submitted_at=ticket.submitted_at,
        attached=ticket.attached,
        seen_running=ticket.seen_running,
    )

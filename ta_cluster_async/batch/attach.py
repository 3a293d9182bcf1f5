"""Refreshes that run already, started by somebody else or by an earlier process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attrs import evolve

from ..messages import Message
from ..models import RefreshTicket
from ..protocol.refresh import Watch, has_begun
from .events import Attached
from .journal.rows import Entry
from .report import Status

if TYPE_CHECKING:
    from .report import Outcome
    from .state import BatchState
    from .target import Target


def attach(state: BatchState, target: Target) -> Outcome | None:
    """Deal with a refresh that is running already, as `on_running` says. Returns None when it is polled from now on."""
    now = state.loop.time()
    mode = state.options.on_running
    if mode == "skip":
        return target.outcome(Status.SKIPPED, now, Message("already-running"))
    if mode == "fail":
        return target.outcome(Status.FAILED, now, Message("already-running-fail"))
    ticket = new_ticket(state, target, attached=True)
    target.attached(ticket, now, state.deadline_of(now), rerun=mode == "rerun")
    target.poll_at(now + state.schedule(now).shortest)
    if not target.rerun:
        if state.journal is not None:
            state.journal.submitted(target.cluster_id, ticket, target.ref)
        if state.plan is not None:
            state.plan.begun(target.ref, ticket, "submitted", 0)
    _track(state, target, ticket)
    return None


def resume(state: BatchState, target: Target, entry: Entry) -> None:
    """Poll what an earlier process has submitted, or was about to."""
    now = state.loop.time()
    age = max(0.0, (datetime.now(UTC) - entry.intended_at).total_seconds())
    target.resumed(entry, now, state.deadline_of(now), age=age)
    if state.plan is not None:
        state.plan.begun(target.ref, entry.ticket, entry.state, entry.attempts)
    _track(state, target, entry.ticket)


def begun_elsewhere(target: Target) -> Entry | None:
    """Return the refresh that another process with the same plan has begun; None where the plan's baseline still stands."""
    ticket, seen = target.planned, target.seen
    if ticket is None or not has_begun(Watch.of(ticket, 0.0), seen.progress, seen.refresh_time):
        return None
    return Entry(
        cluster_id=target.cluster_id,
        ref=target.ref,
        state="submitted",
        ticket=evolve(ticket, cluster_name=target.name),
        attempts=0,
        intended_at=ticket.submitted_at,
        outcome=None,
    )


def new_ticket(state: BatchState, target: Target, *, attached: bool = False) -> RefreshTicket:
    """Return a ticket with the target's baseline."""
    return RefreshTicket(
        project_id=state.project.id,
        cluster_id=target.cluster_id,
        cluster_name=target.name,
        catalog=target.catalog,
        baseline_refresh_time=target.seen.refresh_time,
        baseline_progress=target.seen.progress,
        submitted_at=datetime.now(UTC),
        attached=attached,
        traceparent=None if state.observed is None else state.observed.traceparent(target),
    )


def left_running(reason: Message, *, is_on_its_way: bool) -> Message:
    """Return what to say of a refresh that goes on, or may have begun, when nobody polls it any more."""
    return Message("left-on-its-way" if is_on_its_way else "left-running", reason=reason)


def _track(state: BatchState, target: Target, ticket: RefreshTicket) -> None:
    state.track(target)
    if state.observed is not None:
        state.observed.began(target, ticket.traceparent)
    state.events.emit(Attached(**state.of(target), ticket=ticket))

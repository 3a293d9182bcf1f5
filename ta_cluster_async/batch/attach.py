"""A refresh that is running already, started by somebody else or by an earlier process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..messages import Message
from ..models import RefreshTicket
from .events import Attached
from .report import Status

if TYPE_CHECKING:
    from .journal.journal import Entry
    from .report import Outcome
    from .state import BatchState
    from .target import Target


def attach(state: BatchState, target: Target) -> Outcome | None:
    """Deal with a refresh that is running already, as `on_running` says. None when it is watched from now on."""
    now = state.loop.time()
    mode = state.options.on_running
    if mode == "skip":
        return target.outcome(Status.SKIPPED, now, Message("already-running"))
    if mode == "fail":
        return target.outcome(Status.FAILED, now, Message("already-running-fail"))
    ticket = RefreshTicket(
        project_id=state.project.id,
        cluster_id=target.cluster_id,
        cluster_name=target.name,
        catalog=target.catalog,
        baseline_refresh_time=target.seen.refresh_time,
        baseline_progress=target.seen.progress,
        submitted_at=datetime.now(UTC),
        attached=True,
    )
    target.rerun = mode == "rerun"
    target.track(ticket, now, timeout=state.options.cluster_timeout, batch_deadline=state.deadline)
    target.due = now + state.schedule(now).shortest
    if state.journal is not None and not target.rerun:
        state.journal.submitted(target.cluster_id, ticket, target.ref)
    state.track(target)
    _emit_attached(state, target, ticket)
    return None


def left_running(reason: Message, *, is_on_its_way: bool) -> Message:
    """Return what to say of a refresh that goes on, or may have begun, when nobody watches it any more."""
    return Message("left-on-its-way" if is_on_its_way else "left-running", reason=reason)


def resume(state: BatchState, target: Target, entry: Entry) -> None:
    """Watch what an earlier process has submitted, or has meant to."""
    now = state.loop.time()
    age = max(0.0, (datetime.now(UTC) - entry.intended_at).total_seconds())
    target.attempts = entry.attempts
    # An intent without an answer may not have left the process that died: if nothing comes of it, it is sent again.
    target.resend = entry.state == "intended"
    target.track(
        entry.ticket,
        now,
        timeout=state.options.cluster_timeout,
        batch_deadline=state.deadline,
        since=now - age,
    )
    target.due = now
    state.track(target)
    _emit_attached(state, target, entry.ticket)


def _emit_attached(state: BatchState, target: Target, ticket: RefreshTicket) -> None:
    state.emit(
        Attached(
            at=state.at(),
            ref=target.ref,
            cluster_id=target.cluster_id,
            cluster_name=target.name,
            ticket=ticket,
        )
    )

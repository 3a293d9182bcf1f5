"""The end of a batch whose server refuses everything alike for as long as polls may fail. Another run goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..messages import Message
from ..models.ticket_errors import OutcomeUnknown, RefreshUnconfirmed
from .report import Status

if TYPE_CHECKING:
    from ..errors import TaError
    from .state import BatchState
    from .target import Target


def end_batch(state: BatchState, error: TaError) -> None:
    """End the batch, since no request is answered any more. What is in flight is unconfirmed here, and watched on by the next run."""
    now = state.loop.time()
    seconds, cause = now - (state.sender.down_since or now), error.what()
    state.interrupted = True
    state.stop(Message("batch-server-down", seconds=seconds, cause=cause), error=error)
    for target in list(state.in_flight.values()):
        unconfirmed(state, target, Message("polls-failed", seconds=seconds, cause=cause), now)
    state.tracked.fire()


def end_starts(state: BatchState, error: TaError, seconds: float) -> None:
    """Start no more, since the server refuses every refresh, while it answers other requests. What is in flight is watched to its end."""
    state.stop(Message("batch-refreshes-refused", seconds=seconds, cause=error.what()), error=error)


def unconfirmed(state: BatchState, target: Target, what: Message, now: float) -> None:
    """End a target of which nothing proves that it ran: with the error of its request where that is in doubt, else with this message."""
    watch, ticket = target.watch, target.ticket
    assert watch is not None
    assert ticket is not None
    error = target.doubt or RefreshUnconfirmed(
        what, ticket=ticket, progress=watch.progress, endpoint="refresh"
    )
    if isinstance(error, OutcomeUnknown):
        error.ticket = ticket
    state.finish(target, target.outcome(Status.UNCONFIRMED, now, error))

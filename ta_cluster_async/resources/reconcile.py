"""Checks whether a request of unknown outcome was applied, since it must not be sent again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from ..errors import ConfigurationError, TaError, TokenRejected, TransportError
from ..messages import Message
from ..models.ticket_errors import OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..client.deadline import Deadline
    from ..models import RefreshTicket

T = TypeVar("T")

# A gateway may give up on a server that is about to apply the request, so one check is not enough.
_WAITS = (0.0, 0.5, 1.5, 3.0)


async def look_for(look: Callable[[float], Awaitable[T | None]], deadline: Deadline) -> T | None:
    """Call `look` a few times with the seconds that it may take, until it returns something or the time is over. Returns that, or None.

    A call that fails has found nothing; only without a usable token or session no more are made.
    """
    loop = asyncio.get_running_loop()
    for wait in _WAITS:
        left = deadline.at - loop.time() - wait
        if left <= 0:
            break
        await asyncio.sleep(wait)
        try:
            found = await look(left / 2)  # so that one call without an answer does not take the time of all
        except (TokenRejected, ConfigurationError):
            break
        except TaError:
            continue
        if found is not None:
            return found
    return None


def unknown_outcome(
    problem: TaError, looked: Message, *, ticket: RefreshTicket | None = None
) -> OutcomeUnknown:
    """Return the error of a request of unknown outcome, with what the checks for its effect have found."""
    return OutcomeUnknown(
        Message("outcome-looked-for", problem=problem.what(), looked=looked),
        reason=problem.reason if isinstance(problem, TransportError) else "lost",
        ticket=ticket,
        endpoint=problem.endpoint,
        attempts=problem.attempts,
        sent=problem.sent,
    )

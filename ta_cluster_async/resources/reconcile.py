"""Looking whether a request of unknown outcome was applied, since it must not be sent again."""

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

# A gateway may give up on a server that is about to apply the request, so one look is not enough.
_WAITS = (0.0, 0.5, 1.5, 3.0)


async def look_for(look: Callable[[float], Awaitable[T | None]], deadline: Deadline) -> T | None:
    """Look a few times, as long as there is time, until `look`, which gets the seconds that it has, returns something.

    A look that fails is a look that showed nothing; only without a usable token or session are no more made.
    """
    loop = asyncio.get_running_loop()
    for wait in _WAITS:
        left = deadline.at - loop.time() - wait
        if left <= 0:
            break
        await asyncio.sleep(wait)
        try:
            found = await look(left / 2)  # so that one look without an answer does not take the time of all
        except (TokenRejected, ConfigurationError):
            break
        except TaError:
            continue
        if found is not None:
            return found
    return None


def unknown_outcome(
    problem: TaError, looked: str | Message, *, ticket: RefreshTicket | None = None
) -> OutcomeUnknown:
    """The error of a request of unknown outcome, with what looking for its effect came to."""
    return OutcomeUnknown(
        Message("outcome-looked-for", problem=problem.what(), looked=looked),
        reason=problem.reason if isinstance(problem, TransportError) else "lost",
        ticket=ticket,
        endpoint=problem.endpoint,
        attempts=problem.attempts,
        sent=problem.sent,
    )

"""The errors that carry a ticket: a request of unknown outcome, and refreshes that did not end well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from ..errors import TaError, TransportError

if TYPE_CHECKING:
    from ..errors import CallState, Sent
    from ..messages import Message
    from .ticket import RefreshTicket


class OutcomeUnknown(TransportError):
    """The connection broke or time ran out after bytes may have left, so the server may or may not have acted.

    Attributes:
        ticket: For a refresh, what is needed to attach to it if it did start; None for everything else.
    """

    code = "outcome-unknown"
    sent: Sent = "unknown"
    safe_to_retry = False
    advice = "Whether it took effect is not known: look before you call again."
    ticket: RefreshTicket | None

    def __init__(
        self,
        message: str | Message,
        *,
        reason: str = "lost",
        ticket: RefreshTicket | None = None,
        **call: Unpack[CallState],
    ) -> None:
        super().__init__(message, reason=reason, **call)
        self.ticket = ticket

    def what_to_do(self) -> str:
        """Return the advice, which depends on whether the call is safe to repeat."""
        return "It is safe to call again." if self.safe_to_retry else self.advice


class RefreshError(TaError):
    """A refresh did not end well.

    Attributes:
        ticket: What identifies the refresh: attach to it to look again.
        progress: The last progress seen in percent, -1 for failed, or None when none was seen.
    """

    code = "refresh"
    sent: Sent = "yes"
    ticket: RefreshTicket
    progress: int | None

    def __init__(
        self,
        message: str | Message,
        *,
        ticket: RefreshTicket,
        progress: int | None = None,
        **call: Unpack[CallState],
    ) -> None:
        super().__init__(message, **call)
        self.ticket = ticket
        self.progress = progress


class RefreshFailed(RefreshError):
    """The server reports that the computation failed (progress -1), and not as a leftover of an earlier refresh."""

    code = "refresh-failed"
    advice = "Look at the cluster's definition in TA, then refresh it again."


class RefreshUnconfirmed(RefreshError):
    """The grace time ended and nothing proves that the refresh ran: the 100 or -1 shown may be left from before."""

    code = "refresh-unconfirmed"
    advice = "Look at the cluster's refresh time in TA, or allow more time with PollPolicy(grace=...)."


class RefreshStalled(RefreshError):
    """The progress has not moved for the stall time."""

    code = "refresh-stalled"
    advice = "The server may still be working: attach to the ticket to go on waiting."


class RefreshTimeout(RefreshError):
    """The time to wait is over and the refresh still runs."""

    code = "refresh-timeout"
    advice = "The server goes on computing: attach to the ticket to go on waiting."

"""The failed attempts of one call, and the one error that sums them up."""

from __future__ import annotations

from attrs import define

from ..errors import ConfigurationError, NotFound, NotSent, Sent, TaError, TokenRejected
from ..messages import Message
from ..models.ticket_errors import OutcomeUnknown
from .endpoints import Endpoint, Replay
from .retry import NEVER_TRIED, may_have_applied, safe_to_retry

_OUT_OF_TIME = frozenset({"no-connection", "overloaded", "paused"})


@define
class Attempts:
    """The failed attempts of one call.

    Attributes:
        endpoint: What is called.
        count: How many attempts there were.
        sent: Whether any of them reached the server.
        applied: True when one of them may have taken effect.
        last: The error to raise if no further attempt is made.
        rejections: How many of them the server answered with the token's own return_code.
    """

    endpoint: Endpoint
    count: int = 0
    sent: Sent = "no"
    applied: bool = False
    last: TaError | None = None
    rejections: int = 0

    def add(self, error: TaError) -> None:
        """Note a failure. A call whose time ends while it waits for the next attempt fails with the error of the last attempt."""
        if _was_tried(error):
            self.count += 1
        elif self.last is not None and isinstance(error, NotSent) and error.reason in _OUT_OF_TIME:
            return
        self.last = error
        self.rejections += isinstance(error, TokenRejected)
        sent = _sent(error)
        if self.sent == "no" or sent == "yes":
            self.sent = sent
        self.applied = self.applied or may_have_applied(error)

    def means_done(self, error: TaError) -> bool:
        """True when `error` says that what an earlier attempt was to delete is gone."""
        return self.applied and self.endpoint.absent_is_done and isinstance(error, NotFound)

    def failure(self) -> TaError:
        """Return the error to raise, which tells what all attempts together mean."""
        error = self.last
        assert error is not None
        if isinstance(error, NotSent) and self.applied:
            error = OutcomeUnknown(
                Message("earlier-attempt-unknown", error=error.what()), reason=error.reason
            )
        error.endpoint = self.endpoint.name
        error.attempts = self.count
        error.sent = self.sent
        once_more = self.endpoint.replay is not Replay.RECONCILE or not self.applied
        error.safe_to_retry = once_more and safe_to_retry(error, self.endpoint.replay)
        return error


def _was_tried(error: TaError) -> bool:
    return not isinstance(error, ConfigurationError) and not (
        isinstance(error, NotSent) and error.reason in NEVER_TRIED
    )


def _sent(error: TaError) -> Sent:
    if isinstance(error, NotSent | ConfigurationError):
        return "no"
    return "unknown" if isinstance(error, OutcomeUnknown) else "yes"

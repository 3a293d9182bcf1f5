"""When a failed request is sent again, and after how long. Pure decisions, no clock of their own."""

from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from attrs import define, field, frozen, validators

from ..errors import (
    ApiError,
    HttpStatusError,
    MissingParameter,
    NotFound,
    NotJson,
    NotSent,
    ProtocolError,
    RateLimited,
    SchemaError,
    TokenRejected,
)
from ..models.ticket_errors import OutcomeUnknown
from .endpoints import Replay

if TYPE_CHECKING:
    from random import Random

    from attrs import Attribute

    from ..errors import TaError

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
NEVER_TRIED = frozenset({"no-connection", "overloaded", "paused", "token", "closed"})
"""The reasons of a `NotSent` that ended a call before its request was made."""

LENGTH_REQUIRED = "length-required"
"""The code of the error for an upload that was refused because its length is not known: nothing was done."""

_PERMANENT = NEVER_TRIED | {"tls"}


def _amount(_: object, attribute: Attribute[float], value: object) -> None:
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        msg = f"{attribute.name} must be a finite number of at least 0."
        raise ValueError(msg)


@frozen(kw_only=True)
class RetryPolicy:
    """How often and how patiently a request is sent again.

    Attributes:
        attempts: The most tries for one call, the first one included; 1 means never again.
        base: Seconds; the n-th wait is drawn evenly from 0 to `base * 2**(n-1)` (full jitter), or lasts as long as a `Retry-After`
            asks for where that is longer.
        cap: The longest such wait in seconds.
        retry_after_cap: The longest `Retry-After` in seconds that is waited for; a longer one is raised as the error it is.
        budget: How many resends a session may have outstanding; each one takes 1, each success gives `refund` back.
        refund: See `budget`.
    """

    attempts: int = field(default=4, validator=validators.and_(validators.instance_of(int), validators.ge(1)))
    base: float = field(default=0.25, validator=_amount)
    cap: float = field(default=10.0, validator=_amount)
    retry_after_cap: float = field(default=60.0, validator=_amount)
    budget: float = field(default=50.0, validator=_amount)
    refund: float = field(default=0.1, validator=_amount)

    def delay(
        self, error: TaError, replay: Replay, attempt: int, random: Random, *, rejections: int = 0
    ) -> float | None:
        """Return the seconds to wait before sending again after the `attempt`-th try failed with `error`; None to give up.

        `rejections` is how often the token has been rejected in this call: the first time may be one server's mistake.
        """
        if attempt >= self.attempts or rejections > 1 or not may_resend(error, replay):
            return None
        asked = retry_after(error)
        if asked is not None and asked > self.retry_after_cap:
            return None
        return max(asked or 0.0, random.uniform(0, self._longest(attempt)))

    def pause(self, error: TaError, attempt: int) -> float:
        """Return the seconds for which a rate-limit answer pauses the whole session; 0 when `error` is none."""
        if not is_rate_limit(error):
            return 0.0
        asked = retry_after(error)
        return self._longest(attempt) if asked is None else min(asked, self.retry_after_cap)

    def _longest(self, attempt: int) -> float:
        return min(self.cap, self.base * 2.0 ** min(attempt - 1, 64))


@define
class RetryBudget:
    """The resends that a session may still make, so that a server in trouble does not get a multiple of the load."""

    policy: RetryPolicy
    left: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.left = self.policy.budget

    def take(self) -> bool:
        """Take one resend; False when none is left."""
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def give(self) -> None:
        """Give back a part of a resend, after a call that succeeded."""
        if self.left < self.policy.budget:
            self.left = min(self.policy.budget, self.left + self.policy.refund)


def is_rate_limit(error: TaError) -> bool:
    """True for the two ways to say "too many requests": return_code -1005 and HTTP 429."""
    return isinstance(error, RateLimited) or (
        isinstance(error, HttpStatusError | ApiError) and error.status == 429
    )


def is_server_trouble(error: TaError) -> bool:
    """True for an answer that blames the server or the time that it took (HTTP 408 or from 500 on), and is no clear refusal."""
    if isinstance(error, ApiError):
        return error.status >= 500 and not _is_rejection(error)
    return (
        isinstance(error, HttpStatusError)
        and (error.status >= 500 or error.status == 408)
        and error.code != LENGTH_REQUIRED
    )


def is_refusal(error: TaError) -> bool:
    """True when the TA server itself refuses the request, as opposed to trouble, too many requests and a rejected token."""
    if not isinstance(error, ApiError) or isinstance(error, TokenRejected):
        return False
    return not is_rate_limit(error) and not is_server_trouble(error)


def may_have_applied(error: TaError) -> bool:
    """True when the server may have done what was asked although the call failed."""
    return is_server_trouble(error) or isinstance(error, OutcomeUnknown | NotJson | SchemaError)


def may_resend(error: TaError, replay: Replay) -> bool:
    """True when sending again can help and cannot have a second effect."""
    if isinstance(error, NotSent):
        return error.reason not in _PERMANENT
    if is_rate_limit(error) or isinstance(error, TokenRejected):
        return True
    if replay is Replay.RECONCILE:
        return False
    if isinstance(error, OutcomeUnknown):
        return error.reason not in _PERMANENT
    return is_server_trouble(error)


def safe_to_retry(error: TaError, replay: Replay) -> bool:
    """True when the caller may make the whole call again without the risk of a second effect."""
    if replay is not Replay.RECONCILE:
        return True
    if isinstance(error, ApiError):
        return _is_rejection(error)
    if isinstance(error, ProtocolError):
        return not may_have_applied(error)
    return not isinstance(error, OutcomeUnknown)


def _is_rejection(error: ApiError) -> bool:
    """True for an answer that says that nothing was done, and why. A code without a known meaning does not say so."""
    return is_rate_limit(error) or isinstance(error, TokenRejected | MissingParameter | NotFound)


def retry_after(error: TaError) -> float | None:
    """Return the seconds that the answer asked to wait, or None."""
    return error.retry_after if isinstance(error, HttpStatusError | ApiError) else None


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Read the seconds of a `Retry-After` header, a number or a date, never negative. Returns None for anything else.

    `now` is the wall clock in Unix seconds.
    """
    if text is None:
        return None
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        return max(0.0, date.timestamp() - now) if date.tzinfo else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None

"""What the failure of a request means for a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ApiError, ConfigurationError, TokenRejected, TransportError
from ..protocol.retry import is_rate_limit, is_server_trouble

if TYPE_CHECKING:
    from ..errors import TaError


def is_refusal(error: TaError) -> bool:
    """True when the TA server itself refuses the request, as opposed to trouble, too many requests and a rejected token."""
    if not isinstance(error, ApiError) or isinstance(error, TokenRejected):
        return False
    return not is_rate_limit(error) and not is_server_trouble(error)


def ends_the_batch(error: TaError) -> bool:
    """True when the session can send nothing more: it was closed, or is used wrongly."""
    if isinstance(error, TransportError):
        return error.reason == "closed"
    return isinstance(error, ConfigurationError)

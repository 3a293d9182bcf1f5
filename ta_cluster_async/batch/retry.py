"""What the failure of a request means for a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import (
    ApiError,
    ConfigurationError,
    NotJson,
    TokenRejected,
    TransportError,
)
from ..protocol.retry import is_rate_limit, is_server_trouble

if TYPE_CHECKING:
    from ..errors import TaError

_LASTING = frozenset({"tls", "closed"})


def may_pass(error: TaError) -> bool:
    """True when the same request may succeed later: trouble on the way, a gateway's page, or too many requests."""
    if isinstance(error, TransportError):
        return error.reason not in _LASTING
    return is_rate_limit(error) or is_server_trouble(error) or isinstance(error, NotJson)


def is_refusal(error: TaError) -> bool:
    """True when the server understood the request and will not do it, now or later."""
    return isinstance(error, ApiError) and not isinstance(error, TokenRejected) and not may_pass(error)


def ends_the_batch(error: TaError) -> bool:
    """True when the session can send nothing more: it was closed, or is used wrongly."""
    if isinstance(error, TransportError):
        return error.reason == "closed"
    return isinstance(error, ConfigurationError)

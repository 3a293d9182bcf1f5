"""What the failure of a request means for a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigurationError, TransportError
from ..protocol.retry import is_refusal

if TYPE_CHECKING:
    from ..errors import TaError

__all__ = ["ends_the_batch", "is_refusal"]


def ends_the_batch(error: TaError) -> bool:
    """True when the session can send nothing more: it was closed, or is used wrongly."""
    if isinstance(error, TransportError):
        return error.reason == "closed"
    return isinstance(error, ConfigurationError)

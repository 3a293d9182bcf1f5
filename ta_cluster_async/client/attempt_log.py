"""What the debug log tells of each request: neither its URL nor what was sent or answered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..errors import ApiError, TaError, TransportError
from ..protocol.requests import Response

if TYPE_CHECKING:
    from ..protocol.requests import Request
    from .transport import Answer

logger: logging.Logger = logging.getLogger("ta_cluster_async")


def log_attempt(request: Request, number: int, answer: Answer, outcome: object, seconds: float) -> None:
    """Log a request that was sent: the attempt of its call, what came of it, the bytes of the answer, and how long it took.

    The same is in `record.fields`, by name.
    """
    if not logger.isEnabledFor(logging.DEBUG):
        return
    endpoint = request.endpoint
    fields: dict[str, object] = {
        "method": endpoint.method,
        "endpoint": endpoint.name,
        "attempt": number,
        "ms": round(1000 * seconds, 1),
    }
    parts = [f"attempt {number}"]
    if isinstance(answer, Response):
        fields |= {"status": answer.status, "bytes": len(answer.body)}
        parts.append(f"HTTP {answer.status}")
    if not isinstance(outcome, TaError) or isinstance(outcome, ApiError):
        code = outcome.return_code if isinstance(outcome, ApiError) else 0
        fields["return_code"] = code
        parts.append(f"return_code {code}")
    else:
        fields["error"] = type(outcome).__name__
        parts.append(type(outcome).__name__)
        if isinstance(outcome, TransportError):
            fields["reason"] = outcome.reason
            parts[-1] += f" ({outcome.reason})"
    if isinstance(answer, Response):
        parts.append(f"{len(answer.body)} bytes")
    text = "%s %s: %s, %.1f ms"
    logger.debug(
        text, endpoint.method, endpoint.name, ", ".join(parts), 1000 * seconds, extra={"fields": fields}
    )


def log_failure(request: Request, number: int, error: TaError) -> None:
    """Log that an attempt has failed, also one that was not sent. The code of the error is in `record.fields`."""
    name = request.endpoint.name
    fields = {"endpoint": name, "attempt": number, "error": type(error).__name__, "code": error.code}
    logger.debug("%s attempt %d: %s", name, number, type(error).__name__, extra={"fields": fields})


def log_retry(request: Request, number: int, seconds: float) -> None:
    """Log when the next attempt is made."""
    name = request.endpoint.name
    fields = {"endpoint": name, "attempt": number, "seconds": round(seconds, 3)}
    logger.debug("%s attempt %d follows in %.2f s", name, number, seconds, extra={"fields": fields})

"""The time of a call that is made of several requests."""

from __future__ import annotations

import asyncio

from ..errors import ConfigurationError, NotSent
from ..messages import Message
from .validation import positive

# The share of the time of a call that is kept for looking up the outcome, and at most so many seconds.
_KEPT_SHARE = 0.2
_KEPT_AT_MOST = 10.0


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the running event loop. Raises ConfigurationError where there is none, as under trio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        pass
    raise ConfigurationError(Message("asyncio-not-running"))


class Deadline:
    """When a call must end, by the event loop's clock.

    Attributes:
        at: That time.
        kept: Seconds at the end of the call that are kept for finding out about a request of unknown outcome.

    Raises:
        ConfigurationError: `timeout` is not a finite number above 0, or asyncio does not run.
    """

    def __init__(self, timeout: float | None, default: float) -> None:
        seconds = default if timeout is None else positive(timeout, "timeout")
        self.at: float = running_loop().time() + seconds
        self.kept: float = min(_KEPT_SHARE * seconds, _KEPT_AT_MOST)

    def left(self, *, keep: float = 0.0) -> float:
        """Return the seconds for the next request, with `keep` seconds left after it. Raises NotSent when there are none."""
        left = self.at - keep - asyncio.get_running_loop().time()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> NotSent:
        """Return the error of a call whose time was over before its next request."""
        return NotSent(Message("call-out-of-time"), reason="timeout")

"""The time of a call that is made of several requests."""

from __future__ import annotations

import asyncio

from ..errors import NotSent
from .validation import positive

# Of the time of a call whose outcome may have to be looked up, so much is kept for looking, and never more than so many seconds.
_KEPT_SHARE = 0.2
_KEPT_AT_MOST = 10.0


class Deadline:
    """When a call has to be over, by the event loop's clock.

    Attributes:
        at: That time.
        kept: Seconds at the end of the call that are kept for looking what became of a request of unknown outcome.

    Raises:
        ConfigurationError: `timeout` is no finite number above 0.
    """

    def __init__(self, timeout: float | None, default: float) -> None:
        seconds = default if timeout is None else positive(timeout, "timeout")
        self.at = asyncio.get_running_loop().time() + seconds
        self.kept = min(_KEPT_SHARE * seconds, _KEPT_AT_MOST)

    def left(self, *, keep: float = 0.0) -> float:
        """Seconds for the next request, with `keep` seconds left over after it. Raises NotSent when there are none."""
        left = self.at - keep - asyncio.get_running_loop().time()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> NotSent:
        """The error of a call whose time was over before its next request."""
        return NotSent("the time of the call was over before the request could be sent.", reason="timeout")

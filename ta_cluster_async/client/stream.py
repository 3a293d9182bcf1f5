"""An answer that is read as it comes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..protocol.envelope import decode
from ..protocol.requests import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import TaError, TransportError
    from ..models import JsonValue
    from ..protocol.envelope import Mask
    from ..protocol.requests import Rest


class AnswerStream:
    """The rest of an answer. It holds a place of the session until `close()`, which may be called again."""

    def __init__(self, rest: Rest, release: Callable[[], None], mask: Mask) -> None:
        self._rest = rest
        self._release: Callable[[], None] | None = release
        self._mask = mask

    async def read(self, timeout: float) -> bytes | TransportError:
        """Return the next bytes, b"" at the end, or why there are none within `timeout` seconds."""
        return await self._rest.read(timeout)

    def decode(self, body: bytes) -> JsonValue | TaError:
        """Return what an envelope in the middle of the answer means."""
        return decode(Response(200, body), self._mask, time.time())

    def close(self) -> None:
        """Read no more, and give the place back."""
        if self._release is not None:
            release, self._release = self._release, None
            self._rest.close()
            release()

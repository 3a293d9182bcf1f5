"""How far an upload has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from ..protocol.requests import Chunk
    from .reader import Reader

_SECONDS_BETWEEN = 0.1


@frozen(kw_only=True)
class UploadProgress:
    """How far an upload has come. When it is sent again, it begins at 0 again.

    Attributes:
        sent_bytes: Bytes that were handed to the connection.
        total_bytes: Bytes in all; None where only reading the source tells. Estimated from what was read so far, and exact at the end, for
            a file whose line feeds go out as CRLF.
        rows: Rows read so far, without skipped ones. For CSV text that goes out as it is, its lines.
        skipped: Rows left out so far.
        seconds: Since this try began.
        done: All was sent; only the server's answer is awaited.
    """

    sent_bytes: int
    total_bytes: int | None
    rows: int
    skipped: int
    seconds: float
    done: bool

    @property
    def bytes_per_second(self) -> float:
        """The mean rate of this try."""
        return self.sent_bytes / self.seconds if self.seconds else 0.0

    @property
    def rows_per_second(self) -> float:
        """The mean rate of this try."""
        return self.rows / self.seconds if self.seconds else 0.0


OnProgress: TypeAlias = Callable[[UploadProgress], object]


class Meter:
    """Counts what is given to the connection, and reports it at most ten times a second and at the end.

    Attributes:
        sent: Bytes of the latest try, without the part that is being sent.
        rows: Rows of it; None where they are not counted.
        is_exact: See `Reader.is_exact`.
        skipped: Rows left out of it.
        is_complete: Whether all of it was given.
        seconds: How long it took, up to the latest part.
    """

    def __init__(self, on_progress: OnProgress | None = None) -> None:
        self.sent: int = 0
        self.rows: int | None = None
        self.is_exact: bool = False
        self.skipped: int = 0
        self.is_complete: bool = False
        self.seconds: float = 0.0
        self._on_progress = on_progress
        self._total: int | None = None
        self._last_size = 0
        self._started_at = 0.0
        self._reported_at = 0.0

    @property
    def most_rows(self) -> int:
        """The most rows that it can have."""
        return (self.sent + 1) // 2 if self.rows is None else self.rows

    def start(self, total: int | None) -> None:
        """Start a try of so many bytes."""
        self._started_at = self._reported_at = asyncio.get_running_loop().time()
        self._total = total
        self.sent = self._last_size = 0
        self.is_complete = False

    def add(self, chunk: Chunk, reader: Reader) -> None:
        """Count the next part, b"" at the end. The one before is sent, or this one would not have been asked for."""
        self.sent += self._last_size
        self._last_size = len(chunk)
        self.rows, self.is_exact, self.skipped = reader.rows, reader.is_exact, reader.skipped
        self.is_complete = not chunk or self.sent + len(chunk) == self._total
        now = asyncio.get_running_loop().time()
        self.seconds = now - self._started_at
        if self._on_progress is not None and (not chunk or now - self._reported_at >= _SECONDS_BETWEEN):
            self._reported_at = now
            self._on_progress(
                UploadProgress(
                    sent_bytes=self.sent,
                    total_bytes=self._total_bytes(chunk, reader),
                    rows=self.rows or 0,
                    skipped=self.skipped,
                    seconds=self.seconds,
                    done=not chunk,
                )
            )

    def _total_bytes(self, chunk: Chunk, reader: Reader) -> int | None:
        if self._total is not None or reader.estimated_size is None:
            return self._total
        return max(reader.estimated_size, self.sent + len(chunk)) if chunk else self.sent

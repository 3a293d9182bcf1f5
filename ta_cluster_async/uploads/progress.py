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
    """How far an upload has come. When it has to be sent again, it begins at 0 again.

    Attributes:
        sent_bytes: Bytes that were handed to the connection.
        total_bytes: Bytes in all; None where only reading the source tells. Guessed from what was read so far, and right at the end, for a
            file whose line feeds go out as CRLF.
        rows: Rows that were read for it so far, without those that were skipped. For CSV text that goes out as it is, its lines.
        skipped: Rows that were left out so far.
        seconds: Since this try began.
        done: All was sent; what is left is the server's answer.
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
    """Counts what is given to the connection, and tells it at most ten times a second and at the end.

    Attributes:
        sent: Bytes of the latest try for which the next part was asked for.
        rows: Rows of it; None where they are not counted.
        is_exact: See `Reader.is_exact`.
        skipped: Rows that were left out of it.
        is_whole: All of it was given.
        seconds: How long it took, up to the latest part.
    """

    def __init__(self, on_progress: OnProgress | None = None) -> None:
        self.sent = 0
        self.rows: int | None = None
        self.is_exact = False
        self.skipped = 0
        self.is_whole = False
        self.seconds = 0.0
        self._on_progress = on_progress
        self._total: int | None = None
        self._last = 0
        self._began = 0.0
        self._told = 0.0

    @property
    def most_rows(self) -> int:
        """Rows at the most."""
        return (self.sent + 1) // 2 if self.rows is None else self.rows

    def begin(self, total: int | None) -> None:
        """A try begins, of so many bytes."""
        self._began = self._told = asyncio.get_running_loop().time()
        self._total = total
        self.sent = self._last = 0
        self.is_whole = False

    def given(self, chunk: Chunk, reader: Reader) -> None:
        """The next part was asked for, so that the one before is sent. b"" is the end."""
        self.sent += self._last
        self._last = len(chunk)
        self.rows, self.is_exact, self.skipped = reader.rows, reader.is_exact, reader.skipped
        self.is_whole = not chunk or self.sent + len(chunk) == self._total
        now = asyncio.get_running_loop().time()
        self.seconds = now - self._began
        if self._on_progress is not None and (not chunk or now - self._told >= _SECONDS_BETWEEN):
            self._told = now
            self._on_progress(
                UploadProgress(
                    sent_bytes=self.sent,
                    total_bytes=self._total_of(chunk, reader),
                    rows=self.rows or 0,
                    skipped=self.skipped,
                    seconds=self.seconds,
                    done=not chunk,
                )
            )

    def _total_of(self, chunk: Chunk, reader: Reader) -> int | None:
        if self._total is not None or reader.about is None:
            return self._total
        return max(reader.about, self.sent + len(chunk)) if chunk else self.sent

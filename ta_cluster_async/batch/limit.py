"""How many refreshes may be in flight on the server."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class FixedLimit:
    """A fixed number. Nothing that happens on the server changes it.

    Every method tells the limit what has happened to one refresh, and returns how many may be in flight from then on.

    Attributes:
        max_running: How many refreshes may run.
        submit_ahead: How many more may wait in the server's own queue.
    """

    max_running: int
    submit_ahead: int

    @property
    def number(self) -> int:
        """How many may be in flight before anything has happened."""
        return self.max_running + self.submit_ahead

    def begun(self) -> int:
        """One has come into flight."""
        return self.number

    def refused(self) -> int:
        """The server has refused to start one."""
        return self.number

    def ended(self) -> int:
        """One in flight has ended."""
        return self.number

    def queued(self, in_flight: int) -> int:
        """Return how many of those in flight wait in the server's queue."""
        return min(max(0, in_flight - self.max_running), self.submit_ahead)

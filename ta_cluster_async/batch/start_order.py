"""What may hold targets back although a place is free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .report import Outcome
    from .target import Target


class StartOrder(Protocol):
    """Holds targets back until others have ended."""

    def holds(self, target: Target) -> bool:
        """Take a target that is to be started, if it may not start yet, or never. Returns whether it was taken."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """A reference has its outcome."""
        ...

    def take(self) -> list[Target]:
        """Return what is held, and hold it no more."""
        ...

"""What `ta-cluster doctor` finds."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from ..exit_codes import Exit
from ..i18n.translate import tr


class Mark(StrEnum):
    """How it stands with something."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def word(self) -> str:
        """As a person calls it."""
        return {
            Mark.OK: tr("well"),
            Mark.WARNING: tr("doubtful"),
            Mark.FAILED: tr("WRONG"),
            Mark.SKIPPED: tr("not seen"),
        }[self]


@frozen
class Finding:
    """One of them.

    Attributes:
        mark: How it stands.
        subject: With what.
        what: What was seen, as a sentence.
        advice: What to do, "" when nothing is to be done.
        code: The exit code where it failed.
    """

    mark: Mark
    subject: str
    what: str
    advice: str = ""
    code: Exit = Exit.FAILED

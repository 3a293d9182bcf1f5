"""The result of a check of `ta-cluster doctor`."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from ..exit_codes import Exit
from ..i18n.translate import tr


class CheckStatus(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def text(self) -> str:
        """Return the status in the user's language."""
        return {
            CheckStatus.OK: tr("ok"),
            CheckStatus.WARNING: tr("warning"),
            CheckStatus.FAILED: tr("failed"),
            CheckStatus.SKIPPED: tr("skipped"),
        }[self]


@frozen
class CheckResult:
    """The result of a check.

    Attributes:
        status: How it ended.
        subject: What was checked.
        what: What was found, as a sentence.
        advice: What to do; "" when nothing is to be done.
        code: The exit code where it failed.
    """

    status: CheckStatus
    subject: str
    what: str
    advice: str = ""
    code: Exit = Exit.FAILED

    def to_dict(self) -> dict[str, object]:
        """Return the result as JSON values."""
        return {
            "mark": self.status.value,
            "subject": self.subject,
            "what": self.what,
            "advice": self.advice,
            "code": int(self.code if self.status is CheckStatus.FAILED else Exit.OK),
        }

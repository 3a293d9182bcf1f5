"""The one error of the evaluator, which the server turns into a return code and a message."""

from __future__ import annotations


class CannotEvaluate(Exception):
    """The emulator does not know what a part of a definition means, or cannot apply it to its data.

    Attributes:
        key: The JSON path of the part, counted from the object given, such as `events[0].taPropQuota.analysis`.
        reason: What is wrong with it, in plain English.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.key = key
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"

"""The one error of the evaluation, which the server turns into a return code and a message."""

from __future__ import annotations


class EvaluationError(Exception):
    """A part of a definition has no known meaning, or does not fit the data.

    Attributes:
        key: JSON path of the part, from the given object, such as `events[0].taPropQuota.analysis`.
        reason: What is wrong with it, in Chinese as all messages of the server.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.key = key
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.key}：{self.reason}" if self.key else self.reason


class TooComplex(EvaluationError):
    """A definition has more parts than the server takes, or takes too long to evaluate."""


class MissingField(EvaluationError):
    """A required field of a definition is absent, null or empty."""

    def __init__(self, key: str) -> None:
        super().__init__(key, "不能为空")

    @property
    def name(self) -> str:
        """The field's name without its path."""
        return self.key.rpartition(".")[2]

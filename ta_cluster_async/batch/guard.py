"""Whether a cluster or tag has a size that is to be expected: by a fixed bound, and by its sizes in earlier runs."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from ..client.validation import at_least_one, positive
from ..messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attrs import Attribute


def _count(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None or attribute.name == "runs":
        at_least_one(value, attribute.name)


def _share(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None:
        positive(value, attribute.name)


@frozen(kw_only=True)
class SizeGuard:
    """Looks at how many users there are after each refresh that succeeded. What is unusual is a warning of its outcome, never a failure.

    Attributes:
        min_users: The fewest users that are usual; None for no such bound.
        max_change: By which share of the usual size it may differ, up or down: 0.5 is half. The usual size is the median of the latest
            successes in the journal, without which there is no such bound. Where that is 0, every other size is a change.
        runs: Of how many successes, all of them in the fifty runs of the project before this one.

    Raises:
        ConfigurationError: A value cannot be used; the message names it.
    """

    min_users: int | None = field(default=None, validator=_count)
    max_change: float | None = field(default=None, validator=_share)
    runs: int = field(default=5, validator=_count)

    def warnings(self, users_num: int | None, past: Sequence[int]) -> tuple[Message, ...]:
        """Return what is unusual about a number of users, given the latest ones before it."""
        if self.min_users is None and self.max_change is None:
            return ()
        if users_num is None:
            return (Message("size-unknown"),)
        found: list[Message] = []
        if self.min_users is not None and users_num < self.min_users:
            found.append(Message("size-too-small", count=users_num, least=self.min_users))
        if self.max_change is not None and past:
            usual = median(past[: self.runs])
            if abs(users_num - usual) > self.max_change * usual:
                found.append(
                    Message("size-changed", count=users_num, usual=usual, most=100 * self.max_change)
                )
        return tuple(found)

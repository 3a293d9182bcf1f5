"""The run times of a run, compared with the earlier runs of the same clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from ...batch import Outcome

if TYPE_CHECKING:
    from .source import Record

_MOST_SLOWER = 12
_LEAST_RATIO = 1.5
_LEAST_SECONDS = 1.0


@frozen(kw_only=True)
class Slower:
    """A refresh that took longer than before.

    Attributes:
        outcome: Its outcome.
        took: Seconds that it ran.
        expected: Seconds that it ran in earlier runs.
    """

    outcome: Outcome
    took: float
    expected: float

    @property
    def ratio(self) -> float:
        """How many times longer it took."""
        return self.took / self.expected


@frozen(kw_only=True)
class Comparison:
    """The run times of a run and of the runs before it.

    Attributes:
        ran: Run times of the successes.
        expected: Earlier run times of the same clusters, where known.
        slower: Those that took much longer than before, the worst first.
    """

    ran: tuple[float, ...]
    expected: tuple[float, ...]
    slower: tuple[Slower, ...]


def compare(record: Record) -> Comparison:
    """Compare the successes of a run with its history."""
    ran: list[float] = []
    known: list[Slower] = []
    for outcome in record.report.outcomes:
        took, key = outcome.run_seconds, outcome.cluster_id
        if not outcome.ok or took is None:
            continue
        ran.append(took)
        expected = None if key is None else record.history.get(key)
        if expected:
            known.append(Slower(outcome=outcome, took=took, expected=expected))
    slower = [one for one in known if one.ratio > _LEAST_RATIO and one.took - one.expected > _LEAST_SECONDS]
    slower.sort(key=lambda one: one.ratio, reverse=True)
    return Comparison(
        ran=tuple(ran), expected=tuple(one.expected for one in known), slower=tuple(slower[:_MOST_SLOWER])
    )

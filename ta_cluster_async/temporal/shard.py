"""The state of a shard as its heartbeats hold it: small whatever the size of the shard.

The plan itself is in the workflow's history. A heartbeat has a bit for each reference of it that has ended, and the tickets of those that
are under way, which are no more than `max_running`, or a few more.
"""

from __future__ import annotations

import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from ..batch.plan.plan import RefreshPlan
from .values import MOST_FAILURES, DeploymentResult, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..batch.plan.refreshes import PlannedRefresh
    from ..batch.runner import RefreshBatch

_LONGEST = 300


class Shard:
    """A shard that is being refreshed, by the first attempt or a later one.

    Attributes:
        given: The plan of this attempt: without what has ended in those before.
    """

    def __init__(self, name: str, plan: RefreshPlan, heartbeat: Sequence[Any]) -> None:
        self._plan = plan
        self._earlier = DeploymentResult(name)
        ended = bytes(len(plan))
        begun: Mapping[int | str, PlannedRefresh] = {}
        if heartbeat:
            result, packed, data = heartbeat
            self._earlier = result_of(result)
            ended = zlib.decompress(packed)
            begun = {one.ref: one for one in RefreshPlan.from_bytes(data)}
        self._ended: set[int | str] = {one.ref for one, is_ended in zip(plan, ended, strict=True) if is_ended}
        left = {one.ref: begun.get(one.ref, one) for one in plan if one.ref not in self._ended}
        self.given: RefreshPlan = RefreshPlan(
            project_id=plan.project_id, made_at=plan.made_at, refreshes=left
        )

    def result(self, batch: RefreshBatch) -> DeploymentResult:
        """Return what has become of the shard so far."""
        return self.state(batch)[0]

    def heartbeat(self, batch: RefreshBatch) -> tuple[DeploymentResult, bytes, bytes]:
        """Return what another attempt needs: the result so far, which have ended, and what is under way."""
        result, begun = self.state(batch)
        plan = batch.plan
        ended = zlib.compress(bytes(_has_ended(plan, one.ref, self._ended) for one in self._plan), 1)
        under_way = RefreshPlan(project_id=plan.project_id, made_at=plan.made_at, refreshes=begun)
        return result, ended, under_way.to_bytes()

    def state(self, batch: RefreshBatch) -> tuple[DeploymentResult, dict[int | str, PlannedRefresh]]:
        """Return the result so far, and the refreshes that are under way."""
        earlier = self._earlier
        counts = Counter(earlier.counts)
        result = DeploymentResult(
            earlier.name,
            failures=list(earlier.failures),
            requests=earlier.requests + batch.report.requests,
        )
        begun: dict[int | str, PlannedRefresh] = {}
        for one in batch.plan:
            if (outcome := one.outcome) is not None:
                counts[outcome.status.value] += 1
                if outcome.is_failure and len(result.failures) < MOST_FAILURES:
                    result.failures.append(Failure(one.ref, outcome.status.value, outcome.message[:_LONGEST]))
            elif one.state == "planned":
                result.left += 1
            else:
                result.running += 1
                begun[one.ref] = one
        result.counts = dict(counts)
        return result, begun


def _has_ended(plan: RefreshPlan, ref: int | str, earlier: set[int | str]) -> bool:
    one = plan.get(ref)
    return ref in earlier or (one is not None and one.outcome is not None)


def result_of(values: Mapping[str, Any]) -> DeploymentResult:
    """Return a result from its JSON values."""
    return DeploymentResult(**{**values, "failures": [Failure(**one) for one in values["failures"]]})

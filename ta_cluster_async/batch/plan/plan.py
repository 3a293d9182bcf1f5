"""A batch as a value: which clusters are to be refreshed, what each showed before, and what has happened since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from attrs import evolve, field, frozen

from ...models.html import html_table
from ...protocol.endpoints import Ref
from .encoding import decode, encode
from .refreshes import PlannedRefresh

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN = 100
"""Refreshes that a notebook shows."""


@frozen(kw_only=True, repr=False, eq=False)
class RefreshPlan:
    """What is to be refreshed, with the baseline of each, and how far that has come. It is a value: nothing changes it.

    A plan is what a journal holds of one run, for where no local disk lasts: an orchestrator's arguments, a heartbeat, a database. It
    holds neither token nor URL. Make one with `plan_refresh`, run it with `refresh_all(project, plan=plan)`, and take the one with all
    that has happened so far from `RefreshBatch.plan`.

    Attributes:
        project_id: The project.
        made_at: When the baselines were read, in UTC by this machine's clock.
    """

    project_id: int
    made_at: datetime
    _first: Mapping[Ref, PlannedRefresh] = field(alias="refreshes")
    _later: Mapping[Ref, PlannedRefresh] = field(factory=dict, alias="changes")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RefreshPlan):
            return NotImplemented
        same = self.project_id == other.project_id and self.made_at == other.made_at
        return same and list(self) == list(other)

    __hash__: ClassVar[None]  # type: ignore[assignment]  # outcomes cannot be hashed

    def __len__(self) -> int:
        return len(self._first) + sum(ref not in self._first for ref in self._later)

    def __iter__(self) -> Iterator[PlannedRefresh]:
        for ref, one in self._first.items():
            yield self._later.get(ref, one)
        for ref, one in self._later.items():
            if ref not in self._first:
                yield one

    def __repr__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.counts.items())
        return f"<RefreshPlan of {len(self)} in project {self.project_id}, made {self.made_at:%Y-%m-%d %H:%M:%SZ}: {states or 'empty'}>"

    def _repr_html_(self) -> str:
        header = ("ref", "cluster_id", "state", "baseline_progress", "baseline_refresh_time")
        rows = (
            (
                one.ref,
                one.cluster_id,
                one.state if one.outcome is None else one.outcome.status,
                one.baseline_progress,
                one.baseline_refresh_time,
            )
            for one in islice(self, _SHOWN)
        )
        return html_table(repr(self)[1:-1], header, rows)

    def get(self, ref: Ref) -> PlannedRefresh | None:
        """Return what the plan has for a reference as it was given; None when it has nothing."""
        return self._later.get(ref) or self._first.get(ref)

    @property
    def refs(self) -> list[Ref]:
        """The references, in the order in which they were given."""
        return [one.ref for one in self]

    @property
    def counts(self) -> dict[str, int]:
        """How many there are in each state; those that have an outcome count by its status."""
        return dict(Counter(one.state if one.outcome is None else one.outcome.status.value for one in self))

    def with_changes(self, changes: Mapping[Ref, PlannedRefresh]) -> RefreshPlan:
        """Return the plan with these in place of what it has for their references."""
        return evolve(self, changes={**self._later, **changes})

    def retry_failed(self) -> RefreshPlan:
        """Return the plan of the next attempt: what succeeded or was skipped stays as it is, everything else is tried again.

        Of one whose end was not seen, the baseline stays: should its refresh have ended since, it is not started again.
        """
        now = datetime.now(UTC)
        return RefreshPlan(
            project_id=self.project_id,
            made_at=now,
            refreshes={one.ref: one.again() for one in self},
        )

    def to_bytes(self) -> bytes:
        """Return the plan as compressed, versioned bytes, for any store that keeps bytes. `from_bytes` reads them."""
        return encode(self.project_id, self.made_at, list(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> RefreshPlan:
        """Read what `to_bytes` returned.

        Raises:
            InvalidRequest: The bytes are no plan, or one of another version. A new plan in its place could start refreshes a second time.
        """
        project_id, made_at, refreshes = decode(data)
        return cls(project_id=project_id, made_at=made_at, refreshes={one.ref: one for one in refreshes})

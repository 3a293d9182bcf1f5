"""What all operations share: one request, the server's rooms, and looking up the cluster that a request means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from attrs import field, frozen

from .answers import Refusal
from .handlers.parameters import Parameters, json_body
from .query.compute import Evaluator, Worker
from .records import Effect, RequestRecord
from .state import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .records import EffectKind
    from .settings import Settings
    from .state import Cluster, Shown

_BLOCK = 1 << 18


@frozen(kw_only=True)
class Call:
    """One request on its way to an operation.

    Attributes:
        record: The record of the request; an upload writes size and digest into it.
        pieces: The body of an upload, piece by piece.
        stale_seconds: What a fault decided about the stale window; None leaves it to the settings.
    """

    record: RequestRecord
    pieces: AsyncIterator[bytes]
    stale_seconds: float | None = None

    async def blocks(self) -> AsyncIterator[bytes]:
        """The body of an upload in blocks of about 256 KiB, which are worth a hop to the worker's thread."""
        gathered = bytearray()
        async for piece in self.pieces:
            gathered += piece
            if len(gathered) >= _BLOCK:
                yield bytes(gathered)
                gathered.clear()
        if gathered:
            yield bytes(gathered)


@frozen
class Desk:
    """The rooms of the server that an operation works with."""

    state: State
    evaluator: Evaluator
    worker: Worker
    project_id: int
    effects: list[Effect] = field(factory=list)

    @property
    def settings(self) -> Settings:
        """The settings as they stand now."""
        return self.state.settings

    def query(self, call: Call) -> Parameters:
        """The query parameters, after a check of `projectId`."""
        query = Parameters(call.record.query, self.settings)
        query.project(self.project_id)
        return query

    def query_without_project(self, call: Call) -> Parameters:
        """The query parameters where the project stands in the body."""
        return Parameters(call.record.query, self.settings)

    def json(self, call: Call) -> Parameters:
        """The fields of the JSON body."""
        return json_body(call.record.body or b"", self.settings)

    def by_id(self, query: Parameters) -> Cluster:
        """The cluster that `clusterId` means."""
        return self._found(self.state.find(query.integer("clusterId")), "clusterId", query)

    def by_name(self, query: Parameters) -> Cluster:
        """The cluster that `clusterName` means, compared exactly."""
        return self._found(self.state.find(query.text("clusterName")), "clusterName", query)

    def check_free(self, name: str) -> None:
        """Refuse a name that a cluster or tag has."""
        if self.state.find(name) is not None:
            raise Refusal(self.settings.codes.duplicate_name, f"clusterName {name} exists already")

    async def complete(self, shown: Iterable[Shown]) -> None:
        """Evaluate what is shown for the first time since its computation ended."""
        results = [one.result for one in shown if one.result.count is None]
        if not self.settings.evaluate:
            self.evaluator.fill(results, evaluate=False)
        elif results:
            await self.worker.run(self.evaluator.fill, results, evaluate=True)

    def did(self, kind: EffectKind, cluster: Cluster, call: Call, now: float) -> None:
        """Record an effect."""
        self.effects.append(
            Effect(
                kind=kind,
                cluster_id=cluster.id,
                cluster_name=cluster.name,
                time=self.state.time(now),
                request=call.record.number,
            )
        )

    def _found(self, cluster: Cluster | None, key: str, query: Parameters) -> Cluster:
        if cluster is None:
            raise Refusal(self.settings.codes.not_found, f"{key} {query.values[key]} does not exist")
        return cluster

"""What all handlers share: one request, the parts of the server, and the cluster that a request names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from attrs import field, frozen

from ..answers import RequestRejected
from ..query.compute import Evaluator, Worker
from ..query.errors import TooComplex
from ..records import Effect, RequestRecord
from ..state import State
from .parameters import Parameters, json_body
from .sql_results import SqlResults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..query.compute import Result
    from ..records import EffectKind
    from ..settings import Settings
    from ..state import Cluster, Snapshot

_BLOCK_SIZE = 1 << 18


@frozen(kw_only=True)
class Request:
    """One request on its way to a handler.

    Attributes:
        record: The record of the request; an upload writes size and digest into it.
        chunks: The body of an upload as it arrives.
        stale_seconds: Length of the stale window that a fault asks for; None leaves it to the settings.
    """

    record: RequestRecord
    chunks: AsyncIterator[bytes]
    stale_seconds: float | None = None

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the body of an upload in blocks of about 256 KiB, each worth a hop to the worker's thread."""
        block = bytearray()
        async for chunk in self.chunks:
            block += chunk
            if len(block) >= _BLOCK_SIZE:
                yield bytes(block)
                block.clear()
        if block:
            yield bytes(block)


@frozen
class RequestContext:
    """The parts of the server that handlers work with, and the latest `keep_effects` changes, or all if it is None."""

    state: State
    evaluator: Evaluator
    worker: Worker
    project_id: int
    keep_effects: int | None = None
    effects: list[Effect] = field(factory=list)
    sql: SqlResults = field(factory=SqlResults)

    @property
    def settings(self) -> Settings:
        """The current settings."""
        return self.state.settings

    def query(self, request: Request) -> Parameters:
        """Return the query parameters after a check of `projectId`."""
        query = self.query_without_project(request)
        query.check_project(self.project_id)
        return query

    def query_without_project(self, request: Request) -> Parameters:
        """Return the query parameters of an endpoint that has the project in its body."""
        return Parameters(request.record.query, self.settings)

    def json(self, request: Request) -> Parameters:
        """Return the fields of the JSON body."""
        return json_body(request.record.body or b"", self.settings)

    def by_id(self, query: Parameters) -> Cluster:
        """Return the cluster that `clusterId` names."""
        return self._existing(self.state.find(query.integer("clusterId")), "clusterId", query)

    def by_name(self, query: Parameters) -> Cluster:
        """Return the cluster that `clusterName` names, compared exactly."""
        return self._existing(self.state.find(query.stored_name()), "clusterName", query)

    def check_name_is_free(self, name: str) -> None:
        """Reject a name that a cluster or tag already has."""
        if self.state.find(name) is not None:
            raise RequestRejected(self.settings.codes.duplicate_name, f"分群或标签 {name} 已存在")

    def not_evaluated(self, snapshots: Sequence[Snapshot]) -> list[Result]:
        """Return the results that the worker must evaluate: none if `evaluate` is off, when counts are drawn here."""
        results = [snapshot.result for snapshot in snapshots if snapshot.result.count is None]
        if self.settings.evaluate:
            return results
        for result in results:
            result.draw_count()
        return []

    async def evaluate(self, snapshots: Sequence[Snapshot]) -> None:
        """Evaluate what is shown for the first time since its computation ended."""
        if results := self.not_evaluated(snapshots):
            settings = self.settings
            try:
                await self.worker.run(self.evaluator.evaluate, results, settings.evaluation_seconds)
            except TooComplex as error:
                raise RequestRejected(settings.codes.too_complex, error.reason) from None

    def record_effect(self, kind: EffectKind, cluster: Cluster, request: Request, now: float) -> None:
        """Record a change that a request made."""
        self.effects.append(
            Effect(
                kind=kind,
                cluster_id=cluster.id,
                cluster_name=cluster.name,
                time=self.state.time(now),
                request=request.record.number,
            )
        )
        if self.keep_effects is not None and len(self.effects) > self.keep_effects:
            del self.effects[0]

    def _existing(self, cluster: Cluster | None, key: str, query: Parameters) -> Cluster:
        if cluster is None:
            raise RequestRejected(self.settings.codes.not_found, f"分群或标签 {query.values[key]} 不存在")
        return cluster

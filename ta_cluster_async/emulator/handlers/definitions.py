"""Creating and changing condition clusters and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..answers import RequestRejected, success
from ..query.bounds import check_size
from ..query.compute import Computation
from ..query.errors import EvaluationError, MissingField, TooComplex
from ..state import CLUSTER_CATALOG, TAG_CATALOG, Cluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...models.json import JsonValue
    from ..answers import Answer
    from .context import Request, RequestContext
    from .parameters import Parameters

_DEFINITION_KEYS = {CLUSTER_CATALOG: "qp", TAG_CATALOG: "tagQp"}
_CONDITION_TYPES = {
    CLUSTER_CATALOG: ("cluster_by_static_condition", "cluster_by_dynamic_condition"),
    TAG_CATALOG: ("tag_by_static_condition", "tag_by_dynamic_condition"),
}


# 添加条件分群或标签


async def add(context: RequestContext, request: Request) -> Answer:
    """Create a condition cluster or tag, and start its computation."""
    body = context.json(request)
    body.check_project(context.project_id)
    name = body.new_name()
    display_name = body.display_name()
    given_type = body.optional_text("clusterType")
    of_type = TAG_CATALOG if given_type is not None and given_type.startswith("tag_") else CLUSTER_CATALOG
    catalog = body.catalog(default=of_type)
    cluster_type = given_type or _CONDITION_TYPES[catalog][0]
    _check_type(context, body, catalog, cluster_type)
    definition = _definition(body, catalog)
    if definition is None and catalog == TAG_CATALOG and context.settings.evaluate:
        raise body.empty(_DEFINITION_KEYS[catalog])
    tag_kind = body.text("subConditionTabType") if catalog == TAG_CATALOG and definition is not None else None
    await _check_definition(context, body, catalog, tag_kind, definition)
    # No await from here on, so that the name is still free when the cluster takes it.
    now = context.state.advance()
    context.check_name_is_free(name)
    cluster = Cluster(
        id=context.state.new_id(),
        name=name,
        catalog=catalog,
        cluster_type=cluster_type,
        display_name=display_name,
        remarks=body.optional_text("remarks") or "",
        tag_kind=tag_kind,
        definition=definition,
        progress=context.settings.progress_before_first,
    )
    context.state.add(cluster)
    context.record_effect("created", cluster, request, now)
    if context.settings.compute_on_create:
        context.state.compute(cluster, now)
    return success(cluster.id)


# 更新条件分群或标签定义, 根据名称更新条件分群或标签定义


async def update(context: RequestContext, request: Request) -> Answer:
    """Change a condition cluster or tag by id; the project stands in the body."""
    body = context.json(request)
    body.check_project(context.project_id)
    return await _update(
        context, request, body, lambda: context.by_id(context.query_without_project(request))
    )


async def update_by_name(context: RequestContext, request: Request) -> Answer:
    """Change a condition cluster or tag by name; the project stands in the query."""
    query = context.query(request)
    body = context.json(request)
    if body.has("projectId"):
        body.check_project(context.project_id)
    return await _update(context, request, body, lambda: context.by_name(query))


async def _update(
    context: RequestContext, request: Request, body: Parameters, find: Callable[[], Cluster]
) -> Answer:
    cluster = find()
    if cluster.is_import:
        raise body.invalid("clusterType", f"{cluster.cluster_type} 只能通过上传修改")
    display_name = body.display_name()
    catalog = body.catalog(default=cluster.catalog)
    if catalog != cluster.catalog:
        raise body.invalid("clusterCatalog", f"已有的是 {cluster.catalog}")
    cluster_type = body.optional_text("clusterType") or cluster.cluster_type
    _check_type(context, body, catalog, cluster_type)
    definition = _definition(body, catalog)
    if definition is None:
        definition = cluster.definition
    tag_kind = cluster.tag_kind
    if catalog == TAG_CATALOG:
        tag_kind = body.optional_text("subConditionTabType") or tag_kind
    await _check_definition(context, body, catalog, tag_kind, definition)
    now = context.state.advance()
    cluster = find()
    changed = tag_kind != cluster.tag_kind or (
        _without_resolved_windows(definition) != _without_resolved_windows(cluster.definition)
    )
    context.state.relabel(cluster, display_name=display_name, cluster_type=cluster_type)
    cluster.tag_kind = tag_kind
    cluster.definition = definition
    cluster.remarks = body.optional_text("remarks") or cluster.remarks
    context.record_effect("updated", cluster, request, now)
    if changed and context.settings.compute_on_update:
        context.state.compute(cluster, now)
    return success()


def _check_type(context: RequestContext, body: Parameters, catalog: str, cluster_type: str) -> None:
    if not cluster_type.startswith("tag_" if catalog == TAG_CATALOG else "cluster_"):
        raise body.invalid("clusterType", f"{cluster_type} 不是 {catalog} 的类型")
    if context.settings.evaluate and cluster_type not in _CONDITION_TYPES[catalog]:
        raise RequestRejected(context.settings.codes.not_evaluable, f"clusterType：无法计算 {cluster_type}")


def _definition(body: Parameters, catalog: str) -> Mapping[str, JsonValue] | None:
    given = body.mapping(_DEFINITION_KEYS[catalog])
    return None if given is None else given.values


async def _check_definition(
    context: RequestContext,
    body: Parameters,
    catalog: str,
    tag_kind: str | None,
    definition: Mapping[str, JsonValue] | None,
) -> None:
    if definition is None:
        return
    settings = context.settings
    now = context.state.advance()
    try:
        check_size(definition, settings)
        if settings.evaluate:
            computation = Computation(
                tag_kind=tag_kind,
                definition=definition,
                at=context.state.time(now),
                seed="",
                needs=context.state.needs(definition, now),
                cluster_comparators=settings.cluster_comparators,
            )
            await context.worker.run(context.evaluator.members, computation, settings.evaluation_seconds)
    except EvaluationError as error:
        # The error's path starts inside qp or tagQp, except for the kind of a tag, which stands beside tagQp.
        path = _DEFINITION_KEYS[catalog] + (f".{error.key}" if error.key else "")
        if error.key == "subConditionTabType":
            path = error.key
        if isinstance(error, MissingField):
            raise body.empty(error.name, path=path) from None
        code = settings.codes.too_complex if isinstance(error, TooComplex) else settings.codes.not_evaluable
        raise RequestRejected(code, f"{path}：{error.reason}") from None


def _without_resolved_windows(value: object) -> object:
    """Return a definition without the times beside a `recentDay`, which the server adds and which change nothing."""
    if isinstance(value, list):
        return [_without_resolved_windows(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    ignored = {"startTime", "endTime"} if value.get("recentDay") else set()
    return {key: _without_resolved_windows(item) for key, item in value.items() if key not in ignored}

"""Creating and changing condition clusters and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import views
from ..answers import Refusal, success
from ..query.compute import Computation
from ..query.errors import CannotEvaluate
from ..state import CLUSTER_CATALOG, TAG_CATALOG, Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..answers import Answer, JsonValue
    from ..context import Call, Desk
    from .parameters import Parameters

_DEFINITION_KEYS = {CLUSTER_CATALOG: "qp", TAG_CATALOG: "tagQp"}
_CONDITION_TYPES = {
    CLUSTER_CATALOG: ("cluster_by_static_condition", "cluster_by_dynamic_condition"),
    TAG_CATALOG: ("tag_by_static_condition", "tag_by_dynamic_condition"),
}


# 添加条件分群或标签


async def add(desk: Desk, call: Call) -> Answer:
    """Create a condition cluster or tag, and start its computation."""
    body = desk.json(call)
    body.project(desk.project_id)
    name = body.new_name()
    display_name = body.display_name()
    given_type = body.optional_text("clusterType")
    of_type = TAG_CATALOG if given_type is not None and given_type.startswith("tag_") else CLUSTER_CATALOG
    catalog = body.catalog(default=of_type)
    cluster_type = given_type or _CONDITION_TYPES[catalog][0]
    _check_type(desk, body, catalog, cluster_type)
    definition = _definition(body, catalog)
    if definition is None and desk.settings.evaluate:
        raise body.empty(_DEFINITION_KEYS[catalog])
    tag_kind = body.text("subConditionTabType") if catalog == TAG_CATALOG and definition is not None else None
    await _check_definition(desk, catalog, tag_kind, definition)
    # No await from here on: the name is still free when the cluster takes it.
    now = desk.state.settle()
    desk.check_free(name)
    cluster = Cluster(
        id=desk.state.new_id(),
        name=name,
        catalog=catalog,
        cluster_type=cluster_type,
        display_name=display_name,
        remarks=body.optional_text("remarks") or "",
        tag_kind=tag_kind,
        definition=definition,
        progress=desk.settings.progress_before_first,
    )
    desk.state.add(cluster)
    desk.did("created", cluster, call, now)
    if desk.settings.compute_on_create:
        desk.state.compute(cluster, now)
    return success(cluster.id)


# 更新条件分群或标签定义, 根据名称更新条件分群或标签定义


async def update(desk: Desk, call: Call) -> Answer:
    """Change a condition cluster or tag by id; the project stands in the body."""
    body = desk.json(call)
    body.project(desk.project_id)
    return await _update(desk, call, body, lambda: desk.by_id(desk.query_without_project(call)))


async def update_by_name(desk: Desk, call: Call) -> Answer:
    """Change a condition cluster or tag by name; the project stands in the query."""
    query = desk.query(call)
    body = desk.json(call)
    if body.has("projectId"):
        body.project(desk.project_id)
    return await _update(desk, call, body, lambda: desk.by_name(query))


async def _update(desk: Desk, call: Call, body: Parameters, find: Callable[[], Cluster]) -> Answer:
    cluster = find()
    if cluster.is_import:
        raise body.invalid("clusterType", f"{cluster.cluster_type} is changed by an upload")
    display_name = body.display_name()
    catalog = body.catalog(default=cluster.catalog)
    if catalog != cluster.catalog:
        raise body.invalid("clusterCatalog", f"the stored one is {cluster.catalog}")
    cluster_type = body.optional_text("clusterType") or cluster.cluster_type
    _check_type(desk, body, catalog, cluster_type)
    definition = _definition(body, catalog)
    if definition is None:
        definition = cluster.definition
    tag_kind = cluster.tag_kind
    if catalog == TAG_CATALOG:
        tag_kind = body.optional_text("subConditionTabType") or tag_kind
    await _check_definition(desk, catalog, tag_kind, definition)
    now = desk.state.settle()
    cluster = find()
    changed = tag_kind != cluster.tag_kind or not views.same_definition(
        None if definition is None else dict(definition),
        None if cluster.definition is None else dict(cluster.definition),
    )
    desk.state.relabel(cluster, display_name=display_name, cluster_type=cluster_type)
    cluster.tag_kind = tag_kind
    cluster.definition = definition
    cluster.remarks = body.optional_text("remarks") or cluster.remarks
    desk.did("updated", cluster, call, now)
    if changed and desk.settings.compute_on_update:
        desk.state.compute(cluster, now)
    return success()


def _check_type(desk: Desk, body: Parameters, catalog: str, cluster_type: str) -> None:
    if not cluster_type.startswith("tag_" if catalog == TAG_CATALOG else "cluster_"):
        raise body.invalid("clusterType", f"{cluster_type} is no type of {catalog}")
    if desk.settings.evaluate and cluster_type not in _CONDITION_TYPES[catalog]:
        raise Refusal(
            desk.settings.codes.not_evaluable, f"clusterType: the emulator cannot evaluate {cluster_type}"
        )


def _definition(body: Parameters, catalog: str) -> Mapping[str, JsonValue] | None:
    given = body.mapping(_DEFINITION_KEYS[catalog])
    return None if given is None else given.values


async def _check_definition(
    desk: Desk, catalog: str, tag_kind: str | None, definition: Mapping[str, JsonValue] | None
) -> None:
    if definition is None or not desk.settings.evaluate:
        return
    at = desk.state.time(desk.state.settle())
    computation = Computation(tag_kind=tag_kind, definition=definition, at=at, seed="")
    try:
        await desk.worker.run(desk.evaluator.members, computation)
    except CannotEvaluate as error:
        # A tag's path starts at the kind or inside tagQp; a cluster's inside qp.
        inside = "" if error.key == "subConditionTabType" else f"{_DEFINITION_KEYS[catalog]}."
        raise Refusal(desk.settings.codes.not_evaluable, f"{inside}{error.key}: {error.reason}") from None

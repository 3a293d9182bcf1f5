"""Reading, listing, deleting and refreshing clusters and tags of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import views
from ..answers import Refusal, success
from .parameters import Parameters

if TYPE_CHECKING:
    from ..answers import Answer, JsonValue
    from ..context import Call, Desk
    from ..state import Cluster


# 分群或标签详情查询


async def detail(desk: Desk, call: Call) -> Answer:
    """Show one cluster or tag, by id or by name."""
    query = desk.query(call)
    now = desk.state.settle()
    cluster = (
        desk.by_name(query) if query.has("clusterName") and not query.has("clusterId") else desk.by_id(query)
    )
    shown = desk.state.shown(cluster, now)
    await desk.complete([shown])
    return success(
        views.detail(
            cluster,
            shown,
            project_id=desk.project_id,
            today=desk.state.time(now),
            resolve=desk.settings.resolve_windows,
        )
    )


# 删除分群或标签, 根据名称删除分群或标签


async def delete(desk: Desk, call: Call) -> Answer:
    """Delete by id."""
    query = desk.query(call)
    return _delete(desk, call, desk.by_id(query))


async def delete_by_name(desk: Desk, call: Call) -> Answer:
    """Delete by name."""
    query = desk.query(call)
    return _delete(desk, call, desk.by_name(query))


def _delete(desk: Desk, call: Call, cluster: Cluster) -> Answer:
    now = desk.state.settle()
    desk.state.remove(cluster, now)
    desk.did("deleted", cluster, call, now)
    return success()


# 分群和标签列表查询


async def list_page(desk: Desk, call: Call) -> Answer:
    """One page of the clusters or tags of some types."""
    body = desk.json(call)
    body.project(desk.project_id)
    catalog = body.catalog()
    types = frozenset(body.texts("clusterTypes"))
    sought = body.optional_text("clusterName") or ""
    pager = body.mapping("pagerHeader") or Parameters({}, desk.settings)
    number = pager.positive("pageNum", 1)
    size = min(pager.positive("pageSize", desk.settings.default_page_size), desk.settings.max_page_size)
    now = desk.state.settle()
    found = desk.state.listed(catalog, types, sought)
    page = found[(number - 1) * size : number * size]
    shown = [desk.state.shown(cluster, now) for cluster in page]
    await desk.complete(shown)
    rows: list[JsonValue] = [
        views.row(cluster, state, project_id=desk.project_id)
        for cluster, state in zip(page, shown, strict=True)
    ]
    header: JsonValue = {"pageNum": number, "pageSize": size, "totalNum": len(found)}
    return success({"pagerResult": header, "userClusters": rows})


# 刷新条件分群或标签


async def refresh(desk: Desk, call: Call) -> Answer:
    """Submit a refresh by id."""
    query = desk.query(call)
    return _refresh(desk, call, desk.by_id(query))


async def refresh_by_name(desk: Desk, call: Call) -> Answer:
    """Submit a refresh by name."""
    query = desk.query(call)
    return _refresh(desk, call, desk.by_name(query))


def _refresh(desk: Desk, call: Call, cluster: Cluster) -> Answer:
    refused = desk.settings.codes.refresh_refused
    if cluster.is_import and desk.settings.refresh_id_clusters == "reject":
        raise Refusal(refused, f"{cluster.name}: {cluster.cluster_type} has nothing to refresh")
    now = desk.state.settle()
    outcome = desk.state.refresh(cluster, now, stale_seconds=call.stale_seconds)
    if outcome == "rejected":
        raise Refusal(refused, f"{cluster.name}: a refresh is running")
    if outcome != "ignored":
        desk.did("refreshed", cluster, call, now)
    return success()


# 查询刷新进度


async def progress(desk: Desk, call: Call) -> Answer:
    """Show the progress by id."""
    query = desk.query(call)
    return _progress(desk, desk.by_id(query))


async def progress_by_name(desk: Desk, call: Call) -> Answer:
    """Show the progress by name."""
    query = desk.query(call)
    return _progress(desk, desk.by_name(query))


def _progress(desk: Desk, cluster: Cluster) -> Answer:
    return success({"progress": desk.state.shown(cluster, desk.state.settle()).progress})

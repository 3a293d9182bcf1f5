"""Reading, listing, deleting and refreshing clusters and tags of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import views
from ..answers import RequestRejected, success
from ..query.stored import named_in
from .parameters import Parameters

if TYPE_CHECKING:
    from ...models.json import JsonValue
    from ..answers import Answer
    from ..state import Cluster
    from .context import Request, RequestContext


# 分群或标签详情查询


async def detail(context: RequestContext, request: Request) -> Answer:
    """Show one cluster or tag, by id or by name."""
    query = context.query(request)
    now = context.state.advance()
    find = context.by_name if query.has("clusterName") and not query.has("clusterId") else context.by_id
    cluster = find(query)
    [snapshot] = context.state.answer([cluster], now)
    await context.evaluate([snapshot])
    return success(
        views.detail(
            cluster,
            snapshot,
            project_id=context.project_id,
            today=context.state.time(now).date(),
            resolve=context.settings.resolve_windows,
        )
    )


# 删除分群或标签, 根据名称删除分群或标签


def delete(context: RequestContext, request: Request, cluster: Cluster) -> Answer:
    """Delete a cluster or tag."""
    now = context.state.advance()
    context.state.remove(cluster, now)
    context.record_effect("deleted", cluster, request, now)
    return success()


# 分群和标签列表查询


async def list_page(context: RequestContext, request: Request) -> Answer:
    """Show one page of the clusters or tags of the given types."""
    body = context.json(request)
    body.check_project(context.project_id)
    catalog = body.catalog()
    types = frozenset(body.texts("clusterTypes"))
    search = body.optional_text("clusterName") or ""
    pager = body.mapping("pagerHeader") or Parameters({}, context.settings)
    number = pager.positive("pageNum", 1)
    size = pager.positive("pageSize", context.settings.default_page_size)
    most = context.settings.refuse_page_size
    if most is not None and size > most:
        raise pager.invalid("pageSize", f"必须不大于 {most}")
    size = min(size, context.settings.max_page_size)
    now = context.state.advance()
    found = context.state.listed(catalog, types, search)
    page = found[(number - 1) * size : number * size]
    snapshots = context.state.answer(page, now, is_list=True)
    await context.evaluate(snapshots)
    rows: list[JsonValue] = [
        views.row(cluster, snapshot, project_id=context.project_id)
        for cluster, snapshot in zip(page, snapshots, strict=True)
    ]
    header: JsonValue = {"pageNum": number, "pageSize": size, "totalNum": len(found)}
    return success({"pagerResult": header, "userClusters": rows})


# 刷新条件分群或标签


def refresh(context: RequestContext, request: Request, cluster: Cluster) -> Answer:
    """Submit a refresh."""
    code = context.settings.codes.refresh_refused
    if cluster.is_import and context.settings.refresh_id_clusters == "reject":
        raise RequestRejected(code, f"{cluster.name}：{cluster.cluster_type} 不能刷新")
    if context.settings.evaluate:
        gone = [name for name in named_in(cluster.definition) if context.state.find(name) is None]
        if gone:
            raise RequestRejected(
                context.settings.codes.not_evaluable, f"{cluster.name}：分群或标签 {gone[0]!r} 不存在"
            )
    now = context.state.advance()
    outcome = context.state.refresh(cluster, now, stale_seconds=request.stale_seconds)
    if outcome == "full":
        raise RequestRejected(context.settings.codes.queue_full, f"{cluster.name}：等待和运行中的刷新过多")
    if outcome == "rejected":
        raise RequestRejected(code, f"{cluster.name}：正在刷新")
    if outcome != "ignored":
        context.record_effect("refreshed", cluster, request, now)
    return success()


# 查询刷新进度


def progress(context: RequestContext, _: Request, cluster: Cluster) -> Answer:
    """Show the progress."""
    now = context.state.advance()
    [snapshot] = context.state.answer([cluster], now)
    return success({"progress": snapshot.progress})

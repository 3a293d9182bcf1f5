"""Uploads of ids: creating and changing id clusters and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..answers import RequestRejected, success
from ..query.errors import EvaluationError
from ..state import CLUSTER_CATALOG, TAG_CATALOG, Cluster
from .csv import CsvUpload, InvalidCsv

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...models.json import JsonValue
    from ..answers import Answer
    from ..query.stored import Members
    from .context import Request, RequestContext
    from .parameters import Parameters


# 创建上传ID分群或标签


async def add(context: RequestContext, request: Request) -> Answer:
    """Create an id cluster or tag from a CSV."""
    query = context.query(request)
    display_name = query.display_name()
    column = query.text("mainColumnName")
    catalog = query.catalog(default=CLUSTER_CATALOG)
    name = query.new_name() if query.has("clusterName") else None
    if name is not None:
        context.check_name_is_free(name)
    upload = await _read_upload(context, request, catalog, column)
    now = context.state.advance()
    if name is None:
        name = context.state.free_name(catalog, now)
    # Another request may have taken the name while the body arrived.
    context.check_name_is_free(name)
    cluster = Cluster(
        id=context.state.new_id(),
        name=name,
        catalog=catalog,
        cluster_type="tag_by_import" if catalog == TAG_CATALOG else "cluster_by_import",
        display_name=display_name,
        remarks=query.optional_text("remarks") or "",
        main_column=column,
    )
    context.state.add(cluster)
    context.state.set_uploaded(cluster, _members(upload, catalog), now)
    context.record_effect("uploaded", cluster, request, now)
    return success(_counters(cluster, upload))


# 修改上传ID分群或标签, 根据名称修改上传ID分群或标签


async def modify(context: RequestContext, request: Request) -> Answer:
    """Give an id cluster or tag a new CSV, by id."""
    return await _modify(context, request, context.by_id)


async def modify_by_name(context: RequestContext, request: Request) -> Answer:
    """Give an id cluster or tag a new CSV, by name."""
    return await _modify(context, request, context.by_name)


async def _modify(context: RequestContext, request: Request, find: Callable[[Parameters], Cluster]) -> Answer:
    query = context.query(request)
    cluster = find(query)
    if not cluster.is_import:
        raise query.invalid("clusterType", f"{cluster.cluster_type} 不能上传 ID")
    display_name = query.display_name() if query.has("displayName") else None
    column = query.optional_text("mainColumnName") or cluster.main_column
    upload = await _read_upload(context, request, cluster.catalog, column)
    now = context.state.advance()
    # Another request may have deleted it while the body arrived.
    cluster = find(query)
    members = _members(upload, cluster.catalog)
    if context.settings.modify == "append":
        members = _union(cluster.result.members, members)
    context.state.relabel(
        cluster, display_name=display_name or cluster.display_name, cluster_type=cluster.cluster_type
    )
    cluster.main_column = column
    cluster.remarks = query.optional_text("remarks") or cluster.remarks
    context.state.set_uploaded(cluster, members, now)
    context.record_effect("replaced", cluster, request, now)
    return success("" if context.settings.modify_answers == "empty" else _counters(cluster, upload))


async def _read_upload(context: RequestContext, request: Request, catalog: str, column: str) -> CsvUpload:
    upload = CsvUpload(
        columns=2 if catalog == TAG_CATALOG else 1,
        match=lambda ids: context.evaluator.match(column, ids) if context.settings.evaluate else list(ids),
        accept_bom=context.settings.accept_bom,
    )
    async for block in request.blocks():
        await context.worker.run(upload.feed, block)
        request.record.body_size = upload.size
    request.record.body_sha256 = upload.sha256
    try:
        await context.worker.run(upload.finish)
    except InvalidCsv as error:
        raise RequestRejected(context.settings.codes.bad_upload, str(error)) from None
    except EvaluationError as error:
        raise RequestRejected(context.settings.codes.not_evaluable, str(error)) from None
    return upload


def _members(upload: CsvUpload, catalog: str) -> Members:
    return upload.members if catalog == TAG_CATALOG else frozenset(upload.members)


def _union(old: Members | None, new: Members) -> Members:
    if isinstance(new, frozenset):
        return new.union(old or ())
    return {**(old if isinstance(old, Mapping) else {}), **new}


def _counters(cluster: Cluster, upload: CsvUpload) -> JsonValue:
    return {
        "clusterId": cluster.id,
        "tagValueNullNum": upload.nulls,
        "unmatchedNum": upload.unmatched,
        "uploadNum": upload.records,
        "userNum": len(upload.members),
    }

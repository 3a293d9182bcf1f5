"""Uploads of ids: creating and changing id clusters and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..answers import Refusal, success
from ..query.errors import CannotEvaluate
from ..state import CLUSTER_CATALOG, TAG_CATALOG, Cluster
from .csv import CsvUpload, UploadRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..answers import Answer, JsonValue
    from ..context import Call, Desk
    from ..query.compute import Members
    from .csv import Uploaded
    from .parameters import Parameters


# 创建上传ID分群或标签


async def import_add(desk: Desk, call: Call) -> Answer:
    """Create an id cluster or tag from a CSV."""
    query = desk.query(call)
    display_name = query.display_name()
    column = query.text("mainColumnName")
    catalog = query.catalog(default=CLUSTER_CATALOG)
    name = query.new_name() if query.has("clusterName") else None
    if name is not None:
        desk.check_free(name)
    upload = await _read_upload(desk, call, catalog, column)
    now = desk.state.settle()
    if name is None:
        name = desk.state.free_name(catalog, now)
    desk.check_free(name)
    cluster = Cluster(
        id=desk.state.new_id(),
        name=name,
        catalog=catalog,
        cluster_type="tag_by_import" if catalog == TAG_CATALOG else "cluster_by_import",
        display_name=display_name,
        remarks=query.optional_text("remarks") or "",
        main_column=column,
    )
    desk.state.add(cluster)
    desk.state.set_uploaded(cluster, _members(upload, catalog), now)
    desk.did("uploaded", cluster, call, now)
    return success(_counters(cluster, upload))


# 修改上传ID分群或标签, 根据名称修改上传ID分群或标签


async def import_modify(desk: Desk, call: Call) -> Answer:
    """Give an id cluster or tag a new CSV, by id."""
    return await _modify(desk, call, desk.by_id)


async def import_modify_by_name(desk: Desk, call: Call) -> Answer:
    """Give an id cluster or tag a new CSV, by name."""
    return await _modify(desk, call, desk.by_name)


async def _modify(desk: Desk, call: Call, find: Callable[[Parameters], Cluster]) -> Answer:
    query = desk.query(call)
    cluster = find(query)
    if not cluster.is_import:
        raise query.invalid("clusterType", f"{cluster.cluster_type} takes no upload")
    display_name = query.display_name() if query.has("displayName") else None
    column = query.optional_text("mainColumnName") or cluster.main_column
    upload = await _read_upload(desk, call, cluster.catalog, column)
    now = desk.state.settle()
    cluster = find(query)
    members = _members(upload, cluster.catalog)
    if desk.settings.modify == "append":
        members = _union(cluster.result.members, members)
    desk.state.relabel(
        cluster, display_name=display_name or cluster.display_name, cluster_type=cluster.cluster_type
    )
    cluster.main_column = column
    cluster.remarks = query.optional_text("remarks") or cluster.remarks
    desk.state.set_uploaded(cluster, members, now)
    desk.did("replaced", cluster, call, now)
    return success("" if desk.settings.modify_answers == "empty" else _counters(cluster, upload))


async def _read_upload(desk: Desk, call: Call, catalog: str, column: str) -> Uploaded:
    upload = CsvUpload(
        columns=2 if catalog == TAG_CATALOG else 1,
        match=lambda ids: desk.evaluator.match(column, ids) if desk.settings.evaluate else list(ids),
        accept_bom=desk.settings.accept_bom,
    )
    async for block in call.blocks():
        await desk.worker.run(upload.feed, block)
        call.record.body_size = upload.size
    call.record.body_sha256 = upload.sha256
    try:
        return await desk.worker.run(upload.finish)
    except UploadRefused as error:
        raise Refusal(desk.settings.codes.bad_upload, str(error)) from None
    except CannotEvaluate as error:
        raise Refusal(desk.settings.codes.not_evaluable, str(error)) from None


def _members(upload: Uploaded, catalog: str) -> Members:
    return upload.members if catalog == TAG_CATALOG else frozenset(upload.members)


def _union(old: Members | None, new: Members) -> Members:
    if isinstance(new, frozenset):
        return new | (old if isinstance(old, frozenset) else frozenset())
    return {**(old if old is not None and not isinstance(old, frozenset) else {}), **new}


def _counters(cluster: Cluster, upload: Uploaded) -> JsonValue:
    return {
        "clusterId": cluster.id,
        "tagValueNullNum": upload.tag_value_null_num,
        "unmatchedNum": upload.unmatched_num,
        "uploadNum": upload.upload_num,
        "userNum": len(upload.members),
    }

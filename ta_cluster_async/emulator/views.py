"""The JSON of a cluster or tag in answers: exactly the fields of the specification's samples."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import frozen

from ..models.json import JsonValue
from ..models.times import time_text
from .query.windows import recent_days
from .state import TAG_CATALOG

if TYPE_CHECKING:
    from datetime import date

    from .state import Cluster, Snapshot


@frozen(kw_only=True)
class ClusterView:
    """The current state of a cluster or tag on the server, for tests to assert.

    Attributes:
        id: Its id.
        name: `clusterName`.
        display_name: `displayName`.
        catalog: "catalog_cluster" or "catalog_tag".
        cluster_type: `clusterType`.
        progress: Progress in percent: -1, 0..100.
        refresh_time: `refreshTime`, or None before the first computation.
        users_num: `usersNum`.
        remarks: Remarks of an uploaded cluster.
        main_column: `mainColumnName` of an uploaded cluster.
        definition: `qp` or `tagQp` as it was sent; None for uploads.
    """

    id: int
    name: str
    display_name: str
    catalog: str
    cluster_type: str
    progress: int
    refresh_time: datetime | None
    users_num: int
    remarks: str
    main_column: str
    definition: Mapping[str, JsonValue] | None


def view(cluster: Cluster, snapshot: Snapshot) -> ClusterView:
    """Return the cluster as a value. Its result must be evaluated."""
    return ClusterView(
        id=cluster.id,
        name=cluster.name,
        display_name=cluster.display_name,
        catalog=cluster.catalog,
        cluster_type=cluster.cluster_type,
        progress=snapshot.progress,
        refresh_time=snapshot.refresh_time,
        users_num=snapshot.result.count or 0,
        remarks=cluster.remarks,
        main_column=cluster.main_column,
        definition=cluster.definition,
    )


def detail(
    cluster: Cluster, snapshot: Snapshot, *, project_id: int, today: date, resolve: bool
) -> dict[str, JsonValue]:
    """Return `data` of 分群或标签详情查询. Relative windows count from `today` if the cluster was never computed."""
    fields: dict[str, JsonValue] = {
        "clusterName": cluster.name,
        "clusterType": cluster.cluster_type,
        "displayName": cluster.display_name,
        "id": cluster.id,
        "progress": snapshot.progress,
        "projectId": project_id,
        "refreshTime": _refresh_time(snapshot),
    }
    if cluster.definition is not None:
        if cluster.catalog == TAG_CATALOG:
            fields["userTagDef"] = dict(cluster.definition)
        else:
            definition = dict(cluster.definition)
            day = today if cluster.computed_at is None else cluster.computed_at.date()
            fields["userClusterDef"] = _with_windows(definition, day) if resolve else definition
    fields["userId"] = 13
    fields["usersNum"] = snapshot.result.count or 0
    return fields


def row(cluster: Cluster, snapshot: Snapshot, *, project_id: int) -> dict[str, JsonValue]:
    """Return one of `userClusters` of 分群和标签列表查询."""
    return {
        "clusterCatalog": cluster.catalog,
        "clusterName": cluster.name,
        "clusterType": cluster.cluster_type,
        "displayName": cluster.display_name,
        "historyDataStatus": 0,
        "id": cluster.id,
        "mainColumnName": cluster.main_column,
        "progress": snapshot.progress,
        "projectId": project_id,
        "refreshDelay": 0,
        "refreshTime": _refresh_time(snapshot),
        "remarks": cluster.remarks,
        "selectType": "string",
        "status": 1,
        "uploadFileName": "",
        "userId": 13,
        "userName": "emulator",
        "usersNum": snapshot.result.count or 0,
    }


def _refresh_time(snapshot: Snapshot) -> str:
    return "" if snapshot.refresh_time is None else time_text(snapshot.refresh_time)


def _with_windows(definition: dict[str, JsonValue], today: date) -> dict[str, JsonValue]:
    events = definition.get("events")
    if not isinstance(events, list):
        return definition
    return {**definition, "events": [_with_window(event, today) for event in events]}


def _with_window(event: JsonValue, today: date) -> JsonValue:
    if not isinstance(event, dict):
        return event
    recent = event.get("recentDay")
    try:
        first, last = recent_days(recent if isinstance(recent, str) else "", today)
    except ValueError:
        return event
    return {**event, "startTime": f"{first} 00:00:00", "endTime": f"{last} 00:00:00"}

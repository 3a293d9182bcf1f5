"""The JSON that the server shows of a cluster or tag: the fields of the specification's samples, no more and no fewer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import frozen

from .answers import JsonValue
from .state import TAG_CATALOG, TIME_FORMAT

if TYPE_CHECKING:
    from .state import Cluster, Shown

_RECENT_DAY = re.compile(r"([0-9]{1,4})-([0-9]{1,4})")


@frozen(kw_only=True)
class ClusterView:
    """A cluster or tag as it stands on the server, for tests that assert state.

    Attributes:
        id: Its id.
        name: `clusterName`.
        display_name: `displayName`.
        catalog: "catalog_cluster" or "catalog_tag".
        cluster_type: `clusterType`.
        progress: Percent that is shown: -1, 0..100.
        refresh_time: Time that is shown, or None before the first computation.
        users_num: User count that is shown.
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


def view(cluster: Cluster, shown: Shown) -> ClusterView:
    """The cluster as a value. Its result has to be complete."""
    return ClusterView(
        id=cluster.id,
        name=cluster.name,
        display_name=cluster.display_name,
        catalog=cluster.catalog,
        cluster_type=cluster.cluster_type,
        progress=shown.progress,
        refresh_time=shown.refresh_time,
        users_num=shown.result.count or 0,
        remarks=cluster.remarks,
        main_column=cluster.main_column,
        definition=cluster.definition,
    )


def detail(
    cluster: Cluster, shown: Shown, *, project_id: int, today: datetime, resolve: bool
) -> dict[str, JsonValue]:
    """`data` of 分群或标签详情查询. `today` is the server time where the cluster was never computed."""
    fields: dict[str, JsonValue] = {
        "clusterName": cluster.name,
        "clusterType": cluster.cluster_type,
        "displayName": cluster.display_name,
        "id": cluster.id,
        "progress": shown.progress,
        "projectId": project_id,
        "refreshTime": _time_text(shown.refresh_time),
    }
    if cluster.definition is not None:
        if cluster.catalog == TAG_CATALOG:
            fields["userTagDef"] = dict(cluster.definition)
        else:
            asked = dict(cluster.definition)
            fields["userClusterDef"] = (
                _with_windows(asked, cluster.computed_at or today) if resolve else asked
            )
    fields["userId"] = 13
    fields["usersNum"] = shown.result.count or 0
    return fields


def row(cluster: Cluster, shown: Shown, *, project_id: int) -> dict[str, JsonValue]:
    """One of `userClusters` of 分群和标签列表查询."""
    return {
        "clusterCatalog": cluster.catalog,
        "clusterName": cluster.name,
        "clusterType": cluster.cluster_type,
        "displayName": cluster.display_name,
        "historyDataStatus": 0,
        "id": cluster.id,
        "mainColumnName": cluster.main_column,
        "progress": shown.progress,
        "projectId": project_id,
        "refreshDelay": 0,
        "refreshTime": _time_text(shown.refresh_time),
        "remarks": cluster.remarks,
        "selectType": "string",
        "status": 1,
        "uploadFileName": "",
        "userId": 13,
        "userName": "emulator",
        "usersNum": shown.result.count or 0,
    }


def same_definition(one: JsonValue, other: JsonValue) -> bool:
    """Whether two definitions compute the same: times beside a `recentDay` say nothing."""
    return _without_windows(one) == _without_windows(other)


def _time_text(time: datetime | None) -> str:
    return "" if time is None else time.strftime(TIME_FORMAT)


def _with_windows(definition: dict[str, JsonValue], today: datetime) -> dict[str, JsonValue]:
    events = definition.get("events")
    if not isinstance(events, list):
        return definition
    return {**definition, "events": [_with_window(event, today) for event in events]}


def _with_window(event: JsonValue, today: datetime) -> JsonValue:
    if not isinstance(event, dict):
        return event
    recent = event.get("recentDay")
    match = _RECENT_DAY.fullmatch(recent) if isinstance(recent, str) else None
    if match is None:
        return event
    nearest, furthest = int(match[1]), int(match[2])
    # "0-7" is seven days with today, "1-7" seven days up to yesterday: the start of both is "so many days back" but for today.
    first = furthest - 1 if nearest == 0 else furthest
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        **event,
        "startTime": (midnight - timedelta(days=first)).strftime(TIME_FORMAT),
        "endTime": (midnight - timedelta(days=nearest)).strftime(TIME_FORMAT),
    }


def _without_windows(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_without_windows(item) for item in value]
    if not isinstance(value, dict):
        return value
    ignored = {"startTime", "endTime"} if value.get("recentDay") else set()
    return {key: _without_windows(item) for key, item in value.items() if key not in ignored}

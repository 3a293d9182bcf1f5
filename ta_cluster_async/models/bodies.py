"""The bodies of a create and of an update, without `projectId`, which the caller adds (spec: 添加条件分群或标签, 更新条件分群或标签定义)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from ..errors import InvalidRequest
from .converter import unstructure
from .enums import TagKind, catalog_of
from .json import plain
from .requests import (
    ConditionCluster,
    ConditionTag,
    FirstLastTag,
    QuotaTag,
)
from .responses import ClusterDetail

if TYPE_CHECKING:
    from .json import JsonObject

ToCreate: TypeAlias = ConditionCluster | ConditionTag | FirstLastTag | QuotaTag | Mapping[str, object]
"""What can be created: a typed definition, or the body itself in the API's own field names."""

ToUpdate: TypeAlias = ToCreate | ClusterDetail
"""What an update takes: the same, and what `detail` gave."""

_CATALOG = "clusterCatalog"
_TYPE = "clusterType"
_TAG_KIND = "subConditionTabType"

# Keys of the list's rows that are the server's own, should a detail have them too. Sent back, they would be out of date by then.
_OF_THE_SERVER = frozenset({"historyDataStatus", "refreshDelay", "status", "uploadFileName", "userName"})


def create_body(definition: ToCreate) -> JsonObject:
    """Return the body that creates `definition`. A mapping goes out as it is, with clusterCatalog filled in where its type tells it."""
    if isinstance(definition, Mapping):
        return _with_catalog(definition)
    return {"clusterName": definition.name, **update_body(definition)}


def update_body(definition: ToUpdate) -> JsonObject:
    """Return the body that makes a cluster or tag what `definition` says. It has no clusterName: the reference in the URL names it.

    Of a detail everything is sent but what the server alone decides: id, name, owner, progress, refresh time and number of users, and
    what the list tells beside them of status, earlier versions, delay and uploaded file. Keys that are unknown here are sent.
    A mapping goes out as it is, with clusterCatalog filled in where its type tells it.
    """
    match definition:
        case ConditionCluster():
            body = _head(definition.catalog, definition.cluster_type, definition.display_name)
            body["qp"] = unstructure(definition.definition)
            return {**definition.extra, **body}
        case ConditionTag() | FirstLastTag() | QuotaTag():
            body = _head(definition.catalog, definition.cluster_type, definition.display_name)
            body |= {_TAG_KIND: definition.kind.value, "tagQp": unstructure(definition.definition)}
            return {**definition.extra, **body}
        case ClusterDetail():
            return _of_detail(definition)
        case _:
            return _with_catalog(definition)


def _of_detail(detail: ClusterDetail) -> JsonObject:
    kept = {key: value for key, value in detail.extra.items() if key not in _OF_THE_SERVER}
    body: JsonObject = {_TYPE: str(detail.cluster_type), "displayName": detail.display_name}
    if detail.user_cluster_def is not None:
        body["qp"] = unstructure(detail.user_cluster_def)
    if (tag := detail.user_tag_def) is not None:
        body["tagQp"] = unstructure(tag)
        # A kind that is not listed is the server's own word and counts. A listed one has to fit the definition, which may be a new one.
        if tag.kind is not None and kept.get(_TAG_KIND, tag.kind) in tuple(TagKind):
            body[_TAG_KIND] = tag.kind.value
    return _with_catalog({**kept, **body})


def _head(catalog: str, cluster_type: str, display_name: str) -> JsonObject:
    return {_CATALOG: str(catalog), _TYPE: str(cluster_type), "displayName": display_name}


def _with_catalog(body: Mapping[str, object]) -> JsonObject:
    kind = body.get(_TYPE)
    catalog = catalog_of(kind) if isinstance(kind, str) else None
    filled: JsonObject = {} if catalog is None or _CATALOG in body else {_CATALOG: catalog.value}
    try:
        return filled | {key: plain(value) for key, value in body.items()}
    except RecursionError:
        msg = "The definition is nested too deeply, or holds itself."
    raise InvalidRequest(msg)

"""The nouns of the API."""

from .body import ToCreate, ToUpdate, create_body, update_body
from .build import all_of, any_of, event, event_property, user
from .convert import structure, unstructure
from .create import ConditionCluster, ConditionTag, FirstLastTag, QuotaTag
from .definition import EventCondition, EventQuota, PropertyFilter, UserClusterDef
from .json_value import JsonObject, JsonValue, json_type
from .period import parse_time, recent_days
from .result import ClusterDetail, ClusterRow, Page, PagerResult, UploadResult
from .tag_definition import (
    CalcProperty,
    FirstLastDef,
    FirstLastEvent,
    PropertyRef,
    QuotaDef,
    QuotaEvent,
    TagValue,
    UserTagDef,
)
from .ticket import RefreshTicket
from .vocabulary import (
    Analysis,
    Catalog,
    ClusterType,
    Comparator,
    Relation,
    TableType,
    TagKind,
    catalog_of,
    types_of,
)

__all__ = [
    "Analysis",
    "CalcProperty",
    "Catalog",
    "ClusterDetail",
    "ClusterRow",
    "ClusterType",
    "Comparator",
    "ConditionCluster",
    "ConditionTag",
    "EventCondition",
    "EventQuota",
    "FirstLastDef",
    "FirstLastEvent",
    "FirstLastTag",
    "JsonObject",
    "JsonValue",
    "Page",
    "PagerResult",
    "PropertyFilter",
    "PropertyRef",
    "QuotaDef",
    "QuotaEvent",
    "QuotaTag",
    "RefreshTicket",
    "Relation",
    "TableType",
    "TagKind",
    "TagValue",
    "ToCreate",
    "ToUpdate",
    "UploadResult",
    "UserClusterDef",
    "UserTagDef",
    "all_of",
    "any_of",
    "catalog_of",
    "create_body",
    "event",
    "event_property",
    "json_type",
    "parse_time",
    "recent_days",
    "structure",
    "types_of",
    "unstructure",
    "update_body",
    "user",
]

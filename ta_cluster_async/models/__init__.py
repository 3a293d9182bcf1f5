"""The nouns of the API."""

from .builder import (
    all_of,
    any_of,
    event,
    event_property,
    user,
)
from .clusters import (
    EventCondition,
    EventQuota,
    PropertyFilter,
    UserClusterDef,
)
from .converter import structure, unstructure
from .enums import (
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
from .json import JsonObject, JsonValue, json_type
from .requests import (
    ConditionCluster,
    ConditionTag,
    FirstLastTag,
    QuotaTag,
    ToCreate,
    ToUpdate,
    create_body,
    update_body,
)
from .responses import (
    ClusterDetail,
    ClusterRow,
    Page,
    PagerResult,
    UploadResult,
)
from .tags import (
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
from .times import parse_time, read_time, recent_days

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
    "read_time",
    "recent_days",
    "structure",
    "types_of",
    "unstructure",
    "update_body",
    "user",
]

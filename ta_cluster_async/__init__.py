"""Asyncio client and batch refresher for the TA (ThinkingData) user cluster and tag Open API.

Each public name is loaded on first use, from the module that `_NAMES` gives it. The imports below are for type checkers and say the same.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .batch.bulk import ItemOutcome
    from .batch.dependency_rules import DependsOn
    from .batch.events import Attached, Event, Finished, Held, Planned, Progressed, Released, Submitted
    from .batch.guard import SizeGuard
    from .batch.journal.journal import Journal
    from .batch.journal.rows import RunInfo, RunState
    from .batch.plan.plan import RefreshPlan
    from .batch.plan.refreshes import PlannedRefresh, PlanState
    from .batch.planning import plan_refresh
    from .batch.report import LowerBound, Outcome, OutcomeWarning, RefreshReport, Status
    from .batch.runner import OnEvent, RefreshBatch, Refs, refresh_all
    from .batch.start_gate import BeforeStart
    from .batch.uploads import Upload, upload_many
    from .client.api import ApiClient
    from .client.secret import Secret
    from .client.tokens import TokenProvider
    from .client.transport import Answer, Transport
    from .errors import (
        ApiError,
        CallState,
        ConfigurationError,
        HttpStatusError,
        InvalidRequest,
        JournalBusy,
        JournalError,
        MatchTooLow,
        MembersChanged,
        MembersIncomplete,
        MissingParameter,
        NotFound,
        NotJson,
        NotSent,
        ProtocolError,
        RateLimited,
        SchemaError,
        Sent,
        SourceChanged,
        TaError,
        TaWarning,
        TokenRejected,
        TransportError,
    )
    from .messages import Message, Plural, Template
    from .models.builder import (
        EventBuilder,
        MeasureBuilder,
        PropertyBuilder,
        all_of,
        any_of,
        event,
        event_property,
        user,
    )
    from .models.clusters import EventCondition, EventQuota, PropertyFilter, UserClusterDef
    from .models.dependencies import Dependency, dependencies
    from .models.enums import Analysis, Catalog, ClusterType, Comparator, Relation, TableType, TagKind
    from .models.json import JsonObject, JsonValue
    from .models.members import MemberQuery, MemberRow, MembersPosition, MemberValue
    from .models.requests import ConditionCluster, ConditionTag, FirstLastTag, QuotaTag, ToCreate, ToUpdate
    from .models.responses import ClusterDetail, ClusterRow, Page, PagerResult, UploadResult
    from .models.tags import (
        CalcProperty,
        FirstLastDef,
        FirstLastEvent,
        PropertyRef,
        QuotaDef,
        QuotaEvent,
        TagValue,
        UserTagDef,
    )
    from .models.texts import Number, Value
    from .models.ticket import RefreshTicket
    from .models.ticket_errors import (
        OutcomeUnknown,
        RefreshError,
        RefreshFailed,
        RefreshStalled,
        RefreshTimeout,
        RefreshUnconfirmed,
    )
    from .models.times import recent_days
    from .protocol.answer_limits import AnswerKind, AnswerLimits
    from .protocol.endpoints import Endpoint, Ref, Replay
    from .protocol.refresh import PollPolicy
    from .protocol.requests import Request, Response
    from .protocol.retry import RetryPolicy
    from .resources.clusters import Clusters, Tags
    from .resources.members import Members
    from .resources.pager import Pager
    from .resources.project import Project
    from .resources.refresh import Refresh, RefreshResult
    from .session import SessionSettings, TaSession
    from .uploads.options import OnNull
    from .uploads.progress import OnProgress, UploadProgress
    from .uploads.source import IdSource, PairSource

__all__ = [
    "Analysis",
    "Answer",
    "AnswerKind",
    "AnswerLimits",
    "ApiClient",
    "ApiError",
    "Attached",
    "BeforeStart",
    "CalcProperty",
    "CallState",
    "Catalog",
    "ClusterDetail",
    "ClusterRow",
    "ClusterType",
    "Clusters",
    "Comparator",
    "ConditionCluster",
    "ConditionTag",
    "ConfigurationError",
    "Dependency",
    "DependsOn",
    "Endpoint",
    "Event",
    "EventBuilder",
    "EventCondition",
    "EventQuota",
    "Finished",
    "FirstLastDef",
    "FirstLastEvent",
    "FirstLastTag",
    "Held",
    "HttpStatusError",
    "IdSource",
    "InvalidRequest",
    "ItemOutcome",
    "Journal",
    "JournalBusy",
    "JournalError",
    "JsonObject",
    "JsonValue",
    "LowerBound",
    "MatchTooLow",
    "MeasureBuilder",
    "MemberQuery",
    "MemberRow",
    "MemberValue",
    "Members",
    "MembersChanged",
    "MembersIncomplete",
    "MembersPosition",
    "Message",
    "MissingParameter",
    "NotFound",
    "NotJson",
    "NotSent",
    "Number",
    "OnEvent",
    "OnNull",
    "OnProgress",
    "Outcome",
    "OutcomeUnknown",
    "OutcomeWarning",
    "Page",
    "Pager",
    "PagerResult",
    "PairSource",
    "PlanState",
    "Planned",
    "PlannedRefresh",
    "Plural",
    "PollPolicy",
    "Progressed",
    "Project",
    "PropertyBuilder",
    "PropertyFilter",
    "PropertyRef",
    "ProtocolError",
    "QuotaDef",
    "QuotaEvent",
    "QuotaTag",
    "RateLimited",
    "Ref",
    "Refresh",
    "RefreshBatch",
    "RefreshError",
    "RefreshFailed",
    "RefreshPlan",
    "RefreshReport",
    "RefreshResult",
    "RefreshStalled",
    "RefreshTicket",
    "RefreshTimeout",
    "RefreshUnconfirmed",
    "Refs",
    "Relation",
    "Released",
    "Replay",
    "Request",
    "Response",
    "RetryPolicy",
    "RunInfo",
    "RunState",
    "SchemaError",
    "Secret",
    "Sent",
    "SessionSettings",
    "SizeGuard",
    "SourceChanged",
    "Status",
    "Submitted",
    "TaError",
    "TaSession",
    "TaWarning",
    "TableType",
    "TagKind",
    "TagValue",
    "Tags",
    "Template",
    "ToCreate",
    "ToUpdate",
    "TokenProvider",
    "TokenRejected",
    "Transport",
    "TransportError",
    "Upload",
    "UploadProgress",
    "UploadResult",
    "UserClusterDef",
    "UserTagDef",
    "Value",
    "all_of",
    "any_of",
    "dependencies",
    "event",
    "event_property",
    "plan_refresh",
    "recent_days",
    "refresh_all",
    "upload_many",
    "user",
]

if TYPE_CHECKING:
    __version__: str
else:  # a checker would believe any name
    _NAMES = {
        "batch.bulk": "ItemOutcome",
        "batch.events": "Attached Event Finished Held Planned Progressed Released Submitted",
        "batch.journal.journal": "Journal",
        "batch.journal.rows": "RunInfo RunState",
        "batch.dependency_rules": "DependsOn",
        "batch.plan.plan": "RefreshPlan",
        "batch.plan.refreshes": "PlanState PlannedRefresh",
        "batch.planning": "plan_refresh",
        "batch.guard": "SizeGuard",
        "batch.report": "LowerBound Outcome OutcomeWarning RefreshReport Status",
        "batch.runner": "OnEvent RefreshBatch Refs refresh_all",
        "batch.start_gate": "BeforeStart",
        "batch.uploads": "Upload upload_many",
        "client.api": "ApiClient",
        "client.secret": "Secret",
        "client.tokens": "TokenProvider",
        "client.transport": "Answer Transport",
        "errors": (
            "ApiError CallState ConfigurationError HttpStatusError InvalidRequest JournalBusy JournalError "
            "MatchTooLow MembersChanged MembersIncomplete MissingParameter NotFound NotJson NotSent ProtocolError RateLimited "
            "SchemaError Sent SourceChanged TaError TaWarning TokenRejected TransportError"
        ),
        "messages": "Message Plural Template",
        "models.builder": "EventBuilder MeasureBuilder PropertyBuilder all_of any_of event event_property user",
        "models.clusters": "EventCondition EventQuota PropertyFilter UserClusterDef",
        "models.dependencies": "Dependency dependencies",
        "models.enums": "Analysis Catalog ClusterType Comparator Relation TableType TagKind",
        "models.json": "JsonObject JsonValue",
        "models.members": "MemberQuery MemberRow MemberValue MembersPosition",
        "models.requests": "ConditionCluster ConditionTag FirstLastTag QuotaTag ToCreate ToUpdate",
        "models.responses": "ClusterDetail ClusterRow Page PagerResult UploadResult",
        "models.tags": "CalcProperty FirstLastDef FirstLastEvent PropertyRef QuotaDef QuotaEvent TagValue UserTagDef",
        "models.ticket": "RefreshTicket",
        "models.ticket_errors": "OutcomeUnknown RefreshError RefreshFailed RefreshStalled RefreshTimeout RefreshUnconfirmed",
        "models.texts": "Number Value",
        "models.times": "recent_days",
        "protocol.answer_limits": "AnswerKind AnswerLimits",
        "protocol.endpoints": "Endpoint Ref Replay",
        "protocol.refresh": "PollPolicy",
        "protocol.requests": "Request Response",
        "protocol.retry": "RetryPolicy",
        "resources.clusters": "Clusters Tags",
        "resources.members": "Members",
        "resources.pager": "Pager",
        "resources.project": "Project",
        "resources.refresh": "Refresh RefreshResult",
        "session": "SessionSettings TaSession",
        "uploads.options": "OnNull",
        "uploads.progress": "OnProgress UploadProgress",
        "uploads.source": "IdSource PairSource",
    }
    _MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}

    def __getattr__(name: str) -> object:
        """Load a public name, the version, or a room that is public as a module."""
        if name in _MODULES:
            value = getattr(_import_module(f".{_MODULES[name]}", __name__), name)
        elif name == "__version__":
            value = _import_module("importlib.metadata").version("ta-cluster-async")
        elif name in ("batch", "emulator", "errors", "messages", "models", "telemetry"):
            value = _import_module(f".{name}", __name__)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_MODULES, "__version__"})

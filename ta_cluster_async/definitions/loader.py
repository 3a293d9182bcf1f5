"""Definitions of clusters and tags: JSON or YAML, in the API's own names, the library's, or as `show --json` writes them."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from attrs import frozen

from ..errors import InvalidRequest
from ..messages import Message
from ..models import (
    Catalog,
    ClusterType,
    FirstLastDef,
    FirstLastEvent,
    JsonObject,
    QuotaDef,
    QuotaEvent,
    TagKind,
    TagValue,
    UserClusterDef,
    UserTagDef,
    catalog_of,
)
from ..protocol.validation import check_display_name, check_name
from .checker import Checker
from .positions import Mistake, read_json, read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..models import JsonValue
    from .positions import Node

_SHORT = {
    "name": "clusterName",
    "display_name": "displayName",
    "cluster_type": "clusterType",
    "catalog": "clusterCatalog",
    "project_id": "projectId",
}
_OF_THE_LIBRARY = frozenset({"name", "display_name", "cluster_type", "definition", "values", "event"})
_OF_A_DETAIL = {"userClusterDef": "qp", "userTagDef": "tagQp"}
_OF_THE_SERVER = frozenset(
    {
        "historyDataStatus",
        "id",
        "progress",
        "refreshDelay",
        "refreshTime",
        "status",
        "uploadFileName",
        "userId",
        "userName",
        "usersNum",
    }
)
_TEXTS = ("clusterName", "displayName", "clusterType", "clusterCatalog", "subConditionTabType", "remarks")
_KNOWN = frozenset({*_TEXTS, "projectId", "qp", "tagQp"})
_TAG_KEYS = frozenset({*UserTagDef.wire_names.keys(), *UserTagDef.wire_names.values()})


@frozen(kw_only=True)
class LoadedDefinition:
    """What a text defines.

    Attributes:
        body: The body of a create, in the API's names.
        catalog: Whether it is a cluster or a tag; None where the text does not say.
        warnings: What may be wrong; it is sent as it is.
    """

    body: JsonObject
    catalog: Catalog | None
    warnings: list[Message]

    @property
    def name(self) -> str | None:
        """The name of the cluster or tag, where the text has it."""
        name = self.body.get("clusterName")
        return name if isinstance(name, str) else None


def load_definition(
    text: str, source: str | Message, *, create: bool, strict_names: bool, project_id: int
) -> LoadedDefinition:
    """Read and check a definition.

    Args:
        text: JSON or YAML.
        source: Where it comes from, for the messages. A name that ends in .json, .yaml or .yml decides how it is read.
        create: The definition is to be created, and needs its names.
        strict_names: Names must keep to the specification's rules.
        project_id: The project it is for.

    Raises:
        InvalidRequest: The text has mistakes. The message has the line of each.
    """
    try:
        node = read_json(text) if _is_json(str(source), text) else read_yaml(text)
        reader = _Reader(node, create=create, strict_names=strict_names, project_id=project_id)
        body = reader.body()
    except Mistake as mistake:
        mistakes = [mistake.what()]
    except RecursionError:
        mistakes = [Message("nested-too-deeply")]
    else:
        mistakes = _in_order(reader.checker.mistakes)
        if not mistakes:
            warnings = [
                Message("definition-warning", source=source, warning=warning)
                for warning in _in_order(reader.checker.warnings)
            ]
            return LoadedDefinition(body=body, catalog=reader.catalog, warnings=warnings)
    raise InvalidRequest(
        Message("definition-invalid", source=source, count=len(mistakes), mistakes=_lines(mistakes))
    )


def _in_order(found: list[tuple[int, Message]]) -> list[Message]:
    """Return messages with their lines, each once: YAML may refer to one place several times."""
    by_text = {(line, str(what)): what for line, what in found}
    return [Message("definition-line", line=line, what=by_text[line, text]) for line, text in sorted(by_text)]


def _lines(messages: Sequence[Message]) -> Message:
    """Return one message with each of `messages` on its own line, nested in halves: a long chain would be too deep to render."""
    if len(messages) == 1:
        return messages[0]
    middle = len(messages) // 2
    return Message("definition-lines", first=_lines(messages[:middle]), rest=_lines(messages[middle:]))


def _is_json(source: str, text: str) -> bool:
    suffix = PurePath(source).suffix.lower()
    return suffix == ".json" or (suffix not in (".yaml", ".yml") and text.lstrip().startswith("{"))


class _Reader:
    """Reads the outermost object of a definition."""

    def __init__(self, node: Node, *, create: bool, strict_names: bool, project_id: int) -> None:
        if not isinstance(node.content, dict):
            raise Mistake(node.line, Message("definition-not-object"))
        self._members = node.content
        self._line = node.line
        self._create = create
        self._strict = strict_names
        self._project_id = project_id
        self.checker = Checker(of_library=not _OF_THE_LIBRARY.isdisjoint(node.content))
        self.catalog: Catalog | None = None

    def body(self) -> JsonObject:
        """Return the body of a create."""
        is_detail = not _OF_A_DETAIL.keys().isdisjoint(self._members) or "usersNum" in self._members
        members: dict[str, Node] = {}
        for name, member in self._members.items():
            if is_detail and (name in _OF_THE_SERVER or name == "projectId"):
                continue
            key = _SHORT.get(name) or (_OF_A_DETAIL.get(name) if is_detail else None) or name
            if key in members:
                self.checker.wrong(member.line, "key-repeated", key=name)
            members[key] = member
        body: JsonObject = {}
        for key, member in members.items():
            self._take(key, member, body)
        self._find_catalog(members, body)
        self._fill(body, is_detail=is_detail)
        if self._create:
            self._require(members, body)
        return body

    def _take(self, key: str, member: Node, body: JsonObject) -> None:
        checker = self.checker
        if key in _TEXTS:
            body[key] = self._text(key, member)
        elif key == "projectId":
            body[key] = self._project(member)
        elif key == "qp":
            body[key] = checker.part(member, UserClusterDef)
        elif key == "tagQp":
            body[key] = checker.part(member, UserTagDef)
        elif key == "definition":
            is_tag = isinstance(member.content, dict) and not _TAG_KEYS.isdisjoint(member.content)
            body["tagQp" if is_tag else "qp"] = checker.part(member, UserTagDef if is_tag else UserClusterDef)
        elif key == "values":
            self._take_values(member, body)
        elif key == "event":
            self._take_event(member, body)
        else:
            checker.unknown(key, member, _KNOWN | _SHORT.keys() | _OF_THE_LIBRARY)
            body[key] = member.plain()

    def _take_values(self, member: Node, body: JsonObject) -> None:
        if not isinstance(member.content, list):
            self.checker.wrong(member.line, "list-expected", key="values")
            return
        values: list[JsonValue] = [self.checker.part(item, TagValue) for item in member.content]
        body["tagQp"] = {"userTagValueDefs": values}

    def _take_event(self, member: Node, body: JsonObject) -> None:
        keys = member.content.keys() if isinstance(member.content, dict) else set()
        outer = UserTagDef.wire_names
        if "analysis" in keys:
            inner: JsonValue = self.checker.part(member, QuotaEvent, of_event=True)
            body["tagQp"] = {outer["quota"]: {QuotaDef.wire_names["event"]: inner}}
        else:
            inner = self.checker.part(member, FirstLastEvent, of_event=True)
            body["tagQp"] = {outer["first_last"]: {FirstLastDef.wire_names["event"]: inner}}

    def _text(self, key: str, member: Node) -> JsonValue:
        value = member.plain()
        if not isinstance(value, str):
            self.checker.wrong(member.line, "text-expected", key=key)
        elif key == "clusterName":
            self._check(member, check_name, value)
        elif key == "displayName":
            self._check(member, check_display_name, value)
        elif key == "clusterType" and value.endswith("_by_import"):
            self.checker.wrong(member.line, "upload-has-no-definition")
        return value

    def _check(self, member: Node, check: Callable[..., str], value: str) -> None:
        try:
            check(value, strict=self._strict)
        except InvalidRequest as refusal:
            self.checker.mistakes.append((member.line, refusal.what()))

    def _project(self, member: Node) -> JsonValue:
        value = member.plain()
        if str(value) != str(self._project_id):
            self.checker.wrong(member.line, "project-differs", other=str(value), own=self._project_id)
        return self._project_id

    def _find_catalog(self, members: dict[str, Node], body: JsonObject) -> None:
        catalogs: dict[str, Catalog | None] = {
            "clusterCatalog": _catalog(body.get("clusterCatalog")),
            "clusterType": catalog_of(str(body.get("clusterType", ""))),
            "qp": Catalog.CLUSTER if "qp" in body else None,
            "tagQp": Catalog.TAG if "tagQp" in body else None,
        }
        for key, catalog in catalogs.items():
            if catalog is None:
                continue
            if self.catalog not in (None, catalog):
                line = members[key].line if key in members else self._line
                self.checker.wrong(line, "catalog-conflict", key=key)
            self.catalog = self.catalog or catalog

    def _fill(self, body: JsonObject, *, is_detail: bool) -> None:
        """Add what follows from the rest, to a definition in the library's names or one that `show` wrote."""
        if not (self.checker.of_library or is_detail):
            return
        if "clusterType" not in body and self.catalog is not None:
            static = (ClusterType.CLUSTER_BY_STATIC_CONDITION, ClusterType.TAG_BY_STATIC_CONDITION)
            body["clusterType"] = static[self.catalog is Catalog.TAG].value
        kind = _tag_kind(body.get("tagQp"))
        if kind is not None:
            body.setdefault("subConditionTabType", kind.value)

    def _require(self, members: dict[str, Node], body: JsonObject) -> None:
        missing = [key for key in ("clusterName", "displayName") if key not in members]
        if self.checker.of_library and self.catalog is None and "clusterType" not in body:
            missing.append("definition")
        if "condition" in str(body.get("clusterType", "")) and not {"qp", "tagQp"} & body.keys():
            missing.append("tagQp" if self.catalog is Catalog.TAG else "qp")
        for key in missing:
            self.checker.wrong(self._line, "key-missing", key=key)


def _catalog(value: JsonValue) -> Catalog | None:
    return Catalog(value) if isinstance(value, str) and value in tuple(Catalog) else None


def _tag_kind(definition: JsonValue) -> TagKind | None:
    kinds = {
        "userTagValueDefs": TagKind.VALUES,
        "userTagConFirstLastEventDef": TagKind.FIRST_LAST_EVENT,
        "userTagConQuotaDef": TagKind.QUOTA,
    }
    found = [
        kind
        for key, kind in kinds.items()
        if isinstance(definition, dict) and definition.get(key) is not None
    ]
    return found[0] if len(found) == 1 else None

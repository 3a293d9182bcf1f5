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
from .positions import MOST_REPEATED, Mistake, read_json, read_yaml

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
_ONLY_OF_A_DETAIL = frozenset({*_OF_A_DETAIL, "progress", "refreshTime", "userId", "usersNum"})
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
_LONG = {key: name for name, key in _SHORT.items()}
_KNOWN = {
    **{key: key for key in (*_TEXTS, "projectId", "qp", "tagQp", "definition", "values", "event")},
    **_SHORT,
}
_KNOWN_TO_THE_LIBRARY = {name: _LONG.get(key, key) for name, key in _KNOWN.items()}
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
    text: str,
    source: str | Message,
    *,
    create: bool,
    strict_names: bool,
    project_id: int,
    most_repeated: int = MOST_REPEATED,
) -> LoadedDefinition:
    """Read and check a definition.

    Args:
        text: JSON or YAML.
        source: Where it comes from, for the messages. A name that ends in .json, .yaml or .yml decides how it is read.
        create: The definition is to be created, and needs its names.
        strict_names: Names must keep to the specification's rules.
        project_id: The project it is for.
        most_repeated: How many values the aliases of YAML may repeat.

    Raises:
        InvalidRequest: The text has mistakes. The message has the line of each.
    """
    try:
        node = (
            read_json(text) if _is_json(str(source), text) else read_yaml(text, most_repeated=most_repeated)
        )
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
        self._is_detail = not _ONLY_OF_A_DETAIL.isdisjoint(node.content)
        of_library = not self._is_detail and not _OF_THE_LIBRARY.isdisjoint(node.content)
        self.checker = Checker(of_library=of_library, as_it_is=self._is_detail)
        self.catalog: Catalog | None = None

    def body(self) -> JsonObject:
        """Return the body of a create."""
        names: dict[str, str] = {}
        for name, member in self._members.items():
            if self._is_detail and (name in _OF_THE_SERVER or name == "projectId"):
                continue
            key = _SHORT.get(name) or (_OF_A_DETAIL.get(name) if self._is_detail else None) or name
            if key in names:
                self.checker.wrong(member.line, "key-repeated", key=name)
            names[key] = name
        body: JsonObject = {}
        misspelled: set[str] = set()
        for key, name in names.items():
            meant = self._take(key, name, self._members[name], body)
            if meant is not None:
                misspelled.add(_SHORT.get(meant, meant))
        self._find_catalog(names, body)
        self._fill(body)
        if self._create:
            self._require(names, misspelled, body)
        return body

    def _take(self, key: str, name: str, member: Node, body: JsonObject) -> str | None:
        """Add a member to the body. Returns the known name that its name misspells, if it does."""
        checker = self.checker
        if key in _TEXTS:
            body[key] = self._text(key, name, member)
        elif key == "projectId":
            body[key] = self._project(member)
        elif key in ("qp", "tagQp") and member.content is None:
            body[key] = None
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
            body[key] = member.plain()
            return checker.unknown(key, member, _KNOWN_TO_THE_LIBRARY if checker.of_library else _KNOWN)
        return None

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

    def _text(self, key: str, name: str, member: Node) -> JsonValue:
        value = self.checker.text(member, name)
        if value is None:
            return member.plain()
        if key == "clusterName":
            self._check(member, check_name, value)
        elif key == "displayName":
            self._check(member, check_display_name, value)
        elif key == "clusterType" and value.endswith("_by_import"):
            self._told().append((member.line, Message("upload-has-no-definition")))
        else:
            self.checker.word(member.line, key, value, name)
        return value

    def _check(self, member: Node, check: Callable[..., str], value: str) -> None:
        try:
            check(value, strict=self._strict)
        except InvalidRequest as refusal:
            self._told().append((member.line, refusal.what()))

    def _told(self) -> list[tuple[int, Message]]:
        """Return where what no server takes is noted: what the server itself has may stay as it is, but nothing new can be like it."""
        is_change = self._is_detail and not self._create
        return self.checker.warnings if is_change else self.checker.mistakes

    def _project(self, member: Node) -> JsonValue:
        written = member.content if isinstance(member.content, str) else member.written
        if written != str(self._project_id):
            other = str(member.plain()) if written is None else written
            self.checker.wrong(member.line, "project-differs", other=other, own=self._project_id)
        return self._project_id

    def _find_catalog(self, names: dict[str, str], body: JsonObject) -> None:
        catalogs: dict[str, Catalog | None] = {
            "clusterCatalog": _catalog(body.get("clusterCatalog")),
            "clusterType": catalog_of(str(body.get("clusterType", ""))),
            "qp": None if body.get("qp") is None else Catalog.CLUSTER,
            "tagQp": None if body.get("tagQp") is None else Catalog.TAG,
        }
        for key, catalog in catalogs.items():
            if catalog is None:
                continue
            if self.catalog not in (None, catalog):
                of_library = [name for name in ("definition", "values", "event") if name in names]
                name = names[key] if key in names else of_library[0]
                self.checker.wrong(self._members[name].line, "catalog-conflict", key=name)
            self.catalog = self.catalog or catalog

    def _fill(self, body: JsonObject) -> None:
        """Add what follows from the rest, to a definition in the library's names or one that `show` wrote."""
        if not (self.checker.of_library or self._is_detail):
            return
        if "clusterType" not in body and self.catalog is not None:
            static = (ClusterType.CLUSTER_BY_STATIC_CONDITION, ClusterType.TAG_BY_STATIC_CONDITION)
            body["clusterType"] = static[self.catalog is Catalog.TAG].value
        kind = _tag_kind(body.get("tagQp"))
        if kind is not None:
            body.setdefault("subConditionTabType", kind.value)

    def _require(self, names: dict[str, str], misspelled: set[str], body: JsonObject) -> None:
        of_library = self.checker.of_library
        missing = [key for key in ("clusterName", "displayName") if key not in names]
        if of_library and self.catalog is None and "clusterType" not in body:
            missing.append("definition")
        if "condition" in str(body.get("clusterType", "")) and not {"qp", "tagQp"} & body.keys():
            key = "tagQp" if self.catalog is Catalog.TAG else "qp"
            missing.append("definition" if of_library else key)
        own = _LONG if of_library else {}
        for key in missing:
            if key not in misspelled:
                self.checker.mistakes.append((self._line, Message("key-missing", key=own.get(key, key))))


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

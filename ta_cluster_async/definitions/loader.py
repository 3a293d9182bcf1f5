"""Definitions of clusters and tags in files: JSON or YAML, in the API's own names, the library's, or as `show --json` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from ..cli.i18n.translate import tr
from ..cli.running import read_stdin
from ..errors import InvalidRequest
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
from ..protocol.validation import DISPLAY_NAME_LENGTH, NAME
from .checker import Check
from .positions import Mistake, read_json, read_yaml

if TYPE_CHECKING:
    from ..models import JsonValue
    from .positions import Marked

STDIN = "-"

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


@frozen(kw_only=True)
class FileDefinition:
    """What a file defines.

    Attributes:
        body: The body of a create, in the API's names.
        catalog: Whether it is a cluster or a tag; None where nothing in the file tells.
        doubts: What may be wrong, as sentences; it is sent as it is.
    """

    body: JsonObject
    catalog: Catalog | None
    doubts: list[str]

    @property
    def name(self) -> str | None:
        """The name of the cluster or tag, where the file has it."""
        name = self.body.get("clusterName")
        return name if isinstance(name, str) else None


def read_definition(path: str, *, create: bool, strict_names: bool, project_id: int) -> FileDefinition:
    """Read and check a definition.

    Args:
        path: The file, or `-` for standard input.
        create: It is to be created, and needs its names.
        strict_names: Names have to keep to the specification's rules.
        project_id: The project it is for.

    Raises:
        InvalidRequest: The file cannot be read, or has mistakes. The message has the line of each.
    """
    where = tr("standard input") if path == STDIN else path
    text = _text_of(path)
    try:
        node = read_json(text) if _is_json(path, text) else read_yaml(text)
        reader = _Reader(node, create=create, strict_names=strict_names, project_id=project_id)
        body = reader.body()
    except Mistake as problem:
        mistake = problem.message
    except RecursionError:
        mistake = tr("it is nested too deeply.")
    else:
        check = reader.check
        if check.mistakes:
            raise InvalidRequest(_all(where, check.mistakes))
        doubts = [
            tr("{where}, line {line}: {what}", where=where, line=line, what=what)
            for line, what in sorted(check.doubts)
        ]
        return FileDefinition(body=body, catalog=reader.catalog, doubts=doubts)
    raise InvalidRequest(tr("{where} cannot be used: {what}", where=where, what=mistake))


def _all(where: str, mistakes: list[tuple[int, str]]) -> str:
    lines = [tr("line {line}: {what}", line=line, what=what) for line, what in sorted(set(mistakes))]
    if len(lines) == 1:
        return tr("{where} cannot be used: {what}", where=where, what=lines[0])
    head = tr("{where} has {count} mistakes:", where=where, count=len(lines))
    return "\n".join([head, *(f"  {line}" for line in lines)])


def _text_of(path: str) -> str:
    try:
        return read_stdin() if path == STDIN else Path(path).read_text(encoding="utf-8-sig")
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
    except UnicodeDecodeError:
        reason = tr("it is no UTF-8 text")
    raise InvalidRequest(tr("The file {path} cannot be read: {reason}.", path=path, reason=reason))


def _is_json(path: str, text: str) -> bool:
    suffix = Path(path).suffix.lower()
    if suffix in (".yaml", ".yml"):
        return False
    return suffix == ".json" or text.lstrip().startswith("{")


class _Reader:
    """Reads the outermost object of a definition."""

    def __init__(self, node: Marked, *, create: bool, strict_names: bool, project_id: int) -> None:
        if not isinstance(node.content, dict):
            raise Mistake(node.line, tr("a definition is an object with keys such as displayName and qp."))
        self._members = node.content
        self._line = node.line
        self._create = create
        self._strict = strict_names
        self._project_id = project_id
        self.check = Check(of_library=not _OF_THE_LIBRARY.isdisjoint(node.content))
        self.catalog: Catalog | None = None

    def body(self) -> JsonObject:
        """The body of a create."""
        is_detail = not _OF_A_DETAIL.keys().isdisjoint(self._members) or "usersNum" in self._members
        given: dict[str, Marked] = {}
        for name, member in self._members.items():
            if is_detail and (name in _OF_THE_SERVER or name == "projectId"):
                continue
            key = _SHORT.get(name) or (_OF_A_DETAIL.get(name) if is_detail else None) or name
            if key in given:
                self.check.wrong(member.line, tr("{key!r} says the same as a key before it.", key=name))
            given[key] = member
        body: JsonObject = {}
        for key, member in given.items():
            self._take(key, member, body)
        self._tell_catalog(given, body)
        self._fill(body, is_detail=is_detail)
        self._require(given, body)
        return body

    def _take(self, key: str, member: Marked, body: JsonObject) -> None:
        check = self.check
        if key in _TEXTS:
            body[key] = self._checked_text(key, member)
        elif key == "projectId":
            body[key] = self._checked_project(member)
        elif key == "qp":
            body[key] = check.part(member, UserClusterDef)
        elif key == "tagQp":
            body[key] = check.part(member, UserTagDef)
        elif key == "definition":
            is_tag = isinstance(member.content, dict) and not _TAG_KEYS.isdisjoint(member.content)
            body["tagQp" if is_tag else "qp"] = check.part(member, UserTagDef if is_tag else UserClusterDef)
        elif key == "values":
            self._take_values(member, body)
        elif key == "event":
            self._take_event(member, body)
        else:
            if key not in _KNOWN:
                check.unknown(key, member, _KNOWN | _SHORT.keys() | _OF_THE_LIBRARY)
            body[key] = member.plain()

    def _take_values(self, member: Marked, body: JsonObject) -> None:
        if not isinstance(member.content, list):
            self.check.wrong(
                member.line, tr("{key!r} has to be a list, also when there is only one.", key="values")
            )
            return
        values: list[JsonValue] = [self.check.part(item, TagValue) for item in member.content]
        body["tagQp"] = {"userTagValueDefs": values}

    def _take_event(self, member: Marked, body: JsonObject) -> None:
        keys = member.content.keys() if isinstance(member.content, dict) else set()
        outer = UserTagDef.wire_names
        if "analysis" in keys:
            inner: JsonValue = self.check.part(member, QuotaEvent, of_event=True)
            body["tagQp"] = {outer["quota"]: {QuotaDef.wire_names["event"]: inner}}
        else:
            inner = self.check.part(member, FirstLastEvent, of_event=True)
            body["tagQp"] = {outer["first_last"]: {FirstLastDef.wire_names["event"]: inner}}

    def _checked_text(self, key: str, member: Marked) -> JsonValue:
        value = member.plain()
        if not isinstance(value, str):
            self.check.wrong(member.line, tr("{key!r} has to be text; put it between quotes.", key=key))
        elif key == "clusterName" and self._strict and not NAME.fullmatch(value):
            self.check.wrong(
                member.line,
                tr(
                    "the name {name!r} is refused: 1 to 24 letters A-Z a-z, digits and '_' are allowed.",
                    name=value,
                ),
            )
        elif key == "displayName" and not value.strip():
            self.check.wrong(member.line, tr("the display name is empty."))
        elif key == "displayName" and self._strict and len(value) > DISPLAY_NAME_LENGTH:
            self.check.wrong(
                member.line,
                tr(
                    "the display name has {length} characters, and at most {most} are allowed.",
                    length=len(value),
                    most=DISPLAY_NAME_LENGTH,
                ),
            )
        elif key == "clusterType" and value.endswith("_by_import"):
            self.check.wrong(member.line, tr("what is uploaded has no definition: use `ta-cluster upload`."))
        return value

    def _checked_project(self, member: Marked) -> JsonValue:
        value = member.plain()
        if str(value) != str(self._project_id):
            self.check.wrong(
                member.line,
                tr(
                    "it is for project {other}, and the command works on project {own}.",
                    other=value,
                    own=self._project_id,
                ),
            )
        return self._project_id

    def _tell_catalog(self, given: dict[str, Marked], body: JsonObject) -> None:
        told: dict[str, Catalog | None] = {
            "clusterCatalog": _catalog(body.get("clusterCatalog")),
            "clusterType": catalog_of(str(body.get("clusterType", ""))),
            "qp": Catalog.CLUSTER if "qp" in body else None,
            "tagQp": Catalog.TAG if "tagQp" in body else None,
        }
        for key, catalog in told.items():
            if catalog is None:
                continue
            if self.catalog not in (None, catalog):
                line = given[key].line if key in given else self._line
                self.check.wrong(
                    line,
                    tr(
                        "{key!r} does not fit what stands above it: one is of a cluster, one of a tag.",
                        key=key,
                    ),
                )
            self.catalog = self.catalog or catalog

    def _fill(self, body: JsonObject, *, is_detail: bool) -> None:
        """What a definition in the library's names, or one that `show` wrote, leaves unsaid because it follows from the rest."""
        if not (self.check.of_library or is_detail):
            return
        if "clusterType" not in body and self.catalog is not None:
            static = (ClusterType.CLUSTER_BY_STATIC_CONDITION, ClusterType.TAG_BY_STATIC_CONDITION)
            body["clusterType"] = static[self.catalog is Catalog.TAG].value
        kind = _tag_kind(body.get("tagQp"))
        if kind is not None:
            body.setdefault("subConditionTabType", kind.value)

    def _require(self, given: dict[str, Marked], body: JsonObject) -> None:
        if not self._create:
            return
        for key in ("clusterName", "displayName"):
            if key not in given:
                self.check.wrong(self._line, tr("{key!r} is missing, which is needed to create it.", key=key))
        if self.check.of_library and self.catalog is None and "clusterType" not in body:
            self.check.wrong(
                self._line, tr("{key!r} is missing, which is needed to create it.", key="definition")
            )
        if "condition" in str(body.get("clusterType", "")) and not {"qp", "tagQp"} & body.keys():
            key = "tagQp" if self.catalog is Catalog.TAG else "qp"
            self.check.wrong(self._line, tr("{key!r} is missing, which is needed to create it.", key=key))


_TAG_KEYS = frozenset({*UserTagDef.wire_names.keys(), *UserTagDef.wire_names.values()})


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

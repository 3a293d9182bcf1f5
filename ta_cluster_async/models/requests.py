"""What can be created and updated, and the request bodies for it (spec: 添加条件分群或标签, 更新条件分群或标签定义)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self, TypeAlias, cast

from attrs import evolve, field, frozen

from ..errors import InvalidRequest, SchemaError
from ..messages import Message
from .base import parts
from .clusters import UserClusterDef
from .converter import unstructure
from .enums import Catalog, ClusterType, TagKind, catalog_of
from .json import JsonValue, json_type, plain
from .responses import ClusterDetail
from .scalars import plain_scalar
from .tags import (
    FirstLastDef,
    FirstLastEvent,
    QuotaDef,
    QuotaEvent,
    TagValue,
    UserTagDef,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .json import JsonObject


class Creatable:
    """What a whole request body can be made of and read from."""

    __slots__ = ()
    catalog: ClassVar[Catalog]

    def to_wire(self) -> JsonObject:
        """Return the body that creates this, in the API's names; without projectId, unless `extra` has it."""
        return create_body(cast("ToCreate", self))

    @classmethod
    def from_wire(cls, value: JsonValue, *, path: str = "data") -> Self:
        """Make one of a body that creates it, in the API's names. Keys that are unknown here are in `extra`, and go back unchanged.

        Raises SchemaError that names the place below `path`, also where the body is that of another kind of definition.
        """
        body = _Body(value, path)
        kind = body.text("clusterType")
        if (catalog_of(kind) or cls.catalog) is not cls.catalog:
            raise body.mismatch("clusterType", Message("json-one-of", values=", ".join(_types(cls.catalog))))
        defined = cls._defined(body)
        known = ClusterType(kind) if kind in tuple(ClusterType) else kind
        return cast("Callable[..., Self]", cls)(
            body.text("clusterName"),
            body.text("displayName"),
            cluster_type=known,
            extra={key: item for key, item in body.found.items() if key not in _KEYS[cls.catalog]},
            **defined,
        )

    @classmethod
    def _defined(cls, body: _Body) -> dict[str, object]:
        """Return what is defined, by the field's name."""
        raise NotImplementedError


class _Body:
    """A body that is read.

    Attributes:
        found: Its keys.
    """

    def __init__(self, value: JsonValue, path: str) -> None:
        self._path = path
        self.found = cast("JsonObject", value)
        if not isinstance(value, dict):
            raise self._mismatch(path, Message("json-object"), json_type(value))

    def text(self, key: str) -> str:
        """Return a text that must be there."""
        value = self.found.get(key)
        if isinstance(value, str):
            return value
        raise self.mismatch(key, Message("json-string"))

    def below(self, key: str) -> str:
        """Return the place of a key."""
        return f"{self._path}.{key}".removeprefix(".")

    def tag(self, kind: TagKind) -> UserTagDef:
        """Return the definition of a tag, which must be of this kind."""
        tag = UserTagDef.from_wire(self.found.get("tagQp"), path=self.below("tagQp"))
        if tag.kind is not kind:
            raise self.mismatch("tagQp", Message("json-one-of", values=kind.value))
        return tag

    def event_of(self, around: FirstLastDef | QuotaDef | None) -> FirstLastEvent | QuotaEvent:
        """Return the event of a tag, which must be there."""
        if around is not None and around.event is not None:
            return around.event
        raise self.mismatch("tagQp", Message("json-with-event"))

    def mismatch(self, key: str, expected: Message) -> SchemaError:
        """Return the error of a value that is not what was expected."""
        actual = json_type(self.found[key]) if key in self.found else Message("json-absent")
        return self._mismatch(self.below(key), expected, actual)

    @staticmethod
    def _mismatch(where: str, expected: Message, actual: Message) -> SchemaError:
        message = Message(
            "json-mismatch", where=where or Message("json-whole"), expected=expected, actual=actual
        )
        return SchemaError(message, path=where)


def _types(catalog: Catalog) -> list[str]:
    return [kind.value for kind in ClusterType if catalog_of(kind.value) is catalog]


# Pass the arguments after the two names by keyword: their order may change.


@frozen
class ConditionCluster(Creatable):
    """A cluster made by conditions.

    Attributes:
        name: The name (clusterName): letters, digits and `_`, up to 24.
        display_name: The name that TA shows, up to 50 characters.
        definition: Who belongs.
        cluster_type: Static (computed on request) unless said otherwise.
        extra: Further keys of the request body, as the server spells them.
    """

    catalog: ClassVar[Catalog] = Catalog.CLUSTER

    name: str
    display_name: str
    definition: UserClusterDef
    cluster_type: ClusterType | str = ClusterType.CLUSTER_BY_STATIC_CONDITION
    extra: Mapping[str, JsonValue] = field(factory=dict, hash=False)

    @classmethod
    def _defined(cls, body: _Body) -> dict[str, object]:
        return {"definition": UserClusterDef.from_wire(body.found.get("qp"), path=body.below("qp"))}


def _in_order(values: Iterable[TagValue]) -> tuple[TagValue, ...]:
    return parts(TagValue, values) or ()


@frozen
class ConditionTag(Creatable):
    """A tag whose values have a condition each.

    Attributes:
        name: The name (clusterName): letters, digits and `_`, up to 24.
        display_name: The name that TA shows, up to 50 characters.
        values: The values in order: a user gets the first one whose condition matches.
        cluster_type: Static (computed on request) unless said otherwise.
        extra: Further keys of the request body, as the server spells them.
        base: The definition of a tag that was read, whose unknown keys around this one are kept.
    """

    catalog: ClassVar[Catalog] = Catalog.TAG
    kind: ClassVar[TagKind] = TagKind.VALUES

    name: str
    display_name: str
    values: tuple[TagValue, ...] = field(converter=_in_order)
    cluster_type: ClusterType | str = ClusterType.TAG_BY_STATIC_CONDITION
    extra: Mapping[str, JsonValue] = field(factory=dict, hash=False)
    base: UserTagDef | None = field(default=None, kw_only=True)

    @property
    def definition(self) -> UserTagDef:
        """How the value is found, as `tagQp` has it."""
        return evolve(self.base or UserTagDef(), values=self.values, first_last=None, quota=None)

    @classmethod
    def _defined(cls, body: _Body) -> dict[str, object]:
        tag = body.tag(cls.kind)
        return {"values": tag.values, "base": tag}


@frozen
class FirstLastTag(Creatable):
    """A tag whose value is a property of the first or last occurrence of an event.

    Attributes:
        name: The name (clusterName): letters, digits and `_`, up to 24.
        display_name: The name that TA shows, up to 50 characters.
        event: The event, the property, and which occurrence.
        cluster_type: Static (computed on request) unless said otherwise.
        extra: Further keys of the request body, as the server spells them.
        base: The definition of a tag that was read, whose unknown keys around this one are kept.
    """

    catalog: ClassVar[Catalog] = Catalog.TAG
    kind: ClassVar[TagKind] = TagKind.FIRST_LAST_EVENT

    name: str
    display_name: str
    event: FirstLastEvent
    cluster_type: ClusterType | str = ClusterType.TAG_BY_STATIC_CONDITION
    extra: Mapping[str, JsonValue] = field(factory=dict, hash=False)
    base: UserTagDef | None = field(default=None, kw_only=True)

    @property
    def definition(self) -> UserTagDef:
        """How the value is found, as `tagQp` has it."""
        base = self.base or UserTagDef()
        around = evolve(base.first_last or FirstLastDef(None), event=self.event)
        return evolve(base, values=None, first_last=around, quota=None)

    @classmethod
    def _defined(cls, body: _Body) -> dict[str, object]:
        tag = body.tag(cls.kind)
        return {"event": body.event_of(tag.first_last), "base": tag}


@frozen
class QuotaTag(Creatable):
    """A tag whose value is an aggregate over the user's events (from version 3.2.1).

    Attributes:
        name: The name (clusterName): letters, digits and `_`, up to 24.
        display_name: The name that TA shows, up to 50 characters.
        event: The event and the aggregate.
        cluster_type: Static (computed on request) unless said otherwise.
        extra: Further keys of the request body, as the server spells them.
        base: The definition of a tag that was read, whose unknown keys around this one are kept.
    """

    catalog: ClassVar[Catalog] = Catalog.TAG
    kind: ClassVar[TagKind] = TagKind.QUOTA

    name: str
    display_name: str
    event: QuotaEvent
    cluster_type: ClusterType | str = ClusterType.TAG_BY_STATIC_CONDITION
    extra: Mapping[str, JsonValue] = field(factory=dict, hash=False)
    base: UserTagDef | None = field(default=None, kw_only=True)

    @property
    def definition(self) -> UserTagDef:
        """How the value is found, as `tagQp` has it."""
        base = self.base or UserTagDef()
        around = evolve(base.quota or QuotaDef(None), event=self.event)
        return evolve(base, values=None, first_last=None, quota=around)

    @classmethod
    def _defined(cls, body: _Body) -> dict[str, object]:
        tag = body.tag(cls.kind)
        return {"event": body.event_of(tag.quota), "base": tag}


ToCreate: TypeAlias = (
    ConditionCluster | ConditionTag | FirstLastTag | QuotaTag | ClusterDetail | Mapping[str, object]
)
"""What can be created: a typed definition, the detail of another under a new name, or the body itself in the API's own field names."""

ToUpdate: TypeAlias = ToCreate
"""What an update takes: the same."""

_CATALOG = "clusterCatalog"
_TYPE = "clusterType"
_TAG_KIND = "subConditionTabType"
_HEAD = ("clusterName", "displayName", _TYPE, _CATALOG)
_KEYS = {Catalog.CLUSTER: {*_HEAD, "qp"}, Catalog.TAG: {*_HEAD, "tagQp", _TAG_KIND}}

# Keys of the list's rows that are the server's own, should a detail have them too. Sent back, they would be out of date by then.
_OF_THE_SERVER = frozenset({"historyDataStatus", "refreshDelay", "status", "uploadFileName", "userName"})


def create_body(definition: ToCreate) -> JsonObject:
    """Return the body that creates `definition`, without `projectId`. A mapping goes out as it is, with clusterCatalog filled in where its type tells it."""
    if isinstance(definition, Mapping):
        return _with_catalog(definition)
    name = definition.cluster_name if isinstance(definition, ClusterDetail) else definition.name
    return {"clusterName": _plain(name), **update_body(definition)}


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
    said = {_TYPE: detail.cluster_type, "displayName": detail.display_name}
    body: JsonObject = {key: _plain(text) for key, text in said.items() if text is not None}
    for key, name in (("userClusterDef", "qp"), ("userTagDef", "tagQp")):
        if key in kept:  # a null, or what is no definition
            body[name] = kept.pop(key)
    if detail.user_cluster_def is not None:
        body["qp"] = unstructure(detail.user_cluster_def)
    if (tag := detail.user_tag_def) is not None:
        body["tagQp"] = unstructure(tag)
        # A kind that is not listed is the server's own and stays. A listed one must fit the definition, which may be a new one.
        if tag.kind is not None and kept.get(_TAG_KIND, tag.kind) in tuple(TagKind):
            body[_TAG_KIND] = tag.kind.value
    return _with_catalog({**kept, **body})


def _head(catalog: str, cluster_type: str, display_name: str) -> JsonObject:
    return {_CATALOG: _plain(catalog), _TYPE: _plain(cluster_type), "displayName": _plain(display_name)}


def _plain(text: str) -> JsonValue:
    return cast("JsonValue", plain_scalar(text))


def _with_catalog(body: Mapping[str, object]) -> JsonObject:
    kind = body.get(_TYPE)
    catalog = catalog_of(str.__str__(kind)) if isinstance(kind, str) else None
    filled: JsonObject = {} if catalog is None or _CATALOG in body else {_CATALOG: catalog.value}
    try:
        return filled | {key: plain(value) for key, value in body.items()}
    except RecursionError:
        pass
    raise InvalidRequest(Message("definition-too-deep"))

"""What can be created with a typed definition (spec: 添加条件分群或标签)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen

from .base import parts
from .clusters import UserClusterDef
from .enums import Catalog, ClusterType, TagKind
from .json import JsonValue
from .tags import (
    FirstLastDef,
    FirstLastEvent,
    QuotaDef,
    QuotaEvent,
    TagValue,
    UserTagDef,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

# Give the arguments after the two names by keyword: their order is no promise.


@frozen
class ConditionCluster:
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


def _in_order(values: Iterable[TagValue]) -> tuple[TagValue, ...]:
    return parts(TagValue, values) or ()


@frozen
class ConditionTag:
    """A tag whose values have a condition each.

    Attributes:
        name: The name (clusterName): letters, digits and `_`, up to 24.
        display_name: The name that TA shows, up to 50 characters.
        values: The values in order: a user gets the first one whose condition matches.
        cluster_type: Static (computed on request) unless said otherwise.
        extra: Further keys of the request body, as the server spells them.
    """

    catalog: ClassVar[Catalog] = Catalog.TAG
    kind: ClassVar[TagKind] = TagKind.VALUES

    name: str
    display_name: str
    values: tuple[TagValue, ...] = field(converter=_in_order)
    cluster_type: ClusterType | str = ClusterType.TAG_BY_STATIC_CONDITION
    extra: Mapping[str, JsonValue] = field(factory=dict, hash=False)

    @property
    def definition(self) -> UserTagDef:
        """How the value is found, as `tagQp` has it."""
        return UserTagDef(values=self.values)


@frozen
class FirstLastTag:
    """A tag whose value is a property of the first or last occurrence of an event.

    Attributes:
        name: The name (clusterName): letters, digits and `_`, up to 24.
        display_name: The name that TA shows, up to 50 characters.
        event: The event, the property, and which occurrence.
        cluster_type: Static (computed on request) unless said otherwise.
        extra: Further keys of the request body, as the server spells them.
    """

    catalog: ClassVar[Catalog] = Catalog.TAG
    kind: ClassVar[TagKind] = TagKind.FIRST_LAST_EVENT

    name: str
    display_name: str
    event: FirstLastEvent
    cluster_type: ClusterType | str = ClusterType.TAG_BY_STATIC_CONDITION
    extra: Mapping[str, JsonValue] = field(factory=dict, hash=False)

    @property
    def definition(self) -> UserTagDef:
        """How the value is found, as `tagQp` has it."""
        return UserTagDef(first_last=FirstLastDef(self.event))


@frozen
class QuotaTag:
    """A tag whose value is an aggregate over the user's events (from version 3.2.1).

    Attributes:
        name: The name (clusterName): letters, digits and `_`, up to 24.
        display_name: The name that TA shows, up to 50 characters.
        event: The event and the aggregate.
        cluster_type: Static (computed on request) unless said otherwise.
        extra: Further keys of the request body, as the server spells them.
    """

    catalog: ClassVar[Catalog] = Catalog.TAG
    kind: ClassVar[TagKind] = TagKind.QUOTA

    name: str
    display_name: str
    event: QuotaEvent
    cluster_type: ClusterType | str = ClusterType.TAG_BY_STATIC_CONDITION
    extra: Mapping[str, JsonValue] = field(factory=dict, hash=False)

    @property
    def definition(self) -> UserTagDef:
        """How the value is found, as `tagQp` has it."""
        return UserTagDef(quota=QuotaDef(self.event))

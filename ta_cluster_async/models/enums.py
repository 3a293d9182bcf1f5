"""The API's vocabularies.

All of them are open: a field that holds one is typed `Comparator | str`, a value that is not listed here stays a plain `str`, and it
goes back to the server unchanged. Members are strings, so `"equal"` may be written wherever `Comparator.EQUAL` may.
"""

from __future__ import annotations

from enum import StrEnum


class Catalog(StrEnum):
    """What a row of the list is: a cluster or a tag (clusterCatalog)."""

    CLUSTER = "catalog_cluster"
    TAG = "catalog_tag"


class ClusterType(StrEnum):
    """How a cluster or tag comes about (clusterType)."""

    CLUSTER_BY_DYNAMIC_CONDITION = "cluster_by_dynamic_condition"
    CLUSTER_BY_STATIC_CONDITION = "cluster_by_static_condition"
    CLUSTER_BY_RESULT = "cluster_by_result"
    CLUSTER_BY_IMPORT = "cluster_by_import"
    CLUSTER_BY_DYNAMIC_SQL = "cluster_by_dynamic_sql"
    CLUSTER_BY_STATIC_SQL = "cluster_by_static_sql"
    TAG_BY_DYNAMIC_CONDITION = "tag_by_dynamic_condition"
    TAG_BY_STATIC_CONDITION = "tag_by_static_condition"
    TAG_BY_IMPORT = "tag_by_import"
    TAG_BY_DYNAMIC_SQL = "tag_by_dynamic_sql"
    TAG_BY_STATIC_SQL = "tag_by_static_sql"

    @property
    def catalog(self) -> Catalog:
        """The catalog that this type belongs to."""
        return Catalog.TAG if self.startswith("tag_") else Catalog.CLUSTER


def catalog_of(cluster_type: str) -> Catalog | None:
    """Return the catalog that a type's prefix tells, also for types that are not listed; None when it tells none."""
    if cluster_type.startswith("cluster_"):
        return Catalog.CLUSTER
    return Catalog.TAG if cluster_type.startswith("tag_") else None


def types_of(catalog: Catalog) -> tuple[ClusterType, ...]:
    """Return all listed types of one catalog (spec: 分群和标签列表查询, where clusterTypes is required)."""
    return tuple(kind for kind in ClusterType if kind.catalog is catalog)


class TagKind(StrEnum):
    """How the value of a condition tag is found (subConditionTabType)."""

    VALUES = "tag_condition_default"
    """Ordered values with a condition each; the first that matches wins."""
    FIRST_LAST_EVENT = "tag_condition_by_firstlast_event"
    """A property of the first or last occurrence of an event."""
    QUOTA = "tag_condition_by_quotation"
    """An aggregate over the user's events (from version 3.2.1)."""


class Relation(StrEnum):
    """How conditions are joined."""

    AND = "and"
    OR = "or"


class TableType(StrEnum):
    """Where a property is looked up. The specification names `event` and `user`."""

    EVENT = "event"
    USER = "user"
    CLUSTER = "cluster"
    USER_CLUSTER = "user_cluster"


class Comparator(StrEnum):
    """The operators of a filter and of an event's metric."""

    EQUAL = "equal"
    NOT_EQUAL = "notEqual"
    IS_TRUE = "isTrue"
    IS_FALSE = "isFalse"
    IS_NULL = "isNull"
    NOT_NULL = "notNull"
    INCLUDE = "include"
    NOT_INCLUDE = "notInclude"
    LESS = "less"
    GREATER = "greater"
    RANGE = "range"
    REGEX_MATCH = "regexMatch"
    NOT_REGEX_MATCH = "notRegexMatch"
    RELATIVE_CURRENT_BETWEEN = "relativeCurrentBetween"
    RELATIVE_CURRENT_BEFORE = "relativeCurrentBefore"
    RELATIVE_EVENT_BEFORE = "relativeEventBefore"
    RELATIVE_EVENT_AFTER = "relativeEventAfter"
    RELATIVE_EVENT_ABSOLUTE = "relativeEventAbsolute"
    ARRAY_INCLUDE_ITEM = "arrayIncludeItem"
    ARRAY_NOT_INCLUDE_ITEM = "arrayNotIncludeItem"
    ARRAY_ITEM_POS = "arrayItemPos"
    ARRAY_IS_NULL = "arrayIsNull"
    ARRAY_NOT_NULL = "arrayNotNull"


NEED_VALUES: frozenset[str] = frozenset(
    {
        Comparator.EQUAL,
        Comparator.NOT_EQUAL,
        Comparator.INCLUDE,
        Comparator.NOT_INCLUDE,
        Comparator.LESS,
        Comparator.GREATER,
        Comparator.RANGE,
        Comparator.REGEX_MATCH,
        Comparator.NOT_REGEX_MATCH,
        Comparator.ARRAY_INCLUDE_ITEM,
        Comparator.ARRAY_NOT_INCLUDE_ITEM,
    }
)
"""Comparators of a filter that mean nothing without a value to compare with."""

COMPARE_NUMBERS: frozenset[str] = frozenset(
    {Comparator.EQUAL, Comparator.NOT_EQUAL, Comparator.LESS, Comparator.GREATER}
)
"""Comparators that compare an event's measure with one number. How others write their `num` is not documented."""


def likely_meant(word: str) -> Comparator | None:
    """Return the comparator that a word which is none may be a slip for, such as `isNotNull` for `notNull`; None when none is likely.

    It is for a hint and no more: which words a newer server takes is its own business.
    """
    if word in tuple(Comparator):
        return None
    plain = word.replace("_", "").lower()
    return _SLIPS.get(plain) or next((known for known in Comparator if known.lower() == plain), None)


# Words of other products and of other parts of this one, without case.
_SLIPS = {
    "isnotnull": Comparator.NOT_NULL,
    "between": Comparator.RANGE,
    "absolutebetween": Comparator.RANGE,
    "contain": Comparator.INCLUDE,
    "notcontain": Comparator.NOT_INCLUDE,
    "greaterthan": Comparator.GREATER,
    "lessthan": Comparator.LESS,
}


class Analysis(StrEnum):
    """What is computed over a user's events. All but the first four need a property (quota).

    The specification's samples show `TIMES` in clusters and `DISTINCT` in a tag; which others a server takes depends on its version.
    """

    TIMES = "TIMES"
    """How often the user did the event."""
    TOTAL_TIMES = "TOTAL_TIMES"
    TRIG_USER_NUM = "TRIG_USER_NUM"
    PER_CAPITA_TIMES = "PER_CAPITA_TIMES"
    SUM = "SUM"
    AVG = "AVG"
    MAX = "MAX"
    MIN = "MIN"
    PER_CAPITA_NUM = "PER_CAPITA_NUM"
    MEDIAN = "MEDIAN"
    PERCENTILE = "PERCENTILE"
    """Needs analysisParams, 1 to 100."""
    DISTINCT = "DISTINCT"
    TRUE = "TRUE"
    FALSE = "FALSE"
    IS_NOT_EMPTY = "IS_NOT_EMPTY"
    IS_EMPTY = "IS_EMPTY"
    ARRAY_DISTINCT = "ARRAY_DISTINCT"
    ARRAY_SET_DISTINCT = "ARRAY_SET_DISTINCT"
    ARRAY_ITEM_DISTINCT = "ARRAY_ITEM_DISTINCT"

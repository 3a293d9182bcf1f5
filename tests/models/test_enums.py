"""The words of the API, and what their prefixes tell."""

from typing import Any

import pytest

from ta_cluster_async.models import (
    Analysis,
    Catalog,
    ClusterRow,
    ClusterType,
    Comparator,
    Relation,
    TableType,
    TagKind,
    catalog_of,
    structure,
    types_of,
)


def test_the_comparators_are_the_known_ones() -> None:
    assert " ".join(Comparator) == (
        "equal notEqual isTrue isFalse isNull notNull include notInclude less greater range regexMatch notRegexMatch "
        "relativeCurrentBetween relativeCurrentBefore relativeEventBefore relativeEventAfter relativeEventAbsolute "
        "arrayIncludeItem arrayNotIncludeItem arrayItemPos arrayIsNull arrayNotNull"
    )


def test_the_analyses_are_the_known_ones() -> None:
    assert " ".join(Analysis) == (
        "TIMES TOTAL_TIMES TRIG_USER_NUM PER_CAPITA_TIMES SUM AVG MAX MIN PER_CAPITA_NUM MEDIAN PERCENTILE DISTINCT "
        "TRUE FALSE IS_NOT_EMPTY IS_EMPTY ARRAY_DISTINCT ARRAY_SET_DISTINCT ARRAY_ITEM_DISTINCT"
    )


def test_the_types_are_those_of_the_specification() -> None:
    assert " ".join(ClusterType) == (
        "cluster_by_dynamic_condition cluster_by_static_condition cluster_by_result cluster_by_import "
        "cluster_by_dynamic_sql cluster_by_static_sql tag_by_dynamic_condition tag_by_static_condition tag_by_import "
        "tag_by_dynamic_sql tag_by_static_sql"
    )


def test_the_short_vocabularies_are_the_known_words() -> None:
    assert [*Catalog, *Relation] == ["catalog_cluster", "catalog_tag", "and", "or"]
    assert [*TableType] == ["event", "user", "cluster", "user_cluster"]
    assert [*TagKind] == [
        "tag_condition_default",
        "tag_condition_by_firstlast_event",
        "tag_condition_by_quotation",
    ]


def test_every_type_belongs_to_the_catalog_of_its_prefix() -> None:
    assert {kind.catalog for kind in ClusterType if kind.startswith("tag_")} == {Catalog.TAG}
    assert {kind.catalog for kind in ClusterType if kind.startswith("cluster_")} == {Catalog.CLUSTER}


def test_the_types_of_both_catalogs_are_all_types() -> None:
    assert {*types_of(Catalog.CLUSTER), *types_of(Catalog.TAG)} == set(ClusterType)
    assert (len(types_of(Catalog.CLUSTER)), len(types_of(Catalog.TAG))) == (6, 5)


@pytest.mark.parametrize(
    ("kind", "catalog"),
    [
        ("cluster_by_import", Catalog.CLUSTER),
        ("tag_by_import", Catalog.TAG),
        ("cluster_by_magic", Catalog.CLUSTER),
        ("tag_by_magic", Catalog.TAG),
        ("magic", None),
        ("", None),
    ],
)
def test_the_catalog_of_a_type_follows_from_its_prefix(kind: Any, catalog: Any) -> None:
    assert catalog_of(kind) is catalog


@pytest.mark.parametrize(
    ("keys", "catalog"),
    [
        ({"clusterType": "tag_by_import"}, Catalog.TAG),
        ({"clusterType": "tag_by_magic", "clusterCatalog": "catalog_cluster"}, Catalog.TAG),
        ({"clusterType": "magic", "clusterCatalog": "catalog_cluster"}, Catalog.CLUSTER),
        ({"clusterCatalog": "catalog_tag"}, Catalog.TAG),
        ({"clusterCatalog": "catalog_magic"}, None),
        ({}, None),
    ],
)
def test_a_row_knows_its_catalog(keys: Any, catalog: Any) -> None:
    assert structure(ClusterRow, {"id": 1, "clusterName": "a", **keys}).catalog is catalog


def test_an_unknown_type_stays_text() -> None:
    row = structure(ClusterRow, {"id": 1, "clusterName": "a", "clusterType": "cluster_by_magic"})
    assert type(row.cluster_type) is str


def test_a_known_type_is_its_member() -> None:
    row = structure(ClusterRow, {"id": 1, "clusterName": "a", "clusterType": "tag_by_import"})
    assert row.cluster_type is ClusterType.TAG_BY_IMPORT

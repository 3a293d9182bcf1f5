"""Whatever JSON object stands where a definition goes comes back as it was."""

import copy
import json
import pickle
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ta_cluster_async.models import (
    CalcProperty,
    ClusterDetail,
    EventCondition,
    EventQuota,
    FirstLastDef,
    FirstLastEvent,
    JsonObject,
    PropertyFilter,
    PropertyRef,
    QuotaDef,
    QuotaEvent,
    TagValue,
    UserClusterDef,
    UserTagDef,
    structure,
    unstructure,
    update_body,
)
from ta_cluster_async.models.base import Definition

# How long an example takes says nothing here, and depends on what else the machine does.
patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

Values: TypeAlias = st.SearchStrategy[Any]

WORDS: Values = st.sampled_from([
    "",
    "and",
    "equal",
    "greater",
    "TIMES",
    "user",
    "newer",
    "1-7",
    "2020-01-10 10:51:14",
    "2020-01-10T10:51:14",
    "2020-01-10 24:00:00",
    "2020-02-30 00:00:00",
    "2020-W01-1 10:51:14",
    "2020-01-10 10:51+08",
    "0001-01-01 00:00:00",
    "２０２０-01-10 10:51:14",
])  # fmt: skip
DAYS: Values = st.sampled_from(["1-7", "0-7"]) | st.sampled_from(["7-1", "0-0", ""]) | WORDS
SCALARS: Values = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 1.0, 0.0, -1, 10**30])
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | WORDS
)
ANY: Values = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


# Names of the models' own, which mean nothing as keys.
PYTHON_NAMES = ["self", "event_name", "comparator_key", "values", "wire_names"]


def objects(**right: Values) -> Values:
    """Objects with some of these keys, each with what belongs there or anything else, and sometimes another key."""
    known = st.fixed_dictionaries({}, optional={key: shape | ANY for key, shape in right.items()})
    other = st.dictionaries(
        st.sampled_from(["extra", "columnDesc", "uceCalcuSymbol", "comparator", "名", *PYTHON_NAMES]),
        ANY,
        max_size=2,
    )
    return st.tuples(other, known).map(lambda pair: pair[0] | pair[1])


def several(inner: Values) -> Values:
    return st.lists(inner, max_size=2)


FILTERS = objects(columnName=WORDS, comparator=WORDS, ftv=several(SCALARS), tableType=WORDS)
QUOTAS = objects(analysis=WORDS, quota=WORDS, analysisParams=SCALARS)
EVENTS = objects(
    eventName=WORDS,
    comparator=WORDS,
    uceCalcuSymbol=WORDS,
    num=SCALARS,
    recentDay=DAYS,
    startTime=WORDS,
    endTime=WORDS,
    taPropQuota=QUOTAS,
    filts=several(FILTERS),
    relation=WORDS,
)
CLUSTERS = objects(
    events=several(EVENTS),
    event_relation=WORDS,
    filts=several(FILTERS),
    relation=WORDS,
    event_user_relation=WORDS,
)
TAG_VALUES = objects(tagValue=WORDS, tagRemark=WORDS, userClusterDef=CLUSTERS)
PROPERTIES = objects(columnName=WORDS, tableType=WORDS)
CALCULATED = objects(isCalc=st.booleans(), property=PROPERTIES)
FIRST_LAST = objects(
    calcPropVo=CALCULATED,
    eventName=WORDS,
    isFirstEvent=st.booleans(),
    recentDay=DAYS,
    startTime=WORDS,
    endTime=WORDS,
    filts=several(FILTERS),
    relation=WORDS,
)
QUOTA_EVENTS = objects(
    type=WORDS,
    quota=WORDS,
    analysis=WORDS,
    analysisParams=SCALARS,
    eventName=WORDS,
    recentDay=DAYS,
    startTime=WORDS,
    endTime=WORDS,
    filts=several(FILTERS),
    relation=WORDS,
)
FIRST_LAST_DEFS = objects(userTagConFirstLastEvent=FIRST_LAST)
QUOTA_DEFS = objects(userTagConQuotaEvent=QUOTA_EVENTS)
TAGS = objects(
    userTagValueDefs=several(TAG_VALUES),
    userTagConFirstLastEventDef=FIRST_LAST_DEFS,
    userTagConQuotaDef=QUOTA_DEFS,
)
SHAPES: dict[type[Definition], Values] = {
    PropertyFilter: FILTERS,
    EventQuota: QUOTAS,
    EventCondition: EVENTS,
    UserClusterDef: CLUSTERS,
    TagValue: TAG_VALUES,
    PropertyRef: PROPERTIES,
    CalcProperty: CALCULATED,
    FirstLastEvent: FIRST_LAST,
    QuotaEvent: QUOTA_EVENTS,
    FirstLastDef: FIRST_LAST_DEFS,
    QuotaDef: QUOTA_DEFS,
    UserTagDef: TAGS,
}
CASES = st.sampled_from(list(SHAPES)).flatmap(lambda cls: st.tuples(st.just(cls), SHAPES[cls]))
DETAIL: JsonObject = {
    "id": 970,
    "clusterName": "a",
    "clusterType": "cluster_by_static_condition",
    "displayName": "A",
    "progress": 100,
    "projectId": 102,
    "usersNum": 3,
}


def exact(value: object) -> str:
    """JSON text tells 1, 1.0 and true apart, which == does not."""
    return json.dumps(value, sort_keys=True)


@patiently
@given(CASES)
def test_any_object_comes_back_from_a_definition(case: Any) -> None:
    cls, value = case
    before = exact(value)
    assert exact(unstructure(structure(cls, value))) == before
    assert exact(value) == before


@patiently
@given(st.sampled_from(list(SHAPES)), st.dictionaries(st.text(), ANY, max_size=4))
def test_an_object_of_any_keys_comes_back_from_every_definition(cls: type[Definition], value: Any) -> None:
    assert exact(unstructure(structure(cls, value))) == exact(value)


@patiently
@given(CLUSTERS | TAGS)
def test_an_object_of_another_definition_comes_back_too(value: Any) -> None:
    assert exact(unstructure(structure(UserClusterDef, value))) == exact(value)
    assert exact(unstructure(structure(UserTagDef, value))) == exact(value)


@patiently
@given(CASES)
def test_what_was_read_can_be_pickled_and_copied(case: Any) -> None:
    cls, value = case
    model = structure(cls, value)
    assert unstructure(pickle.loads(pickle.dumps(model))) == value
    assert unstructure(copy.deepcopy(model)) == value


@patiently
@given(CLUSTERS, st.dictionaries(st.sampled_from(["remarks", "zoneOffset", "taSqlVo"]), ANY))
def test_the_update_of_a_detail_loses_nothing_of_a_cluster(definition: Any, unknown: Any) -> None:
    body = update_body(structure(ClusterDetail, {**DETAIL, "userClusterDef": definition, **unknown}))
    assert exact(body) == exact({
        "clusterCatalog": "catalog_cluster",
        "clusterType": "cluster_by_static_condition",
        "displayName": "A",
        "qp": definition,
        **unknown,
    })  # fmt: skip


@patiently
@given(TAGS, st.dictionaries(st.sampled_from(["remarks", "subConditionTabType", "clusterCatalog"]), ANY))
def test_the_update_of_a_detail_loses_nothing_of_a_tag(definition: Any, unknown: Any) -> None:
    detail = {**DETAIL, "clusterType": "tag_by_newer_way", "userTagDef": definition, **unknown}
    body = update_body(structure(ClusterDetail, detail))
    assert exact(body["tagQp"]) == exact(definition)
    assert exact({key: body[key] for key in unknown}) == exact(unknown)
    assert body.keys() - unknown.keys() - {"clusterCatalog", "subConditionTabType"} == {
        "clusterType",
        "displayName",
        "tagQp",
    }


@pytest.mark.parametrize("cls", SHAPES, ids=lambda cls: cls.__name__)
def test_the_generator_fills_every_field_that_there_is(cls: type[Definition]) -> None:
    seen: set[str] = set()

    @settings(patiently, derandomize=True, database=None)
    @given(SHAPES[cls])
    def collect(value: Any) -> None:
        model = structure(cls, value)
        seen.update(name for name in cls.wire_names if getattr(model, name) is not None)

    collect()
    assert seen == set(cls.wire_names)


@pytest.mark.parametrize("value", [None, True, 3, 2.5, "text", []])
def test_a_deep_value_goes_through_without_a_walk_into_it(value: Any) -> None:
    deep = value
    for _ in range(5_000):
        deep = [deep]
    sent: dict[str, Any] = unstructure(structure(PropertyFilter, {"ftv": [deep], "unknown": deep}))
    assert sent["unknown"] is deep
    assert sent["ftv"] == [deep] if value is None else sent["ftv"][0] is deep

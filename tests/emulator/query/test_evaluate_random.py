"""Random definitions over small random tables, checked against the plain evaluator."""
# ruff: noqa: DTZ001 - server times have no zone

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ta_cluster_async.emulator.query.data import Database
from ta_cluster_async.emulator.query.evaluate import cluster_members, tag_values
from tests.emulator.query.plain_evaluator import PlainEvaluator

pytestmark = pytest.mark.slow

NOW = datetime(2020, 1, 10, 10, 51, 14)
ACCOUNTS = ("a1", "b2", "c3", "d4", "e5")
NUMBERS = (-1, 0, 1, 2, 3)
FRACTIONS = (0.1, 0.2, 0.3, 0.7, 2.5)
WORDS = ("", "ios", "iOS", "星河", "a%b")
LISTS: tuple[list[str], ...] = ([], ["ios"], ["ios", "星河"])
TIMES = tuple(NOW + timedelta(hours=hours) for hours in (-200, -100, -58.9, -30, -10.8539, -10, 0, 13.15, 40))
KINDS: dict[str, tuple[pa.DataType, tuple[Any, ...]]] = {
    "number": (pa.int64(), NUMBERS),
    "fraction": (pa.float64(), FRACTIONS),
    "word": (pa.string(), WORDS),
    "flag": (pa.bool_(), (True, False)),
    "time": (pa.timestamp("us"), TIMES),
    "list": (pa.list_(pa.string()), LISTS),
}

cells = st.fixed_dictionaries({kind: st.sampled_from((None, *pool)) for kind, (_, pool) in KINDS.items()})
event_rows = st.builds(
    lambda account, name, time, rest: {
        "#account_id": account,
        "#event_name": name,
        "#event_time": time,
        **rest,
    },
    st.sampled_from(ACCOUNTS[:4]),
    st.sampled_from(("pay", "login")),
    st.sampled_from(TIMES),
    cells,
)
user_tables = st.fixed_dictionaries(dict.fromkeys(ACCOUNTS[1:], cells)).map(
    lambda table: [{"#account_id": account, **row} for account, row in table.items()]
)

relations = st.sampled_from(("and", "or"))
words = st.sampled_from(WORDS)
number_texts = st.sampled_from(("-1", "0", "1", "2", "2.5", "0.3"))
time_texts = st.sampled_from(
    [
        *(time.strftime("%Y-%m-%d %H:%M:%S") for time in TIMES),
        *{time.strftime("%Y-%m-%d") for time in TIMES},
    ]
)
days = st.integers(-9, 3).map(str)


def one(*comparators: str, values: st.SearchStrategy[Any], most: int = 1, least: int = 1) -> Any:
    return st.tuples(st.sampled_from(comparators), st.lists(values, min_size=least, max_size=most))


NULLS = one("isNull", "notNull", values=st.nothing(), least=0, most=0)
TESTS = {
    "number": one("equal", "notEqual", values=number_texts, most=3)
    | one("less", "greater", values=number_texts)
    | one("range", values=number_texts, least=2, most=2)
    | NULLS,
    "word": one("equal", "notEqual", values=words, most=3)
    | one("include", "notInclude", values=words)
    | one("regexMatch", "notRegexMatch", values=st.sampled_from(("^i", "[oO]S$", "a.b", "")))
    | NULLS,
    "flag": one("isTrue", "isFalse", "isNull", "notNull", values=st.nothing(), least=0, most=0),
    "time": one("less", "greater", values=time_texts)
    | one("range", values=time_texts, least=2, most=2)
    | one("relativeCurrentBetween", values=days, least=2, most=2)
    | one("relativeCurrentBefore", values=days)
    | NULLS,
    "list": one("arrayIncludeItem", "arrayNotIncludeItem", values=words)
    | one("arrayIsNull", "arrayNotNull", values=st.nothing(), least=0, most=0),
}
TESTS["fraction"] = TESTS["number"]


def filters(*tables: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(sorted(KINDS)).flatmap(
        lambda kind: st.builds(
            lambda table, test: {
                "tableType": table,
                "columnName": kind,
                "comparator": test[0],
                "ftv": test[1],
            },
            st.sampled_from(tables),
            TESTS[kind],
        )
    )


windows: st.SearchStrategy[dict[str, str]] = st.one_of(
    st.just({}),
    st.tuples(st.integers(0, 3), st.integers(0, 4)).map(
        lambda days: {"recentDay": f"{days[0]}-{max(1, sum(days))}"}
    ),
    st.fixed_dictionaries({}, optional={"startTime": time_texts, "endTime": time_texts}),
)
measures = st.one_of(
    st.fixed_dictionaries({"analysis": st.sampled_from(("TIMES", "TOTAL_TIMES"))}),
    st.fixed_dictionaries(
        {
            "analysis": st.sampled_from(("SUM", "AVG", "MAX", "MIN", "MEDIAN")),
            "quota": st.sampled_from(("number", "fraction")),
        }
    ),
    st.fixed_dictionaries(
        {
            "analysis": st.just("PERCENTILE"),
            "quota": st.sampled_from(("number", "fraction")),
            "analysisParams": st.sampled_from((1, 25, 50, 100)),
        }
    ),
    st.fixed_dictionaries(
        {
            "analysis": st.just("DISTINCT"),
            "quota": st.sampled_from(("number", "fraction", "word", "flag", "time")),
        }
    ),
)
bounds = st.one_of(
    st.tuples(st.sampled_from(("less", "greater", "equal", "notEqual")), number_texts),
    st.tuples(st.just("range"), st.tuples(number_texts, number_texts).map(",".join)),
)
occurrences = st.builds(
    lambda name, window, chosen, relation: {
        "eventName": name,
        "filts": chosen,
        "relation": relation,
        **window,
    },
    st.sampled_from(("pay", "login", "never")),
    windows,
    st.lists(filters("event", "user"), max_size=2),
    relations,
)
conditions = st.builds(
    lambda occurrence, measure, bound: (
        occurrence | {"taPropQuota": measure, "comparator": bound[0], "num": bound[1]}
    ),
    occurrences,
    measures,
    bounds,
)
definitions = st.fixed_dictionaries(
    {
        "events": st.lists(conditions, max_size=2),
        "event_relation": relations,
        "filts": st.lists(filters("user"), max_size=2),
        "relation": relations,
        "event_user_relation": relations,
    }
).filter(lambda qp: qp["events"] or qp["filts"])
first_last_tags = st.builds(
    lambda occurrence, first, table, kind: {
        "userTagConFirstLastEventDef": {
            "userTagConFirstLastEvent": occurrence
            | {"isFirstEvent": first, "calcPropVo": {"property": {"tableType": table, "columnName": kind}}}
        }
    },
    occurrences,
    st.booleans(),
    st.sampled_from(("event", "user")),
    st.sampled_from(sorted(set(KINDS) - {"list"})),
)
quota_tags = st.builds(
    lambda occurrence, measure: {"userTagConQuotaDef": {"userTagConQuotaEvent": occurrence | measure}},
    occurrences,
    measures,
)


def table(rows: list[dict[str, Any]], *needed: str) -> pa.Table:
    types = {"#account_id": pa.string(), "#event_name": pa.string(), "#event_time": pa.timestamp("us")}
    fields = [(name, types[name]) for name in needed] + [(kind, type_) for kind, (type_, _) in KINDS.items()]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def database_of(events: list[dict[str, Any]], users: list[dict[str, Any]]) -> Database:
    return Database(
        table(events, "#account_id", "#event_name", "#event_time"), table(users, "#account_id"), now=NOW
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(event_rows, max_size=25), user_tables, st.lists(definitions, min_size=3, max_size=6))
def test_a_random_cluster_has_the_members_that_the_plain_evaluator_finds(
    events: list[Any], users: list[Any], several: list[Any]
) -> None:
    plain = PlainEvaluator(events, users, NOW)
    database = database_of(events, users)
    try:
        for definition in several:
            assert cluster_members(database, definition, now=NOW) == plain.members(definition)
    finally:
        database.close()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(event_rows, max_size=25),
    user_tables,
    st.lists(first_last_tags, min_size=2, max_size=4),
    st.lists(quota_tags, min_size=2, max_size=4),
)
def test_a_random_tag_has_the_values_that_the_plain_evaluator_finds(
    events: list[Any], users: list[Any], firsts: list[Any], quotas: list[Any]
) -> None:
    plain = PlainEvaluator(events, users, NOW)
    database = database_of(events, users)
    try:
        for kind, tags in (
            ("tag_condition_by_firstlast_event", firsts),
            ("tag_condition_by_quotation", quotas),
        ):
            for tag in tags:
                assert tag_values(database, kind, tag, now=NOW) == plain.tag(kind, tag)
    finally:
        database.close()

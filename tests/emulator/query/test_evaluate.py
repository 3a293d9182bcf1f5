"""Members and tag values of the sample game, checked against the plain evaluator, and errors that name their key."""

from collections.abc import Iterator
from typing import Any

import pytest

from ta_cluster_async.emulator import SAMPLE_NOW
from ta_cluster_async.emulator.query.data import Database
from ta_cluster_async.emulator.query.errors import EvaluationError
from ta_cluster_async.emulator.query.evaluate import cluster_members, tag_values
from ta_cluster_async.emulator.query.sample import EVENT_COLUMNS, USER_COLUMNS, sample_game
from tests.emulator.query.plain_evaluator import PlainEvaluator, rows_of


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    database = Database(now=SAMPLE_NOW, seed=1)
    yield database
    database.close()


@pytest.fixture(scope="module")
def plain() -> PlainEvaluator:
    game = sample_game(SAMPLE_NOW, 1)
    events = rows_of(game.events_csv, EVENT_COLUMNS)
    users = rows_of(game.users_csv, USER_COLUMNS)
    return PlainEvaluator(events, users, SAMPLE_NOW)


def user(column: str, comparator: str, *values: str) -> dict[str, Any]:
    return {"tableType": "user", "columnName": column, "comparator": comparator, "ftv": list(values)}


def prop(column: str, comparator: str, *values: str) -> dict[str, Any]:
    return {"tableType": "event", "columnName": column, "comparator": comparator, "ftv": list(values)}


def event(name: str, comparator: str = "greater", num: object = "0", **more: Any) -> dict[str, Any]:
    quota = {key: more.pop(key) for key in ("analysis", "quota", "analysisParams") if key in more}
    return {"eventName": name, "comparator": comparator, "num": num, "taPropQuota": quota, **more}


def users(*filters: dict[str, Any], relation: str = "and") -> dict[str, Any]:
    return {"filts": list(filters), "relation": relation}


def events(*conditions: dict[str, Any], relation: str = "and") -> dict[str, Any]:
    return {"events": list(conditions), "event_relation": relation}


CLUSTERS: dict[str, dict[str, Any]] = {
    "the specification's": events(event("consume_item", "greater", "4", recentDay="1-7", analysis="TIMES"))
    | users(user("user_level", "equal", "3", "7", "15")),
    # comparators of user properties
    "equal, a text": users(user("#os", "equal", "ios")),
    "equal, several texts": users(user("country", "equal", "CN", "DE")),
    "equal, the case counts": users(user("country", "equal", "cn", "US")),
    "equal, Chinese and quotes": users(user("nickname", "equal", "星河", "O'Brien")),
    "equal, a number": users(user("user_level", "equal", "7")),
    "equal, a fraction": users(user("total_pay", "equal", "98.5", "6.0")),
    "notEqual, a text, which needs a value": users(user("country", "notEqual", "CN")),
    "notEqual, several numbers": users(user("user_level", "notEqual", "1", "7")),
    "less": users(user("user_level", "less", "7")),
    "greater": users(user("user_level", "greater", "7")),
    "range, with both bounds": users(user("user_level", "range", "7", "15")),
    "range of fractions": users(user("total_pay", "range", "98.5", "656.01")),
    "isNull, a text": users(user("country", "isNull")),
    "isNull, a number": users(user("total_pay", "isNull")),
    "notNull": users(user("channel", "notNull")),
    "isTrue": users(user("vip", "isTrue")),
    "isFalse, which needs a value": users(user("vip", "isFalse")),
    "include": users(user("channel", "include", "app")),
    "notInclude, which needs a value": users(user("channel", "notInclude", "a")),
    "include takes a percent sign as it is": users(
        user("channel", "include", "%"), user("vip", "isTrue"), relation="or"
    ),
    "regexMatch, anywhere": users(user("nickname", "regexMatch", "o[vx]")),
    "regexMatch, anchored": users(user("nickname", "regexMatch", "^[A-Z]")),
    "notRegexMatch, which needs a value": users(user("nickname", "notRegexMatch", "[a-z]")),
    "less, a time": users(user("register_time", "less", "2019-11-01 00:00:00")),
    "greater, a time": users(user("last_login_time", "greater", "2020-01-09 12:00:00")),
    "range, two dates and the whole last day": users(
        user("register_time", "range", "2019-11-01", "2019-11-02")
    ),
    "range, two times": users(user("register_time", "range", "2019-11-01 08:00:00", "2019-11-20 08:00:00")),
    "relativeCurrentBetween": users(user("last_login_time", "relativeCurrentBetween", "-7", "-1")),
    "relativeCurrentBetween, the other way round": users(
        user("last_login_time", "relativeCurrentBetween", "0", "-1")
    ),
    "relativeCurrentBefore": users(user("last_login_time", "relativeCurrentBefore", "-30")),
    "arrayIncludeItem": users(user("tags", "arrayIncludeItem", "guild leader")),
    "arrayNotIncludeItem, which needs a value": users(user("tags", "arrayNotIncludeItem", "whale")),
    "arrayIsNull": users(user("tags", "arrayIsNull")),
    "arrayNotNull, with empty lists": users(user("tags", "arrayNotNull")),
    # relations
    "filters joined by and": users(user("#os", "equal", "ios"), user("user_level", "greater", "9")),
    "filters joined by or": users(
        user("#os", "equal", "ios"), user("user_level", "greater", "40"), relation="or"
    ),
    "events joined by and": events(event("pay"), event("fight_success", "greater", "3")),
    "events joined by or": events(event("pay"), event("fight_success", "greater", "3"), relation="or"),
    "groups joined by and": events(event("pay")) | users(user("vip", "isTrue")),
    "groups joined by or": events(event("pay", "greater", "2"))
    | users(user("vip", "isTrue"))
    | {"event_user_relation": "or"},
    "groups joined by or, each with its own relation": events(
        event("pay", recentDay="0-7"), event("login", "greater", "20"), relation="or"
    )
    | users(user("country", "equal", "JP"), user("#os", "equal", "ios"))
    | {"event_user_relation": "or"},
    "an empty group beside or constrains nothing": events(event("pay"))
    | {"filts": [], "event_user_relation": "or"},
    # windows
    "recentDay 0-1, today": events(event("login", recentDay="0-1")),
    "recentDay 1-1, yesterday": events(event("login", recentDay="1-1")),
    "recentDay 0-7, seven days with today": events(event("login", "greater", "3", recentDay="0-7")),
    "recentDay 1-7, seven days without today": events(event("login", "greater", "3", recentDay="1-7")),
    "recentDay 3-5": events(event("login", "greater", "1", recentDay="3-5")),
    "recentDay 30-60": events(event("login", "equal", "0", recentDay="30-60")),
    "startTime and endTime at midnight": events(
        event("pay", startTime="2020-01-03 00:00:00", endTime="2020-01-09 00:00:00")
    ),
    "startTime and endTime in the day": events(
        event("login", startTime="2020-01-09 06:00:00", endTime="2020-01-09 12:00:00")
    ),
    "startTime alone": events(event("pay", startTime="2020-01-01 12:00:00")),
    "endTime alone": events(event("pay", endTime="2019-12-01 12:00:00")),
    "recentDay before startTime and endTime": events(
        event("pay", recentDay="1-3", startTime="2019-11-01 00:00:00", endTime="2020-01-09 00:00:00")
    ),
    # measures
    "no analysis counts": events(event("consume_item", "greater", "9")),
    "TOTAL_TIMES": events(event("consume_item", "greater", "9", analysis="TOTAL_TIMES")),
    "TIMES less 1, who never did": events(event("pay", "less", "1", analysis="TIMES")),
    "TIMES notEqual": events(event("login", "notEqual", "0", analysis="TIMES")),
    "TIMES equal one of several": events(event("login", "equal", ["1", "2", 3], analysis="TIMES")),
    "TIMES range as text": events(event("login", "range", "5,10", analysis="TIMES")),
    "TIMES range as a list": events(event("login", "range", ["5", "10"], analysis="TIMES")),
    "SUM of whole numbers": events(
        event("consume_item", "greater", "30", analysis="SUM", quota="item_count")
    ),
    "SUM of fractions": events(event("pay", "range", "98.5,700", analysis="SUM", quota="amount")),
    "SUM, equal to a sum of fractions": events(
        event("pay", "equal", ["1.98", "99.49", "6.99", "30.99"], analysis="SUM", quota="amount")
    ),
    "AVG": events(event("consume_item", "greater", "5.5", analysis="AVG", quota="item_count")),
    "MAX": events(event("pay", "equal", "648", analysis="MAX", quota="amount")),
    "MIN": events(event("pay", "less", "6", analysis="MIN", quota="amount")),
    "MEDIAN": events(event("consume_item", "equal", "5.5", analysis="MEDIAN", quota="item_count")),
    "PERCENTILE": events(
        event("consume_item", "greater", "6.3", analysis="PERCENTILE", quota="item_count", analysisParams=80)
    ),
    "PERCENTILE in a list": events(
        event("consume_item", "less", "3", analysis="PERCENTILE", quota="item_count", analysisParams=["30"])
    ),
    "DISTINCT of texts": events(event("consume_item", "equal", "3", analysis="DISTINCT", quota="item_id")),
    "DISTINCT equal 0, also who never did": events(
        event("consume_item", "equal", "0", analysis="DISTINCT", quota="item_id")
    ),
    "a property that is null in part": events(
        event("pay", "greater", "50", analysis="AVG", quota="#vp@test_num")
    ),
    "notEqual never finds who has no value": events(
        event("pay", "notEqual", "1", analysis="MAX", quota="#vp@test_num")
    ),
    "uceCalcuSymbol for comparator": events(
        {
            "eventName": "fight_success",
            "uceCalcuSymbol": "greater",
            "num": "0",
            "taPropQuota": {"analysis": "TIMES"},
        }
    ),
    # filters of events
    "an event with a filter": events(
        event("consume_item", "greater", "1", filts=[prop("item_id", "equal", "potion_red")])
    ),
    "an event with filters joined by or": events(
        event(
            "consume_item",
            "greater",
            "2",
            filts=[prop("item_id", "include", "potion"), prop("item_count", "greater", "7")],
            relation="or",
        )
    ),
    "an event with a filter of a user property": events(
        event("pay", filts=[prop("is_vip", "isTrue"), user("country", "equal", "CN")])
    ),
    "an event with a list property": events(
        event("fight_success", "greater", "2", filts=[prop("rewards", "arrayIncludeItem", "gem")])
    ),
    "an event with a time property": events(
        event("activity_attend", filts=[prop("offer_ends", "relativeCurrentBetween", "-2", "0")])
    ),
}


@pytest.mark.parametrize("definition", CLUSTERS.values(), ids=CLUSTERS)
def test_a_cluster_has_the_members_that_the_plain_evaluator_finds(
    database: Database, plain: PlainEvaluator, definition: dict[str, Any]
) -> None:
    expected = plain.members(definition)

    assert cluster_members(database, definition, now=SAMPLE_NOW) == expected
    assert 0 < len(expected) < len(plain.accounts)


def first_last(
    name: str, column: str, table: str = "event", *, first: bool | None, **more: Any
) -> dict[str, Any]:
    chosen = {"isCalc": False, "property": {"columnName": column, "tableType": table}}
    event = {"eventName": name, "isFirstEvent": first, "calcPropVo": chosen, **more}
    return {"userTagConFirstLastEventDef": {"userTagConFirstLastEvent": event}}


def quota(name: str, analysis: str, column: str | None = None, **more: Any) -> dict[str, Any]:
    event = {"type": "normal", "eventName": name, "analysis": analysis, "quota": column, **more}
    return {"userTagConQuotaDef": {"userTagConQuotaEvent": event}}


def choices(*pairs: tuple[object, dict[str, Any]]) -> dict[str, Any]:
    return {"userTagValueDefs": [{"tagValue": value, "userClusterDef": qp} for value, qp in pairs]}


DEFAULT, FIRST_LAST, QUOTA = (
    "tag_condition_default",
    "tag_condition_by_firstlast_event",
    "tag_condition_by_quotation",
)
TAGS: dict[str, tuple[str, dict[str, Any]]] = {
    "values in order": (
        DEFAULT,
        choices(
            ("payer", events(event("pay"))),
            ("标签值2", events(event("fight_success"))),
            ("later", users(user("vip", "isTrue"))),
        ),
    ),
    "values the other way round": (
        DEFAULT,
        choices(("later", users(user("vip", "isTrue"))), ("payer", events(event("pay")))),
    ),
    "first, a text": (FIRST_LAST, first_last("consume_item", "item_id", first=True)),
    "last, a text": (FIRST_LAST, first_last("consume_item", "item_id", first=False)),
    "first, a number that may be null": (FIRST_LAST, first_last("pay", "#vp@test_num", first=True)),
    "last, a fraction": (FIRST_LAST, first_last("pay", "amount", first=False)),
    "first, a boolean": (FIRST_LAST, first_last("pay", "is_vip", first=True)),
    "last, a time": (FIRST_LAST, first_last("login", "#event_time", first=False)),
    "first, a user property": (FIRST_LAST, first_last("pay", "country", "user", first=True)),
    "first with a window and a filter": (
        FIRST_LAST,
        first_last(
            "pay",
            "amount",
            first=True,
            recentDay="0-7",
            filts=[prop("#os", "equal", "android")],
            relation="and",
        ),
    ),
    "times": (QUOTA, quota("login", "TIMES", recentDay="1-7")),
    "distinct, nobody without": (
        QUOTA,
        quota("activity_attend", "DISTINCT", "activity_reward", recentDay="0-30"),
    ),
    "a sum of fractions": (QUOTA, quota("pay", "SUM", "amount")),
    "an average": (QUOTA, quota("consume_item", "AVG", "item_count", filts=[prop("#os", "equal", "ios")])),
    "a median": (QUOTA, quota("consume_item", "MEDIAN", "item_count")),
    "a percentile": (QUOTA, quota("consume_item", "PERCENTILE", "item_count", analysisParams="90")),
    "a measure without a value gives no tag": (QUOTA, quota("pay", "MIN", "#vp@test_num")),
}


@pytest.mark.parametrize(("kind", "definition"), TAGS.values(), ids=TAGS)
def test_a_tag_has_the_values_that_the_plain_evaluator_finds(
    database: Database, plain: PlainEvaluator, kind: str, definition: dict[str, Any]
) -> None:
    expected = plain.tag(kind, definition)

    assert tag_values(database, kind, definition, now=SAMPLE_NOW) == expected
    assert len(set(expected.values())) > 1


ERRORS: dict[str, tuple[str, dict[str, Any]]] = {
    "events": ("", {}),
    "events[0].eventName": ("不能为空", events({"comparator": "greater", "num": "1", "taPropQuota": {}})),
    "events[0].taPropQuota": ("不能为空", events({"eventName": "pay", "comparator": "less", "num": "1"})),
    "events[0].taPropQuota.analysis": ("TRIG_USER_NUM", events(event("pay", analysis="TRIG_USER_NUM"))),
    "events[0].taPropQuota.quota": ("price", events(event("pay", analysis="SUM", quota="price"))),
    "events[0].taPropQuota.analysisParams": (
        "1 到 100",
        events(event("pay", analysis="PERCENTILE", quota="amount", analysisParams=0)),
    ),
    "events[0].comparator": ("可能应为 'range'", events(event("pay", "between", "1,2"))),
    "events[0].num": ("一个数值", events(event("pay", "less", ["1", "2"]))),
    "events[0].recentDay": ("两个天数", events(event("pay", recentDay="last week"))),
    "events[1].startTime": ("必须是时间", events(event("pay"), event("pay", startTime="yesterday"))),
    "events[0].endTime": ("不是有效的时间", events(event("pay", endTime="2020-02-30"))),
    "events[0].filts[0].columnName": ("item", events(event("pay", filts=[prop("item", "isNull")]))),
    "event_relation": ("and 或 or", events(event("pay")) | {"event_relation": "xor"}),
    "filts[0].tableType": ("事件自己的 filts", users(prop("level", "greater", "1"))),
    "filts[0].columnName": ("没有字段", users(user("age", "greater", "1"))),
    "filts[0].comparator": ("可能应为 'notNull'", users(user("country", "isNotNull"))),
    "filts[1].comparator": ("不适用于", users(user("vip", "isTrue"), user("vip", "greater", "1"))),
    "filts[0].ftv": ("需要 2 个值", users(user("user_level", "range", "1"))),
    "filts[0].ftv[0]": ("不是正则表达式", users(user("nickname", "regexMatch", "["))),
    "filts[0].ftv[1]": ("必须是数值", users(user("user_level", "equal", "1", "two"))),
    "filts": ("必须是列表", {"filts": "none"}),
}


@pytest.mark.parametrize("key", ERRORS)
def test_an_error_in_a_cluster_names_the_key(database: Database, key: str) -> None:
    reason, definition = ERRORS[key]

    with pytest.raises(EvaluationError) as caught:
        cluster_members(database, definition, now=SAMPLE_NOW)

    assert caught.value.key == key
    assert reason in caught.value.reason


WRONG_TYPES: list[tuple[str, str, dict[str, Any]]] = [
    ("filts", "必须是列表，不能是对象", {"filts": {}}),
    ("filts[0]", "必须是对象，不能是字符串", {"filts": ["vip"]}),
    ("filts[0].columnName", "必须是字符串，不能是整数", users(user("vip", "isTrue") | {"columnName": 1})),
    ("filts[0].columnName", "代理字符", users(user("\ud800", "isTrue"))),
    ("filts[0].tableType", "event 或 user", users(user("vip", "isTrue") | {"tableType": "order"})),
    ("filts[0].filterType", "只能计算 SIMPLE", users(user("vip", "isTrue") | {"filterType": "COMPOUND"})),
    ("filts[0].comparator", "不是已知的操作符", users(user("vip", "is"))),
    ("filts[0].ftv", "至少 1 个值", users(user("country", "equal") | {"ftv": []})),
    ("filts[0].ftv[0]", "必须是字符串，不能是空值", users(user("country", "equal") | {"ftv": [None]})),
    ("filts[0].ftv[0]", "必须是数值，不能是布尔值", users(user("user_level", "less") | {"ftv": [True]})),
    ("filts[0].ftv[0]", "整数天数", users(user("register_time", "relativeCurrentBefore", "0.5"))),
    ("event_relation", "必须是字符串，不能是列表", events(event("pay")) | {"event_relation": []}),
    ("events[0].recentDay", "不包含任何一天", events(event("pay", recentDay="0-0"))),
    ("events[0].recentDay", "早于公元 1 年", events(event("pay", recentDay="1-999999"))),
    (
        "events[0].taPropQuota.quota",
        "不适用于字符串类型",
        events(event("consume_item", analysis="SUM", quota="item_id")),
    ),
    (
        "events[0].taPropQuota.quota",
        "不适用于列表类型",
        events(event("fight_success", analysis="DISTINCT", quota="rewards")),
    ),
]


@pytest.mark.parametrize(("key", "reason", "definition"), WRONG_TYPES)
def test_an_error_of_a_wrong_type_names_the_key(
    database: Database, key: str, reason: str, definition: dict[str, Any]
) -> None:
    with pytest.raises(EvaluationError) as caught:
        cluster_members(database, definition, now=SAMPLE_NOW)

    assert caught.value.key == key
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    "comparator", ["equal", "notEqual", "less", "greater", "range", "include", "regexMatch", "isTrue"]
)
@pytest.mark.parametrize("absent", [{}, {"ftv": None}], ids=["absent", "null"])
def test_a_filter_without_ftv_is_true_only_where_its_comparator_takes_no_value(
    database: Database, comparator: str, absent: dict[str, Any]
) -> None:
    column = {"include": "country", "regexMatch": "country", "isTrue": "vip"}.get(comparator, "user_level")
    definition = users({"tableType": "user", "columnName": column, "comparator": comparator} | absent)
    with_or = users(*definition["filts"], user("#os", "equal", "ios"), relation="or")

    found = cluster_members(database, definition, now=SAMPLE_NOW)

    assert bool(found) is (comparator == "isTrue")
    assert found <= cluster_members(database, with_or, now=SAMPLE_NOW)


@pytest.mark.parametrize("num", [None, ""])
def test_an_event_without_num_is_true_for_nobody(database: Database, num: object) -> None:
    never = event("pay", "less", num)

    assert cluster_members(database, events(never), now=SAMPLE_NOW) == frozenset()
    assert cluster_members(database, events(never, event("pay"), relation="or"), now=SAMPLE_NOW) == (
        cluster_members(database, events(event("pay")), now=SAMPLE_NOW)
    )


def test_numbers_and_booleans_are_compared_as_text(database: Database) -> None:
    as_numbers = users(user("user_level", "equal") | {"ftv": [7, 15.0]})
    as_texts = users(user("user_level", "equal", "7", "15"))
    tag = choices((5, events(event("pay"))))

    assert cluster_members(database, as_numbers, now=SAMPLE_NOW) == cluster_members(
        database, as_texts, now=SAMPLE_NOW
    )
    assert set(tag_values(database, DEFAULT, tag, now=SAMPLE_NOW).values()) == {"5"}


@pytest.mark.parametrize(
    "comparator", ["arrayItemPos", "relativeEventBefore", "relativeEventAfter", "relativeEventAbsolute"]
)
def test_a_comparator_without_a_documented_meaning_is_refused_and_not_guessed(
    database: Database, comparator: str
) -> None:
    with pytest.raises(EvaluationError, match="没有公开的说明"):
        cluster_members(database, users(user("register_time", comparator, "1")), now=SAMPLE_NOW)


ERRORS_TAGS: dict[str, tuple[str, dict[str, Any]]] = {
    "subConditionTabType": ("tag_condition_by_magic", {}),
    "userTagValueDefs": (DEFAULT, {}),
    "userTagValueDefs[1].userClusterDef.filts[0].columnName": (
        DEFAULT,
        choices(("a", events(event("pay"))), ("b", users(user("age", "isNull")))),
    ),
    "userTagValueDefs[0].tagValue": (DEFAULT, {"userTagValueDefs": [{"userClusterDef": {}}]}),
    "userTagConFirstLastEventDef.userTagConFirstLastEvent.isFirstEvent": (
        FIRST_LAST,
        first_last("pay", "amount", first=None),
    ),
    "userTagConFirstLastEventDef.userTagConFirstLastEvent.calcPropVo.isCalc": (
        FIRST_LAST,
        {"userTagConFirstLastEventDef": {"userTagConFirstLastEvent": {"calcPropVo": {"isCalc": True}}}},
    ),
    "userTagConFirstLastEventDef.userTagConFirstLastEvent.calcPropVo.property.columnName": (
        FIRST_LAST,
        first_last("fight_success", "rewards", first=True),
    ),
    "userTagConQuotaDef.userTagConQuotaEvent.type": (QUOTA, quota("pay", "SUM", "amount", type="formula")),
}


@pytest.mark.parametrize("key", ERRORS_TAGS)
def test_an_error_in_a_tag_names_the_key(database: Database, key: str) -> None:
    kind, definition = ERRORS_TAGS[key]

    with pytest.raises(EvaluationError) as caught:
        tag_values(database, kind, definition, now=SAMPLE_NOW)

    assert caught.value.key == key

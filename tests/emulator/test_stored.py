"""Filters on other clusters and tags read who was in them when the computation began."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.emulator import JobPlan, Settings
from ta_cluster_async.emulator.query.data import Database
from ta_cluster_async.emulator.query.stored import named_in

Start = Callable[..., Any]
VIP = {"filts": [{"tableType": "user", "columnName": "vip", "comparator": "isTrue"}]}
IOS = {"tableType": "user", "columnName": "#os", "comparator": "equal", "ftv": ["ios"]}
TEXT = {
    "userTagValueDefs": [
        {"tagValue": "gold", "userClusterDef": VIP},
        {"tagValue": "ios", "userClusterDef": {"filts": [IOS]}},
    ]
}
PAYS = {
    "userTagConQuotaDef": {
        "userTagConQuotaEvent": {
            "type": "normal",
            "analysis": "TIMES",
            "eventName": "pay",
            "recentDay": "1-60",
        }
    }
}


def of(name: str, comparator: str, *values: object, table: str = "cluster", **more: object) -> dict[str, Any]:
    return {"tableType": table, "columnName": name, "comparator": comparator, "ftv": list(values), **more}


def first_pay(column: str) -> dict[str, Any]:
    event = {
        "calcPropVo": {"isCalc": False, "property": {"columnName": column, "tableType": "event"}},
        "eventName": "pay",
        "isFirstEvent": True,
        "recentDay": "0-60",
    }
    return {"userTagConFirstLastEventDef": {"userTagConFirstLastEvent": event}}


def add(server: Any, name: str, *filters: dict[str, Any], **group: Any) -> int:
    """A cluster of these filters that is computed."""
    answer = server.add(name, definition={"filts": list(filters), **group})
    assert answer["return_code"] == 0, answer
    server.clock.advance(10)
    return int(answer["data"])


def add_tag(server: Any, name: str, kind: str, definition: dict[str, Any]) -> Any:
    answer = server.add(
        name, definition=None, clusterCatalog="catalog_tag", subConditionTabType=kind, tagQp=definition
    )
    assert answer["return_code"] == 0, answer
    server.clock.advance(10)
    return server.em.members(name)


@pytest.fixture
def server(start: Start) -> Any:
    server = start(evaluate=True)
    server.add("vip", definition=VIP)
    server.clock.advance(10)
    return server


def users(server: Any) -> set[str]:
    server.add(
        "everyone",
        definition={"filts": [{"tableType": "user", "columnName": "#account_id", "comparator": "notNull"}]},
    )
    server.clock.advance(10)
    return set(server.em.members("everyone"))


@pytest.mark.parametrize("table", ["cluster", "user_cluster"])
def test_in_and_not_in_a_cluster(server: Any, table: str) -> None:
    add(server, "in_it", of("vip", "belongToCluster", table=table))
    add(
        server,
        "not_in_it",
        of("vip", "notBelongToCluster", table=table, subTableType="cluster_by_static_condition"),
    )
    add(server, "both", of("vip", "belongToCluster", table=table), IOS)
    vip = server.em.members("vip")
    assert server.em.members("in_it") == vip
    assert 0 < len(vip) < len(users(server))
    assert server.em.members("not_in_it") == users(server) - vip
    assert set() < server.em.members("both") < vip


def test_an_event_is_filtered_by_who_did_it(server: Any) -> None:
    pay = {"eventName": "pay", "comparator": "greater", "num": "0", "taPropQuota": {"analysis": "TIMES"}}
    for name, more in (("paid", {}), ("vip_paid", {"filts": [of("vip", "belongToCluster")]})):
        assert server.add(name, definition={"events": [pay | more]})["return_code"] == 0
    server.clock.advance(10)
    assert server.em.members("vip_paid") == server.em.members("paid") & server.em.members("vip")


def test_a_tag_is_filtered_by_its_value(server: Any) -> None:
    values = add_tag(server, "kind", "tag_condition_default", TEXT)
    add(server, "gold", of("kind", "equal", "gold"))
    add(server, "other", of("kind", "notEqual", "gold"))
    add(server, "none", of("kind", "isNull"))
    add(server, "some", of("kind", "notNull"))
    add(server, "left_open", {key: value for key, value in of("kind", "equal").items() if key != "ftv"})
    assert server.em.members("gold") == {account for account, value in values.items() if value == "gold"}
    assert server.em.members("other") == {account for account, value in values.items() if value == "ios"}
    assert server.em.members("some") == set(values)
    assert server.em.members("none") == users(server) - set(values)
    assert server.em.members("left_open") == set()


@pytest.mark.parametrize(
    ("kind", "definition"),
    [
        ("tag_condition_by_quotation", PAYS),
        ("tag_condition_by_firstlast_event", first_pay("amount")),
    ],
)
def test_the_value_of_a_tag_is_a_number_where_its_measure_or_property_is(
    server: Any, kind: str, definition: dict[str, Any]
) -> None:
    values = add_tag(server, "number", kind, definition)
    add(server, "many", of("number", "greater", "9"))
    many = {account for account, value in values.items() if float(value) > 9}
    assert server.em.members("many") == many
    assert many


def test_the_value_of_a_tag_is_a_time_where_its_property_is(server: Any) -> None:
    values = add_tag(server, "first", "tag_condition_by_firstlast_event", first_pay("#event_time"))
    add(server, "early", of("first", "less", "2019-12-20 00:00:00"))
    early = {account for account, value in values.items() if value < "2019-12-20"}
    assert server.em.members("early") == early
    assert early


def test_who_was_uploaded_may_be_named(server: Any) -> None:
    some = sorted(users(server))[:3]
    server.upload("import-id-cluster-add", "\n".join(some).encode(), clusterName="ids")
    add(server, "in_ids", of("ids", "belongToCluster"))
    assert server.em.members("in_ids") == set(some)


def test_what_was_never_computed_is_empty(start: Start) -> None:
    server = start(evaluate=True, compute_on_create=False)
    server.add("vip", definition=VIP)
    server.add("not_vip", definition={"filts": [of("vip", "notBelongToCluster")]})
    server.add("is_vip", definition={"filts": [of("vip", "belongToCluster")]})
    for cluster_id in (971, 972):
        server.refresh(cluster_id)
    server.clock.advance(10)
    assert server.em.members("is_vip") == set()
    assert server.em.members("not_vip") == users_of(server)


def users_of(server: Any) -> set[str]:
    server.em.settings = Settings()
    return users(server)


def test_the_members_are_those_of_when_the_computation_began(server: Any) -> None:
    add(server, "copy", of("vip", "belongToCluster"))
    vip = server.em.members("vip")
    server.post(
        "user-cluster-update-by-name",
        {"displayName": "vip", "qp": {"filts": [IOS]}},
        clusterName="vip",
    )
    server.em.plan("copy", JobPlan(seconds=100.0))
    server.refresh(971)  # both begin now
    server.clock.advance(200)
    assert server.em.members("vip") != vip
    assert server.em.members("copy") == vip
    server.refresh(971)
    server.clock.advance(10)
    assert server.em.members("copy") == server.em.members("vip")


def test_a_line_that_nobody_has_looked_at_is_computed_from_its_beginning(start: Start) -> None:
    server = start(evaluate=True, job_seconds=1.0)
    server.add("c_0", definition=VIP)
    for number in range(1, 300):
        server.clock.advance(1)
        server.em._state.seed(  # so many requests take long
            1,
            f"line{number}",
            "catalog_cluster",
            {"filts": [of(f"line{number - 1}_1" if number > 1 else "c_0", "belongToCluster")]},
        )
    assert server.em.members("line299_1") == server.em.members("c_0")


def test_two_may_name_each_other_and_one_itself(server: Any) -> None:
    add(server, "other", of("vip", "belongToCluster"))
    server.post(
        "user-cluster-update-by-name",
        {
            "displayName": "vip",
            "qp": {"filts": [of("other", "belongToCluster"), of("vip", "belongToCluster"), IOS]},
        },
        clusterName="vip",
    )
    before = server.em.members("other")
    server.clock.advance(10)
    assert set() < server.em.members("vip") < before


def test_what_does_not_exist_is_refused_where_it_is_named(server: Any) -> None:
    code = server.em.settings.codes.not_evaluable
    answer = server.add("b", definition={"filts": [IOS, of("gone", "belongToCluster")]})
    assert answer == {
        "return_code": code,
        "return_message": "qp.filts[1].columnName：分群或标签 'gone' 不存在",
    }
    b = add(server, "b", of("vip", "belongToCluster"))
    server.refresh(b)
    server.post("delete-user-cluster-by-name", clusterName="vip")
    assert server.refresh(b) == {"return_code": code, "return_message": "b：分群或标签 'vip' 不存在"}
    server.clock.advance(10)
    assert server.em.members("b") == set()  # it went while that ran


@pytest.mark.parametrize(
    ("filt", "path", "reason"),
    [
        (of("vip", "equal", "1"), "comparator", "belongToCluster 或 notBelongToCluster"),
        (of("kind", "belongToCluster"), "comparator", "不是已知的操作符"),
        (of("kind", "greater", "1"), "comparator", "不适用于字符串"),
        (of("vip", "belongToCluster", clusterDatePolicy="SPECIFIED"), "clusterDatePolicy", "最新"),
    ],
)
def test_what_has_no_meaning_is_refused(server: Any, filt: dict[str, Any], path: str, reason: str) -> None:
    add_tag(server, "kind", "tag_condition_default", TEXT)
    answer = server.add("b", definition={"filts": [filt]})
    assert answer["return_code"] == server.em.settings.codes.not_evaluable
    assert answer["return_message"].startswith(f"qp.filts[0].{path}：")
    assert reason in answer["return_message"]


def test_the_comparators_are_a_setting(start: Start) -> None:
    server = start(evaluate=True, cluster_comparators=("isTrue", "isFalse"))
    server.add("vip", definition=VIP)
    server.clock.advance(10)
    add(server, "copy", of("vip", "isTrue"))
    assert server.em.members("copy") == server.em.members("vip")
    assert server.add("b", definition={"filts": [of("vip", "belongToCluster")]})["return_code"] < 0


def test_a_tag_whose_definition_was_never_checked_has_texts(start: Start) -> None:
    server = start()
    for number, kind in enumerate(("tag_condition_by_quotation", "tag_condition_by_firstlast_event")):
        answer = server.add(
            f"odd_{number}",
            definition=None,
            clusterCatalog="catalog_tag",
            subConditionTabType=kind,
            tagQp={"x": 1},
        )
        assert answer["return_code"] == 0
    server.clock.advance(10)
    server.em.settings = Settings()
    for number in range(2):
        add(server, f"none_{number}", of(f"odd_{number}", "equal", "1"))
        assert server.em.members(f"none_{number}") == set()


def test_one_limit_counts_for_all_that_is_needed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start(evaluate=True, evaluation_seconds=0.1)
    server.add("vip", definition=VIP)
    add(server, "copy", of("vip", "belongToCluster"))
    run, began = Database.run, []

    def slow(database: Database, sql: str, parameters: Any) -> Any:
        began.append(sql)
        del parameters
        return run(database, "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", [])

    monkeypatch.setattr(Database, "run", slow)
    details = [server.get("user-cluster-detail", clusterId=971) for _ in range(2)]
    another = server.add("another", definition={"filts": [of("copy", "belongToCluster")]})
    code = server.em.settings.codes.too_complex
    assert details == [{"return_code": code, "return_message": "计算超过了时限"}] * 2
    assert another == {"return_code": code, "return_message": "qp：计算超过了时限"}
    assert len(began) == 1  # that of `vip`, which nobody has looked at


def test_names_are_found_at_any_depth_and_once() -> None:
    names = named_in(
        {
            "filts": [of("a", "x"), {"tableType": "user", "columnName": "no"}, of("a", "y")],
            "deep": [
                [{"filts": [of("b", "x", table="user_cluster"), of("", "x")]}],
                {"tableType": ["cluster"]},
            ],
        }
    )
    assert list(names) == ["a", "b"]


def test_two_filters_on_one_cluster_send_its_members_once(server: Any) -> None:
    add(server, "no_one", of("vip", "belongToCluster"), of("vip", "notBelongToCluster"))
    assert server.em.members("no_one") == set()


def test_a_count_that_was_drawn_stays_when_another_cluster_reads_the_members(start: Start) -> None:
    server = start(evaluate=False)
    server.add("vip", definition=VIP)
    server.clock.advance(10)
    drawn = server.em.cluster("vip").users_num
    server.em.settings = evolve(server.em.settings, evaluate=True)
    add(server, "in_it", of("vip", "belongToCluster"))
    assert len(server.em.members("in_it")) not in {0, drawn}
    assert server.em.cluster("vip").users_num == drawn

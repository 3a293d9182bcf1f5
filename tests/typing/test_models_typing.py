"""What a type checker knows of the models. The assertions hold when mypy and pyright read them; running them tries the code."""

from __future__ import annotations

from datetime import datetime
from typing import assert_type

from attrs import evolve

from ta_cluster_async.models import (
    Analysis,
    Catalog,
    ClusterDetail,
    ClusterRow,
    ClusterType,
    Comparator,
    ConditionCluster,
    ConditionTag,
    EventCondition,
    FirstLastEvent,
    FirstLastTag,
    JsonValue,
    Page,
    PropertyFilter,
    QuotaEvent,
    QuotaTag,
    RefreshTicket,
    TagValue,
    UploadResult,
    UserClusterDef,
    UserTagDef,
    all_of,
    create_body,
    event,
    event_property,
    structure,
    unstructure,
    update_body,
    user,
)

DETAIL: dict[str, JsonValue] = {
    "id": 970,
    "clusterName": "a",
    "clusterType": "cluster_by_static_condition",
    "displayName": "A",
    "progress": 100,
    "projectId": 102,
    "usersNum": 3,
}


def test_the_end_of_a_chain_is_a_condition() -> None:
    assert_type(event("consume_item").times().greater(4).recent_days(1, 7), EventCondition)
    assert_type(
        event("pay").sum("amount").less(4.5).where(event_property("#os").equal("ios")), EventCondition
    )
    assert_type(user("user_level").equal("3"), PropertyFilter)
    assert_type(user("user_level").equal(3, 4), PropertyFilter)
    assert_type(all_of(user("vip").is_true(), event("login").times().greater(0)), UserClusterDef)


def test_constructors_take_lists_and_words() -> None:
    definition = UserClusterDef(
        events=[EventCondition("login", "greater", "4", recent_day="1-7")],
        filters=[PropertyFilter("user_level", Comparator.EQUAL, ["3"])],
        event_relation="or",
    )
    assert_type(definition.events, tuple[EventCondition, ...] | None)
    assert_type(definition.filters, tuple[PropertyFilter, ...] | None)
    assert_type(evolve(definition, relation="or"), UserClusterDef)
    for condition in definition.events or ():
        assert_type(condition.comparator, Comparator | str | None)
        assert_type(condition.start_time, datetime | str | None)


def test_what_is_read_has_the_class_that_was_asked_for() -> None:
    detail = structure(ClusterDetail, DETAIL)
    assert_type(detail, ClusterDetail)
    assert_type(detail.id, int)
    assert_type(detail.cluster_type, ClusterType | str | None)
    assert_type(detail.refresh_time, datetime | None)
    assert_type(detail.user_cluster_def, UserClusterDef | None)
    assert_type(detail.user_tag_def, UserTagDef | None)
    assert_type(detail.catalog, Catalog | None)
    assert_type(unstructure(detail), dict[str, JsonValue])
    assert_type(update_body(detail), dict[str, JsonValue])


def test_a_page_has_rows() -> None:
    page = structure(
        Page,
        {
            "pagerResult": {"pageNum": 1, "pageSize": 10, "totalNum": 1},
            "userClusters": [{"id": 1, "clusterName": "a"}],
        },
    )
    assert_type(page.rows, list[ClusterRow])
    assert_type(page.total_num, int)
    assert_type(page.rows[0].users_num, int | None)


def test_what_can_be_created_has_a_body() -> None:
    definition = all_of(user("vip").is_true())
    values = [TagValue("x", definition)]
    assert_type(
        create_body(ConditionCluster(name="a", display_name="A", definition=definition)), dict[str, JsonValue]
    )
    assert_type(create_body(ConditionTag(name="a", display_name="A", values=values)), dict[str, JsonValue])
    first = FirstLastEvent("pay", property="amount", filters=[event_property("#os").equal("ios")])
    assert_type(create_body(FirstLastTag(name="a", display_name="A", event=first)), dict[str, JsonValue])
    quota = QuotaEvent("pay", Analysis.SUM, "amount")
    assert_type(create_body(QuotaTag(name="a", display_name="A", event=quota)), dict[str, JsonValue])
    sql: dict[str, dict[str, str]] = {"taSqlVo": {"sql": "SELECT 1"}}
    assert_type(create_body(sql), dict[str, JsonValue])


def test_an_upload_may_come_without_counts() -> None:
    result = structure(UploadResult, {"clusterId": 1})
    assert_type(result.cluster_id, int)
    assert_type(result.unmatched_num, int | None)


def test_a_ticket_goes_through_text() -> None:
    text = RefreshTicket(project_id=1, cluster_id=2, submitted_at=datetime.now().astimezone()).to_json()
    assert_type(text, str)
    assert_type(RefreshTicket.from_json(text), RefreshTicket)
    assert_type(RefreshTicket.from_json(text).catalog, Catalog | None)

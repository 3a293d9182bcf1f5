"""Every operation on clusters and tags, by id and by name: what it sends, and what comes of it."""

import asyncio
import json
import pickle
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from ta_cluster_async import (
    ConditionCluster,
    ConditionTag,
    FirstLastTag,
    QuotaTag,
    TaSession,
    all_of,
    event,
    user,
)
from ta_cluster_async.emulator import Fault, Settings
from ta_cluster_async.errors import (
    ApiError,
    ConfigurationError,
    InvalidRequest,
    MissingParameter,
    NotFound,
    TransportError,
)
from ta_cluster_async.models import (
    Catalog,
    ClusterType,
    FirstLastEvent,
    QuotaEvent,
    TagValue,
)
from tests.world import refused

EVALUATED = Settings()
BY_REF = pytest.mark.parametrize("by_name", [False, True], ids=["by id", "by name"])

CONSUMERS = all_of(event("consume_item").times().greater(4).recent_days(1, 7), user("user_level").equal("3"))
CLUSTER = ConditionCluster("consumers", "recent consumers", CONSUMERS)
TAGS = [
    ConditionTag("a_tag", "by conditions", values=[TagValue("yes", CONSUMERS)]),
    FirstLastTag(
        "a_tag",
        "first level",
        event=FirstLastEvent("login", "#os", recent_day="1-7"),
    ),
    QuotaTag("a_tag", "how often", event=QuotaEvent("login", analysis="TOTAL_TIMES")),
]


def sent(record):
    """A request without what differs from run to run."""
    return record.method, record.path, dict(record.query), record.body


def ref_of(by_name, cluster):
    return "seeded_1" if by_name else cluster


def ref_query(by_name, cluster):
    return {"clusterName": "seeded_1"} if by_name else {"clusterId": str(cluster)}


# Reading


@BY_REF
def test_detail_reads_by_id_and_by_name_at_one_path(served, by_name):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        detail = await world.clusters.detail(ref_of(by_name, cluster))
        assert (detail.id, detail.cluster_name, detail.progress) == (cluster, "seeded_1", 100)
        assert detail.users_num == world.em.cluster(cluster).users_num
        [record] = world.em.requests
        query = {"projectId": "102", **ref_query(by_name, cluster)}
        assert sent(record) == ("GET", "/open/user-cluster-detail", query, b"")

    served(story)


@BY_REF
def test_progress_is_a_number(served, by_name):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        assert await world.clusters.progress(ref_of(by_name, cluster)) == 100
        [record] = world.em.requests
        path = "/open/user-cluster-refresh-progress" + "-by-name" * by_name
        assert sent(record) == ("GET", path, {"projectId": "102", **ref_query(by_name, cluster)}, b"")

    served(story)


@pytest.mark.parametrize("verb", ["detail", "progress", "delete", "refresh"])
@pytest.mark.parametrize("ref", [4711, "nobody"])
def test_what_does_not_exist_is_not_found(served, verb, ref):
    async def story(world):
        with pytest.raises(NotFound):
            await getattr(world.clusters, verb)(ref)

    served(story)


@pytest.mark.parametrize("verb", ["detail", "progress", "delete", "refresh"])
@pytest.mark.parametrize(
    ("ref", "is_id_as_text"), [("970", True), ("nobody", False), ("x970", False), (4711, False)]
)
def test_an_id_that_is_given_as_text_is_told_to_be_a_name(served, verb, ref, is_id_as_text):
    async def story(world):
        with pytest.raises(NotFound) as caught:
            await getattr(world.clusters, verb)(ref)
        assert caught.value.is_id_as_text is is_id_as_text
        assert ("write an id as an int" in str(caught.value)) is is_id_as_text
        assert pickle.loads(pickle.dumps(caught.value)).is_id_as_text is is_id_as_text

    served(story)


# Creating


def test_a_typed_cluster_is_created_with_the_body_of_the_specification(served):
    async def story(world):
        cluster = await world.clusters.create(CLUSTER)
        [effect] = world.em.effects
        assert (effect.kind, effect.cluster_id, effect.cluster_name) == ("created", cluster, "consumers")
        [record] = world.em.requests
        assert (record.method, record.path, dict(record.query)) == ("POST", "/open/user-cluster-add", {})
        assert record.content_type == "application/json"
        body = json.loads(record.body)
        assert body.pop("qp")["events"][0]["eventName"] == "consume_item"
        assert body == {
            "projectId": 102,
            "clusterCatalog": "catalog_cluster",
            "clusterType": "cluster_by_static_condition",
            "clusterName": "consumers",
            "displayName": "recent consumers",
        }

    served(story, settings=EVALUATED)


@pytest.mark.parametrize("definition", TAGS, ids=lambda tag: type(tag).__name__)
def test_typed_tags_of_all_kinds_are_created(served, definition):
    async def story(world):
        tag = await world.tags.create(definition)
        assert world.em.cluster(tag).catalog == "catalog_tag"
        assert world.em.cluster(tag).display_name == definition.display_name
        assert json.loads(world.em.requests[0].body)["subConditionTabType"] == definition.kind

    served(story, settings=EVALUATED)


@pytest.mark.parametrize(
    "given", [{}, {"projectId": 102}, {"clusterCatalog": "catalog_cluster", "projectId": "102"}]
)
def test_a_mapping_goes_out_as_it_is_with_project_and_catalog_filled_in_where_absent(served, body, given):
    async def story(world):
        mapping = body("made", unknown={"kept": [1, None]}, **given)
        before = json.dumps(mapping)
        await world.clusters.create(mapping)
        assert json.dumps(mapping) == before
        filled = {"projectId": 102, "clusterCatalog": "catalog_cluster", **mapping}
        assert json.loads(world.em.requests[0].body) == filled

    served(story)


def test_a_mapping_of_a_tag_gets_the_tags_catalog(served):
    async def story(world):
        tag = await world.tags.create(
            {"clusterName": "sql_tag", "displayName": "t", "clusterType": "tag_by_static_sql"}
        )
        assert world.em.cluster(tag).catalog == "catalog_tag"

    served(story)


# Changing


@BY_REF
def test_update_sends_the_definition_and_nothing_else_in_the_query(served, by_name):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        await world.clusters.update(ref_of(by_name, cluster), CLUSTER)
        [record] = world.em.requests
        path = "/open/user-cluster-update" + "-by-name" * by_name
        query = {"projectId": "102", "clusterName": "seeded_1"} if by_name else {"clusterId": str(cluster)}
        assert (record.method, record.path, dict(record.query)) == ("POST", path, query)
        assert set(json.loads(record.body)) == {
            "projectId",
            "clusterCatalog",
            "clusterType",
            "displayName",
            "qp",
        }
        assert world.done == ["updated"]
        assert world.em.cluster(cluster).display_name == "recent consumers"

    served(story)


@BY_REF
@pytest.mark.parametrize("definition", [CLUSTER, *TAGS], ids=lambda made: type(made).__name__)
def test_an_update_with_the_detail_that_was_read_changes_nothing(served, definition, by_name):
    async def story(world):
        resource = world.clusters if definition is CLUSTER else world.tags
        made = await resource.create(definition)
        await asyncio.sleep(10)
        before = world.em.cluster(made)
        jobs = len(world.em.jobs)
        ref = definition.name if by_name else made
        detail = await resource.detail(ref)
        await resource.update(ref, detail)
        assert world.done == ["created", "updated"]
        assert len(world.em.jobs) == jobs, "the server found the definition changed"
        after = await resource.detail(ref)
        assert after == detail
        assert world.em.cluster(made).progress == before.progress

    served(story, settings=Settings(evaluate=True))


def test_an_update_by_mapping_changes_what_it_says(served, body):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        await world.clusters.update(cluster, {"displayName": "renamed", "qp": body()["qp"]})
        assert world.em.cluster(cluster).display_name == "renamed"
        assert json.loads(world.em.requests[0].body)["projectId"] == 102

    served(story)


def test_an_update_by_mapping_may_leave_the_display_name_to_the_server(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        with pytest.raises(MissingParameter, match="displayName"):
            await world.clusters.update(cluster, {"qp": {}})
        assert json.loads(world.em.requests[0].body).keys() == {"projectId", "clusterCatalog", "qp"}

    served(story)


@BY_REF
def test_delete_sends_the_ref_and_no_body(served, by_name):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        await world.clusters.delete(ref_of(by_name, cluster))
        [record] = world.em.requests
        path = "/open/delete-user-cluster-by-name" if by_name else "/open/user-cluster-delete"
        assert sent(record) == ("POST", path, {"projectId": "102", **ref_query(by_name, cluster)}, b"")
        assert world.done == ["deleted"]

    served(story)


@pytest.mark.parametrize(
    "fault",
    [Fault.reset(before=False), Fault.html(504, before=False), Fault.truncated()],
    ids=lambda fault: fault.name,
)
def test_a_delete_whose_answer_is_lost_is_done_when_nothing_is_left_to_delete(served, fault):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(fault)
        await world.clusters.delete(cluster)
        assert world.done == ["deleted"]

    served(story)


def test_the_tags_verbs_send_to_the_same_paths(served):
    async def story(world):
        [tag] = world.em.seed_tags(1)
        await world.tags.detail(tag)
        await world.tags.progress("seeded_tag_1")
        await (await world.tags.refresh(tag))
        await world.tags.update(tag, await world.tags.detail(tag))
        await world.tags.delete("seeded_tag_1")
        assert world.done == ["refreshed", "updated", "deleted"]

    served(story)


# What is refused before anything is sent

WRONG_REFS = [True, False, 970.0, None, -970, 0, "", " ", "two words", "a-b", "分群", "x" * 25, b"970", ["a"]]
CALLS = {
    "detail": lambda clusters, ref: clusters.detail(ref),
    "progress": lambda clusters, ref: clusters.progress(ref),
    "update": lambda clusters, ref: clusters.update(ref, CLUSTER),
    "delete": lambda clusters, ref: clusters.delete(ref),
    "refresh": lambda clusters, ref: clusters.refresh(ref),
    "replace_upload": lambda clusters, ref: clusters.replace_upload(ref, ["a"]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_refs_of_a_wrong_kind_are_refused_before_anything_is_sent(served, call):
    async def story(world):
        for wrong in WRONG_REFS:
            with pytest.raises(InvalidRequest):
                await call(world.clusters, wrong)
        assert world.sent == []

    served(story)


@pytest.mark.parametrize(
    "wrong",
    [
        {"clusterName": "x" * 25},
        {"clusterName": "a-b"},
        {"clusterName": ""},
        {"clusterName": None},
        {"clusterName": 7},
        {"displayName": "x" * 51},
        {"displayName": " "},
        {"displayName": None},
        {"displayName": 5},
        {"qp": {"filts": [float("nan")]}},
        {"qp": {"filts": [object()]}},
    ],
)
def test_definitions_that_break_a_rule_are_refused_before_anything_is_sent(served, body, wrong):
    async def story(world):
        with pytest.raises(InvalidRequest):
            await world.clusters.create(body() | wrong)
        if "clusterName" not in wrong:
            with pytest.raises(InvalidRequest):
                await world.clusters.update(970, body() | wrong)
        assert world.sent == []

    served(story)


@pytest.mark.parametrize("absent", ["clusterName", "displayName"])
def test_a_body_to_create_without_a_name_is_refused_before_it_is_sent(served, body, absent):
    async def story(world):
        given = body()
        del given[absent]
        with pytest.raises(InvalidRequest):
            await world.clusters.create(given)
        assert world.sent == []

    served(story)


def test_what_is_no_definition_of_this_catalog_is_refused_before_anything_is_sent(served):
    async def story(world):
        code = "definition-of-other-kind"
        for wrong in (TAGS[0], CONSUMERS, "consumers", None, 970, [CLUSTER]):
            with refused(
                InvalidRequest, code, method="Clusters.create", takes="ConditionCluster, ClusterDetail"
            ):
                await world.clusters.create(wrong)
            with refused(
                InvalidRequest, code, method="Clusters.update", takes="ConditionCluster, ClusterDetail"
            ):
                await world.clusters.update(970, wrong)
        with refused(
            InvalidRequest,
            code,
            method="Tags.create",
            takes="ConditionTag, FirstLastTag, QuotaTag, ClusterDetail",
        ):
            await world.tags.create(CLUSTER)
        assert world.sent == []

    served(story)


def test_a_session_with_strict_names_off_takes_other_names(served, body):
    async def story(world):
        name, display_name = "a-longer-name.with-other_characters", "长" * 60
        cluster = await world.clusters.create(body(name, displayName=display_name))
        detail = await world.clusters.detail(name)
        assert (detail.id, detail.display_name) == (cluster, display_name)
        await world.clusters.upload(
            ["a"], display_name=display_name, main_column="#account_id", name=name + "2"
        )
        await world.clusters.replace_upload(name + "2", ["b"], display_name=display_name)
        await world.clusters.delete(name)
        assert world.done == ["created", "uploaded", "replaced", "deleted"]
        for still_wrong in ("", " padded "):
            with pytest.raises(InvalidRequest):
                await world.clusters.detail(still_wrong)

    settings = Settings(evaluate=False, name_length=80, name_pattern=".+", display_name_length=80)
    served(story, settings=settings, session={"strict_names": False})


@pytest.mark.parametrize("wrong", [0, -1, True, 1.0, "102", 2**0.5])
def test_a_project_id_that_is_none_is_refused(wrong):
    with pytest.raises(InvalidRequest, match="project id"):
        TaSession("http://ta2:8992", "token").project(wrong)


def test_the_refusals_of_the_server_come_out(served, body):
    async def story(world):
        await world.clusters.create(body("made"))
        with pytest.raises(ApiError, match="已存在") as caught:
            await world.clusters.create(body("made"))
        assert caught.value.return_code == -3004
        assert caught.value.endpoint == "create"
        assert world.done == ["created"]

    served(story)


# The time of a call


def on_clusters(call, world):
    """One of the calls by ref."""
    return call(world.clusters, 970)


TIMED: dict[str, Callable[[Any], Awaitable[object]]] = {
    **{name: partial(on_clusters, call) for name, call in CALLS.items()},
    "create": lambda world: world.clusters.create(CLUSTER),
    "create tag": lambda world: world.tags.create(TAGS[0]),
    "upload": lambda world: world.clusters.upload(["a"], display_name="d", main_column="c", name="n"),
    "upload without a name": lambda world: world.clusters.upload(["a"], display_name="d", main_column="c"),
    "list": lambda world: world.clusters.list().collect(),
}


def within(world, name, seconds):
    """The same call with a timeout."""
    clusters = world.clusters
    match name:
        case "update":
            return clusters.update(970, CLUSTER, timeout=seconds)
        case "replace_upload":
            return clusters.replace_upload(970, ["a"], timeout=seconds)
        case "create":
            return clusters.create(CLUSTER, timeout=seconds)
        case "create tag":
            return world.tags.create(TAGS[0], timeout=seconds)
        case "upload":
            return clusters.upload(["a"], display_name="d", main_column="c", name="n", timeout=seconds)
        case "upload without a name":
            return clusters.upload(["a"], display_name="d", main_column="c", timeout=seconds)
        case "list":
            return clusters.list().collect(timeout=seconds)
        case _:
            return getattr(clusters, name)(970, timeout=seconds)


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("seconds", [0.3, 7.0])
def test_the_timeout_bounds_the_whole_call(served, name, seconds):
    async def story(world):
        world.em.seed_clusters(1)
        world.em.faults.add(Fault.stall(), count=None)
        with pytest.raises(TransportError):
            await within(world, name, seconds)
        assert world.now <= seconds + 0.001

    served(story)


@pytest.mark.parametrize("name", TIMED)
def test_without_a_timeout_the_sessions_own_bounds_the_whole_call(served, name):
    async def story(world):
        world.em.seed_clusters(1)
        world.em.faults.add(Fault.stall(), count=None)
        with pytest.raises(TransportError):
            await TIMED[name](world)
        assert world.now <= 3.001

    served(story, session={"timeout": 3.0, "upload_timeout": 3.0})


@pytest.mark.parametrize("name", TIMED)
def test_a_timeout_that_is_none_is_refused_before_anything_is_sent(served, name):
    async def story(world):
        for wrong in (0, -1, float("nan"), float("inf"), "5", True):
            with pytest.raises(ConfigurationError, match="timeout"):
                await within(world, name, wrong)
        assert world.sent == []

    served(story)


@pytest.mark.parametrize("name", TIMED)
def test_every_call_can_be_cancelled_while_it_waits_for_an_answer(served, name):
    async def story(world):
        world.em.seed_clusters(1)
        world.em.faults.add(Fault.stall(), count=None)
        task = asyncio.ensure_future(TIMED[name](world))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(world.sent) == 1
        await asyncio.sleep(100)
        assert len(world.sent) == 1

    served(story)


def test_handles_say_what_they_are(served):
    async def story(world):
        assert repr(world.clusters) == "<Clusters of project 102>"
        assert repr(world.tags) == "<Tags of project 102>"
        assert repr(world.project) == f"<Project 102 of {world.em.url}>"
        assert (world.clusters.catalog, world.tags.catalog) == (Catalog.CLUSTER, Catalog.TAG)
        assert ClusterType.CLUSTER_BY_IMPORT.startswith("cluster_")

    served(story)

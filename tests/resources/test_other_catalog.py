"""What belongs to another project, or to the other of clusters and tags, is refused before it is sent."""

import json
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async import ConditionCluster, QuotaEvent, QuotaTag, UserClusterDef
from ta_cluster_async.emulator import Fault
from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.models import update_body

BODY: dict[str, Any] = {"clusterName": "a", "displayName": "A", "qp": {"events": []}}
TAG: dict[str, Any] = {"clusterName": "a", "displayName": "A"}
NO_CLUSTER = [
    {**TAG, "clusterType": "tag_by_static_condition"},
    {**TAG, "clusterCatalog": "catalog_tag"},
    {**TAG, "tagQp": {"userTagConQuotaDef": {}}},
    {**TAG, "clusterType": "tag_by_newer_way", "clusterCatalog": "catalog_cluster"},
    ConditionCluster("a", "A", UserClusterDef(), "tag_by_static_sql"),
]
NO_TAG = [
    {**BODY, "clusterType": "cluster_by_static_condition"},
    {**BODY, "clusterCatalog": "catalog_cluster"},
    BODY,
    QuotaTag("a", "A", QuotaEvent("pay", "SUM"), "cluster_by_result"),
]


def refused_unsent(served: Any, call: Any, code: str) -> None:
    async def story(world: Any) -> None:
        with pytest.raises(InvalidRequest) as caught:
            await call(world)
        assert caught.value.code == code
        assert world.em.requests == []

    served(story)


@pytest.mark.parametrize("definition", NO_CLUSTER, ids=range(5))
def test_a_tag_is_not_created_or_updated_as_a_cluster(served: Any, definition: Any) -> None:
    refused_unsent(served, lambda world: world.clusters.create(definition), "is-a-tag")
    refused_unsent(served, lambda world: world.clusters.update(970, definition), "is-a-tag")


@pytest.mark.parametrize("definition", NO_TAG, ids=range(4))
def test_a_cluster_is_not_created_or_updated_as_a_tag(served: Any, definition: Any) -> None:
    refused_unsent(served, lambda world: world.tags.create(definition), "is-a-cluster")
    refused_unsent(served, lambda world: world.tags.update("a", definition), "is-a-cluster")


@pytest.mark.parametrize("other", [2, "2", None, "102 ", 102.5])
def test_a_definition_of_another_project_is_not_sent_to_this_one(served: Any, other: Any) -> None:
    definition = {**BODY, "projectId": other}
    code = "definition-of-other-project"
    refused_unsent(served, lambda world: world.clusters.create(definition), code)
    refused_unsent(served, lambda world: world.clusters.update(970, definition), code)


@pytest.mark.parametrize(("data", "id_"), [("4711", 4711), (4711, 4711)])
def test_the_id_of_what_was_created_may_be_text(served: Any, data: Any, id_: int) -> None:
    async def story(world: Any) -> None:
        world.em.faults.add(Fault.data(data), path="/open/user-cluster-add")
        assert await world.clusters.create(BODY) == id_

    served(story)


@pytest.mark.parametrize("data", ["", "９７０", "-1", "9.0", None, True])
def test_what_cannot_be_the_id_of_what_was_created_is_looked_up(served: Any, data: Any) -> None:
    async def story(world: Any) -> None:
        world.em.faults.add(Fault.data(data), path="/open/user-cluster-add")
        assert await world.clusters.create(BODY) == world.em.cluster("a").id

    served(story)


@pytest.mark.parametrize("own", [102, "102"])
def test_a_definition_may_say_its_own_project(served: Any, own: Any) -> None:
    async def story(world: Any) -> None:
        created = await world.clusters.create({**BODY, "projectId": own})
        assert (await world.clusters.detail(created)).cluster_name == "a"

    served(story)


@pytest.mark.parametrize("by_name", [False, True])
def test_a_cluster_is_not_refreshed_as_a_tag(served: Any, by_name: Any) -> None:
    async def story(world: Any) -> None:
        [cluster] = world.em.seed_clusters(1)
        with pytest.raises(InvalidRequest, match="is a cluster and not a tag"):
            await world.tags.refresh("seeded_1" if by_name else cluster)
        assert [record.method for record in world.em.requests] == ["GET"]

    served(story)


def test_a_detail_of_a_cluster_is_no_update_of_a_tag(served: Any) -> None:
    async def story(world: Any) -> None:
        [cluster] = world.em.seed_clusters(1)
        detail = await world.clusters.detail(cluster)
        with pytest.raises(InvalidRequest, match="is a cluster and not a tag"):
            await world.tags.update(cluster, detail)
        with pytest.raises(InvalidRequest, match="is a cluster and not a tag"):
            await world.tags.update(cluster, update_body(detail))

    served(story)


def test_the_detail_of_a_cluster_under_a_new_name_makes_a_copy_of_all_of_it(served: Any) -> None:
    async def story(world: Any) -> None:
        await world.clusters.create(
            {**BODY, "clusterType": "cluster_by_static_condition", "zone": {"of": [8]}}
        )
        detail = await world.clusters.detail("a")
        detail.extra["remarks"] = "r"
        before = len(world.em.requests)
        copy = await world.clusters.create(evolve(detail, cluster_name="b", display_name="B"))
        assert copy != detail.id
        sent = json.loads(world.em.requests[before].body)
        names = {"projectId": 102, "clusterName": "b", "displayName": "B"}
        assert sent == {**update_body(detail), **names}

    served(story)

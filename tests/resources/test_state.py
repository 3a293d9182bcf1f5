"""Reading the state of a cluster: what cannot be an id, a progress or a detail is no state."""

import pytest

from ta_cluster_async import (
    TaSession,
)
from ta_cluster_async.emulator import Fault
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    NotFound,
    SchemaError,
)
from tests.resources.instant import DETAIL_DATA, InstantServer
from tests.world import refused

DETAIL = "user-cluster-detail"


@pytest.mark.parametrize(
    "data", [{}, {"progress": "80"}, {"progress": True}, {"progress": 101}, {"progress": -2}, 80, None, ""]
)
def test_a_progress_that_is_none_names_its_place(served, data):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        world.em.faults.add(Fault.data(data))
        with pytest.raises(SchemaError) as caught:
            await world.clusters.progress(cluster)
        assert caught.value.path == "data.progress"

    served(story)


@pytest.mark.parametrize("wrong", [0, -970])
def test_an_id_that_is_none_ends_no_refresh(wrong):
    async def main():
        server = InstantServer(detail={**DETAIL_DATA, "id": wrong})
        async with TaSession("http://127.0.0.1", "t", transport=server) as ta:
            with refused(SchemaError, "detail-without-id"):
                await ta.project(102).clusters.refresh(970)
        return [name for name, _ in server.sent]

    assert run(main()) == ["detail"]


def test_a_detail_without_data_means_that_there_is_no_such_cluster(served):
    async def story(world):
        world.em.faults.add(
            Fault.body(b'{"return_code": 0, "return_message": "success", "data": null}'), path=DETAIL
        )
        with pytest.raises(NotFound) as caught:
            await world.clusters.refresh(970)
        assert not caught.value.is_id_as_text

    served(story)

"""Rows of a list and details, as states of clusters."""

from datetime import datetime
from typing import Any

import pytest

from ta_cluster_async.batch import (
    Status,
)
from ta_cluster_async.batch.listing import read_row, state_of
from ta_cluster_async.errors import (
    SchemaError,
)
from ta_cluster_async.models import ClusterDetail, json_type
from ta_cluster_async.models.converter import structure

ROW: Any = {"id": 970, "clusterName": "one", "progress": 100, "refreshTime": "2020-01-10 10:51:14"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", None),
        ("id", "970"),
        ("id", True),
        ("clusterName", None),
        ("clusterName", 970),
        ("progress", None),
        ("progress", -2),
        ("progress", 101),
        ("progress", 1.0),
        ("refreshTime", "soon"),
        ("refreshTime", 1578624674),
    ],
)
def test_a_row_that_cannot_be_read_names_its_field(key: str, value: Any) -> None:
    assert read_row(ROW).cluster_id == 970
    with pytest.raises(SchemaError) as caught:
        read_row(ROW | {key: value})
    assert caught.value.path == f"data.userClusters[].{key}"
    assert caught.value.message.startswith(f"data.userClusters[].{key} must be a")
    assert caught.value.message.endswith(f", not {json_type(value)}.")
    assert "soon" not in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("id", 0), ("id", -970), ("progress", 101), ("progress", -2)])
def test_a_detail_that_cannot_be_names_its_field(key: str, value: int) -> None:
    detail: Any = ROW | {
        "clusterType": "cluster_by_static_condition",
        "displayName": "x",
        "projectId": 1,
        "usersNum": 7,
    }
    refreshed = datetime(2020, 1, 10, 10, 51, 14)  # noqa: DTZ001 - server times have no zone
    assert state_of(structure(ClusterDetail, detail)) == (970, "one", 100, refreshed, 7)
    with pytest.raises(SchemaError) as caught:
        state_of(structure(ClusterDetail, detail | {key: value}))
    assert caught.value.path == f"data.{key}"


@pytest.mark.parametrize("marks", ["start", "end"])
@pytest.mark.parametrize("seconds", [0.1, 30.0])
def test_a_list_without_refresh_times_is_enough(kit: Any, marks: str, seconds: float) -> None:
    server = kit.Deployment(marks=marks)
    server.add(30, dated=False, seconds=seconds)
    told = kit.tell(server, range(1, 31), max_running=30)
    assert told.report.counts == {Status.SUCCEEDED: 30}


def test_a_time_that_only_the_list_left_out_is_no_proof(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, dated=False, ignores=True)
    told = kit.tell(server, range(1, 11), max_running=10)
    assert told.report.counts == {Status.UNCONFIRMED: 10}


@pytest.mark.parametrize("progress", [0, 30])
def test_the_end_of_what_ran_before_is_no_baseline_without_its_time(kit: Any, progress: int) -> None:
    server = kit.Deployment()
    server.add(10, dated=False, ignores=True, seconds=30.0, shows=lambda _: progress)

    def refs() -> Any:
        for cluster in server.clusters.values():
            server.begin(cluster)
        return range(1, 11)

    told = kit.tell(server, refs, on_running="rerun", max_running=10)
    assert told.report.counts == {Status.UNCONFIRMED: 10}


def test_one_that_has_just_begun_is_attached_to_although_the_list_has_no_times(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, dated=False, seconds=1_000.0)
    told = kit.tell(
        server, lambda: [server.begin(server.cluster(i)) or i for i in range(1, 11)], max_running=10
    )
    assert told.report.counts == {Status.SUCCEEDED: 10}
    assert set(server.posts.values()) == {1}, "nobody has posted but the other one"

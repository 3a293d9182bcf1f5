"""From references to targets: every kind of reference, every shape of the list, and sources that dawdle, break or never end."""

import asyncio
from enum import Enum
from typing import Any

import numpy as np
import pytest

from ta_cluster_async.batch import (
    Planned,
    RefreshBatch,
    Status,
    planner,
)
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    InvalidRequest,
    NotFound,
    TokenRejected,
)
from ta_cluster_async.models import ClusterRow
from ta_cluster_async.session import TaSession


def test_no_references_make_an_empty_report_without_a_request(kit: Any) -> None:
    server = kit.Deployment()
    told = kit.tell(server, [])
    assert (told.report.total, told.report.ok, told.seconds, len(server.asks)) == (0, True, 0, 0)
    assert [event.complete for event in told.of(Planned)] == [True]


@pytest.mark.parametrize(
    "refs",
    [
        [1],
        ("c_1", 2),
        {1, 2, 3},
        range(1, 8),
        dict.fromkeys(range(1, 4)),
        (i for i in (3, "c_1", 2)),
        [ClusterRow(id=2, cluster_name="c_2"), 1],
    ],
    ids=lambda refs: type(refs).__name__,
)
def test_references_may_come_in_any_iterable(kit: Any, refs: Any) -> None:
    server = kit.Deployment()
    server.add(7)
    told = kit.tell(server, refs)
    assert told.report.ok
    assert told.report.total == len(server.posts) > 0


def test_references_may_come_from_an_async_iterator(kit: Any) -> None:
    server = kit.Deployment()
    server.add(5)

    async def refs() -> Any:
        for ref in (1, "c_2", 3, "c_4", 5, 5):
            await asyncio.sleep(0.001)
            yield ref

    told = kit.tell(server, refs)
    assert told.statuses == dict.fromkeys((1, "c_2", 3, "c_4", 5), "succeeded")
    assert server.requests["list"] >= 1
    assert server.requests["detail"] == 0, "they were looked up together"


def test_rows_of_the_list_are_references(kit: Any) -> None:
    server = kit.Deployment(page_size=10)
    server.add(25)
    server.add(25, catalog=kit.TAG)

    async def main() -> None:
        async with TaSession("http://127.0.0.1", "secret-token", transport=server) as ta:
            project = ta.project(1)
            for list_all in (project.clusters.list, project.tags.list):
                server.asks.clear()
                batch = RefreshBatch(project, list_all())
                async with batch:
                    pass
                assert batch.report.counts == {Status.SUCCEEDED: 25}
                assert server.requests["detail"] < 10, "their pages are read, and not each by itself"

    run(main())
    assert set(server.posts.values()) == {1}


@pytest.mark.parametrize("progress", [None, 100, 50])
def test_what_a_given_row_says_of_its_state_is_not_believed(kit: Any, progress: int | None) -> None:
    server = kit.Deployment()
    server.add(2)
    told = kit.tell(server, [ClusterRow(id=1, cluster_name="c_1", progress=progress)])
    assert told.statuses == {1: "succeeded"}
    assert server.posts == {1: 1}


def test_a_row_of_a_cluster_that_is_gone_is_rejected(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3)
    del server.clusters[2]
    told = kit.tell(server, [ClusterRow(id=2, cluster_name="c_2", progress=100), 1, 3])
    assert told.statuses == {2: "rejected", 1: "succeeded", 3: "succeeded"}


def test_duplicates_and_a_name_beside_its_id_count_once(kit: Any) -> None:
    server = kit.Deployment()
    server.add(4)
    told = kit.tell(server, [1, 1, "c_1", "c_2", "c_2", 2, "c_3", 4, ClusterRow(id=4, cluster_name="c_4")])
    assert told.report.total == 4
    assert server.posts == {1: 1, 2: 1, 3: 1, 4: 1}
    assert told.of(Planned)[-1].refs == 4


def test_duplicates_far_apart_count_once_too(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "_WINDOW", 20)
    server = kit.Deployment()
    server.add(60, seconds=0.5)
    refs = [*range(1, 56), "c_1", 999, 2, "c_53", "no_such", 999, *range(1, 30), "no_such", "c_59", 59]
    refs += ["white space ", *range(1, 30), "white space ", -5, *range(1, 30), -5, "c_58", *range(30), "c_58"]
    told = kit.tell(server, refs)
    assert told.report.counts == {Status.SUCCEEDED: 57, Status.REJECTED: 5}
    assert server.posts == dict.fromkeys([*range(1, 56), 58, 59], 1)


@pytest.mark.parametrize("wrong", [None, 1.5, True, b"c_1", 0, -3, "", "two words", "x" * 25, object()])
def test_what_cannot_be_a_reference_is_rejected_and_hides_no_other(kit: Any, wrong: Any) -> None:
    server = kit.Deployment()
    server.add(3)
    told = kit.tell(server, [1, wrong, 2])
    rejected = [outcome for outcome in told.report.outcomes if not outcome.ok]
    assert [outcome.status for outcome in rejected] == [Status.REJECTED]
    assert isinstance(rejected[0].error, InvalidRequest)
    assert rejected[0].message == str(rejected[0].error)
    assert rejected[0].cluster_name == (wrong if isinstance(wrong, str) else None)
    assert told.report.counts == {Status.SUCCEEDED: 2, Status.REJECTED: 1}


class Tier(str, Enum):  # noqa: UP042  (its str() is its name, which is what goes wrong)
    GOLD = "c_2"


def test_references_of_other_classes_count_as_what_they_mean_and_keep_it_in_their_outcome(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)
    told = kit.tell(server, [np.int64(1), Tier.GOLD, 1, np.int64(-4)])
    assert told.statuses == {1: "succeeded", "c_2": "succeeded", -4: "rejected"}
    assert {type(outcome.ref) for outcome in told.report.outcomes} == {int, str}


@pytest.mark.parametrize("refs", ["c_1", b"c_1", 7, None])
def test_a_single_reference_has_to_stand_in_a_list(kit: Any, refs: Any) -> None:
    with pytest.raises(InvalidRequest, match="into a list"):
        kit.tell(kit.Deployment(), refs)


@pytest.mark.parametrize("unknown", [99, "no_such"])
def test_an_unknown_reference_is_rejected_before_anything_is_sent_for_it(kit: Any, unknown: Any) -> None:
    server = kit.Deployment()
    server.add(5)
    told = kit.tell(server, [1, 2, unknown, 3])
    assert told[unknown].status is Status.REJECTED
    assert isinstance(told[unknown].error, NotFound)
    assert told[unknown].cluster_id == (unknown if isinstance(unknown, int) else None)
    assert told[unknown].cluster_name == (unknown if isinstance(unknown, str) else None)
    assert told[unknown].code == "no-such-cluster-answered"
    assert told[unknown].params == {"ref": unknown, "answer": "cluster does not exist"}
    assert told.report.counts == {Status.SUCCEEDED: 3, Status.REJECTED: 1}


def test_a_token_that_is_rejected_between_two_chunks_ends_what_is_held_back_too(
    kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "_WINDOW", 4)
    server = kit.Deployment(page_size=4)
    server.add(30)
    server.rule = lambda _: kit.REJECTED if len(server.asks) > 2 else None
    told = kit.tell(server, range(30, 0, -1), order="longest_first", max_running=2)
    assert [told[ref].cluster_name for ref in (30, 1)] == ["c_30", None], "the first part was looked up"
    assert set(told.statuses.values()) == {"cancelled"}
    assert all(isinstance(outcome.error, TokenRejected) for outcome in told.report.outcomes)
    assert server.posts == {}


def test_clusters_and_tags_are_refreshed_together(kit: Any) -> None:
    server = kit.Deployment(page_size=10)
    server.add(20)
    server.add(30, catalog=kit.TAG)
    told = kit.tell(server, [*range(1, 26), *(f"t_{i}" for i in range(26, 51))], max_running=50)
    assert told.report.counts == {Status.SUCCEEDED: 50}
    assert server.requests["detail"] < 50


@pytest.mark.parametrize("unknown", [99, "c_99"])
@pytest.mark.parametrize("others", [0, 5], ids=["by its detail", "by the list"])
def test_what_is_not_there_is_called_so_however_that_was_found(kit: Any, unknown: Any, others: int) -> None:
    server = kit.Deployment()
    refs = server.add(others) if others else []
    told = kit.tell(server, [*refs, unknown])
    assert told[unknown].status is Status.REJECTED
    assert told[unknown].cluster_name == (unknown if isinstance(unknown, str) else None)
    assert told[unknown].code == "no-such-cluster-answered"
    assert told[unknown].params == {"ref": unknown, "answer": "cluster does not exist"}


@pytest.mark.parametrize(
    ("wrong", "name"), [(1.5, "float"), (None, "NoneType"), (True, "bool"), ([1], "list")]
)
def test_what_cannot_be_a_reference_is_told_by_its_kind(kit: Any, wrong: Any, name: str) -> None:
    told = kit.tell(kit.Deployment(), [wrong])
    assert [(outcome.ref, outcome.status) for outcome in told.report.outcomes] == [(name, Status.REJECTED)]

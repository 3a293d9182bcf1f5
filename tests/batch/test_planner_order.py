"""In which order refreshes are started."""

import asyncio
from typing import Any

import pytest

from ta_cluster_async.batch import (
    RefreshBatch,
    Submitted,
    planner,
)


def test_without_a_history_longest_first_is_the_given_order(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, seconds=3.0)
    told = kit.tell(server, [3, 1, 2, 9, 4], order="longest_first", max_running=1)
    assert [event.ref for event in told.of(Submitted)] == [3, 1, 2, 9, 4]


@pytest.mark.parametrize("order", [{}, {"order": "auto"}, {"order": "longest_first"}])
def test_the_longest_are_first_by_what_a_journal_knows(
    kit: Any, tmp_path: Any, order: dict[str, str]
) -> None:
    server = kit.Deployment()
    for seconds in (5.0, 80.0, 20.0, 40.0):
        server.add(1, seconds=seconds)
    journal = tmp_path / "runs.db"
    kit.tell(server, [1, 2, 3, 4], journal=journal)
    server.add(2, seconds=1.0)
    told = kit.tell(server, [1, 2, 5, 3, 4, 6], journal=journal, max_running=1, **order)
    assert [event.ref for event in told.of(Submitted)] == [5, 6, 2, 4, 3, 1], "the unknown may be the longest"


def test_what_longest_first_holds_back_has_its_outcome_when_the_batch_ends(kit: Any) -> None:
    server = kit.Deployment()
    server.add(5, seconds=100.0)

    async def refs() -> Any:
        for ref in range(1, 6):
            yield ref
        await asyncio.sleep(1e6)

    for options in ({"at": {50.0: RefreshBatch.cancel}}, {"timeout": 50.0}):
        told = kit.tell(server, refs, order="longest_first", **options)
        assert told.report.total == 5
        assert not server.posts
        assert told.seconds <= 50


def test_as_given_is_the_given_order_also_with_a_journal(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    for seconds in (5.0, 80.0, 20.0):
        server.add(1, seconds=seconds)
    kit.tell(server, [1, 2, 3], journal=tmp_path / "runs.db")
    told = kit.tell(
        server, [3, 1, 2], start=1_000.0, journal=tmp_path / "runs.db", order="given", max_running=1
    )
    assert [event.ref for event in told.of(Submitted)] == [3, 1, 2]


def test_the_order_of_a_stream_is_that_of_what_waits_and_holds_nothing_back(
    kit: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = kit.Deployment()
    for seconds in range(1, 13):
        server.add(1, seconds=20.0 * seconds)  # long enough for polls to tell
    kit.tell(server, range(1, 13), journal=tmp_path / "runs.db")
    monkeypatch.setattr(planner, "_WINDOW", 4)

    async def refs() -> Any:
        for ref in range(1, 5):
            yield ref
        await asyncio.sleep(1.5)
        for ref in range(5, 13):
            yield ref

    told = kit.tell(server, refs, start=1_000.0, journal=tmp_path / "runs.db", max_running=1)
    order = [event.ref for event in told.of(Submitted)]
    assert order[0] == 4, "the first portion begins before the second one has come"
    assert order.index(8) < order.index(2), "which is put in order with what still waits"
    assert sorted(order) == list(range(1, 13))

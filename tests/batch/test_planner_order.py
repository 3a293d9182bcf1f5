"""In which order refreshes are started."""

import asyncio
from typing import Any

from ta_cluster_async.batch import (
    RefreshBatch,
    Submitted,
)


def test_without_a_history_longest_first_is_the_given_order(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, seconds=3.0)
    told = kit.tell(server, [3, 1, 2, 9, 4], order="longest_first", max_running=1)
    assert [event.ref for event in told.of(Submitted)] == [3, 1, 2, 9, 4]


def test_longest_first_goes_by_what_a_journal_knows(kit: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    for seconds in (5.0, 80.0, 20.0, 40.0):
        server.add(1, seconds=seconds)
    journal = tmp_path / "runs.db"
    kit.tell(server, [1, 2, 3, 4], journal=journal)
    server.add(2, seconds=1.0)
    told = kit.tell(server, [1, 2, 5, 3, 4, 6], journal=journal, order="longest_first", max_running=1)
    assert [event.ref for event in told.of(Submitted)] == [2, 5, 4, 6, 3, 1], (
        "the unknown are taken for typical"
    )


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

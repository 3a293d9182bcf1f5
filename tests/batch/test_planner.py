"""From references to targets: every kind of reference, every shape of the list, and sources that dawdle, break or never end."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ta_cluster_async.batch import (
    Finished,
    Planned,
    RefreshBatch,
    Status,
    planner,
)
from ta_cluster_async.batch.lookup import Found, _note
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    ApiError,
    ConfigurationError,
    HttpStatusError,
    InvalidRequest,
    NotFound,
    NotSent,
    SchemaError,
    TokenRejected,
    TransportError,
)
from ta_cluster_async.models import Catalog, ClusterRow
from ta_cluster_async.protocol.refresh import PollPolicy
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
    assert told.report.counts == {Status.SUCCEEDED: 2, Status.REJECTED: 1}


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
    assert told[unknown].message == f"There is no cluster or tag {unknown!r} in this project."
    assert told.report.counts == {Status.SUCCEEDED: 3, Status.REJECTED: 1}


def test_a_token_that_is_rejected_between_two_parts_ends_what_is_held_back_too(
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


# A look-up of few, each by itself


def test_a_token_that_is_rejected_for_a_detail_ends_the_batch(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)
    server.rule = lambda _: kit.REJECTED
    told = kit.tell(server, [1, 2])
    assert told.report.stopped == "The token was rejected."
    assert told.statuses == {1: "cancelled", 2: "cancelled"}


def test_a_session_that_is_closed_meanwhile_ends_the_batch_with_its_error(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)
    server.rule = lambda _: NotSent("it is closed.", reason="closed")
    told = kit.tell(server, [1, 2])
    assert isinstance(told.error, NotSent)
    assert told.statuses == {1: "cancelled", 2: "cancelled"}


def test_a_tag_that_is_found_by_its_detail_is_known_as_one(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1)
    server.add(1, catalog=kit.TAG)
    told = kit.tell(server, [1, "t_2"])
    assert [told[ref].ticket.catalog for ref in (1, "t_2")] == [Catalog.CLUSTER, Catalog.TAG]


def test_a_detail_is_waited_for_no_longer_than_the_batch_lasts(kit: Any) -> None:
    server = kit.Deployment(latency=1_000.0)
    server.add(1)
    told = kit.tell(server, [1], timeout=10.0, session={"timeout": 200.0})
    assert told.statuses == {1: "timed_out"}
    assert told.seconds < 11.0


def test_details_that_never_come_are_not_asked_for_one_after_the_other(kit: Any) -> None:
    server = kit.Deployment()
    server.add(30)
    server.rule = lambda ask: kit.refusal(-3007, "no more") if ask.page else kit.REFUSED
    told = kit.tell(server, range(1, 31), poll=PollPolicy(errors=60.0))
    assert set(told.statuses.values()) == {"failed"}
    assert len({ask.cluster.id for ask in server.asks if ask.name == "detail"}) == 8, (
        "so many are looked up at a time"
    )


@pytest.mark.parametrize(
    ("error", "is_down", "gives_up"),
    [
        (NotSent("no connection.", reason="refused"), True, True),
        (NotSent("no connection.", reason="refused"), False, False),
        (ApiError(-3007, "no", endpoint="detail", attempts=1), True, False),
    ],
)
def test_only_a_server_that_is_down_is_given_up(error: Any, *, is_down: bool, gives_up: bool) -> None:
    found = Found()
    sender = SimpleNamespace(down_since=1.0 if is_down else None)
    _note(cast("Any", SimpleNamespace(sender=sender)), found, error)
    assert found.gave_up is (error if gives_up else None)


def test_clusters_and_tags_are_refreshed_together(kit: Any) -> None:
    server = kit.Deployment(page_size=10)
    server.add(20)
    server.add(30, catalog=kit.TAG)
    told = kit.tell(server, [*range(1, 26), *(f"t_{i}" for i in range(26, 51))], max_running=50)
    assert told.report.counts == {Status.SUCCEEDED: 50}
    assert server.requests["detail"] < 50


def test_a_name_of_a_cluster_and_of_a_tag_is_the_one_that_the_server_takes_it_for(kit: Any) -> None:
    server = kit.Deployment()
    server.add(4)
    server.add(1, catalog=kit.TAG, name="c_2")
    told = kit.tell(server, [1, "c_2", 3])
    assert told["c_2"].status is Status.SUCCEEDED
    assert told["c_2"].cluster_id == 2
    assert server.posts == {1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize("page_size", [1, 7, 100])
def test_the_page_size_follows_what_the_server_gives(kit: Any, page_size: int) -> None:
    server = kit.Deployment(page_size=page_size)
    server.add(40)
    told = kit.tell(server, range(1, 41), max_running=40)
    assert told.report.counts == {Status.SUCCEEDED: 40}


def test_few_references_of_a_long_list_are_asked_for_one_by_one(kit: Any) -> None:
    server = kit.Deployment(page_size=10)
    server.add(1_000, seconds=0.1)
    told = kit.tell(server, range(1, 6))
    assert told.report.ok
    assert server.requests["list"] <= 5, "no more pages than references are read for nothing"


def test_a_list_that_is_refused_leaves_the_details(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10)
    server.rule = lambda ask: kit.refusal(-3007, "not for you") if ask.page else None
    told = kit.tell(server, range(1, 11))
    assert told.report.counts == {Status.SUCCEEDED: 10}


@pytest.mark.parametrize(
    "data", [None, {}, {"userClusters": [1], "pagerResult": {"totalNum": 1}}, {"userClusters": []}]
)
def test_a_list_that_makes_no_sense_leaves_the_details(kit: Any, data: Any) -> None:
    server = kit.Deployment()
    server.add(10)
    server.rule = lambda ask: kit.answer(data) if ask.page else None
    told = kit.tell(server, range(1, 11))
    assert told.report.counts == {Status.SUCCEEDED: 10}
    assert told.seconds < 60


def test_clusters_that_the_list_does_not_show_are_found_by_their_details(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10)
    server.add(10, listed=False)
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 20}


def test_list_rows_that_cannot_be_read_are_read_by_their_details(kit: Any) -> None:
    server = kit.Deployment()
    server.add(6)
    rows = [{"id": i, "clusterName": f"c_{i}", "progress": "100", "refreshTime": 5} for i in range(1, 7)]
    page = kit.answer({"userClusters": rows, "pagerResult": {"totalNum": 6}})
    server.rule = lambda ask: page if ask.page == (kit.CLUSTER, 1) else None
    told = kit.tell(server, range(1, 7))
    assert told.report.counts == {Status.SUCCEEDED: 6}


def test_a_detail_that_cannot_be_read_fails_at_once_and_holds_up_no_other(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10)
    server.add(1, listed=False)
    server.rule = lambda ask: (
        kit.answer({"id": "x"}) if ask.name == "detail" and ask.cluster.id == 11 else None
    )
    told = kit.tell(server, range(1, 12), max_running=20)
    assert isinstance(told[11].error, SchemaError)
    assert told[11].message == str(told[11].error)
    assert told.report.counts == {Status.SUCCEEDED: 10, Status.FAILED: 1}
    assert told.seconds < 60


# Rows without a refresh time


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


def test_one_that_has_just_begun_is_joined_although_the_list_has_no_times(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10, dated=False, seconds=1_000.0)
    told = kit.tell(
        server, lambda: [server.begin(server.cluster(i)) or i for i in range(1, 11)], max_running=10
    )
    assert told.report.counts == {Status.SUCCEEDED: 10}
    assert set(server.posts.values()) == {1}, "nobody has posted but the other one"


# Sources


def test_a_stream_that_dawdles_holds_up_nothing(kit: Any) -> None:
    server = kit.Deployment()
    server.add(4)

    async def refs() -> Any:
        for ref in range(1, 5):
            yield ref
            await asyncio.sleep(100)

    told = kit.tell(server, refs)
    ends = [event.at for event in told.of(Finished)]
    assert told.report.counts == {Status.SUCCEEDED: 4}
    assert all(100 * n < end < 100 * n + 15 for n, end in enumerate(ends))


@pytest.mark.parametrize("why", ["deadline", "failure", "cancel", "token"])
def test_a_stream_that_never_ends_does_not_outlive_the_batch(kit: Any, why: str) -> None:
    server = kit.Deployment()
    server.add(3, seconds=5.0)
    server.add(1, fails=why == "failure", seconds=5.0)
    if why == "token":
        server.rule = lambda ask: kit.REJECTED if ask.at > 10 else None
    closed = []

    async def refs() -> Any:
        try:
            for ref in range(1, 5):
                yield ref
            if why == "token":
                await asyncio.sleep(20)
                yield 99
            await asyncio.sleep(1e9)
        finally:
            closed.append(True)

    told = kit.tell(
        server,
        refs,
        on_error="stop",
        timeout=40.0 if why == "deadline" else None,
        at={30.0: RefreshBatch.cancel} if why == "cancel" else None,
    )
    assert told.report.stopped
    assert not told.report.ok
    assert told.report.total == (5 if why == "token" else 4)
    assert told.seconds < 45
    assert closed == [True]


def test_a_source_that_breaks_ends_the_batch_with_its_error(kit: Any) -> None:
    server = kit.Deployment()
    server.add(6, seconds=1_000.0)

    async def refs() -> Any:
        for ref in range(1, 6):
            yield ref
        await asyncio.sleep(10)
        raise KeyError("the source is broken")

    told = kit.tell(server, refs, max_running=3)
    assert isinstance(told.error, KeyError)
    assert told.report.stopped
    assert told.report.counts == {Status.CANCELLED: 5}
    assert sum(outcome.ticket is not None for outcome in told.report.outcomes) == 3


def test_an_iterator_that_breaks_at_once_comes_out_as_it_is(kit: Any) -> None:
    broken = (1 // zero for zero in (0,))
    assert isinstance(kit.tell(kit.Deployment(), broken).error, ZeroDivisionError)


def test_a_source_that_was_cancelled_by_itself_is_not_taken_for_the_end(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)

    async def refs() -> Any:
        yield 1
        await asyncio.sleep(30)
        raise asyncio.CancelledError

    async def main() -> RefreshBatch:
        async with TaSession("http://127.0.0.1", "secret-token", transport=server) as ta:
            batch = RefreshBatch(ta.project(1), refs())
            with pytest.raises(asyncio.CancelledError):
                async with batch:
                    pass
        return batch

    assert run(main()).report.stopped


def test_a_lazy_iterator_is_read_only_as_far_as_is_needed(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "_WINDOW", 40)
    server = kit.Deployment()
    server.add(1_000, seconds=50.0)
    read = 0

    def refs() -> Any:
        nonlocal read
        for ref in range(1, 1_001):
            read = ref
            yield ref

    told = kit.tell(server, refs(), max_running=10, at={60.0: RefreshBatch.cancel})
    assert read <= 80
    assert told.report.total == read, "what was read has an outcome"


def test_a_collection_has_outcomes_for_all_its_references_when_the_batch_is_cancelled(
    kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "_WINDOW", 40)
    server = kit.Deployment()
    server.add(300, seconds=50.0)
    for second in (0.0, 0.01, 30.0):
        told = kit.tell(server, [*range(1, 301), "c_7", None], at={second: RefreshBatch.cancel})
        assert told.report.total in (301, 302), "before its name was looked up, nobody knows who c_7 is"
        assert told.report.stopped


# A server that is away


def test_a_server_that_is_down_at_first_is_waited_for(kit: Any) -> None:
    server = kit.Deployment()
    server.add(20)
    server.down = [(0.0, 120.0)]
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.counts == {Status.SUCCEEDED: 20}
    assert 120 < told.seconds < 200


def test_a_server_that_never_comes_is_waited_for_once_and_not_for_each_reference(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1)
    server.down = [(0.0, 1e9)]
    told = kit.tell(server, range(1, 12_001))
    assert told.report.counts == {Status.FAILED: 12_000}
    assert told.seconds < 400
    assert len(server.asks) < 200
    outcome = told[7]
    assert isinstance(outcome.error, TransportError)
    assert outcome.error.safe_to_retry
    assert outcome.cluster_id == 7


def test_a_server_that_stalls_is_given_up_as_well(kit: Any) -> None:
    server = kit.Deployment(latency=1e9)
    server.add(1)
    told = kit.tell(server, range(1, 1_001))
    assert told.report.counts == {Status.FAILED: 1_000}
    assert told.seconds < 500


def test_a_deadline_while_planning_is_kept(kit: Any) -> None:
    for latency in (0.02, 1e9):
        server = kit.Deployment(latency=latency)
        server.add(1)
        server.down = [] if latency > 1 else [(0.0, 1e9)]
        told = kit.tell(server, range(1, 7_001), timeout=42.0)
        assert told.report.counts == {Status.TIMED_OUT: 7_000}
        assert told.seconds == pytest.approx(42.0, abs=2.1)


def test_one_gateway_page_that_stays_is_given_up_after_the_time_for_errors(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)
    server.add(1, listed=False)
    server.rule = lambda ask: kit.GATEWAY if ask.cluster is not None and ask.cluster.id == 3 else None
    told = kit.tell(server, [1, 2, 3], poll=PollPolicy(errors=60.0))
    assert told.statuses == {1: "succeeded", 2: "succeeded", 3: "failed"}
    assert isinstance(told[3].error, HttpStatusError)


def test_a_rejected_token_while_planning_ends_everything_with_one_outcome_each(kit: Any) -> None:
    server = kit.Deployment()
    server.add(10)
    server.rule = lambda _: kit.REJECTED
    told = kit.tell(server, [*range(1, 11), "c_3", None])
    assert told.report.counts == {Status.CANCELLED: 11, Status.REJECTED: 1}
    assert all(
        isinstance(outcome.error, TokenRejected)
        for outcome in told.report.outcomes
        if outcome.ref != "NoneType"
    )
    assert len(server.asks) <= 2


def test_a_session_that_is_not_open_is_told_as_it_is(kit: Any) -> None:
    async def main() -> None:
        ta = TaSession("http://127.0.0.1", "secret-token", transport=kit.Deployment())
        with pytest.raises(ConfigurationError, match="not open"):
            async with RefreshBatch(ta.project(1), [1, 2, 3]):
                pass

    run(main())


def test_a_session_that_is_closed_meanwhile_ends_the_batch(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=1_000.0)

    async def main() -> RefreshBatch:
        async with TaSession("http://127.0.0.1", "secret-token", transport=server) as ta:
            batch = RefreshBatch(ta.project(1), [1, 2, 3])
            asyncio.get_running_loop().call_later(10, lambda: asyncio.ensure_future(ta.aclose()))
            with pytest.raises((ConfigurationError, TransportError)):
                async with batch:
                    pass
            assert asyncio.get_running_loop().time() < 60
        return batch

    report = run(main()).report
    assert report.counts == {Status.CANCELLED: 3}
    assert all(outcome.ticket for outcome in report.outcomes)

"""Nothing starts before what it needs has succeeded, and nothing waits for ever."""

import random
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from ta_cluster_async.batch import Journal, RefreshPlan, RefreshReport
from ta_cluster_async.errors import ConfigurationError, InvalidRequest

LINE = {"c_2": ["c_1"], "c_3": ["c_2"]}


def line(kit, **what):
    """c_1 is needed by c_2, which c_3 needs."""
    server = kit.Deployment(**what)
    server.add(3)
    server.cluster(2).needs = ("c_1",)
    server.cluster(3).needs = ("c_2",)
    return server


def in_order(server, *ids):
    """Whether each was posted after the one before it had ended."""
    runs = [server.cluster(one).runs[0] for one in ids]
    return all(later[0] >= earlier[2] for earlier, later in pairwise(runs))


def codes(told):
    return {outcome.ref: outcome.code for outcome in told.report.outcomes if outcome.code}


@pytest.mark.parametrize("depends_on", ["definitions", LINE, {2: [1], 3: ["c_2"]}])
@pytest.mark.parametrize("order", ["auto", "given", "longest_first"])
@pytest.mark.parametrize("max_running", [1, 16])
def test_what_is_needed_goes_first(kit, depends_on, order, max_running):
    server = line(kit)
    told = kit.tell(server, [3, "c_2", 1], depends_on=depends_on, order=order, max_running=max_running)
    assert told.report.ok
    assert in_order(server, 1, 2, 3)
    assert sum(server.posts.values()) == 3


def test_it_costs_one_detail_each(kit):
    counts = []
    for depends_on in ("definitions", None):
        server = line(kit)
        server.add(20)
        kit.tell(server, list(server.clusters), depends_on=depends_on)
        names = [ask.name for ask in server.asks]
        counts.append(len(names[: names.index("refresh")]))
    assert counts[0] == counts[1] + 23


def test_dependents_of_a_failure_are_skipped_and_say_of_whom(kit):
    server = line(kit)
    server.cluster(1).fails = True
    server.add()
    told = kit.tell(server, [1, 2, 3, 4], depends_on="definitions")
    assert told.statuses == {1: "failed", 2: "skipped", 3: "skipped", 4: "succeeded"}
    assert server.posts == {1: 1, 4: 1}
    assert "'c_1', which did not succeed (failed)" in told[2].message
    assert "'c_2', which was not started, as 'c_1' did not succeed" in told[3].message
    assert not told.report.ok
    assert [one.ref for one in told.report.failures] == [1, 2, 3]
    assert RefreshReport.from_json(told.report.to_json()).failures[1].code == "needs-failed"


def needed(outcomes):
    return {one.cluster_id or one.ref: one.depends_on for one in outcomes}


@pytest.mark.parametrize("depends_on", ["definitions", {"c_2": ["c_1"], 3: [2, "c_2"], 4: ["gone"]}])
def test_report_journal_and_plan_say_who_needs_whom(kit, tmp_path, depends_on):
    server = line(kit)
    server.cluster(1).fails = True
    server.add()
    server.cluster(4).needs = ("gone",)
    path = tmp_path / "runs.db"
    batches: list[Any] = []
    told = kit.tell(server, [1, "c_2", 3, 4], depends_on=depends_on, journal=path, at={0.0: batches.append})
    graph = {1: (), 2: (1,), 3: (2,), 4: ("gone",)}
    assert needed(told.report.outcomes) == graph
    assert needed(RefreshReport.from_json(told.report.to_json()).outcomes) == graph
    assert needed(Journal(path).outcomes(told.report.run_id)) == graph
    plan = RefreshPlan.from_bytes(batches[0].plan.to_bytes())
    assert needed(one.outcome for one in plan) == graph


def test_what_is_not_in_the_batch_and_what_is_watched_are_told_too(kit):
    server = line(kit)

    def refs():
        server.begin(server.cluster(3))
        return [2, 3, "no"]

    told = kit.tell(server, refs, depends_on={2: ["c_1", "no"], 3: [2]})
    assert needed(told.report.outcomes) == {2: ("c_1", "no"), 3: (2,), "no": ()}


def test_without_an_order_nothing_is_said_of_needs(kit):
    assert needed(kit.tell(line(kit), [1, 2]).report.outcomes) == {1: (), 2: ()}


def test_what_is_rejected_or_was_skipped_did_not_succeed_either(kit):
    server = line(kit)
    told = kit.tell(server, ["no", 99, 2, 3], depends_on={2: ["no"], 3: [99]})
    assert told.statuses == {"no": "rejected", 99: "rejected", 2: "skipped", 3: "skipped"}
    server = line(kit)

    def refs():
        server.begin(server.cluster(1))
        return [1, 2]

    told = kit.tell(server, refs, depends_on="definitions", on_running="skip")
    assert told.statuses == {1: "skipped", 2: "skipped"}
    assert [one.ref for one in told.report.failures] == [2]
    assert not told.report.ok


def test_one_whose_needs_are_skipped_alone_makes_no_good_report(kit):
    server = line(kit)
    told = kit.tell(server, [2], depends_on="definitions", fresh_for=datetime(2030, 1, 1))  # noqa: DTZ001
    assert codes(told) == {2: "needs-stale"}
    assert told.report.failures
    assert not told.report.ok


@pytest.mark.parametrize(
    ("depends_on", "circle"),
    [("definitions", "c_1 → c_3 → c_2 → c_1"), ({1: [1]}, "c_1 → c_1")],
)
def test_a_circle_is_named_before_any_request_to_refresh(kit, depends_on, circle):
    server = line(kit)
    server.cluster(1).needs = ("c_3",)
    told = kit.tell(server, [1, 2, 3], depends_on=depends_on)
    assert isinstance(told.error, InvalidRequest)
    found = str(told.error.what().params["circle"]).split(" → ")
    wanted = circle.split(" → ")
    assert found[0] == found[-1]
    doubled = wanted[:-1] * 2
    assert found[:-1] in [doubled[start : start + len(wanted) - 1] for start in range(len(wanted))]
    assert not server.posts
    assert set(told.statuses.values()) == {"cancelled"}


def test_a_long_circle_is_shortened(kit):
    server = kit.Deployment()
    ids = server.add(60)
    told = kit.tell(server, ids, depends_on={one: [one % 60 + 1] for one in ids})
    assert "…" in str(told.error)
    assert len(str(told.error)) < 400


def test_one_that_names_itself_waits_for_nobody(kit):
    server = line(kit)
    server.cluster(1).needs = ("c_1",)
    assert kit.tell(server, [1], depends_on="definitions").report.ok


def test_what_is_not_in_the_batch_does_not_count_unless_it_is_asked_for(kit):
    server = line(kit)
    assert kit.tell(server, [2], depends_on="definitions").report.ok
    assert server.posts == {2: 1}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, ""),
        ({"time": -200_000.0}, "needs-stale"),
        ({"time": None}, "needs-stale"),
        ({"before": -1}, "needs-stale"),
        ({"time": -200_000.0, "kind": "cluster_by_import"}, ""),
    ],
)
def test_what_is_not_in_the_batch_must_be_fresh(kit, change, code):
    server = line(kit)
    for name, value in change.items():
        setattr(server.cluster(1), name, value)
    since = datetime(2025, 12, 30, 12)  # noqa: DTZ001
    told = kit.tell(server, [2], depends_on="definitions", fresh_for=since)
    assert told[2].code == code
    assert server.posts == ({} if code else {2: 1})


def test_seconds_of_freshness_count_by_this_machine(kit):
    for seconds, code in ((1e12, ""), (1.0, "needs-stale"), (86400.0 * 365 * 100, "")):
        told = kit.tell(line(kit), [2], depends_on="definitions", fresh_for=seconds)
        assert told[2].code == code


def test_what_does_not_exist_or_cannot_be_read_is_said(kit):
    server = line(kit)
    server.cluster(2).needs = ("gone",)
    assert codes(kit.tell(server, [2], depends_on="definitions", fresh_for=1e12)) == {2: "needs-missing"}
    server = line(kit)
    server.rule = lambda ask: (
        kit.refusal(-9, "no") if ask.name == "detail" and ask.cluster is server.cluster(1) else None
    )
    assert codes(kit.tell(server, [2], depends_on="definitions", fresh_for=1e12)) == {2: "needs-unreadable"}


def test_what_is_needed_is_refreshed_too(kit):
    server = line(kit)
    told = kit.tell(server, [3], depends_on="definitions", with_dependencies=True)
    assert told.statuses == {"c_1": "succeeded", "c_2": "succeeded", 3: "succeeded"}
    assert in_order(server, 1, 2, 3)


def test_what_is_fresh_is_not_refreshed_too(kit):
    server = line(kit)
    server.cluster(2).time = -200_000.0
    since = datetime(2025, 12, 30, 12)  # noqa: DTZ001
    told = kit.tell(server, [3], depends_on="definitions", with_dependencies=True, fresh_for=since)
    assert told.statuses == {"c_2": "succeeded", 3: "succeeded"}


def test_a_definition_that_cannot_be_read_is_that_clusters_failure(kit):
    server = line(kit)
    ids = server.add(5)
    server.rule = lambda ask: (
        kit.refusal(-9, "no") if ask.name == "detail" and ask.cluster is server.cluster(1) else None
    )
    told = kit.tell(server, [1, 2, 3, *ids], depends_on="definitions")
    assert told.statuses == {1: "rejected", 2: "skipped", 3: "skipped"} | dict.fromkeys(ids, "succeeded")


def test_the_token_and_the_server_may_be_lost_meanwhile(kit):
    server = line(kit)
    server.add(5)
    server.rule = lambda ask: kit.REJECTED if ask.name == "detail" else None
    told = kit.tell(server, list(server.clusters), depends_on="definitions")
    assert told.report.stop_code == "batch-token-rejected"
    server = line(kit)
    server.add(20)

    def falls(ask):
        if ask.name == "detail":
            server.down = [(0.0, 1e9)]

    server.rule = falls
    told = kit.tell(server, list(server.clusters), depends_on="definitions")
    assert told.report.stop_code == "batch-server-down"
    assert not server.posts


def test_so_they_may_while_what_is_not_in_the_batch_is_looked_at(kit):
    for answer, code in ((kit.REJECTED, "batch-token-rejected"), (kit.REFUSED, "batch-server-down")):
        server = line(kit)

        def rule(ask, server=server, answer=answer):
            is_judged = ask.name.startswith("detail") and ask.cluster is server.cluster(1)
            if is_judged and answer is kit.REFUSED:
                server.down = [(0.0, 1e9)]
            return answer if is_judged else None

        server.rule = rule
        told = kit.tell(server, [2], depends_on="definitions", fresh_for=1e12)
        assert told.report.stop_code == code
        assert not server.posts


@pytest.mark.parametrize(("first", "second"), [(100.0, 10.0), (5.0, 60.0)])
def test_what_runs_already_is_refreshed_anew_after_what_it_needs(kit, first, second):
    for fails in (False, True):
        server = line(kit)
        server.cluster(1).fails = fails
        server.cluster(1).seconds, server.cluster(2).seconds = first, second

        def refs(server=server):
            server.begin(server.cluster(2))
            return [1, 2, 3]

        told = kit.tell(server, refs, depends_on="definitions", on_running="rerun")
        assert told[2].status == ("skipped" if fails else "succeeded")
        assert len(server.cluster(2).runs) == (1 if fails else 2)
        if not fails:
            assert server.cluster(2).runs[1][0] >= server.cluster(1).runs[0][2]


def test_a_batch_that_is_stopped_leaves_what_waits(kit):
    server = line(kit)
    told = kit.tell(server, [1, 2, 3], depends_on="definitions", timeout=5.0)
    assert told.statuses == {1: "timed_out", 2: "timed_out", 3: "timed_out"}
    server = line(kit)
    told = kit.tell(server, [1, 2, 3], depends_on="definitions", at={3.0: lambda batch: batch.cancel()})
    assert set(told.statuses.values()) == {"cancelled"}


def test_the_first_failure_may_stop_the_batch(kit):
    server = line(kit)
    server.cluster(1).fails = True
    told = kit.tell(server, [1, 2, 3], depends_on="definitions", on_error="stop")
    assert told.statuses == {1: "failed", 2: "skipped", 3: "skipped"}


def test_a_journal_that_is_resumed_keeps_the_order(kit, tmp_path):
    server = line(kit)
    path = tmp_path / "runs.db"
    kit.tell(
        server, [3, 2, 1], depends_on="definitions", journal=path, at={15.0: lambda batch: batch.cancel()}
    )
    assert server.posts[1] == 1
    assert not server.posts[3]
    told = kit.tell(server, [3, 2, 1], depends_on="definitions", journal=path, start=20.0)
    assert told.report.ok
    assert server.posts == {1: 1, 2: 1, 3: 1}


def test_a_plan_keeps_the_order_and_tries_again_what_was_left_out(kit):
    server = line(kit)
    server.cluster(1).fails = True
    batches: list[Any] = []
    kit.tell(server, [3, 2, 1], depends_on="definitions", at={0.0: batches.append})
    server.cluster(1).fails = False
    plan = RefreshPlan.from_bytes(batches[0].plan.retry_failed().to_bytes())
    told = kit.tell(server, None, plan=plan, depends_on="definitions", start=100.0)
    assert told.report.ok
    assert server.posts == {1: 2, 2: 1, 3: 1}


def test_the_longest_way_to_the_end_goes_first(kit, tmp_path):
    server = kit.Deployment()
    server.add(6, seconds=10.0)
    for one in (2, 3, 4):
        server.cluster(one).needs = (f"c_{one - 1}",)
    refs = [6, 5, 4, 3, 2, 1]
    path = tmp_path / "runs.db"
    for night in range(2):
        told = kit.tell(
            server, refs, depends_on="definitions", journal=path, max_running=2, start=night * 1e5
        )
        assert told.report.ok
        run = [server.cluster(one).runs[night][0] for one in (1, 5, 6)]
        assert min(run) == run[0], "three others wait for it"


def test_a_thousand_in_random_order_all_come_after_what_they_need(kit):
    draw = random.Random(5)
    server = kit.Deployment(page_size=1000)
    ids = server.add(1000, seconds=3.0)
    for one in ids[1:]:
        some = draw.sample(range(1, one), min(one - 1, draw.choice((0, 0, 1, 2))))
        server.cluster(one).needs = tuple(f"c_{other}" for other in some)
    refs = draw.sample(ids, len(ids))
    told = kit.tell(server, refs, depends_on="definitions", max_running=50)
    assert told.report.ok
    for one in ids:
        for name in server.cluster(one).needs:
            assert server.cluster(one).runs[0][0] >= server.cluster(name).runs[0][2]


def test_a_chain_longer_than_python_calls_fails_as_one(kit):
    server = kit.Deployment(page_size=1000)
    ids = server.add(3000)
    server.cluster(1).fails = True
    told = kit.tell(server, ids, depends_on={one: [one - 1] for one in ids[1:]})
    assert told.report.counts == {"failed": 1, "skipped": 2999}
    assert server.posts == {1: 1}


@pytest.mark.parametrize(
    "options",
    [
        {"depends_on": "names"},
        {"depends_on": {1: "c_2"}},
        {"depends_on": {1: 2}},
        {"fresh_for": 5.0},
        {"with_dependencies": True},
        {"depends_on": "definitions", "fresh_for": 0},
        {"depends_on": "definitions", "fresh_for": datetime.now(UTC)},
    ],
)
def test_options_that_cannot_be_are_refused(kit, options):
    with pytest.raises(ConfigurationError):
        kit.tell(kit.Deployment(), [], **options)

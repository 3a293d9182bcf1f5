"""A size that is unusual is a warning of a success: by a fixed bound, and by the sizes of earlier runs."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.batch import Journal, RefreshBatch, RefreshReport, SizeGuard, refresh_all
from ta_cluster_async.batch.journal.sizes import PastSize, read_sizes
from ta_cluster_async.batch.plan.encoding import decode, encode
from ta_cluster_async.batch.plan.refreshes import PlannedRefresh
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import ConfigurationError, JournalError
from ta_cluster_async.messages import Message
from ta_cluster_async.session import TaSession
from tests.world import refused

GUARD = SizeGuard(min_users=1, max_change=0.5, runs=5)


@pytest.mark.parametrize(
    ("users_num", "past", "codes"),
    [
        (0, [100, 100, 100], ["size-too-small", "size-changed"]),
        (201, [100, 100, 100], ["size-changed"]),
        (120, [100, 100, 100], []),
        (150, [100], []),
        (50, [100], []),
        (49, [100], ["size-changed"]),
        (201, [], []),
        (0, [], ["size-too-small"]),
        (1, [0], ["size-changed"]),
        (100, [1000, 100, 100, 100, 1000, 9, 9, 9, 9], []),
        (None, [100], ["size-unknown"]),
    ],
)
def test_a_size_is_compared_with_the_median_of_the_latest(users_num, past, codes):
    assert [one.code for one in GUARD.warnings(users_num, past)] == codes


def test_each_bound_is_alone():
    assert SizeGuard(min_users=5).warnings(4, [4]) == (Message("size-too-small", count=4, least=5),)
    assert SizeGuard(max_change=0.1).warnings(0, [3, 4]) == (
        Message("size-changed", count=0, usual=3.5, most=10.0),
    )
    assert SizeGuard().warnings(None, [4]) == ()


def test_the_messages_have_counts_and_percent():
    warnings = SizeGuard(min_users=2, max_change=0.5).warnings(1, [100])
    assert [str(one) for one in warnings] == [
        "1 user is fewer than the expected 2.",
        "1 user is more than 50 % away from the usual 100.",
    ]


@pytest.mark.parametrize(
    "what", [{"min_users": 0}, {"max_change": 0}, {"max_change": "50%"}, {"runs": 0}, {"runs": None}]
)
def test_bounds_that_cannot_be_are_refused(what):
    with pytest.raises(ConfigurationError, match=next(iter(what))):
        SizeGuard(**what)


def nights(kit, server, path, *counts, guard=GUARD, **options):
    """Refresh all, one night after the other, with these numbers of users in the first one. Returns what was told last."""
    for count in counts:
        server.cluster(1).users = count
        told = kit.tell(server, list(server.clusters), journal=path, guard=guard, **options)
    return told


def codes(report):
    return {outcome.ref: [one.code for one in outcome.warnings] for outcome in report.flagged}


def deployment(kit):
    server = kit.Deployment()
    server.add(3)
    return server


@pytest.mark.parametrize(
    ("users", "expected"),
    [(0, ["size-too-small", "size-changed"]), (201, ["size-changed"]), (120, []), (None, ["size-unknown"])],
)
def test_a_night_is_compared_with_those_in_the_journal(kit, tmp_path, users, expected, caplog):
    told = nights(kit, deployment(kit), tmp_path / "runs.db", 100, 100, 100, users)
    assert codes(told.report) == ({1: expected} if expected else {})
    assert told.report.ok
    assert told.report.counts == {"succeeded": 3}
    lines = [record.getMessage() for record in caplog.records if "unusual" in record.getMessage()]
    assert lines == ([f"Batch {told.report.run_id}: successes with an unusual size: 1."] if expected else [])


def test_without_history_only_the_fixed_bound_counts(kit, tmp_path):
    server = deployment(kit)
    assert codes(nights(kit, server, tmp_path / "a.db", 201).report) == {}
    assert codes(nights(kit, server, tmp_path / "b.db", 0).report) == {1: ["size-too-small"]}
    assert codes(nights(kit, server, None, 201, 0).report) == {1: ["size-too-small"]}


def test_without_a_guard_nothing_is_said(kit, tmp_path):
    assert codes(nights(kit, deployment(kit), tmp_path / "a.db", 100, 0, guard=None).report) == {}
    assert (
        codes(nights(kit, deployment(kit), tmp_path / "b.db", 100, 1, guard=SizeGuard(min_users=1)).report)
        == {}
    )


def test_failures_are_no_history_and_are_not_looked_at(kit, tmp_path):
    server = deployment(kit)
    path = tmp_path / "runs.db"
    nights(kit, server, path, 100)
    server.cluster(1).fails = True
    assert codes(nights(kit, server, path, 0, 0).report) == {}
    server.cluster(1).fails = False
    assert codes(nights(kit, server, path, 100).report) == {}


def test_warnings_stand_in_report_journal_and_plan(kit, tmp_path):
    path = tmp_path / "runs.db"
    told = nights(kit, deployment(kit), path, 100, 201)
    report = told.report
    (outcome,) = report.flagged
    assert str(outcome.warnings[0].what()) == outcome.warnings[0].message
    assert outcome.warnings[0].params == {"count": 201, "usual": 100, "most": 50.0}
    assert RefreshReport.from_json(report.to_json()).flagged[0].warnings == outcome.warnings
    journal = Journal(path)
    stored = [one for one in journal.outcomes(journal.runs()[0].run_id) if one.warnings]
    assert [one.warnings for one in stored] == [outcome.warnings]


def test_a_report_without_successes_has_those_with_warnings(kit, tmp_path):
    server, path = deployment(kit), tmp_path / "runs.db"
    nights(kit, server, path, 100)
    server.cluster(1).users = 201

    async def night():
        async with TaSession("http://127.0.0.1", "secret-token", transport=server) as ta:
            return await refresh_all(
                ta.project(1), [1, 2, 3], journal=path, guard=GUARD, keep_successes=False
            )

    report = run(night())
    assert [outcome.ref for outcome in report.outcomes] == [1]
    assert report.counts == {"succeeded": 3}


def test_sizes_are_read_from_the_newest_to_the_oldest(kit, tmp_path):
    path = tmp_path / "runs.db"
    server = deployment(kit)
    nights(kit, server, path, 100, 110, 120)
    with closing(sqlite3.connect(path)) as file:
        ((url, project),) = file.execute("SELECT base_url, project_id FROM projects").fetchall()
    found = read_sizes(path, url, project, [1, 2, 99], 2)
    assert [one.users_num for one in found[1]] == [120, 110]
    assert [one.users_num for one in found[2]] == [7, 7]
    assert isinstance(found[1][0], PastSize)
    assert isinstance(found[1][0].refresh_time, str)
    assert found[99] == []
    assert read_sizes(path, "http://elsewhere", project, [1], 2) == {1: []}


def test_sizes_that_another_hand_wrote_end_the_batch(kit, tmp_path):
    path = tmp_path / "runs.db"
    server = deployment(kit)
    nights(kit, server, path, 100)
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE refreshes SET users_num = 'many'")
        file.commit()
    assert isinstance(nights(kit, server, path, 100).error, JournalError)


def test_a_plan_keeps_warnings(kit, tmp_path):
    outcome = nights(kit, deployment(kit), tmp_path / "runs.db", 100, 0).report.flagged[0]
    one = PlannedRefresh(ref=1, cluster_id=1, state="finished", outcome=evolve(outcome, ticket=None))
    _, _, (read,) = decode(encode(1, outcome.settled_at, [one]))
    assert read.outcome is not None
    assert read.outcome.warnings == outcome.warnings


def test_only_a_guard_is_one(kit):
    no_guard: Any = 5

    async def main():
        async with TaSession("http://127.0.0.1", "secret-token", transport=kit.Deployment()) as ta:
            RefreshBatch(ta.project(1), [1], guard=no_guard)

    with refused(ConfigurationError, "guard-not-a-guard", kind="int"):
        run(main())

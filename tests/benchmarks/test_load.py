"""How `benchmarks.load` compares the changes reported to clients with the effects on a server, and a short run of it."""

import pytest

from benchmarks.load import ReportedChange, compare, run
from benchmarks.serving import AppliedEffect, ServerRecords


def records(*applied, names=None):
    return ServerRecords(
        requests=len(applied), faults=0, applied=list(applied), display_names=names or {}, resident=0
    )


def change(kind, outcome="done", display_name="n"):
    return ReportedChange(kind, "c", outcome, display_name)


def did(kind, body="1", *, answered=True):
    return AppliedEffect(kind, "c", body, answered)


THERE = {"c": "n"}


@pytest.mark.parametrize(
    ("changes", "effects", "names"),
    [
        ([change("created")], [did("created")], THERE),
        ([change("created", "unknown")], [did("created", answered=False)], THERE),
        ([change("created", "unknown")], [], {}),
        ([change("created", "not")], [], {}),
        ([change("created"), change("deleted")], [did("created"), did("deleted")], {}),
        ([change("created", "unknown"), change("deleted")], [], {}),
        ([change("refreshed"), change("refreshed", "unknown")], [did("refreshed"), did("refreshed")], THERE),
        ([change("updated", display_name="m")], [did("updated", answered=False), did("updated")], {"c": "m"}),
        (
            [change("updated"), change("updated", display_name="m")],
            [did("updated"), did("updated", "2")],
            {"c": "m"},
        ),
    ],
)
def test_reported_changes_and_effects_agree(changes, effects, names):
    comparison = compare(changes, records(*effects, names=names))
    assert (comparison.lost, comparison.twice) == ([], [])


@pytest.mark.parametrize(
    ("changes", "effects", "names"),
    [
        ([change("created")], [], {}),
        ([change("created")], [did("created")], {}),
        ([change("created"), change("updated", display_name="m")], [did("created")], {"c": "m"}),
        (
            [change("created"), change("updated", display_name="m")],
            [did("created"), did("updated")],
            {"c": "n"},
        ),
        ([change("created"), change("deleted")], [did("created"), did("deleted")], {"c": "n"}),
        ([change("created"), change("deleted")], [did("created")], {}),
    ],
    ids=["nothing was done", "it is gone", "an update", "its state", "it is still there", "a delete"],
)
def test_a_success_without_its_effect_is_a_loss(changes, effects, names):
    comparison = compare(changes, records(*effects, names=names))
    assert comparison.lost
    assert not comparison.twice


@pytest.mark.parametrize(
    ("changes", "effects"),
    [
        ([change("created")], [did("created", answered=False), did("created")]),
        ([change("refreshed")], [did("refreshed", answered=False), did("refreshed")]),
        ([change("updated")], [did("updated"), did("updated")]),
        ([change("created", "not")], [did("created")]),
        ([], [did("created")]),
    ],
    ids=["a create", "a refresh", "an update that was answered", "reported as not done", "unasked"],
)
def test_a_surplus_effect_is_found(changes, effects):
    assert compare(changes, records(*effects, names=THERE)).twice


def test_a_short_run_of_a_few_clients_loses_nothing():
    rows = {
        row.what: row
        for row in run(minutes=0.01, clients=8, faults=0.05, pause=0.005, stall=0.02, job_seconds=0.3)
    }
    for what in ("lost", "done twice", "seen and not right"):
        assert rows[what].ours == 0
    assert rows["effects on the server"].ours >= 8

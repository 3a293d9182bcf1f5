"""How `benchmarks.load` judges between what clients were told and what a server did, and a moment of it."""

import pytest

from benchmarks.load import Said, judge, run
from benchmarks.serving import Account, Applied


def account(*applied, names=None):
    return Account(
        requests=len(applied), faults=0, applied=list(applied), display_names=names or {}, resident=0
    )


def said(kind, outcome="done", display_name="n"):
    return Said(kind, "c", outcome, display_name)


def did(kind, body="1", *, answered=True):
    return Applied(kind, "c", body, answered)


THERE = {"c": "n"}


@pytest.mark.parametrize(
    ("told", "effects", "names"),
    [
        ([said("created")], [did("created")], THERE),
        ([said("created", "unknown")], [did("created", answered=False)], THERE),
        ([said("created", "unknown")], [], {}),
        ([said("created", "not")], [], {}),
        ([said("created"), said("deleted")], [did("created"), did("deleted")], {}),
        ([said("created", "unknown"), said("deleted")], [], {}),
        ([said("refreshed"), said("refreshed", "unknown")], [did("refreshed"), did("refreshed")], THERE),
        ([said("updated", display_name="m")], [did("updated", answered=False), did("updated")], {"c": "m"}),
        (
            [said("updated"), said("updated", display_name="m")],
            [did("updated"), did("updated", "2")],
            {"c": "m"},
        ),
    ],
)
def test_what_was_told_and_what_was_done_agree(told, effects, names):
    verdict = judge(told, account(*effects, names=names))
    assert (verdict.lost, verdict.twice) == ([], [])


@pytest.mark.parametrize(
    ("told", "effects", "names"),
    [
        ([said("created")], [], {}),
        ([said("created")], [did("created")], {}),
        ([said("created"), said("updated", display_name="m")], [did("created")], {"c": "m"}),
        (
            [said("created"), said("updated", display_name="m")],
            [did("created"), did("updated")],
            {"c": "n"},
        ),
        ([said("created"), said("deleted")], [did("created"), did("deleted")], {"c": "n"}),
        ([said("created"), said("deleted")], [did("created")], {}),
    ],
    ids=["nothing was done", "it is gone", "an update", "its state", "it is still there", "a delete"],
)
def test_a_success_without_its_effect_is_a_loss(told, effects, names):
    verdict = judge(told, account(*effects, names=names))
    assert verdict.lost
    assert not verdict.twice


@pytest.mark.parametrize(
    ("told", "effects"),
    [
        ([said("created")], [did("created", answered=False), did("created")]),
        ([said("refreshed")], [did("refreshed", answered=False), did("refreshed")]),
        ([said("updated")], [did("updated"), did("updated")]),
        ([said("created", "not")], [did("created")]),
        ([], [did("created")]),
    ],
    ids=["a create", "a refresh", "an update that was answered", "told not to be", "unasked"],
)
def test_an_effect_too_many_is_found(told, effects):
    assert judge(told, account(*effects, names=THERE)).twice


def test_a_moment_of_a_few_clients_loses_nothing():
    rows = {
        row.what: row
        for row in run(minutes=0.01, clients=8, faults=0.05, pause=0.005, stall=0.02, job_seconds=0.3)
    }
    for what in ("lost", "done twice", "seen and not right"):
        assert rows[what].ours == 0
    assert rows["effects on the server"].ours >= 8

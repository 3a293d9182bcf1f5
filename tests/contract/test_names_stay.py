"""The public names, their signatures and what instances have: nothing that was there may go or change."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.record import load
from tests.contract.surface import ROOMS, describe, instance_attributes, losses

if TYPE_CHECKING:
    from ta_cluster_async import TaSession
    from ta_cluster_async.emulator import Emulator

STORED: dict[str, Any] = load("public_names")


@pytest.mark.parametrize("room", ROOMS)
def test_no_public_name_is_gone(room: str) -> None:
    assert set(STORED[room]) - set(ROOMS[room].__all__) == set()


@pytest.mark.parametrize(("room", "name"), [(room, name) for room in ROOMS for name in STORED[room]])
def test_a_public_name_is_what_it_was(room: str, name: str) -> None:
    assert losses(STORED[room][name], describe(getattr(ROOMS[room], name)), name) == []


def test_instances_have_the_attributes_that_they_had() -> None:
    today = instance_attributes()
    assert {name: set(had) - set(today[name]) for name, had in STORED["instances"].items()} == {
        name: set() for name in STORED["instances"]
    }


def test_the_command_and_the_pytest_plugin_have_their_names() -> None:
    points = metadata.distribution("ta-cluster-async").entry_points
    assert {(point.group, point.name) for point in points} >= {
        ("console_scripts", "ta-cluster"),
        ("pytest11", "ta_cluster_async"),
    }


@pytest.mark.ta_emulator(project_id=7)
def test_the_pytest_fixtures_and_their_marker_have_their_names(
    ta_emulator: Emulator, ta_session: TaSession
) -> None:
    assert ta_emulator.project_id == 7
    assert ta_session.base_url == ta_emulator.url


SIGNATURE: dict[str, Any] = {
    "parameters": [
        {"name": "a", "kind": "POSITIONAL_OR_KEYWORD", "default": None, "annotation": "int"},
        {"name": "b", "kind": "KEYWORD_ONLY", "default": "1", "annotation": "of no public name"},
    ],
    "returns": "str",
}


def changed(place: int, **how: object) -> dict[str, Any]:
    parameters = [dict(each) for each in SIGNATURE["parameters"]]
    parameters[place] |= how
    return {**SIGNATURE, "parameters": parameters}


def added(place: int, **how: object) -> dict[str, Any]:
    parameters = [dict(each) for each in SIGNATURE["parameters"]]
    parameters.insert(place, {"name": "c", "kind": "KEYWORD_ONLY", "annotation": "int", **how})
    return {**SIGNATURE, "parameters": parameters}


@pytest.mark.parametrize(
    "today",
    [
        SIGNATURE,
        added(2, default="0"),
        changed(1, annotation="NewWord"),
        added(1, kind="POSITIONAL_OR_KEYWORD", default="0"),
    ],
)
def test_what_is_added_is_no_loss(today: dict[str, Any]) -> None:
    assert losses(SIGNATURE, today) == []


@pytest.mark.parametrize(
    "today",
    [
        {**SIGNATURE, "parameters": SIGNATURE["parameters"][:1]},
        changed(0, name="z"),
        changed(0, annotation="float"),
        changed(1, kind="POSITIONAL_OR_KEYWORD"),
        changed(1, default="2"),
        added(2, default=None),
        added(0, kind="POSITIONAL_OR_KEYWORD", default="0"),
        {**SIGNATURE, "returns": "None"},
    ],
)
def test_what_breaks_a_caller_is_a_loss(today: dict[str, Any]) -> None:
    assert losses(SIGNATURE, today)

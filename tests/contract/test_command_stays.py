"""The command: its commands, options, choices and defaults, its exit codes, and the JSON that it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import astuple

from tests.contract.commands import AS_JSON, CODES, Ended, losses, run_scenes, shapes
from tests.contract.helps import helps
from tests.contract.record import load

if TYPE_CHECKING:
    from collections.abc import Callable


HELP: dict[str, Any] = load("commands")
LINES: dict[str, list[Any]] = load("json_lines")


@pytest.fixture(scope="module")
def pages(once: Callable[[str, Callable[[], Any]], Any]) -> dict[str, dict[str, Any]]:
    """What the help says today."""
    said: dict[str, dict[str, Any]] = once("contract-pages", lambda: helps(HELP))
    return said


@pytest.fixture(scope="module")
def scenes(
    once: Callable[[str, Callable[[], Any]], Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Ended]:
    """Runs of the command as processes."""

    def play() -> dict[str, Any]:
        return {name: astuple(one) for name, one in run_scenes(tmp_path_factory.mktemp("scenes")).items()}

    return {name: Ended(*one) for name, one in once("contract-scenes", play).items()}


@pytest.mark.parametrize("name", HELP)
def test_a_command_has_the_options_and_arguments_that_it_had(
    pages: dict[str, dict[str, Any]], name: str
) -> None:
    stored, today = HELP[name], pages[name]
    assert set(stored["commands"]) - set(today["commands"]) == set()
    for kind in ("options", "arguments"):
        kept = {key: today[kind].get(key) for key in stored[kind]}
        assert kept == {
            key: {**said, "flags": kept[key]["flags"]} if _has_more_flags(said, kept[key]) else said
            for key, said in stored[kind].items()
        }
        fresh = [key for key, said in today[kind].items() if key not in stored[kind] and said["is_required"]]
        assert fresh == []
    assert today["usage"] == stored["usage"]


def _has_more_flags(stored: dict[str, Any], today: dict[str, Any] | None) -> bool:
    return today is not None and "flags" in stored and set(stored["flags"]) < set(today["flags"])


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_a_command_ends_with_its_exit_code(scenes: dict[str, Ended], name: str, code: int) -> None:
    assert scenes[name].code == code, scenes[name].err


def test_each_exit_code_is_shown() -> None:
    assert set(CODES.values()) == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize("name", LINES)
def test_the_json_of_a_command_has_the_keys_types_and_constants_that_it_had(
    scenes: dict[str, Ended], name: str
) -> None:
    assert losses(LINES[name], shapes(scenes)[name]) == []


@pytest.mark.parametrize("name", AS_JSON)
def test_a_line_of_json_is_all_that_a_command_writes(scenes: dict[str, Ended], name: str) -> None:
    assert len(scenes[name].lines) == len(scenes[name].out.splitlines()) > 0


@pytest.mark.parametrize("name", ["no settings", "unknown", "unreachable"])
def test_an_error_goes_to_stderr_alone(scenes: dict[str, Ended], name: str) -> None:
    assert scenes[name].out == ""
    assert scenes[name].err.strip()


def test_a_success_that_is_quiet_says_nothing_but_the_table(scenes: dict[str, Ended]) -> None:
    assert scenes["success"].err == ""
    assert "972" in scenes["success"].out

"""`ta-cluster refresh --dry-run`: what would be done, without doing it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async import TaSession
from ta_cluster_async.cli.actions.run_history import makespan
from ta_cluster_async.emulator import JobPlan

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command


@pytest.fixture
def busy(settings: Emulator, runner: asyncio.Runner) -> Emulator:
    """Four clusters, 970 to 973, of which 970 is being refreshed."""
    settings.seed_clusters(4)
    settings.plan(970, JobPlan(seconds=3600.0))

    async def start() -> None:
        async with TaSession(settings.url, settings.token) as ta:
            await ta.project(102).clusters.refresh(970)

    runner.run(start())
    return settings


def forecast(command: Command, *arguments: str) -> dict[str, Any]:
    ended = command("refresh", *arguments, "--dry-run", "--json")
    assert ended.code == 0
    said: dict[str, Any] = json.loads(ended.out)
    return said


def test_nothing_is_refreshed_and_the_counts_are_told(busy: Emulator, command: Command) -> None:
    effects, before = len(busy.effects), len(busy.requests)
    ended = command("refresh", "--all", "--dry-run")
    assert ended.code == 0
    first, *_, last = ended.out.splitlines()
    assert first == "Would refresh 3, attach to 1 already running, and skip 0."
    assert last == "Dry run: no refresh was sent."
    assert len(busy.effects) == effects
    # The API reads its list by POST; every other POST changes something.
    posted = {request.path for request in busy.requests[before:] if request.method == "POST"}
    assert posted == {"/open/user-cluster-list"}


def test_what_runs_is_counted_by_what_would_be_done_with_it(busy: Emulator, command: Command) -> None:
    def of(choice: str) -> dict[str, int]:
        said = forecast(command, "970", "971", "--on-running", choice)
        return {name: said[name] for name in ("refresh", "attach", "skip", "fail")}

    assert of("attach") == {"refresh": 1, "attach": 1, "skip": 0, "fail": 0}
    assert of("rerun") == {"refresh": 2, "attach": 0, "skip": 0, "fail": 0}
    assert of("skip") == {"refresh": 1, "attach": 0, "skip": 1, "fail": 0}
    assert of("fail") == {"refresh": 1, "attach": 0, "skip": 0, "fail": 1}


@pytest.mark.parametrize("refs", [["971", "nobody"], ["971", "972", "973", "nobody", "999"]])
def test_what_does_not_exist_is_counted(busy: Emulator, command: Command, refs: list[str]) -> None:
    said = forecast(command, *refs)
    assert said["refresh"] == sum(ref.startswith("97") for ref in refs)
    assert said["unknown"] == len(refs) - said["refresh"]


def test_where_nothing_exists_it_has_the_exit_code_for_that(busy: Emulator, command: Command) -> None:
    assert command("refresh", "nobody", "--dry-run").code == 3


def test_without_a_history_no_time_is_made_up(busy: Emulator, command: Command) -> None:
    said = forecast(command, "971", "972", "973")
    assert said["seconds"] is None
    assert said["requests_at_least"] is True
    assert said["requests"] >= 3


def test_with_a_journal_requests_and_time_come_from_its_runs(
    busy: Emulator, command: Command, tmp_path: Path
) -> None:
    journal = ("--journal", str(tmp_path / "runs.db"))
    for cluster, seconds in ((971, 100.0), (972, 200.0), (973, 300.0)):
        busy.plan(cluster, JobPlan(seconds=seconds))
    report = json.loads(command("refresh", "971", "972", "973", *journal, "--json").out.splitlines()[-1])
    said = forecast(command, "971", "972", "973", *journal, "--max-running", "1")
    assert said["known"] == 3
    assert said["seconds"] == pytest.approx(600.0, rel=0.1)
    assert said["requests"] == report["requests"]
    assert forecast(command, "971", "972", "973", *journal, "--max-running", "3")["seconds"] == pytest.approx(
        300.0, rel=0.1
    )
    sentences = command("refresh", "971", "--dry-run", *journal).out
    assert "from the history of 1 of them" in sentences
    sentences = command("refresh", "970", "--on-running", "rerun", "--dry-run", *journal).out
    assert re.search(r"about 3:[12]\d, .* from the durations of others in the project\.", sentences)


def test_names_have_their_history_too(busy: Emulator, command: Command, tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "runs.db"))
    busy.plan(971, JobPlan(seconds=100.0))
    command("refresh", "971", *journal)
    assert forecast(command, "seeded_2", *journal)["known"] == 1


@pytest.mark.parametrize(
    ("known", "at_once", "longest_first", "seconds"),
    [
        ([], 4, False, None),
        ([None, None], 4, False, None),
        ([5.0], 4, False, 5.0),
        ([1.0, 2.0, 3.0], 1, False, 6.0),
        ([1.0, 1.0, 4.0], 2, False, 5.0),
        ([1.0, 1.0, 4.0], 2, True, 4.0),
        ([10.0, None, 30.0], 1, False, 60.0),
        ([30.0, 10.0, 14.0, None], 2, True, 38.0),
    ],
)
def test_the_time_of_a_batch_follows_from_the_times_of_its_parts(
    known: list[float | None], at_once: int, *, longest_first: bool, seconds: float | None
) -> None:
    assert makespan(known, at_once, longest_first=longest_first) == seconds


def test_where_none_of_them_is_known_the_others_of_the_project_tell() -> None:
    assert makespan([None, None], 1, longest_first=False, others=[10.0, 20.0, 90.0]) == 40.0

"""`ta-cluster wait`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async import TaSession
from ta_cluster_async.emulator import JobPlan

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    from ta_cluster_async import RefreshTicket
    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command

    Start = Callable[..., RefreshTicket]


@pytest.fixture
def start(settings: Emulator, runner: asyncio.Runner) -> Start:
    """Starts a refresh elsewhere, and gives its ticket."""

    def start(ref: int | str) -> RefreshTicket:
        async def elsewhere() -> RefreshTicket:
            async with TaSession(settings.url, settings.token) as ta:
                return (await ta.project(102).clusters.refresh(ref)).ticket

        return runner.run(elsewhere())

    return start


@pytest.mark.parametrize("ref", ["970", "seeded_1"])
@pytest.mark.usefixtures("counting")
def test_it_waits_for_what_runs_and_starts_nothing(
    settings: Emulator, command: Command, start: Start, ref: str
) -> None:
    settings.seed_clusters(1)
    settings.plan(970, JobPlan(seconds=600.0))
    start(970)
    ended = command("wait", ref)
    assert ended.code == 0
    assert ended.out.splitlines()[1].split() == ["970", "seeded_1", "succeeded", "2000"]
    assert len(settings.effects) == 1
    assert settings.jobs[0].finished is not None


def test_a_ticket_is_one_refresh(settings: Emulator, command: Command, start: Start) -> None:
    settings.seed_clusters(1)
    settings.plan(970, JobPlan(seconds=600.0, fails=True))
    ended = command("wait", start(970).to_json())
    assert ended.code == 1
    assert "seeded_1: failed: " in ended.err


def test_a_ticket_of_a_tag_works_too(settings: Emulator, command: Command, runner: asyncio.Runner) -> None:
    settings.seed_tags(1)

    async def elsewhere() -> str:
        async with TaSession(settings.url, settings.token) as ta:
            return (await ta.project(102).tags.refresh(970)).ticket.to_json()

    assert command("wait", runner.run(elsewhere())).code == 0


def test_several_are_waited_for_at_once(
    settings: Emulator, command: Command, start: Start, runner: asyncio.Runner
) -> None:
    settings.seed_clusters(3)
    for cluster in (970, 971, 972):
        settings.plan(cluster, JobPlan(seconds=1000.0))
        start(cluster)
    began = runner.get_loop().time()
    assert command("wait", "970", "971", "972").code == 0
    assert runner.get_loop().time() - began < 1500.0


def test_a_file_may_hold_tickets_refs_and_comments(
    settings: Emulator, command: Command, start: Start, tmp_path: Path
) -> None:
    settings.seed_clusters(2)
    lines = tmp_path / "tickets"
    lines.write_text(f"# tonight\n{start(970).to_json()}\nseeded_2\n", encoding="utf-8")
    ended = command("wait", "--from-file", str(lines))
    assert ended.code == 0
    assert sorted(row.split()[1] for row in ended.out.splitlines()[1:]) == ["seeded_1", "seeded_2"]


def test_where_nothing_runs_it_tells_how_the_latest_refresh_ended(
    settings: Emulator, command: Command
) -> None:
    settings.seed_clusters(2)
    assert command("wait", "970").code == 0
    settings.plan(971, JobPlan(seconds=1.0, fails=True))
    command("refresh", "971")
    ended = command("wait", "971")
    assert ended.code == 1
    assert "the latest refresh failed" in ended.err


def test_a_time_that_passes_has_its_exit_code(settings: Emulator, command: Command, start: Start) -> None:
    settings.seed_clusters(1)
    settings.plan(970, JobPlan(seconds=3600.0))
    start(970)
    ended = command("wait", "970", "--timeout", "5m")
    assert ended.code == 4
    assert "timed out" in ended.out


def test_what_does_not_exist_does_not_hide_the_others(
    settings: Emulator, command: Command, start: Start
) -> None:
    settings.seed_clusters(1)
    start(970)
    ended = command("wait", "970", "nobody")
    assert ended.code == 1
    assert "succeeded" in ended.out
    assert "rejected" in ended.out
    assert command("wait", "nobody").code == 3
    outcome = json.loads(command("wait", "nobody", "--json").out.splitlines()[-1])["outcome"]
    assert (outcome["cluster_id"], outcome["cluster_name"]) == (None, "nobody")


def test_as_json_each_event_is_a_line(settings: Emulator, command: Command, start: Start) -> None:
    settings.seed_clusters(1)
    settings.plan(970, JobPlan(seconds=100.0))
    start(970)
    ended = command("wait", "970", "--json")
    events = [json.loads(line) for line in ended.out.splitlines()]
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[1], kinds[-1]) == ("planned", "attached", "finished")
    assert "progressed" in kinds
    assert events[-1]["outcome"]["status"] == "succeeded"
    assert ended.err == ""


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ('{"version": 1}', "project_id must be"),
        ("{", "is not valid JSON"),
        ('{"version": 9}', "has version 9"),
    ],
)
def test_what_is_no_ticket_is_refused(settings: Emulator, command: Command, word: str, words: str) -> None:
    ended = command("wait", word)
    assert ended.code == 2
    assert words in ended.err


def test_a_ticket_of_another_project_is_refused(settings: Emulator, command: Command, start: Start) -> None:
    settings.seed_clusters(1)
    ended = command("wait", start(970).to_json(), "--project-id", "103")
    assert ended.code == 2
    assert "for project 102" in ended.err


def test_without_anything_to_wait_for_it_says_so(
    settings: Emulator, command: Command, stdin: Callable[[str], None]
) -> None:
    assert command("wait").code == 2
    stdin("")
    assert command("wait", "--from-file", "-").code == 3


def test_a_token_that_is_rejected_is_said_once(
    settings: Emulator, command: Command, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.seed_clusters(2)
    monkeypatch.setenv("TA_TOKEN", "wrong")
    ended = command("wait", "970", "971")
    assert (ended.code, len(ended.err.splitlines())) == (2, 1)


def test_a_cluster_that_is_given_twice_counts_once(
    settings: Emulator, command: Command, start: Start
) -> None:
    settings.seed_clusters(2)
    settings.plan(970, JobPlan(seconds=600.0))
    ticket = start(970)
    ended = command(
        "wait", "970", "seeded_1", "970", "name:seeded_1", "seeded_2", "nobody", "nobody", "--json"
    )
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert events[0]["refs"] == 3
    ends = [event["outcome"] for event in events if event["event"] == "finished"]
    assert sorted((one["ref"], one["status"]) for one in ends if one["ref"] != 970) == [
        ("nobody", "rejected"),
        ("seeded_2", "succeeded"),
    ]
    # A ticket is one refresh, and the name whatever runs now.
    ended = command("wait", ticket.to_json(), ticket.to_json(), "seeded_1")
    assert [line.split()[0] for line in ended.out.splitlines()[1:]] == ["970", "970"]

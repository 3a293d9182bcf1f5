"""Which clusters and tags `ta-cluster refresh` takes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.emulator import Emulator, JobPlan

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Command, Ended


def refreshed(server: Emulator) -> list[str]:
    return sorted(str(effect.cluster_name) for effect in server.effects if effect.kind == "refreshed")


def named(ended: Ended) -> list[str]:
    return sorted(row.split()[1] for row in ended.out.splitlines()[1:])


def test_a_glob_takes_what_matches_it_among_clusters_and_tags(zoo: Emulator, command: Command) -> None:
    assert named(command("refresh", "whale_*")) == ["whale_1", "whale_2", "whale_tag_1"]


@pytest.mark.parametrize(
    ("flag", "names"), [("--tags", ["whale_tag_1"]), ("--clusters", ["whale_1", "whale_2"])]
)
def test_a_glob_may_be_for_one_of_the_two_alone(
    zoo: Emulator, command: Command, flag: str, names: list[str]
) -> None:
    assert named(command("refresh", "whale*", flag)) == names


def test_globs_ids_and_names_add_up_and_nothing_is_taken_twice(zoo: Emulator, command: Command) -> None:
    ended = command("refresh", "970", "cat_1", "whale_?", "whale_1")
    assert named(ended) == ["cat_1", "whale_1", "whale_2"]
    assert refreshed(zoo) == ["cat_1", "whale_1", "whale_2"]


def test_a_glob_without_a_match_is_told_and_the_others_go_on(zoo: Emulator, command: Command) -> None:
    ended = command("refresh", "dog_*", "cat_*")
    assert ended.code == 0
    assert "Nothing matches 'dog_*'." in ended.err
    assert refreshed(zoo) == ["cat_1"]


def test_where_nothing_matches_it_says_so_with_its_own_exit_code(zoo: Emulator, command: Command) -> None:
    ended = command("refresh", "dog_*")
    assert (ended.code, ended.out) == (3, "")
    assert "there is nothing to refresh" in ended.err
    assert not zoo.effects


def test_all_takes_all_but_the_uploaded_ones(
    zoo: Emulator, command: Command, stdin: Callable[[str], None]
) -> None:
    stdin("j77639\n")
    assert command("upload", "-", "--name", "letter", "--display-name", "Letter").code == 0
    ended = command("refresh", "--all")
    assert ended.code == 0
    assert refreshed(zoo) == ["cat_1", "whale_1", "whale_2", "whale_tag_1"]
    assert "Left out 1 uploaded cluster or tag, which has nothing to refresh." in ended.err


def test_an_uploaded_one_that_is_named_itself_gets_the_servers_answer(
    zoo: Emulator, command: Command, stdin: Callable[[str], None]
) -> None:
    stdin("j77639\n")
    command("upload", "-", "--name", "letter", "--display-name", "Letter")
    ended = command("refresh", "letter", "--exclude", "cat_1")
    assert ended.code == 1
    assert "rejected" in ended.out


@pytest.mark.parametrize("pattern", ["whale_1", "970", "*_1"])
def test_exclude_takes_ids_names_and_globs(zoo: Emulator, command: Command, pattern: str) -> None:
    command("refresh", "970", "971", "--exclude", pattern)
    assert refreshed(zoo) == ["whale_2"]


def test_exclude_may_be_given_several_times(zoo: Emulator, command: Command) -> None:
    command("refresh", "--all", "--exclude", "whale*", "--exclude", "nobody")
    assert refreshed(zoo) == ["cat_1"]


def test_a_file_has_a_reference_in_each_line_and_comments(
    zoo: Emulator, command: Command, tmp_path: Path
) -> None:
    lines = tmp_path / "refs.txt"
    lines.write_text("# tonight\n970\n\n  cat_*  \n", encoding="utf-8")
    command("refresh", "--from-file", str(lines))
    assert refreshed(zoo) == ["cat_1", "whale_1"]


def test_what_list_writes_as_json_can_be_piped_in(
    zoo: Emulator, command: Command, stdin: Callable[[str], None]
) -> None:
    stdin(command("list", "--name", "whale", "--json").out)
    command("refresh", "--from-file", "-")
    assert refreshed(zoo) == ["whale_1", "whale_2"]


def test_an_empty_file_is_nothing_and_not_everything(
    zoo: Emulator, command: Command, stdin: Callable[[str], None]
) -> None:
    stdin("\n")
    ended = command("refresh", "--from-file", "-")
    assert ended.code == 3
    assert not zoo.effects


@pytest.mark.parametrize("line", ["{", '{"name": "whale_1"}', '{"id": "970"}'])
def test_a_line_of_json_without_an_id_is_refused_by_its_number(
    zoo: Emulator, command: Command, stdin: Callable[[str], None], line: str
) -> None:
    stdin(f"cat_1\n{line}\n")
    ended = command("refresh", "--from-file", "-")
    assert ended.code == 2
    assert "Line 2 of the references" in ended.err
    assert not zoo.effects


LONG = ("TA_MAX_LINE", "cat_1\n" + "x" * 41 + "\n", "Line 2 has more than 40 characters.")
MANY = ("TA_MAX_REFS", "cat_1\n" * 41, "There are more than 40 references.")


@pytest.mark.parametrize("action", ["refresh", "wait"])
def test_references_have_bounds_that_are_told_and_can_be_set(
    zoo: Emulator,
    command: Command,
    stdin: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    action: str,
) -> None:
    for variable, text, sentence in (LONG, MANY):
        monkeypatch.setenv(variable, "40")
        stdin(text)
        ended = command(action, "--from-file", "-")
        assert ended.code == 2
        assert f"{sentence} " in ended.err
        assert f"To allow more, set {variable}." in ended.err
        assert not zoo.effects
        monkeypatch.setenv(variable, "41")
        stdin(text)
        assert sentence not in command(action, "--from-file", "-").err
        monkeypatch.delenv(variable)
        zoo.effects.clear()


def test_a_file_without_line_ends_and_without_end_is_refused(zoo: Emulator, command: Command) -> None:
    ended = command("refresh", "--from-file", "/dev/zero")
    assert ended.code == 2
    assert "Line 1 has more than 1048576 characters." in ended.err


@pytest.mark.usefixtures("zoo")
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "9" * 19])
def test_a_bound_that_is_no_number_is_refused(
    command: Command, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TA_MAX_REFS", value)
    ended = command("refresh", "--from-file", "/dev/null")
    assert ended.code == 2
    assert "TA_MAX_REFS must be a whole number above 0." in ended.err


def test_a_file_that_is_not_there_is_one_sentence(command: Command, zoo: Emulator) -> None:
    ended = command("refresh", "--from-file", "none.txt")
    assert (ended.code, ended.err) == (
        2,
        "Error: The file none.txt cannot be read: No such file or directory.\n",
    )


def test_standard_input_is_not_asked_for_two_things(zoo: Emulator, command: Command) -> None:
    ended = command("refresh", "--from-file", "-", "--token-file", "-")
    assert ended.code == 2
    assert "put one of them into a file" in ended.err


class TestStale:
    @pytest.fixture
    def emulator(self) -> Emulator:
        return Emulator(now=datetime.now(), job_seconds=5.0)  # noqa: DTZ005 - the server's local time

    @pytest.fixture
    def aged(
        self, emulator: Emulator, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Emulator]:
        """Clusters old_1 and old_2 of a day ago, and new_1 of now."""
        runner.run(emulator.__aenter__())
        monkeypatch.setenv("TA_BASE_URL", emulator.url)
        monkeypatch.setenv("TA_TOKEN", emulator.token)
        monkeypatch.setenv("TA_PROJECT_ID", str(emulator.project_id))
        emulator.seed_clusters(2, prefix="old")
        emulator.seed_clusters(1, prefix="new")
        yield emulator
        runner.run(emulator.__aexit__(None, None, None))

    def test_only_those_whose_refresh_is_longer_ago(self, aged: Emulator, command: Command) -> None:
        command("refresh", "new_1")
        assert named(command("refresh", "--stale-older-than", "12h")) == ["old_1", "old_2"]

    def test_it_narrows_what_else_is_named(self, aged: Emulator, command: Command) -> None:
        command("refresh", "old_1")
        assert named(command("refresh", "old_*", "--stale-older-than", "12h")) == ["old_2"]

    def test_when_none_is_stale_nothing_matches(self, aged: Emulator, command: Command) -> None:
        assert command("refresh", "--all", "--stale-older-than", "2d").code == 3
        assert not refreshed(aged)

    def test_the_servers_time_zone_counts(
        self, aged: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TZ", "UTC")
        # For a server whose clocks are 14 hours ahead of UTC, a refresh of a day ago by UTC is 38 hours old.
        monkeypatch.setenv("TA_TIMEZONE", "Pacific/Kiritimati")
        assert command("refresh", "--stale-older-than", "30h").code == 0
        assert len(refreshed(aged)) == 3

    @pytest.mark.parametrize("zone", ["Nowhere/Land", "../etc", ""])
    def test_a_zone_that_does_not_exist_is_refused(
        self, aged: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch, zone: str
    ) -> None:
        monkeypatch.setenv("TA_TIMEZONE", zone or "Asia")
        ended = command("refresh", "--stale-older-than", "1h")
        assert ended.code == 2
        assert "There is no time zone" in ended.err


class TestFailedIn:
    @pytest.fixture
    def journal(self, zoo: Emulator, command: Command, tmp_path: Path) -> str:
        """A journal with a run in which whale_1 failed and cat_1 did not."""
        path = str(tmp_path / "runs.db")
        zoo.plan(970, JobPlan(fails=True))
        assert command("refresh", "970", "972", "--journal", path).code == 1
        return path

    def test_takes_what_did_not_succeed_in_that_run(
        self, zoo: Emulator, command: Command, journal: str
    ) -> None:
        assert named(command("refresh", "--failed-in", "last", "--journal", journal)) == ["whale_1"]

    def test_a_run_may_be_named(self, zoo: Emulator, command: Command, journal: str) -> None:
        report = json.loads(
            command("refresh", "--failed-in", "last", "--journal", journal, "--json").out.splitlines()[-1]
        )
        ended = command("refresh", "--failed-in", report["run_id"], "--journal", journal)
        assert ended.code == 3
        assert "there is nothing to refresh" in ended.err

    def test_a_run_that_is_not_there_is_one_sentence(
        self, zoo: Emulator, command: Command, journal: str
    ) -> None:
        ended = command("refresh", "--failed-in", "never", "--journal", journal)
        assert ended.code == 2
        assert "has no run 'never'" in ended.err

    def test_without_a_journal_it_says_what_is_missing(self, zoo: Emulator, command: Command) -> None:
        ended = command("refresh", "--failed-in", "last")
        assert ended.code == 2
        assert "--journal" in ended.err

    def test_runs_of_another_project_do_not_count(
        self, zoo: Emulator, command: Command, journal: str
    ) -> None:
        ended = command("refresh", "--failed-in", "last", "--journal", journal, "--project-id", "103")
        assert ended.code == 2
        assert "has no runs yet" in ended.err


def test_of_refresh_times_only_older_ones_are_stale() -> None:
    from ta_cluster_async.cli.actions.selection import before  # noqa: PLC0415

    now = datetime(2020, 1, 2)  # noqa: DTZ001
    assert before(now, 86400.0) == now - timedelta(days=1)
    assert before(now, 1e300) == datetime.min  # noqa: DTZ901

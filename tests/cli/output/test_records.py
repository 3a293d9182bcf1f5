"""CSV, and fields that a person chooses, against an emulator where a command is run."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async.cli.output.records import csv_text
from tests.definitions.samples import API

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command


@pytest.mark.parametrize("first", list("=+-@\t\r＝＋－＠"))
def test_a_text_that_a_spreadsheet_would_calculate_begins_with_an_apostrophe(first: str) -> None:
    row = next(csv.reader([csv_text(["a"], [[f"{first}1+1"]]).split("\n")[1]]))
    assert row[0].startswith("'")
    assert row[0][1:].endswith("1+1")


def test_numbers_stay_as_they_are_and_each_row_is_one_line() -> None:
    rows: list[list[object]] = [
        [-1, 1.5, None, True, {"a": [1]}],
        ["a,b", 'say "x"', "two\nlines", "\x1b[2J", "名"],
    ]
    text = csv_text(["a", "b", "c", "d", "e"], rows)
    assert text.split("\n") == [
        "a,b,c,d,e",
        '-1,1.5,,true,"{""a"": [1]}"',
        '"a,b","say ""x""",two\\nlines,\\x1b[2J,名',
    ]


@pytest.mark.usefixtures("counting")
def test_a_list_as_csv_has_the_same_header_whatever_it_has(settings: Emulator, command: Command) -> None:
    header = "id,clusterName,displayName,clusterType,progress,usersNum,refreshTime,userName,remarks"
    assert command("list", "-o", "csv").out == f"{header}\n"
    settings.seed_clusters(2, prefix="whales")
    lines = command("list", "--output", "csv").out.splitlines()
    assert lines[0] == header
    assert [(row["id"], row["usersNum"]) for row in csv.DictReader(lines)] == [
        ("971", "2000"),
        ("970", "2000"),
    ]


@pytest.mark.usefixtures("counting")
def test_chosen_fields_are_written_in_their_order_in_each_form(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(2, prefix="whales")
    fields = ("--fields", "clusterName, id,remarks", "--sort", "id")
    assert command("list", *fields).out.split() == [
        *("clusterName", "id", "remarks"),
        *("whales_1", "970", "whales_2", "971"),
    ]
    assert command("list", *fields, "-o", "csv").out == (
        "clusterName,id,remarks\nwhales_1,970,\nwhales_2,971,\n"
    )
    assert [json.loads(line) for line in command("list", *fields, "--json").out.splitlines()] == [
        {"clusterName": "whales_1", "id": 970, "remarks": ""},
        {"clusterName": "whales_2", "id": 971, "remarks": ""},
    ]
    ended = command("list", "--fields", "name")
    assert ended.code == 2
    assert "No result has the field 'name'. It has: id, clusterName," in ended.err


def test_options_that_say_different_things_are_refused(settings: Emulator, command: Command) -> None:
    ended = command("list", "--json", "-o", "csv")
    assert (ended.code, ended.err) == (2, "Error: Use either --json or --output.\n")
    assert "--fields needs names" in command("list", "--fields", " , ").err
    assert settings.requests == []


@pytest.mark.usefixtures("counting")
def test_show_writes_one_record(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(1, prefix="whales")
    assert command("show", "970", "-o", "csv", "--fields", "id,usersNum").out == "id,usersNum\n970,2000\n"
    assert json.loads(command("show", "970", "-o", "json", "--fields", "id").out) == {"id": 970}
    assert command("show", "970", "-o", "json").out == command("show", "970", "--json").out


@pytest.mark.usefixtures("counting")
def test_check_and_runs_write_csv_and_chosen_fields(
    settings: Emulator, command: Command, tmp_path: Path
) -> None:
    settings.seed_clusters(1, prefix="whales")
    assert (
        command("check", "-o", "csv", "--fields", "cluster_name,ok").out == "cluster_name,ok\nwhales_1,true\n"
    )
    found = json.loads(command("check", "--json", "--fields", "ok").out)
    assert (found["checked"], found["clusters"]) == (1, [{"ok": True}])
    journal = str(tmp_path / "runs.db")
    assert command("refresh", "970", "--journal", journal).code == 0
    of_runs = command(
        "runs", "list", "--journal", journal, "-o", "csv", "--fields", "state,project_id,counts"
    )
    header, row = csv.reader(of_runs.out.splitlines())
    assert (header, row[0], json.loads(row[2])) == (
        ["state", "project_id", "counts"],
        "complete",
        {"succeeded": 1},
    )
    outcomes = command("runs", "show", "last", "--journal", journal, "-o", "csv").out.splitlines()
    assert (
        outcomes[0] == "ref,cluster_id,cluster_name,status,users_num,queue_seconds,run_seconds,code,message"
    )
    assert next(csv.DictReader(outcomes))["status"] == "succeeded"


@pytest.mark.usefixtures("counting")
def test_a_list_is_sorted_filtered_and_cut(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(3, prefix="whales")

    def names(*arguments: str) -> list[str]:
        lines = command("list", "--fields", "clusterName", "-o", "csv", *arguments).out.splitlines()
        return [line.removeprefix("whales_") for line in lines[1:]]

    assert names() == ["3", "2", "1"]
    assert names("--sort", "name") == ["1", "2", "3"]
    assert names("--sort", "id", "--reverse", "--limit", "2") == ["3", "2"]
    assert names("--reverse", "--limit", "1") == ["1"]
    assert names("--limit", "1") == ["3"]
    assert names("--limit", "1", "--page", "2", "--page-size", "1") == ["2"]
    assert names("--sort", "users", "--limit", "9") == ["3", "2", "1"]
    assert len(names("--sort", "refreshed")) == 3
    assert names("--status", "done", "--limit", "2") == ["3", "2"]
    ended = command("list", "--status", "failed")
    assert (ended.code, ended.err) == (3, "Nothing in the list matches.\n")


def test_what_the_list_does_not_say_has_no_state_and_is_the_last(
    settings: Emulator, command: Command
) -> None:
    from ta_cluster_async.emulator import Fault  # noqa: PLC0415 - of this test alone

    rows: list[Any] = [
        {"id": 1, "clusterName": "unknown"},
        {"id": 2, "clusterName": "failed", "progress": -1, "usersNum": 5},
        {"id": 3, "clusterName": "running", "progress": 99, "usersNum": 4},
        {"id": 4, "clusterName": "done", "progress": 100, "usersNum": 6},
    ]
    pager: Any = {"pageNum": 1, "pageSize": 1000, "totalNum": 4}

    def listed(*arguments: str) -> list[str]:
        settings.faults.add(Fault.data({"pagerResult": pager, "userClusters": rows}))
        return command("list", "-o", "csv", "--fields", "clusterName", *arguments).out.splitlines()[1:]

    for state in ("done", "running", "failed"):
        assert listed("--status", state) == [state]
    assert listed("--sort", "users") == ["running", "failed", "done", "unknown"]
    assert listed("--sort", "users", "--reverse") == ["done", "failed", "running", "unknown"]


@pytest.mark.usefixtures("counting")
def test_commands_that_change_something_say_so_as_json(
    settings: Emulator, command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "whales.json"
    body = json.loads(json.dumps(API | {"clusterName": "whales"}))
    file.write_text(json.dumps(body), encoding="utf-8")
    ids = {"cluster_id": 970, "cluster_name": "whales"}
    planned = json.loads(command("create", str(file), "--dry-run", "--json").out)
    assert (planned["event"], planned["cluster_name"]) == ("would_create", "whales")
    assert planned["diff"]
    assert json.loads(command("create", str(file), "--json").out) == {"event": "created", **ids}
    assert json.loads(command("update", "whales", str(file), "--json").out) == {"event": "unchanged", **ids}
    file.write_text(json.dumps(body | {"displayName": "other"}), encoding="utf-8")
    planned = json.loads(command("update", "970", str(file), "--dry-run", "--json").out)
    assert (planned["event"], planned["cluster_id"]) == ("would_update", 970)
    assert any("other" in line for line in planned["diff"])
    assert json.loads(command("update", "970", str(file), "--json").out) == {"event": "updated", **ids}
    progress = json.loads(command("progress", "970", "--json").out)
    assert progress.keys() == {"event", "ref", "progress"}
    assert json.loads(command("delete", "whales", "--yes", "--json").out) == {"event": "deleted", **ids}

"""The commands against an emulator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.batch import RefreshReport
from ta_cluster_async.emulator import Fault, JobPlan
from ta_cluster_async.models import RefreshTicket

if TYPE_CHECKING:
    from ta_cluster_async.emulator import Emulator, JsonValue
    from tests.cli.conftest import Command

VIPS: dict[str, JsonValue] = {
    "events": [],
    "filts": [{"tableType": "user", "columnName": "vip", "comparator": "isTrue", "ftv": []}],
}


@pytest.mark.usefixtures("counting")
def test_list_shows_the_clusters_with_their_users(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(2, prefix="whales")
    ended = command("list")
    header, *rows = ended.out.splitlines()
    assert ended.code == 0
    columns = ["id", "name", "display", "name", "progress", "users", "refreshed", "type", "owner", "remarks"]
    assert header.split() == columns
    kind = "cluster_by_static_condition"
    assert [row.split() for row in rows] == [
        ["971", "whales_2", "whales_2", "100%", "2000", "2020-01-09", "10:51:14", kind, "emulator"],
        ["970", "whales_1", "whales_1", "100%", "2000", "2020-01-09", "10:51:14", kind, "emulator"],
    ]


def _listed(command: Command, *arguments: str) -> list[str]:
    ended = command("list", "--json", *arguments)
    return [json.loads(line)["clusterName"] for line in ended.out.splitlines()]


def test_list_takes_globs_types_and_pages(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(5, prefix="whales")
    assert _listed(command, "--name", "whales_[12]") == ["whales_2", "whales_1"]
    assert _listed(command, "--name", "hales_1*") == []
    assert _listed(command, "--type", "cluster_by_dynamic_condition") == []
    assert len(_listed(command, "--type", "cluster_by_static_condition", "--type", "cluster_by_result")) == 5
    assert _listed(command, "--page", "2", "--page-size", "2") == ["whales_3", "whales_2"]
    assert _listed(command, "--page", "3", "--page-size", "2") == ["whales_1"]
    assert _listed(command, "--page", "4", "--page-size", "2") == []
    assert _listed(command, "--name", "whales_?", "--page", "2", "--page-size", "2") == [
        "whales_3",
        "whales_2",
    ]
    ended = command("list", "--page", "9")
    assert (ended.code, ended.err) == (3, "Nothing in the list matches.\n")


def test_the_rows_on_a_page_are_those_of_the_requests_where_all_are_read(
    settings: Emulator, command: Command
) -> None:
    settings.seed_clusters(5)
    assert len(_listed(command, "--page-size", "2")) == 5
    assert [json.loads(one.body or b"")["pagerHeader"]["pageSize"] for one in settings.requests] == [2, 2, 2]


def test_list_tells_of_rows_that_the_server_counts_and_does_not_give(
    settings: Emulator, command: Command
) -> None:
    pager: JsonValue = {"pageNum": 1, "pageSize": 1000, "totalNum": 2}
    first: list[JsonValue] = [{"id": 1, "clusterName": "one"}]
    for rows in (first, []):
        settings.faults.add(Fault.data({"pagerResult": pager, "userClusters": rows}))
    ended = command("list")
    assert (ended.code, ended.err) == (
        0,
        "Warning: The list has 1 row fewer than the server's totalNum says.\n",
    )


def test_list_shows_tags_where_they_are_asked_for(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(1)
    settings.seed_tags(1, prefix="tier")
    ended = command("list", "--tags")
    assert "tier_1" in ended.out
    assert "seeded_1" not in ended.out


def test_list_as_json_has_a_row_a_line_in_the_apis_own_names(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(2)
    rows = [json.loads(line) for line in command("list", "--json").out.splitlines()]
    assert [row["clusterName"] for row in rows] == ["seeded_2", "seeded_1"]


def test_a_list_of_nothing_is_no_failure_and_says_so(settings: Emulator, command: Command) -> None:
    ended = command("list")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "There is no cluster in this project.\n"


def test_a_search_that_finds_nothing_has_its_own_exit_code(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(1)
    ended = command("list", "--name", "whale")
    assert ended.code == 3
    assert ended.err == "No cluster has 'whale' in its name.\n"


def test_show_has_the_fields_and_the_definition(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(1, definition=VIPS)
    ended = command("show", "seeded_1")
    assert ended.code == 0
    assert ended.out.splitlines()[0].split() == ["id", "970"]
    assert '"columnName": "vip"' in ended.out


def test_show_takes_a_tag_as_well(settings: Emulator, command: Command) -> None:
    settings.seed_tags(1)
    assert "userTagValueDefs" in command("show", "970").out


def test_show_as_json_is_the_servers_answer(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(1, definition=VIPS)
    said = json.loads(command("show", "970", "--json").out)
    assert said["clusterName"] == "seeded_1"
    assert said["userClusterDef"]["filts"][0]["comparator"] == "isTrue"


def test_what_a_terminal_would_obey_in_a_display_name_is_not_written(
    settings: Emulator, command: Command
) -> None:
    settings.seed_clusters(1)
    settings.faults.add(Fault.rewrite(_with_red_display_name), path="user-cluster-detail")
    out = command("show", "970").out
    assert "red" in out
    assert "\x1b" not in out


def _with_red_display_name(envelope: dict[str, JsonValue]) -> JsonValue:
    data = envelope["data"]
    assert isinstance(data, dict)
    return {**envelope, "data": {**data, "displayName": "\x1b[31mred\x1b[0m"}}


def test_progress_is_a_number_alone(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(1)
    ended = command("progress", "seeded_1")
    assert (ended.code, ended.out, ended.err) == (0, "100\n", "")


@pytest.mark.parametrize("verb", ["show", "progress"])
def test_a_ref_that_does_not_exist_has_its_own_exit_code(
    settings: Emulator, command: Command, verb: str
) -> None:
    ended = command(verb, "nobody")
    assert ended.code == 3
    assert ended.out == ""
    assert ended.err.startswith("Error: ")


@pytest.mark.usefixtures("counting")
def test_refresh_takes_ids_and_names_of_clusters_and_tags(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(1)
    settings.seed_tags(1)
    ended = command("refresh", "970", "seeded_tag_1")
    header, *rows = ended.out.splitlines()
    assert ended.code == 0
    assert header.split() == ["id", "name", "status", "users", "seconds"]
    assert sorted(row.split()[:4] for row in rows) == [
        ["970", "seeded_1", "succeeded", "2000"],
        ["971", "seeded_tag_1", "succeeded", "2000"],
    ]
    assert [effect.kind for effect in settings.effects] == ["refreshed", "refreshed"]
    assert ended.err.startswith("2 succeeded in ")


def test_refresh_keeps_to_the_most_at_a_time(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(3)
    assert command("refresh", "970", "971", "972", "--max-running", "1").code == 0
    assert settings.most_running == 1


def test_a_failure_says_why_and_does_not_hide_a_success(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(2)
    settings.plan(970, JobPlan(fails=True))
    ended = command("refresh", "970", "971")
    assert ended.code == 1
    assert "seeded_1: failed: " in ended.err
    assert [row.split()[2] for row in sorted(ended.out.splitlines()[1:])] == ["failed", "succeeded"]


def test_a_refresh_of_nothing_that_exists_has_its_own_exit_code(settings: Emulator, command: Command) -> None:
    ended = command("refresh", "nobody")
    assert ended.code == 3
    assert "There is no cluster or tag 'nobody' in this project." in ended.err


def test_a_deadline_that_passes_has_its_own_exit_code(settings: Emulator, command: Command) -> None:
    settings.seed_clusters(1)
    settings.plan(970, JobPlan(stops_at=50))
    ended = command("refresh", "970", "--timeout", "60")
    assert ended.code == 4
    assert "timed out" in ended.out


def test_refresh_as_json_tells_each_event_and_ends_with_the_report(
    settings: Emulator, command: Command
) -> None:
    settings.seed_clusters(1)
    ended = command("refresh", "970", "--json")
    *events, last = [json.loads(line) for line in ended.out.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "planned"
    assert kinds.count("submitted") == 1
    assert kinds[-1] == "finished"
    submitted = events[kinds.index("submitted")]
    assert RefreshTicket.from_json(json.dumps(submitted["ticket"])).cluster_id == 970
    assert last["event"] == "report"
    assert RefreshReport.from_json(ended.out.splitlines()[-1]).counts == {"succeeded": 1}
    assert ended.err == ""


def test_the_options_lead_to_a_server_as_the_environment_does(
    settings: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.seed_clusters(1)
    monkeypatch.delenv("TA_BASE_URL")
    monkeypatch.delenv("TA_PROJECT_ID")
    assert command("progress", "970", "--base-url", settings.url, "--project-id", "102").out == "100\n"

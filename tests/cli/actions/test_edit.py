"""`ta-cluster create`, `update` and `delete`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from ta_cluster_async.emulator import Fault
from tests.definitions.samples import API, WHALES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command

    Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file and gives its path: text as YAML, everything else as JSON."""

    def write(content: object, name: str | None = None) -> str:
        is_text = isinstance(content, str)
        path = tmp_path / (name or ("definition.yaml" if is_text else "definition.json"))
        text = str(content) if is_text else json.dumps(content, ensure_ascii=False, indent=1)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize(
    ("name", "content"),
    [("none.json", None), ("latin.json", b'{"displayName": "\xe9"}'), ("folder", "folder")],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    settings: Emulator, command: Command, tmp_path: Path, name: str, content: bytes | str | None
) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "folder":
        path.mkdir()
    ended = command("create", str(path))
    assert ended.code == 2
    assert "cannot be read" in ended.err
    assert len(ended.err.splitlines()) == 1


# create


def test_create_writes_the_id_and_says_what_it_did(
    settings: Emulator, command: Command, write: Write
) -> None:
    ended = command("create", write(WHALES))
    assert (ended.code, ended.out, ended.err) == (0, "970\n", "Created whales (970).\n")
    made = settings.cluster("whales")
    assert (made.display_name, made.catalog, made.definition) == ("巨鲸", "catalog_cluster", API["qp"])


def test_create_makes_a_tag_where_the_definition_is_one(
    settings: Emulator, command: Command, write: Write
) -> None:
    command(
        "create", write("name: t\ndisplay_name: T\nevent: {event_name: pay, analysis: SUM, quota: amount}\n")
    )
    assert settings.cluster("t").catalog == "catalog_tag"


def test_create_reads_standard_input(
    settings: Emulator, command: Command, stdin: Callable[[str], None]
) -> None:
    stdin(WHALES)
    assert command("create", "-").out == "970\n"


def test_a_mistake_is_told_before_anything_is_sent(
    settings: Emulator, command: Command, write: Write
) -> None:
    path = write(WHALES.replace("greater", "greaterThan"))
    ended = command("create", path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"Error: {path} cannot be used: line 6: ")
    assert not settings.requests


def test_a_dry_run_of_create_shows_all_of_it_as_new(
    settings: Emulator, command: Command, write: Write
) -> None:
    ended = command("create", write(WHALES), "--dry-run")
    assert ended.code == 0
    assert ended.out.startswith("--- nothing\n+++ whales\n")
    added = [line[1:] for line in ended.out.splitlines()[3:]]
    assert json.loads("".join(added)) == API
    assert not settings.effects


def test_a_dry_run_of_create_says_when_the_name_is_taken(
    settings: Emulator, command: Command, write: Write
) -> None:
    command("create", write(WHALES))
    ended = command("create", write(WHALES), "--dry-run")
    assert ended.code == 2
    assert "The name whales is taken by 970" in ended.err


@pytest.mark.usefixtures("counting")
def test_what_the_server_does_not_take_is_one_sentence(
    settings: Emulator, command: Command, write: Write
) -> None:
    ended = command("create", write(WHALES.replace("amount", "no_such_property")))
    assert (ended.code, ended.out) == (1, "")
    assert "no_such_property" in ended.err


def test_tags_may_be_said_where_nothing_else_tells_it(
    settings: Emulator, command: Command, write: Write
) -> None:
    ended = command("create", write(WHALES), "--tags")
    assert ended.code == 2
    assert "defines a cluster" in ended.err


# update


@pytest.fixture
def whales(settings: Emulator, command: Command, write: Write) -> Emulator:
    assert command("create", write(WHALES)).code == 0
    return settings


@pytest.mark.parametrize("ref", ["whales", "970"])
def test_update_changes_the_definition(whales: Emulator, command: Command, write: Write, ref: str) -> None:
    ended = command("update", ref, write(WHALES.replace("1000", "5000").replace("巨鲸", "Giants")))
    assert (ended.code, ended.err) == (0, "Updated whales (970).\n")
    changed = whales.cluster("whales")
    assert changed.display_name == "Giants"
    assert changed.definition["events"][0]["num"] == "5000"  # type: ignore[index,call-overload]


def test_what_show_writes_can_be_changed_and_sent_back(
    whales: Emulator, command: Command, write: Write
) -> None:
    text = command("show", "whales", "--json").out
    path = write(json.loads(text.replace("巨鲸", "Giants")))
    ended = command("update", "whales", path, "--dry-run")
    changes = [line for line in ended.out.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert changes == ['-  "displayName": "巨鲸",', '+  "displayName": "Giants",']
    assert command("update", "whales", path).code == 0
    assert whales.cluster("whales").display_name == "Giants"


def test_what_show_writes_of_a_tag_makes_another_one(
    settings: Emulator, command: Command, write: Write
) -> None:
    settings.seed_tags(1, prefix="tier")
    shown = json.loads(command("show", "tier_1", "--json").out)
    assert command("create", write({**shown, "clusterName": "copy"})).code == 0
    copy, original = settings.cluster("copy"), settings.cluster("tier_1")
    assert (copy.catalog, copy.definition) == ("catalog_tag", original.definition)


def test_a_dry_run_of_update_shows_what_would_change_and_changes_nothing(
    whales: Emulator, command: Command, write: Write
) -> None:
    effects = len(whales.effects)
    ended = command("update", "whales", write(WHALES.replace("1000", "5000")), "--dry-run")
    assert ended.code == 0
    assert ended.out.startswith("--- whales on the server\n+++ whales in the file\n")
    assert '-        "num": "1000",' in ended.out
    assert '+        "num": "5000",' in ended.out
    assert len(whales.effects) == effects


def test_where_nothing_would_change_the_dry_run_says_so(
    whales: Emulator, command: Command, write: Write
) -> None:
    text = command("show", "whales", "--json").out
    ended = command("update", "whales", write(json.loads(text)), "--dry-run")
    assert (ended.code, ended.out, ended.err) == (0, "", "Nothing would change.\n")


def test_keys_that_the_file_does_not_have_are_told_by_the_dry_run(
    whales: Emulator, command: Command, write: Write
) -> None:
    body = {key: value for key, value in API.items() if key != "qp"}
    ended = command("update", "whales", write(body), "--dry-run")
    assert "left to the server: qp." in ended.err


def test_a_file_of_another_cluster_is_refused(whales: Emulator, command: Command, write: Write) -> None:
    ended = command("update", "whales", write(WHALES.replace("whales", "dolphins")))
    assert ended.code == 2
    assert "defines dolphins" in ended.err
    assert [effect.kind for effect in whales.effects] == ["created"]


def test_a_definition_of_a_tag_does_not_go_to_a_cluster(
    whales: Emulator, command: Command, write: Write
) -> None:
    tag = "display_name: T\nevent: {event_name: pay, analysis: SUM, quota: amount}\n"
    ended = command("update", "whales", write(tag))
    assert ended.code == 2
    assert [effect.kind for effect in whales.effects] == ["created"]


def test_update_of_what_does_not_exist_has_its_exit_code(
    settings: Emulator, command: Command, write: Write
) -> None:
    assert command("update", "nobody", write("display_name: A\n")).code == 3


# delete


def test_delete_with_yes_does_not_ask(whales: Emulator, command: Command) -> None:
    whales.seed_tags(1)
    ended = command("delete", "whales", "971", "--yes")
    assert ended.code == 0
    assert ended.err == "Deleted whales (970).\nDeleted seeded_tag_1 (971).\n"
    assert not whales.clusters()


def test_delete_without_anybody_to_ask_is_refused(
    whales: Emulator, command: Command, stdin: Callable[[str], None]
) -> None:
    stdin("y\n")
    ended = command("delete", "whales")
    assert ended.code == 2
    assert "use --yes" in ended.err
    assert [cluster.name for cluster in whales.clusters()] == ["whales"]


def test_delete_deletes_nothing_when_one_of_them_does_not_exist(whales: Emulator, command: Command) -> None:
    assert command("delete", "whales", "nobody", "--yes").code == 3
    assert [cluster.name for cluster in whales.clusters()] == ["whales"]


def test_tags_protects_a_cluster_from_a_slip(whales: Emulator, command: Command, write: Write) -> None:
    assert command("delete", "whales", "--tags", "--yes").code == 2
    assert command("update", "whales", write(WHALES), "--tags").code == 2
    assert command("show", "whales", "--tags").code == 2
    assert [cluster.name for cluster in whales.clusters()] == ["whales"]


# references as they are given


def test_delete_by_name_asks_the_server_by_name(whales: Emulator, command: Command) -> None:
    assert command("delete", "whales", "--yes").code == 0
    assert whales.requests[-1].path.endswith("delete-user-cluster-by-name")


def test_a_name_of_digits_can_be_said(settings: Emulator, command: Command, write: Write) -> None:
    assert command("create", write(WHALES.replace("whales", "'123456'"))).code == 0
    assert command("show", "123456").code == 3
    assert "123456" in command("show", "name:123456").out
    assert command("delete", "name:123456", "--yes").code == 0


def test_a_number_that_is_no_id_is_one_sentence(settings: Emulator, command: Command) -> None:
    ended = command("show", "9" * 5000)
    assert (ended.code, len(ended.err.splitlines())) == (2, 1)
    assert "name:DIGITS" in ended.err


# a comparison that converges

KINDS = {
    "cluster": WHALES,
    "values": """\
name: whales
display_name: W
values:
  - {tag_value: much, definition: {events: [{event_name: pay, comparator: greater, num: 1000, recent_day: 1-30}]}}
  - {tag_value: little, definition: {filters: [{column_name: vip, comparator: isTrue}]}}
""",
    "first_last": "name: whales\ndisplay_name: W\nevent: {event_name: pay, property: amount, recent_day: 1-1000}\n",
    "quota": "name: whales\ndisplay_name: W\nevent: {event_name: pay, analysis: SUM, quota: amount, recent_day: 1-1000}\n",
}


@pytest.mark.parametrize("resolve", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_file_that_made_it_changes_nothing_and_one_number_is_one_hunk(
    settings: Emulator, command: Command, write: Write, kind: str, *, resolve: bool
) -> None:
    settings.settings = attrs.evolve(settings.settings, resolve_windows=resolve)
    path = write(KINDS[kind])
    assert command("create", path).code == 0
    ended = command("update", "whales", path, "--dry-run")
    assert (ended.code, ended.out, ended.err) == (0, "", "Nothing would change.\n")
    ended = command("update", "whales", path)
    assert (ended.code, ended.err) == (0, "Nothing was sent: whales (970) is as the file says.\n")
    assert [effect.kind for effect in settings.effects] == ["created"]
    ended = command("update", "whales", write(KINDS[kind].replace("1000", "2000")), "--dry-run")
    assert ended.out.count("@@ -") == 1
    changes = [line for line in ended.out.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert len(changes) == 2


def test_remarks_are_compared_with_those_of_the_list(
    whales: Emulator, command: Command, write: Write
) -> None:
    ended = command("update", "whales", write(WHALES + "remarks: ''\n"), "--dry-run")
    assert (ended.out, ended.err) == ("", "Nothing would change.\n")
    ended = command("update", "whales", write(WHALES + "remarks: of April\n"), "--dry-run")
    assert '+  "remarks": "of April"' in ended.out


# a server whose answers nobody has foreseen

ODD_FILTER: Any = {
    "columnName": "vip",
    "comparator": "future",
    "ftv": [1, None, "", True],
    "tableType": "",
    "filts": [],
    "more": None,
}
ODD_EVENT: Any = {
    "eventName": "pay",
    "comparator": "greater",
    "num": 1000.5,
    "recentDay": "",
    "startTime": "",
    "endTime": None,
    "taPropQuota": {"quota": "", "analysis": "SUM", "deep": {"x": [1, {"y": None}]}},
    "filts": None,
    "calcPropVo": "a text",
    "more": {"a": [None, ""]},
}
ODD_CLUSTER: Any = {
    "relation": "",
    "event_relation": None,
    "event_user_relation": "xor",
    "events": [ODD_EVENT, {"eventName": "login", "comparator": None, "taPropQuota": None}],
    "filts": [ODD_FILTER, {"filterType": "COMPOUND", "filts": [ODD_FILTER], "relation": "and"}],
    "more": [{"z": 1}],
}
ODD = {
    "cluster": {
        "clusterType": "cluster_by_dynamic_future",
        "displayName": "D",
        "usersNum": None,
        "refreshTime": None,
        "userClusterDef": ODD_CLUSTER,
        "more": {"q": [1]},
    },
    "null": {"clusterType": "cluster_by_dynamic_sql", "userClusterDef": None, "sql": "select 1000"},
    "values": {
        "clusterType": "tag_by_static_condition",
        "userTagDef": {
            "userTagValueDefs": [
                {"tagValue": "much", "userClusterDef": ODD_CLUSTER, "more": 1},
                {"tagValue": "", "userClusterDef": None},
            ],
            "userTagConQuotaDef": None,
            "more": "",
        },
    },
    "first_last": {
        "clusterType": "tag_by_static_condition",
        "userTagDef": {
            "userTagConFirstLastEventDef": {
                "userTagConFirstLastEvent": {
                    "eventName": "pay",
                    "calcPropVo": "amount 1000",
                    "recentDay": "",
                    "filts": [ODD_FILTER],
                    "relation": "",
                    "more": {},
                },
                "more": [],
            }
        },
    },
    "quota": {
        "clusterType": None,
        "displayName": None,
        "userTagDef": {
            "userTagConQuotaDef": {
                "userTagConQuotaEvent": {
                    "eventName": "pay",
                    "analysis": "SUMS",
                    "quota": None,
                    "analysisParams": "1000",
                    "recentDay": None,
                    "filts": None,
                    "more": [[]],
                }
            }
        },
    },
}


def _taken(data: Any) -> Fault:
    """The answer of a server that takes everything."""
    return Fault.rewrite(lambda _: {"return_code": 0, "return_message": "success", "data": data})


def _body_of(sent: Emulator) -> dict[str, Any]:
    body = json.loads(sent.requests[-1].body or b"")
    assert isinstance(body, dict)
    return body


@pytest.mark.parametrize("kind", ODD)
def test_what_show_writes_of_any_server_is_taken_back_unchanged(
    settings: Emulator, command: Command, tmp_path: Path, kind: str
) -> None:
    settings.seed_clusters(1)
    detail = {
        "id": 970,
        "clusterName": "seeded_1",
        "displayName": "D",
        "progress": 100,
        "projectId": 102,
        "usersNum": 3,
        **ODD[kind],
    }
    settings.faults.add(_taken(detail), path="user-cluster-detail", count=None)
    path = tmp_path / "shown.json"
    text = command("show", "970", "--json").out
    path.write_text(text, encoding="utf-8")
    # A dry run and an update of what has not changed have nothing to say but warnings, and send nothing.
    ended = command("update", "970", str(path), "--dry-run")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.endswith("Nothing would change.\n")
    assert "Nothing was sent" in command("update", "970", str(path)).err
    assert not [one for one in settings.requests if "update" in one.path]
    # One number is changed: all else goes back as it came.
    settings.faults.add(_taken(""), path="user-cluster-update", count=None)
    path.write_text(text.replace("1000", "2000"), encoding="utf-8")
    assert command("update", "970", str(path)).code == 0
    shown, body = json.loads(text.replace("1000", "2000")), _body_of(settings)
    assert shown == {key: value for key, value in shown.items() if key in detail}
    for key, value in shown.items():
        new = {"userClusterDef": "qp", "userTagDef": "tagQp"}.get(key, key)
        if key not in ("id", "clusterName", "progress", "projectId", "usersNum", "refreshTime"):
            assert json.dumps(body[new]) == json.dumps(value)
    for key in ("userClusterDef", "userTagDef"):
        assert shown.get(key) == json.loads(json.dumps(ODD[kind].get(key)).replace("1000", "2000"))
    # The same under a new name is what is created.
    settings.faults.add(_taken(971), path="user-cluster-add", count=None)
    copy = {**shown, "clusterName": "copied", "displayName": "Copied"}
    path.write_text(json.dumps(copy), encoding="utf-8")
    assert command("create", str(path)).out == "971\n"
    made = _body_of(settings)
    new = "qp" if "userClusterDef" in shown else "tagQp"
    assert json.dumps(made[new]) == json.dumps(shown.get("userClusterDef", shown.get("userTagDef")))
    assert (made["clusterName"], made["displayName"], made["projectId"]) == ("copied", "Copied", 102)


def test_a_body_in_the_apis_names_may_have_an_empty_recent_day(
    settings: Emulator, command: Command, write: Write
) -> None:
    event = {**API["qp"]["events"][0], "recentDay": "", "startTime": "2020-01-01", "endTime": "2020-01-09"}
    ended = command("create", write({**API, "qp": {**API["qp"], "events": [event]}}))
    assert (ended.code, ended.out) == (0, "970\n")
    assert _body_of(settings)["qp"]["events"] == [event]


def test_a_number_is_sent_as_it_is_written(settings: Emulator, command: Command, write: Write) -> None:
    assert command("create", write(WHALES.replace("1000", "010"))).code == 0
    assert _body_of(settings)["qp"]["events"][0]["num"] == "010"
    for wrong in ("0x1F", "1_000", "12:30", "lots"):
        ended = command("create", write(WHALES.replace("1000", wrong)))
        assert (ended.code, "definition.yaml" in ended.err, "line 7" in ended.err) == (2, True, True), wrong

"""`ta-cluster create`, `update` and `delete`, and the definitions in files that they read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async import (
    ConditionCluster,
    ConditionTag,
    FirstLastEvent,
    FirstLastTag,
    QuotaEvent,
    QuotaTag,
    TagValue,
    all_of,
    event,
    user,
)
from ta_cluster_async.cli.commands.demo_data import TEAM
from ta_cluster_async.definitions.loader import read_definition
from ta_cluster_async.models import create_body, unstructure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command

    Write = Callable[..., str]

WHALES = """\
name: whales
display_name: 巨鲸
definition:
  events:
    - event_name: pay
      comparator: greater
      num: 1000
      recent_day: 1-30
      quota: {analysis: SUM, quota: amount}
  filters:
    - {column_name: vip, comparator: isTrue}
"""
API = {
    "clusterName": "whales",
    "displayName": "巨鲸",
    "clusterType": "cluster_by_static_condition",
    "qp": {
        "events": [
            {
                "eventName": "pay",
                "comparator": "greater",
                "num": "1000",
                "recentDay": "1-30",
                "taPropQuota": {"analysis": "SUM", "quota": "amount"},
            }
        ],
        "event_relation": "and",
        "filts": [{"columnName": "vip", "comparator": "isTrue", "ftv": [], "tableType": "user"}],
        "relation": "and",
        "event_user_relation": "and",
    },
}


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


def body_of(path: str, *, create: bool = True) -> dict[str, Any]:
    return read_definition(path, create=create, strict_names=True, project_id=102).body


def refusal(path: str, *, create: bool = True) -> list[str]:
    """The mistakes of a file, each beginning with its line."""
    from ta_cluster_async import InvalidRequest  # noqa: PLC0415

    with pytest.raises(InvalidRequest) as refused:
        body_of(path, create=create)
    lines = refused.value.message.splitlines()
    return [lines[0].partition(": ")[2]] if len(lines) == 1 else [line.strip() for line in lines[1:]]


# What a file says


def test_the_librarys_names_in_yaml_make_the_same_body_as_the_apis_names_in_json(write: Write) -> None:
    assert body_of(write(WHALES)) == body_of(write(API)) == API


def test_what_the_library_has_as_a_default_need_not_be_said_in_its_names(write: Write) -> None:
    text = "name: a\ndisplay_name: A\ndefinition:\n  events:\n  - {event_name: pay, comparator: greater, num: 4}\n"
    definition = all_of(event("pay").times().greater(4))
    expected = create_body(ConditionCluster("a", "A", definition))
    assert body_of(write(text)) == {key: value for key, value in expected.items() if key != "clusterCatalog"}


def test_a_body_in_the_apis_names_goes_out_as_it_is(write: Write) -> None:
    body = {**API, "newKey": {"x": [1, None, "2"]}, "clusterType": "cluster_by_static_sql", "sql": "SELECT 1"}
    assert body_of(write(body)) == body


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (
            """\
name: spender
display_name: Spender
values:
  - tag_value: much
    definition: {filters: [{column_name: total_pay, comparator: greater, values: [1000]}]}
""",
            ConditionTag("spender", "Spender", [TagValue("much", all_of(user("total_pay").greater(1000)))]),
        ),
        (
            "name: last_item\ndisplay_name: L\nevent: {event_name: use, property: item_id, is_first_event: false}\n",
            FirstLastTag("last_item", "L", FirstLastEvent("use", "item_id", is_first_event=False)),
        ),
        (
            "name: paid\ndisplay_name: P\nevent: {event_name: pay, analysis: SUM, quota: amount, recent_day: 1-30}\n",
            QuotaTag("paid", "P", QuotaEvent("pay", "SUM", "amount", recent_day="1-30")),
        ),
    ],
    ids=["values", "first or last", "aggregate"],
)
def test_the_three_kinds_of_tags_in_the_librarys_names(
    write: Write, text: str, tag: ConditionTag | FirstLastTag | QuotaTag
) -> None:
    body = body_of(write(text))
    expected = create_body(tag)
    assert body == {key: value for key, value in expected.items() if key != "clusterCatalog"}


@pytest.mark.parametrize("definition", TEAM, ids=lambda definition: definition.name)
def test_each_body_that_the_library_makes_is_taken_without_a_doubt(write: Write, definition: Any) -> None:
    body = create_body(definition)
    found = read_definition(write(body), create=True, strict_names=True, project_id=102)
    assert (found.body, found.doubts, found.catalog) == (body, [], definition.catalog)


def test_filters_of_an_event_are_on_its_own_properties_unless_it_is_said_otherwise(write: Write) -> None:
    text = (
        "name: a\ndisplay_name: A\ndefinition:\n  events:\n  - event_name: pay\n    comparator: greater\n    num: 0\n"
        "    filters: [{column_name: channel, comparator: equal, values: [ios]}]\n"
    )
    [condition] = body_of(write(text))["qp"]["events"]
    assert condition["filts"][0]["tableType"] == "event"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("display_name: A\ndefinition: {}\n", 1, "'clusterName' is missing"),
        ("name: a\ndefinition: {}\n", 1, "'displayName' is missing"),
        ("name: a b\ndisplay_name: A\ndefinition: {}\n", 1, "the name 'a b' is refused"),
        (f"name: a\ndisplay_name: {'x' * 51}\ndefinition: {{}}\n", 2, "has 51 characters"),
        ("name: a\ndisplay_name: ''\ndefinition: {}\n", 2, "the display name is empty"),
        ("name: 12\ndisplay_name: A\ndefinition: {}\n", 1, "'clusterName' has to be text"),
        ("name: a\ndisplay_name: A\n", 1, "'definition' is missing"),
        ("name: a\ndisplay_name: A\ncluster_type: cluster_by_static_condition\n", 1, "'qp' is missing"),
        ("name: a\ndisplay_name: A\ndefinition: []\n", 3, "an object is expected here, not a list"),
        ("name: a\ndisplay_name: A\ndefinition:\n  events: {}\n", 4, "'events' has to be a list"),
        ("name: a\ndisplay_name: A\ndefinition:\n  events:\n  - num: 4\n", 5, "'eventName' is missing"),
        (
            "name: a\ndisplay_name: A\ndefinition:\n  filters:\n  - {column_name: x, comparator: isNotNull}\n",
            5,
            "'notNull' may be meant",
        ),
        (
            "name: a\ndisplay_name: A\ndefinition:\n  relation: yes\n",
            4,
            "has to be a string, not true or false",
        ),
        ("name: a\ndisplay_name: A\ndefinition:\n  filtres: []\n", 4, "'filters' may be meant"),
        ("name: a\ndisplayname: A\ndefinition: {}\n", 2, "'display_name' may be meant"),
        ("name: a\ndisplay_name: A\nclusterName: b\n", 3, "the same as a key before it"),
        ("name: a\ndisplay_name: A\nproject_id: 7\ndefinition: {}\n", 3, "it is for project 7"),
        ("name: a\ndisplay_name: A\ncluster_type: cluster_by_import\n", 3, "use `ta-cluster upload`"),
        (
            "name: a\ndisplay_name: A\ncluster_type: cluster_by_static_condition\nvalues: []\n",
            1,
            "one is of a cluster, one of a tag",
        ),
        (
            "name: a\ndisplay_name: A\ndefinition:\n  events:\n  - {event_name: p, comparator: greater, recent_day: 7-1}\n",
            5,
            "'recentDay' has to be such as 1-7",
        ),
        ("name: a\ndisplay_name: A\ndefinition: {}\n  x: 1\n", 4, ""),
        ("- 1\n", 1, "a definition is an object"),
    ],
)
def test_a_mistake_is_told_with_its_line(write: Write, text: str, line: int, words: str) -> None:
    mistakes = refusal(write(text))
    assert any(mistake.startswith(f"line {line}: ") and words in mistake for mistake in mistakes), mistakes


def test_all_mistakes_are_told_at_once_in_their_order(write: Write) -> None:
    text = "name: a b\ndisplay_name: A\ndefinition:\n  events: 1\n  relation: [and]\n"
    assert [mistake.partition(":")[0] for mistake in refusal(write(text))] == ["line 1", "line 4", "line 5"]


def test_in_the_apis_names_the_lines_of_json_are_told(write: Write) -> None:
    body = {**API, "qp": {"events": [{"eventName": "pay", "comparator": "greaterThan"}]}}
    [mistake] = refusal(write(body))
    assert mistake == "line 9: the API has no comparator 'greaterThan'; 'greater' may be meant."


def test_words_that_no_specification_has_are_doubted_and_sent(write: Write) -> None:
    body = {
        **API,
        "qp": {
            "relation": "xor",
            "filts": [{"columnName": "a", "comparator": "nearTo", "tableType": "moon", "unheard": 1}],
        },
    }
    found = read_definition(write(body), create=True, strict_names=True, project_id=102)
    assert found.body == body
    assert [doubt.partition("line ")[2].partition(":")[0] for doubt in found.doubts] == [
        "6",
        "10",
        "11",
        "12",
    ]


def test_keys_that_servers_are_known_to_have_are_not_doubted(write: Write) -> None:
    body = {**API, "qp": {"filts": [{"columnName": "a", "comparator": "isTrue", "columnDesc": "A"}]}}
    found = read_definition(write(body), create=True, strict_names=True, project_id=102)
    assert found.doubts == []


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
    assert "give --yes if it is" in ended.err
    assert [cluster.name for cluster in whales.clusters()] == ["whales"]


def test_delete_deletes_nothing_when_one_of_them_does_not_exist(whales: Emulator, command: Command) -> None:
    assert command("delete", "whales", "nobody", "--yes").code == 3
    assert [cluster.name for cluster in whales.clusters()] == ["whales"]


def test_tags_protects_a_cluster_from_a_slip(whales: Emulator, command: Command, write: Write) -> None:
    assert command("delete", "whales", "--tags", "--yes").code == 2
    assert command("update", "whales", write(WHALES), "--tags").code == 2
    assert command("show", "whales", "--tags").code == 2
    assert [cluster.name for cluster in whales.clusters()] == ["whales"]


def test_a_body_is_read_as_the_models_would_have_it(write: Write) -> None:
    """The reader goes by the models, so a model with a new field is read without a change here."""
    definition = all_of(
        event("pay").percentile("amount", 90).greater(5).recent_days(0, 7).where(user("x").equal("y")),
        user("vip").is_true(),
    )
    found = body_of(write({**API, "qp": unstructure(definition)}))
    assert found["qp"] == unstructure(definition)

"""The strict reader of the library's own JSON: what it takes, and that it names the key and never the value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal

import pytest
from attrs import evolve, field, frozen

from ta_cluster_async.messages import Message
from ta_cluster_async.models.strict_json import json_key, read_json, read_value

SECRET = "do-not-show-4711"


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@frozen(kw_only=True)
class Part:
    seconds: float


@frozen(kw_only=True)
class Job:
    json_version: ClassVar[int] = 2

    ref: int | str
    colour: Colour
    seconds: float | None
    refresh_time: datetime | None
    started_at: datetime = field(metadata=json_key(utc=True))
    attempts: int = field(default=0, metadata=json_key(least=0))
    state: Literal["new", "old"]
    parts: tuple[Part, ...]
    counts: Mapping[Colour, int]
    flag: bool
    note: str = field(default="", metadata=json_key(may_be_absent=True))
    error: object = field(default=None, metadata=json_key(stored=False))


VALUES: dict[str, Any] = {
    "version": 2,
    "ref": "gold",
    "colour": "red",
    "seconds": 3,
    "refresh_time": "2026-01-31 03:00:00",
    "started_at": "2026-01-31T11:00:00+08:00",
    "attempts": 0,
    "state": "new",
    "parts": [{"seconds": 1.5}, {"seconds": 2}],
    "counts": {"red": 3},
    "flag": True,
    "note": "n",
}
JOB = Job(
    ref="gold",
    colour=Colour.RED,
    seconds=3.0,
    refresh_time=datetime(2026, 1, 31, 3),  # noqa: DTZ001 - a server time
    started_at=datetime(2026, 1, 31, 3, tzinfo=UTC),
    attempts=0,
    state="new",
    parts=(Part(seconds=1.5), Part(seconds=2.0)),
    counts={Colour.RED: 3},
    flag=True,
    note="n",
)


def problem(**changes: object) -> Message:
    found = read_json(Job, json.dumps(VALUES | changes))
    assert isinstance(found, Message)
    assert SECRET not in str(found)
    return found


def test_every_kind_of_value_is_read() -> None:
    found = read_json(Job, json.dumps(VALUES))
    assert found == JOB
    assert isinstance(found, Job)
    assert type(found.seconds) is float


def test_null_is_taken_where_the_type_allows_none() -> None:
    found = read_value(Job, VALUES | {"seconds": None, "refresh_time": None, "ref": 970})
    assert found == evolve(JOB, seconds=None, refresh_time=None, ref=970)


def test_a_key_that_earlier_versions_did_not_write_may_be_absent() -> None:
    assert read_value(Job, {key: VALUES[key] for key in VALUES if key != "note"}) == evolve(JOB, note="")


def test_a_key_without_a_stored_field_is_passed_over() -> None:
    assert read_value(Job, VALUES | {"error": "e", "other": 1}) == JOB


def test_what_is_an_instance_already_is_taken_as_it_is() -> None:
    assert JOB.refresh_time is not None
    values = VALUES | {"refresh_time": JOB.refresh_time, "started_at": JOB.started_at, "parts": JOB.parts}
    assert read_value(Job, values) == JOB


@pytest.mark.parametrize("key", [key for key in VALUES if key not in ("note", "version")])
def test_an_absent_key_is_named(key: str) -> None:
    found = read_value(Job, {name: VALUES[name] for name in VALUES if name != key})
    assert isinstance(found, Message)
    assert (found.params["where"], found.params["actual"]) == (key, Message("json-absent"))


@pytest.mark.parametrize(
    ("key", "value", "where", "expected"),
    [
        ("ref", True, "ref", Message("json-integer-or-string")),
        ("ref", 1.5, "ref", Message("json-integer-or-string")),
        ("colour", SECRET, "colour", Message("json-one-of", values="red, blue")),
        ("colour", None, "colour", Message("json-one-of", values="red, blue")),
        ("seconds", -1, "seconds", Message("json-finite-number")),
        ("seconds", True, "seconds", Message("json-finite-number")),
        ("seconds", 10**400, "seconds", Message("json-finite-number")),
        ("refresh_time", SECRET, "refresh_time", Message("json-server-time")),
        ("refresh_time", "2026-01-31T03:00:00", "refresh_time", Message("json-server-time")),
        ("refresh_time", "2026-01-31 03:00:00+00:00", "refresh_time", Message("json-server-time")),
        ("started_at", "2026-01-31T03:00:00", "started_at", Message("json-utc-time")),
        ("started_at", "2026-01-31 03:00:00+00:00", "started_at", Message("json-utc-time")),
        ("started_at", "9999-12-31T23:00:00-08:00", "started_at", Message("json-utc-time")),
        ("started_at", 5, "started_at", Message("json-utc-time")),
        ("attempts", -1, "attempts", Message("json-integer-at-least", least=0)),
        ("attempts", False, "attempts", Message("json-integer")),
        ("state", SECRET, "state", Message("json-one-of", values="new, old")),
        ("parts", {}, "parts", Message("json-array")),
        ("parts", [{"seconds": 1}, {"seconds": SECRET}], "parts[1].seconds", Message("json-finite-number")),
        ("parts", [1], "parts[0]", Message("json-object")),
        ("counts", {SECRET: 1}, "counts", Message("json-one-of", values="red, blue")),
        ("counts", {"red": -1}, "counts.red", Message("json-integer-at-least", least=0)),
        ("counts", [], "counts", Message("json-object")),
        ("flag", 1, "flag", Message("json-boolean")),
        ("note", None, "note", Message("json-string")),
        ("version", "2", "version", Message("json-integer")),
        ("version", True, "version", Message("json-integer")),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(key: str, value: object, where: str, expected: Message) -> None:
    found = problem(**{key: value})
    assert found.code == "json-mismatch"
    assert (found.params["where"], found.params["expected"]) == (where, expected)


@pytest.mark.parametrize("version", [1, 3])
def test_another_version_is_refused(version: int) -> None:
    assert problem(version=version) == Message("version-unreadable", version=version, known=2)


@pytest.mark.parametrize("text", ["", "{", SECRET, b"\xff\xfe", "[" * 100_000, '{"seconds": NaN}'])
def test_what_is_not_json_is_refused(text: Any) -> None:
    assert read_json(Job, text) == Message("not-json-text")


@pytest.mark.parametrize("text", ["null", "[]", "3", '"text"'])
def test_what_is_not_an_object_is_refused(text: str) -> None:
    found = read_json(Job, text)
    assert isinstance(found, Message)
    assert str(found).startswith("the value must be an object, not ")


def test_an_object_without_a_version_is_refused() -> None:
    assert str(read_json(Job, "{}")) == "version must be an integer, not absent."

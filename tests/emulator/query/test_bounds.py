"""No definition takes the server: bounds on its parts and on the time of its evaluation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async.emulator import Settings
from ta_cluster_async.emulator.query import compute
from ta_cluster_async.emulator.query.bounds import check_size, time_limit
from ta_cluster_async.emulator.query.data import Database
from ta_cluster_async.emulator.query.errors import TooComplex
from tests.emulator.conftest import ALL_USERS

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[..., Any]

EVENT = {"eventName": "pay", "comparator": "greater", "num": "1", "taPropQuota": {"analysis": "TIMES"}}
FILTER = {"tableType": "user", "columnName": "user_level", "comparator": "equal", "ftv": ["3"]}
BOUNDS = Settings(max_events=3, max_filters=3, max_values=5, max_depth=10)


def nested(levels: int) -> Any:
    part: Any = []
    for _ in range(levels - 1):
        part = {"a": part}
    return part


def tag(*definitions: Any) -> dict[str, Any]:
    return {"userTagValueDefs": [{"tagValue": "a", "userClusterDef": one} for one in definitions]}


TOO_LARGE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "events": ({"events": [EVENT] * 3}, {"events": [EVENT] * 4}, "events"),
    "filters": (
        {"filts": [{**FILTER, "ftv": []}] * 3},
        {"filts": [{**FILTER, "ftv": []}] * 4},
        "filts",
    ),
    "filters of events": (
        {"events": [{**EVENT, "filts": [{**FILTER, "ftv": []}] * 3}]},
        {"events": [{**EVENT, "filts": [{**FILTER, "ftv": []}] * 2}] * 2},
        "events[0].filts",
    ),
    "values": (
        {"filts": [{**FILTER, "ftv": ["1", "2", "3", "4", "5"]}]},
        {"filts": [{**FILTER, "ftv": ["1"] * 6}]},
        "filts[0].ftv",
    ),
    "numbers": (
        {"events": [{**EVENT, "num": ["1"] * 5}]},
        {"events": [{**EVENT, "num": ["1"] * 6}]},
        "events[0].num",
    ),
    "tag values": (tag(*[{}] * 5), tag(*[{}] * 6), "userTagValueDefs"),
    "levels": (nested(10), nested(11), ".".join("a" * 10)),
    "levels of what is unknown": (
        {"x": {"y": [[]]}} | nested(9),
        {"x": {"y": [[], nested(8)]}},
        f"x.y[1].{'.'.join('a' * 7)}",
    ),
}


@pytest.mark.parametrize(("fits", "large", "key"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_each_part_of_a_definition_has_a_bound(fits: Any, large: Any, key: str) -> None:
    check_size(fits, BOUNDS)

    with pytest.raises(TooComplex) as caught:
        check_size(large, BOUNDS)
    assert caught.value.key == key


def test_the_events_of_all_tag_values_count_together() -> None:
    check_size(tag({"events": [EVENT]}, {"events": [EVENT] * 2}), BOUNDS)

    with pytest.raises(TooComplex, match="最多 3 个事件条件"):
        check_size(tag({"events": [EVENT] * 2}, {"events": [EVENT] * 2}), BOUNDS)


def test_a_definition_of_many_levels_is_refused_without_recursion() -> None:
    with pytest.raises(TooComplex, match="最多嵌套 32 层"):
        check_size(nested(100_000), Settings())


def test_a_key_that_is_no_text_can_be_answered(start: Start) -> None:
    answer = start(max_depth=1).add(definition={"\ud800": {}})

    assert answer["return_message"] == "qp.?：最多嵌套 1 层"


@pytest.mark.parametrize("evaluate", [True, False])
def test_a_definition_that_is_too_large_is_answered_with_its_own_code(start: Start, evaluate: bool) -> None:  # noqa: FBT001
    server = start(evaluate=evaluate, max_events=1)
    large = {"events": [EVENT, EVENT]}

    added = server.add(definition=large)
    server.add("one")
    updated = server.post(
        "user-cluster-update", {"projectId": 102, "displayName": "one", "qp": large}, clusterId=970
    )

    message = "qp.events：整个定义最多 1 个事件条件"
    refused = {"return_code": server.em.settings.codes.too_complex, "return_message": message}
    assert (added, updated) == (refused, refused)
    assert [effect.kind for effect in server.em.effects] == ["created"]
    assert server.em.cluster(970).definition == ALL_USERS


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement takes an hour; the list has those that began."""
    run, began = Database.run, []

    def slow(database: Database, sql: str, parameters: Any) -> Any:
        began.append(sql)
        del parameters
        return run(database, "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", [])

    monkeypatch.setattr(Database, "run", slow)
    return began


def test_an_evaluation_that_takes_too_long_is_ended_and_not_tried_again(
    start: Start, endless: list[str]
) -> None:
    server = start(evaluate=True, evaluation_seconds=0.1)
    begin = time.monotonic()

    answers = [server.add(name) for name in ("one", "two")]

    refused = {
        "return_code": server.em.settings.codes.too_complex,
        "return_message": "qp：计算超过了时限",
    }
    assert answers == [refused, refused]
    assert len(endless) == 1
    assert time.monotonic() - begin < 5


def test_what_was_accepted_unchecked_and_takes_too_long_has_no_count(
    start: Start, endless: list[str]
) -> None:
    server = start(evaluate=True, evaluation_seconds=0.1)
    server.em.seed_clusters(1)

    detail = server.get("user-cluster-detail", clusterId=970)

    assert detail == {
        "return_code": server.em.settings.codes.too_complex,
        "return_message": "计算超过了时限",
    }
    with pytest.raises(ValueError, match=r"longer than settings\.evaluation_seconds=0\.1"):
        server.em.members(970)
    assert len(endless) == 1


def test_without_a_limit_no_thread_watches(monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    monkeypatch.setattr(
        compute, "time_limit", lambda seconds, _: time_limit(seconds, lambda: pytest.fail("late"))
    )
    server = start(evaluate=True, evaluation_seconds=None)

    assert server.add()["return_code"] == 0


def test_a_statement_that_begins_after_the_limit_is_interrupted_too() -> None:
    calls: list[float] = []
    with time_limit(0, lambda: calls.append(time.monotonic())):
        deadline = time.monotonic() + 5
        while len(calls) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)

    assert len(calls) >= 3
    ended = len(calls)
    assert ended == len(calls)


def test_an_interruption_of_nothing_is_nothing() -> None:
    from ta_cluster_async.emulator import SAMPLE_NOW  # noqa: PLC0415

    database = Database(now=SAMPLE_NOW)
    database.interrupt()
    assert database.run("SELECT 1", []) == [(1,)]
    database.close()

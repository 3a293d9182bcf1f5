"""How a refresh is started: with one request that is never sent again while it may have been applied."""

from datetime import datetime
from typing import Any, NamedTuple

import pytest

from ta_cluster_async.errors import (
    ApiError,
    HttpStatusError,
    MissingParameter,
    NotFound,
    NotJson,
    NotSent,
    RateLimited,
    SchemaError,
    TokenRejected,
)
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.refresh import Effect, Start, effect_of, next_start

OLD, NEW = datetime(2020, 1, 9), datetime(2020, 1, 10)  # noqa: DTZ001 - server times have no zone


class Shown(NamedTuple):
    progress: int
    refresh_time: datetime | None


@pytest.mark.parametrize(
    ("now", "step"),
    [
        (Shown(100, OLD), Start.POST),
        (Shown(-1, OLD), Start.POST),
        (Shown(0, None), Start.POST),
        (Shown(100, None), Start.POST),
        (Shown(0, OLD), Start.ATTACH),
        (Shown(1, None), Start.ATTACH),
        (Shown(99, OLD), Start.ATTACH),
    ],
)
def test_what_runs_is_attached_to_and_all_else_is_posted(now: Shown, step: Start) -> None:
    assert next_start(now, []) is step


@pytest.mark.parametrize(
    ("before", "now", "step"),
    [
        (Shown(100, OLD), Shown(100, OLD), Start.GIVE_UP),
        (Shown(100, OLD), Shown(40, OLD), Start.ATTACH),
        (Shown(100, OLD), Shown(100, NEW), Start.POST),
        (Shown(100, OLD), Shown(-1, OLD), Start.POST),
        (Shown(0, None), Shown(0, None), Start.ATTACH),
        (Shown(0, None), Shown(100, NEW), Start.POST),
        (Shown(100, OLD), Shown(0, None), Start.ATTACH),
        (Shown(100, None), Shown(100, None), Start.GIVE_UP),
    ],
)
def test_after_a_refusal_the_state_tells_what_it_meant(before: Shown, now: Shown, step: Start) -> None:
    assert next_start(now, [before]) is step


@pytest.mark.parametrize("now", [Shown(100, NEW), Shown(40, NEW), Shown(0, None)])
def test_a_second_refusal_stands(now: Shown) -> None:
    assert next_start(now, [Shown(100, OLD), Shown(-1, OLD)]) is Start.GIVE_UP


@pytest.mark.parametrize(
    ("error", "effect"),
    [
        (OutcomeUnknown("lost."), Effect.UNKNOWN),
        (NotJson("no JSON."), Effect.UNKNOWN),
        (SchemaError("wrong."), Effect.UNKNOWN),
        (HttpStatusError("bad gateway.", status=502), Effect.UNKNOWN),
        (ApiError(-3000, "failed", status=500), Effect.UNKNOWN),
        (ApiError(-3000, "busy"), Effect.REFUSED),
        (MissingParameter(-1008, "(projectId)"), Effect.REFUSED),
        (NotSent("refused."), Effect.NONE),
        (TokenRejected(-1001, "token"), Effect.NONE),
        (RateLimited(-1005, "too often"), Effect.NONE),
        (HttpStatusError("too often.", status=429), Effect.NONE),
        (HttpStatusError("not found.", status=404), Effect.NONE),
        (NotFound(-3000, "gone"), Effect.NONE),
    ],
)
def test_what_the_failure_of_the_request_says_of_its_effect(error: Any, effect: Effect) -> None:
    assert effect_of(error) is effect

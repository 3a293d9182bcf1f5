"""Every answer that is meant to harm, at everything that reads one: it is an error, or read, in bounded memory and time."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async import NotSent
from tests.security.answering import CONNECTION, MEMBERS, REAL, SMALL, SURFACES, call
from tests.security.bombs import BOMBS, ENDLESS, ENDLESS_ROWS, ROWS

if TYPE_CHECKING:
    from ta_cluster_async import AnswerLimits
    from tests.security.answering import Surface
    from tests.security.bombs import Bomb

# The event loop may be blocked for so long, in seconds of CPU of its thread. On a quiet machine the worst is 0.08 s, and 0.23 s with
# coverage. What is not bounded blocks it for many seconds more than this.
GAP = 3.0
# Other processes of a busy machine.
SLACK = 2.0


def check_memory(surface: Surface, bomb: Bomb, limits: AnswerLimits) -> None:
    limit = limits.size(surface.kind)
    pieces = bomb(limit)
    tracemalloc.start()
    try:
        call(surface, lambda _: pieces, limits)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 4 * limit + CONNECTION


def check_time(surface: Surface, bomb: Bomb, limits: AnswerLimits) -> None:
    result = call(surface, bomb, limits)
    assert result.gap <= GAP
    assert result.error is None or type(result.error) is NotSent or result.error.sent != "no"
    assert len(str(result.error)) < 100_000


each_bomb = pytest.mark.parametrize("bomb", BOMBS)
each_surface = pytest.mark.parametrize("surface", SURFACES)


@each_bomb
@each_surface
def test_an_answer_that_is_meant_to_harm_takes_bounded_time_and_memory(surface: str, bomb: str) -> None:
    check_time(SURFACES[surface], BOMBS[bomb], SMALL)
    check_memory(SURFACES[surface], BOMBS[bomb], SMALL)


@pytest.mark.slow
@each_bomb
@pytest.mark.parametrize("surface", ["detail", "list"])
def test_so_it_does_with_the_limits_that_a_session_has_by_itself(surface: str, bomb: str) -> None:
    check_time(SURFACES[surface], BOMBS[bomb], REAL)
    check_memory(SURFACES[surface], BOMBS[bomb], REAL)


@pytest.mark.parametrize("bomb", ENDLESS)
@each_surface
def test_an_answer_that_does_not_end_ends_with_the_time_of_the_call(surface: str, bomb: str) -> None:
    result = call(SURFACES[surface], ENDLESS[bomb], SMALL, pause=0.002, timeout=0.1)
    assert result.error is not None
    assert (result.error.code, result.gap <= GAP) == ("answer-out-of-time", True)
    assert result.seconds < 0.1 + 2 * GAP + SLACK


@pytest.mark.parametrize("bomb", ROWS)
def test_rows_of_members_that_are_meant_to_harm_take_bounded_time_and_memory(bomb: str) -> None:
    check_time(MEMBERS, ROWS[bomb], REAL)
    check_memory(MEMBERS, ROWS[bomb], REAL)


@pytest.mark.parametrize("bomb", ENDLESS_ROWS)
def test_rows_of_members_without_end_end_with_the_time_of_the_call(bomb: str) -> None:
    result = call(MEMBERS, ENDLESS_ROWS[bomb], REAL)
    assert result.error is not None
    assert result.seconds < 2.0 + 2 * GAP + SLACK

"""The small parts of the emulator by themselves: values and their names, clocks, jobs, and what is remembered."""

import math
from datetime import datetime
from random import Random
from statistics import median
from typing import Any

import pytest

from ta_cluster_async.emulator import SAMPLE_NOW, LoopClock, run
from ta_cluster_async.emulator.jobs import JobPlan, JobQueue
from ta_cluster_async.emulator.loop import VirtualTimeLoop
from ta_cluster_async.emulator.query import compute as compute_module
from ta_cluster_async.emulator.query.compute import Computation, Evaluator
from ta_cluster_async.emulator.query.errors import EvaluationError
from ta_cluster_async.emulator.query.node import Node
from ta_cluster_async.emulator.query.values import value_text
from ta_cluster_async.emulator.state import varied_seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
        (3.0, "3"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (2.5e20, "250000000000000000000"),
        (math.inf, "inf"),
        (datetime(2024, 5, 4, 12, 0, 1), "2024-05-04 12:00:01"),  # noqa: DTZ001
    ],
)
def test_the_text_of_a_cell(value: Any, text: str) -> None:
    assert value_text(value) == text


def test_a_cell_of_a_kind_that_no_table_has_is_no_text() -> None:
    with pytest.raises(TypeError, match="bytes"):
        value_text(b"a")


@pytest.mark.parametrize(("fields", "flag"), [({}, False), ({"a": None}, False), ({"a": True}, True)])
def test_a_flag_that_is_absent_or_null_is_the_default(fields: Any, flag: bool) -> None:  # noqa: FBT001
    assert Node(fields).flag("a", default=False) is flag


@pytest.mark.parametrize("fields", [{}, {"a": None}, {"a": 1}])
def test_a_flag_that_has_no_default_is_needed(fields: Any) -> None:
    with pytest.raises(EvaluationError, match="true or false"):
        Node(fields).flag("a")


def test_a_clock_stands_at_0_before_it_is_started() -> None:
    clock = LoopClock(speed=2)

    async def main() -> Any:
        clock.start()
        return clock.elapsed()

    assert clock.elapsed() == 0
    assert run(main(), start=100) == 0


def test_a_job_that_waits_has_made_no_progress() -> None:
    queue = JobQueue(capacity=1)
    running, waiting = (queue.submit(id_, 0.0, 10.0, JobPlan()) for id_ in (970, 971))
    assert [running.progress(5.0), waiting.progress(5.0)] == [50, 0]


def test_computations_take_about_a_second_by_default() -> None:
    random = Random(1)
    seconds = [varied_seconds(970, random) for _ in range(1000)]
    assert 0.95 < median(seconds) < 1.05
    assert 2 < max(seconds) < 6


def test_a_closed_virtual_loop_takes_no_timer() -> None:
    loop = VirtualTimeLoop()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, print)


def test_what_was_evaluated_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute_module, "_CACHE_SIZE", 2)
    evaluator = Evaluator(None, None, now=SAMPLE_NOW, seed=1)

    def members(value: str) -> Any:
        filt: Any = {"tableType": "user", "columnName": "#account_id", "comparator": "equal", "ftv": [value]}
        return evaluator.members(
            Computation(tag_kind=None, definition={"filts": [filt]}, at=SAMPLE_NOW, seed="")
        )

    try:
        first, second = members("a"), members("b")
        assert members("a") is first
        members("c")
        assert members("b") is second
        assert members("a") is not first
        assert members("a") == first
    finally:
        evaluator.close()

"""The cache of evaluations."""

from typing import Any

import pytest

from ta_cluster_async.emulator import SAMPLE_NOW
from ta_cluster_async.emulator.query import compute as compute_module
from ta_cluster_async.emulator.query.compute import Computation, Evaluator


def test_the_oldest_evaluation_leaves_the_cache_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute_module, "_CACHE_SIZE", 2)
    evaluator = Evaluator(None, None, now=SAMPLE_NOW, seed=1)

    def members(value: str) -> Any:
        filt: Any = {"tableType": "user", "columnName": "#account_id", "comparator": "equal", "ftv": [value]}
        return evaluator.members(
            Computation(tag_kind=None, definition={"filts": [filt]}, at=SAMPLE_NOW, seed=""),
            None,
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

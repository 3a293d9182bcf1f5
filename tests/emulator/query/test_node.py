"""Reading the fields of a definition."""

from typing import Any

import pytest

from ta_cluster_async.emulator.query.errors import EvaluationError
from ta_cluster_async.emulator.query.node import Node


@pytest.mark.parametrize(("fields", "flag"), [({}, False), ({"a": None}, False), ({"a": True}, True)])
def test_a_flag_that_is_absent_or_null_is_the_default(fields: Any, flag: bool) -> None:  # noqa: FBT001
    assert Node(fields).flag("a", default=False) is flag


@pytest.mark.parametrize("fields", [{}, {"a": None}, {"a": 1}])
def test_a_flag_without_a_default_is_required(fields: Any) -> None:
    with pytest.raises(EvaluationError, match=r"布尔值|不能为空"):
        Node(fields).flag("a")

"""Messages as JSON values, also those that another version has written."""

import json
from math import inf
from pathlib import Path
from typing import Any

import pytest

from ta_cluster_async.batch import Outcome, Status
from ta_cluster_async.batch.report import explain
from ta_cluster_async.batch.stored_messages import plain, restore
from ta_cluster_async.errors import ApiError
from ta_cluster_async.messages import Message

NESTED = Message("left-running", reason=Message("batch-error", error="OSError"))


def test_a_message_in_a_message_comes_back() -> None:
    params = json.loads(json.dumps(plain(NESTED.params)))
    assert restore("left-running", params) == NESTED


def test_what_json_does_not_have_becomes_text() -> None:
    assert plain({"path": Path("runs.db"), "number": inf, "fine": [1], "none": None}) == {
        "path": "runs.db",
        "number": "inf",
        "fine": "[1]",
        "none": None,
    }


@pytest.mark.parametrize(
    ("code", "params"),
    [
        ("", {}),
        ("of-a-later-version", {}),
        ("left-running", {}),
        ("left-running", {"reason": {"code": "of-a-later-version", "params": {}}}),
        ("left-running", {"reason": {"code": 5, "params": {}}}),
        ("left-running", {"reason": {"code": "batch-error", "params": None}}),
        ("polls-failed", {"seconds": "long", "cause": ""}),
    ],
)
def test_a_message_that_only_another_version_knows_is_none(code: str, params: Any) -> None:
    assert restore(code, params) is None


def test_an_outcome_has_the_message_of_its_error_and_of_what_was_made_of_it() -> None:
    error = ApiError(-5, "no", endpoint="detail")
    failed = Outcome(ref=1, status=Status.FAILED, **explain(error))
    assert (failed.error, failed.message, failed.what()) == (error, str(error), error.what())
    unknown = Outcome(ref=1, status=Status.REJECTED, **explain(Message("no-such-cluster", ref=1), error))
    assert (unknown.error, unknown.code, unknown.params) == (error, "no-such-cluster", {"ref": 1})
    assert unknown.message == str(unknown.what())
    succeeded = Outcome(ref=1, status=Status.SUCCEEDED)
    assert (succeeded.code, succeeded.params, succeeded.what()) == ("", {}, None)
    for outcome in (failed, unknown, succeeded):
        assert Outcome.from_dict(json.loads(json.dumps(outcome.to_dict()))).what() == outcome.what()
        assert hash(outcome) is not None

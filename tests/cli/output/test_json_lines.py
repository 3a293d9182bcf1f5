"""Events and runs as lines of JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ta_cluster_async import Finished, Held, NotSent, Outcome, RefreshTicket, Status, Submitted
from ta_cluster_async.cli.output.json_lines import event_json, without_credentials

TICKET = RefreshTicket(project_id=102, cluster_id=970, submitted_at=datetime(2020, 1, 10, tzinfo=UTC))


def test_an_event_has_its_name_and_its_attributes() -> None:
    found = event_json(Submitted(at=0.5, ref="whales", cluster_id=970, cluster_name="whales", ticket=TICKET))
    assert found == {
        "event": "submitted",
        "at": 0.5,
        "ref": "whales",
        "cluster_id": 970,
        "cluster_name": "whales",
        "ticket": json.loads(TICKET.to_json()),
    }


def test_the_outcome_of_an_event_is_an_object() -> None:
    outcome = Outcome(ref=970, status=Status.SUCCEEDED)
    assert event_json(Finished(at=1.0, outcome=outcome))["outcome"] == outcome.to_dict()


def test_the_error_of_an_event_is_its_message_and_its_code() -> None:
    error = NotSent("no connection.", reason="refused")
    found = event_json(Held(at=9.0, failing="requests", seconds=6.0, limit=300.0, error=error))
    assert json.loads(json.dumps(found)) == {
        "event": "held",
        "at": 9.0,
        "failing": "requests",
        "seconds": 6.0,
        "limit": 300.0,
        "message": str(error),
        "code": error.code,
        "params": error.params,
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://ta2:8992", "http://ta2:8992"),
        ("http://user:secret@ta2:8992/api?token=secret#secret", "http://ta2:8992/api"),
    ],
)
def test_an_address_is_shown_without_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown

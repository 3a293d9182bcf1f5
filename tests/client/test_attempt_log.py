"""What the debug log tells of requests."""

import logging
from contextlib import suppress
from typing import Any

import pytest

from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import NotSent, TaError
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.requests import Response

ANSWER = Response(200, b'{"return_code":0,"return_message":"success","data":{"progress":7}}')


def lines(caplog: pytest.LogCaptureFixture, transport: Any, calls: int = 1) -> list[logging.LogRecord]:
    caplog.set_level(logging.DEBUG, "ta_cluster_async")

    async def main() -> None:
        async with transport.session("a-secret-token") as ta:
            for _ in range(calls):
                with suppress(TaError):
                    await ta.project(102).clusters.progress(970)

    run(main())
    assert "a-secret-token" not in caplog.text
    assert "http://" not in caplog.text
    assert "970" not in caplog.text
    return [record for record in caplog.records if record.name == "ta_cluster_async"]


def test_a_success_has_a_line_with_its_values(scripted: Any, caplog: Any) -> None:
    (record,) = lines(caplog, scripted(ANSWER))
    size = len(ANSWER.body)
    assert record.getMessage() == f"GET progress: attempt 1, HTTP 200, return_code 0, {size} bytes, 0.0 ms"
    assert record.__dict__["fields"] == {
        "method": "GET",
        "endpoint": "progress",
        "attempt": 1,
        "status": 200,
        "bytes": size,
        "return_code": 0,
        "ms": 0.0,
    }


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response(502, b"<html>"), "HTTP 502, HttpStatusError, 6 bytes"),
        (OutcomeUnknown("lost.", reason="lost"), "OutcomeUnknown (lost)"),
        (NotSent("refused.", reason="refused"), "NotSent (refused)"),
        (
            Response(200, b'{"return_code":-1005,"return_message":"no"}'),
            "HTTP 200, return_code -1005, 43 bytes",
        ),
    ],
)
def test_a_failure_has_a_line_for_the_request_and_says_when_the_next_one_follows(
    scripted: Any, caplog: Any, answer: Any, said: str
) -> None:
    found = lines(caplog, scripted(answer, ANSWER))
    texts = [record.getMessage() for record in found if record.levelno == logging.DEBUG]
    assert texts[0] == f"GET progress: attempt 1, {said}, 0.0 ms"
    assert texts[1].startswith("progress attempt 1: ")
    assert texts[2].startswith("progress attempt 2 follows in ")
    assert texts[3].startswith("GET progress: attempt 2, HTTP 200, return_code 0, ")
    fields = [record.__dict__["fields"] for record in found if record.levelno == logging.DEBUG]
    assert [one["attempt"] for one in fields] == [1, 1, 2, 2]
    assert fields[1]["code"]


def test_nothing_is_put_together_where_debug_is_off(scripted: Any, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "ta_cluster_async")

    async def main() -> None:
        async with scripted(NotSent("refused.", reason="refused"), ANSWER).session() as ta:
            assert await ta.project(102).clusters.progress(970) == 7
            assert await ta.project(102).clusters.progress(970) == 7

    run(main())
    assert not caplog.records

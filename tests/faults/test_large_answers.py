"""Very large error texts are read quickly, since reading them blocks the event loop."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async.client.secret import Secret
from ta_cluster_async.errors import ApiError, TaError
from ta_cluster_async.protocol.envelope import decode
from ta_cluster_async.protocol.requests import Response
from tests.faults.token_echoes import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable


SIZE = 10**7


def error_body(**texts: str) -> bytes:
    return json.dumps({"return_code": -9, "return_message": "no", **texts}).encode()


BODIES: dict[str, Callable[[], bytes]] = {
    "half echoes": lambda: error_body(return_message=TOKEN[:-1] * (SIZE // len(TOKEN))),
    "backslashes": lambda: error_body(return_message="\\" * SIZE),
    "a stack": lambda: error_body(stackMessage="at x\n" * (SIZE // 5)),
    "text": lambda: TOKEN[:-1].encode() * (SIZE // len(TOKEN)),
    "a page": lambda: b"<html><title>" + b"x" * SIZE,
    "blanks": lambda: b" " * SIZE,
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("status", [200, 502])
def test_ten_megabytes_of_error_are_read_quickly(kind: str, status: int) -> None:
    body = BODIES[kind]()
    began = time.process_time()
    error: Any = decode(Response(status, body), Secret(TOKEN).mask, 0.0)
    assert time.process_time() - began < 0.5
    assert isinstance(error, TaError)


@pytest.mark.parametrize("before", range(16_340, 16_390, 7))
def test_a_long_text_is_cut_without_a_part_of_the_token_at_its_end(before: int) -> None:
    text = f"{'x' * before}{TOKEN}{'x' * 1000}"
    error = decode(Response(200, error_body(return_message=text, stackMessage=text)), Secret(TOKEN).mask, 0.0)
    assert isinstance(error, ApiError)
    for shown in (error.return_message, error.stack_message or ""):
        assert set(shown) == {"x", "…"}
        assert 10_000 < len(shown) < 16_384


def test_a_text_of_usual_length_is_kept_whole() -> None:
    text = "一" * 16_000
    error = decode(Response(200, error_body(return_message=text)), Secret(TOKEN).mask, 0.0)
    assert isinstance(error, ApiError)
    assert error.return_message == text

"""Answers: the envelope of the specification for successes and errors, and the HTML pages of a gateway."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from ..models.json import JsonValue

JSON_TYPE = "application/json;charset=utf-8"
HTML_TYPE = "text/html;charset=utf-8"


class RequestRejected(Exception):
    """The server rejects a request with a return code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@frozen(kw_only=True)
class Answer:
    """One HTTP answer to send.

    Attributes:
        status: HTTP status.
        body: The bytes of the body.
        content_type: Value of the Content-Type header.
        headers: Further headers.
        return_code: The envelope's return code; None if the body is not an envelope.
        missing: How many bytes more than the body Content-Length promises; then the connection closes.
        pieces: In how many pieces the body is sent.
        pause: Seconds of the event loop between two pieces.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(factory=dict)
    return_code: int | None = None
    missing: int = 0
    pieces: int = 1
    pause: float = 0.0


def to_json(value: JsonValue) -> bytes:
    """Write compact UTF-8 JSON without escapes of Chinese, as the server does."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def success(*data: JsonValue) -> Answer:
    """Make the envelope of a success, with `data` first if the endpoint returns any."""
    head: dict[str, JsonValue] = {"data": data[0]} if data else {}
    return Answer(body=to_json({**head, "return_code": 0, "return_message": "success"}), return_code=0)


def failure(code: int, message: str, *, status: int = 200, stack: bool = False) -> Answer:
    """Make the envelope of an error, with `stackMessage` if `stack` is True."""
    envelope: dict[str, JsonValue] = {"return_code": code, "return_message": message}
    if stack:
        envelope |= {"stackMessage": f"com.example.OpenApiException: {message}", "showStackMessage": False}
    return Answer(status=status, body=to_json(envelope), return_code=code)


def html(status: int, title: str) -> Answer:
    """Make a gateway's error page."""
    page = f"<html>\n<head><title>{status} {title}</title></head>\n<body><center><h1>{status} {title}</h1></center></body>\n</html>\n"
    return Answer(status=status, body=page.encode(), content_type=HTML_TYPE)

"""What the server says: the envelope of the specification, refusals inside it, and pages of a gateway around it."""

from __future__ import annotations

import json
from typing import TypeAlias

from attrs import field, frozen

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

JSON_TYPE = "application/json;charset=utf-8"
HTML_TYPE = "text/html;charset=utf-8"


class Refusal(Exception):
    """A request that the server refuses with a return code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@frozen(kw_only=True)
class Answer:
    """One HTTP answer before it is sent.

    Attributes:
        status: HTTP status.
        body: The bytes of the body.
        content_type: Value of the Content-Type header.
        headers: Further headers.
        return_code: The envelope's return code; None where the body is no envelope.
        missing: How many bytes more than the body the Content-Length promises before the connection closes.
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
    """Compact UTF-8 JSON with Chinese text as it is, in the server's style."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def success(*data: JsonValue) -> Answer:
    """The envelope of a success, with `data` in front where an operation answers some."""
    head: dict[str, JsonValue] = {"data": data[0]} if data else {}
    return Answer(body=to_json({**head, "return_code": 0, "return_message": "success"}), return_code=0)


def failure(code: int, message: str, *, status: int = 200, stack: bool = False) -> Answer:
    """The envelope of an error, with `stackMessage` where `stack` asks for it."""
    envelope: dict[str, JsonValue] = {"return_code": code, "return_message": message}
    if stack:
        envelope |= {"stackMessage": f"com.example.OpenApiException: {message}", "showStackMessage": False}
    return Answer(status=status, body=to_json(envelope), return_code=code)


def html(status: int, title: str) -> Answer:
    """A gateway's error page."""
    page = f"<html>\n<head><title>{status} {title}</title></head>\n<body><center><h1>{status} {title}</h1></center></body>\n</html>\n"
    return Answer(status=status, body=page.encode(), content_type=HTML_TYPE)

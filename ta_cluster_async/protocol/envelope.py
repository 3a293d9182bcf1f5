"""From the bytes of an answer to its data or to one typed error (spec: return_code, return_message, data)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from ..errors import (
    ApiError,
    HttpStatusError,
    MissingParameter,
    NotFound,
    NotJson,
    RateLimited,
    SchemaError,
    TokenRejected,
)
from ..models.json import json_type
from . import json
from .retry import parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import TaError
    from ..models import JsonValue
    from .requests import Response

Mask: TypeAlias = "Callable[[str], str]"

TOO_FREQUENT = -1005
BAD_TOKEN = -1001
EMPTY_PARAMETER = -1008

_NO_SUCH = re.compile(r"不存在|找不到|未找到|does(?: not|n't) exist|not found|no such", re.IGNORECASE)
_EXCERPT = 120
_LOOKED_AT = 16 * 1024
_LONGEST_TOKEN = 4 * 1024


def decode(response: Response, mask: Mask, now: float) -> JsonValue | TaError:
    """Return the `data` of a successful answer, or the error that the answer means. Never raises.

    Success is `return_code == 0`, whatever the HTTP status. An error is returned and not raised, so that no traceback keeps the
    frames in which the server's text stands. `now` is the wall clock in Unix seconds, for a `Retry-After` that names a date.
    """
    try:
        envelope = json.loads(response.body)
    except ValueError:
        return _no_envelope(response, mask, now)
    if type(envelope) is not dict or "return_code" not in envelope:
        if response.status >= 300:
            return _no_envelope(response, mask, now, is_json=True)
        return SchemaError(
            "the answer is JSON without a return_code.", path="return_code", status=response.status
        )
    code = envelope["return_code"]
    if type(code) is not int:
        if response.status >= 300:
            return _no_envelope(response, mask, now, is_json=True)
        said = f"return_code has to be an integer, not {json_type(code)}."
        return SchemaError(said, path="return_code", status=response.status)
    if code == 0:
        return envelope.get("data")
    return _refusal(code, envelope, response, mask, now)


def _refusal(
    code: int, envelope: dict[str, JsonValue], response: Response, mask: Mask, now: float
) -> ApiError:
    message = envelope.get("return_message")
    stack = envelope.get("stackMessage")
    text = _masked(message, mask) if isinstance(message, str) else ""
    if code == TOO_FREQUENT:
        kind: type[ApiError] = RateLimited
    elif code == BAD_TOKEN or response.status in (401, 403):
        kind = TokenRejected
    elif code == EMPTY_PARAMETER:
        kind = MissingParameter
    elif _NO_SUCH.search(text):
        kind = NotFound
    else:
        kind = ApiError
    return kind(
        code,
        text,
        stack_message=_masked(stack, mask) if isinstance(stack, str) and stack else None,
        status=response.status,
        retry_after=parse_retry_after(response.retry_after, now),
    )


def _no_envelope(response: Response, mask: Mask, now: float, *, is_json: bool = False) -> TaError:
    what, shown = _describe(response.body, mask, is_json=is_json)
    status = response.status
    if status in (401, 403):
        text = f"HTTP {status} with {what} in place of an answer{shown}"
        rejected = TokenRejected(status, text, status=status)
        rejected.message = f"{text}."  # there is no return_code that it could quote
        return rejected
    if 300 <= status < 400:
        return HttpStatusError(
            f"HTTP {status}: the server redirects, and redirects are not followed because the token would travel along. "
            "Set the base URL to the final address.",
            status=status,
        )
    if status >= 400:
        return HttpStatusError(
            f"HTTP {status} with {what} in place of an answer{shown}.",
            status=status,
            retry_after=parse_retry_after(response.retry_after, now),
        )
    return NotJson(f"HTTP {status} with {what} in place of JSON{shown}.", status=status)


def _describe(body: bytes, mask: Mask, *, is_json: bool) -> tuple[str, str]:
    """What kind of body it is, and a short excerpt of readable text, masked before it is cut."""
    if not body.strip():
        return "an empty body", ""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return f"{len(body)} bytes that are not UTF-8", ""
    text = _masked(text, mask)
    if is_json:
        return "other JSON", f" ({_short(text)})"
    if "<html" in text[:1024].lower() or text.lstrip().startswith("<"):
        title = re.search(r"<title>([^<]*)</title>", text, re.IGNORECASE)
        return "an HTML page", f" ({_short(title[1])})" if title and title[1].strip() else ""
    if text.lstrip().startswith(("{", "[")):
        return "broken or truncated JSON", ""
    return "text", f" ({_short(text)})"


def _masked(text: str, mask: Mask) -> str:
    """The text without the token. Of one that is too long to be looked through on the event loop, only the beginning."""
    if len(text) <= _LOOKED_AT:
        return mask(text)
    # The cut may go through a token, whose first part nobody would know; so that much is left out before it.
    return f"{mask(text[:_LOOKED_AT])[:-_LONGEST_TOKEN]}…"


def _short(text: str) -> str:
    return repr(" ".join(text.split())[:_EXCERPT])

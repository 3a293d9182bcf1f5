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
from ..messages import Message
from ..models.json import json_type
from . import json
from .answer_limits import AnswerLimits
from .retry import parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import TaError
    from ..models import JsonValue
    from .answer_limits import AnswerKind
    from .requests import Response

Mask: TypeAlias = "Callable[[str], str]"

TOO_FREQUENT = -1005
BAD_TOKEN = -1001
EMPTY_PARAMETER = -1008

# "clusterId 970 does not exist", "分群(x)不存在", "no such tag": the text must name the cluster or tag as what is missing, since a project,
# a service or a property that does not exist says nothing of the cluster.
_NO_SUCH = re.compile(
    r"""
    (?:clusters?|(?<![a-z])tags?|分群|标签)
    (?:(?P<key>[ _]?(?:id|name|名称|名|编号)) | \ (?:with|named|called|the))*
    (?![a-z])
    (?P<apart>[ :：=为'"“‘「【\[（(]{1,4})?
    # What follows without being its name.
    (?(key)|(?!(?:service|server|project|definition|property|field|table|event|type|value|list|user|column|data)s?\b))
    (?(key)|(?!(?:result|file|api|interface|page|path|node|job|task)s?\b))
    (?(key)|(?!服务|项目|定义|属性|字段|表|事件|类型|值|列|结果|文件|接口|任务|用户))
    # A name, which may be in any script where it is set apart; the Chinese "of" ends it.
    (?(apart)[\w*\u00c0-\u1fff\u3040-\u7683\u7685-\u9fff\uac00-\ud7af]{0,64}|[\w*]{0,64})
    [ '"”’」】\]）):：]{0,4}
    (?:的(?:分群|标签))?已?
    (?:不存在|找不到|未找到|(?:does\ not|doesn['’]t)\ exist|(?:was\ |is\ )?not\ found)
    |
    (?:no\ such|找不到|未找到)\ ?(?:user\ |该|此)?(?:cluster|tag|分群|标签)(?!\ ?(?:service|服务)|[a-z])
    """,
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_SAYS_NO_SUCH_WITHIN = 1024
_EXCERPT = 120
_SEARCHED = 16 * 1024
_LONGEST_TOKEN = 4 * 1024
# What nearly all answers are shorter than, and in which nothing can be too much.
_SHORT = 128
_USUAL_LIMITS = AnswerLimits()


def decode(
    response: Response,
    mask: Mask,
    now: float,
    kind: AnswerKind = "rows",
    limits: AnswerLimits = _USUAL_LIMITS,
) -> JsonValue | TaError:
    """Return the `data` of a successful answer, or the error that the answer means. Never raises.

    Success is `return_code == 0`, whatever the HTTP status. An error is returned and not raised, so that no traceback keeps the
    frames in which the server's text stands. `now` is the wall clock in Unix seconds, for a `Retry-After` that names a date. Of an
    answer with more in it than `limits` allow for its kind, nothing is made.
    """
    excess = limits.excess(response.body, kind) if len(response.body) > _SHORT else None
    if excess is not None:
        if response.status >= 300:
            return _no_envelope(response, mask, now)
        return NotJson(limits.too_large(excess, kind, response.status), status=response.status)
    try:
        envelope = json.loads(response.body)
    except ValueError:
        return _no_envelope(response, mask, now)
    if type(envelope) is not dict or "return_code" not in envelope:
        if response.status >= 300:
            return _no_envelope(response, mask, now, is_json=True)
        return SchemaError(Message("return-code-missing"), path="return_code", status=response.status)
    code = envelope["return_code"]
    if type(code) is not int:
        if response.status >= 300:
            return _no_envelope(response, mask, now, is_json=True)
        problem = Message(
            "json-mismatch", where="return_code", expected=Message("json-integer"), actual=json_type(code)
        )
        return SchemaError(problem, path="return_code", status=response.status)
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
    elif code == BAD_TOKEN:
        kind = TokenRejected
    elif code == EMPTY_PARAMETER:
        kind = MissingParameter
    elif _NO_SUCH.search(" ".join(text[:_SAYS_NO_SUCH_WITHIN].split())):
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
    status = response.status
    body = _describe(response.body, mask, is_json=is_json)
    if 300 <= status < 400:
        return HttpStatusError(Message("http-redirect", status=status), status=status)
    if status >= 400:
        retry_after = parse_retry_after(response.retry_after, now)
        problem = Message("http-without-answer", status=status, body=body)
        return HttpStatusError(problem, status=status, retry_after=retry_after)
    return NotJson(Message("http-without-json", status=status, body=body), status=status)


def _describe(body: bytes, mask: Mask, *, is_json: bool) -> Message:
    """Return what kind of body it is, with a short excerpt of readable text, masked before it is cut."""
    if not body.strip():
        return Message("body-empty")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Message("body-not-utf-8", count=len(body))
    text = _masked(text, mask)
    if is_json:
        return Message("body-json", excerpt=_short(text))
    if "<html" in text[:1024].lower() or text.lstrip().startswith("<"):
        title = re.search(r"<title>([^<]*)</title>", text, re.IGNORECASE)
        if title and title[1].strip():
            return Message("body-html-titled", title=_short(title[1]))
        return Message("body-html")
    if text.lstrip().startswith(("{", "[")):
        return Message("body-broken-json")
    return Message("body-text", excerpt=_short(text))


def _masked(text: str, mask: Mask) -> str:
    """Return the text without the token. Of text that is too long to be searched on the event loop, only the beginning."""
    if len(text) <= _SEARCHED:
        return mask(text)
    # The cut may go through a token, whose first part would not be found, so that much is left out before it.
    return f"{mask(text[:_SEARCHED])[:-_LONGEST_TOKEN]}…"


def _short(text: str) -> str:
    return " ".join(text.split())[:_EXCERPT]

"""Why a refresh did not succeed, in Chinese. The library says it in English, and so do journals and reports, which keep its text alone."""

from __future__ import annotations

import re

from ... import errors
from ...models import ticket_errors
from ..output.errors import for_the_command
from .chinese_errors import ERRORS

_OF_BATCHES = (
    (r"(.+) The request to start it had been refused: (.+)", "{0}启动它的请求曾被拒绝：{1}"),
    (r"(.+) It was not started\.", "{0}它没有启动。"),
    (
        r"(.+) Its request was on its way: attach to the ticket to see whether it has begun\.",
        "{0}它的请求已在途中，可用票据查看是否已经开始。",
    ),
    (
        r"(.+) The refresh goes on on the server: attach to the ticket to watch it\.",
        "{0}刷新仍在服务器上进行，可用票据继续等待。",
    ),
    (r"The batch was cancelled\.", "批次被取消。"),
    (r"The batch was ended by an error, (\w+)\.", "批次因错误 {0} 而结束。"),
    (r"The time for the batch is over\.", "整个批次的时限已过。"),
    (r"The token was rejected\.", "令牌被拒绝。"),
    (r"The journal can no longer be written: (.+)", "日志无法继续写入：{0}"),
    (
        r"(\d+) refreshes did not succeed, which is what max_failures allows\.",
        "已有 {0} 个没有成功，达到了允许的失败数。",
    ),
    (r"It was being refreshed already\.", "它已经在刷新。"),
    (
        r"It was being refreshed already, and on_running is 'fail'\.",
        "它已经在刷新，而 --on-running 为 fail。",
    ),
    (r"There is no cluster or tag (.+) in this project\.", "这个项目中没有分群或标签 {0}。"),
    (r"(.+) has the id (\S+) now, and not (\S+) any more", "{0} 现在的 ID 是 {1}，不再是 {2}"),
    (r"the server says that the refresh failed\.", "服务器报告计算失败。"),
    (r"the progress has stood still for too long\.", "进度长时间没有变化。"),
    (r"the progress has stood still for (\S+) seconds\.", "进度已有 {0} 秒没有变化。"),
    (r"nothing proved within (\S+) seconds that the refresh ran\.", "{0} 秒内没有证据表明刷新运行过。"),
    (r"the time for the refresh is over\.", "这个刷新的时限已过。"),
    (r"the time to wait for the refresh is over\.", "等待这个刷新的时限已过。"),
    (
        r"it could not be looked at for (\S+) seconds, at last because (.+)",
        "已有 {0} 秒无法查看它的状态，最近一次的原因：{1}",
    ),
    (r"success without data, so the cluster or tag does not exist", "没有这个分群或标签。"),
)
"""What a batch makes of what it sees. A part that is such a text itself is translated too."""

_OF_REQUESTS = (
    (r"the server answered return_code (-?\d+): (.+?)\.?", "服务器返回 return_code {0}：{1}。"),
    (r"no connection to (\S+): (.+)\. Check the base URL and the server\.", "无法连接 {0}：{1}。"),
    (r"no connection to (\S+) within (\S+) seconds\.", "{1} 秒内无法连接 {0}。"),
    (r"no whole answer within (\S+) seconds\.", "{0} 秒内没有完整的应答。"),
    (r"the connection was lost \((\w+)\)\.", "连接中断（{0}）。"),
    (r"the connection broke in the middle of the answer\.", "连接在应答中途断开。"),
)
"""What requests end with most often."""

_LONGEST = 2_000
"""Characters of a text that may be one of these. A longer one has been written by a server, and may be hostile."""

_KINDS = {
    advice: name
    for name, kind in {**vars(errors), **vars(ticket_errors)}.items()
    if isinstance(kind, type) and issubclass(kind, errors.TaError) and (advice := kind.advice)
}
"""The kinds of errors by the advice with which their texts end."""

_ADVICE = {name: advice for advice, name in _KINDS.items()}


def reason(text: str, error: errors.TaError | None = None) -> str:
    """Why something did not succeed, without the advice.

    A text that no translation is known of stands in English behind what its kind of error means, where that is known.
    """
    said, kind = _without_frame(text)
    chinese = None if len(said) > _LONGEST else _translated(said, _OF_BATCHES)
    if chinese is not None:
        return chinese
    meaning = ERRORS[kind] if kind is not None else None if error is None else meaning_of(error)
    return detail(said) if meaning is None else f"{meaning}（{detail(said)}）"


def detail(said: str) -> str:
    """What happened, in Chinese where a translation is known."""
    if len(said) > _LONGEST:
        return for_the_command(said)
    return _translated(said, _OF_BATCHES + _OF_REQUESTS) or for_the_command(said)


def meaning_of(error: errors.TaError) -> str:
    """What its kind of error means, and what to do."""
    return next(ERRORS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in ERRORS)


def _translated(said: str, texts: tuple[tuple[str, str], ...]) -> str | None:
    for pattern, chinese in texts:
        found = re.fullmatch(pattern, said, re.DOTALL)
        if found:
            return chinese.format(*(detail(part) for part in found.groups()))
    return None


def _without_frame(text: str) -> tuple[str, str | None]:
    """What an error says without endpoint, attempts and advice, which `str()` puts around it; and its kind, where the advice tells."""
    kind = next((name for advice, name in _KINDS.items() if text.endswith(f" {advice}")), None)
    said = re.sub(r"^[a-z-]+: ", "", text)
    if kind is not None:
        said = said.removesuffix(f" {_ADVICE[kind]}")
    return re.sub(r" \(\d+ attempts\)$", "", said), kind

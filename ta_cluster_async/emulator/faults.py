"""Faults on request: what goes wrong (`Fault`), and when (`FaultScript.add`).

    em.faults.add(Fault.reset(before=False), path="user-cluster-add")
    em.faults.add(Fault.status(429, retry_after="2"), nth=3, count=2)

"Before" means before the effect: the server has applied nothing. "After" means that the request was applied and only its answer
is lost, late or spoilt.
"""

from __future__ import annotations

import asyncio
import html as html_text
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from attrs import evolve, field, frozen

from .answers import (
    HTML_TYPE,
    JSON_TYPE,
    Answer,
    failure,
    html,
    to_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .answers import JsonValue
    from .records import RequestRecord


@frozen(kw_only=True)
class Fault:
    """One way for a request to go wrong. Made by the class methods below.

    Attributes:
        name: The word that the request's record carries.
        before: True when it strikes before the effect.
        cut: "reset" cuts the connection with a TCP reset, "close" closes it in order; "" leaves it open.
        waits: The request hangs for `seconds`, or until it is released when `seconds` is None.
        seconds: Seconds of the event loop.
        change: Makes the answer that is sent from the real answer (an empty one before the effect) and the request's token.
        stale_seconds: The refresh that this request starts shows the state of before for so many server seconds.
    """

    name: str
    before: bool = True
    cut: str = ""
    waits: bool = False
    seconds: float | None = None
    change: Callable[[Answer, str], Answer] | None = None
    stale_seconds: float | None = None

    @classmethod
    def reset(cls, *, before: bool = True) -> Self:
        """The connection is reset, before the effect or instead of the answer."""
        return cls(name="reset", before=before, cut="reset")

    @classmethod
    def disconnect(cls, *, before: bool = True) -> Self:
        """The connection is closed in order without an answer."""
        return cls(name="disconnect", before=before, cut="close")

    @classmethod
    def stall(cls, seconds: float | None = None, *, before: bool = True) -> Self:
        """No answer for `seconds` of the event loop, or until `release()`; then the request goes its way."""
        return cls(name="stall", before=before, waits=True, seconds=seconds)

    @classmethod
    def status(
        cls, status: int, *, retry_after: str | None = None, text: str = "", before: bool = True
    ) -> Self:
        """An HTTP status with a plain text body, and a Retry-After header where given."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        fixed = Answer(
            status=status, body=text.encode(), content_type="text/plain;charset=utf-8", headers=headers
        )
        return cls(name=f"status {status}", before=before, change=lambda _answer, _token: fixed)

    @classmethod
    def html(cls, status: int = 504, title: str = "Gateway Time-out", *, before: bool = True) -> Self:
        """A gateway's HTML page with any HTTP status, 200 included."""
        fixed = html(status, title)
        return cls(name=f"html {status}", before=before, change=lambda _answer, _token: fixed)

    @classmethod
    def body(
        cls,
        body: bytes,
        *,
        status: int = 200,
        content_type: str = JSON_TYPE,
        headers: Mapping[str, str] | None = None,
        before: bool = True,
    ) -> Self:
        """Any bytes with any status and headers."""
        fixed = Answer(status=status, body=body, content_type=content_type, headers=dict(headers or {}))
        return cls(name="body", before=before, change=lambda _answer, _token: fixed)

    @classmethod
    def return_code(cls, code: int, message: str = "", *, status: int = 200, before: bool = True) -> Self:
        """An error envelope, such as `Fault.return_code(-1005, "请求频率过快")`."""
        fixed = failure(code, message, status=status)
        return cls(name=f"return_code {code}", before=before, change=lambda _answer, _token: fixed)

    @classmethod
    def truncated(cls, missing: int = 64) -> Self:
        """The real answer, after the effect, under a Content-Length that promises `missing` bytes more; then the connection closes."""
        return cls(
            name="truncated", before=False, change=lambda answer, _token: evolve(answer, missing=missing)
        )

    @classmethod
    def half(cls) -> Self:
        """The first half of the real answer's body, after the effect, as a complete answer with its own Content-Length."""
        return cls(
            name="half",
            before=False,
            change=lambda answer, _token: evolve(answer, body=answer.body[: len(answer.body) // 2]),
        )

    @classmethod
    def slow(cls, seconds: float, *, pieces: int = 4) -> Self:
        """The real answer's body in `pieces`, spread over `seconds` of the event loop, after the effect."""
        pause = seconds / max(1, pieces - 1)
        return cls(
            name="slow",
            before=False,
            change=lambda answer, _token: evolve(answer, pieces=pieces, pause=pause),
        )

    @classmethod
    def rewrite(cls, change: Callable[[dict[str, JsonValue]], JsonValue], *, name: str = "rewrite") -> Self:
        """The real answer's envelope, after the effect, changed by a function: for wrong types and missing keys."""

        def rewritten(answer: Answer, _token: str) -> Answer:
            if answer.return_code is None:
                return answer
            return evolve(answer, body=to_json(change(json.loads(answer.body))))

        return cls(name=name, before=False, change=rewritten)

    @classmethod
    def return_code_as_text(cls) -> Self:
        """The real answer with `"return_code": "0"`, after the effect."""
        return cls.rewrite(
            lambda envelope: {**envelope, "return_code": str(envelope["return_code"])},
            name="return_code as text",
        )

    @classmethod
    def data(cls, data: JsonValue) -> Self:
        """The real answer with other `data`, after the effect."""
        return cls.rewrite(lambda envelope: {**envelope, "data": data}, name="data")

    @classmethod
    def echo_token(
        cls, *, as_html: bool = False, code: int = -1001, status: int = 200, before: bool = True
    ) -> Self:
        """An error that repeats the request's token, in `return_message` or in an HTML page."""

        def echo(_answer: Answer, token: str) -> Answer:
            if as_html:
                page = f"<html><body>Forbidden: token={html_text.escape(token)}</body></html>"
                return Answer(status=status, body=page.encode(), content_type=HTML_TYPE)
            return failure(code, f"token {token} is not valid", status=status)

        return cls(name="echo token", before=before, change=echo)

    @classmethod
    def stale(cls, seconds: float) -> Self:
        """The refresh is applied, but for `seconds` of server time the state of before is shown: a stale 100 or -1."""
        return cls(name="stale", before=False, stale_seconds=seconds)


class ScriptedFault:
    """A fault in the script, with its conditions.

    Attributes:
        fault: What goes wrong.
        hits: How many requests have met it.
    """

    def __init__(
        self,
        fault: Fault,
        path: str | None,
        nth: int,
        count: int | None,
        when: Callable[[RequestRecord], bool] | None,
    ) -> None:
        self.fault = fault
        self.hits = 0
        self._path = path
        self._nth = nth
        self._count = count
        self._when = when
        self._seen = 0
        self._released = False
        self._hanging: set[asyncio.Future[None]] = set()

    def release(self) -> None:
        """Let every request that hangs in this fault go on, now and later. Any thread may call it."""
        self._released = True
        for future in self._hanging.copy():
            future.get_loop().call_soon_threadsafe(_go_on, future)

    def is_due(self, record: RequestRecord) -> bool:
        """Whether this request could meet the fault. Counts every request that fits path and predicate."""
        if self._path is not None and self._path not in {record.path, record.name}:
            return False
        if self._when is not None and not self._when(record):
            return False
        self._seen += 1
        return self._seen >= self._nth and (self._count is None or self.hits < self._count)

    async def wait(self) -> None:
        """Hang for the fault's seconds, or until it is released."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._hanging.add(future)
        try:
            # Asked after the future stands in the set, so that a release in another thread is not missed.
            if not self._released:
                await asyncio.wait([future], timeout=self.fault.seconds)
        finally:
            self._hanging.discard(future)


def _go_on(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@frozen
class FaultScript:
    """The faults to come. The first one that matches a request strikes; a request meets at most one."""

    _scripted: list[ScriptedFault] = field(factory=list, init=False)

    def add(
        self,
        fault: Fault,
        *,
        path: str | None = None,
        nth: int = 1,
        count: int | None = 1,
        when: Callable[[RequestRecord], bool] | None = None,
    ) -> ScriptedFault:
        """Add a fault to the script.

        Args:
            fault: What goes wrong.
            path: A whole path ("/open/user-cluster-add") or its last part; None means any.
            nth: The first matching request that it strikes, from 1.
            count: How many requests it strikes; None means all from then on.
            when: A predicate over the request's record, which has method, path, query and (except for uploads) body.
        """
        scripted = ScriptedFault(fault, path, nth, count, when)
        self._scripted.append(scripted)
        return scripted

    def clear(self) -> None:
        """Take all faults out of the script and release the requests that hang."""
        self.release()
        self._scripted.clear()

    def release(self) -> None:
        """Let all requests that hang go on."""
        for scripted in self._scripted:
            scripted.release()

    def take(self, record: RequestRecord) -> ScriptedFault | None:
        """The fault that this request meets, or None."""
        # All of them count the request, so that nth=1 and nth=2 on one path mean its first and its second request.
        due = [scripted for scripted in self._scripted if scripted.is_due(record)]
        if not due:
            return None
        due[0].hits += 1
        return due[0]

"""Scripted faults: what goes wrong (`Fault`), and when (`FaultScript.add`).

    em.faults.add(Fault.reset(before=False), path="user-cluster-add")
    em.faults.add(Fault.status(429, retry_after="2"), nth=3, count=2)

"Before" means before the effect: the server has applied nothing. "After" means that the request was applied and only its answer
is lost, late or wrong.
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

    from ..models.json import JsonValue
    from .records import RequestRecord


@frozen(kw_only=True)
class Fault:
    """One way for a request to go wrong, made by a class method.

    Attributes:
        name: The name in the request's record.
        before: Whether it strikes before the effect.
        cut: "reset" cuts the connection with a TCP reset, "close" closes it in order; "" leaves it open.
        waits: The request hangs for `seconds`, or until it is released if `seconds` is None.
        seconds: Seconds of the event loop.
        change: Returns the answer to send, given the real answer (an empty one before the effect) and the request's token.
        stale_seconds: Server seconds during which the refresh that this request starts still shows the previous state.
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
        """Reset the connection, before the effect or instead of the answer."""
        return cls(name="reset", before=before, cut="reset")

    @classmethod
    def disconnect(cls, *, before: bool = True) -> Self:
        """Close the connection in order without an answer."""
        return cls(name="disconnect", before=before, cut="close")

    @classmethod
    def stall(cls, seconds: float | None = None, *, before: bool = True) -> Self:
        """Hang for `seconds` of the event loop, or until `release()`; then handle the request as usual."""
        return cls(name="stall", before=before, waits=True, seconds=seconds)

    @classmethod
    def status(
        cls, status: int, *, retry_after: str | None = None, text: str = "", before: bool = True
    ) -> Self:
        """Answer an HTTP status with a plain text body, and a Retry-After header if given."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        fixed = Answer(
            status=status, body=text.encode(), content_type="text/plain;charset=utf-8", headers=headers
        )
        return cls(name=f"status {status}", before=before, change=lambda _answer, _token: fixed)

    @classmethod
    def html(cls, status: int = 504, title: str = "Gateway Time-out", *, before: bool = True) -> Self:
        """Answer a gateway's HTML page with any HTTP status, 200 included."""
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
        """Answer any bytes with any status and headers."""
        fixed = Answer(status=status, body=body, content_type=content_type, headers=dict(headers or {}))
        return cls(name="body", before=before, change=lambda _answer, _token: fixed)

    @classmethod
    def return_code(cls, code: int, message: str = "", *, status: int = 200, before: bool = True) -> Self:
        """Answer an error envelope, such as `Fault.return_code(-1005, "请求频率过快")`."""
        fixed = failure(code, message, status=status)
        return cls(name=f"return_code {code}", before=before, change=lambda _answer, _token: fixed)

    @classmethod
    def truncated(cls, missing: int = 64) -> Self:
        """Send the real answer under a Content-Length that promises `missing` more bytes, and close the connection."""
        return cls(
            name="truncated", before=False, change=lambda answer, _token: evolve(answer, missing=missing)
        )

    @classmethod
    def half(cls) -> Self:
        """Send the first half of the real answer's body as a complete answer with its own Content-Length."""
        return cls(
            name="half",
            before=False,
            change=lambda answer, _token: evolve(answer, body=answer.body[: len(answer.body) // 2]),
        )

    @classmethod
    def cut_at(cls, at: int, *, looks_whole: bool = True) -> Self:
        """Send the first `at` bytes of the answer, as if they were all of it or with a Content-Length that tells."""

        def change(answer: Answer, _token: str) -> Answer:
            body = answer.body[:at]
            return evolve(
                answer, body=body, missing=0 if looks_whole else max(1, len(answer.body) - len(body))
            )

        return cls(name="cut_at", before=False, change=change)

    @classmethod
    def slow(cls, seconds: float, *, pieces: int = 4) -> Self:
        """Send the real answer's body in `pieces`, spread over `seconds` of the event loop."""
        pause = seconds / max(1, pieces - 1)
        return cls(
            name="slow",
            before=False,
            change=lambda answer, _token: evolve(answer, pieces=pieces, pause=pause),
        )

    @classmethod
    def rewrite(cls, change: Callable[[dict[str, JsonValue]], JsonValue], *, name: str = "rewrite") -> Self:
        """Change the real answer's envelope by a function, for wrong types and missing keys."""

        def rewritten(answer: Answer, _token: str) -> Answer:
            if answer.return_code is None:
                return answer
            return evolve(answer, body=to_json(change(json.loads(answer.body))))

        return cls(name=name, before=False, change=rewritten)

    @classmethod
    def return_code_as_text(cls) -> Self:
        """Send the real answer with `"return_code": "0"`."""
        return cls.rewrite(
            lambda envelope: {**envelope, "return_code": str(envelope["return_code"])},
            name="return_code as text",
        )

    @classmethod
    def data(cls, data: JsonValue) -> Self:
        """Send the real answer with other `data`."""
        return cls.rewrite(lambda envelope: {**envelope, "data": data}, name="data")

    @classmethod
    def echo_token(
        cls, *, as_html: bool = False, code: int = -1001, status: int = 200, before: bool = True
    ) -> Self:
        """Answer an error that repeats the request's token, in `return_message` or in an HTML page."""

        def echo(_answer: Answer, token: str) -> Answer:
            if as_html:
                page = f"<html><body>Forbidden: token={html_text.escape(token)}</body></html>"
                return Answer(status=status, body=page.encode(), content_type=HTML_TYPE)
            return failure(code, f"token {token} is not valid", status=status)

        return cls(name="echo token", before=before, change=echo)

    @classmethod
    def stale(cls, seconds: float) -> Self:
        """Apply the refresh, but show the previous state for `seconds` of server time: a stale 100 or -1."""
        return cls(name="stale", before=False, stale_seconds=seconds)


class ScriptedFault:
    """A fault in the script and the conditions under which it strikes.

    Attributes:
        fault: What goes wrong.
        hits: How many requests it has struck.
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
        """Resume all requests that hang in this fault, and let later ones pass. Any thread may call it."""
        self._released = True
        for future in self._hanging.copy():
            future.get_loop().call_soon_threadsafe(_resume, future)

    def is_due(self, record: RequestRecord) -> bool:
        """Return whether the fault may strike this request. Counts every request that matches path and predicate."""
        if self._path is not None and self._path not in {record.path, record.name}:
            return False
        if self._when is not None and not self._when(record):
            return False
        self._seen += 1
        return self._seen >= self._nth and (self._count is None or self.hits < self._count)

    async def wait(self) -> None:
        """Wait for the fault's seconds, or until it is released."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._hanging.add(future)
        try:
            # Checked after the future is in the set, so that no release in another thread is missed.
            if not self._released:
                await asyncio.wait([future], timeout=self.fault.seconds)
        finally:
            self._hanging.discard(future)


def _resume(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@frozen
class FaultScript:
    """The scripted faults. The first one that matches a request strikes; at most one strikes a request."""

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
            path: A whole path ("/open/user-cluster-add") or its last part; None means any path.
            nth: The first matching request that it strikes, from 1.
            count: How many requests it strikes; None means all from `nth` on.
            when: A predicate of the request's record, which has method, path, query and (except for uploads) body.
        """
        scripted = ScriptedFault(fault, path, nth, count, when)
        self._scripted.append(scripted)
        return scripted

    def clear(self) -> None:
        """Remove all faults and resume the requests that hang."""
        self.release()
        self._scripted.clear()

    def release(self) -> None:
        """Resume all requests that hang."""
        for scripted in self._scripted:
            scripted.release()

    def take(self, record: RequestRecord) -> ScriptedFault | None:
        """Return the fault that strikes this request, or None."""
        # Every fault counts the request, so that nth=1 and nth=2 on one path mean its first and its second request.
        due = [scripted for scripted in self._scripted if scripted.is_due(record)]
        if not due:
            return None
        due[0].hits += 1
        return due[0]

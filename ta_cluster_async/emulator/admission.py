"""What every request passes before an operation sees it: route, method, rate limit, content type and token."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .answers import Refusal, failure, html
from .handlers.table import ENDPOINTS

if TYPE_CHECKING:
    from datetime import datetime

    from .answers import Answer
    from .context import Call, Desk
    from .handlers.table import Endpoint
    from .settings import Settings

_CONTENT_TYPES = {"json": "application/json", "csv": "text/csv"}


class Reception:
    """Lets a request through to its operation, or answers it at the door."""

    def __init__(self, desk: Desk, token: str) -> None:
        self._desk = desk
        self._token = token
        self._allowance = Allowance()

    @property
    def _settings(self) -> Settings:
        return self._desk.settings

    def time(self) -> datetime:
        """Server time."""
        return self._desk.state.now()

    def route(self, path: str) -> tuple[str, Endpoint | None]:
        """The path without the prefix, and its endpoint where there is one."""
        prefix = self._settings.path_prefix.rstrip("/")
        if not path.startswith(f"{prefix}/"):
            return path, None
        path = path[len(prefix) :]
        return path, ENDPOINTS.get(path)

    async def delay(self) -> None:
        """Let the latency pass."""
        if self._settings.latency > 0:
            await asyncio.sleep(self._settings.latency)

    async def answer(self, call: Call, endpoint: Endpoint | None, token: str) -> Answer:
        """Run the operation of a request and put what it says into an answer."""
        settings = self._settings
        if endpoint is None:
            return html(404, "Not Found")
        if call.record.method != endpoint.method:
            return html(405, "Method Not Allowed")
        declared = call.record.content_type.partition(";")[0].strip().lower()
        if settings.check_content_type and declared not in {"", _CONTENT_TYPES.get(endpoint.body, declared)}:
            return html(415, "Unsupported Media Type")
        try:
            self._admit(token)
            return await endpoint.run(self._desk, call)
        except Refusal as refusal:
            return failure(
                refusal.code, refusal.message, status=settings.error_status, stack=settings.stack_messages
            )

    def _admit(self, token: str) -> None:
        codes = self._settings.codes
        rate = self._settings.rate_limit
        if rate is not None and not self._allowance.take(rate, asyncio.get_running_loop().time()):
            raise Refusal(codes.too_frequent, "请求频率过快")
        if not token:
            raise Refusal(codes.missing_parameter, "参数(token)为空")
        if token != self._token:
            raise Refusal(codes.bad_token, "token is invalid or has expired")


class Allowance:
    """Requests that may still come: refilled at a rate, up to one second's worth but at least one."""

    def __init__(self) -> None:
        self._left = 0.0
        self._asked: float | None = None

    def take(self, rate: float, now: float) -> bool:
        """Whether a request at second `now` is within `rate` requests per second."""
        most = max(1.0, rate)
        self._left = most if self._asked is None else min(most, self._left + (now - self._asked) * rate)
        self._asked = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

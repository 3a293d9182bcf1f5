"""The checks that every request passes before its handler: route, method, content type, rate limit and token."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .answers import RequestRejected, failure, html
from .handlers.table import ENDPOINTS

if TYPE_CHECKING:
    from datetime import datetime

    from .answers import Answer
    from .handlers.context import Request, RequestContext
    from .handlers.table import Endpoint
    from .settings import Settings

_TYPES = {
    "none": "application/json",
    "json": "application/json",
    "csv": "text/csv",
    "form": "application/x-www-form-urlencoded",
}


class Admission:
    """Passes a request to its handler, or rejects it."""

    def __init__(self, context: RequestContext, token: str) -> None:
        self._context = context
        self._token = token
        self._bucket = TokenBucket()

    @property
    def _settings(self) -> Settings:
        return self._context.settings

    @property
    def max_body(self) -> int:
        """Bytes that a body may have, but for that of an upload."""
        return self._settings.max_body

    def time(self) -> datetime:
        """Return the current server time."""
        return self._context.state.now()

    def route(self, path: str) -> tuple[str, Endpoint | None]:
        """Return the path without the prefix, and its endpoint if there is one."""
        prefix = self._settings.path_prefix.rstrip("/")
        if not path.startswith(f"{prefix}/"):
            return path, None
        path = path[len(prefix) :]
        return path, ENDPOINTS.get(path)

    async def delay(self) -> None:
        """Wait for the latency."""
        if self._settings.latency > 0:
            await asyncio.sleep(self._settings.latency)

    async def answer(self, request: Request, endpoint: Endpoint | None, token: str) -> Answer:
        """Check a request, handle it, and return the answer."""
        settings = self._settings
        if endpoint is None:
            return html(404, "Not Found")
        if endpoint.method not in (request.record.method, "any"):
            return html(405, "Method Not Allowed")
        declared = request.record.content_type.partition(";")[0].strip().lower()
        if settings.check_content_type and declared != _TYPES[endpoint.body]:
            return html(415, "Unsupported Media Type")
        try:
            self._check_rate_and_token(token)
            return await endpoint.handle(self._context, request)
        except RequestRejected as error:
            return failure(
                error.code, error.message, status=settings.error_status, stack=settings.stack_messages
            )

    def _check_rate_and_token(self, token: str) -> None:
        codes = self._settings.codes
        rate = self._settings.rate_limit
        if rate is not None and not self._bucket.take(rate, asyncio.get_running_loop().time()):
            raise RequestRejected(codes.too_frequent, "请求频率过快")
        if not token:
            raise RequestRejected(codes.missing_parameter, "参数(token)为空")
        if token != self._token:
            raise RequestRejected(codes.bad_token, "token 无效或已过期")


class TokenBucket:
    """Limits requests per second, with bursts of one second's worth but at least one request."""

    def __init__(self) -> None:
        self._left = 0.0
        self._refilled: float | None = None

    def take(self, rate: float, now: float) -> bool:
        """Return whether a request at second `now` is within `rate` requests per second."""
        capacity = max(1.0, rate)
        refilled = self._refilled
        self._left = capacity if refilled is None else min(capacity, self._left + (now - refilled) * rate)
        self._refilled = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

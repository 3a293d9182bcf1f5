"""Where a session's token comes from, and what happens when the server rejects it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from copy import copy
from typing import TypeAlias, cast

from ..errors import ConfigurationError, NotSent
from ..messages import Message
from .secret import Secret
from .validation import check_token

TokenProvider: TypeAlias = Callable[[], Awaitable[str | Secret]]
"""An async function that returns the token. It is called when the session needs one, and again after the server rejected it."""

TokenFailure: TypeAlias = ConfigurationError | NotSent
"""Why there is no token."""


def as_secret(value: object) -> Secret | TokenProvider | None:
    """Put a token that is a str into a Secret. Returns None for what is neither token nor provider, whose repr may show a token."""
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, Secret):
        return value
    return cast("TokenProvider", value) if callable(value) else None


class TokenSource:
    """The token in use, and the provider of the next one where there is one.

    Calls that need a token at the same time share one request to the provider, and its failure.

    Attributes:
        usable: The token, or None when the provider must be asked before the next request.
    """

    def __init__(self, token: Secret | TokenProvider) -> None:
        self._provider = None if isinstance(token, Secret) else token
        self.usable = self._token = token if isinstance(token, Secret) else None
        self._rejected: Secret | None = None
        self._lock = asyncio.Lock()
        self._requests = 0
        self._answer: Secret | TokenFailure | None = None
        self._limit: asyncio.Timeout | None = None
        self._closed = False

    @property
    def can_ask(self) -> bool:
        """True when there is a provider."""
        return self._provider is not None

    def reject(self, token: Secret) -> bool:
        """Note that the server rejected a token. Returns whether that is news: not of an older one, nor a second time."""
        if token is not self._token:
            return False
        is_news = token is not self._rejected
        self._rejected = token
        if self._provider is not None:
            self.usable = None
        return is_news

    def close(self) -> None:
        """End a request to the provider that is under way."""
        self._closed = True
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def ask(self, deadline: float) -> Secret | TokenFailure:
        """Return a token that the server has not rejected, from the provider if need be, or why there is none.

        When the provider returns the rejected token again, that one is returned.
        """
        seen = self._requests
        try:
            async with asyncio.timeout_at(deadline):
                await self._lock.acquire()
        except TimeoutError:
            return _not_in_time()
        try:
            token = self.usable
            if token is not None:
                return token
            if self._closed:
                return _closed()
            shared = self._shared_answer(seen)
            return await self._ask_provider(deadline) if shared is None else shared
        finally:
            self._lock.release()

    def _shared_answer(self, seen: int) -> Secret | TokenFailure | None:
        # A copy, since each call raises an error of its own. A Secret is its own copy.
        return copy(self._answer) if self._requests != seen else None

    async def _ask_provider(self, deadline: float) -> Secret | TokenFailure:
        assert self._provider is not None
        self._answer = None
        limit = self._limit = asyncio.timeout_at(deadline)
        try:
            async with limit:
                outcome = await _ask(self._provider)
        except TimeoutError:
            # Not shared: the next in the queue may have more time.
            return _closed() if self._closed else _not_in_time()
        finally:
            self._limit = None
            self._requests += 1
        if isinstance(outcome, Secret) and self._rejected is not None and outcome == self._rejected:
            outcome = self._rejected
        elif isinstance(outcome, Secret):
            self.usable = self._token = outcome
        self._answer = outcome
        return outcome


async def _ask(provider: TokenProvider) -> Secret | TokenFailure:
    """Ask the provider. What it raises is named and not kept: its frames may hold a token."""
    try:
        asked: object = provider()
        if not inspect.isawaitable(asked):
            return ConfigurationError(Message("provider-not-async"))
        return check_token(await asked)
    except ConfigurationError as problem:
        return ConfigurationError(Message("provider-token-unusable", problem=problem.what()))
    except Exception as problem:  # noqa: BLE001  (a provider may raise anything)
        return NotSent(Message("provider-failed", kind=type(problem).__name__), reason="token")


def _not_in_time() -> NotSent:
    return NotSent(Message("provider-out-of-time"), reason="token")


def _closed() -> NotSent:
    return NotSent(Message("session-closed"), reason="closed")

"""The client of the Open API: base URL, token, deadlines, retries and limits."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import asynccontextmanager, nullcontext
from enum import Enum, auto
from importlib import import_module
from math import inf
from random import Random
from typing import TYPE_CHECKING, Self, TypeVar

from ..errors import (
    ConfigurationError,
    HttpStatusError,
    NotFound,
    NotSent,
    SchemaError,
    TaError,
    TokenRejected,
    TransportError,
)
from ..messages import Message
from ..models.members import MemberQuery
from ..models.ticket_errors import OutcomeUnknown
from ..protocol.answer_limits import AnswerLimits
from ..protocol.attempts import Attempts
from ..protocol.envelope import decode
from ..protocol.page_sizes import PageSizes
from ..protocol.refresh import NOTHING_KNOWN, PollPolicy
from ..protocol.requests import Response
from ..protocol.retry import LENGTH_REQUIRED, RetryBudget, RetryPolicy
from . import observing
from .attempt_log import log_attempt, log_failure, log_retry
from .deadline import running_loop
from .limiter import Limiter
from .overload import ResponseTimes
from .secret import Secret
from .stream import AnswerStream
from .tokens import TokenSource, as_secret
from .validation import (
    at_least_one,
    check_base_url,
    check_ssl,
    check_token,
    not_negative,
    positive,
    warn_if_unencrypted,
)

if TYPE_CHECKING:
    import asyncio
    import os
    import ssl as ssl_module
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

    import aiohttp

    from ..models import JsonValue
    from ..protocol.requests import Request
    from .limiter import Refusal
    from .tokens import TokenFailure, TokenProvider
    from .transport import Answer, Transport

T = TypeVar("T")

logger: logging.Logger = logging.getLogger("ta_cluster_async")
# Without a handler of its own, Python would write warnings to the standard error of programs that have configured no logging.
logger.addHandler(logging.NullHandler())

# A provider may learn of a new token later than the server does. So it is asked at once, and then after pauses that double.
_FIRST_PAUSE_FOR_TOKEN = 0.25
_LONGEST_PAUSE_FOR_TOKEN = 10.0
# So many tokens are tried in one call.
_TOKENS_OF_CALL = 2
# What servers and gateways answer to a body without a length.
_LENGTH_REQUIRED = frozenset({411, 501})
# A server that limits the rate does so again and again.
_PAUSES_LOGGED_EVERY = 60.0

_REFUSED: dict[Refusal, Message] = {
    "no-connection": Message("no-connection-in-time"),
    "paused": Message("paused-too-long"),
    "closed": Message("session-closed"),
}


class _State(Enum):
    NEW = auto()
    OPEN = auto()
    CLOSED = auto()


class ApiClient:
    """Calls to one TA deployment: the token, deadlines, retries, and the limits that all calls share.

    It knows nothing of projects; `TaSession` adds them and documents the settings.
    """

    def __init__(
        self,
        base_url: str,
        token: str | Secret | TokenProvider,
        *,
        timeout: float = 30.0,
        upload_timeout: float = 3600.0,
        retry: RetryPolicy | None = None,
        poll: PollPolicy | None = None,
        max_connections: int = 32,
        max_uploads: int = 4,
        upload_buffer: int = 2**20,
        answer_limits: AnswerLimits | None = None,
        rate_limit: float | None = None,
        ssl: ssl_module.SSLContext | str | os.PathLike[str] | bool = True,
        client_session: aiohttp.ClientSession | None = None,
        strict_names: bool = True,
        members: MemberQuery | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._base_url = ""
        self._state = _State.NEW
        # A traceback that shows this frame's locals must show neither the token nor a base URL with a token in it.
        source = as_secret(token)
        token = ""
        checked = check_base_url(base_url, source if isinstance(source, Secret) else None)
        base_url = ""
        if isinstance(checked, ConfigurationError):
            raise checked
        self._base_url = checked
        self._tokens = TokenSource(
            check_token(source) if source is None or isinstance(source, Secret) else source
        )
        self.timeout: float = positive(timeout, "timeout")
        self.upload_timeout: float = positive(upload_timeout, "upload_timeout")
        self.retry: RetryPolicy = retry if retry is not None else RetryPolicy()
        self.poll: PollPolicy = poll if poll is not None else PollPolicy()
        self.strict_names: bool = strict_names
        self.members: MemberQuery = members if members is not None else MemberQuery()
        self.max_connections: int = at_least_one(max_connections, "max_connections")
        self.rate_limit: float | None = None if rate_limit is None else positive(rate_limit, "rate_limit")
        self._limiter = Limiter(self.max_connections, self.rate_limit)
        self.max_uploads: int = at_least_one(max_uploads, "max_uploads")
        self._times = ResponseTimes()
        # An upload may take an hour, and short calls must have places meanwhile.
        self._uploads = Limiter(min(self.max_uploads, max(self.max_connections // 2, 1)), None)
        self.upload_buffer: int = not_negative(upload_buffer, "upload_buffer")
        self.answer_limits: AnswerLimits = answer_limits if answer_limits is not None else AnswerLimits()
        self._ssl = check_ssl(ssl)
        self._borrowed = client_session
        self._transport = transport
        self._budget = RetryBudget(self.retry)
        self.time_meaning = NOTHING_KNOWN
        self.page_sizes: PageSizes = PageSizes()
        self._random = Random()  # noqa: S311  (jitter)
        self._pause_logged_at = -inf
        self._loop: asyncio.AbstractEventLoop | None = None
        warn_if_unencrypted(checked)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r}, {self._state.name.lower()})"

    @property
    def base_url(self) -> str:
        """The base URL without a slash at its end."""
        return self._base_url

    @staticmethod
    def preload() -> None:
        """Load what the first session and the first calls load otherwise, a quarter of a second of work: aiohttp, and the reading of answers.

        A server calls it before it answers requests. Without it, the first session that is opened loads aiohttp on another thread.
        """
        from ..models import ClusterDetail, Page, UploadResult  # noqa: PLC0415 - only for programs that ask for it
        from ..models.converter import converter  # noqa: PLC0415 - as above
        from ..protocol import json  # noqa: PLC0415 - as above
        from . import transport  # noqa: F401, PLC0415 - as above

        for answer in (ClusterDetail, Page, UploadResult):
            converter().get_structure_hook(answer)
        json.loads(b"0")

    def _check_new(self) -> None:
        if self._state is not _State.NEW:
            raise ConfigurationError(
                Message("session-open-already" if self._state is _State.OPEN else "session-is-closed")
            )

    async def __aenter__(self) -> Self:
        return await self.aopen()

    async def aopen(self) -> Self:
        """Open the session, and return it: what `async with` does, for notebooks and others that end with `await ta.aclose()`.

        Raises:
            ConfigurationError: It was opened before.
        """
        self._check_new()
        loop = running_loop()
        if self._transport is None:
            if "aiohttp" not in sys.modules:
                await loop.run_in_executor(None, import_module, ".transport", __package__)
                self._check_new()
            from .transport import AiohttpTransport  # noqa: PLC0415  (loads aiohttp, which only an open session needs)

            self._transport = AiohttpTransport(
                self._base_url, ssl=self._ssl, borrowed=self._borrowed, limits=self.answer_limits
            )
        self._loop = loop
        self._state = _State.OPEN
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the session and its own connections. Calls in flight end with an error. A second call does nothing.

        Raises:
            ConfigurationError: The session is open in another event loop.
        """
        if self._state is _State.OPEN:
            self._check_usable()
            assert self._transport is not None
            self._state = _State.CLOSED
            self._limiter.close()
            self._uploads.close()
            self._tokens.close()
            await self._transport.aclose()
        self._state = _State.CLOSED

    @asynccontextmanager
    async def uploading(self, deadline: float) -> AsyncIterator[None]:
        """Hold one of the `max_uploads` places for an upload, from before its source is opened until its result is known.

        Raises:
            NotSent: None became free before the loop's clock reads `deadline`, or the session was closed.
        """
        self._check_usable()
        refusal = await self._uploads.acquire(deadline)
        if refusal is not None:
            message = Message("no-upload-in-time", limit=self.max_uploads)
            raise NotSent(_REFUSED[refusal] if refusal == "closed" else message, reason=refusal)
        try:
            yield
        finally:
            self._uploads.release()

    async def call(
        self,
        request: Request,
        convert: Callable[[JsonValue], T],
        *,
        timeout: float | None = None,
        quick: Callable[[bytes], T | None] | None = None,
    ) -> T:
        """Send a request, again where that is safe, and return its converted data.

        This is what every operation is made of; it is public for endpoints that have no coroutine of their own.

        Args:
            request: From `protocol.requests.build`.
            convert: Makes the result from the answer's `data`; raises `SchemaError` for a wrong shape. A delete whose first try got no
                answer and whose next one finds nothing to delete is a success, with None for its data.
            timeout: Seconds for everything, retries included; the session's default when None.
            quick: Makes the result straight from the bytes of the first answer, or returns None, and `convert` does.

        Raises:
            TaError: As the class tree in `errors` says.
        """
        observer = observing.observer
        if observer is None:
            return await self._call(request, convert, timeout, quick)
        with observer.call(request.endpoint, self._base_url):
            return await self._call(request, convert, timeout, quick)

    async def _call(
        self,
        request: Request,
        convert: Callable[[JsonValue], T],
        timeout: float | None,
        quick: Callable[[bytes], T | None] | None,
    ) -> T:
        loop = running_loop()
        if loop is not self._loop or self._state is not _State.OPEN:
            self._check_usable()
        left = self.timeout if timeout is None else positive(timeout, "timeout")
        deadline = loop.time() + left
        token = self._tokens.usable
        if token is None or request.upload is not None or not self._limiter.try_acquire():
            return await self._retry(request, convert, deadline, None)
        # The fast path of nearly all calls: no waiting and no second attempt.
        transport = self._transport
        assert transport is not None
        try:
            answer = await transport.send(request, token, left)
            if not self._limiter.free:
                self._note_time(request, answer, deadline - left)
            found = None
            if (
                quick is not None
                and isinstance(answer, Response)
                and self.answer_limits.may_be_page(answer.body)
            ):
                found = quick(answer.body)
            outcome = self._read(answer, request, token, convert) if found is None else found
            if logger.isEnabledFor(logging.DEBUG):
                log_attempt(request, 1, answer, outcome, loop.time() - (deadline - left))
        finally:
            self._limiter.release()
        if isinstance(outcome, TaError):
            return await self._retry(request, convert, deadline, outcome)
        if self._budget.left < self.retry.budget:
            self._budget.give()
        return outcome

    async def open_stream(
        self, request: Request, convert: Callable[[JsonValue], T], *, timeout: float
    ) -> tuple[T, AnswerStream]:
        """Send a request whose answer is read as it comes, again where that is safe, and return its converted first line and the rest.

        The stream keeps one of the session's places until it is closed. What goes wrong in the middle is not tried again.

        Args:
            request: With `streamed=True`.
            convert: Makes the result from the `data` of the envelope in the first line; it is given None where the answer begins with a row.
            timeout: Seconds until the first line has come, retries included.

        Raises:
            TaError: As `call`.
        """
        self._check_usable()
        assert self._loop is not None
        deadline = self._loop.time() + timeout
        observer = observing.observer
        with nullcontext() if observer is None else observer.call(request.endpoint, self._base_url):
            head = await self._retry(request, convert, deadline, None)
        assert request.rest is not None
        token = self._tokens.usable
        mask = token.mask if token is not None else str
        return head, AnswerStream(request.rest, self._limiter.release, mask)

    async def _retry(
        self, request: Request, convert: Callable[[JsonValue], T], deadline: float, first: TaError | None
    ) -> T:
        """Make the attempts that are left after the first one, or all of them if there was none yet."""
        attempts = Attempts(request.endpoint)
        outcome: T | TaError
        while True:
            if first is not None:
                outcome, first = first, None
            else:
                outcome = await self._attempt(request, convert, deadline, attempts.count + 1)
            if not isinstance(outcome, TaError):
                self._budget.give()
                return outcome
            if attempts.means_done(outcome):
                return convert(None)
            outcome = self._closed_error(outcome)
            attempts.add(outcome)
            log_failure(request, attempts.count, outcome)
            if observing.observer is not None:
                observing.observer.attempt_failed(request.endpoint, outcome)
            if not isinstance(outcome, TokenRejected) or not self._tokens.can_ask:
                again = await self._wait_to_retry(outcome, request, attempts, deadline)
            else:
                again = await self._renew_token(request, attempts, deadline)
            if not again:
                break
        failure = attempts.failure().without_history()
        if isinstance(failure, NotFound):
            failure.is_id_as_text = request.names_digits
        del outcome, convert
        try:
            raise _source_failure(request) or failure
        finally:
            del failure

    async def _attempt(
        self, request: Request, convert: Callable[[JsonValue], T], deadline: float, number: int
    ) -> T | TaError:
        assert self._loop is not None
        assert self._transport is not None
        arrived = self._loop.time()
        ahead = self._limiter.ahead
        if ahead is not None and self._comes_too_late(request, ahead, arrived, deadline):
            return self._overloaded(request, Message("places-taken", ahead=ahead), arrived)
        refusal = await self._limiter.acquire(deadline)
        if refusal is not None:
            return NotSent(_REFUSED[refusal], reason=refusal)
        is_kept = False
        try:
            token: Secret | TokenFailure | None = self._tokens.usable
            if token is None:
                token = await self._tokens.ask(deadline)
            if isinstance(token, TaError):
                return token
            began = self._loop.time()
            left = deadline - began
            if left <= 0:
                return NotSent(_REFUSED["no-connection"], reason="no-connection")
            if ahead is not None and left < (self._times.usual(request.endpoint, began) or 0.0):
                return self._overloaded(request, Message("place-late", waited=began - arrived), began)
            answer = await self._transport.send(request, token, left)
            self._note_time(request, answer, began)
            outcome = self._read(answer, request, token, convert)
            log_attempt(request, number, answer, outcome, self._loop.time() - began)
            if isinstance(answer, Response) and answer.rest is not None:
                if isinstance(outcome, TaError):
                    answer.rest.close()
                else:
                    request.rest, is_kept = answer.rest, True
        finally:
            if not is_kept:
                self._limiter.release()
        return self._length_required(outcome, request) if isinstance(outcome, HttpStatusError) else outcome

    def _note_time(self, request: Request, answer: Answer, began: float) -> None:
        if request.upload is None and not request.streamed:
            assert self._loop is not None
            now = self._loop.time()
            if isinstance(answer, Response):
                self._times.add(request.endpoint, now - began, now)
            elif isinstance(answer, OutcomeUnknown) and answer.reason == "timeout":
                self._times.add(request.endpoint, now - began, now, answered=False)

    def _comes_too_late(self, request: Request, ahead: int, now: float, deadline: float) -> bool:
        """True where those that wait already leave a request less time than its answer takes."""
        wait = self._times.wait(ahead, self.max_connections, now)
        return now + wait + (self._times.usual(request.endpoint, now) or 0.0) > deadline

    def _overloaded(self, request: Request, problem: Message, now: float) -> NotSent:
        usual = self._times.usual(request.endpoint, now) or 0.0
        return NotSent(Message("overloaded", problem=problem, usual=usual), reason="overloaded")

    def _length_required(self, error: HttpStatusError, request: Request) -> HttpStatusError:
        """Return what to do where a server refuses an upload that has no length, else the error."""
        upload = request.upload
        if upload is None or upload.length is not None or error.status not in _LENGTH_REQUIRED:
            return error
        message = Message(LENGTH_REQUIRED, status=error.status, limit=self.upload_buffer)
        return HttpStatusError(message, status=error.status)

    def _read(
        self, answer: Answer, request: Request, token: Secret, convert: Callable[[JsonValue], T]
    ) -> T | TaError:
        """Return what the answer means. An error is returned, so that it is raised without the frames that hold the server's text."""
        if not isinstance(answer, Response):
            return answer
        if answer.rest is not None and answer.body.lstrip().startswith(b"["):
            answer.rest.unread(answer.body + b"\n")  # rows, without an envelope before them
            data: JsonValue | TaError = None
        else:
            data = decode(answer, token.mask, time.time(), request.endpoint.answer, self.answer_limits)
        if isinstance(data, TaError):
            if isinstance(data, TokenRejected):
                data.from_provider = self._tokens.can_ask
            if isinstance(data, TokenRejected) and self._tokens.reject(token):
                logger.warning(
                    "The server rejects the token (return_code %d)%s.",
                    data.return_code,
                    "; the provider is asked for another" if self._tokens.can_ask else "",
                )
            return data
        try:
            return convert(data)
        except SchemaError as problem:
            problem.status = answer.status
            return problem

    async def _wait_to_retry(
        self, error: TaError, request: Request, attempts: Attempts, deadline: float
    ) -> bool:
        """Pause the session if the server asks for it, and wait for the next attempt. Returns False when there is none."""
        pause = self.retry.pause(error, attempts.count)
        if pause > 0 and self._limiter.pause(pause):
            self._warn_of_pause(request, error, pause)
        if self._state is not _State.OPEN or not _can_start(request):
            return False
        assert self._loop is not None
        delay = self.retry.delay(
            error, request.endpoint.replay, attempts.count, self._random, rejections=attempts.rejections
        )
        if delay is None or self._loop.time() + delay >= deadline or not self._budget.take():
            return False
        log_retry(request, attempts.count + 1, delay)
        await self._limiter.sleep(delay)
        return True

    def _warn_of_pause(self, request: Request, error: TaError, seconds: float) -> None:
        """Log that the server makes the session pause, at most once a minute."""
        assert self._loop is not None
        now = self._loop.time()
        if now < self._pause_logged_at + _PAUSES_LOGGED_EVERY:
            return
        self._pause_logged_at = now
        logger.warning(
            "The server limits the rate (%s at %s): all requests of the session wait for %.1f s.",
            type(error).__name__,
            request.endpoint.name,
            seconds,
        )

    async def _renew_token(self, request: Request, attempts: Attempts, deadline: float) -> bool:
        """Ask the provider for another token than the rejected one, after growing pauses. Returns False when there is none in time."""
        assert self._loop is not None
        pause = _FIRST_PAUSE_FOR_TOKEN
        while self._state is _State.OPEN and attempts.rejections < _TOKENS_OF_CALL and _can_start(request):
            fresh = await self._tokens.ask(deadline)
            if isinstance(fresh, TaError):
                attempts.add(fresh)
                return False
            if self._tokens.usable is not None:
                return True
            if self._loop.time() + pause >= deadline:
                return False
            await self._limiter.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_FOR_TOKEN)
        return False

    def _closed_error(self, error: TaError) -> TaError:
        if self._state is _State.OPEN or not isinstance(error, TransportError):
            return error
        return type(error)(Message("session-closed-during-call"), reason="closed")

    def _check_usable(self) -> None:
        if self._state is _State.NEW:
            raise ConfigurationError(Message("session-not-open"))
        if self._state is _State.CLOSED:
            raise ConfigurationError(Message("session-is-closed"))
        if running_loop() is not self._loop:
            raise ConfigurationError(Message("session-in-other-loop"))


def _can_start(request: Request) -> bool:
    return request.upload is None or request.upload.can_start


def _source_failure(request: Request) -> BaseException | None:
    """Return what the source of an upload raised, without the frames of the HTTP library around it: they hold the URL."""
    failure = request.upload.failure if request.upload is not None else None
    if failure is None:
        return None
    traceback = failure.__traceback__
    while (
        traceback is not None
        and traceback.tb_frame.f_globals.get("__name__", "").partition(".")[0] == "aiohttp"
    ):
        traceback = traceback.tb_next
    return failure.with_traceback(traceback)
